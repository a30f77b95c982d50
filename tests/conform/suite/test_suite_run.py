"""Verdicts, the runner in its child process, lists with reasons, JUnit, exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as xml

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli
from snndeploy.conform.suite import Answer, NonconformingError, cases, check, judge, junit, parameters
from snndeploy.conform.suite.report import Outcome, Report
from snndeploy.conform.suite.verdict import Verdict
from snndeploy.errors import SnnDeployError

ADAPTERS = """
import os, signal, sys, time
import numpy as np
from snndeploy.conform.suite.adapters.engines import reference

print("what a module prints does no harm")
count = 0


def right(graph, input, dt, contract):
    print("nor what it prints later")
    return reference.run(graph, input, dt, contract)


class Odd:
    def run(self, graph, input, dt):
        global count
        count += 1
        if len(input) == 1:
            time.sleep(60)
        if not input.any():
            os.kill(os.getpid(), signal.SIGSEGV)
        if input.shape[1] == 7:
            raise ValueError("seven samples\\nare too many")
        if input.dtype == float:
            sys.exit(3)
        return [[["text"]]] if input.min() else np.zeros((2, 2))
"""


@pytest.fixture(scope="module")
def backends(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backends")
    (folder / "backends_of_a_test.py").write_text(ADAPTERS)
    return folder


@pytest.fixture(scope="module")
def case():
    return cases(["lif/standard/edges"])[0]


def shown(case, **changes):
    return {name: np.array(array, float) for name, array in case.expected.outputs.items()} | changes


def test_a_verdict_for_each_tier(case):
    ((name, spikes),) = shown(case).items()
    v = {node: np.array(array, float) for node, array in case.expected.v.items()}
    (node,) = v
    assert judge(case, Answer(spikes, v)).kind == "state-identical"
    assert judge(case, spikes) == Verdict("spike-identical")
    assert judge(case, {name: spikes.astype(bool)}).kind == "spike-identical"
    near = judge(case, Answer(spikes, {node: v[node] + 1e-6}))
    assert (near.kind, near.states) == ("spike-identical", "close")
    far = judge(case, Answer(spikes, {node: v[node] + (np.arange(16) == 5)[:, None, None]}))
    assert (far.kind, far.states, far.first.step, far.first.output) == (
        "spike-identical",
        "differ",
        5,
        f"v of '{node}'",
    )
    late = judge(case, np.concatenate([spikes[:1] * 0, spikes[:-1]]))
    assert (late.kind, late.lag, late.passed) == ("lag", 1, False)
    early = judge(case, np.concatenate([spikes[2:], spikes[:2]]))
    assert (early.kind, early.lag) == ("lag", -2)
    one = spikes.copy()
    one[7, 1, 2] = 1 - one[7, 1, 2]
    wrong = judge(case, one)
    assert (wrong.kind, wrong.differing) == ("different", 1 / spikes.size)
    assert (wrong.first.step, wrong.first.sample, wrong.first.neuron) == (7, 1, (2,))


@pytest.mark.parametrize("wrong", [np.nan, 2.0, 1 + 1e-9, -1.0])
def test_what_is_no_spike_is_not_one(case, wrong):
    (spikes,) = shown(case).values()
    spikes[tuple(np.argwhere(spikes)[0])] = wrong
    assert judge(case, spikes).kind == "different"


@pytest.mark.parametrize(
    "given",
    [
        np.zeros(3),
        np.zeros((16, 2, 5)),
        "text",
        None,
        [[1, 2], [3]],
        {},
        {"other": np.zeros((16, 2, 4))},
        1j * np.ones((16, 2, 4)),
    ],
)
def test_what_is_malformed_is_told(case, given):
    verdict = judge(case, given)
    assert verdict.kind == "malformed"
    assert verdict.reason


def test_values_are_held_within_rounding():
    (case,) = cases(["li/standard/decay"])
    (values,) = shown(case).values()
    assert judge(case, values.astype(np.float32)).passed
    assert judge(case, values + 1e-5).passed
    assert judge(case, values + 1e-3).kind == "different"
    values[3, 0, 0] = np.nan
    assert judge(case, values).first.step == 3


def test_several_outputs_need_names():
    (case,) = cases(["graph/standard/two-outputs"])
    assert judge(case, shown(case)).passed
    assert "2 Outputs" in judge(case, shown(case)["output"]).reason


def test_a_silent_vector_has_no_lag():
    (case,) = cases(["lif/standard/empty"])
    spikes = np.zeros((20, 2, 3))
    spikes[-1] = 1
    assert judge(case, spikes).kind == "different"


def test_a_child_runs_what_is_right(backends, monkeypatch):
    monkeypatch.syspath_prepend(str(backends))
    report = sd.conformance("backends_of_a_test:right", ["loop/*"])
    assert report.ok
    assert report.counts == {"passed": 19}
    assert {each.verdict.kind for each in report.outcomes} == {"state-identical"}


def test_hangs_crashes_and_exceptions_are_verdicts(backends, monkeypatch):
    monkeypatch.syspath_prepend(str(backends))
    names = ["one-step", "empty", "batch", "real", "firing", "silent"]
    report = sd.conformance("backends_of_a_test:Odd", [f"lif/standard/{name}" for name in names], seconds=3)
    found = {each.case.name.split("/")[-1]: each.verdict for each in report.outcomes}
    assert {name: verdict.kind for name, verdict in found.items()} == {
        "one-step": "timeout",
        "empty": "crashed",
        "batch": "refused",
        "real": "refused",
        "firing": "malformed",
        "silent": "malformed",
    }
    assert found["one-step"].reason == "it took longer than 3 s"
    assert "SIGSEGV" in found["empty"].reason
    assert found["batch"].reason == "ValueError: seven samples"
    assert found["real"].reason.startswith("SystemExit")
    assert not report.ok


def test_an_adapter_that_cannot_be_loaded_is_told(backends, monkeypatch):
    monkeypatch.syspath_prepend(str(backends))
    for target, text in (("backends_of_a_test:gone", "gone"), ("no_such_module_at_all:run", "ModuleNotFoundError")):
        with pytest.raises(SnnDeployError, match="SD742") as problem:
            sd.conformance(target, ["lif/standard/ties"])
        assert text in str(problem.value)


def report_of(case, *verdicts):
    outcomes = [Outcome(replace(case), *each) for each in verdicts]
    return Report("mine", "", "1.0", tuple(outcomes))


def test_unexpected_passes_are_failures(case):
    good, bad = Verdict("spike-identical"), Verdict("refused", reason="no \x00 <way> & 'so'")
    assert report_of(case, (good,), (bad, True, "known"), (None, False, "left out")).ok
    assert not report_of(case, (good, True, "known")).ok
    assert not report_of(case, (bad,)).ok
    late = Verdict("lag", 0.5, 1)
    assert [Outcome(case, late, late=n).ok for n in (0, 1, 2)] == [False, True, False]


def test_junit_is_xml_and_counts(case):
    good, bad = Verdict("spike-identical", seconds=0.25), Verdict("refused", reason="no \x00 <way> & 'so'")
    report = report_of(case, (good,), (bad,), (good, True, "old"), (bad, True, "known <it>"), (None, False, "left out"))
    top = xml.fromstring(junit.document(report).encode())
    (suite,) = top
    assert {k: suite.get(k) for k in ("tests", "failures", "skipped")} == {
        "tests": "5",
        "failures": "2",
        "skipped": "2",
    }
    assert [[child.tag for child in each] for each in suite] == [[], ["failure"], ["failure"], ["skipped"], ["skipped"]]
    assert "<way> & 'so'" in suite[1][0].get("message")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--exclude", "lif/*"], "SD743"),
        (["--xfail", "lif/*= "], "SD743"),
        (["--include", "nothing/*"], "SD744"),
        (["--exclude", "nothing=x", "--xfail", "also=y"], "SD744"),
        (["--adapter", "nengo"], "SD741"),
        (["--seconds", "0"], "SD800"),
        (["--junit", "/no/such/folder/x.xml"], "SD802"),
    ],
)
def test_what_is_wrong_with_a_call_is_told(options, code, capsys):
    assert cli.main(["conformance", "--json", *options]) == 2
    findings = json.loads(capsys.readouterr().out)["error"]
    assert {each["code"] for each in findings} == {code}
    assert len(findings) == (2 if "also=y" in options else 1)


def test_exit_codes(backends, monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(str(backends))
    few = ["--include", "lif/standard/batch", "--include", "lif/standard/bare", "--json"]
    adapter = ["--adapter", "backends_of_a_test:Odd"]
    assert cli.main(["conformance", *adapter, *few, "--junit", str(tmp_path / "x.xml")]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["counts"] == {"failed": 2}
    assert len(xml.parse(tmp_path / "x.xml").getroot()[0]) == 2
    allowed = ["--xfail", "*/batch=seven", "--exclude", "*/bare=no"]
    assert cli.main(["conformance", *adapter, *few, *allowed]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"expected failure": 1, "excluded": 1}


def test_a_missing_package_is_named(monkeypatch, capsys):
    from snndeploy.conform.suite import adapters

    gone = replace(adapters.BACKENDS["sinabs"], module="no_such_package_here")
    monkeypatch.setitem(adapters.BACKENDS, "sinabs", gone)
    assert cli.main(["conformance", "--adapter", "sinabs", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"][0]["fix"] == "pip install 'snndeploy[backends]'"


def test_parameters_have_marks():
    found = parameters(["lif/standard/*"], {"*/batch": "too many"}, {"*/ties": "it is >="})
    marks = {each.id: [mark.name for mark in each.marks] for each in found}
    assert marks["lif/standard/batch"] == ["skip"]
    assert marks["lif/standard/ties"] == ["xfail"]
    assert marks["lif/standard/real"] == []
    assert all(mark.kwargs["reason"] for each in found for mark in each.marks)


def test_check_raises_with_the_first_difference(case):
    with pytest.raises(
        NonconformingError, match=r"lif/standard/edges .* step 0, sample 0, neuron \[1\]: 0 instead of 1"
    ):
        check(case, lambda graph, input, dt: np.zeros((16, 2, 4)))


def test_the_list(capsys):
    assert cli.main(["conformance", "--list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["vectors"].keys() == {each.name for each in cases()}
    assert "nengo" in document["absent"]
