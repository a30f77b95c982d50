"""Our integers against Lava's own models and the published rules of nengo-loihi and Brian2Loihi.

On integers that every one of them holds nothing differs. Where they do differ, the smallest example of each kind is
kept here: ours is Lava's answer, or a refusal.
"""

from __future__ import annotations

import differential
import numpy as np
import pytest
from differential import Lives, by_brian, by_nengo, by_ours, weights_of_brian, weights_of_nengo

from snndeploy.engines.lava.patches import missing
from snndeploy.errors import SnnDeployError
from snndeploy.network import Format

LAVA = pytest.mark.skipif(missing() is not None, reason=str(missing()))
ENGINES = ["reference", "torch", pytest.param("lava", marks=LAVA)]


@LAVA
def test_a_million_values_of_neurons_are_the_same() -> None:
    found = differential.main(seed=1, rounds=1)
    for name, count in found.items():
        assert count.differing == 0, name
        assert count.values >= 10**6, name
    assert found["torch"].beyond == found["lava"].beyond == 0
    assert found["nengo-loihi"].beyond > 100


@LAVA
def test_a_million_values_of_synapses_are_the_same() -> None:
    for name, count in differential.count_synapses(seed=1).items():
        assert count.differing == 0, name
        assert count.values >= 10**6, name


def one(engine: str, arrivals: list[int], du: int = 4095, dv: int = 4095, vth: int = 131071, bias: int = 0) -> Lives:
    return by_ours(rule(du, dv, vth, bias), np.array(arrivals)[:, None], engine)


def rule(du: int = 4095, dv: int = 4095, vth: int = 131071, bias: int = 0) -> dict[str, np.ndarray]:
    exponent = 0 if abs(bias) < 4096 else 7
    whole = {"du": du, "dv": dv, "vth": vth, "bias": bias, "bias_mant": bias >> exponent, "bias_exp": exponent}
    return {name: np.array([value]) for name, value in whole.items()}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_edge_of_the_current_is_lavas(engine: str) -> None:
    """64·2^17 = 2^23: Lava keeps it, a register of 23 bits and a sign holds -2^23; -2^23 becomes 2^23 on Lava."""
    assert one(engine, [2**17]).u.tolist() == [[2**23]]
    assert one(engine, [-(2**17)]).u.tolist() == [[2**23]]
    assert differential.two_complement(np.array([2**23]), 23).tolist() == [-(2**23)]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_current_wraps_once(engine: str) -> None:
    """3·2^23 less one wrap is 2^23 still; 5·2^23 is 3·2^23, far outside of 24 bits."""
    assert one(engine, [3 * 2**17, 5 * 2**17]).u.ravel().tolist() == [2**23, 3 * 2**23]
    assert by_nengo(rule(), np.array([[3 * 2**17], [5 * 2**17]])).u.ravel().tolist() == [0, 0]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_accumulator_has_no_end_here(engine: str) -> None:
    """nengo-loihi's holds 21 bits and a sign: 2^15 LSB in one step are -2^21 there."""
    assert one(engine, [2**15]).u.tolist() == [[2**21]]
    assert by_nengo(rule(), np.array([[2**15]])).u.tolist() == [[-(2**21)]]


@pytest.mark.parametrize("engine", ENGINES)
def test_current_and_bias_saturate_together(engine: str) -> None:
    """nengo-loihi lets u + bias wrap before the membrane sees it; Lava limits the sum of all three."""
    held = one(engine, [32000] * 5, du=511, dv=0, bias=4095 * 128)
    theirs = by_nengo(rule(du=511, dv=0, bias=4095 * 128), np.array([[32000]] * 5))
    assert np.array_equal(held.u, theirs.u)
    assert held.spikes.ravel().tolist()[-1] is True
    assert theirs.spikes.ravel().tolist()[-1] is False


@pytest.mark.parametrize("engine", ENGINES)
def test_the_membrane_ends_at_24_bits(engine: str) -> None:
    """Brian2Loihi's goes on."""
    a = [-30000] * 6
    assert one(engine, a, dv=0).v.ravel().tolist()[-1] == 1 - 2**23
    assert by_brian(rule(dv=0), np.array(a)[:, None]).v.ravel().tolist()[-1] == -6 * 64 * 30000


def arrived(weight: list[int], form: Format, engine: str) -> int:
    matrix = np.array([weight])
    return int(differential.arrived_by_ours(matrix, form, np.ones((1, len(weight)), np.int64), engine)[0, 0])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_right_shift_acts_on_the_sum(engine: str) -> None:
    """Two weights of 3 at exponent -1: Lava adds, then shifts: 3. Elsewhere each is shifted alone: 1 + 1."""
    form = Format(-1, 8, "excitatory")
    assert arrived([3, 3], form, engine) == 3 * 64
    assert int(weights_of_brian(np.array([3, 3]), form).sum()) == 2 * 64
    assert arrived([-3, -3], Format(-1, 8, "inhibitory"), engine) == -3 * 64
    assert int(weights_of_brian(np.array([-3, -3]), Format(-1, 8, "inhibitory")).sum()) == -4 * 64


def test_weights_off_the_grid_are_refused() -> None:
    """-3 at a step of 2 is -4 on Lava, -2 by Brian2Loihi and -4 by nengo-loihi; 3 is 2, 2 and 4."""
    form = Format(0, 8, "mixed")
    assert (weights_of_brian(np.array([-3, 3]), form) // 64).tolist() == [-2, 2]
    assert (weights_of_nengo(np.array([-3, 3]), form) // 64).tolist() == [-4, 4]
    with pytest.raises(SnnDeployError, match="SD110"):
        arrived([-3, 3], form, "reference")


@LAVA
def test_lava_floors_weights_off_the_grid() -> None:
    from lava.utils.weightutils import SignMode, truncate_weights

    kept = truncate_weights(np.array([[-3, 3]]), SignMode.MIXED, 8)
    assert np.asarray(kept).tolist() == [[-4, 2]]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_smallest_mixed_weight_is_held_here_alone(engine: str) -> None:
    form = Format(7, 8, "mixed")
    assert arrived([-256], form, engine) == -(2**21)
    assert weights_of_brian(np.array([-256]), form).tolist() == [64 - 2**21]
    assert weights_of_nengo(np.array([-256]), form).tolist() == [-254 * 2**13]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_decay_truncates_toward_zero(engine: str) -> None:
    """du = 0 still takes 1/4096, and at least one unit; a membrane without leak keeps all."""
    trace = one(engine, [1, -2, 0, 0], du=0, dv=0)
    assert trace.u.ravel().tolist() == [64, 63 - 128, -64, -63]
    assert trace.v.ravel().tolist() == [64, -1, -65, -128]


def test_ours_is_not_a_copy_of_theirs() -> None:
    """The rules above are told apart by every register: a change of any one of them is seen."""
    rng = np.random.default_rng(3)
    registers, a = differential.neurons(rng, 400, 60)
    whole = by_nengo(registers, a)
    for name in ("du", "dv", "vth"):
        changed = {**registers, name: np.where(registers[name] > 2000, registers[name] - 900, registers[name] + 900)}
        assert (whole.differ(by_nengo(changed, a)) > 0).sum() > 40, name
