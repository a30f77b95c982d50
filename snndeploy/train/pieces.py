"""Long sequences in pieces of time: computed again on the way back, or cut off from each other where that is asked for.

Recomputation keeps the states between two pieces alone, and computes a piece again when its gradients are wanted
(Chen et al., 2016): the same numbers with less memory, for one more pass forward. Truncation lets no gradient pass from
one piece to the one before (Williams and Peng, Neural Computation 2(4), 1990): other numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map
from torch.utils.checkpoint import checkpoint

from snndeploy.frontends.neurons import FAMILIES
from snndeploy.train.stepwise import same_norms


@dataclass(frozen=True)
class Pieces:
    """again: steps of a piece that is computed again, 0: none is. cut: steps between two cuts, 0: none."""

    again: int = 0
    cut: int = 0

    def of(self, steps: int, together: int) -> Iterator[tuple[int, int]]:
        """First step and end of each piece, none longer than `together`."""
        together = min(together, self.again or together)
        first = 0
        while first < steps:
            last = min(steps, first + together)
            if self.cut:
                last = min(last, (first // self.cut + 1) * self.cut)
            yield first, last
            first = last

    def cuts(self, first: int) -> bool:
        """Whether no gradient passes to what is before this step."""
        return bool(self.cut) and first > 0 and first % self.cut == 0

    def call(self, module: nn.Module, part: Callable[..., Any], *args: Any) -> Any:
        """What `part` gives; its way back computes it again, with the same random numbers, if that is asked for."""
        if not self.again or not torch.is_grad_enabled():
            return part(*args)
        return checkpoint(part, *args, use_reentrant=False, context_fn=lambda: (nullcontext(), _OnceMore(module)))


WHOLE = Pieces()


class _OnceMore:
    """What is computed a second time leaves nothing behind in the module. It can be entered several times."""

    def __init__(self, module: nn.Module):
        self.module = module
        self.open: list[Any] = []

    def __enter__(self) -> None:
        self.open.append(same_norms(self.module))
        self.open[-1].__enter__()

    def __exit__(self, *raised: Any) -> None:
        clear(self.module)
        self.open.pop().__exit__(None, None, None)


def clear(module: nn.Module) -> None:
    """Back to the states before the first step, without a graph behind them.

    Not `snntorch.utils.reset`: it resets every neuron of the process, and some of their states not at all.
    """
    for each in module.modules():
        family = FAMILIES.get(type(each))
        if family is not None:
            family.clear(each)
        elif callable(reset := getattr(each, "reset_mem", None)):
            reset()


Hidden = dict[tuple[str, str], torch.Tensor]


def hidden(module: nn.Module) -> Hidden:
    """The states that neurons keep themselves: (path, name) -> tensor."""
    return {
        (path, name): getattr(each, name)
        for path, each in module.named_modules()
        if (family := FAMILIES.get(type(each))) is not None and family.remembers(each)
        for name in family.states
    }


def restore(module: nn.Module, states: Hidden) -> None:
    for (path, name), value in states.items():
        setattr(module.get_submodule(path), name, value)


def cut(states: Any) -> Any:
    """States, in whatever structure they are, without what led to them."""
    return tree_map(lambda x: x.detach() if isinstance(x, torch.Tensor) else x, states)
