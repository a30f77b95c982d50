"""A module is the caller's: whatever is done with it here, it is left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _tensors(each)


@contextmanager
def preserved(module: torch.nn.Module) -> Iterator[None]:
    """Restores attributes, buffers (which and with what values), training flags and lists of every submodule."""
    saved: list[tuple[torch.nn.Module, dict[str, Any]]] = []
    inner: list[tuple[Any, Any]] = []
    values: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    flags: dict[int, tuple[torch.Tensor, bool]] = {}
    for each in module.modules():
        saved.append((each, dict(each.__dict__)))
        for value in each.__dict__.values():
            if type(value) in (dict, list, set):
                inner.append((value, value.copy()))
            flags.update({id(t): (t, t.requires_grad) for t in _tensors(value)})
        for buffer in each._buffers.values():
            if buffer is not None:
                values[id(buffer)] = (buffer, buffer.detach().clone())
    try:
        yield
    finally:
        for each, attributes in saved:
            each.__dict__.clear()
            each.__dict__.update(attributes)
        for value, copy in inner:
            value.clear()
            value.extend(copy) if isinstance(value, list) else value.update(copy)
        for buffer, was in values.values():
            if not torch.equal(buffer.detach(), was):
                with torch.no_grad():
                    buffer.copy_(was)
        for tensor, flag in flags.values():
            if tensor.requires_grad != flag and tensor.is_leaf:
                tensor.requires_grad = flag
