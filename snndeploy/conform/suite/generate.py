"""Writes the suite: `python -m snndeploy.conform.suite.generate`. The same files on every machine.

Vectors come from the reference; who else agrees is found by running them (`witnesses.py`). The manifest says both.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.conform.suite.expected import dyadic, expected
from snndeploy.conform.suite.families import drafts
from snndeploy.conform.suite.files import FOLDER, MANIFEST, NIR, VERSION, sha256, write_arrays, write_graph
from snndeploy.conform.suite.readings import difference, others
from snndeploy.conform.suite.relied import relied
from snndeploy.conform.suite.sketch import Draft
from snndeploy.conform.suite.verdict import same
from snndeploy.errors import SnnDeployError

Agreement = Mapping[str, Any]


def vectors(folder: Path) -> dict[str, dict[str, Any]]:
    """Writes the files of all vectors into an empty folder; returns their entries, but for `tells` and who agrees."""
    return {draft.name: _vector(draft, folder) for draft in drafts()}


def _vector(draft: Draft, folder: Path) -> dict[str, Any]:
    found, margin = expected(draft.graph, draft.contract, draft.inputs, draft.name)
    graph, arrays = folder / f"{draft.name}.nir", folder / f"{draft.name}.npz"
    graph.parent.mkdir(parents=True, exist_ok=True)
    write_graph(draft.graph, graph)
    write_arrays(draft.inputs, found, arrays)
    return {
        "about": draft.about,
        "contract": draft.contract.unusual(),
        "relies": list(relied(draft.graph)),
        "exact": dyadic(found),
        "margin": None if np.isinf(margin) else round(margin, 9),
        "sha256": {"nir": sha256(graph), "npz": sha256(arrays)},
    }


def tells(draft: Draft) -> list[str]:
    """The readings, one choice away from the vector's own, that give something else on it."""
    found, _ = expected(draft.graph, draft.contract, draft.inputs, draft.name)
    told = []
    for other in others(draft.graph, draft.contract):
        try:
            answer, _ = expected(draft.graph, other, draft.inputs, draft.name)
        except SnnDeployError:
            # this graph cannot be read so
            continue
        if not same(found.outputs, answer.outputs):
            told.append(difference(draft.contract, other))
    return told


def write(folder: Path, entries: Mapping[str, dict[str, Any]], agreed: Mapping[str, Agreement], who: Any) -> None:
    """The manifest: version, who witnessed, and every vector with its files' hashes and its witnesses."""
    head = {"format": "snndeploy conformance suite", "version": VERSION, "nir": NIR, "witnesses": who}
    lines = [f"{_json(name)}: {_json(value)}" for name, value in head.items()]
    rows = [f"{_json(name)}: {_json({**entry, **agreed[name]})}" for name, entry in entries.items()]
    vectors = '"vectors": {\n' + ",\n".join(rows) + "\n}"
    (folder / MANIFEST).write_text("{\n" + ",\n".join([*lines, vectors]) + "\n}\n", "utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main(folder: Path = FOLDER, say: Callable[[str], None] = lambda text: None) -> None:
    """Makes the suite anew beside the old one, then puts it in its place."""
    from snndeploy.conform.suite.witnesses import agreement, described

    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    entries = vectors(fresh)
    entries = {draft.name: {**entries[draft.name], "tells": tells(draft)} for draft in drafts()}
    unsaid: Agreement = {"status": "self-defined", "agreed": {}}
    write(fresh, entries, dict.fromkeys(entries, unsaid), {})
    write(fresh, entries, agreement(fresh, say), described())
    old = folder.with_name(f"{folder.name}.old")
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    main(say=lambda text: sys.stderr.writelines([text, "\n"]))
