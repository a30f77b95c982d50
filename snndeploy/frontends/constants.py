"""Numbers that a module holds: parameters, buffers, views of them, and what is computed from them alone in forward."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

# what gives the same numbers in every step, if its arguments are the same
SAME = {
    *("t", "T", "mT", "transpose", "permute", "view", "reshape", "flatten", "unsqueeze", "squeeze", "expand", "repeat"),
    *("__getitem__", "contiguous", "clone", "detach", "data", "to", "float", "stack", "cat", "movedim", "flip"),
    *("add", "sub", "mul", "div", "neg", "__neg__", "rsub", "multiply", "divide", "subtract", "true_divide"),
    *(f"__{sign}{name}__" for name in ("add", "sub", "mul", "truediv") for sign in ("", "r")),
    *("abs", "exp", "log", "sqrt", "rsqrt", "square", "pow", "__pow__", "reciprocal", "clamp", "clamp_min", "clip"),
    *("sigmoid", "tanh", "softplus", "relu", "softmax", "sum", "mean", "norm", "sign", "round", "matmul", "__matmul__"),
    *("masked_fill", "tril", "triu", "where", "maximum", "minimum", "heaviside", "type_as", "diag", "linalg_norm"),
}


class Constants(TorchFunctionMode):
    """Active while a module is traced: remembers which tensors are constants.

    `named`: name and tensor of every parameter and buffer.
    """

    def __init__(self, named: Iterable[tuple[str, torch.Tensor]]):
        super().__init__()
        self.name: dict[int, str] = {}
        self.made: dict[int, torch.Tensor] = {}
        self.held = list(named)
        self.ids = {id(tensor) for _, tensor in self.held}
        for name, tensor in self.held:
            self.name.setdefault(_memory(tensor), name)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name == "__get__":
            name = getattr(func.__self__, "__name__", "")
        if name in SAME and type(result) in (torch.Tensor, torch.nn.Parameter):
            given = [t for t in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
            if given and all(self.knows(tensor) for tensor in given):
                self.made[id(result)] = result
        return result

    def knows(self, tensor: torch.Tensor) -> bool:
        """True for a constant; a view shares the memory of what it shows."""
        return type(tensor) in (torch.Tensor, torch.nn.Parameter) and (
            id(tensor) in self.made or _memory(tensor) in self.name
        )

    def layer(self, tensor: torch.Tensor) -> str:
        """Path of the layer, or of the parameter, that these numbers belong to; "" where they were computed."""
        return self.name.get(_memory(tensor), "").removesuffix(".weight")


def _memory(tensor: torch.Tensor) -> int:
    with torch._C.DisableTorchFunctionSubclass():
        return tensor.untyped_storage().data_ptr() or -id(tensor)
