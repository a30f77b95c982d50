"""Both forms as an ONNX model in onnxruntime, on the CPU: integers bit for bit, floats as float32 or float64 round.

Options: `graph` ("sequence": all steps at once, in chunks; "step": one call per step), `dtype` of the float form
("float32", "float64"), and `threads` (0: as many as onnxruntime likes; None: as OMP_NUM_THREADS says, else 0).
"""

from __future__ import annotations

from importlib.util import find_spec

from snndeploy.engines.base import Job
from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding
from snndeploy.network.network import Network

FIX = 'pip install "snndeploy[onnx]"'


def missing() -> str | None:
    lacking = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    return f"{' and '.join(lacking)} not installed Fix: {FIX}" if lacking else None


def refusals(network: Network) -> list[Finding]:
    """Everything that is legal is computed."""
    del network
    return []


def run(job: Job) -> Trace:
    """Runs the network; see `session`.

    Raises:
        SnnDeployError SD503, SD521: an option is unknown, or its value. SD523: sums of counts may leave 64 bits.
        SnnDeployError SD540: the model is too large.
    """
    from snndeploy.engines.onnx.execute import execute
    from snndeploy.engines.onnx.settings import settings

    return execute(job, settings(job))
