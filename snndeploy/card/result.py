"""What `card` found, and the files that say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snndeploy.network.network import Network


@dataclass(frozen=True, eq=False)
class Card:
    """A run that was taken the whole way; print it to read the card.

    Attributes:
        name: of the model; the files are called by it.
        numbers: every number, as it stands in the `.json` file: plain values, lists and dictionaries.
        text: the card in Markdown.
        network, integers: both forms; None where the module cannot be deployed.
        files: that were written.
        agrees: every engine gave the same: of the integers every bit, of the float network all but proven ties.
    """

    name: str
    numbers: Mapping[str, Any]
    text: str
    network: Network | None
    integers: Network | None
    files: tuple[Path, ...]
    agrees: bool

    @property
    def accuracy(self) -> float:
        """Of the float network on the test samples."""
        return float(self.numbers["float"]["accuracy"])

    @property
    def integer_accuracy(self) -> float | None:
        held = self.numbers.get("integer")
        return None if held is None else float(held["accuracy"])

    @property
    def kept(self) -> float | None:
        """Share of the float network's decisions that the integers keep on the test samples."""
        held = self.numbers.get("integer")
        return None if held is None else float(held["kept"])

    def as_dict(self) -> dict[str, Any]:
        return dict(self.numbers)

    def __str__(self) -> str:
        return self.text
