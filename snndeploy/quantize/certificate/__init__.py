"""The certificate: what the registers of an integer network can be asked to hold, at the very most."""

from snndeploy.quantize.certificate.fits import Uncertified, certified, overflow, overflows
from snndeploy.quantize.certificate.prove import certify
from snndeploy.quantize.certificate.result import Bound, Certificate, Witness

__all__ = ["Bound", "Certificate", "Uncertified", "Witness", "certified", "certify", "overflow", "overflows"]
