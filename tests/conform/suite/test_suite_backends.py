"""Engines pass every vector, the others fail where it is known that they do, and the published table says so."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import snndeploy as sd
from snndeploy.conform.suite import cases, check
from snndeploy.conform.suite.adapters import BACKENDS, engines
from snndeploy.conform.suite.adapters.known import known
from snndeploy.conform.suite.case import every, manifest
from snndeploy.conform.suite.choice import chosen
from snndeploy.conform.suite.verdict import PASSING
from snndeploy.errors import SnnDeployError

MEASURED = json.loads((Path(__file__).parents[3] / "docs" / "conformance.json").read_text("utf-8"))
EXACT = ("reference", "torch", "onnx")


@pytest.mark.parametrize("name", EXACT)
def test_an_engine_gives_every_spike_and_state(name):
    if BACKENDS[name].missing:
        pytest.skip(BACKENDS[name].missing)
    for case in cases():
        verdict = check(case, getattr(engines, name))
        assert verdict.kind == "state-identical" or not (case.expected.v or case.expected.i), case.name


@pytest.mark.parametrize(("name", "every_nth"), [("lava", 4), ("snntorch", 6), ("norse", 6)])
def test_an_engine_fails_where_it_is_known_to(name, every_nth):
    if BACKENDS[name].missing:
        pytest.skip(BACKENDS[name].missing)
    failing = chosen(every(), ("*",), {}, known()[name]).xfail
    for case in every()[::every_nth]:
        try:
            check(case, getattr(engines, name))
            passed = True
        except (AssertionError, SnnDeployError):
            passed = False
        assert passed == (case not in failing), case.name


@pytest.mark.parametrize("name", ["norse-importer", "spikingjelly", "rockpool"])
def test_an_importer_fails_where_it_is_known_to(name):
    if BACKENDS[name].missing:
        pytest.skip(BACKENDS[name].missing)
    report = sd.conformance(name, ["lif/standard/t*", "affine/*", "cubalif/standard/v_*", "linear/standard/r*"])
    assert report.ok, str(report)
    assert report.counts.keys() == {"passed", "expected failure"}


def test_rockpool_runs_no_pip():
    """Importing samna installs another samna; rockpool asks for it and does without."""
    if BACKENDS["rockpool"].missing:
        pytest.skip(BACKENDS["rockpool"].missing)
    import subprocess

    code = "import sys; import snndeploy.conform.suite.adapters.rockpool; print(sys.modules['samna'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


def test_the_published_table_is_of_this_suite():
    assert MEASURED["suite"] == manifest()["version"]
    assert list(MEASURED["backends"]) == list(BACKENDS)
    for name, each in MEASURED["backends"].items():
        assert list(each["vectors"]) == [case.name for case in every()], name


@pytest.mark.parametrize("name", BACKENDS)
def test_known_failures_are_those_that_were_measured(name):
    rows = MEASURED["backends"][name]["vectors"]
    failing = chosen(every(), ("*",), {}, known().get(name, {})).xfail
    assert {case.name for case in failing} == {v for v, row in rows.items() if row["kind"] not in PASSING}


def test_who_agreed_is_who_passed():
    """The manifest's witnesses and the table were measured in two runs."""
    for case in every():
        rows = {name: each["vectors"][case.name]["kind"] for name, each in MEASURED["backends"].items()}
        passed = {name for name, kind in rows.items() if kind in PASSING} - {"reference", "lava-fixed"}
        assert passed == set(case.agreed), case.name


@pytest.mark.parametrize("neuron", ["IF", "LIF", "CubaLIF"])
def test_a_reading_is_found(neuron):
    """SpikingJelly spikes at the threshold, by its own code; every answer that it gives says so."""
    found = MEASURED["backends"]["spikingjelly"]["readings"][neuron]
    assert found["differs"] == {"comparator": ">="}
    assert found["explained"] == found["answered"] > 0
