"""What the data show: neurons that never or always spike, state that leaks between samples, inputs and labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.errors import SnnDeployError
from snndeploy.lint.check import Case, Check, Subject, some
from snndeploy.network.registers import Registers
from snndeploy.network.rule import Rule

ALWAYS = 0.95


def every_neuron_spikes_somewhere(subject: Subject) -> Iterator[Case]:
    """sum over time and samples of s > 0.

    A neuron that is silent on data like those of its use costs a core its place and decides nothing.
    Source: measured with the reference on all samples.
    """
    seen = None if subject.data is None else subject.data.seen
    for name, spikes in ({} if seen is None else seen.spikes).items():
        silent = spikes == 0
        if seen is not None and silent.any():
            what = f"{some(silent)}, {silent.mean():.0%}, never spike in {seen.bins:,} steps of the data"
            fix = "give data like those of its use; else prune them, lower the threshold, or train with a rate penalty"
            yield Case(f"population {name!r}", what, fix)


def no_neuron_spikes_all_the_time(subject: Subject) -> Iterator[Case]:
    """mean over time and samples of s < 0.95.

    Such a neuron says nothing that a bias would not say, and costs an event per synapse and step.
    Source: measured with the reference on all samples; the limit is our own.
    """
    seen = None if subject.data is None else subject.data.seen
    for name, spikes in ({} if seen is None else seen.spikes).items():
        if seen is None:
            continue
        on = spikes >= ALWAYS * seen.bins
        if on.any():
            what = f"{some(on)}, {on.mean():.0%}, spike in at least {ALWAYS:.0%} of {seen.bins:,} steps of the data"
            fix = "raise the threshold, lower the bias, or replace them by a bias of what they feed"
            yield Case(f"population {name!r}", what, fix)


def the_module_keeps_no_state_between_calls(subject: Subject) -> Iterator[Case]:
    """The captured module does the same when it is called again: neither a neuron of it (snnTorch's init_hidden=True)
    nor the module itself (self.mem, self.state) holds a state.

    The network starts every sample from its initial state; such a module goes on from where the last call ended.
    Source: snnTorch 1.0, `utils.reset`; measured by two calls in a row with the same random input.
    """
    source = subject.network.source
    if source is None:
        return
    hidden = set()
    for name, path in source.paths.items():
        try:
            module = source.module.get_submodule(path)
        except AttributeError:
            continue
        if getattr(module, "init_hidden", False):
            hidden.add(name)
            what = f"its module {path!r} keeps its state between calls (init_hidden=True); the network never does"
            fix = "call snntorch.utils.reset(module) before every sample wherever the module itself is run"
            yield Case(f"population {name!r}", what, fix)
    if hidden:
        return
    from snndeploy.conform.rebuilt import random_input
    from snndeploy.engines.framework import remembers

    try:
        kept = remembers(subject.network, random_input(subject.network))
    except SnnDeployError:
        return  # the module fails, which running it says
    for name in kept:
        what = f"a second call of {type(source.module).__name__} goes on where the first ended: it keeps the state of"
        what += f" {source.paths[name]!r} itself; the network never does"
        fix = "set it back before every sample wherever the module itself is run, or hand the state in and out"
        yield Case(f"population {name!r}", what, fix)


def a_sample_leaves_nothing_for_the_next(subject: Subject) -> Iterator[Case]:
    """s of a sample that follows another without a reset = s of the sample alone.

    After silence for n steps beta^n of v is left; n = ln(0.01·theta/|v|)/ln(beta) brings it below 1 % of theta.
    Source: measured by running pairs of samples; for Lava, LIFReset (lava-nc 0.10.0).
    """
    seen = None if subject.data is None else subject.data.seen
    if seen is None or subject.data is None:
        return
    for name, moved in seen.moved.items():
        if not moved:
            continue
        rule, left = subject.network.population[name].rule, seen.left[name]
        what = f"{moved:,} of {seen.looked[name]:,} bins change if samples follow each other without a reset"
        fix = "reset all state before each sample, as run does (snntorch.utils.reset; Norse: state None;"
        fix += f" Lava: LIFReset every {subject.data.steps} steps)"
        yield Case(f"population {name!r}", what + f"; |v| ends at up to {_share(rule, left)}", fix + _wait(rule, left))


def _theta(rule: Rule | Registers) -> float:
    if isinstance(rule, Registers):
        return 0.0 if rule.vth is None else float(np.max(rule.vth)) * 64
    return 0.0 if rule.threshold is None else float(np.max(rule.threshold))


def _share(rule: Rule | Registers, left: float) -> str:
    theta = _theta(rule)
    return f"{left:.4g}" + (f", {left / theta:.0%} of its threshold" if theta > 0 else "")


def _wait(rule: Rule | Registers, left: float) -> str:
    """How many silent steps do instead, where a leaky membrane alone remembers."""
    theta = _theta(rule)
    if isinstance(rule, Registers) or theta <= 0 or any(np.any(r.alpha) for r in rule.receptors):
        return ""
    beta = float(np.max(np.abs(rule.beta)))
    if not 0 < beta < 1 or np.any(rule.bias) or left <= 0.01 * theta:
        return ""
    steps = int(np.ceil(np.log(0.01 * theta / left) / np.log(beta)))
    return f", or leave at least {steps} silent steps between them"


def binary_inputs_carry_no_counts(subject: Subject) -> Iterator[Case]:
    """x <= 1 where the input is declared binary: a rate above one event per step is a count.

    Source: spikes of Loihi 1 carry no payload (Davies et al., Proceedings of the IEEE, 2021); `network.Input`.
    """
    for name, largest in ({} if subject.data is None else subject.data.counted).items():
        what = f"it is declared binary, and the data hold up to {largest:g} events per step (limit 1)"
        fix = "use a shorter dt, clip to 1 as in training, or declare it counts (kind='counts'; loihi1 takes none)"
        yield Case(f"input {name!r}", what, fix)


def the_decision_has_a_neuron_for_every_class(subject: Subject) -> Iterator[Case]:
    """number of neurons > largest label; silent where the data have no labels.

    Source: the decision is the index of a neuron, `network.Decision`.
    """
    decision, data = subject.network.decision, subject.data
    if decision is None or data is None or data.labels is None:
        return
    neurons = int(np.prod(subject.network.shapes[decision.population]))
    classes = int(data.labels.max()) + 1
    if neurons < classes:
        what = f"it has {neurons} neurons for {classes} classes (largest label {classes - 1})"
        fix = "number the classes from 0, or read the decision from a population with a neuron per class"
        yield Case(f"decision of {decision.population!r}", what, fix)


CHECKS = (
    Check("SD231", "warning", "data", every_neuron_spikes_somewhere),
    Check("SD232", "warning", "data", no_neuron_spikes_all_the_time),
    Check("SD233", "note", "nothing", the_module_keeps_no_state_between_calls),
    Check("SD234", "note", "data", a_sample_leaves_nothing_for_the_next),
    Check("SD235", "error", "data", binary_inputs_carry_no_counts),
    Check("SD236", "warning", "data", the_decision_has_a_neuron_for_every_class),
)
