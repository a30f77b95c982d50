"""An integer network onto the cores of a chip: design rules, first-fit, what every core holds."""

from snndeploy.placement.place import place
from snndeploy.placement.plan import Core, Placement

__all__ = ["Core", "Placement", "place"]
