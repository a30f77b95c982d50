"""Lava 0.10.0 on a current Python and NumPy: two patches, and what its import must not do to its host.

1. Python >= 3.11 refuses dataclass defaults without a hash; one module of Lava has some.
2. NumPy 2.4 has no `np.reshape(newshape=)`; the reshaping ports of Lava use it.

Besides, importing Lava sets the start method of multiprocessing, which fails where it is set already, and every
Process and every compilation adds a handler to the loggers of the whole program.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import logging
import multiprocessing
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any
from unittest import mock

import numpy as np

VERSION = "0.10.0"
PACKAGES = ("asteval", "networkx", "scipy")


def missing() -> str | None:
    """None if Lava can be imported here, else what is missing and how to get it."""
    fix = "Fix: snndeploy install-lava"
    try:
        found = version("lava-nc")
    except PackageNotFoundError:
        return f"lava-nc {VERSION} is not installed {fix}"
    if found != VERSION:
        return f"lava-nc {found} is installed, the bits are those of {VERSION} {fix}"
    lacking = [name for name in PACKAGES if find_spec(name) is None]
    return f"{', '.join(lacking)} (needed by lava-nc) not installed {fix}" if lacking else None


def _dataclass(cls: Any = None, /, **settings: Any) -> Any:
    """`dataclass`, but the classes of the one module that needs it keep their hash."""
    if cls is None:
        return functools.partial(_dataclass, **settings)
    made = _standard_dataclass(cls, **settings)
    if cls.__module__ == "lava.magma.compiler.var_model" and made.__hash__ is None:
        made.__hash__ = object.__hash__
    return made


_standard_dataclass = dataclasses.dataclass


@functools.cache
def load() -> None:
    """Imports Lava with both patches. Everything else in the process is as before when this returns."""
    for name in PACKAGES:
        importlib.import_module(name)
    with (
        warnings.catch_warnings(),
        mock.patch.object(dataclasses, "dataclass", _dataclass),
        mock.patch.object(multiprocessing, "set_start_method"),
    ):
        warnings.simplefilter("ignore")
        importlib.import_module("lava.magma.compiler.var_model")
        importlib.import_module("lava.magma.core.process.process")
        importlib.import_module("lava.magma.compiler.compiler")
    ports: Any = importlib.import_module("lava.magma.core.process.ports.ports").ReshapePort
    ports.get_transform_func_fwd = lambda port: functools.partial(_reshape, shape=port.shape)
    ports.get_transform_func_bwd = lambda port: functools.partial(_reshape, shape=port.old_shape)


def _reshape(data: Any, shape: tuple[int, ...]) -> Any:
    return np.reshape(data, shape)


@contextmanager
def quiet() -> Iterator[None]:
    """While processes are made and compiled: the program's loggers keep their handlers, Lava's list of processes
    does not keep ours alive, and warnings about Lava's own code stay silent."""
    load()
    server: Any = importlib.import_module("lava.magma.core.process.process").ProcessServer
    loggers = [logging.getLogger(), logging.getLogger("lava.magma.compiler.compiler")]
    before = [list(logger.handlers) for logger in loggers]
    known = list(server().processes)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lava\.")
            yield
    finally:
        for logger, handlers in zip(loggers, before, strict=True):
            logger.handlers[:] = handlers
        server().processes[:] = known
