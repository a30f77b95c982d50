"""Framework modules into networks, and networks into modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snndeploy.frontends.said import Kinds, Times
    from snndeploy.network import Network
    from snndeploy.network.network import Decision


def capture(
    module: Any,
    sample: Any,
    dt: float = 1e-3,
    decision: Decision | str | None = None,
    input_kind: Kinds = None,
    time: Times = None,
) -> Network:
    """The network that a snnTorch or Norse module computes, proven on a sample.

    The module is traced with the first step of the sample, then the module and the network run on the whole of it; they
    must give the same spikes in every bin but proven ties. `provenance["proof"]` says on how many spikes they agree,
    `provenance["silent"]` which populations never spiked, of which the sample so proves little.

    Args:
        module: a torch module in eval mode, as trained; forward does one step, or holds the loop over time.
        sample: (time, batch, *shape), NumPy or torch; what the network will be fed with. Several inputs: a tuple in the
            order of forward's arguments, or a dict by their names, which are then the names of the network's inputs.
        dt: seconds per step.
        decision: how classes are decided, "spike-count", "last-v" or "max-v", of several outputs "output:rule"; None:
            the network decides nothing.
        input_kind: "binary", "counts" or "real", or a dict by input; read from the sample if nothing is said.
        time: where the loop over time is: "outside" forward, "inside" it (x: (time, batch, *shape)), "batch-first" for
            (batch, time, *shape) while the sample stays as it is, or "held": inside, and forward gets one frame that it
            repeats (the sample is that frame, repeated). A dict by input where some are held and others are not. None:
            found out.

    Raises:
        SnnDeployError SD3xx: the module holds something that the network cannot; all of it is named.
        VerdictError SD810: module and network differ; names the first spike.
    """
    from snndeploy.conform.proven import proven

    return proven(module, sample, dt, decision, input_kind, time)


def to_snntorch(
    network: Network, sample: Any = None, learn: Iterable[str] | None = None, spike_grad: Any = None
) -> Any:
    """A snnTorch module that computes a float network: trainable, in eval mode, proven on input.

    A chain becomes an `nn.Sequential` with hidden states (`snntorch.utils.reset` clears them); everything else a module
    with `out, state = module(x, state)`, state None at the start; of several inputs x is a dict by name or a tuple, and
    several outputs stand in front of the state. Weights, decays and thresholds are the nearest
    float32; where a membrane is that close to its threshold, rounding decides. `capture` gives the network back.

    Args:
        sample: (time, batch, *shape) input to prove it on; None: random input of the network's kind.
        learn: of "alpha", "beta", "threshold": these are parameters; None: as in the module the network came from.
        spike_grad: a function of `snntorch.surrogate`; None: snnTorch's own default.

    Raises:
        SnnDeployError SD330: snnTorch has no such neuron; everything that it cannot hold is named.
        VerdictError SD331: module and network differ by more than proven ties.
    """
    from snndeploy.conform.rebuilt import rebuilt

    return rebuilt("snntorch", network, sample, learn=learn, spike_grad=spike_grad)


def to_norse(network: Network, sample: Any = None, method: str = "super", alpha: float = 100.0) -> Any:
    """A Norse module that computes a float network: trainable, in eval mode, proven on input.

    `out, state = module(x, state)`, state None at the start, several inputs and outputs as in `to_snntorch`; a chain is
    a `SequentialState`. Norse multiplies what arrives by dt/tau, so weights are divided by it. All numbers are the
    nearest float32, as in `to_snntorch`.

    Args:
        sample: (time, batch, *shape) input to prove it on; None: random input of the network's kind.
        method, alpha: Norse's surrogate gradient.

    Raises:
        SnnDeployError SD330: Norse has no such cell; everything that it cannot hold is named.
        VerdictError SD331: module and network differ by more than proven ties.
    """
    from snndeploy.conform.rebuilt import rebuilt

    return rebuilt("norse", network, sample, method=method, alpha=alpha)
