"""Networks as ONNX models."""

from snndeploy.frontends.onnx.model import build
from snndeploy.frontends.onnx.settings import Form, Interface, Settings, State

__all__ = ["Form", "Interface", "Settings", "State", "build"]
