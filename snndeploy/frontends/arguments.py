"""The arguments of forward: the first is the input, the others are states."""

from __future__ import annotations

import inspect

import torch

INPUT = "input"


def state_arguments(module: torch.nn.Module) -> dict[str, bool]:
    """Arguments of forward behind the first that can be states: name -> has a default (which is None)."""
    signature = inspect.signature(type(module).forward)
    positional = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    known = [p for p in signature.parameters.values() if p.kind in positional or p.kind is p.KEYWORD_ONLY]
    return {p.name: p.default is None for p in known[2:] if p.default is None or p.default is p.empty}
