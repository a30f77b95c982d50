"""Delays of a file are whole numbers of steps: exactly, or moved by less than a rounding and listed, or refused."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import read

pytestmark = pytest.mark.usefixtures("in_process")
DT = 1e-3


def delayed(path, delay, **options):
    """input -> delay -> li -> output, read with steps of 1 ms."""
    one = np.ones(1)
    nodes = {
        "input": nir.Input(np.array([1])),
        "late": nir.Delay(np.array([delay], np.float64)),
        "li": nir.LI(tau=0.01 * one, r=10 * one, v_leak=0 * one),
        "output": nir.Output(np.array([1])),
    }
    nir.write(path, nir.NIRGraph(nodes, [("input", "late"), ("late", "li"), ("li", "output")]))
    return read(path, dt=DT, **options)


@pytest.mark.parametrize("steps", [0, 1, 3, 7, 1000])
def test_whole_steps_need_no_repair(tmp_path, steps):
    network = delayed(tmp_path / "model.nir", steps * DT)
    assert network.projections[0].delay == steps
    assert "delay" not in network.provenance["repairs"]


def test_float32_steps_are_listed(tmp_path):
    network = delayed(tmp_path / "model.nir", float(np.float32(0.003)))
    assert network.projections[0].delay == 3
    assert "node 'late': its delay is moved to whole steps, by" in network.provenance["repairs"]


@pytest.mark.parametrize("steps", [0.3, 1.001, 2.7])
def test_parts_of_a_step_are_refused(tmp_path, steps):
    with pytest.raises(SnnDeployError, match="SD411"):
        delayed(tmp_path / "model.nir", steps * DT)


def test_delays_that_are_said_come_on_top(tmp_path):
    network = delayed(tmp_path / "model.nir", 2 * DT, delays={("input", "li"): 3})
    assert network.projections[0].delay == 5
