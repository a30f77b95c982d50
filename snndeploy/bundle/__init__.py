"""Bundles: one archive that holds a network, what it must do, and the proof of it, for people without snndeploy."""

from snndeploy.bundle.checking import verify
from snndeploy.bundle.writing import bundle

__all__ = ["bundle", "verify"]
