"""RuleLIF: leaky integrators with every setting of the network form."""

from snndeploy.engines.lava import patches

# Lava cannot be imported unpatched
patches.load()
