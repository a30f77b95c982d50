"""Why a bundle is refused, in the words of snndeploy's findings."""

from __future__ import annotations

from collections.abc import Iterable

# (code, where, what, fix)
Fault = tuple[str, str, str, str]


class Refused(Exception):
    """Everything that is wrong with a bundle. `verdict`: it is whole, and the answer is no."""

    def __init__(self, faults: Iterable[Fault], verdict: bool = False):
        self.faults = tuple(faults)
        self.verdict = verdict
        super().__init__("\n".join(f"{code} {where}: {what}. Fix: {fix}" for code, where, what, fix in self.faults))


def refuse(code: str, where: str, what: str, fix: str) -> Refused:
    """A refusal of one fault, to be raised."""
    return Refused([(code, where, what, fix)])


AGAIN = "get the file again from where it came"


def shown(name: str) -> str:
    """A stranger's text in one short line, control characters escaped."""
    text = name if len(name) <= 80 else name[:77] + "..."
    return ascii(text) if not text.isascii() or not text.isprintable() else repr(text)
