"""norse.torch.SequentialState only calls its children, handing each its state."""

from __future__ import annotations

from norse.torch.module.sequential import SequentialState

from snndeploy.frontends.neurons import CONTAINERS

CONTAINERS.add(SequentialState)
