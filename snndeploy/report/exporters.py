"""The exporters and importers of snnTorch and Norse themselves, called as their documentation calls them.

They are measured here, and used nowhere else: what they lose is the reason for `snndeploy.frontends.nir`.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snndeploy.network.arrays import Array


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what they print, log and warn of."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def exported(framework: str, module: torch.nn.Module, frame: torch.Tensor, dt: float | None = None) -> Any:
    """What `snntorch.export_nir` or `norse.torch.to_nir` makes of a module.

    Args:
        frame: one step of input, (*shape). snnTorch is given a batch of one and told to ignore that axis; Norse gets
            no batch axis, since it would leave it in the types.
        dt: of `to_nir`; None: its default.
    """
    module = copy.deepcopy(module)
    with quiet():
        if framework == "snntorch":
            from snntorch.export_nir import export_to_nir

            return export_to_nir(module, frame[None], ignore_dims=[0])
        import norse.torch

        return norse.torch.to_nir(module, frame, **({} if dt is None else {"dt": dt}))


def through_file(graph: Any, path: Path) -> Any:
    """`nir.write` and `nir.read`; the file is gone behind it."""
    import nir

    try:
        nir.write(path, graph)
        return nir.read(path)
    finally:
        path.unlink(missing_ok=True)


def imported(framework: str, graph: Any, dt: float | None = None, subtract: bool = False) -> torch.nn.Module:
    """The module that a library's importer builds; `dt` and `subtract` are settings of Norse's."""
    with quiet():
        built: torch.nn.Module
        if framework == "snntorch":
            from snntorch.import_nir import import_from_nir

            built = import_from_nir(graph)
            return built
        import norse.torch
        from norse.torch.functional import reset

        way = reset.reset_subtract if subtract else reset.reset_value
        built = norse.torch.from_nir(graph, reset_method=way, **({} if dt is None else {"dt": dt}))
        return built


def played(module: torch.nn.Module, x: Any) -> Array:
    """What a module that takes one step gives for `x: (time, batch, *shape)`, its state handed on; float32.

    A copy of it runs, so a state that it keeps inside stays as it is. What Norse imports cannot be copied, and keeps
    nothing inside.
    """
    from nirtorch.graph_executor import GraphExecutor

    module = module if isinstance(module, GraphExecutor) else copy.deepcopy(module)
    state, out = None, []
    with torch.no_grad():
        for step in torch.as_tensor(np.asarray(x)).float():
            result = module(step) if state is None else module(step, state)
            y, state = result if isinstance(result, tuple) else (result, None)
            out.append(y.detach().numpy().copy())
    return np.stack(out)
