"""Methods of quantisation on networks of other people and of ours: what each keeps of the float network, and its cost.

    python benchmarks/quantisation.py [network ...] --output build/quantisation.json

Everything is chosen on calibration samples and scored on others:

    braille              recurrent network of the NIR paper: chosen on the first 200 recordings, scored on the other 500
    nmnist-to-zero,      convolutional network of the NIR paper in both readings of its reset: chosen on the first 200
    nmnist-by-threshold  recordings, scored on the other 800 (--recordings: up to which; all 1,000)
    mnist-snntorch,      trained here (mnist_models.py): chosen on 200 training digits, scored on all 10,000 test digits
    mnist-norse          at 8 bits and from 2 to 8 bits

Each time `auto` chooses too, with one synapse per weight and (but for nmnist) with two, and what it takes is a row of
the table: it sees nothing but the calibration. Seconds are of this machine and of whatever else it did.

--costs measures what the rows of --output take of the chip again (cores, synapses, axons), as after a change of the
placement; nothing is searched or scored.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mnist_models import train_model
from recordings import braille, nmnist, nmnist_network

from snndeploy import targets
from snndeploy.demo import one_torch_thread
from snndeploy.files import replacing
from snndeploy.network import Network
from snndeploy.quantize import quantize
from snndeploy.targets import Target
from snndeploy.tuning import Score, auto, compare_methods, table
from snndeploy.tuning.score import cost

METHODS = (
    "max-abs",
    "percentile",
    "mean-square",
    "exponents",
    "adaptive",
    "membranes",
    "spike-flip",
    "signs",
    "bands",
    "per-neuron",
    "per-neuron+bands+membranes",
    "split",
    "per-neuron+split",
    "per-neuron+split+membranes",
)
FEW = (
    *("max-abs", "percentile", "mean-square", "exponents", "adaptive", "membranes", "spike-flip"),
    *("signs", "bands", "per-neuron", "split", "per-neuron+split"),
)
LARGE = ("max-abs", "exponents", "adaptive", "signs", "per-neuron+signs", "split")
NARROW = ("adaptive", "per-neuron", "split")
BITS = range(2, 9)
CHOSEN = 200


def measured(
    name: str, network: Network, chip: Target, chosen: Any, scored: Any, labels: Any, methods: Sequence[str]
) -> list[dict[str, Any]]:
    """A row per method."""
    start = time.perf_counter()

    def progress(done: int, total: int, text: str) -> None:
        say(f"{name}: {text} {done} of {total}, {time.perf_counter() - start:.0f} s")

    rows = compare_methods(network, chip, chosen, methods, scored, labels, progress)
    say(f"{name} on {chip.name}\n{table(rows)}\n")
    return [{"network": name, "target": chip.name, **each.as_dict()} for each in rows]


def searched(
    name: str, network: Network, chip: Target, calibration: Any, methods: Sequence[str], allowed: Sequence[int] = (1, 2)
) -> tuple[Any, Any]:
    """The methods, with those that `auto` takes with so many synapses per weight as are allowed; what it tried."""
    found, searches = list(methods), {}
    start = time.perf_counter()

    def progress(done: int, total: int, text: str) -> None:
        say(f"{name}, auto: {text} {done} of {total}, {time.perf_counter() - start:.0f} s")

    for synapses in allowed:
        chosen = auto(network, chip, calibration, synapses=synapses, progress=progress)
        say(f"{name}, auto, {synapses} per weight\n{chosen}\n")
        searches[f"auto, {synapses} per weight"] = chosen.as_dict()
        found += [chosen.method] if chosen.method not in found else []
    return found, searches


@dataclass(frozen=True, eq=False)
class Case:
    """A network, and the samples that its integers are chosen on and scored on."""

    name: str
    network: Network
    chip: Target
    calibration: Any
    scored: Any
    labels: Any
    methods: Sequence[str]
    allowed: Sequence[int] = (1, 2)
    curves: bool = False


def of_braille(given: argparse.Namespace) -> Case:
    """Every method; the 500 are looked at once."""
    del given
    network, x, y = braille()
    return Case("braille", network, targets.load("loihi1"), x[:, :CHOSEN], x[:, CHOSEN:], y[CHOSEN:], METHODS)


def of_nmnist(reset: str, given: argparse.Namespace) -> Case:
    """One reading of its reset."""
    x, y = nmnist(last=given.recordings)
    samples = (x[:, :CHOSEN], x[:, CHOSEN:], y[CHOSEN:])
    return Case(f"nmnist, {reset}", nmnist_network(reset), targets.load("loihi2"), *samples, LARGE, (1,))


def of_mnist(framework: str, given: argparse.Namespace) -> Case:
    """Methods at 8 bits, and the curves over bits of some of them."""
    del given
    network, data, accuracy = train_model(framework)
    say(f"mnist, {framework}: trained to {accuracy:.2%}")
    samples = (*(x.astype(np.uint8) for x in (data.train[:, :CHOSEN], data.test)), data.test_labels)
    return Case(f"mnist, {framework}", network, targets.load("loihi2"), *samples, FEW, curves=True)


def whole(case: Case) -> dict[str, Any]:
    """What each method keeps and takes, and what `auto` takes."""
    own = (case.name, case.network)
    methods, searches = searched(*own, case.chip, case.calibration, case.methods, case.allowed)
    samples = (case.calibration, case.scored, case.labels)
    found = {"rows": measured(*own, case.chip, *samples, methods)}
    if case.curves:
        found["curves"] = [
            {"bits": bits, **row}
            for bits in BITS
            for row in measured(*own, with_bits(case.chip, bits), *samples, NARROW)
        ]
    return {**found, "searches": {case.name: searches}}


def costs(case: Case, before: dict[str, Any]) -> dict[str, Any]:
    """The same, with what the rows take of the chip now."""
    rows = []
    for each in before["rows"]:
        if each["method"] != "float" and not each["refused"]:
            made = quantize(case.network, case.chip, case.calibration, each["method"])
            now = cost(Score(each["method"]), made, case.chip)
            taken = {name: getattr(now, name) for name in ("synapses", "axons", "cores", "thresholds")}
            say(f"{case.name}, {each['method']}: {each['cores']} cores before, {now.cores} now")
            each = {**each, **taken}
        rows.append(each)
    return {**before, "rows": rows}


def with_bits(chip: Target, bits: int) -> Target:
    """The same chip with narrower weights."""
    weight = chip.synapse.weight_bits.model_copy(update={"value": bits})
    return chip.model_copy(update={"synapse": chip.synapse.model_copy(update={"weight_bits": weight})})


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


NETWORKS: dict[str, Callable[[argparse.Namespace], Case]] = {
    "braille": of_braille,
    "nmnist-to-zero": partial(of_nmnist, "to-zero"),
    "nmnist-by-threshold": partial(of_nmnist, "by-threshold"),
    "mnist-snntorch": partial(of_mnist, "snntorch"),
    "mnist-norse": partial(of_mnist, "norse"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="network", help=", ".join(NETWORKS))
    parser.add_argument("--recordings", type=int, default=1000, help="of N-MNIST, up to which they are scored")
    parser.add_argument("--output", type=Path, default=Path("build/quantisation.json"))
    parser.add_argument("--costs", action="store_true", help="of the rows that --output has, alone")
    given = parser.parse_args()
    unknown = [each for each in given.networks if each not in NETWORKS]
    if unknown:
        parser.error(f"{unknown[0]!r} is none of {', '.join(NETWORKS)}")
    before = json.loads(given.output.read_text()) if given.output.exists() else {}
    if given.costs and not set(given.networks or NETWORKS) <= set(before):
        parser.error(f"{given.output} has not all of these networks")
    with one_torch_thread():
        for name in given.networks or NETWORKS:
            case = NETWORKS[name](given)
            before[name] = costs(case, before[name]) if given.costs else whole(case)
            given.output.parent.mkdir(parents=True, exist_ok=True)
            with replacing(given.output) as temporary:
                kept = {each: before[each] for each in NETWORKS if each in before}
                temporary.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
