"""The float form to the registers of a target: calibrate, choose scales, round, certify."""

from snndeploy.quantize.certificate import Certificate, certify
from snndeploy.quantize.convert import prepared, quantize
from snndeploy.quantize.methods import METHODS
from snndeploy.quantize.realised import Row, report

__all__ = ["METHODS", "Certificate", "Row", "certify", "prepared", "quantize", "report"]
