"""The rows of the table of classes: every neuron class of both libraries, in its main settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from typing import Any

import torch

from snndeploy.frontends.neurons import FAMILIES, REFUSED

RESETS = tuple((kind, delay) for kind in ("subtract", "zero", "none") for delay in (True, False))


@dataclass(frozen=True)
class Variant:
    """One class in one setting.

    Attributes:
        options: beyond sizes and defaults: of the constructor (snnTorch), or of the parameters (Norse).
        vector: a value per neuron, which the exporters ask for, instead of one for all.
    """

    framework: str
    cls: type
    setting: str = "as it is"
    options: dict[str, Any] = field(default_factory=dict)
    vector: bool = True

    @property
    def name(self) -> str:
        return self.cls.__name__

    @property
    def over_time(self) -> bool:
        family = FAMILIES.get(self.cls)
        if family:
            return family.over_time
        # Norse's cells say so in their name
        return self.framework == "norse" and "Cell" not in self.name


def variants() -> Iterator[Variant]:
    """All of them: what is captured first, by framework and class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for framework in ("snntorch", "norse"):
            import_module(f"snndeploy.frontends.{framework}")
        import norse.torch.functional.reset as reset
        from snntorch.functional.quant import state_quant
    soft = {"reset_method": reset.reset_subtract}
    for framework in ("snntorch", "norse"):
        own = [cls for cls, family in FAMILIES.items() if family.framework == framework]
        own += [cls for cls in REFUSED if cls.__module__.startswith(framework)]
        for cls in own:
            name = cls.__name__
            takes = signature(cls).parameters
            if "reset_mechanism" in takes and cls in FAMILIES:
                yield from _resets(framework, cls, "reset_delay" in takes)
                if name == "Leaky":
                    yield from _more(cls, state_quant)
                continue
            yield Variant(framework, cls)
            if name in ("LIFCell", "LIFBoxCell", "IAFCell"):
                yield Variant(framework, cls, "v_reset = -0.2", {"v_reset": -0.2})
            if name in ("LIFCell", "LIFBoxCell", "LIBoxCell"):
                yield Variant(framework, cls, "v_leak = 0.1", {"v_leak": 0.1})
            if name == "LIFBoxCell":
                yield Variant(framework, cls, "reset_method = reset_subtract", soft)
            if name in ("LIFCell", "LIFBoxCell"):
                yield Variant(framework, cls, "one value for all neurons", vector=False)
            if name == "LIFRecurrentCell":
                yield Variant(framework, cls, "autapses", {"autapses": True})


def _resets(framework: str, cls: type, delays: bool) -> Iterator[Variant]:
    for kind, delay in RESETS:
        if not delays and not delay:
            continue
        options: dict[str, Any] = {"reset_mechanism": kind} | ({"reset_delay": delay} if delays else {})
        setting = f"{kind} (reset_delay={delay})" if delays else kind
        if "all_to_all" in signature(cls).parameters:
            yield Variant(framework, cls, setting, options)
            yield Variant(framework, cls, f"{setting}, one to one", options | {"all_to_all": False, "V": 0.4})
        else:
            yield Variant(framework, cls, setting, options)


def _more(cls: type, state_quant: Callable[..., Any]) -> Iterator[Variant]:
    """Options that matter beside the reset, on the setting that files hold best."""
    base = {"reset_mechanism": "zero", "reset_delay": False}
    yield Variant("snntorch", cls, "one value for all neurons", base, vector=False)
    changes: dict[str, dict[str, Any]] = {
        "a threshold per neuron": {"threshold": torch.linspace(0.7, 1.3, 8)},
        "beta = 1": {"beta": 1.0},
        "graded_spikes_factor = 1.5": {"graded_spikes_factor": torch.tensor(1.5)},
        "inhibition": {"inhibition": True},
        "state_quant": {"state_quant": state_quant(num_bits=4)},
    }
    for setting, options in changes.items():
        yield Variant("snntorch", cls, setting, base | options)
