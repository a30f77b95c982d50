"""A report as JUnit XML, which servers of continuous integration show."""

from __future__ import annotations

import os
import re
from xml.etree import ElementTree as xml

from snndeploy.conform.suite.report import Outcome, Report
from snndeploy.files import check_output, replacing

# what XML 1.0 cannot hold
UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


def document(report: Report) -> str:
    """<testsuites> with one suite; a failure is a <failure>, what did not run or was to fail is <skipped>."""
    failures = [each for each in report.outcomes if not each.ok]
    skipped = [each for each in report.outcomes if each.result in ("excluded", "expected failure")]
    seconds = sum(each.verdict.seconds for each in report.outcomes if each.verdict is not None)
    counts = {
        "tests": str(len(report.outcomes)),
        "failures": str(len(failures)),
        "errors": "0",
        "skipped": str(len(skipped)),
        "time": f"{seconds:.3f}",
    }
    top = xml.Element("testsuites", counts)
    suite = xml.SubElement(
        top, "testsuite", {"name": _text(f"NIR conformance {report.suite}: {report.adapter}"), **counts}
    )
    for each in report.outcomes:
        _case(suite, each, report.adapter)
    xml.indent(top)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(top, "unicode") + "\n"


def _case(suite: xml.Element, each: Outcome, adapter: str) -> None:
    family, _, rest = each.case.name.partition("/")
    took = 0.0 if each.verdict is None else each.verdict.seconds
    attributes = {"classname": _text(f"{adapter}.{family}"), "name": _text(rest), "time": f"{took:.3f}"}
    case = xml.SubElement(suite, "testcase", attributes)
    if not each.ok:
        told = each.reason if each.result == "unexpected pass" else str(each.verdict)
        failure = xml.SubElement(case, "failure", {"type": each.result, "message": _text(told)})
        failure.text = _text(str(each))
    elif each.result in ("excluded", "expected failure"):
        xml.SubElement(case, "skipped", {"message": _text(f"{each.result}: {each.reason}")})


def _text(text: str) -> str:
    return UNPRINTABLE.sub("?", text)


def write(report: Report, path: str | os.PathLike[str]) -> None:
    """Writes the file whole or not at all. Raises SnnDeployError SD802."""
    with replacing(check_output(path)) as temporary:
        temporary.write_text(document(report), "utf-8")
