"""The float form to the registers of a target: calibrate, choose scales, round, certify."""

from snndeploy.quantize.convert import prepared, quantize

__all__ = ["prepared", "quantize"]
