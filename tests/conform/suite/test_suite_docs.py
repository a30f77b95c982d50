"""The page on how to test a backend does what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

from snndeploy.conform.suite import contract

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "testing-your-backend.md").read_text("utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("page")
    for name, code in re.findall(r"```python\n# (\S+\.py)\n(.*?)```", TEXT, re.DOTALL):
        (found / name).write_text(code)
    return found


def run(folder, *command):
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_command(folder):
    (line,) = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    done = run(folder, *shlex.split(line))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 excluded" in done.stdout
    (suite,) = xml.parse(folder / "results.xml").getroot()
    assert suite.get("failures") == "0"
    assert suite.get("skipped") == "3"


def test_the_test_file(folder):
    done = run(folder, "pytest", "-q", "-p", "no:cacheprovider", "test_conformance.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "xfailed" in done.stdout


def test_the_adapter_has_ten_lines(folder):
    code = (folder / "my_adapter.py").read_text()
    assert len(code.split("\n\n", 1)[1].splitlines()) <= 10


def test_every_word_of_a_reading_is_explained():
    words = {word for each in contract.WORDS.values() for word in each.values()}
    assert all(f"`{word}`" in TEXT for word in words)
