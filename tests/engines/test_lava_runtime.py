"""Lava's official runtime: the same bits, and every known way of failing ends soon, with its cause and no remains."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from random_networks import float_network, integer_network, spikes_for

from snndeploy.engines import run
from snndeploy.engines.lava import exchange, runtime
from snndeploy.engines.lava.patches import missing
from snndeploy.engines.lava.plan import Plan, plan
from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers, Reset

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="processes are found through /proc"),
]
SOON = 15
EVERYTHING = ("spikes", "u", "v")


def living() -> list[tuple[int, int]]:
    """(pid, parent) of living processes that belong to a worker of this test run, by their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if f"snndeploy-lava-{os.getpid()}-" in line:
            found.append((int(entry.name), parent))
    return sorted(found)


def shared() -> set[str]:
    """Shared memory that no living process has mapped."""
    names = {path.name for path in Path("/dev/shm").glob("psm_*")}
    for entry in Path("/proc").glob("[0-9]*/maps"):
        try:
            text = entry.read_text()
        except OSError:
            continue
        names -= {name for name in names if name in text}
    return names


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch):
    """Every test here ends soon and leaves no process and no shared memory."""
    real = runtime.tempfile.TemporaryDirectory
    mine = lambda **k: real(prefix=f"snndeploy-lava-{os.getpid()}-", ignore_cleanup_errors=True)  # noqa: E731
    monkeypatch.setattr(runtime.tempfile, "TemporaryDirectory", mine)
    before = shared()
    started = time.monotonic()
    yield
    assert time.monotonic() - started < SOON
    assert living() == []
    left = shared() - before
    for _ in range(50):
        # a runtime of another test process makes its memory before it maps it: that passes, what is left stays
        if not left:
            break
        time.sleep(0.1)
        left &= shared()
    assert not left


def two_layers(**registers: object) -> Network:
    rule = Registers(**({"du": 0, "dv": 100, "vth": 10, "bias_mant": 3} | registers))
    weight = np.full((4, 3), 10)
    form = Format(0, 8, "excitatory")
    return Network(
        1e-3,
        (Input("in", (3,)),),
        (Population("a", (4,), rule), Population("b", (3,), rule)),
        (
            Projection("in", "a", (Dense(weight),), format=form),
            Projection("a", "b", (Dense(weight.T),), format=form),
        ),
        ("b",),
    )


def broken(monkeypatch: pytest.MonkeyPatch, name: str, **numbers: object) -> None:
    """Makes the plan carry numbers that the process of population `name` chokes on; None: leaves them out."""

    def change(network: Network) -> Plan:
        made = plan(network)
        neurons = []
        for each in made.neurons:
            changed = {k: v for k, v in {**each.numbers, **numbers}.items() if v is not None}
            neurons.append(dataclasses.replace(each, numbers=changed) if each.name == name else each)
        return dataclasses.replace(made, neurons=tuple(neurons))

    monkeypatch.setattr("snndeploy.engines.lava.plan", change)


def failure(network: Network, steps: int = 10, timeout: float = 60) -> SnnDeployError:
    with pytest.raises(SnnDeployError) as caught:
        run(network, np.ones((steps, 1, 3)), "lava", EVERYTHING, mode="runtime", timeout=timeout)
    assert caught.value.findings[0].code == "SD513"
    return caught.value


@pytest.mark.parametrize("form", ["integer", "float"])
@pytest.mark.parametrize("seed", [1, 3, 4])
def test_runtime_and_inline_compute_the_same_bits(form: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = integer_network(rng) if form == "integer" else float_network(rng)
    spikes = spikes_for(rng, network, 20, 1)
    inline, official = (
        run(network, spikes, "lava", EVERYTHING, mode=mode, timeout=60) for mode in ("inline", "runtime")
    )
    for what in EVERYTHING:
        one, other = getattr(inline, what), getattr(official, what)
        assert one.keys() == other.keys()
        for name in one:
            assert one[name].dtype == other[name].dtype
            np.testing.assert_array_equal(one[name], other[name], err_msg=f"{what} of {name}")
    assert inline.notes == official.notes


def test_two_parts_without_connection_both_run() -> None:
    net = two_layers()
    alone = dataclasses.replace(net.projections[0], source="other", target="c", name="")
    net = net.with_(
        inputs=(*net.inputs, Input("other", (3,))),
        populations=(*net.populations, Population("c", (4,), net.population["a"].rule)),
        projections=(*net.projections, alone),
        outputs=("b", "c"),
    )
    spikes = {"in": np.ones((9, 1, 3)), "other": np.ones((9, 1, 3))}
    reference = run(net, spikes, "reference", EVERYTHING)
    for mode in ("inline", "runtime"):
        lava = run(net, spikes, "lava", EVERYTHING, mode=mode, timeout=60)
        for name in net.population:
            np.testing.assert_array_equal(lava.v[name], reference.v[name])
    assert reference.spikes["c"].any()


def test_an_exception_in_a_process_that_others_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, "a", dv=np.full(4, 0.5))
    problem = failure(two_layers(reset=Reset("to", 0), bias_mant=0))
    assert "right_shift" in str(problem)
    assert "subthr_dynamics" in str(problem.__cause__)


def test_an_exception_while_a_model_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, "a", v=np.zeros(5, int))
    problem = failure(two_layers(initial_v=7))
    assert "could not broadcast" in str(problem)
    assert "py_builder.py" in str(problem.__cause__)


def test_an_exception_before_lava_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, "a", v=None)
    problem = failure(two_layers(initial_v=7))
    assert "KeyError" in str(problem)
    assert "process.py" in str(problem.__cause__)


def test_a_run_that_takes_too_long() -> None:
    problem = failure(two_layers(), steps=200_000, timeout=3)
    assert "did not end within 3 s" in str(problem)


def test_a_killed_process() -> None:
    def kill() -> None:
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline:
            time.sleep(0.1)
            children = [pid for pid, parent in living() if parent != os.getpid()]
            if len(children) > 8:
                time.sleep(1)
                os.kill(children[-1], signal.SIGKILL)
                return

    thread = threading.Thread(target=kill)
    thread.start()
    problem = failure(two_layers(), steps=100_000, timeout=SOON)
    thread.join(SOON)
    assert "ended by signal 9" in str(problem)


def scripted(tmp_path: Path, body: str, timeout: float = 60) -> SnnDeployError:
    """The failure of a worker that runs `body` with a one-layer network of Lava at hand."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import sys
        from pathlib import Path
        from snndeploy.engines.lava import patches
        patches.load()
        import numpy as np
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.core.run_configs import Loihi2SimCfg
        from lava.proc.dense.process import Dense
        from lava.proc.lif.process import LIF
        from lava.proc.monitor.process import Monitor
        from snndeploy.engines.lava.guard import Guard
        config = Loihi2SimCfg(select_tag="fixed_pt")
        lif, dense, monitor = LIF(shape=(2,), bias_mant=5), Dense(weights=np.ones((2, 2))), Monitor()
        lif.s_out.connect(dense.s_in)
        """)
        + textwrap.dedent(body)
    )
    folder = tmp_path / f"snndeploy-lava-{os.getpid()}-script"
    folder.mkdir()
    with pytest.raises(SnnDeployError) as caught:
        runtime.execute(folder, timeout, [sys.executable, str(script)])
    return caught.value


def test_an_exception_in_a_leaf(tmp_path: Path) -> None:
    problem = scripted(
        tmp_path,
        """
        monitor.probe(lif.v, 5)
        Guard(Path(sys.argv[1])).run([lif], config, 20, print)
        """,
    )
    assert "out of bounds" in str(problem)
    assert "run_post_mgmt" in str(problem.__cause__)


def test_a_run_after_stop(tmp_path: Path) -> None:
    problem = scripted(
        tmp_path,
        """
        lif.run(RunSteps(num_steps=3), config)
        lif.stop()
        lif.run(RunSteps(num_steps=3), config)
        """,
    )
    assert "ended by signal 11" in str(problem)


def test_a_script_that_forgets_to_stop(tmp_path: Path) -> None:
    problem = scripted(tmp_path, "lif.run(RunSteps(num_steps=3), config)", timeout=3)
    assert "did not end within 3 s" in str(problem)


@pytest.mark.parametrize(("option", "value"), [("mode", "cloud"), ("timeout", 0), ("timeout", "soon")])
def test_settings_out_of_range(option: str, value: object) -> None:
    with pytest.raises(SnnDeployError) as caught:
        run(two_layers(), np.ones((3, 1, 3)), "lava", **{option: value})
    assert caught.value.findings[0].code == "SD514"


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    made = plan(float_network(np.random.default_rng(5)))
    data = {feed.name: np.ones((2, feed.size, 3)) for feed in made.feeds}
    exchange.save(tmp_path / "plan.npz", made, data, EVERYTHING)
    again, read, record = exchange.load(tmp_path / "plan.npz")
    assert record == EVERYTHING
    assert [n.settings for n in again.neurons] == [
        {k: list(v) if isinstance(v, tuple) else v for k, v in n.settings.items()} for n in made.neurons
    ]
    for one, other in zip(made.connections, again.connections, strict=True):
        assert (one.process, one.extra, one.receptor) == (other.process, other.extra, other.receptor)
        assert abs(one.matrix - other.matrix).max() == 0
    assert all(np.array_equal(data[name], read[name]) for name in data)


def test_importing_lava_changes_nothing_else() -> None:
    code = """
        import dataclasses, logging, multiprocessing
        multiprocessing.set_start_method("spawn")
        before = dataclasses.dataclass
        import numpy as np
        from snndeploy.engines.lava import patches
        with patches.quiet():
            from lava.proc.lif.process import LIF
            LIF(shape=(2,))
        assert dataclasses.dataclass is before
        assert multiprocessing.get_start_method() == "spawn"
        assert logging.getLogger().handlers == []
        try:
            dataclasses.dataclass(type("Bad", (), {"__annotations__": {"x": list}, "x": []}))
        except ValueError:
            pass
        else:
            raise AssertionError("mutable defaults went through")
    """
    subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(code)], check=True, timeout=60)
