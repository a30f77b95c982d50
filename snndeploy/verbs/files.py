"""Networks in files: NIR, ONNX and bundles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from snndeploy.verbs.given import Path, events_of

if TYPE_CHECKING:
    from snndeploy.frontends.onnx import Interface
    from snndeploy.network import Network
    from snndeploy.network.network import InputKinds
    from snndeploy.placement import Placement


def read(
    path: Path,
    dt: float | None = None,
    reset: str | None = None,
    *,
    delays: Mapping[tuple[str, str], int] | None = None,
    kind: InputKinds = "binary",
    integrators: str = "per-second",
    unit: str | None = None,
    ignore_block: bool = False,
) -> Network:
    """The network in a NIR file, or in an exchange file of lava-dl (.net); what the file is decides, not its name.

    Args:
        path: of the file; "trained:digits_csnn" means the shipped network of that name (`snndeploy models`).
        dt: seconds per step; needed for files that snndeploy did not write.
        reset: what a spike does, for files that do not say so ("to-zero", "by-threshold", ...).
        delays: {(source, target): steps}, for loops over several neurons that can be read in several ways.
        kind: of the inputs, "binary", "counts" or "real", or a dict by input.
        integrators: whether r of I and IF is "per-second", as NIR says, or "per-step", as some writers mean it.
        unit: of the times in the file, "s", "ms" or "steps", for files whose time constants are no plausible seconds.
        ignore_block: read the plain fields of a file that snndeploy wrote, as any other reader does.

    Raises:
        SnnDeployError SD4xx: the file is damaged, ambiguous, or holds something that the network cannot. SD897: there
            is no such trained network.
    """
    from snndeploy.frontends.nir import read as read_nir
    from snndeploy.models import network_file

    said = {"delays": delays, "kind": kind, "integrators": integrators, "unit": unit, "ignore_block": ignore_block}
    return read_nir(network_file(path), dt=dt, reset=reset, **said)


def write(network: Network, path: Path, style: str = "standard", for_: str | None = None) -> tuple[str, ...]:
    """Writes a network of either form as a NIR file that any reader opens; `read` gives back the same network.

    Args:
        style: "standard", or "decomposed": soft resets by NIR's primitives alone, exact for readers of plain NIR.
        for_: "norse" or "snntorch": that library's own importer then builds a module with the same spikes.

    Returns:
        How to import the file where that needs saying, a line each.

    Raises:
        SnnDeployError: the network is not legal (SD1xx), the style or the reader cannot hold it (SD415, SD416), or the
            file cannot be written.
    """
    from snndeploy.frontends.nir import write as write_nir

    return write_nir(network, path, style, for_)


def export(
    network: Network,
    path: Path,
    form: str = "sequence",
    *,
    dtype: str = "float32",
    batch: int | None = None,
    states: bool = False,
    record: Iterable[str] = ("spikes",),
    everywhere: bool = False,
    largest: int | Mapping[str, int] | None = None,
    opset: int | None = None,
    sample: Any = None,
) -> Interface:
    """Writes a network of either form as an ONNX file, which onnxruntime runs without snndeploy.

    Before it is there, the model is checked by onnx and run by onnxruntime, and must give the network's spikes (of
    integers also v), but for proven ties of the float form. The integer form uses integer types and wraps, clips and
    truncates as the registers do.

    Args:
        form: "sequence": (time, batch, *shape) in, all steps of the outputs out. "step": one step (batch, *shape), with
            a tensor `NAME.before` in and `NAME.after` out for each state; all zeros are the start.
        dtype: "float32" or "float64", of the float form.
        batch: samples; None: any number.
        states: the sequence takes and gives states as a step does, so that long recordings run in parts.
        record: of "spikes", "u" and "v"; an output without threshold gives v.
        everywhere: of all populations, not of the outputs alone.
        largest: the largest count or signed number that comes in, or by name of input; the type is the smallest that
            holds it. None: counts are uint8, signed numbers int8.
        opset: of ONNX, 21 or more; None: the newest that the installed onnx knows, at most 28.
        sample: (time, batch, *shape) input to prove it on; None: random input of the network's kind. The file itself
            takes the events of a network with encodings, not what they encode.

    Returns:
        The names of inputs, outputs and states in the file; they are in its metadata too.

    Raises:
        SnnDeployError: the network is not legal (SD1xx), counts may leave 64 bits (SD523), a setting is not offered
            (SD541), the file would be too large (SD540), a number does not fit (SD543) or it cannot be written (SD802).
        VerdictError SD542: the model is not what the network computes. MissingEngineError SD502.
    """
    from snndeploy.conform.exported import export as write_onnx

    chosen: dict[str, Any] = {"states": states, "record": record, "everywhere": everywhere, "largest": largest}
    return write_onnx(network, path, form, dtype, batch, opset=opset, sample=events_of(network, sample), **chosen)


def bundle(
    network: Network,
    data: Any,
    path: Path,
    *,
    labels: Any = None,
    placement: Placement | None = None,
    engines: Iterable[str] = ("reference",),
    states: bool = True,
) -> dict[str, Any]:
    """Writes an integer network, a golden run and their proof as one archive, which needs NumPy alone to prove itself.

    `snndeploy verify model.zip` checks every byte and runs it again, and so does `python model.zip`, which runs code
    out of the archive: for people who trust its sender.

    Args:
        data: (time, batch, *shape) input. labels: class of each sample (batch,).
        placement: of `place`; it is packed as well.
        engines: who must give the golden run bit for bit, before anything is written.
        states: with u and v of every neuron.

    Returns:
        What was proven; "sha256" of the whole file is what to tell whom you send it to.

    Raises:
        SnnDeployError SD209: the network is in the float form. SD802: the file cannot be written.
        VerdictError SD867: an engine computes something else.
    """
    from snndeploy.bundle.writing import bundle as pack

    chosen: dict[str, Any] = {"labels": labels, "placement": placement, "engines": engines, "states": states}
    return pack(network, events_of(network, data), path, **chosen)
