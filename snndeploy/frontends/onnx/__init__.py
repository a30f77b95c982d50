"""Networks as ONNX models."""

from snndeploy.frontends.onnx.metadata import describe
from snndeploy.frontends.onnx.model import build
from snndeploy.frontends.onnx.settings import OPSET, OPSET_MIN, Form, Interface, Settings, State

__all__ = ["OPSET", "OPSET_MIN", "Form", "Interface", "Settings", "State", "build", "describe"]
