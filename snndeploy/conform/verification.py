"""What `verify` found: one network on several engines, each against each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snndeploy.conform.tiers import Tier, Verdict, at_least


@dataclass(frozen=True)
class Leak:
    """Whether a sample depends on its neighbours on one engine.

    Attributes:
        ways: how the samples were run again ("reversed", "alone"), each with the samples that came out otherwise.
        differing: numbers of samples, all ways together. ties: of these, only by proven ties.
        hidden: populations of the captured module that go on where the last call ended, unless they are reset.
    """

    ways: Mapping[str, int]
    differing: int
    ties: int = 0
    hidden: tuple[str, ...] = ()

    @property
    def tight(self) -> bool:
        return self.differing == self.ties

    def __str__(self) -> str:
        text = "no sample depends on another" if not self.differing else f"{self.differing} samples depend on others"
        if self.differing and self.tight:
            text = f"{self.ties} samples come out otherwise, by proven ties alone"
        kept = f"; the module itself keeps the state of {', '.join(self.hidden)} between calls" if self.hidden else ""
        return f"{text} ({', '.join(self.ways)}){kept}"


@dataclass(frozen=True)
class Verification:
    """One network on one input, on several engines. `print` shows the matrix.

    Attributes:
        engines: those that ran, in the order of the matrix, as they call themselves; names: as they are asked for.
        verdicts: by (row, column) of the upper triangle, in `names`.
        missing, refused: engines that did not run, and why.
        seconds: that each engine took.
        leaks: by engine.
        right: decided as labelled, by engine; None without labels.
    """

    form: str
    steps: int
    samples: int
    names: tuple[str, ...]
    engines: Mapping[str, str]
    verdicts: Mapping[tuple[str, str], Verdict]
    missing: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    leaks: Mapping[str, Leak] = field(default_factory=dict)
    required: Tier = "ties"
    notes: tuple[str, ...] = ()

    def verdict(self, a: str, b: str) -> Verdict:
        """Of two engines, in either order."""
        return self.verdicts[a, b] if (a, b) in self.verdicts else self.verdicts[b, a]

    def tier(self, a: str, b: str) -> Tier:
        return "state-identical" if a == b else self.verdict(a, b).tier

    @property
    def matrix(self) -> tuple[tuple[Tier, ...], ...]:
        """Tiers, engine × engine, both in the order of `names`."""
        return tuple(tuple(self.tier(a, b) for b in self.names) for a in self.names)

    @property
    def agrees(self) -> bool:
        """Every pair reaches the required tier, and no sample depends on another."""
        good = all(at_least(each.tier, self.required) for each in self.verdicts.values())
        return good and all(each.tight for each in self.leaks.values())

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dictionaries, for JSON."""
        return {
            "agrees": self.agrees,
            "required": self.required,
            "form": self.form,
            "steps": self.steps,
            "samples": self.samples,
            "names": list(self.names),
            "engines": dict(self.engines),
            "matrix": [list(row) for row in self.matrix],
            "verdicts": [{"row": a, "column": b, **each.as_dict()} for (a, b), each in self.verdicts.items()],
            "missing": dict(self.missing),
            "refused": dict(self.refused),
            "seconds": dict(self.seconds),
            "leaks": {
                name: {
                    "ways": dict(each.ways),
                    "differing": each.differing,
                    "ties": each.ties,
                    "hidden": list(each.hidden),
                    "tight": each.tight,
                }
                for name, each in self.leaks.items()
            },
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        head = f"{self.form} network, {self.samples:,} samples of {self.steps:,} steps; required: {self.required}"
        rows = [("", *self.names), *((name, *row) for name, row in zip(self.names, self.matrix, strict=True))]
        rows = [tuple("·" if i and i == j else c for j, c in enumerate(row)) for i, row in enumerate(rows)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [head, *("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)]
        lines += [f"not here: {name}: {why}" for name, why in self.missing.items()]
        lines += [f"refused: {name}: {why}" for name, why in self.refused.items()]
        lines += self._decisions()
        alike: dict[str, list[str]] = {}
        for name, leak in self.leaks.items():
            alike.setdefault(str(leak), []).append(name)
        lines += [f"state between samples, {', '.join(names)}: {text}" for text, names in alike.items()]
        for (a, b), each in self.verdicts.items():
            if each.tier in ("state-identical", "spike-identical"):
                continue
            # the first engine is what the others are held against
            text = str(each) if a == self.names[0] or each.diagnosis is not None else each.said
            lines.append(f"\n{a} | {b}: {text}")
        return "\n".join([*lines, *self.notes])

    def _decisions(self) -> list[str]:
        """Who is how often right, and which pairs decide differently."""
        lines: list[str] = []
        shares: dict[str, str] = {}
        for (a, b), each in self.verdicts.items():
            found = each.decided
            if found is None:
                continue
            sides = ((a, found.right_a, found.interval_a), (b, found.right_b, found.interval_b))
            for name, right, interval in sides:
                if right is not None and interval is not None:
                    low, high = interval
                    shares[name] = f"{right / found.samples:.2%} (95 %: {low:.1%} to {high:.1%})"
            if found.same < found.samples:
                lines.append(f"{a} | {b}: {found}")
        alike: dict[str, list[str]] = {}
        for name, share in shares.items():
            alike.setdefault(share, []).append(name)
        right_lines = [f"right: {share}: {', '.join(names)}" for share, names in alike.items()]
        if any(each.decided is not None for each in self.verdicts.values()) and not lines:
            lines = ["decisions: all alike"]
        return [*right_lines, *lines]
