"""Both forms in PyTorch, batched over samples and over time, on CPU or CUDA.

Options: `device` ("cpu", "cuda", "cuda:1"), for the float form `dtype` ("float32", "float64"), `threads` (as many
blocks of samples are computed at once; torch's own number if nothing is said) and `memory` (bytes, or "2GiB", for what
lies between the inputs and what is recorded; 512 MiB if nothing is said).

The integer form is exact. On the CPU its sums of mantissas are computed by `units`, of which the fastest on the data is
taken: "int8" (products of bytes), "events" (one spike after the other) and "float" (a floating-point type that holds
every partial sum). On CUDA "int8" is taken where numbers fit bytes, and "float" elsewhere. `Trace.notes` says which did
what. In the float form this engine rounds as its dtype does; `snndeploy.compare` tells ties from differences.
"""

from __future__ import annotations

from importlib.util import find_spec

from snndeploy.engines.base import Job
from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding
from snndeploy.network.network import Network


def missing() -> str | None:
    if find_spec("torch") is None:
        return "PyTorch is not installed Fix: pip install torch"
    return None


def refusals(network: Network) -> list[Finding]:
    """Real inputs have no integer form; everything else that is legal is computed."""
    if network.form == "float":
        return []
    return [
        Finding(
            "SD522",
            f"input {each.name!r}",
            "it is real, and the integer form takes whole numbers",
            "encode it as spikes or counts",
        )
        for each in network.inputs
        if each.kind == "real"
    ]


def run(job: Job) -> Trace:
    """Runs the network in chunks of time; see `schedule`.

    Raises:
        SnnDeployError SD503, SD520, SD521: an option is unknown, the device is not there, the dtype is none of ours.
        SnnDeployError SD523: counts so large that a sum of products is not exact. SD524: no allowed unit computes a
            projection. SD525: threads, memory or units are none.
    """
    from snndeploy.engines.torch.schedule import execute
    from snndeploy.engines.torch.settings import settings

    return execute(job, settings(job))
