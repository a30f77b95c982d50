"""Thousands of hostile files, each in a bounded time: `python tests/hostile/hostile_campaign.py --count 20000`.

The files are made, opened and judged in a worker that is killed if one of them takes too long; inside, HDF5 opens each
in a process of its own. Every fortieth goes through a fresh child, as a user's does. `--out` is written every hundred
files, and a campaign goes on from there. A failure names its file: `--only 1234` makes it again and shows everything.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]
# seconds after which it is a hang; processor time, and KiB of the parent, that are failures too
HANG, SLOW, HEAVY = 180.0, 40.0, 3 * 2**20
FRESH = 40


def worker(seed: int, corpus: bool) -> None:
    """Numbers of files come in, a line each; what became of them goes out."""
    from hostile_files import make
    from hostile_outcome import examine, route_of
    from hostile_server import Server
    from hostile_sources import sources

    from snndeploy.frontends.nir import loading

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        folder = Path(name)
        temporary = folder / "tmp"
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        (folder / "files").mkdir()
        whole = sources(folder, corpus=corpus)
        server, plain = Server(), loading._open
        gc.freeze()
        for line in sys.stdin:
            number = int(line)
            loading._open = plain if number % FRESH == 0 else server.open  # type: ignore[assignment]
            if number % 100 == 0:
                gc.collect()
            most, base = memory("VmHWM"), memory("VmRSS")
            server.kib, server.cpu, cpu = 0, 0.0, time.process_time()
            case = make(folder / "files" / "x", whole, seed, number)
            path = folder / "files" / f"x{case.suffix}"
            start = time.monotonic()
            route = "fresh " * (number % FRESH == 0) + route_of(case)
            outcome, wrong = examine(path, case, route.rpartition(" ")[2])
            seconds = time.monotonic() - start
            if any(temporary.iterdir()):
                wrong.append(f"left behind: {os.listdir(temporary)}")
            # smaller peaks than the one before are not measured
            grown = memory("VmHWM") - base if memory("VmHWM") > most else 0
            child, cpu = server.kib, time.process_time() - cpu + server.cpu
            if cpu > SLOW:
                wrong.append(f"{cpu:.1f} s of processor time")
            if grown > HEAVY:
                wrong.append(f"{grown:,} KiB more in the parent")
            told = {"number": number, "source": case.source, "group": case.group, "mutation": case.mutation}
            told |= {"route": route, "options": case.options, "outcome": outcome, "wrong": wrong}
            path.unlink()
            answers.write(json.dumps({**told, "seconds": seconds, "cpu": cpu, "parent": grown, "child": child}) + "\n")
            answers.flush()
        server.close()


def memory(what: str) -> int:
    """Resident memory of this process in KiB: "VmRSS" now, "VmHWM" the most so far."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


class Campaign:
    def __init__(self, seed: int, corpus: bool):
        self.arguments = [sys.executable, str(HERE / "hostile_campaign.py"), "--worker", "--seed", str(seed)]
        self.arguments += [] if corpus else ["--no-corpus"]
        self.process: subprocess.Popen[bytes] | None = None

    def one(self, number: int) -> dict[str, Any]:
        """What became of one file; a worker that hangs or dies is replaced."""
        if self.process is None:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            allowed = HANG + 60
        else:
            allowed = HANG
        process = self.process
        assert process.stdin is not None
        assert process.stdout is not None
        start = time.monotonic()
        process.stdin.write(f"{number}\n".encode())
        ready, _, _ = select.select([process.stdout], [], [], allowed)
        line = process.stdout.readline() if ready else b""
        if line:
            told: dict[str, Any] = json.loads(line)
            return told
        process.kill()
        process.wait()
        self.close()
        how = f"the parent died ({process.returncode})" if ready else f"the parent was still busy after {allowed:g} s"
        return {"number": number, "outcome": "hang", "wrong": [how], "seconds": time.monotonic() - start}

    def close(self) -> None:
        if self.process is not None:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.close()
            self.process.wait(30)
            self.process.stdout.close()
        self.process = None


def added(summary: dict[str, Any], told: dict[str, Any]) -> None:
    """One outcome more in the summary."""
    summary["files"] = told["number"] + 1
    for key, value in (("outcomes", told["outcome"]), ("groups", told.get("group", "?"))):
        summary[key][value] = summary[key].get(value, 0) + 1
    for key, unit in (("seconds", 1.0), ("cpu", 1.0), ("parent", 2**10), ("child", 2**10)):
        most = told.get(key, 0) / unit
        if most > summary["worst"].get(key, {}).get("most", 0):
            summary["worst"][key] = {"most": round(most, 2), "file": told["number"], "mutation": told.get("mutation")}
    if told["wrong"]:
        summary["failures"].append(told)


def again(summary: dict[str, Any], campaign: Campaign) -> None:
    """Runs the files that failed once more, and counts what becomes of them now."""
    failed, files, summary["failures"] = summary["failures"], summary["files"], []
    for told in failed:
        for key, value in (("outcomes", told["outcome"]), ("groups", told.get("group", "?"))):
            summary[key][value] -= 1
            summary[key] = {name: times for name, times in summary[key].items() if times}
        added(summary, campaign.one(told["number"]))
    summary["files"] = files


def sum_of(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    """Several campaigns as one, without what each file was."""
    total: dict[str, Any] = {"files": 0, "campaigns": {}, "groups": {}, "outcomes": {}, "worst": {}, "failures": 0}
    for each in summaries:
        total["files"] += each["files"]
        total["campaigns"][f"seed {each['seed']}"] = each["files"]
        total["failures"] += len(each["failures"])
        for key in ("groups", "outcomes"):
            for name, times in sorted(each[key].items()):
                total[key][name] = total[key].get(name, 0) + times
        # seconds by the clock say more about the computer than about the file
        for name, held in each["worst"].items():
            if name != "seconds" and held["most"] > total["worst"].get(name, {}).get("most", 0):
                total["worst"][name] = {**held, "seed": each["seed"]}
    from snndeploy.frontends.nir.loading import Limits

    return {**total, "limit": Limits.seconds}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("build/hostile.json"))
    parser.add_argument("--only", type=int, nargs="*", default=None)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--no-corpus", action="store_true")
    parser.add_argument("--worker", action="store_true")
    parser.add_argument("--again", action="store_true", help="only what failed in --out, which is then put right")
    parser.add_argument("--merge", type=Path, nargs="*", help="campaigns whose sum is written to --out")
    given = parser.parse_args()
    if given.merge:
        merged = sum_of([json.loads(path.read_text("utf-8")) for path in given.merge])
        given.out.write_text(json.dumps(merged, indent=1) + "\n", "utf-8")
        return 0
    if given.worker:
        worker(given.seed, not given.no_corpus)
        return 0
    campaign = Campaign(given.seed, not given.no_corpus)
    if given.only:
        for number in given.only:
            told = campaign.one(number)
            wrong = told.pop("wrong")
            sys.stdout.write("\n".join([json.dumps(told, indent=1), *wrong, ""]))
        campaign.close()
        return 0
    summary: dict[str, Any] = {"seed": given.seed, "files": given.start, "outcomes": {}, "groups": {}}
    summary |= {"worst": {}, "failures": [], "wall": 0.0}
    if given.out.exists():
        kept = json.loads(given.out.read_text("utf-8"))
        summary = kept if kept["seed"] == given.seed else summary
    if given.again:
        again(summary, campaign)
        given.out.write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
        campaign.close()
        return int(bool(summary["failures"]))
    start = time.monotonic() - summary["wall"]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for number in range(summary["files"], given.count):
        added(summary, campaign.one(number))
        if number % 100 == 99 or number + 1 == given.count:
            summary["wall"] = time.monotonic() - start
            held = given.out.with_suffix(".part")
            held.write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
            held.replace(given.out)
            sys.stderr.write(f"\r{number + 1:,} files, {len(summary['failures'])} failures, {summary['wall']:.0f} s ")
    campaign.close()
    counts = Counter(summary["outcomes"]).most_common()
    sys.stderr.write("\n" + "\n".join(f"{times:6,} {code}" for code, times in counts) + "\n")
    return int(bool(summary["failures"]))


if __name__ == "__main__":
    sys.exit(main())
