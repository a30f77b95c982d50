"""What `snndeploy install-lava` runs, without running pip itself."""

from __future__ import annotations

import subprocess

import pytest

from snndeploy.engines.lava import install, patches
from snndeploy.errors import SnnDeployError


def test_lava_is_installed_without_its_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def note(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", note)
    install.install("python-of-mine")
    assert all(command[:4] == ["python-of-mine", "-m", "pip", "install"] for command in commands)
    assert {"asteval", "networkx", "scipy"} <= set(commands[0])
    assert {"--no-deps", "--ignore-requires-python", "lava-nc==0.10.0"} <= set(commands[1])


def test_a_failure_of_pip_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: retrying\nERROR: No matching distribution\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SnnDeployError, match=r"SD515 .*No matching distribution"):
        install.install()
    monkeypatch.undo()
    with pytest.raises(SnnDeployError, match="SD515 interpreter /no/such/python"):
        install.install("/no/such/python")


@pytest.mark.parametrize("found", ["0.9.0", None])
def test_a_missing_or_other_lava_is_named(monkeypatch: pytest.MonkeyPatch, found: str | None) -> None:
    def version(_: str) -> str:
        if found is None:
            raise patches.PackageNotFoundError
        return found

    monkeypatch.setattr(patches, "version", version)
    said = patches.missing()
    assert said is not None
    assert said.endswith(" Fix: snndeploy install-lava")
    assert found is None or found in said
