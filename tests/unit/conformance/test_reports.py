"""Reports: JUnit for CI, JSON in its published form, a page that loads nothing and believes no target, a badge."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bridge.conformance.case import Level
from bridge.conformance.checks import Failed
from bridge.conformance.connection import Exchange
from bridge.conformance.expected import ExpectedFailures
from bridge.conformance.reports import FORMS, write_reports
from bridge.conformance.reports.badge import badge_svg, verdict
from bridge.conformance.reports.html import html_page
from bridge.conformance.reports.json_report import SCHEMA_FILE, report_dict, report_json
from bridge.conformance.reports.junit import junit_xml
from bridge.conformance.results import RunReport
from tests.unit.conformance.bench import StillBench, made, report_of

HOSTILE = '<script>alert("got")</script>\x00'


@pytest.fixture
def report() -> RunReport:
    bench = StillBench()

    def fails(kit: Any) -> None:
        kit.kept["a <header>"] = b"\xff" * 300
        bench.calls = [Exchange("bridge.v1.LedgerService/Deliver", "relayer", b"\x01", outcome=HOSTILE)]
        raise Failed(HOSTILE, got=HOSTILE, expected="INSUFFICIENT_QUORUM")

    return report_of(
        made(),
        made("HDR-002", fails, negative=True),
        made("HDR-003", fails),
        made("HDR-004", fails, sentence="SHOULD do it"),
        made("MEM-001", needs=("kill",)),
        made("EXT-001", needs=("capability:x",), level=Level.EXTENDED),
        bench=bench,
        expected=ExpectedFailures(("HDR-003",)),
        profile="all",
        seed=42,
    )


def test_junit_counts_and_names_what_failed(report: RunReport) -> None:
    root = ET.fromstring(junit_xml(report))
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "1",
        "errors": "0",
        "skipped": "3",
    }
    assert [suite.get("name") for suite in root] == ["HDR headers", "MEM membership", "EXT extended"]
    failure = root.find(".//failure")
    assert failure is not None
    assert "replay: cargobridge conformance" in (failure.text or "")
    assert any(each.get("name") == "seed" and each.get("value") == "42" for each in root.iter("property"))


def check(value: Any, schema: dict[str, Any], at: str = "report") -> None:
    """The few words of JSON Schema that the published one uses; an unknown word is an error."""
    words = set(schema) - {"$schema", "$id", "title", "description"}
    known = {"type", "additionalProperties", "required", "properties", "items", "enum", "const", "pattern", "minimum"}
    assert words <= known | {"minItems"}, at
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    if "type" in schema:
        assert isinstance(value, types[schema["type"]]), at
        assert schema["type"] == "boolean" or not isinstance(value, bool), at
    assert "const" not in schema or value == schema["const"], at
    assert "enum" not in schema or value in schema["enum"], at
    assert "pattern" not in schema or re.search(schema["pattern"], value), at
    assert "minimum" not in schema or value >= schema["minimum"], at
    assert len(value) >= schema["minItems"] if "minItems" in schema else True, at
    if isinstance(value, list):
        for index, item in enumerate(value):
            check(item, schema["items"], f"{at}[{index}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        assert set(schema.get("required", ())) <= set(value), at
        other = schema["additionalProperties"]
        for name, item in value.items():
            assert name in properties or other is not False, f"{at}.{name}"
            check(item, properties.get(name, other), f"{at}.{name}")


def test_json_is_in_its_published_form(report: RunReport) -> None:
    value = json.loads(report_json(report))
    check(value, json.loads(SCHEMA_FILE.read_text()))
    assert value["counts"]["fail"] == 1
    assert value["conformant"] == {"core": False, "extended": False}
    assert value["capabilities"] == ["a", "b"]
    assert [each["status"] for each in value["cases"]] == [
        "pass",
        "fail",
        "expected-fail",
        "warn",
        "not-run",
        "unsupported",
    ]


def test_the_form_refuses_what_it_does_not_name(report: RunReport) -> None:
    value = report_dict(report)
    value["cases"][0]["surprise"] = 1
    with pytest.raises(AssertionError):
        check(value, json.loads(SCHEMA_FILE.read_text()))


class Page(HTMLParser):
    """Tags and what they load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attributes if name in ("src", "href")]


def test_the_page_loads_nothing_and_escapes_what_a_target_said(report: RunReport) -> None:
    text = html_page(report).decode()
    page = Page()
    page.feed(text)
    assert [each for each in page.loads if not each.startswith("#")] == []
    assert page.tags.count("script") == 1
    assert "link" not in page.tags
    assert "&lt;script&gt;alert" in text
    assert "test-<b>" not in text
    assert "url(" not in text
    assert re.findall(r"@[a-z_]+@", text) == []
    assert page.tags.count("details") == 6
    assert "@import" not in text


def test_the_page_opens_failures_and_says_how_to_repeat_them(report: RunReport) -> None:
    text = html_page(report).decode()
    assert '<details id="HDR-002" data-status="fail" open>' in text
    assert "-k HDR-002 --profile all --seed 42" in text


@pytest.mark.parametrize(
    ("made_report", "told"),
    [
        (report_of(made()), "core 1/1"),
        (report_of(made(), made("HDR-002", needs=("kill",))), "incomplete 1/1"),
        (report_of(made(needs=("kill",))), "nothing ran"),
        (report_of(made(run=lambda _kit: 1 / 0)), "failing 0/1"),
        (report_of(made(run=lambda _kit: 1 / 0), expected=ExpectedFailures(("HDR-*",))), "1 expected failures"),
    ],
)
def test_the_badge_tells_the_verdict(made_report: RunReport, told: str) -> None:
    assert verdict(made_report)[0] == told
    root = ET.fromstring(badge_svg(made_report))
    assert root.get("aria-label") == f"ledger conformance: {told}"


def test_only_what_was_asked_for_is_written(report: RunReport, tmp_path: Path) -> None:
    write_reports(report, {form: tmp_path / form if form != "html" else None for form in FORMS})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["badge", "json", "junit"]
