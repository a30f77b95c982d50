"""snnTorch's neurons, one family per file. Importing this registers them."""

from snndeploy.frontends.snntorch import alpha, lapicque, leaky, refused, rleaky, rsynaptic, synaptic

__all__ = ["alpha", "lapicque", "leaky", "refused", "rleaky", "rsynaptic", "synaptic"]
