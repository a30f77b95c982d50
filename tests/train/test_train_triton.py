"""The CUDA kernels of training without a GPU: in Triton's interpreter, and compiled for an H100."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")

COMPILED = """
import re
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from snndeploy.train.time_plan import Plan
from snndeploy.train.time_rules import MATRIX, SUBTRACT, TO_VALUE, ZERO_BEFORE, Norse, SnnTorch
from snndeploy.train.time_triton import compiled

plans = [Plan(SnnTorch(SUBTRACT), surrogate="atan"), Plan(Norse("current", TO_VALUE, True, MATRIX), shown=True)]
plans.append(Plan(SnnTorch(ZERO_BEFORE, False, True), ("alpha", "beta", "theta"), True))
for plan in plans:
    for kernel in (compiled(plan).forward, compiled(plan).backward):
        truths = {f"kept_{name}" for name, value in plan.kept.items() if value.kind == "truth"}
        whole = {"steps": "i32", "last": "i64", "cells": "i32", "size": "i32", "BLOCK": "constexpr"}
        types = {n: whole.get(n, "*i8" if n in truths else "*fp32") for n in kernel.arg_names}
        source = ASTSource(fn=kernel, signature=types, constexprs={"BLOCK": 256})
        made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": False})
        assert len(made.asm["cubin"]) > 1000
        print(len(re.findall(r"\\bfma\\.", made.asm["ptx"])))
"""


def child(code, **environment):
    done = subprocess.run(
        [sys.executable, *code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_gradients_are_those_of_the_libraries_in_the_interpreter():
    told = child([str(Path(__file__).parent / "triton_neurons.py")], TRITON_INTERPRET="1")
    assert int(told.split()[0]) == 19


def test_the_kernels_compile_and_round_after_each_operation(tmp_path):
    """For an H100, without one: no product and sum are contracted."""
    told = child(["-c", COMPILED], TRITON_CACHE_DIR=str(tmp_path))
    assert told.split() == ["0"] * 6


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_run_on_a_gpu_has_the_curve_of_the_cpu():
    import numpy as np
    import snntorch as snn

    from snndeploy.train.data import Data
    from snndeploy.train.loop import train

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 32)
    x = (rng.random((12, 32, 8)) < 0.1 + 0.8 * np.repeat(np.eye(4)[labels], 2, axis=1)).astype(np.float32)
    curves = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(2)
        neurons = [snn.RLeaky(0.8, linear_features=16, init_hidden=True), snn.Leaky(0.8, init_hidden=True)]
        module = torch.nn.Sequential(torch.nn.Linear(8, 16), neurons[0], torch.nn.Linear(16, 4), neurons[1])
        how = {"epochs": 3, "batch": 16, "lr": 0.01, "device": device, "accelerate": True, "recompute": 5}
        done = train(module, Data(x, labels, x, labels), **how)
        assert done.device.startswith(device)
        curves.append([each.loss for each in done.history])
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-2)
