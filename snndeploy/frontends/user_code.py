"""The line of the user's own code that is being executed, or that failed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import torch

OURS = str(Path(__file__).parent)
TORCH = str(Path(torch.__file__).parent)


def _is_users(file: str) -> bool:
    return not file.startswith((OURS, TORCH, "<")) and "contextlib" not in file


def user_line() -> str:
    """ "file.py line 12" of the innermost frame that belongs to the user."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if _is_users(name):
            return f"{Path(name).name} line {frame.f_lineno}"
        frame = frame.f_back
    return ""


def failed_line(problem: BaseException) -> str:
    """The same of the innermost frame of a failure."""
    place, trace = "", problem.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if _is_users(name):
            place = f"{Path(name).name} line {trace.tb_lineno}"
        trace = trace.tb_next
    return place
