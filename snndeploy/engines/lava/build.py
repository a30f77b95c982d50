"""Plan -> Lava processes, and the run configuration that names the model of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.engines.lava.neurons import Neurons
from snndeploy.engines.lava.plan import Connection, Plan
from snndeploy.network.arrays import Array


@dataclass(frozen=True)
class Built:
    """Lava processes by name, connected, and their configuration."""

    feeds: Mapping[str, Any]
    neurons: Mapping[str, Any]
    connections: Mapping[str, Any]
    config: Any


def build(plan: Plan, data: Mapping[str, Array], steps: int) -> Built:
    """Processes for `steps` engine steps. `data: (size, steps)` by name of feed.

    Call inside `patches.quiet()`.
    """
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.source import PySendModelFixed, PySendModelFloat, RingBuffer

    fixed = plan.form == "integer"
    models: dict[Any, Any] = {}
    feeds, neurons, connections = {}, {}, {}
    for feed in plan.feeds:
        feeds[feed.name] = RingBuffer(data=data[feed.name].astype(np.int32 if fixed else np.float64))
        models[feeds[feed.name]] = PySendModelFixed if fixed else PySendModelFloat
    for each in plan.neurons:
        process, model = _neuron(each, fixed, steps)
        neurons[each.name], models[process] = process, model
    for connection in plan.connections:
        process, model = _connection(connection, fixed)
        connections[connection.name], models[process] = process, model
        source = feeds[connection.source] if connection.source in feeds else neurons[connection.source]
        source.s_out.connect(process.s_in)
        port = "a_in" + (f"_{connection.receptor}" if connection.receptor else "")
        process.a_out.connect(getattr(neurons[connection.target], port))
    tag = "fixed_pt" if fixed else "floating_pt"
    config = Loihi2SimCfg(select_tag=tag)
    # by process, not by class, and without a search through the folders
    config.exception_proc_model_map = models
    return Built(feeds, neurons, connections, config)


def _neuron(each: Neurons, fixed: bool, steps: int) -> tuple[Any, Any]:
    from lava.proc.lif import models
    from lava.proc.lif.process import LIF, LIFReset

    from snndeploy.engines.lava.processes.rule_lif.models import PyRuleLIFModelFixed, PyRuleLIFModelFloat
    from snndeploy.engines.lava.processes.rule_lif.process import RuleLIF

    shape = (each.size,)
    if each.kind == "RuleLIF":
        process = RuleLIF(shape=shape, start=each.start, numbers=dict(each.numbers), settings=dict(each.settings))
        return process, PyRuleLIFModelFixed if fixed else PyRuleLIFModelFloat
    if each.kind == "LIFReset":
        # once, in the engine step of the network's first: the interval is longer than the run
        process = LIFReset(shape=shape, reset_interval=steps + 2, reset_offset=each.start + 1, **each.numbers)
        return process, models.PyLifResetModelBitAcc if fixed else models.PyLifResetModelFloat
    return LIF(shape=shape, **each.numbers), models.PyLifModelBitAcc if fixed else models.PyLifModelFloat


def _connection(each: Connection, fixed: bool) -> tuple[Any, Any]:
    from lava.proc.dense import models as dense_models
    from lava.proc.dense.process import DelayDense, Dense
    from lava.proc.sparse import models as sparse_models
    from lava.proc.sparse.process import DelaySparse, Sparse
    from lava.utils.weightutils import SignMode
    from scipy.sparse import csr_matrix

    settings: dict[str, Any] = {"num_message_bits": each.message_bits}
    if each.format is not None:
        sign = {"mixed": SignMode.MIXED, "excitatory": SignMode.EXCITATORY, "inhibitory": SignMode.INHIBITORY}
        settings |= {"weight_exp": each.format.exponent, "num_weight_bits": each.format.bits}
        settings["sign_mode"] = sign[each.format.sign]
    dtype = np.int32 if fixed else np.float64
    kind = each.process
    if kind.endswith("Dense"):
        weights = each.matrix.astype(dtype)
        if each.extra:
            delays = np.full(weights.shape, each.extra, int)
            model = dense_models.PyDelayDenseModelBitAcc if fixed else dense_models.PyDelayDenseModelFloat
            return DelayDense(weights=weights, delays=delays, **settings), model
        model = dense_models.PyDenseModelBitAcc if fixed else dense_models.PyDenseModelFloat
        return Dense(weights=weights, **settings), model
    weights = csr_matrix(each.matrix).astype(dtype)
    if each.extra:
        delays = weights.astype(int)
        delays.data[:] = each.extra
        model = sparse_models.PyDelaySparseModelBitAcc if fixed else sparse_models.PyDelaySparseModelFloat
        return DelaySparse(weights=weights, delays=delays, max_delay=each.extra, **settings), model
    model = sparse_models.PySparseModelBitAcc if fixed else sparse_models.PySparseModelFloat
    return Sparse(weights=weights, **settings), model
