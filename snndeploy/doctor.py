"""What is installed here, which engines run, and what is known about these versions."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

from snndeploy.errors import MissingEngineError, SnnDeployError

LAVA = "0.10.0"
PACKAGES = (
    "snndeploy",
    "numpy",
    "scipy",
    "networkx",
    "h5py",
    "nir",
    "torch",
    "snntorch",
    "norse",
    "lava-nc",
    "asteval",
    "onnx",
    "onnxruntime",
    "lightning-fabric",
    "scikit-learn",
    "matplotlib",
    "rich",
    "typer",
)
# (package, version, what is known, what is done about it)
QUIRKS = (
    ("nir", "1.0.8", "reading damaged files may hang or take all memory", "files are read in a child with limits"),
    ("lava-nc", LAVA, "does not import on Python >= 3.11, nor reshape with NumPy >= 2.4", "both are patched at import"),
    ("snntorch", "1.0.0", "export_to_nir loses reset, dt and hidden parameters", "modules are traced instead"),
    ("norse", "1.1.0", "to_nir multiplies by dt twice and drops cells silently", "modules are traced instead"),
    ("norse", "1.1.0", "pulls torchvision in, which a CPU build of torch cannot load", "nothing here imports it"),
)


def examine(progress: Callable[[int, int, str], None]) -> dict[str, Any]:
    """Versions, engines (each runs two neurons and is compared with the reference), devices, known quirks."""
    from snndeploy.engines.base import ENGINES

    versions = {name: _version(name) for name in PACKAGES}
    engines = {}
    for done, name in enumerate(ENGINES):
        progress(done, len(ENGINES), name)
        start = time.perf_counter()
        state, detail = _try(name)
        engines[name] = {"state": state, "detail": detail, "seconds": round(time.perf_counter() - start, 2)}
    return {
        "ok": all(each["state"] == "runs" for each in engines.values()),
        "python": sys.version.split()[0],
        "packages": versions,
        "engines": engines,
        "devices": _devices(),
        "quirks": [
            {"package": f"{package} {version}", "known": known, "here": done}
            for package, version, known, done in QUIRKS
            if versions[package] == version
        ],
    }


def print_tables(console: Any, found: dict[str, Any]) -> None:
    """`examine`'s answer for people."""
    from rich.markup import escape
    from rich.table import Table

    packages = Table("package", "version", box=None, title="Packages", title_justify="left")
    packages.add_row("python", found["python"])
    for name, version in found["packages"].items():
        packages.add_row(name, version or "-")
    engines = Table("engine", "state", "seconds", "", box=None, title="Engines", title_justify="left")
    for name, each in found["engines"].items():
        colour = {"runs": "green", "missing": "yellow", "wrong": "red"}[each["state"]]
        engines.add_row(name, f"[{colour}]{each['state']}[/]", f"{each['seconds']:.2f}", escape(each["detail"]))
    quirks = Table("package", "known", "here", box=None, title="Known about these versions", title_justify="left")
    for each in found["quirks"]:
        quirks.add_row(each["package"], escape(each["known"]), escape(each["here"]))
    for table in (packages, engines, quirks):
        console.print(table)
        console.print()
    console.print("devices: " + ", ".join(found["devices"]), markup=False)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> list[str]:
    try:
        import torch
    except ImportError:
        return ["cpu"]
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ["cpu", *(f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(count))]


def _try(name: str) -> tuple[str, str]:
    """("runs" | "missing" | "wrong", one line). Engines of a framework run what they capture; the others both forms."""
    import numpy as np

    from snndeploy import engines
    from snndeploy.conform import compare
    from snndeploy.files import short

    spikes = np.array([[1, 0], [1, 1], [0, 1], [1, 1], [0, 0], [1, 1], [1, 0], [1, 1]])[:, None]
    try:
        engines.base.load(name)
        networks = [_captured(name)] if name in ("snntorch", "norse") else _two_neurons()
        same = []
        for network in networks:
            reference, other = (engines.run(network, spikes, each, ("spikes", "v")) for each in ("reference", name))
            same.append(compare(reference, other))
    except MissingEngineError as problem:
        return "missing", " ".join(filter(None, (problem.findings[0].what, problem.findings[0].fix)))
    except SnnDeployError as problem:
        return "wrong", str(problem.findings[0])
    except Exception as problem:  # an engine that breaks is what a doctor looks for
        return "wrong", f"{type(problem).__name__}: {short(problem)}"
    if not all(each.agrees for each in same):
        return "wrong", f"two neurons differ from the reference: {next(each.first for each in same if not each.agrees)}"
    forms = " and ".join(network.form for network in networks)
    return "runs", f"{same[0].b}: two neurons, {forms} form, {same[0].verdict}"


def _two_neurons() -> list[Any]:
    """One layer of two neurons in each form; all numbers are dyadic."""
    import numpy as np

    from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers, Rule

    weight = np.array([[0.75, 0.5], [-0.25, 1.0]])

    def network(rule: Rule | Registers, dense: Dense, form: Format | None) -> Network:
        out = Population("out", (2,), rule)
        projections = (Projection("in", "out", (dense,), format=form),)
        return Network(1e-3, (Input("in", (2,)),), (out,), projections, ("out",))

    return [
        network(Rule(beta=0.5, threshold=1.0), Dense(weight), None),
        network(Registers(du=4095, dv=2048, vth=64), Dense((weight * 64).astype(int)), Format()),
    ]


def _captured(framework: str) -> Any:
    """Two neurons in a module of the framework, captured."""
    import numpy as np
    import torch

    from snndeploy.frontends import capture

    linear = torch.nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[0.75, 0.5], [-0.25, 1.0]]))
    module: Any
    if framework == "snntorch":
        import snntorch

        module = torch.nn.Sequential(linear, snntorch.Leaky(beta=0.5, init_hidden=True))
    else:
        from norse.torch import LIFBoxCell, LIFBoxParameters, SequentialState

        p = LIFBoxParameters(tau_mem_inv=torch.tensor(500.0), v_th=torch.tensor(0.5))
        module = SequentialState(linear, LIFBoxCell(p, dt=1e-3))
    return capture(module.eval(), np.ones((2, 1, 2)), 1e-3)
