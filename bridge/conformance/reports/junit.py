"""JUnit XML of a run, as CI servers read it: a suite for each category, skipped for what did not run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from bridge.conformance.case import CATEGORIES
from bridge.conformance.results import BROKEN, CaseResult, RunReport, Status

_SKIPPED = frozenset({Status.UNSUPPORTED, Status.NOT_RUN, Status.EXPECTED_FAIL})

_UNPRINTABLE = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold in any form."""


def junit_xml(report: RunReport) -> bytes:
    """The whole file."""
    root = ET.Element("testsuites", name=f"cargobridge conformance {report.mode}", time=f"{report.seconds:.3f}")
    _count(root, report.results)
    for category, group in groupby(report.results, key=lambda result: result.case.category):
        results = list(group)
        suite = ET.SubElement(root, "testsuite", name=f"{category} {CATEGORIES[category]}", timestamp=report.started)
        _count(suite, results)
        if category == report.results[0].case.category:
            properties = ET.SubElement(suite, "properties")
            for name, value in {**report.subject, "seed": str(report.seed)}.items():
                ET.SubElement(properties, "property", name=name, value=_text(value))
        for result in results:
            _case(suite, category, result)
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _count(element: ET.Element, results: Sequence[CaseResult]) -> None:
    element.set("tests", str(len(results)))
    element.set("failures", str(sum(result.status in BROKEN for result in results)))
    element.set("errors", "0")
    element.set("skipped", str(sum(result.status in _SKIPPED for result in results)))


def _case(suite: ET.Element, category: str, result: CaseResult) -> None:
    case = result.case
    element = ET.SubElement(
        suite,
        "testcase",
        classname=f"conformance.{category}",
        name=f"{case.id} {case.sentence}",
        time=f"{result.milliseconds / 1_000:.3f}",
    )
    told = f"{result.message}\ngot: {result.got}\nexpected: {result.expected}\nreplay: {result.replay}"
    if result.status in BROKEN:
        failure = ET.SubElement(element, "failure", type=result.status, message=_text(result.message))
        failure.text = _text(told)
    elif result.status in _SKIPPED:
        ET.SubElement(element, "skipped", message=_text(f"{result.status}: {result.message}"))
    elif result.status is Status.WARN:
        ET.SubElement(element, "system-out").text = _text(f"warning: {told}")


def _text(text: str) -> str:
    return _UNPRINTABLE.sub("?", text)
