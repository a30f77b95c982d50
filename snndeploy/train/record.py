"""`run.json`: what a run was made with, and what came out.

It stands beside the checkpoints when a run has ended; what looks at the run later (`snndeploy card`) reads it. Names of
files are as the caller gave them. Each call that trained is a session with its own seconds; one that was killed leaves
none, which shows in what stands before and behind it, see `whole`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from snndeploy.errors import SnnDeployError, error
from snndeploy.files import UNREADABLE, replacing, short
from snndeploy.train.logs import EPOCHS

FILE, FORMAT = "run.json", 2
# what those who read it rely on
NEEDED = (
    *("model", "arguments", "data", "settings", "sessions", "epochs", "best", "stopped", "accuracy", "rates"),
    *("validation_accuracy", "device", "notes", "proof", "machine", "versions", "dt", "decision", "time"),
)


def epochs_before(folder: Path, resumed: bool) -> int:
    """Epochs that an earlier call has ended."""
    path = folder / EPOCHS
    return max(0, len(path.read_text("utf-8").splitlines()) - 1) if resumed and path.exists() else 0


def write(folder: Path, about: Mapping[str, Any], session: Mapping[str, Any]) -> None:
    """Writes it, with the sessions that are there already where this one went on with them.

    Those of a damaged record are lost, which shows in that the first one was resumed.

    Raises:
        SnnDeployError SD840: it cannot be written.
    """
    earlier: list[Any] = []
    if session["resumed"] and (folder / FILE).exists():
        with suppress(SnnDeployError):
            known = read(folder)
            earlier = known["sessions"]
            # what it began with stays so, whether the call that goes on says it again or not
            about = {**about, "weights": known.get("weights") or about.get("weights")}
    whole = {"format": FORMAT, **about, "sessions": [*earlier, dict(session)]}
    try:
        with replacing(folder / FILE) as temporary:
            temporary.write_text(json.dumps(whole, indent=2, default=str) + "\n", "utf-8")
    except OSError as problem:
        what = f"the record of the run cannot be written ({short(problem)}); the checkpoint is whole"
        raise error(
            "SD840", str(folder / FILE), what, "free some space, then go on with resume (--resume)"
        ) from problem


def whole(sessions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these are all sessions of a run: the first began it, and each other one where the last one ended."""
    joined = all(one["epochs"] == two["first_epoch"] for one, two in pairwise(sessions))
    return not sessions[0]["resumed"] and joined


def read(folder: Path) -> dict[str, Any]:
    """What was written. Raises SD801: there is none. SD841: it is damaged."""
    path = folder / FILE
    if not path.is_file():
        fix = "name the folder of a run; snndeploy train ... --resume with the same settings writes it for an old one"
        raise error("SD801", str(path), "there is no such file", fix)
    try:
        found = json.loads(path.read_text("utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}")
        missing = [name for name in NEEDED if name not in found]
        if missing or not isinstance(found["sessions"], list) or not found["sessions"]:
            raise ValueError(f"it lacks {', '.join(missing) or 'sessions'}")
    except UNREADABLE as problem:
        raise error(
            "SD841", str(path), f"it cannot be read ({short(problem)})", "train again with --resume"
        ) from problem
    return dict(found)
