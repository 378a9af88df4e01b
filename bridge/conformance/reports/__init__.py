"""Reports of a run: for CI, for machines, for a person, for a badge, and the bytes themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bridge.conformance.reports.badge import badge_svg
from bridge.conformance.reports.html import html_page
from bridge.conformance.reports.json_report import report_json
from bridge.conformance.reports.junit import junit_xml
from bridge.conformance.results import RunReport

FORMS: Mapping[str, Callable[[RunReport], bytes]] = {
    "junit": junit_xml,
    "json": report_json,
    "html": html_page,
    "badge": badge_svg,
}
"""What makes each kind of report, by the name of its option."""


def write_reports(report: RunReport, files: Mapping[str, Path | None]) -> None:
    """Write the reports that were asked for; raises OSError when a file cannot be written."""
    for form, path in files.items():
        if path is not None:
            path.write_bytes(FORMS[form](report))
