"""What a caller may feed into a network: checked once, the same for every engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snndeploy.errors import Finding, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.network.network import Input, Network

WAYS = "say what it is: input_kind= of capture and kind= of read (--kind) take binary, counts and real"
# up to here float64 holds every whole number
COUNT_MAX = 2**53
# how many numbers are looked at at a time
PIECE = 2**20


def _array(given: Any) -> Array:
    return np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)


def _by_name(names: list[str], given: Any, found: list[Finding]) -> Mapping[str, Any]:
    """What came without names."""
    if isinstance(given, tuple) and (len(names) > 1 or _holds_one(given)):
        if len(given) != len(names):
            what = f"{len(given)} arrays were given, the network has {len(names)} inputs"
            found.append(Finding("SD102", "inputs", what, f"give one each of {', '.join(names)}"))
            raise_errors(found)
        return dict(zip(names, given, strict=True))
    if len(names) == 1:
        return {names[0]: given}
    each = ", ".join(f"{name!r}: array" for name in names)
    if names:
        what = f"the network has {len(names)} inputs, and one thing without names was given"
        found.append(Finding("SD102", "inputs", what, f"give {{{each}}}, each (time, batch, *shape)"))
        raise_errors(found)
    return {}


def _holds_one(given: tuple[Any, ...]) -> bool:
    """A tuple around one whole array, which has time and batch at least."""
    return len(given) == 1 and getattr(given[0], "ndim", 0) > 1


def _fault(each: Input, where: str, array: Array) -> Finding | None:
    """What is wrong with the numbers of an input; looked at piece by piece, so that this takes no memory."""
    kind, pieces = array.dtype.kind, _pieces(array)
    wrong = 0 if kind in "bui" else sum(int(np.count_nonzero(~np.isfinite(piece))) for piece in pieces)
    if wrong:
        return Finding("SD104", where, f"{wrong} values are NaN or infinite")
    if each.kind == "binary" and kind != "b":
        for piece in pieces:
            bad = (piece != 0) & (piece != 1)
            if bad.any():
                return Finding("SD111", where, f"{piece[bad][0]:g} is not 0 or 1", WAYS)
    if each.kind == "bias" and any((piece != array[:1]).any() for piece in pieces):
        return Finding("SD111", where, "it moves; a bias holds still for the whole sample", "repeat one step")
    if each.kind == "signed" and kind == "f" and any((piece != np.floor(piece)).any() for piece in pieces):
        return Finding("SD111", where, "signed events are whole numbers", "encode real numbers")
    negative = each.kind == "counts" and kind in "if" and any((piece < 0).any() for piece in pieces)
    if negative or (
        each.kind == "counts" and kind == "f" and any((piece != np.floor(piece)).any() for piece in pieces)
    ):
        return Finding("SD111", where, "counts are whole numbers >= 0", WAYS)
    if each.kind in ("counts", "signed") and kind != "b":
        most = max(max(int(piece.max()), -int(piece.min())) for piece in pieces)
        if most > COUNT_MAX:
            what = f"a count of {most:g} is beyond {COUNT_MAX:,}, where float64 is not exact"
            return Finding("SD111", where, what, "give smaller counts")
    return None


def _pieces(array: Array) -> list[Array]:
    """Views of so few steps each that they take some MB."""
    steps = max(1, PIECE // max(1, array[0].size))
    return [array[i : i + steps] for i in range(0, len(array), steps)]


def as_inputs(network: Network, given: Any, copy: bool = True) -> dict[str, Array]:
    """Input arrays by name, `(time, batch, *shape)`, checked; constant inputs are filled in.

    Args:
        given: one array (NumPy or torch) where the network has one input, else a mapping by name, or a tuple in the
            order of the network's inputs.
        copy: False leaves arrays as they are, of whatever type and in their place.

    Returns:
        int64 arrays for binary, counts, signed and constant inputs, float64 ones for real inputs and biases; without
        `copy` those that were given, as read-only views.

    Raises:
        SnnDeployError SD102, SD103, SD104, SD111, SD112: everything that does not fit, at once.
    """
    names = [each.name for each in network.given]
    found: list[Finding] = []
    if not isinstance(given, Mapping):
        given = _by_name(names, given, found)
    for name in given:
        if name not in names:
            found.append(
                Finding("SD102", f"input {name!r}", "the network has no such input", f"name {', '.join(names)}")
            )
    for name in names:
        if name not in given:
            found.append(
                Finding(
                    "SD102", f"input {name!r}", "nothing was given for it", f"give {{{name!r}: (time, batch, ...)}}"
                )
            )
    if not names and network.inputs:
        what = "all inputs are constant, and nothing says how many steps to run"
        found = [Finding("SD112", "network", what, "give it one input that is not, connected or not")]
    raise_errors(found)

    arrays: dict[str, Array] = {}
    for each in network.given:
        where = f"input {each.name!r}"
        try:
            array = _array(given[each.name])
        except (TypeError, ValueError) as problem:
            found.append(Finding("SD111", where, f"it is no array of numbers: {problem}", "give a NumPy array"))
            continue
        if array.dtype.kind not in "biuf":
            found.append(Finding("SD111", where, f"its type is {array.dtype}, not numbers"))
        elif array.shape[2:] != each.shape or array.ndim < 2:
            expected = f"(time, batch{''.join(f', {n}' for n in each.shape)})"
            fix = "add a batch axis: x[:, None]" if array.shape[1:] == each.shape else "time is the first axis"
            found.append(Finding("SD103", where, f"its shape is {array.shape}, not {expected}", fix))
        elif array.shape[0] == 0 or array.shape[1] == 0:
            found.append(
                Finding(
                    "SD103", where, f"its shape {array.shape} has no steps or no samples", "give one of each at least"
                )
            )
        elif (fault := _fault(each, where, array)) is not None:
            found.append(fault)
        elif copy:
            arrays[each.name] = array.astype(np.float64 if each.kind in ("real", "bias") else np.int64)
        else:
            arrays[each.name] = array.view()
            arrays[each.name].setflags(write=False)
    sizes = {array.shape[:2] for array in arrays.values()}
    if len(sizes) > 1:
        found.append(Finding("SD103", "inputs", f"they differ in (time, batch): {sorted(sizes)}"))
    raise_errors(found)
    steps, batch = next(iter(sizes))
    for each in network.inputs:
        if each.kind == "constant":
            on = np.arange(steps) >= each.onset
            whole = np.broadcast_to(on.reshape(-1, 1, *(1,) * len(each.shape)), (steps, batch, *each.shape))
            arrays[each.name] = whole.astype(np.int64) if copy else whole
    return arrays
