"""The folder of a run: its checkpoints and logs, and whether they belong to what is to be trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Literal

import torch

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.files import make_folder
from snndeploy.train import checkpoint
from snndeploy.train.logs import FILES, TESTS, Logs
from snndeploy.train.processes import gathered
from snndeploy.train.settings import Settings
from snndeploy.train.state import State

Resume = bool | Literal["previous"]


class Run:
    """A folder; only the first process writes there.

    Args:
        about: hashes of what is trained and with which data, and the device.
        log: the folder of the rows and event files; None: the same.

    Raises:
        SnnDeployError SD802: it cannot be made. SD801, SD841: no whole checkpoint to resume. SD842: it holds another
            run, or one with other settings. SD822: another run is at work in it.
    """

    def __init__(
        self,
        folder: Path,
        how: Settings,
        about: Mapping[str, Any],
        resume: Resume,
        fabric: Any,
        log: Path | None = None,
    ):
        self.folder, self.how, self.about, self.fabric = folder, how, dict(about), fabric
        self.files = (*FILES, TESTS) if how.test_every else FILES
        self.log = folder if log is None else log
        self.first = fabric.global_rank == 0
        for each in (folder, self.log):
            make_folder(each)
        self.logs: Logs | None = None
        self.lock = hold(folder) if self.first else None
        try:
            self._open(resume)
        except BaseException:
            self.close()
            raise

    def _open(self, resume: Resume) -> None:
        folder = self.folder
        self.saved = checkpoint.load(folder, resume == "previous") if resume else None
        if self.saved is not None:
            self._check(self.saved)
        elif (folder / checkpoint.LAST).exists():
            fix = "resume=True (--resume) goes on with it; or name another folder"
            raise error("SD842", str(folder), "it holds a run already", fix)
        elif any((self.log / name).exists() for name in self.files):
            what = f"it holds {' or '.join(self.files)}, and there is no checkpoint: they are not of a run"
            raise error("SD802", str(self.log), what, "name another folder")
        self.fabric.barrier()

    def _check(self, saved: Mapping[str, Any]) -> None:
        found = self.how.differing(saved["settings"])
        for name, own in self.about.items():
            if saved["about"].get(name) != own:
                what = f"it is {own}, the run was begun with {saved['about'].get(name)}"
                found.append(Finding("SD842", name, what))
        fix = "resume with what the run was begun with, or begin another one in another folder"
        raise_errors(Finding(f.code, f"{self.folder}: {f.where}", f.what, fix) for f in found)

    def begin(self, module: torch.nn.Module, optimizer: Any, schedule: Any, tensorboard: bool = False) -> State:
        """Everything as it was at the checkpoint; a new state, and the first checkpoint, where there is none."""
        state = State() if self.saved is None else self._resume(self.saved, module, optimizer, schedule)
        if self.saved is None:
            self.save(state, module, optimizer, schedule)
        if self.first:
            checkpoint.sweep(self.folder)
            lengths = dict.fromkeys(self.files, 0) | (self.saved["logs"] if self.saved else {})
            self.logs = Logs(self.log, lengths, tensorboard, state.step)
        return state

    def _resume(self, saved: Mapping[str, Any], module: torch.nn.Module, optimizer: Any, schedule: Any) -> State:
        module.load_state_dict(saved["module"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        checkpoint.set_random_state(saved["random"][self.fabric.global_rank])
        return State.of(saved["state"])

    def save(self, state: State, module: torch.nn.Module, optimizer: Any, schedule: Any) -> None:
        """Writes a checkpoint; every process comes here. Raises SD840."""
        random = gathered(self.fabric, checkpoint.random_state())
        if not self.first:
            return
        checkpoint.save(
            self.folder,
            {
                "settings": self.how.as_dict(),
                "about": self.about,
                "versions": {"torch": str(torch.__version__)},
                "state": state.as_dict(),
                "module": module.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "random": random,
                "logs": dict.fromkeys(self.files, 0) if self.logs is None else self.logs.lengths(),
            },
        )

    def close(self) -> None:
        if self.logs is not None:
            self.logs.close()
        if self.lock is not None:
            self.lock.close()


def hold(folder: Path) -> IO[str]:
    """Keeps a second run out of the folder until the file is closed, or its process is gone. Raises SD822."""
    lock = (folder / ".lock").open("a")
    try:
        import fcntl
    except ImportError:  # not on this system: then nothing tells two runs apart
        return lock
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        fix = "wait for it, or name another folder"
        raise error("SD822", str(folder), "another run is at work in it", fix) from None
    return lock
