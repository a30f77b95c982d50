"""The shipped models, importable as `snndeploy.models.<name>` from a wheel and from a checkout alike."""

from snndeploy.files import folder

__path__ = [str(folder("models"))]
