"""A network as an ONNX model: one step with its state in and out, or all steps of a sample."""

from __future__ import annotations

from typing import Any

from snndeploy.errors import error
from snndeploy.frontends.onnx.builder import Builder
from snndeploy.frontends.onnx.one_step import add_step
from snndeploy.frontends.onnx.scope import Scope
from snndeploy.frontends.onnx.sequence import Sequence
from snndeploy.frontends.onnx.settings import Interface, Settings
from snndeploy.network.network import Network

# a message of protocol buffers ends at 2 GiB; nodes and names need some of it
SIZE_MAX = 2**31 - 2**24


def check_size(g: Scope) -> None:
    """Raises SnnDeployError SD540 where the constants do not fit into one file of protocol buffers."""
    if g.size > SIZE_MAX:
        what = f"its weights take {g.size:,} bytes, more than the {SIZE_MAX:,} that a model holds in one file"
        raise error("SD540", "network", what, "split it, or make its largest layer a convolution")


def build(network: Network, settings: Settings) -> tuple[Any, Interface]:
    """The model, a ModelProto, and the names of its inputs and outputs.

    Raises:
        SnnDeployError SD523: sums of counts may leave 64 bits. SD540: it is too large. SD543: float32 is too small.
    """
    from onnx import helper

    builder = Builder(network, settings)
    if settings.form == "step":
        add_step(builder)
    else:
        Sequence(builder).add()
    check_size(builder.main)
    graph = builder.main.graph("network")
    opsets = [helper.make_opsetid("", settings.opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets))
    return model, builder.interface
