"""The recurrent connection of RLeaky and RSynaptic: what the neuron adds to its input from its spikes of t-1."""

from __future__ import annotations

from typing import Any

from snntorch._neurons.rleaky import RecurrentOneToOne
from torch import nn

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends.layers import LAYERS
from snndeploy.frontends.snntorch.base import parameter
from snndeploy.frontends.value import Affine
from snndeploy.network.maps import Scale, Shape


def feedback(module: Any, where: str, shape: Shape, found: list[Finding]) -> Affine:
    """Linear and Conv2d as the layers are (their bias counts at every step, also the first), V as a scale."""
    inner = module.recurrent
    if type(inner) in (nn.Linear, nn.Conv2d):
        try:
            affine = LAYERS[type(inner)](inner, f"{where}, recurrent", shape)
            arrives = shape
            for each in affine.maps:
                arrives = each.shape_out(arrives)
            if arrives != shape:
                found.append(
                    Finding("SD308", where, f"its recurrent layer makes {arrives} of {shape}", "use an odd kernel")
                )
            return affine
        except SnnDeployError as problem:
            found.extend(problem.findings)
        except ValueError as problem:
            found.append(Finding("SD308", where, str(problem)))
        return Affine()
    if type(inner).__name__ == RecurrentOneToOne.__name__:
        return Affine((Scale(parameter(inner.V, shape, where, "V", found)),))
    found.append(
        Finding("SD308", where, f"its recurrent layer is a {type(inner).__name__}", "use nn.Linear, nn.Conv2d or V")
    )
    return Affine()
