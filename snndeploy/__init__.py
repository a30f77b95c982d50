"""Trained snnTorch and Norse networks on Loihi's integers, spike for spike: the public verbs, nothing else.

    net   = capture(module, sample, dt=1e-3)        q    = quantize(net, target="loihi2", calibration=spikes)
    net   = read("model.nir"); write(net, path)     plan = place(q, target="loihi2")
    found = lint(net, target="loihi2")              same = compare(run(net, spikes), run(net, spikes, engine="lava"))

Nothing heavy is imported until a verb is called.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snndeploy.verbs import (
        advise,
        budget,
        bundle,
        capture,
        card,
        certify,
        compare,
        compare_engines,
        compare_methods,
        conformance,
        cost,
        diagnose,
        encode,
        evaluate,
        export,
        finetune,
        identify,
        lint,
        place,
        quantize,
        read,
        report,
        run,
        search,
        to_norse,
        to_snntorch,
        train,
        verify,
        visualise,
        why,
        write,
    )

__all__ = [
    "advise",
    "budget",
    "bundle",
    "capture",
    "card",
    "certify",
    "compare",
    "compare_engines",
    "compare_methods",
    "conformance",
    "cost",
    "diagnose",
    "encode",
    "evaluate",
    "export",
    "finetune",
    "identify",
    "lint",
    "place",
    "quantize",
    "read",
    "report",
    "run",
    "search",
    "to_norse",
    "to_snntorch",
    "train",
    "verify",
    "visualise",
    "why",
    "write",
]


class _Package(ModuleType):
    """Importing the subpackage `snndeploy.quantize` would set an attribute that hides the verb of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in __all__:
        from snndeploy import verbs

        return getattr(verbs, name)
    if name == "__version__":
        from importlib.metadata import version

        return version("snndeploy")
    raise AttributeError(f"module 'snndeploy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
