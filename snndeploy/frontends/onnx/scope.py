"""A graph of ONNX while it is built: nodes, constants that are stored once, and names that are used once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array


class Names:
    """Hands out names; a name that is taken gets a number behind it. Shared by a graph and the bodies in it."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def new(self, wanted: str) -> str:
        name, n = wanted, 1
        while name in self.taken:
            n += 1
            name = f"{wanted}.{n}"
        self.taken.add(name)
        return name


class Scope:
    """One graph, or the body of a scan, which sees what its parent holds."""

    def __init__(self, parent: Scope | None = None):
        self.parent = parent
        self.names: Names = Names() if parent is None else parent.names
        self.size = 0
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._made: dict[tuple[Any, ...], str] = {}

    def constant(self, value: Any, dtype: str, name: str) -> str:
        """The name of a constant; the same numbers are stored once."""
        from onnx import numpy_helper

        array: Array = narrowed(np.asarray(value), dtype, name)
        key = (dtype, array.shape, hashlib.blake2b(array.tobytes()).digest())
        scope: Scope | None = self
        while scope is not None:
            if key in scope._constants:
                return scope._constants[key]
            scope = scope.parent
        self.grow(array.nbytes)
        own = self._constants[key] = self.names.new(name)
        self.initializers.append(numpy_helper.from_array(array, own))
        return own

    def grow(self, size: int) -> None:
        """Counts the bytes of a constant, in this graph and those around it."""
        self.size += size
        if self.parent is not None:
            self.parent.grow(size)

    def op(self, kind: str, inputs: Iterable[str], name: str, doc: str = "", **attributes: Any) -> str:
        """Adds a node of one output, which has the node's name."""
        from onnx import helper

        own = self.names.new(name)
        self.nodes.append(helper.make_node(kind, list(inputs), [own], name=own, doc_string=doc or None, **attributes))
        return own

    def once(self, kind: str, inputs: tuple[str, ...], name: str, **attributes: Any) -> str:
        """As `op`, but the same node of this scope is not added twice."""
        key = (kind, inputs, *sorted(attributes.items()))
        if key not in self._made:
            self._made[key] = self.op(kind, inputs, name, **attributes)
        return self._made[key]

    def cast(self, tensor: str, dtype: str) -> str:
        return self.once("Cast", (tensor,), f"{tensor}.{dtype}", to=code(dtype))

    def reshape(self, tensor: str, shape: Iterable[int], name: str) -> str:
        """A 0 keeps the size of that axis, a -1 takes what is left."""
        return self.op("Reshape", (tensor, self.constant(list(shape), "int64", "shape")), name)

    def take(self, tensor: str, index: int, name: str) -> str:
        """One entry of the first axis."""
        return self.once("Gather", (tensor, self.constant(index, "int64", "index")), name, axis=0)

    def part(self, tensor: str, start: int, end: int | None, name: str) -> str:
        """Entries `start:end` of the first axis; negative ones count from its end."""
        last = 2**62 if end is None else end
        where = [self.constant([n], "int64", "at") for n in (start, last, 0)]
        return self.once("Slice", (tensor, *where), name)

    def graph(self, name: str) -> Any:
        """What was built, as a GraphProto."""
        from onnx import helper

        return helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.initializers)


def narrowed(value: Array, dtype: str, name: str) -> Array:
    """A number in another type. Raises SnnDeployError SD543 where a finite one becomes infinite."""
    with np.errstate(over="ignore"):
        array = np.array(value, dtype=dtype, order="C")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        most = float(np.abs(value).max())
        raise error("SD543", name, f"{most:g} does not fit into {dtype}", 'dtype="float64"')
    return array


def code(dtype: str) -> int:
    """ONNX's number of a NumPy type."""
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def declared(name: str, dtype: str, shape: Iterable[int | str], doc: str = "") -> Any:
    """An input or output of a graph; axes of open size have names."""
    from onnx import helper

    return helper.make_tensor_value_info(name, code(dtype), list(shape), doc_string=doc)
