"""Norse itself: the captured module, or one rebuilt from the network, in float32. See `framework.py`."""

from __future__ import annotations

from snndeploy.engines import framework
from snndeploy.engines.base import Job
from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding
from snndeploy.network.network import Network


def missing() -> str | None:
    return framework.missing("norse")


def refusals(network: Network) -> list[Finding]:
    return framework.refusals("norse", network)


def run(job: Job) -> Trace:
    return framework.run("norse", job)
