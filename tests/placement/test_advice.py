"""Advice: every row is a network that exists, is legal, fits as it says, and is sorted with the cheapest first."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli, targets
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Conv,
    Dense,
    Flatten,
    Format,
    Input,
    Network,
    Population,
    Projection,
    Registers,
    Reset,
    Rule,
    Sparse,
    spec,
)
from snndeploy.network.maps import chain_matrix
from snndeploy.network.network import Decision
from snndeploy.placement import changes, place
from snndeploy.placement.advice import advise
from snndeploy.placement.suggestions import axons_of_a_neuron

sys.path.append(str(Path(__file__).parent))
from test_place import small


def dense(inputs: int, hidden: int = 12, seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    first, second = (rng.integers(-128, 128, size) * 2 for size in ((hidden, inputs), (4, hidden)))
    rules = Registers(4095, 300, 900), Registers(4095, 100, 300)
    return Network(
        1e-3,
        (Input("in", (inputs,)),),
        (Population("a", (hidden,), rules[0]), Population("b", (4,), rules[1])),
        (
            Projection("in", "a", (Dense(first),), format=Format()),
            Projection("a", "b", (Dense(second),), format=Format()),
        ),
        ("b",),
        Decision("b"),
    )


def image(channels: int = 4, out: int = 6) -> Network:
    rng = np.random.default_rng(1)
    conv = Conv(rng.integers(-120, 120, (out, channels, 3, 3)) * 2, padding=((1, 1), (1, 1)))
    flat = (Flatten(0, -1, 3), Dense(rng.integers(-100, 100, (5, out * 25)) * 2))
    return Network(
        1e-3,
        (Input("in", (channels, 5, 5)),),
        (Population("conv", (out, 5, 5), Registers(4095, 300, 900)), Population("fc", (5,), Registers(4095, 100, 900))),
        (Projection("in", "conv", (conv,), format=Format()), Projection("conv", "fc", flat, format=Format())),
        ("fc",),
        Decision("fc"),
    )


def events(network: Network, steps: int = 12, batch: int = 8) -> np.ndarray:
    rng = np.random.default_rng(2)
    return (rng.random((steps, batch, *network.inputs[0].shape)) < 0.3).astype(int)


def columns(network: Network, k: int = 0) -> np.ndarray:
    p = network.projections[k]
    return chain_matrix(p.maps, network.shapes[p.source]).toarray()


def test_what_does_not_fit_is_answered_with_changes_that_do():
    network, chip = dense(300), small(input_axons=120)
    with pytest.raises(SnnDeployError, match="SD203"):
        place(network, chip)
    x = events(network)
    before = run(network, x)
    found = advise(network, chip, x, before.decisions())
    assert found.as_is.plan is None
    assert {f.code for f in found.findings} == {"SD203"}
    helped = [each for each in found.tried if each.plan is not None]
    assert found.best is helped[0]
    assert len(helped) >= 3
    assert [each.cost for each in helped] == sorted(each.cost for each in helped)
    for each in helped:
        spec.check(each.network)
        again = place(each.network, chip if each.target == chip.name else each.target, arrange="rows")
        assert again.core_of.keys() == each.plan.core_of.keys()
        after = run(each.network, x)
        bins = np.count_nonzero(before.spikes["b"] != after.spikes["b"])
        assert each.spikes == bins / np.count_nonzero(before.spikes["b"])
        assert each.kept == each.accuracy == (before.decisions() == after.decisions()).mean()
        if each.kind in ("exact", "chip"):
            assert each.spikes == 0
            assert each.network is network
        else:
            assert each.weights > 0
    text = str(found)
    assert f"the cheapest change that makes it fit: {found.best.title}" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100


def test_a_network_on_several_chips_hears_what_brings_it_to_one():
    network = dense(200, 40)
    chip = small(neurons=40, synaptic_memory_bits=64 * 150)
    chip = chip.model_copy(update={"chip": chip.chip.model_copy(update={"cores": replace_fact(chip.chip.cores, 20)})})
    found = advise(network, chip)
    assert found.as_is.plan.chips > 1
    assert {f.code for f in found.findings} == {"SD205"}
    assert found.best.plan.chips < found.as_is.plan.chips
    assert "as it is, it fits on" in str(found)
    assert "nothing was run" in str(found)


def replace_fact(fact, value):
    return fact.model_copy(update={"value": value})


def test_what_fits_says_so_and_shows_what_takes_fewer_cores():
    found = advise(dense(20), "loihi1")
    assert "it fits as it is, on 1 core of loihi1, and nothing that was tried takes fewer cores" in str(found)


def test_time_is_kept_to():
    found = advise(dense(300), small(input_axons=120), seconds=0)
    assert found.tried == ()
    assert len(found.untried) > 5
    assert "no time was left for" in str(found)
    assert "nothing that was tried makes it fit" in str(found)


@pytest.mark.parametrize(
    ("labels", "code"), [(np.zeros(7, int), "SD103"), (np.zeros((8, 1), int), "SD103"), (np.full(8, 0.5), "SD111")]
)
def test_labels_that_do_not_fit_are_refused(labels, code):
    network = dense(20)
    with pytest.raises(SnnDeployError, match=f"{code} labels"):
        advise(network, "loihi1", events(network), labels, seconds=0)
    with pytest.raises(SnnDeployError, match="SD102 labels"):
        advise(network, "loihi1", None, np.zeros(8, int), seconds=0)
    with pytest.raises(SnnDeployError, match="SD103 input"):
        advise(network, "loihi1", np.zeros((3, 2, 4), int), seconds=0)


def test_progress_names_each_change():
    seen = []
    found = advise(dense(40), "loihi1", progress=lambda done, total, text=None: seen.append(text))
    assert seen[0] == "as it is"
    assert {each.title for each in found.tried} <= set(seen)


def test_an_unsupported_reset_is_answered_by_a_chip_and_by_a_reset():
    network = dense(20)
    by = replace(network.populations[0], rule=replace(network.populations[0].rule, reset=Reset("by", 900 << 6, "now")))
    network = network.with_(populations=(by, network.populations[1]))
    found = advise(network, "loihi1", events(network))
    kinds = {each.kind: each for each in found.tried}
    assert kinds["chip"].target == "loihi2"
    assert kinds["chip"].spikes == 0
    assert kinds["retrain"].plan is not None
    assert found.best is kinds["chip"]


def test_a_float_network_is_quantised_first_and_compared_with_itself_if_it_cannot_be():
    weight = np.random.default_rng(3).normal(0.2, 0.5, (5, 8))
    rule = Rule(beta=0.9, threshold=1.0, reset=Reset("by", 1.0, "now"))
    network = Network(
        1e-3, (Input("in", (8,)),), (Population("a", (5,), rule),), (Projection("in", "a", (Dense(weight),)),), ("a",)
    )
    x = events(network)
    found = advise(network, "loihi1", x)
    assert [f.code for f in found.findings] == ["SD206"]
    assert {each.kind for each in found.tried} == {"quantised", "retrain"}
    assert all(each.network.form == "integer" for each in found.tried)
    assert advise(network, "loihi2", x).as_is.plan is not None


def test_fewer_bits_are_the_nearest_of_the_coarser_grid():
    network = image()
    made = changes.fewer_bits(network, 5)
    for p, q in zip(network.projections, made.projections, strict=True):
        a, b = (next(m.weight for m in each.maps if m.weighted) for each in (p, q))
        assert q.format.bits == 5
        grid = np.arange(q.format.limits[0], q.format.limits[1] + 1, q.format.step)
        nearest = np.abs(a[..., None] - grid).min(axis=-1)
        np.testing.assert_array_equal(np.abs(a - b), nearest)
    assert changes.fewer_bits(network, 8).projections == network.projections


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_pruning_takes_the_smallest(share):
    network = image()
    made = changes.pruned(network, share)
    for p, q in zip(network.projections, made.projections, strict=True):
        a, b = (np.abs(next(m.weight for m in each.maps if m.weighted)) for each in (p, q))
        gone = (a > 0) & (b == 0)
        assert gone.sum() == int(share * np.count_nonzero(a))
        assert a[gone].max() <= a[b > 0].min()
        np.testing.assert_array_equal(b[b > 0], a[b > 0])


@pytest.mark.parametrize("most", [50, 199])
def test_inputs_left_out_are_the_weakest_for_all_neurons(most):
    network = dense(200)
    made = changes.without_weakest_inputs(network, "a", most)
    a, b = columns(network), columns(made)
    left = np.abs(b).sum(axis=0) > 0
    assert left.sum() == most == changes.fan_in(made, "a")
    assert np.abs(a).sum(axis=0)[~left].max() <= np.abs(a).sum(axis=0)[left].min()


def test_every_neuron_keeps_its_largest_weights():
    network = dense(200)
    a, b = columns(network), columns(changes.strongest_inputs(network, "a", 60))
    assert ((b != 0).sum(axis=1) <= 60).all()
    for was, now in zip(np.abs(a), np.abs(b), strict=True):
        assert was[now == 0].max() <= was[now > 0].min()


def only_convolution(channels: int) -> Network:
    network = image(channels)
    return network.with_(
        populations=network.populations[:1], projections=network.projections[:1], outputs=("conv",), decision=None
    )


@pytest.mark.parametrize(
    ("network", "name", "most"), [(dense(200), "a", 130), (dense(200), "a", 31), (only_convolution(8), "conv", 40)]
)
def test_tied_inputs_have_equal_weights_and_share_axons(network, name, most):
    made = changes.tied_inputs(network, name, most)
    held = [next(m.weight for m in net.projections[0].maps if m.weighted) for net in (network, made)]
    whole = [np.moveaxis(w, 1, 0).reshape(w.shape[1], -1) for w in held]
    kinds = np.unique(whole[1], axis=0)
    taps = 9 if name == "conv" else 1
    assert len(kinds) * taps <= most
    for row in kinds:
        group = (whole[1] == row).all(axis=1)
        if group.sum() > 1:
            mean = whole[0][group].mean(axis=0)
            assert np.abs(row - mean).max() <= 1  # half a step of the even grid
    chip = small(input_axons=most)
    assert max(c.input_axons for c in place(made, chip).cores) <= most
    if name == "a":  # random channels have nothing in common
        out = changes.without_weakest_inputs(network, name, most)
        assert changes.moved(network, made) < changes.moved(network, out)


def test_pooled_inputs_weigh_the_mean_of_their_window():
    network = image()
    made = changes.pooled_inputs(network, "fc")
    a, b = (columns(net, 1).reshape(5, 6, 5, 5) for net in (network, made))
    mean = a[:, :, 2:4, 0:2].mean(axis=(2, 3))
    for y, x in ((2, 0), (2, 1), (3, 0), (3, 1)):
        assert np.abs(b[:, :, y, x] - mean).max() <= 1
    assert np.abs(b[:, :, 4, 4] - a[:, :, 4, 4]).max() <= 1  # a window at the corner holds one
    assert changes.pooled_inputs(network, "conv") is None
    assert changes.pooled_inputs(dense(10), "a") is None


def test_two_groups_keep_the_weights_within():
    network = image()
    made = changes.in_two_groups(network, "conv")
    a, b = columns(network), columns(made)
    np.testing.assert_array_equal(b[b != 0], a[b != 0])
    assert changes.fan_in(made, "conv") == changes.fan_in(network, "conv") / 2
    assert changes.in_two_groups(image(channels=3), "conv") is None


def test_how_far_weights_moved_is_that_of_the_matrices():
    for network in (dense(30), image()):
        candidates = [changes.fewer_bits(network, 4), changes.pruned(network, 0.4)]
        candidates += [changes.pooled_inputs(network, "fc"), changes.in_two_groups(network, "conv")][
            : 2 * (network.populations[0].name == "conv")
        ]
        for made in candidates:
            change = norm = 0.0
            for k, (p, q) in enumerate(zip(network.projections, made.projections, strict=True)):
                # kernels count once, so compare kernels where a convolution is
                held = [next(m for m in each.maps if m.weighted) for each in (p, q)]
                if p is q:
                    continue
                if isinstance(held[0], Conv):
                    centre = 12  # the middle place sees the whole kernel
                    a = columns(network, k).reshape(6, 25, 4, 25)[:, centre]
                    b = columns(made, k).reshape(6, 25, 4, 25)[:, centre]
                else:
                    a, b = columns(network, k), columns(made, k)
                change, norm = change + ((a - b) ** 2.0).sum(), norm + (a**2.0).sum()
            assert changes.moved(network, made) == pytest.approx(np.sqrt(change / norm))


def test_sparse_projections_are_changed_too():
    network = dense(40)
    weight = network.projections[0].maps[0].weight
    first = replace(network.projections[0], maps=(Sparse(weight, (40,), (12,)),))
    network = network.with_(projections=(first, network.projections[1]))
    assert (columns(changes.without_weakest_inputs(network, "a", 10)) != 0).any(axis=0).sum() <= 40
    made = changes.pruned(network, 0.5)
    assert np.count_nonzero(columns(made)) == np.count_nonzero(weight) - np.count_nonzero(weight) // 2
    assert changes.moved(network, made) > 0


def test_the_axons_of_a_neuron_alone():
    assert axons_of_a_neuron(targets.load("loihi1")) == 4096
    assert axons_of_a_neuron(small(synaptic_memory_bits=64 * 100)) == 100


def test_the_command_line_answers_and_writes(tmp_path, capsys):
    network = dense(20)
    by = replace(network.populations[0], rule=replace(network.populations[0].rule, reset=Reset("by", 900 << 6, "now")))
    network = network.with_(populations=(by, network.populations[1]))
    sd.write(network, tmp_path / "q.nir")
    np.save(tmp_path / "x.npy", events(network))
    np.save(tmp_path / "y.npy", np.zeros(8, int))

    def call(*words: str, code: int) -> dict:
        assert cli.main([*words, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    model, x, y = (str(tmp_path / name) for name in ("q.nir", "x.npy", "y.npy"))
    answer = call("place", model, "--target", "loihi1", "--data", x, code=1)
    assert answer["error"][0]["code"] == "SD206"
    assert answer["advice"]["tried"][0]["target"] == "loihi2"
    found = call("advise", model, "--target", "loihi1", "--data", x, "--labels", y, code=0)
    assert found["tried"][0]["accuracy"] is not None
    call("advise", model, "--target", "loihi1", "--take", "2", "-o", str(tmp_path / "r.nir"), code=0)
    assert place(sd.read(tmp_path / "r.nir"), "loihi1")
    assert call("advise", model, "--target", "loihi1", "--take", "9", "-o", x, code=2)["error"][0]["code"] == "SD800"
    assert call("advise", model, "--target", "loihi1", "--take", "1", code=2)["error"][0]["code"] == "SD800"


def test_place_rounds_a_float_model_only_into_a_file_that_is_named(tmp_path, capsys):
    weight = np.random.default_rng(3).normal(0.2, 0.5, (5, 8))
    populations = (Population("a", (5,), Rule(beta=0.9)),)
    network = Network(1e-3, (Input("in", (8,)),), populations, (Projection("in", "a", (Dense(weight),)),), ("a",))
    sd.write(network, tmp_path / "f.nir")
    model, made = str(tmp_path / "f.nir"), tmp_path / "q.nir"
    assert cli.main(["place", model, "--target", "loihi1"]) == 2
    told = capsys.readouterr().err
    assert "SD209" in told
    assert f"snndeploy place {model} --target loihi1 --quantize q.nir" in told
    plan = str(tmp_path / "p.json")
    assert cli.main(["place", model, "--target", "loihi1", "--quantize", str(made), "-o", plan]) == 0
    assert sd.read(made).form == "integer"
    x = events(network)
    same = sd.run(sd.read(made), x, placement=plan).spikes["a"]
    np.testing.assert_array_equal(same, sd.run(sd.read(made), x).spikes["a"])
