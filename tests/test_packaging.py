"""The repository's top level, the wheel, and that the installed wheel runs the demo outside the checkout."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOP = {
    "pyproject.toml",
    "README.md",
    "Makefile",
    "LICENSE",
    "snndeploy",
    "models",
    "targets",
    "tests",
    "examples",
    "docs",
    "benchmarks",
}


def run(*command, **settings):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (path,) = folder.glob("*.whl")
    return path


def test_the_top_level_is_what_it_should_be():
    try:
        listed = run("git", "-C", ROOT, "ls-files").splitlines()
    except (FileNotFoundError, AssertionError):
        pytest.skip("not a git checkout")
    names = {Path(name).parts[0] for name in listed}
    assert {name for name in names if not name.startswith(".")} == TOP | {"constraints.txt"}


def test_constraints_pin_what_is_declared():
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    pins = dict(line.split("==") for line in lines)
    extras = project["optional-dependencies"].values()
    for text in [*project["dependencies"], *(text for extra in extras for text in extra)]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[requirement.name]), requirement.name
    assert pins["torch"] == "2.13.0"
    assert not any(mark in line for line in lines for mark in ("+", "@", "://"))


def test_the_wheel_holds_the_package_and_its_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "snndeploy").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(ROOT).as_posix() in names
    for folder, ending in (
        ("models", "py"),
        ("models/trained", "json"),
        ("models/trained", "nir"),
        ("targets", "toml"),
    ):
        data = list((ROOT / folder).glob(f"*.{ending}"))
        assert data
        assert {f"snndeploy/{folder}/{path.name}" for path in data} <= names
    roots = {name.split("/")[0] for name in names}
    assert {name for name in roots if not name.endswith(".dist-info")} == {"snndeploy"}
    assert "snndeploy/py.typed" in names


def test_the_installed_wheel_runs_the_demo_outside_the_checkout(wheel, tmp_path):
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-index"]
    run(*pip, "--target", site, wheel)
    env = {**os.environ, "PYTHONPATH": str(site)}
    code = "from snndeploy import models, targets; print(models.__file__, models.shipped(), targets.shipped())"
    said = run(sys.executable, "-c", code, cwd=work, env=env)
    assert str(site) in said
    assert "digits_csnn" in said
    assert "loihi2" in said
    run(sys.executable, "-m", "snndeploy", "demo", "--quick", "--out", "out", cwd=work, env=env)
    verdict = json.loads((work / "out" / "verdict.json").read_text())
    assert verdict["ok"] is True
    assert set(verdict["models"]) == {"digits_csnn", "digits_norse"}
