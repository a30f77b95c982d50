"""Why a neuron spiked, or did not: every contribution to its membrane, back to the inputs."""

from snndeploy.conform.why.result import Why
from snndeploy.conform.why.trace import why

__all__ = ["Why", "why"]
