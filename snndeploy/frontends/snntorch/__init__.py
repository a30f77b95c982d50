"""snnTorch's neurons, one family per file. Importing this registers them."""

from snndeploy.frontends.snntorch import leaky, rleaky, rsynaptic, synaptic

__all__ = ["leaky", "rleaky", "rsynaptic", "synaptic"]
