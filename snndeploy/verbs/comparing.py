"""Two runs: how they differ, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snndeploy.verbs.given import Path, events_of

if TYPE_CHECKING:
    from snndeploy.conform import Comparison
    from snndeploy.conform.diagnosis import Diagnosis
    from snndeploy.conform.identify import Identified
    from snndeploy.conform.why import Why
    from snndeploy.engines import Trace
    from snndeploy.network import Network


def compare(a: Trace | Path, b: Trace | Path) -> Comparison:
    """How two runs differ: `.identical`, `.verdict`, `.first`, `.lag`, `.table`.

    Args:
        a, b: traces, or files of traces, of which a shard at a time is read.

    Raises:
        SnnDeployError SD7xx: the two cannot be compared. SD801, SD806: a file is missing or damaged.
    """
    from snndeploy.shards import compare_files

    return compare_files(a, b)


def diagnose(a: Trace | Path, b: Trace | Path) -> Diagnosis:
    """Why two runs differ: the first difference, the layer that makes it by itself, and the cause.

    Args:
        a, b: traces, or files of traces; with u and v recorded every step is looked at by itself, and numbers are
            solved for. Of one network, or of a float network and its integer form (then: which rounding it was).

    Raises:
        SnnDeployError SD7xx: the two cannot be compared. SD801, SD806: a file is missing or damaged.
    """
    from snndeploy.conform.diagnosis.diagnose import diagnose as search
    from snndeploy.engines import Trace, trace_file

    one, two = (each if isinstance(each, Trace) else trace_file.read(each) for each in (a, b))
    return search(one, two)


def identify(
    model: Network | Path,
    data: Any,
    spikes: Any,
    v: Any = None,
    population: str | None = None,
    others: Mapping[str, Any] | None = None,
    dt: float | None = None,
) -> Identified:
    """Which reading of a network another simulator computed, from what it recorded of one population.

    Decays (forward or backward Euler, exponential), gains, reset (to a value, by the threshold, in this step or the
    next), order of current and membrane, comparator, onset of constants and latency are tried in all combinations.

    Args:
        model: a float network, or a NIR file; a file also says which constant comes with a loop.
        data: what it was fed with, as for `run`.
        spikes: recorded, (time, batch, *shape), or (time, *shape) for one sample. v: membranes, in any unit.
        population: its name; None: the only one that inputs alone feed.
        others: spikes of other populations that feed it, by name.
        dt: seconds per step, for a file that does not say it.

    Raises:
        SnnDeployError SD723: the population cannot be read in several ways, or its sources were not recorded. SD722: a
            recording does not fit. Else as `read` and `run`.
    """
    from snndeploy.conform.reread import identify_recording

    return identify_recording(model, data, spikes, v, population, others, dt)


def why(
    given: Trace | Network | Path,
    neuron: str | tuple[str, Any],
    step: int,
    data: Any = None,
    sample: int = 0,
    depth: int = 0,
    most: int = 3,
) -> Why:
    """Why a neuron spiked, or did not: its membrane as a sum, with a term for every event that arrived.

    An event counts with what is left of it: through the decays of u and v, up to the last reset to a value. Biases,
    first states, resets, floors, and of integers every rounding, are terms of their own; all add up to p exactly.

    Args:
        given: a trace, or the file of one; or a network, which is then run on `data`.
        neuron: "hidden[3]", "conv[0,4,2]", or ("hidden", 3).
        sample: its number. depth: how often to ask the same of the `most` source neurons that contributed most.

    Returns:
        `.p`, `.theta`, `.margin`, `.terms` (largest first), `.sources` (events of a neuron together), `.rounding`.

    Raises:
        SnnDeployError SD724: there is no such neuron, step or sample, or what feeds it was not recorded.
    """
    from snndeploy.conform.why import why as trace_back
    from snndeploy.engines import Trace, trace_file
    from snndeploy.network import Network

    shown = given if isinstance(given, Trace | Network) else trace_file.read(given)
    fed = events_of(shown, data) if isinstance(shown, Network) else None
    return trace_back(shown, neuron, step, fed, sample, depth, most)
