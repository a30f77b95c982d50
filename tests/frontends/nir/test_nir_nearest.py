"""The float rule nearest to registers: the same membrane, in the float unit and from the float origin."""

import numpy as np

from snndeploy.frontends.nir.nearest import float_rule
from snndeploy.network import Registers, Reset


def test_one_step_of_registers_in_float_units():
    """Powers of two, so that nothing is cut off: v / scale + offset follows the float rule."""
    registers = Registers(
        du=2047, dv=1024, vth=100, bias_mant=64, bias_exp=2, reset=Reset("to", 128), scale=6400.0, offset=-0.5
    )
    rule = float_rule(registers)
    (receptor,) = rule.receptors
    u, v, arrives = 4096, 8192, 10
    after_u = u * (4095 - 2047) // 4096 + (arrives << 6)
    after_v = v * (4096 - 1024) // 4096 + after_u + (64 << 2)
    float_u = receptor.alpha * (u / 6400) + (arrives << 6) / 6400
    float_v = rule.beta * (v / 6400 - 0.5) + receptor.gain * float_u + rule.bias
    np.testing.assert_allclose(float_v, after_v / 6400 - 0.5, rtol=1e-12)
    np.testing.assert_allclose(rule.threshold, 100 * 64 / 6400 - 0.5)
    np.testing.assert_allclose(rule.reset.value, 128 / 6400 - 0.5)
