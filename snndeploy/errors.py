"""Every finding snndeploy can report: its code, its sentence, and how it reads.

A finding says where, what, by how much, and the cheapest fix. All findings of one check are raised together.
Codes are stable: a code is never reused for something else.

| range | about |
|-------|-------|
| SD1xx | what a legal network is |
| SD2xx | what a target can hold |
| SD3xx | models of snnTorch and Norse |
| SD4xx | NIR files |
| SD5xx | engines |
| SD6xx | quantisation |
| SD7xx | comparison |
| SD8xx | commands, files and arguments |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

CODES: dict[str, str] = {
    # network
    "SD101": "a name is used twice",
    "SD102": "a name is unknown",
    "SD103": "a shape does not fit",
    "SD104": "a value is not a finite number",
    "SD105": "a value is out of its range",
    "SD106": "a loop of projections has no delay",
    "SD107": "float and integer parts are mixed",
    "SD108": "a population without threshold feeds others in integer form",
    "SD109": "a register does not hold the value",
    "SD110": "a weight is not on the grid of its format",
    "SD111": "an input is not of the kind that the network declares",
    "SD112": "the network has no input or no output",
    "SD113": "settings exclude each other",
    "SD114": "a population receives nothing",
    "SD115": "a map has too many synapses to be written out",
    # targets
    "SD201": "there is no such target",
    "SD202": "a target's file cannot be read",
    "SD203": "something does not fit into a core",
    "SD204": "a field of a target is missing or wrong",
    "SD205": "more cores are needed than a chip has",
    "SD206": "a target has no such neuron",
    "SD207": "a target takes no such input",
    "SD208": "a delay is longer than a target can hold",
    "SD209": "a network is not in the form that is needed",
    "SD210": "data that comes with the package is missing",
    "SD211": "all weights of a projection are zero",
    "SD212": "different settings of neurons take cores",
    "SD250": "spike rates do not fit the network",
    "SD251": "an arrangement of cores is not offered",
    "SD252": "a target does not say what events cost",
    "SD253": "a second opinion does not hold a placement",
    "SD254": "a second opinion failed",
    "SD260": "a placement does not belong to a network",
    "SD261": "a run of cores has no engine time",
    "SD262": "a sum that is rounded would come from several cores",
    "SD263": "a plan cannot be read, or was changed",
    # lint
    "SD220": "dt is no plausible time",
    "SD221": "a time constant is not plausible",
    "SD222": "a time constant is shorter than two steps",
    "SD223": "a decay is far from what a register holds",
    "SD224": "truncation takes a large part of the threshold",
    "SD225": "a bias is below the resolution of the registers",
    "SD226": "the worst case leaves little room for the threshold",
    "SD227": "a neuron can never spike",
    "SD228": "a neuron always spikes",
    "SD229": "the threshold lies on the lattice of the weights",
    "SD230": "membranes come within rounding of the threshold",
    "SD231": "a neuron never spikes in the data",
    "SD232": "a neuron spikes all the time in the data",
    "SD233": "a module keeps its state between calls",
    "SD234": "a sample changes the one that follows it",
    "SD235": "a binary input is fed with counts",
    "SD236": "the decision has fewer neurons than there are classes",
    "SD237": "a delay is longer than the sample",
    # capacities of cores and machines
    "SD240": "more chips are needed than a machine has",
    "SD241": "a weight is wider than a synapse of a target",
    "SD242": "a register holds more than that of a target",
    "SD243": "a core has fewer synapse formats than are needed",
    "SD244": "there is no such strategy of placement",
    # NIR files
    "SD401": "a file is not HDF5, or it is damaged",
    "SD402": "a file exceeds a limit",
    "SD403": "a file leads outside itself or in circles",
    "SD404": "a file is not a NIR graph",
    "SD405": "an edge names no node, or a node cannot be reached",
    "SD406": "a node's value is out of its range",
    "SD407": "a node's shape does not fit",
    "SD408": "a NIR file does not say its time step",
    "SD409": "a NIR file does not say what a spike resets",
    "SD410": "a loop can be read in two ways",
    "SD411": "a NIR node cannot be expressed in steps",
    "SD412": "the block of a NIR file contradicts its plain fields",
    "SD413": "the block of a NIR file cannot be understood",
    "SD414": "a network cannot be written as NIR",
    "SD415": "a network has no exact form in plain NIR",
    "SD416": "a framework's own importer cannot hold a network",
    "SD417": "a NIR file cannot be written in this style",
    "SD418": "what the caller says contradicts a NIR file",
    "SD419": "a NIR file does not say the unit of its times",
    "SD420": "an exchange file of lava-dl is not as it should be",
    "SD421": "a layer of lava-dl is not supported",
    "SD422": "a value of a lava-dl layer is out of its range",
    # models of snnTorch and Norse
    "SD301": "a module is not supported",
    "SD302": "an operation is not supported",
    "SD303": "a constant would be lost",
    "SD304": "a neuron is used twice in a step",
    "SD305": "the state of a neuron does not come back to it",
    "SD306": "a module is in training mode",
    "SD307": "what happens depends on the data",
    "SD308": "a setting of a module is not supported",
    "SD309": "two time steps differ",
    "SD310": "the steps of a module differ",
    "SD311": "the installed framework behaves differently",
    "SD312": "the module itself fails",
    "SD313": "the module has no neuron or no output",
    "SD314": "a module has hooks",
    "SD315": "an input is never used",
    "SD316": "a sample does not fit the arguments of forward",
    "SD317": "a sample says little about a population",
    # networks as modules of snnTorch and Norse
    "SD330": "a framework cannot hold a part of the network",
    "SD331": "a rebuilt module differs from its network",
    # engines
    "SD501": "there is no such engine",
    "SD502": "an engine is not installed",
    "SD503": "an engine has no such option",
    # engine torch
    "SD520": "a device is not there",
    "SD521": "an arithmetic is not offered",
    "SD522": "an input has no integer form",
    "SD523": "a sum of products is not exact",
    "SD524": "a projection has no unit that computes it",
    "SD525": "a limit of the torch engine is not as it should be",
    # engines snntorch and norse
    "SD530": "the network does not come from this framework",
    "SD531": "the network is not what its module computes",
    "SD532": "the module failed while it ran",
    "SD533": "the module cannot do these steps",
    # quantisation
    "SD601": "the network is already in the integer form",
    "SD602": "a decay is out of reach of the registers",
    "SD603": "a value is out of reach of the registers",
    "SD604": "a neuron has no integer form",
    "SD605": "a setting has no equivalent on a chip",
    "SD606": "the calibration does not fit",
    "SD607": "no scale satisfies every register",
    "SD608": "the worst case overflows",
    "SD609": "a quantisation method is not known",
    "SD610": "no quantisation method fits the budget",
    "SD611": "an input cannot be encoded so",
    "SD612": "a value is beyond what its encoding holds",
    # engine lava
    "SD510": "Lava cannot hold a part of the network",
    "SD511": "a sum may leave Lava's 32 bits",
    "SD512": "Lava's own code failed",
    "SD513": "Lava's runtime failed or did not end",
    "SD514": "a setting of the engine is out of its range",
    "SD515": "Lava could not be installed",
    # engine onnx, and ONNX files
    "SD540": "an ONNX model is too large",
    "SD541": "a setting of an ONNX model is not offered",
    "SD542": "an ONNX model is not what its network computes",
    "SD543": "a number does not fit into float32",
    # comparison
    "SD701": "two traces have nothing in common",
    "SD702": "two traces differ in shape",
    "SD703": "two traces have different inputs",
    "SD704": "a lag does not fit",
    "SD720": "a tier is not one",
    "SD721": "a verification cannot be run",
    "SD722": "a recording does not fit",
    "SD723": "a population cannot be identified",
    "SD724": "a neuron cannot be explained",
    # conformance suite
    "SD740": "the conformance suite cannot be read",
    "SD741": "there is no such adapter",
    "SD742": "an adapter cannot be loaded",
    "SD743": "a list of vectors has no reason",
    "SD744": "a pattern fits no vector",
    # commands, files and arguments
    "SD800": "a command is not used as it should be",
    "SD801": "a file or a model cannot be found",
    "SD802": "an output cannot be written",
    "SD803": "a file does not hold arrays of numbers",
    "SD804": "a model file does not work",
    "SD805": "weights do not fit the module",
    "SD806": "a trace file is damaged or of another kind",
    "SD807": "training went wrong",
    "SD808": "the memory does not suffice",
    "SD810": "a captured network differs from its module",
    # data sets in shards
    "SD820": "a worker died",
    "SD821": "finished shards belong to another run",
    "SD822": "a work folder is in use",
    "SD823": "a cluster cannot be used",
    "SD824": "files of a data set do not fit together",
    # training
    "SD840": "a run cannot be written down",
    "SD841": "a checkpoint is damaged",
    "SD842": "a run is not the one that was begun",
    "SD843": "a training sample is bad",
    "SD844": "training lost its numbers",
    "SD845": "a module could not be deployed after training",
    "SD846": "training cannot be accelerated",
    "SD850": "training cannot be cut into pieces of time",
    "SD890": "a learning rule of its own has no use for a setting",
    "SD891": "a learning rule of its own cannot run",
    # data
    "SD880": "data is not there",
    "SD881": "a file of data is damaged",
    "SD882": "the time axis of data is lost",
    "SD883": "what was fetched is not the published file",
    "SD884": "an event lies beyond its sensor",
    "SD885": "a package that reads data is missing",
    # cards and trained networks
    "SD896": "a run cannot be made into a card",
    "SD897": "there is no such trained network",
    "SD898": "a card cannot be read",
    # pictures
    "SD888": "a page cannot hold all activations",
    # bundles
    "SD860": "a bundle is damaged",
    "SD861": "a file of a bundle was changed",
    "SD862": "a bundle lacks a file, or holds one too many",
    "SD863": "a name in a bundle is not allowed",
    "SD864": "a bundle exceeds a limit",
    "SD865": "a member of a bundle is no plain file",
    "SD866": "a bundle cannot be understood",
    "SD867": "a bundle is not reproduced",
    "SD868": "a bundle is not the one that was named",
    "SD899": "something unforeseen happened",
}


Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Attributes:
        code: stable code, a key of `CODES`.
        where: the file, node, module path, population or projection.
        what: what is wrong, with value and limit.
        fix: what to do, cheapest first; empty where nothing can be done.
        severity: "error" stops the verb; "warning" and "note" do not.
    """

    code: str
    where: str
    what: str
    fix: str = ""
    severity: Severity = "error"

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise KeyError(f"{self.code} is not listed in snndeploy/errors.py")

    def __str__(self) -> str:
        fix = f" Fix: {self.fix}" if self.fix else ""
        return f"{self.code} {self.where}: {self.what.rstrip('.')}.{fix}"

    def as_dict(self) -> dict[str, str]:
        return {
            "code": self.code,
            "title": CODES[self.code],
            "where": self.where,
            "what": self.what,
            "fix": self.fix,
            "severity": self.severity,
        }


class SnnDeployError(Exception):
    """Carries every finding of one check. `exit_code` is what the command line returns."""

    exit_code = 2

    def __init__(self, findings: Finding | Iterable[Finding]):
        self.findings = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))

    def __reduce__(self) -> tuple[type[SnnDeployError], tuple[tuple[Finding, ...]]]:
        return type(self), (self.findings,)


class VerdictError(SnnDeployError):
    """The input was good, and the answer is no: two things differ, or something does not fit."""

    exit_code = 1


class MissingEngineError(SnnDeployError):
    """The engine, or a package that it needs, is not installed."""

    exit_code = 3


def error(code: str, where: str, what: str, fix: str = "") -> SnnDeployError:
    """A `SnnDeployError` of one finding, to be raised."""
    return SnnDeployError(Finding(code, where, what, fix))


def raise_errors(findings: Iterable[Finding]) -> None:
    """Raises all findings of severity "error" at once; returns if there is none."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise SnnDeployError(errors)
