"""Placement of an integer network: populations split, packed onto cores, counted, and laid onto the mesh."""

from __future__ import annotations

from pathlib import Path

from snndeploy.errors import Finding, VerdictError, error, raise_errors
from snndeploy.network import spec
from snndeploy.network.network import Network
from snndeploy.placement import rules
from snndeploy.placement.arrange import arrange as arranged
from snndeploy.placement.pack import STRATEGIES, plan
from snndeploy.placement.plan import Placement
from snndeploy.placement.rates import Given
from snndeploy.placement.settings import settings
from snndeploy.placement.tally import cores
from snndeploy.placement.traffic import traffic
from snndeploy.placement.wires import wires
from snndeploy.quantize import rules as target_rules
from snndeploy.targets import Target
from snndeploy.targets import load as load_target


def place(
    network: Network,
    target: str | Path | Target,
    *,
    rates: Given = None,
    arrange: str = "metis",
    seed: int = 0,
    strategy: str = "best",
) -> Placement:
    """Assigns every neuron to a core, none of them above a limit of the target.

    A core holds so many neurons, input axons, output axons, bits of synaptic memory, thresholds, settings of neurons
    and formats of synapses. An output axon is one neuron, one of its projections, one core that it reaches; events of
    inputs come from outside and take none. Cores are laid onto tiles and chips so that few spikes go far; see
    `arrange.arrange`.

    Args:
        rates: spikes per neuron and step: a trace, a number, or numbers by name of input and population; None: every
            neuron alike.
        arrange: "rows", "greedy" or "metis".
        seed: of "metis".
        strategy: how populations are split, see `pack.STRATEGIES`. "best" tries "fewest" and "greedy" and takes the
            plan with fewer cores, of nearly equal ones that with fewer output axons; "greedy" is first-fit, the
            baseline.

    Raises:
        SnnDeployError: the network is not in the integer form, or the target cannot hold it (delays, resets).
        SnnDeployError SD244, SD250, SD251: there is no such strategy, rates do not fit, no such arrangement.
        VerdictError SD203: something does not fit into any core. SD240: more chips are needed than a machine has.
            SD241, SD242, SD243: weights, registers or formats that the target does not hold. All of it at once.
    """
    chip = load_target(target)
    if strategy != "best" and strategy not in STRATEGIES:
        fix = f"choose from best, {', '.join(STRATEGIES)}"
        raise error("SD244", f"strategy {strategy!r}", "there is no such strategy", fix)
    spec.check(network)
    if network.form != "integer":
        raise_errors([Finding("SD209", "network", "it is in the float form", "quantise it first")])
    lacks = [each for each in target_rules.findings(network, chip) if each.severity == "error"]
    if any(each.code == "SD106" for each in lacks):
        raise_errors(lacks)
    all_wires = wires(network, chip)
    into = {p.name: tuple(w for w in all_wires if w.projection.target == p.name) for p in network.populations}
    problems = rules.findings(network, chip, into)
    raise_errors([*lacks, *problems] if lacks else [])
    if problems:
        raise VerdictError(problems)
    needs = settings(network)
    chosen = plan(network, chip, into, needs, strategy)
    filled = cores(chip, all_wires, chosen.core_of, needs)
    rules.check_counted(chip, filled)
    notes: list[Finding] = []
    if any(max(c.share["thresholds"], c.share["neuron_settings"]) == 1 for c in filled[:-1]):
        free = plan(network, chip, into, None, chosen.strategy)
        notes += rules.settings_take_no_cores(network, chip, needs, len(filled), free.cores)
    notes += rules.every_core_has_a_chip(network, chip, filled)
    wrong = [each for each in notes if each.severity == "error"]
    if wrong:
        raise VerdictError(wrong)
    moved = traffic(network, chosen.core_of, rates)
    where = arranged(moved.between, chip, arrange, seed)
    how = f"{arrange}, spike rates {moved.said}"
    core_of, number = chosen.core_of, chip.chip.cores.value
    return Placement(chip.name, number, filled, core_of, where, how, tuple(notes), strategy=chosen.strategy)
