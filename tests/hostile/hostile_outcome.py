"""What may become of a hostile file: a network that is legal, can be written, read again and run, or findings that can
be read. Everything else is a bug, and is told as a text.
"""

from __future__ import annotations

import contextlib
import io
import json
import traceback
import warnings
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from hostile_files import Case

from snndeploy import cli, verbs
from snndeploy.engines import run
from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends.nir import read
from snndeploy.network import Network, spec
from snndeploy.network.arrays import equal
from snndeploy.network.maps import chain_work

FAMILIES = ("SD1", "SD4")
LONGEST, MOST = 650, 101
# larger networks are not written and run, and of the others every second
RUN_LIMIT = 2**19
STYLES: tuple[dict[str, str], ...] = ({}, {}, {"style": "decomposed"}, {"for_": "norse"}, {"for_": "snntorch"})
ROUTES = ("read",) * 21 + ("inspect", "lint", "convert")


def route_of(case: Case) -> str:
    return ROUTES[case.number % len(ROUTES)]


def examine(path: Path, case: Case, route: str) -> tuple[str, list[str]]:
    """("legal", or the first code), and what is wrong with that."""
    before = path.read_bytes()
    there = sorted(path.parent.iterdir())
    wrong: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outcome = by_verb(path, case, wrong) if route == "read" else by_command(path, case, route, wrong)
    except Exception:
        outcome = "traceback"
        wrong.append(traceback.format_exc(limit=-6))
    if path.read_bytes() != before:
        wrong.append("the file was changed")
    left = sorted(set(path.parent.iterdir()) - set(there))
    if left:
        wrong.append(f"left behind: {[each.name for each in left]}")
        for each in left:
            each.unlink()
    return outcome, wrong


def by_verb(path: Path, case: Case, wrong: list[str]) -> str:
    try:
        network = read(path, **case.options)
    except SnnDeployError as problem:
        wrong += unreadable(problem.findings, path)
        return problem.findings[0].code
    wrong += unsound(network, path.with_name("out.nir"), case.number)
    return "legal"


def unreadable(findings: tuple[Finding, ...], path: Path) -> list[str]:
    """What is wrong with the findings themselves."""
    wrong = []
    if not findings or len(findings) > MOST:
        wrong.append(f"{len(findings)} findings")
    for each in findings[:3]:
        text = str(each)
        if not text.isprintable() or len(text) - len(str(path)) > LONGEST:
            wrong.append(f"a finding of {len(text)} characters that cannot be read: {text[:700]!r}")
        if each.code[:3] not in FAMILIES or str(path) not in each.where or not each.what:
            wrong.append(f"a finding without code, place or reason: {text[:700]}")
        if each.code in ("SD401", "SD402", "SD403", "SD404") and not each.fix:
            wrong.append(f"a finding without a fix: {text}")
    return wrong


def unsound(network: Network, out: Path, number: int) -> list[str]:
    """What a network from a file cannot do that every legal network can."""
    wrong = [f"not legal: {finding}" for finding in spec.findings(network)]
    wrong += [f"a name that cannot be read: {name!r}" for name in network.shapes if not name.isprintable()]
    style = STYLES[number // 2 % len(STYLES)]
    if number % 2 or work(network) > RUN_LIMIT:
        return wrong
    try:
        verbs.write(network, out, **style)
    except SnnDeployError as problem:
        if not all(finding.code.startswith("SD41") for finding in problem.findings):
            wrong.append(f"cannot be written: {problem}")
    else:
        again = read(out)
        if not equal(network, again):
            wrong.append("it is another one when it is read again")
        out.unlink()
    rng = np.random.default_rng(number)
    given = {each.name: (rng.random((4, 1, *each.shape)) < 0.5).astype(float) for each in network.given}
    with np.errstate(all="ignore"):
        trace = run(network, given, "reference", ("spikes",))
    if any(len(each) != 4 for each in trace.spikes.values()):
        wrong.append("a run of 4 steps has another length")
    return wrong


def work(network: Network) -> int:
    """What a step takes, in numbers that are written."""
    size = sum(prod(shape) for shape in network.shapes.values())
    return size + sum(chain_work(p.maps, network.shapes[p.source]) for p in network.projections)


def by_command(path: Path, case: Case, command: str, wrong: list[str]) -> str:
    """The same over the command line, as text or as JSON."""
    as_json = bool(case.number % 2)
    out = path.with_name("out.nir")
    arguments = [command, str(path), *flags(case.options), *(["--json"] if as_json else [])]
    if command == "convert":
        style = STYLES[case.number // 24 % len(STYLES)]
        arguments += ["-o", str(out), *(part for k, v in style.items() for part in (f"--{k.rstrip('_')}", v))]
    if command == "lint" and case.number % 3:
        arguments += ["--target", "loihi2"]
    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        code = cli.main(arguments)
    text, errors = said.getvalue(), complained.getvalue()
    out.unlink(missing_ok=True)
    wrong += [f"{command}: control characters in {each[:600]!r}" for each in (text, errors) if not clean(each)]
    for each in (text, errors):
        if "Traceback" in each or "SD899" in each:
            wrong.append(f"{command}: {each[-1500:]}")
    if code not in (0, 1, 2) or (code and not text and not errors):
        wrong.append(f"{command}: exit code {code}, said {text[:200]!r} {errors[:200]!r}")
    if not as_json:
        return "legal" if code == 0 else first_code(errors or text)
    document: dict[str, Any] = json.loads(text)
    if code != 2:
        return "legal"
    found = tuple(Finding(**{k: v for k, v in each.items() if k != "title"}) for each in document["error"])
    wrong += unreadable(found, path) if command != "convert" else []
    return found[0].code if found else "nothing"


def first_code(text: str) -> str:
    return next((word for word in text.replace(":", " ").split() if word.startswith("SD") and len(word) == 5), "none")


def clean(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text)


def flags(options: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        found += [flag] if value is True else [flag, str(value)]
    return found
