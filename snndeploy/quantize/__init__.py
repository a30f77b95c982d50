"""The float form to the registers of a target: calibrate, choose scales, round, certify."""

from snndeploy.quantize.convert import prepared, quantize
from snndeploy.quantize.realised import Row, report

__all__ = ["Row", "prepared", "quantize", "report"]
