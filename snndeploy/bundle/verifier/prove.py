"""A whole bundle: its container, its hashes, its contract, its golden run."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path
from typing import Any

from .archive import unpack
from .golden import Golden
from .network import Network
from .reading import Fields, document
from .refusal import AGAIN, Fault, Refused, refuse, shown

FORMAT = "snndeploy bundle 1"
MANIFEST = "manifest.json"
NEEDED = ("__main__.py", "contract.json", "contract.txt", "golden.json", "model.nir")
KNOWN = re.compile(
    r"__main__\.py|verifier/[a-z_]+\.py|contract\.(json|txt)|golden\.json|manifest\.json|model\.nir|placement\.json"
    r"|(arrays|golden|placement)/\d{4}\.npy"
)


# what a malformed bundle could still raise behind all checks; nothing of it is a reason for a traceback
UNFORESEEN = (ArithmeticError, AttributeError, EOFError, LookupError, RecursionError, TypeError, ValueError)


def prove(path: Path, sha256: str = "") -> dict[str, Any]:
    """What a bundle proves, as plain numbers and strings. No code of the bundle runs.

    Args:
        sha256: of the whole file, as its sender said; "": nothing was said.

    Raises:
        Refused: as the parts do; SD868: it is another file than the one that `sha256` names. OSError: it is not read.
    """
    try:
        return _prove(path, sha256)
    except MemoryError as problem:
        raise refuse("SD864", path.name, "it takes more memory than there is", "use a machine with more") from problem
    except UNFORESEEN as problem:
        what = f"unforeseen: {type(problem).__name__}: {str(problem)[:100]}"
        raise refuse("SD866", path.name, what, AGAIN) from problem


def _prove(path: Path, sha256: str) -> dict[str, Any]:
    members = unpack(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 and not hmac.compare_digest(digest, sha256.strip().lower()):
        raise refuse("SD868", path.name, f"its SHA-256 is {digest}, not {shown(sha256)}", AGAIN)
    manifest = check_files(members)
    network = Network(document(members, "contract.json"), members)
    golden = Golden(document(members, "golden.json"), members, network)
    found = golden.prove()
    versions = Fields(manifest.get("versions", dict), f"{MANIFEST}, versions")
    return {
        "bundle": path.name,
        "sha256": digest,
        "network": manifest.word("network"),
        "files": len(members),
        **found,
        "engines": {str(n): str(v) for n, v in sorted(golden.held.get("engines", dict).items())},
        "made with": {str(n): str(v) for n, v in sorted(versions.held.items())},
        "placement": "placement.json" in members,
    }


def check_files(members: dict[str, bytes]) -> Fields:
    """The manifest, if it and the files belong together.

    Raises:
        Refused SD861: a file was changed. SD862: one is missing, or is there too many. SD866: it is no manifest.
    """
    if MANIFEST not in members:
        raise refuse("SD862", MANIFEST, "the archive has none, and is no bundle", "snndeploy bundle writes one")
    manifest = Fields(document(members, MANIFEST), MANIFEST)
    manifest.word("format", (FORMAT,))
    listed = manifest.get("files", dict)
    faults: list[Fault] = []
    for name in sorted({*listed, *members, *NEEDED} - {MANIFEST}):
        where = shown(name)
        if name not in members:
            faults.append(("SD862", where, "it is missing", AGAIN))
        elif name not in listed:
            faults.append(("SD862", where, "the manifest does not list it", AGAIN))
        elif not KNOWN.fullmatch(name):
            faults.append(("SD862", where, "no bundle holds such a file", AGAIN))
        else:
            entry = Fields(listed[name], f"{MANIFEST}, {where}")
            size, wanted = entry.whole("bytes", 0, 2**40), entry.word("sha256")
            if size != len(members[name]) or hashlib.sha256(members[name]).hexdigest() != wanted:
                faults.append(("SD861", where, "its SHA-256 is not the one in the manifest", AGAIN))
    if faults:
        raise Refused(faults)
    return manifest
