"""`bundle`: makes the archive, proves it, and only then puts it where it was asked for."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy.bundle.checking import findings
from snndeploy.bundle.describe import contract, narrow
from snndeploy.bundle.members import Members
from snndeploy.bundle.verifier import archive
from snndeploy.bundle.verifier.prove import FORMAT, MANIFEST, prove
from snndeploy.bundle.verifier.reading import text
from snndeploy.bundle.words import words
from snndeploy.engines import Trace, base, run
from snndeploy.errors import Finding, VerdictError, error
from snndeploy.files import check_output, replacing
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.binding import per_sample, registers
from snndeploy.network.digest import network_hash
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers

if TYPE_CHECKING:
    from snndeploy.placement import Placement

MAIN = b'''"""See verifier/main.py."""

import sys

from verifier.main import main

sys.exit(main(sys.argv))
'''
VERSIONS = ("snndeploy", "numpy", "nir", "h5py", "torch", "snntorch", "norse", "lava-nc", "onnxruntime")


def bundle(
    network: Network,
    data: Any,
    path: str | os.PathLike[str],
    *,
    labels: Any = None,
    placement: Placement | None = None,
    engines: Iterable[str] = ("reference",),
    states: bool = True,
) -> dict[str, Any]:
    """Writes a network in the integer form, what it must do, and the proof of it, as one archive.

    The golden run is the reference's. Every engine of `engines` must give it bit for bit, and the verifier of the
    archive, which needs NumPy alone, must do so from the written file; else nothing is written. Equal arguments give
    equal bytes (with the same versions installed, which the archive names).

    Args:
        data: (time, batch, *shape) events, as `engines.run` takes them.
        path: the .zip to write; it appears when it is whole and proven.
        labels: whole numbers (batch,), the class of each sample.
        placement: where its neurons lie.
        states: with u and v of every neuron; without, spikes (and v of populations that emit it) alone.

    Returns:
        What the verifier says of it; "sha256" is that of the file.

    Raises:
        SnnDeployError SD209: the network is not in the integer form. SD802: the file cannot be written. SD864: it would
            be too large. SD103, SD111: data or labels that do not fit.
        VerdictError SD867: an engine or the verifier computes something else.
    """
    spec.check(network)
    check_output(path)
    if network.form != "integer":
        fix = "quantize it first: a bundle is held to every bit, and sums of floats depend on the machine"
        raise error("SD209", "bundle", "the network is in the float form", fix)
    record = ("spikes", "u", "v") if states else ("spikes",)
    golden = run(network, data, record=record)
    agreed = _agreed(golden, network, data, record, engines)
    members = Members()
    members["contract.json"] = text(contract(network, members.kept("arrays")))
    members["contract.txt"] = words(network, states).encode("utf-8")
    members["golden.json"] = text(_golden(golden, network, labels, agreed, members))
    members["model.nir"] = _nir(network)
    if placement is not None:
        members["placement.json"] = text(_placed(placement, members))
    members |= _verifier()
    files = {n: {"bytes": len(b), "sha256": hashlib.sha256(b).hexdigest()} for n, b in sorted(members.items())}
    manifest = {"format": FORMAT, "files": files, "versions": _versions(), "network": network_hash(network)}
    members[MANIFEST] = text(manifest)
    size = sum(len(each) + 200 for each in members.values())
    if size > archive.LARGEST:
        what = f"it would have {size:,} bytes, more than {archive.LARGEST:,}"
        raise error("SD864", str(path), what, "give fewer samples or steps, or leave the states out")
    with replacing(path) as temporary, findings():
        with temporary.open("wb") as stream:
            for piece in archive.pack(members):
                stream.write(piece)
        return prove(temporary) | {"bundle": Path(path).name}


def _agreed(
    golden: Trace, network: Network, data: Any, record: tuple[str, ...], engines: Iterable[str]
) -> dict[str, str]:
    """What each engine says of itself, if it gives the golden run."""
    from snndeploy.conform import compare

    found: dict[str, str] = {}
    wrong: list[Finding] = []
    for name in engines:
        base.load(name)
        other = golden if name == "reference" else run(network, data, name, record)
        same = compare(golden, other)
        if not same.identical:
            wrong.append(Finding("SD867", f"engine {name!r}", f"it gives something else: {same.first}", "report this"))
        found[other.engine] = "identical, states and all" if "u" in record else "identical spikes"
    if wrong:
        raise VerdictError(wrong)
    return found


def _golden(trace: Trace, network: Network, labels: Any, agreed: Mapping[str, str], members: Members) -> Any:
    def packed(bins: Array) -> dict[str, Any]:
        rows = np.packbits(np.asarray(bins, bool).reshape(trace.steps, -1), axis=1)
        return {"file": members.keep("golden", rows), "packed": True}

    def plain(values: Array) -> dict[str, Any]:
        return {"file": members.keep("golden", narrow(values)), "packed": False}

    inputs = {}
    for each in network.given:
        events = trace.inputs[each.name]
        if each.kind == "bias":
            inputs[each.name] = plain(_bias_units(network, trace)[each.population])
        else:
            inputs[each.name] = packed(events) if each.kind == "binary" else plain(events)
    decided = None if network.decision is None else trace.decisions().tolist()
    return {
        "steps": trace.steps,
        "samples": trace.batch,
        "inputs": inputs,
        "spikes": {name: packed(rows) for name, rows in sorted(trace.spikes.items())},
        "u": {name: plain(rows) for name, rows in sorted(trace.u.items())},
        "v": {name: plain(rows) for name, rows in sorted(trace.v.items())},
        "decisions": decided,
        "labels": None if labels is None else _classes(labels, trace.batch),
        "engines": dict(agreed),
    }


def _bias_units(network: Network, trace: Trace) -> dict[str, Array]:
    """The bias of each sample as a chip holds it, mantissa << exponent, int64 (batch, *shape) by population."""
    currents: dict[str, Array] = {}
    for each in per_sample(network):
        currents[each.population] = currents.get(each.population, 0) + np.asarray(trace.inputs[each.name][0])
    found = {}
    for name, current in currents.items():
        rule = network.population[name].rule
        assert isinstance(rule, Registers)
        rows = [registers(name, rule, np.broadcast_to(row, network.shapes[name])) for row in current]
        found[name] = np.stack([mantissa << exponent for mantissa, exponent in rows])
    return found


def _classes(labels: Any, batch: int) -> list[int]:
    found = np.asarray(labels)
    if found.shape != (batch,):
        raise error("SD103", "labels", f"their shape is {found.shape}, not ({batch},)", "one class per sample")
    if found.dtype.kind not in "iuf" or (found != np.floor(found)).any() or found.min() < 0:
        raise error("SD111", "labels", "they are not whole numbers of 0 or more", "number the classes from 0")
    return [int(each) for each in found]


def _nir(network: Network) -> bytes:
    from snndeploy.frontends.nir import write

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "model.nir"
        write(network.with_(source=None), file)
        return file.read_bytes()


def _placed(placement: Placement, members: Members) -> Any:
    told = replace(placement, core_of={}).as_dict()
    told.pop("sites", None)
    told["core_of"] = {n: members.keep("placement", narrow(c)) for n, c in sorted(placement.core_of.items())}
    return told | {"sites": members.keep("placement", narrow(placement.sites))}


def _verifier() -> dict[str, bytes]:
    folder = resources.files("snndeploy.bundle.verifier")
    files = sorted(each.name for each in folder.iterdir() if each.name.endswith(".py"))
    return {"__main__.py": MAIN, **{f"verifier/{name}": folder.joinpath(name).read_bytes() for name in files}}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
