"""Capture with proof: the network of a module, and both run on a sample."""

from __future__ import annotations

from typing import Any

from snndeploy.errors import Finding, VerdictError
from snndeploy.network.network import Decision, Network


def proven(
    module: Any,
    sample: Any,
    dt: float,
    decision: Decision | str | None = None,
    input_kind: Any = None,
    time: Any = None,
) -> Network:
    """See `snndeploy.verbs.capture`."""
    from snndeploy.conform.compare import compare
    from snndeploy.engines import run
    from snndeploy.frontends import capture, read_sample

    network = capture(module, sample, dt, decision=decision, input_kind=input_kind, time=time)
    if network.source is None:
        return network
    framework, given = network.source.framework, read_sample(module, sample)
    ours = run(network, given, "reference", ("spikes", "v"))
    same = compare(ours, run(network, given, framework, ("spikes", "v")))
    if not same.agrees:
        raise VerdictError(
            Finding(
                "SD810",
                f"{type(module).__name__} and its network",
                f"they differ on the sample: {same.fault or same.first}",
                "report this module: capture must be exact",
            )
        )
    count = sum(int(each.sum()) for each in ours.spikes.values())
    silent = ", ".join(name for name, each in ours.spikes.items() if not each.any())
    proof = f"{same.verdict}: {count:,} spikes, {ours.steps} steps, {ours.batch} samples"
    return network.with_(provenance={**network.provenance, "proof": proof, "silent": silent})
