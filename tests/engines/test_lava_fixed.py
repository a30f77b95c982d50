"""Lava's bit-accurate models, inline, against the reference: spikes, u and v bit for bit."""

from __future__ import annotations

import ast
import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from random_networks import PLAIN, integer_network, spikes_for

from snndeploy.engines import Trace, run
from snndeploy.engines.lava.patches import missing
from snndeploy.errors import SnnDeployError
from snndeploy.network import Conv, Dense, Flatten, Format, Input, Network, Population, Projection, Registers, Reset

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

EVERYTHING = ("spikes", "u", "v")
# what Lava's own LIF can hold, for it would hardly be met otherwise
HARD = PLAIN - {"reset", "initial"}


def assert_same_bits(one: Trace, other: Trace, seed: int = 0) -> None:
    for what in EVERYTHING:
        a, b = getattr(one, what), getattr(other, what)
        assert a.keys() == b.keys()
        for name in a:
            assert a[name].dtype == b[name].dtype
            np.testing.assert_array_equal(a[name], b[name], err_msg=f"seed {seed}, {what} of {name}: {other.notes}")


def check(seed: int, features: frozenset[str], extreme: bool, kind: str) -> Trace:
    rng = np.random.default_rng(seed)
    network = integer_network(rng, features, extreme, kind)
    spikes = spikes_for(rng, network, 20, 2)
    lava = run(network, spikes, "lava", EVERYTHING)
    assert_same_bits(run(network, spikes, "reference", EVERYTHING), lava, seed)
    return lava


@pytest.mark.parametrize("kind", ["binary", "counts"])
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("features", [PLAIN, HARD, PLAIN | {"onset", "reset value"}], ids=["plain", "hard", "onset"])
def test_random_networks_equal_the_reference(features: frozenset[str], extreme: bool, kind: str) -> None:
    notes: list[str] = []
    spikes = 0
    for seed in range(25):
        trace = check(seed + 1000 * extreme + (2000 if kind == "counts" else 0), features, extreme, kind)
        notes += trace.notes
        spikes += sum(int(each.sum()) for each in trace.spikes.values())
    assert spikes > 200
    ran = {note.split(": ")[1].split(",")[0] for note in notes}
    assert {"lava Dense", "lava Sparse", "lava DelayDense", "snndeploy RuleLIF"} <= ran
    if features == HARD:
        assert {"lava LIF", "lava LIFReset"} <= ran


def layers(*rules: Registers, delay: int = 0) -> Network:
    """A chain of populations of three neurons."""
    form = Format(0, 8, "mixed")
    weight = np.array([[40, -30, 60], [20, 50, -10], [70, 20, 30]])
    names = ["in", *(f"p{i}" for i in range(len(rules)))]
    return Network(
        1e-3,
        (Input("in", (3,)),),
        tuple(Population(name, (3,), rule) for name, rule in zip(names[1:], rules, strict=True)),
        tuple(
            Projection(a, b, (Dense(weight),), delay if b == names[-1] else 0, format=form) for a, b in pairwise(names)
        ),
        (names[-1],),
    )


PLAIN_LIF = Registers(4095, 300, 30)
BIASED = Registers(4095, 300, 30, bias_mant=500, bias_exp=1)
SOFT = Registers(4095, 300, 30, reset=Reset("by", 30 << 6, "now"))


@pytest.mark.parametrize(
    ("rules", "delay", "processes"),
    [
        ((PLAIN_LIF,), 0, ["lava LIF"]),
        ((BIASED,), 0, ["lava LIFReset, offset 2"]),
        # what a biased layer sends too early has to be forgotten by the next
        ((BIASED, PLAIN_LIF), 0, ["lava LIFReset, offset 2", "lava LIFReset, offset 3"]),
        ((BIASED, SOFT), 0, ["lava LIFReset, offset 2", "snndeploy RuleLIF, start 2"]),
        # over a delay it would arrive after the target's start
        ((BIASED, PLAIN_LIF), 1, ["snndeploy RuleLIF, start 1", "lava LIF"]),
        ((PLAIN_LIF, BIASED), 2, ["lava LIF", "lava LIFReset, offset 1"]),
        ((BIASED, BIASED, PLAIN_LIF), 1, ["snndeploy RuleLIF, start 1", "snndeploy RuleLIF, start 2", "lava LIF"]),
    ],
)
def test_which_process_holds_a_population(rules: tuple[Registers, ...], delay: int, processes: list[str]) -> None:
    network = layers(*rules, delay=delay)
    spikes = np.random.default_rng(1).random((30, 2, 3)) < 0.4
    lava = run(network, spikes, "lava", EVERYTHING)
    assert [note.split(": ", 1)[1] for note in lava.notes[: len(rules)]] == processes
    assert_same_bits(run(network, spikes, "reference", EVERYTHING), lava)


def test_a_sample_leaves_nothing_for_the_next() -> None:
    network = integer_network(np.random.default_rng(11))
    spikes = spikes_for(np.random.default_rng(12), network, 15, 4)["in"]
    together = run(network, spikes, "lava", EVERYTHING)
    for sample in range(4):
        alone = run(network, spikes[:, [sample]], "lava", EVERYTHING)
        for name in network.population:
            np.testing.assert_array_equal(alone.v[name][:, 0], together.v[name][:, sample])
    turned = run(network, spikes[:, ::-1], "lava", EVERYTHING)
    assert all(np.array_equal(turned.v[name][:, ::-1], together.v[name]) for name in network.population)


def test_raw_time_is_late_by_the_latency() -> None:
    network = layers(PLAIN_LIF, SOFT, PLAIN_LIF)
    spikes = np.random.default_rng(1).random((20, 1, 3)) < 0.5
    lava = run(network, spikes, "lava", EVERYTHING)
    raw = run(network, spikes, "lava", EVERYTHING, raw=True)
    assert raw.latency == {"p0": 1, "p1": 2, "p2": 3}
    for name, late in raw.latency.items():
        assert raw.v[name].shape[0] == 23
        np.testing.assert_array_equal(raw.v[name][late : late + 20], lava.v[name])
        assert not raw.spikes[name][:late].any()


def test_odd_weights_follow_the_sign_of_their_format() -> None:
    """Lava derives the mode from the values: a mixed format without negative weights would keep odd ones."""
    network = layers(PLAIN_LIF)
    p = network.projections[0]
    weight = np.array([[2, 4, 6], [0, 8, 10], [254, 2, 4]])
    for form in (Format(0, 8, "mixed"), Format(1, 8, "excitatory"), Format(0, 6, "excitatory"), Format(-1, 8, "mixed")):
        step = form.step // 2 or 1
        changed = network.with_(
            projections=(dataclasses.replace(p, maps=(Dense(weight // 2 * 2 * step % 256),), format=form),)
        )
        spikes = np.random.default_rng(1).random((20, 1, 3)) < 0.5
        assert_same_bits(run(changed, spikes, "reference", EVERYTHING), run(changed, spikes, "lava", EVERYTHING))


def test_a_convolution_runs_as_one_matrix_with_its_exponent() -> None:
    """Lava's Conv ignores exponents."""
    weight = np.random.default_rng(3).integers(-20, 21, (3, 2, 3, 3)) * 2
    network = Network(
        1e-3,
        (Input("in", (2, 7, 6), "counts"),),
        (Population("p", (3, 4, 3), SOFT), Population("out", (5,), Registers(100, 300, None, initial_v=7))),
        (
            Projection("in", "p", (Conv(weight, (2, 2), ((1, 1), (1, 0))),), format=Format(2, 8, "mixed")),
            Projection("p", "out", (Flatten(), Dense(np.full((5, 36), 3))), format=Format(0, 8, "excitatory")),
        ),
        ("out",),
    )
    spikes = np.random.default_rng(4).poisson(0.5, (20, 3, 2, 7, 6))
    lava = run(network, spikes, "lava", EVERYTHING)
    assert lava.spikes["p"].any()
    assert lava.notes[2].endswith("lava Sparse")
    assert lava.notes[3].endswith("lava Dense")
    assert_same_bits(run(network, spikes, "reference", EVERYTHING), lava)


@pytest.mark.parametrize("onset", [0, 3])
def test_a_constant_is_an_axon_that_is_always_on(onset: int) -> None:
    chain = layers(PLAIN_LIF, SOFT)
    constant = Projection("one", "p1", (Dense(np.array([[40], [20], [60]])),), 2, format=Format(1, 8, "excitatory"))
    network = chain.with_(
        inputs=(*chain.inputs, Input("one", (1,), "constant", onset)), projections=(*chain.projections, constant)
    )
    lava = run(network, np.zeros((15, 2, 3)), "lava", EVERYTHING)
    assert_same_bits(run(network, np.zeros((15, 2, 3)), "reference", EVERYTHING), lava)
    first = np.flatnonzero(lava.u["p1"][:, 0, 0])[0]
    assert first == onset + 2


def test_lava_finds_our_models_by_itself() -> None:
    """It executes every file beside a process to find the models with a tag: ours have to bear that."""
    from snndeploy.engines.lava.patches import load, quiet

    load()
    from lava.magma.core.run_configs import Loihi2SimCfg

    from snndeploy.engines.lava.processes.rule_lif.models import PyRuleLIFModelFixed, PyRuleLIFModelFloat
    from snndeploy.engines.lava.processes.rule_lif.process import RuleLIF

    for tag, model in (("fixed_pt", PyRuleLIFModelFixed), ("floating_pt", PyRuleLIFModelFloat)):
        with quiet():
            process = RuleLIF(shape=(2,), start=1, numbers={"u": np.zeros(2), "v": np.zeros(2)}, settings={})
            chosen = process.compile(Loihi2SimCfg(select_tag=tag)).proc_builders[process].proc_model
        assert chosen.__name__ == model.__name__


def test_what_lava_cannot_hold_is_refused_by_name() -> None:
    far = layers(PLAIN_LIF, PLAIN_LIF, delay=70)
    with pytest.raises(SnnDeployError, match=r"SD510 projection 'p0->p1': it takes 68 steps more"):
        run(far, np.ones((3, 1, 3)), "lava")
    assert run(layers(PLAIN_LIF, PLAIN_LIF, delay=65), np.ones((3, 1, 3)), "lava").engine
    with pytest.raises(SnnDeployError, match=r"SD510 projection 'p0->p1': it takes 64 steps more"):
        run(layers(PLAIN_LIF, PLAIN_LIF, delay=66), np.ones((3, 1, 3)), "lava")
    many = layers(PLAIN_LIF).with_(inputs=(Input("in", (3,), "counts"),))
    with pytest.raises(SnnDeployError, match=r"SD511 projection 'in->p0': counts up to 100,000,000"):
        run(many, np.full((3, 1, 3), 10**8), "lava")
    (weight,) = (each.weight for each in many.projections[0].maps)
    most = (2**31 - 1) // int(abs(weight).sum(axis=1).max())
    with pytest.raises(SnnDeployError, match="SD511"):
        run(many, np.full((3, 1, 3), most + 1), "lava")
    assert_same_bits(*(run(many, np.full((3, 1, 3), most), each, EVERYTHING) for each in ("reference", "lava")))
    loop = layers(PLAIN_LIF, PLAIN_LIF)
    back = Projection("p1", "p0", loop.projections[1].maps, 1, format=Format())
    with pytest.raises(SnnDeployError, match=r"SD106 .* raise the delays of this loop by 1"):
        run(loop.with_(projections=(*loop.projections, back)), np.ones((3, 1, 3)), "lava")
    with pytest.raises(SnnDeployError, match="SD503"):
        run(layers(PLAIN_LIF), np.ones((3, 1, 3)), "lava", device="cuda")


def test_an_exception_in_lavas_code_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from snndeploy.engines.lava import patches

    patches.load()
    from lava.proc.lif.models import PyLifModelBitAcc

    def fail(*_: object, **__: object) -> None:
        raise ValueError("the membrane is on fire")

    monkeypatch.setattr(PyLifModelBitAcc, "subthr_dynamics", fail)
    with pytest.raises(SnnDeployError, match=r"SD512 .*the membrane is on fire") as caught:
        run(layers(PLAIN_LIF), np.ones((3, 1, 3)), "lava")
    assert isinstance(caught.value.__cause__, ValueError)


def test_our_process_shares_no_code_with_other_engines() -> None:
    from snndeploy.engines import lava

    for path in (Path(lava.__file__).parent / "processes" / "rule_lif").glob("*.py"):
        tree = ast.parse(path.read_text())
        names = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        ours = {name for name in names if name.startswith("snndeploy")}
        assert ours <= {"snndeploy.engines.lava", "snndeploy.engines.lava.processes.rule_lif.process"}


def test_lavas_compiler_flattens_long_lists_of_processes():
    """It recurses once per process, and a placed network has more of them than Python lets functions nest."""
    import sys

    from snndeploy.engines.lava import patches

    patches.load()
    from lava.magma.compiler.compiler_graphs import flatten_list_recursive

    from snndeploy.engines.lava.inline import _deep

    many, before = list(range(sys.getrecursionlimit() + 500)), sys.getrecursionlimit()
    with pytest.raises(RecursionError):
        flatten_list_recursive(many)
    with _deep(len(many)):
        assert flatten_list_recursive(many) == many
    assert sys.getrecursionlimit() == before
