"""snnTorch itself: the captured module, or one rebuilt from the network, in float32. See `framework.py`."""

from __future__ import annotations

from snndeploy.engines import framework
from snndeploy.engines.base import Job
from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding
from snndeploy.network.network import Network


def missing() -> str | None:
    return framework.missing("snntorch")


def refusals(network: Network) -> list[Finding]:
    return framework.refusals("snntorch", network)


def run(job: Job) -> Trace:
    return framework.run("snntorch", job)
