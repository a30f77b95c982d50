"""The metadata block `snndeploy`: a network, whole and exact, as a JSON manifest and two arrays.

Every dataclass of the network becomes an object {"is": its name, field: value, ...}. An array becomes

* a number, if it has no axes: 0.9 is float64, 9 is int64, and JSON keeps both exactly;
* {"all": number, "shape": [...]}, if it holds one value (bit for bit);
* {"of": "float64" or "int64", "at": offset, "shape": [...]}, a piece of the array of that name;
* {"node": name, "field": name, "of": dtype}, if a plain field of the file holds the same numbers: large weights are
  stored once, and changing one in the file changes the network.

Reading checks each value against the types that the dataclasses declare. Nothing is executed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from math import prod
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

import snndeploy.network as model
from snndeploy.errors import SnnDeployError, error
from snndeploy.files import readable
from snndeploy.frontends.nir.encode import Places
from snndeploy.frontends.nir.graph import Block, Graph, Node
from snndeploy.frontends.nir.styles import READERS, STYLES
from snndeploy.network.arrays import Array, equal
from snndeploy.network.maps import MAPS, Map
from snndeploy.network.network import Network

FORMAT = 1
ELEMENTS_LIMIT = 2**28
# what numbers and names that anybody may have written can raise
DAMAGES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
CLASSES: dict[str, type[Any]] = {
    name: each
    for name, each in vars(model).items()
    if isinstance(each, type) and dataclasses.is_dataclass(each) and name != "Source"
}
# what a network has, but a file does not
LEFT_OUT = {"Network": ("source",)}


class _Writer:
    def __init__(self) -> None:
        self.parts: dict[str, list[Array]] = {"float64": [], "int64": []}
        self.sizes = {"float64": 0, "int64": 0}

    def array(self, array: Array, place: tuple[str, str, Node] | None = None) -> Any:
        if array.ndim == 0:
            return array.item()
        name = array.dtype.name
        if array.size and len({piece.tobytes() for piece in array.ravel()[:2]}) == 1:
            first = array.ravel()[0]
            if (array.view(np.uint64) == first.view(np.uint64)).all():
                return {"all": first.item(), "shape": list(array.shape)}
        if place is not None:
            held = np.asarray(place[2].fields[place[1]])
            exact = name == "float64" or bool(((array < 2**53) & (array > -(2**53))).all())
            if exact and held.shape == array.shape and equal(np.asarray(held.astype(array.dtype)), array):
                return {"node": place[0], "field": place[1], "of": name}
        at = self.sizes[name]
        self.parts[name].append(array.ravel())
        self.sizes[name] += array.size
        return {"of": name, "at": at, "shape": list(array.shape)}

    def value(self, value: Any, place: tuple[str, str, Node] | None = None) -> Any:
        if isinstance(value, np.ndarray):
            return self.array(value, place)
        if hasattr(value, "tocsr"):
            index = {name: self.array(getattr(value, name).astype(np.int64)) for name in ("indices", "indptr")}
            kind = value.indices.dtype.name
            return {"is": "csr", "shape": list(value.shape), "data": self.array(value.data), **index, "index": kind}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            name = type(value).__name__
            fields = [f.name for f in dataclasses.fields(value) if f.name not in LEFT_OUT.get(name, ())]
            return {
                "is": name,
                **{f: self.value(getattr(value, f), place if f in ("weight", "factor") else None) for f in fields},
            }
        if isinstance(value, Mapping):
            return {str(key): str(text) for key, text in value.items()}
        if isinstance(value, (tuple, list)):
            return [self.value(each) for each in value]
        return value.item() if isinstance(value, np.generic) else value

    def whole(self, name: str) -> Array:
        parts = self.parts[name]
        return np.concatenate(parts) if parts else np.zeros(0, name)


def pack(network: Network, graph: Graph, places: Places, style: str = "standard", for_: str | None = None) -> Block:
    """The block of a network whose plain graph is `graph`, written in this style for this reader."""
    writer = _Writer()
    content = writer.value(dataclasses.replace(network, projections=()))
    content["projections"] = [
        {
            **writer.value(dataclasses.replace(p, maps=())),
            "maps": [writer.value(m, _place(graph, places.get((i, k)))) for k, m in enumerate(p.maps)],
        }
        for i, p in enumerate(network.projections)
    ]
    said = {"format": FORMAT, **({"style": style} if style != "standard" else {}), **({"for": for_} if for_ else {})}
    manifest = json.dumps({**said, "network": content}, indent=1, ensure_ascii=False, allow_nan=False)
    return Block(manifest, writer.whole("float64"), writer.whole("int64"))


def _place(graph: Graph, place: tuple[str, str] | None) -> tuple[str, str, Node] | None:
    if place is None:
        return None
    node = graph.nodes[place[0]]
    assert isinstance(node, Node)
    return (*place, node)


def short(raw: Any) -> str:
    """What was found instead, whatever it is, in a few words."""
    if isinstance(raw, (list, dict)) and len(raw) > 8:
        return f"a {'list' if isinstance(raw, list) else 'table'} of {len(raw):,}"
    return readable(repr(raw if not isinstance(raw, str) else raw[:200]), 80)


class BadBlockError(ValueError):
    """What of the manifest is wrong, in words."""


@cache
def _hints(name: str) -> dict[str, Any]:
    hints = get_type_hints(CLASSES[name])
    return {f.name: hints[f.name] for f in dataclasses.fields(CLASSES[name])}


@cache
def _holds_numbers(name: str, field: str) -> bool:
    """Fields declared as Numbers or Array, and weights, hold arrays."""
    declared = str(next(f.type for f in dataclasses.fields(CLASSES[name]) if f.name == field))
    return declared.split(" |")[0] in ("Numbers", "Array") or (name, field) == ("Sparse", "weight")


class _Reader:
    def __init__(self, graph: Graph, block: Block, numbers: int = ELEMENTS_LIMIT):
        self.graph = graph
        self.arrays = {"float64": block.floats, "int64": block.integers}
        self.left = self.numbers = numbers

    def spend(self, numbers: int) -> None:
        self.left -= numbers
        if self.left < 0:
            raise BadBlockError(f"its arrays have more than {self.numbers:,} numbers together")

    def shape(self, raw: Any) -> tuple[int, ...]:
        if not isinstance(raw, list) or not all(type(n) is int and n >= 0 for n in raw) or len(raw) > 32:
            raise BadBlockError(f"{short(raw)} is not a shape")
        if prod(raw) > ELEMENTS_LIMIT:
            raise BadBlockError(f"the shape {short(raw)} has more than {ELEMENTS_LIMIT:,} elements")
        return tuple(raw)

    def array(self, raw: Any) -> Any:
        if type(raw) in (int, float):
            return np.asarray(raw, np.int64 if type(raw) is int else np.float64)
        if not isinstance(raw, dict):
            raise BadBlockError(f"{short(raw)} is not a number or an array")
        if "all" in raw:
            if type(raw["all"]) not in (int, float):
                raise BadBlockError(f"{short(raw['all'])} is not a number")
            shape = self.shape(raw.get("shape"))
            self.spend(prod(shape))
            return np.full(shape, self.array(raw["all"]))
        if raw.get("is") == "csr":
            from scipy import sparse

            data, indices, indptr = (self.array(raw.get(name)) for name in ("data", "indices", "indptr"))
            shape = self.shape(raw.get("shape"))
            if not _is_csr(data, indices, indptr, shape):
                raise BadBlockError(f"its rows and columns are not those of a sparse matrix {shape}")
            matrix = sparse.csr_array((data, indices, indptr), shape=shape)
            kind = np.int32 if raw.get("index") == "int32" else np.int64
            matrix.indices, matrix.indptr = matrix.indices.astype(kind), matrix.indptr.astype(kind)
            return matrix
        dtype = raw.get("of")
        if dtype not in ("float64", "int64"):
            raise BadBlockError(f"{short(dtype)} is not float64 or int64")
        if "node" in raw:
            node = self.graph.nodes.get(str(raw["node"]))
            field = node.fields.get(str(raw.get("field"))) if isinstance(node, Node) else None
            if field is None or isinstance(field, str):
                raise BadBlockError(f"the file has no node {short(raw['node'])} with a field {short(raw.get('field'))}")
            if (
                dtype == "int64"
                and not (np.isfinite(field) & (np.rint(field) == field) & (np.abs(field) < 2**53)).all()
            ):
                raise BadBlockError(
                    f"node {short(raw['node'])}, {short(raw['field'])}: by the block it holds whole numbers"
                )
            self.spend(field.size)
            return np.asarray(field).astype(dtype)
        shape, at = self.shape(raw.get("shape")), raw.get("at")
        whole = self.arrays[dtype]
        if type(at) is not int or not 0 <= at <= at + prod(shape) <= whole.size:
            raise BadBlockError(f"elements {at}.. of shape {shape} are outside the {whole.size} of {dtype}")
        self.spend(prod(shape))
        return whole[at : at + prod(shape)].reshape(shape)

    def instance(self, raw: Any, allowed: tuple[type[Any], ...]) -> Any:
        name = raw.get("is") if isinstance(raw, dict) else None
        cls = CLASSES.get(name) if isinstance(name, str) else None
        if cls is None or not issubclass(cls, allowed):
            raise BadBlockError(f"{short(name)} is not one of {', '.join(each.__name__ for each in allowed)}")
        given = {key: value for key, value in raw.items() if key != "is"}
        hints = _hints(cls.__name__)
        unknown = [key for key in given if key not in hints or key in LEFT_OUT.get(cls.__name__, ())]
        if unknown:
            raise BadBlockError(f"{cls.__name__} has no field {short(unknown[0])}")
        try:
            values = {
                key: self.array(value)
                if _holds_numbers(cls.__name__, key) and value is not None
                else self.value(value, hints[key])
                for key, value in given.items()
            }
        except BadBlockError as problem:
            label = given.get("name")
            inside = f"{cls.__name__} {short(label)}" if isinstance(label, str) else cls.__name__
            raise BadBlockError(f"{inside}: {problem}") from None
        return cls(**values)

    def value(self, raw: Any, hint: Any) -> Any:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Literal:
            if not isinstance(raw, str) or raw not in arguments:
                raise BadBlockError(f"{short(raw)} is not one of {', '.join(map(str, arguments))}")
            return raw
        if origin in (Union, UnionType):
            if raw is None and NoneType in arguments:
                return None
            return self.instance(raw, tuple(each for each in arguments if each is not NoneType))
        if origin is tuple:
            if not isinstance(raw, list) or (arguments[-1] is not Ellipsis and len(raw) != len(arguments)):
                raise BadBlockError(f"{short(raw)} is not a list")
            inner = [arguments[0]] * len(raw) if arguments[-1] is Ellipsis else arguments
            return tuple(self.value(each, kind) for each, kind in zip(raw, inner, strict=True))
        if isinstance(hint, type) and (hint is Map or hint in CLASSES.values()):
            return self.instance(raw, MAPS if hint is Map else (hint,))
        if origin is not None and issubclass(origin, Mapping):
            if not isinstance(raw, dict) or not all(isinstance(text, str) for text in raw.values()):
                raise BadBlockError(f"{short(raw)} is not a table of texts")
            return raw
        if type(raw) is not hint and not (hint is float and type(raw) is int):
            raise BadBlockError(f"{short(raw)} is not {getattr(hint, '__name__', hint)}")
        return raw


def _is_csr(data: Array, indices: Array, indptr: Array, shape: tuple[int, ...]) -> bool:
    """SciPy's own check passes over rows that end in front of their start, and its loops then leave their memory."""
    if len(shape) != 2 or not data.ndim == indices.ndim == indptr.ndim == 1 or len(indptr) != shape[0] + 1:
        return False
    if indices.dtype != np.int64 or indptr.dtype != np.int64 or (np.diff(indptr) < 0).any():
        return False
    inside = not len(indices) or (indices.min() >= 0 and indices.max() < shape[1])
    return bool(indptr[0] == 0 and indptr[-1] == len(indices) == len(data) and inside)


def unpack(graph: Graph, where: str, numbers: int = ELEMENTS_LIMIT) -> tuple[Network, str, str | None]:
    """The network in the block of `graph`, not yet checked for legality, and the style and reader it was written for.

    Args:
        numbers: that its arrays may have together.

    Raises:
        SnnDeployError SD413: the manifest is not one that `pack` writes.
    """
    assert graph.block is not None
    try:
        content = json.loads(graph.block.manifest, parse_constant=_no_constant)
        written = content.get("format") if isinstance(content, dict) else None
        if written != FORMAT:
            raise BadBlockError(f"its format is {short(written)}, and this version reads {FORMAT}")
        style, for_ = content.get("style", "standard"), content.get("for")
        if style not in STYLES or (for_ is not None and for_ not in READERS):
            raise BadBlockError(f"its style is {short(style)} for {short(for_)}, which this version does not write")
        network: Network = _Reader(graph, graph.block, numbers).instance(content.get("network"), (Network,))
        return network, style, for_
    except SnnDeployError:
        raise
    except DAMAGES as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise error(
            "SD413",
            f"{where}: block snndeploy",
            readable(reason),
            "write the file again, or read it without the block: ignore_block=True",
        ) from None


def _no_constant(text: str) -> None:
    raise BadBlockError(f"{text} is not a finite number")
