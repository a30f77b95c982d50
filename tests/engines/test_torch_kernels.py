"""The fused scans against the definition: random rules and drive, registers at their limits, chunks and threads."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scans import differences, drive_for, populations, scanned, whole_run_agrees

from snndeploy.engines import run
from snndeploy.engines.torch import schedule
from snndeploy.engines.torch.fused import Fused
from snndeploy.engines.torch.kernels import modules
from snndeploy.engines.torch.kernels.cells import compiled
from snndeploy.engines.torch.kernels.options import Options, general
from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers, Reset, Rule

INT32 = st.integers(-(2**31), 2**31 - 1)
STATE = 2**23 - 1


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize("integer", [True, False])
def test_a_scan_is_the_definition(integer, block):
    seen = set()
    for seed in range(25 * block, 25 * block + 25):
        for rng, network, population, inner in populations(seed, integer):
            drive = drive_for(rng, population, 12, 2)
            cells = Fused(network, population, 2, inner, torch.float64)
            wrong = list(differences(cells, network, population, inner, drive))
            assert not wrong, (seed, population, wrong)
            seen.add(cells.cells.options.label)
    assert len(seen) > 5


def alone(rule, size=1):
    """A network of one population; nothing is known about its input."""
    ahead = Projection("x", "n", (Dense(np.zeros((size, 1), np.int64)),))
    return Network(1e-3, (Input("x", (1,)),), (Population("n", (size,), rule),), (ahead,), ("n",))


@pytest.mark.parametrize("integer", [True, False])
def test_a_plain_kernel_to_which_nothing_comes(integer):
    size, steps = 4096, 60
    reset = Reset("to", 0)
    rule = (
        Registers(du=4095, dv=0, vth=5, initial_v=64, reset=reset) if integer else Rule(1.0, initial=0.25, reset=reset)
    )
    network = alone(rule, size)
    cells = Fused(network, network.populations[0], 1, [], torch.float64)
    assert not cells.cells.options.general
    spikes, kept = cells.advance(0, steps, [None], None, ("v",))
    assert not spikes.any()
    assert (kept["v"] == (64 if integer else 0.25)).all(), "without leak and input the membrane stays"


def step(u, v, a, **registers):
    """u and v after one step, of the register machine and of the kernel; Python's own integers do not wrap."""
    rule = Registers(initial_u=u, initial_v=v, **registers)
    cells = Fused(alone(rule), alone(rule).populations[0], 1)
    _, kept = cells.advance(0, 1, [torch.tensor([[[a]]], dtype=torch.int32)], None, ("u", "v"))

    def wrap(y):
        return (y + 2**31) % 2**32 - 2**31

    def decayed(y, keep):
        return (abs(y) * keep // 4096) * (1 if y >= 0 else -1)

    now = wrap(decayed(u, 4095 - registers["du"]) + wrap(a * 64))
    now = now - 2**24 if now > 2**23 else now + 2**24 if now <= -(2**23) else now
    bias = registers["bias_mant"] * 2 ** registers["bias_exp"]
    p = min(max(wrap(decayed(v, 4096 - registers["dv"]) + now + bias), -STATE), STATE)
    return (now, 0 if p > registers["vth"] * 64 else p), (kept["u"].item(), kept["v"].item())


@given(
    st.integers(-STATE, STATE), st.integers(-STATE, STATE), INT32, st.integers(0, 4095), st.integers(0, 4095),
    st.integers(0, 2**17 - 1), st.integers(-4096, 4095), st.integers(0, 7),
)  # fmt: skip
def test_any_registers_and_any_sum(u, v, a, du, dv, vth, mantissa, exponent):
    want, got = step(u, v, a, du=du, dv=dv, vth=vth, bias_mant=mantissa, bias_exp=exponent)
    assert want == got


@pytest.mark.parametrize("du", [0, 4095])
@pytest.mark.parametrize("a", [sign * (2**17 + d) for sign in (1, -1) for d in (-1, 0, 1)])
def test_u_wraps_beyond_its_last_number(a, du):
    """2^23 itself stays, -2^23 does not."""
    want, got = step(0, 0, a, du=du, dv=0, vth=2**17 - 1, bias_mant=0, bias_exp=0)
    assert want == got
    assert (
        step(100, 5, a, du=du, dv=0, vth=0, bias_mant=-3, bias_exp=7)[0]
        == step(100, 5, a, du=du, dv=0, vth=0, bias_mant=-3, bias_exp=7)[1]
    )


def test_a_current_beyond_24_bits_decays_exactly():
    """One wrap only: a sum of 2^31 - 1 leaves u near 2^31, which then decays by every factor."""
    du = np.arange(4095)
    rule = Registers(du=du, dv=0, vth=None, reset=Reset("none", 0))
    network = alone(rule, len(du))
    cells = Fused(network, network.populations[0], 1)
    for a in (2**25 - 1, -(2**25), 2**25 - 2**18 + 5):
        drive = np.zeros((3, 1, len(du)), np.int32)
        drive[0] = a
        u = scanned(replace_state(cells, network), [drive], (3,))["u"][:, 0].astype(object)
        first = int(u[0, 0])
        assert abs(first) > 2**30
        for row, before in ((1, u[0]), (2, u[1])):
            want = [wrapped_once(int(y), 4095 - int(d)) for y, d in zip(before, du, strict=True)]
            assert u[row].tolist() == want


def replace_state(cells, network):
    return Fused(network, network.populations[0], cells.batch)


def wrapped_once(y, keep):
    moved = abs(y) * keep // 4096 * (1 if y >= 0 else -1)
    return moved - 2**24 if moved > 2**23 else moved + 2**24 if moved <= -(2**23) else moved


@pytest.mark.parametrize("size", [1, 3, 700, 2500])
@pytest.mark.parametrize("recurrent", [False, True])
def test_blocks_of_cells_end_where_they_may(size, recurrent):
    """Populations smaller and larger than a block, samples that share one, and feedback over several blocks."""
    rng = np.random.default_rng(size)
    rule = Registers(du=rng.integers(0, 4095, size), dv=rng.integers(0, 900, size), vth=rng.integers(20, 300, size))
    network = alone(rule, size)
    back = Projection("n", "n", (Dense(2 * rng.integers(-9, 9, (size, size))),), 2, format=Format(1))
    inner = [back] if recurrent else []
    population = network.populations[0]
    drive = [rng.integers(-50, 60, (12, 2, size))]
    cells = Fused(network.with_(projections=(*network.projections, *inner)), population, 2, inner)
    assert not list(differences(cells, network, population, inner, drive))
    assert size == 1 or 0.001 < scanned(Fused(network, population, 2), drive, (12,))["spikes"].mean() < 0.5


def test_samples_chunks_and_threads_change_nothing():
    """Float sums too: the order in which a neuron adds up what comes back is always the same."""
    rng = np.random.default_rng(3)
    size, batch, steps = 90, 12, 40
    rule = Rule(beta=rng.uniform(0.5, 1, size), threshold=0.7, value=rng.uniform(0.5, 1.5, size))
    back = Projection("n", "n", (Dense(rng.normal(0, 0.3, (size, size))),), 1)
    network = alone(rule, size)
    drive = rng.normal(0.1, 0.5, (steps, batch, size))

    def run(samples, cuts):
        cells = Fused(network, network.populations[0], samples.stop - samples.start, [back])
        return scanned(cells, [drive[:, samples]], cuts)

    whole = run(slice(0, batch), (steps,))
    assert 0.02 < whole["spikes"].mean() < 0.9
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(run, [slice(k, k + 3) for k in range(0, batch, 3)], [(1, 7, 32)] * 4))
    for what, rows in whole.items():
        assert np.array_equal(np.concatenate([part[what] for part in parts], axis=1), rows), what


def test_a_kernel_without_a_folder_of_its_own(monkeypatch, tmp_path):
    """Where the user's cache cannot be written, a temporary folder serves."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    modules.folder.cache_clear()
    try:
        assert modules.load("test", "answer = 42\n").answer == 42
        assert not modules.folder().is_relative_to(tmp_path)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        modules.folder.cache_clear()
        made = modules.load("test", "answer = 43\n")
        assert Path(made.__file__).is_relative_to(tmp_path)
        Path(made.__file__).write_text("answer = 4")  # a write that was cut off, or somebody else's
        assert modules.load("test", "answer = 43\n").answer == 43
    finally:
        modules.folder.cache_clear()


@pytest.mark.parametrize("seed", range(40))
def test_step_by_step_as_on_a_gpu_without_triton(seed, monkeypatch):
    monkeypatch.setattr(schedule, "scans", lambda device: "torch")
    assert any("step by step" in note for note in whole_run_agrees(run, seed).notes)


triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")


def child(code, **environment):
    done = subprocess.run(
        [sys.executable, *code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@triton
def test_the_cuda_kernels_are_the_definition_in_the_interpreter():
    told = child([str(Path(__file__).parent / "scans.py")], TRITON_INTERPRET="1")
    assert int(told.split()[0]) > 40


@triton
def test_the_cuda_kernels_compile_and_round_after_each_operation(tmp_path):
    """For an H100, without one: no product and sum are contracted."""
    code = """
import re
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from snndeploy.engines.torch.kernels.options import Options, general
from snndeploy.engines.torch.launched import compiled

POINTER = {"int32": "*i32", "float32": "*fp32", "float64": "*fp64"}
cases = [(general(form, 1), links) for form in POINTER for links in (0, 2)]
cases += [(Options("int32", now=True), 0), (Options("float32", gains=True, late=True, residual=True, by=True), 0)]
for options, links in cases:
    kernel = compiled(options)
    known = {"U": True, "V": True, "LINKS": links, "BLOCK": 256, "FED0": True}
    types = {"spikes": "*i8", "links": "*i64", "plane": "i64"} | dict.fromkeys(known, "constexpr")
    arrays = {"drive0", "numbers", "state", "u_rows", "v_rows", "weight"}
    types |= dict.fromkeys(arrays, POINTER[options.form])
    signature = {name: types.get(name, "i32") for name in kernel.arg_names}
    source = ASTSource(fn=kernel, signature=signature, constexprs=known)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": False})
    assert len(made.asm["cubin"]) > 1000
    print(options.label, links, len(re.findall(r"\\bfma\\.", made.asm["ptx"])))
"""
    told = child(["-c", code], TRITON_CACHE_DIR=str(tmp_path))
    assert re.findall(r" (\d+)$", told, re.M) == ["0"] * 8


def test_options_that_differ_have_names_that_differ():
    names = {general(form, n).label for form in ("int32", "float32", "float64") for n in (1, 2)}
    assert len(names) == 6
    assert Options("int32", now=True).label != Options("int32", late=True).label


def test_a_kernel_is_written_once():
    """However often a population is made: what is not found again would be compiled again."""
    network = alone(Registers(du=0, dv=0, vth=None, reset=Reset("none", 0)))
    one, two = (Fused(network, network.populations[0], 1).cells.options for _ in range(2))
    assert one == two
    assert compiled(one) is compiled(two)
