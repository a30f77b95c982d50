"""From the float form to integers, and what that costs and proves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from snndeploy.verbs.given import events_of, target_of

if TYPE_CHECKING:
    from snndeploy.conform.budget import Budget
    from snndeploy.encoding.names import Named
    from snndeploy.network import Network
    from snndeploy.quantize import Certificate
    from snndeploy.targets import Target
    from snndeploy.tuning import Score


def quantize(
    network: Network,
    target: str | Target,
    calibration: Any = None,
    method: str = "adaptive",
    uncertified: Literal["refuse", "allow"] = "refuse",
    cores: int | None = None,
    synapses: int | None = None,
    encoding: Named | None = None,
) -> Network:
    """The integer form of a float network for a target; only exactly representable integers are emitted.

    Args:
        calibration: (time, batch, *shape) input, or a mapping by name, from which the scales are chosen.
        method: how scales and integers are chosen; names of `quantize.METHODS` joined by "+", or "auto", which tries
            them on halves of the calibration (`snndeploy.tuning.auto` returns what it tried too).
        cores, synapses: for "auto": the most cores, and synapses per weight (1 or 2; 2 if nothing is said).
        uncertified: "refuse" a network whose currents could wrap around (see `certify`), or "allow" it; "auto" refuses.
        encoding: how real inputs, and counts where the target takes none, become events; see `encode`.

    Raises:
        SnnDeployError SD6xx: something has no integer form on this target, the calibration set is empty, the method is
            unknown, or none fits the budget.
        VerdictError SD608: an input could make a current wrap around.
    """
    from snndeploy.errors import error
    from snndeploy.quantize import quantize as to_integers
    from snndeploy.tuning import auto

    if encoding is not None:
        network = encode(network, target, calibration, encoding)
    calibration = events_of(network, calibration)
    if method == "auto":
        return auto(network, target_of(target), calibration, cores, 2 if synapses is None else synapses).network
    if cores is not None or synapses is not None:
        raise error("SD609", f"method {method!r}", "cores and synapses are settings of auto", "leave them out")
    return to_integers(network, target_of(target), calibration, method, uncertified)


def encode(network: Network, target: str | Target, calibration: Any, encoding: Named) -> Network:
    """A float network whose inputs are events, from one that takes real numbers or counts.

    It carries its encodings: verbs and commands take what the network took before, and make the events themselves.
    `snndeploy.encoding.costs` measures what each encoding changes; `quantize(..., encoding=...)` does it in one step.

    Args:
        calibration: (time, batch, *shape) input, or a mapping by name, on which the encodings choose their numbers.
        encoding: "graded", "planes", "rate", "delta", or "counts" for what is exact on the target; settings behind a
            colon ("graded:bits=4"); a mapping by input where they differ.

    Raises:
        SnnDeployError SD611: an input cannot be encoded so; SD606: no calibration; SD601: integer form.
    """
    from snndeploy.encoding import encode as with_events

    return with_events(network, target_of(target), calibration, encoding)


def certify(
    network: Network,
    target: str | Target | None = None,
    data: Any = None,
    *,
    largest: Mapping[str, int] | None = None,
    steps: int | None = None,
    strict: bool = False,
    search: bool = True,
) -> Certificate:
    """Whether any input makes an integer network leave its registers: `.proven`, `.witnesses`, `.bounds`.

    For every neuron: proven by intervals; refuted by an input that was run and does it; or open. A current that leaves
    its register wraps around, on Lava and on the chip, and says so nowhere; a membrane saturates, which counts only
    if `strict`.

    Args:
        target: whose registers; None: of the target it was quantised for.
        data: (time, batch, *shape) input to run and watch.
        largest: the largest count per step of inputs that count, by name.
        steps: the longest sample; None: any length.
        search: look for inputs that do it.

    Raises:
        SnnDeployError SD209: the network is in the float form. SD606: nothing says how much an input counts at most.
    """
    from snndeploy.quantize import certify as prove

    limits: dict[str, Any] = {"largest": largest, "steps": steps, "strict": strict, "search": search}
    return prove(network, None if target is None else target_of(target), events_of(network, data), **limits)


def compare_methods(
    network: Network,
    target: str | Target,
    calibration: Any,
    methods: Iterable[str] | None = None,
    test: Any = None,
    labels: Any = None,
    encoding: Named | None = None,
) -> list[Score]:
    """Methods of quantisation side by side: accuracy, decisions and spikes kept, synapses, axons, cores.

    Args:
        calibration: (time, batch, *shape) input, from which the methods choose.
        methods: names as for `quantize`, without "auto"; None: all of them alone.
        test: what they are scored on; None: the calibration. labels: classes of these samples.
        encoding: as for `quantize`; the row of the float network is then that of the float network on events.

    Returns:
        A row per method, behind the row of the float network; `snndeploy.tuning.table` prints them.

    Raises:
        SnnDeployError SD6xx: as `quantize`; what one method alone refuses stands in its row.
    """
    from snndeploy.quantize import METHODS
    from snndeploy.tuning import compare_methods as side_by_side

    chosen = list(METHODS) if methods is None else list(methods)
    if encoding is not None:
        network = encode(network, target, calibration, encoding)
    calibration, test = events_of(network, calibration), events_of(network, test)
    return side_by_side(network, target_of(target), calibration, chosen, test, labels)


def budget(
    net: Network, made: Network, data: Any, labels: Any = None, engine: str = "reference", continuous: bool = False
) -> Budget:
    """Which part of `made = quantize(net, ...)` costs how much on `data`: decays, weights, thresholds, truncation.

    Each part alone, each left out, and what they do together beyond that: spikes that moved, decisions, accuracy.
    Where `made` has encodings, "float" is the float network on the same events; `encoding.costs` says what these cost.

    Args:
        data: (time, batch, *shape) input. labels: class of each sample (batch,); without, no accuracy.
        engine: runs the float network and the integer one.
        continuous: the network stands for one in continuous time; says what exact decays would change.

    Raises:
        SnnDeployError SD209: the networks do not belong together; SD1xx: the data or the labels do not fit.
    """
    from snndeploy.conform.budget import budget as measure
    from snndeploy.encoding import encoded_as

    net = encoded_as(net, made)
    return measure(net, made, events_of(net, data), labels, engine, continuous)
