"""What of a module cannot be read, or would compute something else when it is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules.lazy import LazyModuleMixin

from snndeploy.errors import Finding
from snndeploy.frontends.layers import LAYERS

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


# hooks of torch itself, by class -> how they are made permanent
UNHOOK = {
    "WeightNorm": "torch.nn.utils.remove_weight_norm(layer)",
    "SpectralNorm": "torch.nn.utils.remove_spectral_norm(layer)",
    "BasePruningMethod": "torch.nn.utils.prune.remove(layer, 'weight')",
}


def _kind(hook: Any) -> str:
    return next((each.__name__ for each in type(hook).__mro__ if each.__name__ in UNHOOK), "")


def unreadable(tracer: Tracer) -> Iterator[Finding]:
    """What cannot even be traced."""
    for path, each in tracer.module.named_modules():
        where = tracer.named(path)
        if isinstance(each, LazyModuleMixin) and each.has_uninitialized_params():  # type: ignore[misc]
            what = f"{type(each).__name__} has no weights yet"
            yield Finding("SD301", where, what, "call the module once, as module(sample[0]), before capture")
        elif isinstance(each, torch.jit.ScriptModule):
            what = "it is compiled TorchScript, whose neurons cannot be read"
            yield Finding("SD301", where, what, "capture the module as it was before torch.jit")
        elif type(each) in LAYERS:
            types = {p.dtype for p in (*each.parameters(recurse=False), *each.buffers(recurse=False))}
            wrong = sorted(str(t) for t in types if t.is_floating_point and t != torch.float32)
            if wrong:
                what = f"its parameters are {', '.join(wrong)}, not torch.float32"
                yield Finding("SD308", where, what, "capture a copy in float32: copy.deepcopy(module).float()")


def changes_by_call(tracer: Tracer) -> Iterator[Finding]:
    """Hooks, and dropout and batch norm in training mode, as they are before a trace sets both aside."""
    for path, each in tracer.module.named_modules():
        where = tracer.named(path)
        if each._forward_hooks or each._forward_pre_hooks:
            what = "it has forward hooks, which can change what it computes"
            hooks = [*each._forward_hooks.values(), *each._forward_pre_hooks.values()]
            fix = next((UNHOOK[name] for hook in hooks if (name := _kind(hook)) in UNHOOK), "handle.remove()")
            yield Finding("SD314", where, what, f"remove them before capture: {fix}")
        drops = isinstance(each, torch.nn.modules.dropout._DropoutNd)
        if each.training and (drops or isinstance(each, torch.nn.modules.batchnorm._BatchNorm)):
            what = f"{type(each).__name__} is in training mode"
            yield Finding("SD306", where, what, "call module.eval() before capture")
