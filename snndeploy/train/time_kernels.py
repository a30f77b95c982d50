"""Neurons of snnTorch and Norse over time, in float32, in the order of operations of their own code; and back.

Every kernel takes cells `low`..`high` of (steps, cells), block by block, so that a block's state stays in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 2048
# what happens to the membrane of snnTorch's neurons: before the input arrives (Leaky), or after it (RLeaky)
NONE, SUBTRACT, ZERO_BEFORE, ZERO_AFTER = range(4)
TO_VALUE, BY_THRESHOLD = range(2)
ONE, NIL = np.float32(1), np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy")
def snntorch_forward(
    low: int, high: int, x: Any, fed: Any, beta: Any, theta: Any, how: Any, m: Any, p: Any, s: Any, kept: Any
) -> None:
    """R = m > theta; p = beta·m + x + fed, reset by R; s = p > theta; without delay m = p, reset by s - R.

    Args:
        x, fed: (steps, cells); `fed` is empty without feedback.
        how: (reset, delay). m: (cells,), the stored membrane, moved on. p, s: (steps, cells), written.
        kept: uint8 (steps, cells), R; empty with delay, where it is p[t - 1] > theta.
    """
    reset, delay = how
    for begin in range(low, high, BLOCK):
        end = min(begin + BLOCK, high)
        for t in range(len(x)):
            for c in range(begin, end):
                old, th = m[c], theta[c]
                was = ONE if old > th else NIL
                if reset == ZERO_BEFORE:
                    old = (ONE - was) * old
                new = beta[c] * old + x[t, c]
                if len(fed):
                    new = new + fed[t, c]
                if reset == SUBTRACT:
                    new = new - was * th
                elif reset == ZERO_AFTER:
                    new = new - was * new
                spike = ONE if new > th else NIL
                p[t, c], s[t, c] = new, spike
                if not delay:
                    kept[t, c] = np.uint8(was)
                    again = spike - was
                    if reset == SUBTRACT:
                        new = new - again * th
                    elif reset != NONE:
                        new = new - again * new
                m[c] = new


@njit(cache=True, nogil=True, error_model="numpy")
def snntorch_backward(
    low: int,
    high: int,
    first: int,
    of_s: Any,
    sharp: Any,
    beta: Any,
    theta: Any,
    how: Any,
    p: Any,
    kept: Any,
    before: Any,
    of_m: Any,
    of_x: Any,
) -> None:
    """Gradients of steps `first`..., as many as `sharp` has, from the last to the first; R is a constant, s is not.

    Args:
        of_s, p, of_x: (steps, cells) of all steps; of_x is written. before: (cells,), m before the first.
        of_m: (cells,), moved back.
    """
    reset, delay = how
    for begin in range(low, high, BLOCK):
        end = min(begin + BLOCK, high)
        for t in range(first + len(sharp) - 1, first - 1, -1):
            for c in range(begin, end):
                th, gs, gm, new = theta[c], of_s[t, c], of_m[c], p[t, c]
                if delay:
                    was = ONE if (p[t - 1, c] if t else before[c]) > th else NIL
                else:
                    was = ONE if kept[t, c] else NIL
                    if reset == SUBTRACT:
                        gs = gs - th * gm
                    elif reset != NONE:
                        gs = gs - new * gm
                        gm = gm * (ONE - ((ONE if new > th else NIL) - was))
                of_p = gm + gs * sharp[t - first, c]
                if reset == ZERO_AFTER:
                    of_p = of_p * (ONE - was)
                of_x[t, c] = of_p
                of_m[c] = of_p * beta[c] * (ONE - was if reset == ZERO_BEFORE else ONE)


@njit(cache=True, nogil=True, error_model="numpy")
def norse_forward(low: int, high: int, x: Any, fed: Any, numbers: Any, how: Any, state: Any, p: Any, s: Any) -> None:
    """j = i + x + fed; p = v + k·((leak - v) + j); i = j - ks·j; s = p > theta; v is reset.

    Without a current: p = v + k·((x + leak) - v).

    Args:
        numbers: float32 (5, cells): k, ks, leak, theta, the value after a reset.
        how: (current, reset, constant). state: (2, cells), v and i.
    """
    current, reset, _ = how
    for begin in range(low, high, BLOCK):
        end = min(begin + BLOCK, high)
        for t in range(len(x)):
            for c in range(begin, end):
                v, th = state[0, c], numbers[3, c]
                if current:
                    j = state[1, c] + x[t, c]
                    if len(fed):
                        j = j + fed[t, c]
                    new = v + numbers[0, c] * ((numbers[2, c] - v) + j)
                    state[1, c] = j + (-numbers[1, c]) * j
                else:
                    new = v + numbers[0, c] * ((x[t, c] + numbers[2, c]) - v)
                spiked = new > th
                p[t, c], s[t, c] = new, ONE if spiked else NIL
                after = numbers[4, c] if reset == TO_VALUE else new - th
                state[0, c] = after if spiked else new


@njit(cache=True, nogil=True, error_model="numpy")
def norse_backward(
    low: int, high: int, first: int, of_s: Any, sharp: Any, numbers: Any, how: Any, p: Any, state: Any, of_x: Any
) -> None:
    """As `snntorch_backward`; the reset lets gradients through, unless it is `constant`. state: of v and of i."""
    current, reset, constant = how
    for begin in range(low, high, BLOCK):
        end = min(begin + BLOCK, high)
        for t in range(first + len(sharp) - 1, first - 1, -1):
            for c in range(begin, end):
                gs, gv, new, th, k = of_s[t, c], state[0, c], p[t, c], numbers[3, c], numbers[0, c]
                if not constant:
                    gs = gs + gv * ((numbers[4, c] - new) if reset == TO_VALUE else -th)
                if reset == TO_VALUE and new > th:
                    gv = NIL
                of_p = gs * sharp[t - first, c] + gv
                arrived = k * of_p
                if current:
                    arrived = arrived + state[1, c] * (ONE - numbers[1, c])
                    state[1, c] = arrived
                of_x[t, c] = arrived
                state[0, c] = of_p - k * of_p
