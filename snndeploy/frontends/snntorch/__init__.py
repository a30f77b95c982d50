"""snnTorch's neurons, one family per file. Importing this registers them."""

from snndeploy.frontends.snntorch import alpha, lapicque, leaky, over_time, refused, rleaky, rsynaptic, synaptic

__all__ = ["alpha", "lapicque", "leaky", "over_time", "refused", "rleaky", "rsynaptic", "synaptic"]
