"""One HTML page of a run, self-contained: verdict, what was under test, every case with its evidence, and a filter.

The page loads nothing; its own policy forbids it. Everything a target said is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from bridge.conformance.case import CATEGORIES, Level
from bridge.conformance.reports.badge import verdict
from bridge.conformance.results import CaseResult, RunReport, Status

PAGE = Path(__file__).with_name("page.html")
"""The page with @names@ where the run goes."""

MAX_SHOWN_CALLS = 12
"""Calls shown of a case, the last ones: enough to see what happened; --dump writes all."""

MAX_SHOWN_BYTES = 256
"""Bytes shown of one piece of evidence, in hex."""

_OPEN = frozenset({Status.FAIL, Status.UNEXPECTED_PASS})

_PLACE = re.compile(r"@([a-z_]+)@")


def html_page(report: RunReport) -> bytes:
    """The whole file."""
    subject = report.subject.get("ledger") or report.subject.get("command") or report.mode
    present = [status for status in Status if report.counts[status]]
    parts = {
        "title": escape(f"Conformance of {subject}"),
        "verdict": escape(_sentence(report)),
        "verdict_class": "pass" if report.succeeded else "fail",
        "bar_label": escape(", ".join(f"{report.counts[status]} {status}" for status in present)),
        "bar": "".join(f'<i class="{status}" style="flex:{report.counts[status]}"></i>' for status in present),
        "facts": _facts(_subject(report)),
        "mend": _mend(report),
        "buttons": "\n".join(_button(status, report.counts[status]) for status in present),
        "cases": "\n".join(_case(result) for result in report.results),
    }
    text = PAGE.read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: parts[place[1]] if place[1] in parts else place[0], text).encode()


def _sentence(report: RunReport) -> str:
    told, _ = verdict(report)
    ways = [str(level) for level in Level if report.conformant(level)]
    if not report.ran:
        return "Nothing ran."
    if not report.succeeded:
        return f"Not conformant: {sum(report.counts[status] for status in _OPEN)} of {report.ran} cases failed."
    if ways and not report.counts[Status.EXPECTED_FAIL]:
        return f"Conformant: {' and '.join(ways)}. {report.ran} cases ran."
    return f"{told[:1].upper()}{told[1:]} cases passed; no claim of conformance follows."


def _mend(report: RunReport) -> str:
    """What is not as it should be, each with a way to its case."""
    wrong = [result for result in report.results if result.status in (*_OPEN, Status.WARN, Status.EXPECTED_FAIL)]
    if not wrong:
        return ""
    rows = "".join(
        f'<li><a class="{each.status}" href="#{each.case.id}">{each.case.id}</a> {escape(each.case.sentence)}</li>'
        for each in wrong
    )
    return f"<h2>To mend</h2><ul>{rows}</ul>"


def _subject(report: RunReport) -> dict[str, str]:
    counts = ", ".join(f"{number} {name}" for name, number in report.counts.items() if number)
    return {
        **report.subject,
        "cases": counts or "none",
        "chosen": report.profile,
        "seed": str(report.seed),
        "started": f"{report.started}, took {report.seconds:.1f} s",
    }


def _facts(facts: Mapping[str, str]) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)


def _button(status: Status, count: int) -> str:
    return (
        f'<button type="button" data-status="{status}" aria-pressed="true">'
        f'<span class="{status}">{status}</span> {count}</button>'
    )


def _case(result: CaseResult) -> str:
    case = result.case
    facts = {
        "about": CATEGORIES[case.category],
        "clauses": ", ".join(case.clauses),
        "level": f"{case.level}{', a refusal' if case.negative else ''}",
        "asserted": result.message,
        "got": result.got,
        "expected": result.expected,
    }
    replay = f"<pre>{escape(result.replay)}</pre>" if result.replay and result.status in (*_OPEN, Status.WARN) else ""
    return (
        f'<details id="{case.id}" data-status="{result.status}"{" open" if result.status in _OPEN else ""}>'
        f'<summary><span class="id">{case.id}</span><span>{escape(case.sentence)}</span>'
        f'<span class="status {result.status}">{result.status}</span>'
        f'<span class="ms">{result.milliseconds} ms</span></summary>'
        f'<div class="inside"><dl>{_facts(facts)}</dl>{replay}{_calls(result)}{_evidence(result)}</div></details>'
    )


def _calls(result: CaseResult) -> str:
    shown = result.exchanges[-MAX_SHOWN_CALLS:]
    if not shown:
        return ""
    rows = "".join(
        f"<tr><td>{escape(call.method.rpartition('/')[2])}</td><td>{escape(call.role)}</td>"
        f"<td>{len(call.request)} B</td><td>{escape(call.outcome)}</td><td>{call.milliseconds} ms</td></tr>"
        for call in shown
    )
    left = len(result.exchanges) - len(shown)
    more = f"<p>{left} earlier calls are in the JSON report and in the dump.</p>" if left else ""
    head = "<tr><th>call</th><th>as</th><th>sent</th><th>outcome</th><th>took</th></tr>"
    return f'{more}<div class="scroll"><table>{head}{rows}</table></div>'


def _evidence(result: CaseResult) -> str:
    return "".join(
        f"<p>{escape(name)}, {len(data)} bytes</p>"
        f"<pre>{data[:MAX_SHOWN_BYTES].hex()}{'...' if len(data) > MAX_SHOWN_BYTES else ''}</pre>"
        for name, data in result.evidence.items()
    )
