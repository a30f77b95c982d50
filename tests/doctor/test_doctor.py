"""What the doctor says of an installation, of a good one and of broken ones."""

import importlib.metadata
import json
import subprocess
import sys

import pytest

from snndeploy import doctor, engines
from snndeploy.doctor import devices, packages, probes
from snndeploy.engines import base
from snndeploy.errors import Finding, MissingEngineError


def silent(done, total, text):
    del done, total, text


@pytest.fixture
def quick(monkeypatch):
    """Engines that all run, at once."""
    monkeypatch.setattr(doctor, "two_neurons", lambda name, **options: ("runs", "fine"))


def test_it_takes_less_than_ten_seconds_in_all():
    """As a user runs it, in seconds of the processor: what else the machine does is not counted."""
    timed = (
        "import resource, subprocess, sys\n"
        "command = [sys.executable, '-m', 'snndeploy', 'doctor', '--json']\n"
        "done = subprocess.run(command, capture_output=True, text=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime, file=sys.stderr)\n"
        "print(done.stdout)\n"
        "sys.exit(done.returncode)\n"
    )
    done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert done.returncode == 0, found["wrong"]
    assert float(done.stderr) < 10
    assert found["ok"]
    assert found["engines"]["lava"]["state"] == "runs"
    assert found["packages"]["snntorch"] == importlib.metadata.version("snntorch")
    assert {"S1", "N1", "T1", "R1", "L1"} <= {each["id"] for each in found["known"]}


@pytest.mark.usefixtures("quick")
def test_an_old_nir_is_wrong(monkeypatch):
    true = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0.5" if name == "nir" else true(name))
    found = doctor.examine(silent)
    assert doctor.exit_code(found) == 1
    assert any("nir 1.0.5: a spike subtracts the threshold" in line for line in found["wrong"])
    assert any("nir 1.0.5: snndeploy needs" in line for line in found["wrong"])


@pytest.mark.usefixtures("quick")
def test_a_missing_engine_is_not_wrong(monkeypatch):
    gone = {"onnx": ("missing", "pip install onnx")}
    monkeypatch.setattr(doctor, "two_neurons", lambda name, **options: gone.get(name, ("runs", "fine")))
    found = doctor.examine(silent)
    assert (doctor.exit_code(found), found["ok"]) == (3, False)


@pytest.mark.usefixtures("quick")
def test_a_wrong_engine_comes_before_a_missing_one(monkeypatch):
    states = {"onnx": ("missing", "-"), "lava": ("wrong", "differs")}
    monkeypatch.setattr(doctor, "two_neurons", lambda name, **options: states.get(name, ("runs", "fine")))
    found = doctor.examine(silent)
    assert (doctor.exit_code(found), found["wrong"]) == (1, ["engine lava: differs"])


@pytest.mark.parametrize(
    ("problem", "state"),
    [
        (MissingEngineError(Finding("SD502", "engine", "it is gone", "install it")), "missing"),
        (ZeroDivisionError("in its own code"), "wrong"),
    ],
)
def test_engines_that_fail_are_told(monkeypatch, problem, state):
    def fail(name):
        raise problem

    monkeypatch.setattr(base, "load", fail)
    assert probes.two_neurons("torch")[0] == state


def test_an_engine_that_computes_something_else_is_wrong(monkeypatch):
    run = engines.run

    def off_by_one(network, spikes, name="reference", record=(), **options):
        trace = run(network, spikes, name, record, **options)
        if name == "torch":
            trace.spikes["out"][-1] ^= True
        return trace

    monkeypatch.setattr(engines, "run", off_by_one)
    state, line = probes.two_neurons("torch")
    assert (state, "differ from the reference" in line) == ("wrong", True)


def test_extras_say_what_installs_them(monkeypatch):
    true = importlib.metadata.version

    def without(name):
        if name in ("onnxruntime", "lava-nc"):
            raise importlib.metadata.PackageNotFoundError(name)
        return true(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    found = {each.name: each for each in packages.extras()}
    assert found["onnx"].missing == ("onnxruntime",)
    assert found["onnx"].fix == 'pip install "snndeploy[onnx]"'
    assert found["lava"].fix == "snndeploy install-lava"
    assert not found["test"].missing
    assert not found["test"].fix


def test_requirements_are_checked():
    found = {each.name: each for each in packages.required(["numpy>=999", "no-such-thing", 'nir>=9; extra == "x"'])}
    assert not found["numpy"].fits
    assert (found["no-such-thing"].version, found["no-such-thing"].fits) == (None, False)
    assert "nir" not in found


def test_devices(monkeypatch):
    import torch

    names = {each.name: each for each in devices.examine(lambda device: ("wrong", f"{device} differs"))}
    assert names["cpu"].state == "runs"
    assert {"mps", "triton"} <= set(names)
    if torch.cuda.is_available():
        return
    assert names["cuda"].state == "missing"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: "a GPU")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda i: type("Of", (), {"total_memory": 2**34}))
    seen = {each.name: each for each in devices.examine(lambda device: ("wrong", f"{device} differs"))}
    assert (seen["cuda:0"].state, seen["triton"].state) == ("wrong", "runs")
    assert "16 GiB" in seen["cuda:0"].detail
    assert "cuda:0 differs" in seen["cuda:0"].detail
