"""norse.torch.SequentialState and Lift only call their children, handing each its state.

Lift has the loop over time inside, as a user's own forward may; it is followed like one.
"""

from __future__ import annotations

from norse.torch.module.lift import Lift
from norse.torch.module.sequential import SequentialState

from snndeploy.frontends.neurons import CONTAINERS

CONTAINERS.update({SequentialState, Lift})
