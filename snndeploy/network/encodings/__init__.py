"""The encodings by name; see `network.encoding`."""

from __future__ import annotations

from snndeploy.network.encoding import Encoding
from snndeploy.network.encodings.bias import Bias, Feed
from snndeploy.network.encodings.delta import Delta
from snndeploy.network.encodings.graded import Graded
from snndeploy.network.encodings.host import Host
from snndeploy.network.encodings.planes import Planes
from snndeploy.network.encodings.rate import Rate

ENCODINGS: dict[str, type[Encoding]] = {each.name: each for each in (Graded, Planes, Rate, Delta, Bias, Host)}

__all__ = ["ENCODINGS", "Bias", "Delta", "Encoding", "Feed", "Graded", "Host", "Planes", "Rate"]
