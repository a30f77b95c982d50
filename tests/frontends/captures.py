"""Shared by the tests of capture: the framework against the reference, bin by bin."""

import copy

import numpy as np
import torch

import snndeploy as sd
from snndeploy.engines import run
from snndeploy.frontends import capture

COUNTS = {"networks": 0, "bins": 0, "ties": 0}
CLOSE = {"u": 2e-4, "v": 2e-4}


def spikes(rng, shape, rate=0.5):
    return (rng.random(shape) < rate).astype(np.float32)


def snapshot(module):
    """Everything about a module that a caller could see."""
    parts = {}
    for path, each in module.named_modules():
        parts[path] = {
            "keys": sorted(each.__dict__),
            "training": each.training,
            "hooks": (len(each._forward_hooks), len(each._forward_pre_hooks)),
            "tensors": {
                name: (id(t), copy.deepcopy(t.detach()), t.requires_grad)
                for group in (each._parameters, each._buffers)
                for name, t in group.items()
                if t is not None
            },
        }
    return parts


def fresh(module):
    """Neurons as before the first step. snntorch.utils.reset touches every neuron of the process, and fails on some."""
    for each in module.modules():
        if hasattr(each, "reset_mem"):
            each.reset_mem()


def unchanged(module, before):
    after = snapshot(module)
    assert after.keys() == before.keys()
    for path, was in before.items():
        now = after[path]
        assert {k: now[k] for k in ("keys", "training", "hooks")} == {k: was[k] for k in ("keys", "training", "hooks")}
        assert now["tensors"].keys() == was["tensors"].keys()
        for name, (identity, value, grad) in was["tensors"].items():
            assert now["tensors"][name][0] == identity, (path, name)
            assert torch.equal(now["tensors"][name][1].nan_to_num(), value.nan_to_num()), (path, name)
            assert now["tensors"][name][2] == grad, (path, name)


def agree(module, x, framework, dt=1e-3, record=("spikes", "v"), silent=False):
    """Captures, runs both, and returns the network.

    Spikes must be equal in every bin. Where the first difference of the earliest population is within 1e-5 of the
    threshold it is a tie of float32 against float64; anything else fails. Something must spike, unless `silent`.
    """
    before = snapshot(module)
    network = capture(module, x, dt)
    ours = run(network, x, "reference", ("spikes", "u", "v"))
    theirs = run(network, x, framework, record)
    unchanged(module, before)
    assert silent or any(fired.any() for fired in ours.spikes.values())
    COUNTS["networks"] += 1
    COUNTS["bins"] += sum(fired.size for fired in ours.spikes.values())
    assert all("pool" in name for name in ours.spikes.keys() - theirs.spikes.keys())
    differing = {name: np.argwhere(ours.spikes[name] != fired) for name, fired in theirs.spikes.items()}
    first = min((bins[0][0] for bins in differing.values() if len(bins)), default=None)
    if first is not None:
        margins = []
        for name, bins in differing.items():
            rule = network.population[name].rule
            for t, b, *n in (tuple(each) for each in bins if each[0] == first):
                theta = np.broadcast_to(rule.threshold, network.population[name].shape)[tuple(n)]
                margins.append(abs(_candidate(network, x, name, t)[(b, *n)] - theta))
        assert min(margins) < 1e-5, f"step {first}: {margins}"
        COUNTS["ties"] += 1
        return network
    for what in set(record) - {"spikes"}:
        expected, found = getattr(ours, what), getattr(theirs, what)
        heads = set(network.source.stepping.heads)
        unseen = {name for name in expected if name not in heads | network.source.paths.keys()}
        pools = {name for name in expected if "pool" in name}
        assert found.keys() == expected.keys() - unseen - (heads | pools if what == "u" else set())
        for name, array in found.items():
            np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=CLOSE[what], err_msg=f"{what} {name}")
    return network


def _candidate(network, x, name, step):
    """p, which decides the spike, of one population at one step: its v in a network where it never resets now."""
    from snndeploy.engines.reference.float_rule import FloatState

    kept = {}
    original = FloatState.step

    def step_and_keep(self, t, drive):
        out = original(self, t, drive)
        if t == step and self.rule is network.population[name].rule:
            kept["p"] = self.p
        return out

    FloatState.step = step_and_keep
    try:
        run(network, x[: step + 1])
    finally:
        FloatState.step = original
    return kept["p"]


def same(module, x, framework, dt=1e-3, record=("spikes", "u", "v"), close=2e-4):
    """Captures, runs both and compares; returns (the network, whether a tie was proven, spikes)."""
    network = capture(module, x, dt)
    ours = sd.run(network, x, record=("spikes", "u", "v"))
    theirs = sd.run(network, x, engine=framework, record=record)
    verdict = sd.compare(ours, theirs)
    assert verdict.agrees, f"{module}: {verdict}"
    if verdict.identical:
        for what in set(record) - {"spikes"}:
            for name, array in getattr(theirs, what).items():
                np.testing.assert_allclose(array, getattr(ours, what)[name], rtol=1e-3, atol=close, err_msg=what)
    fired = sum(int(np.count_nonzero(each)) for each in ours.spikes.values())
    return network, not verdict.identical, fired
