"""The backends that come with the suite: engines of snndeploy, and other libraries' own NIR importers."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal

from snndeploy.errors import error

Family = Literal["engine", "importer"]


@dataclass(frozen=True)
class Backend:
    """A backend by name.

    Attributes:
        target: "module:object" of the adapter.
        package: the distribution that must be installed, beside snndeploy; "" if none.
        module: its top module.
        about: what runs, in a few words.
        family: "engine" of snndeploy, which reads the file and runs the network under any contract, or another
            library's "importer", which reads the file itself, always in its own way.
        foreign: the code that computes neurons was not written here.
        fix: how to install it.
    """

    name: str
    target: str
    package: str
    module: str
    about: str
    family: Family
    foreign: bool
    fix: str = ""

    @property
    def missing(self) -> str:
        """Why it cannot run here, or ""."""
        return f"{self.package} is not installed: {self.fix}" if self.module and find_spec(self.module) is None else ""

    @property
    def version(self) -> str:
        try:
            return version(self.package) if self.package else ""
        except PackageNotFoundError:
            return ""


_HERE = "snndeploy.conform.suite.adapters"
_BACKENDS = "pip install 'snndeploy[backends]'"
_LAVA = "snndeploy install-lava"


def _engine(
    name: str, about: str, package: str = "", module: str = "", foreign: bool = False, fix: str = ""
) -> Backend:
    return Backend(name, f"{_HERE}.engines:{name.replace('-', '_')}", package, module, about, "engine", foreign, fix)


def _importer(name: str, about: str, package: str, fix: str = _BACKENDS) -> Backend:
    target = f"{_HERE}.{package}:run"
    return Backend(name, target, package, package, about, "importer", name != "nirtorch", fix)


BACKENDS: dict[str, Backend] = {
    each.name: each
    for each in (
        _engine("reference", "the definition: NumPy, float64"),
        _engine("torch", "the torch engine, float64", "torch", "torch"),
        _engine(
            "onnx",
            "an ONNX model in onnxruntime, float64",
            "onnxruntime",
            "onnxruntime",
            fix="pip install 'snndeploy[onnx]'",
        ),
        _engine("snntorch", "snnTorch's neurons in a module rebuilt from the network", "snntorch", "snntorch", True),
        _engine("norse", "Norse's cells in a module rebuilt from the network", "norse", "norse", True),
        _engine("lava", "Lava's processes in floating point, where they hold the rule", "lava-nc", "lava", True, _LAVA),
        _engine("lava-fixed", "Lava's bit-accurate processes on integers of loihi2", "lava-nc", "lava", True, _LAVA),
        _importer("snntorch-importer", "`snntorch.import_nir.import_from_nir(graph)`", "snntorch"),
        _importer("norse-importer", "`norse.torch.from_nir(graph, dt=dt)`", "norse"),
        _importer("nirtorch", "`nirtorch.nir_to_torch(graph, map)` with neurons after NIR's equations", "nirtorch"),
        _importer("spikingjelly", "`nir_exchange.import_from_nir(graph, dt=dt)`", "spikingjelly"),
        _importer("sinabs", "`sinabs.nir.from_nir(graph, batch_size)`, tau given in steps", "sinabs"),
        _importer("rockpool", "`rockpool.nn.modules.from_nir(graph)`", "rockpool"),
    )
}
# backends that people ask for, and why there is no adapter
ABSENT = {
    "nengo": "it has no reader of NIR files",
    "spyx": "it is built on JAX and is not installed here",
    "lava-dl": "its reader of NIR files is an open pull request, and it asks for Python 3.10",
}


def backend(name: str) -> Backend:
    """Raises SnnDeployError SD741: there is none of that name."""
    if name not in BACKENDS:
        reason = f": {ABSENT[name]}" if name in ABSENT else ""
        choice = f"give your own as module:object, or choose from {', '.join(BACKENDS)}"
        raise error("SD741", f"adapter {name!r}", f"no adapter of that name comes with the suite{reason}", choice)
    return BACKENDS[name]
