"""Installs Lava beside a current Python and NumPy, which its metadata refuse and with which it works."""

from __future__ import annotations

import subprocess
import sys

from snndeploy.engines.lava.patches import PACKAGES, VERSION
from snndeploy.errors import error


def install(python: str = sys.executable) -> None:
    """Runs pip of the interpreter `python`: what Lava imports, then Lava itself without its pins.

    Raises:
        SnnDeployError SD515: pip failed; its last words are in the message.
    """
    _pip(python, *PACKAGES)
    _pip(python, "--no-deps", "--ignore-requires-python", f"lava-nc=={VERSION}")


def _pip(python: str, *arguments: str) -> None:
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as cause:
        raise error("SD515", f"interpreter {python}", str(cause), "name the python of your environment") from cause
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise error("SD515", f"pip install {' '.join(arguments)}", lines[-1], "install pip, or allow it the network")
