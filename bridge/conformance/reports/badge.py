"""A badge as one small SVG: what was tested, and whether it is conformant."""

from __future__ import annotations

from html import escape

from bridge.conformance.case import Level
from bridge.conformance.results import RunReport, Status

_GREEN, _AMBER, _RED = "#2e7d32", "#b26a00", "#b3261e"

_CHARACTER_WIDTH = 6.6
"""Width of a character at 11 px of a common sans-serif face, in pixels; the text is fitted to it."""

_PADDING = 12


def verdict(report: RunReport) -> tuple[str, str]:
    """What the run amounts to in a few words, and its colour."""
    ran = f"{report.counts[Status.PASS] + report.counts[Status.WARN]}/{report.ran}"
    if not report.ran:
        return "nothing ran", _RED
    if not report.succeeded:
        return f"failing {ran}", _RED
    levels = [level for level in Level if report.conformant(level)]
    excused = report.counts[Status.EXPECTED_FAIL]
    if excused:
        return f"{excused} expected failures", _AMBER
    if not levels:
        return f"incomplete {ran}", _AMBER
    return f"{' and '.join(levels)} {ran}", _GREEN


def badge_svg(report: RunReport) -> bytes:
    """The whole file."""
    label, (value, colour) = f"{report.mode} conformance", verdict(report)
    left, right = (round(len(text) * _CHARACTER_WIDTH) + _PADDING for text in (label, value))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" \
aria-label="{escape(label)}: {escape(value)}">
<title>{escape(label)}: {escape(value)}</title>
<rect width="{left}" height="20" fill="#444"/>
<rect x="{left}" width="{right}" height="20" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{left / 2}" y="14" textLength="{left - _PADDING}">{escape(label)}</text>
<text x="{left + right / 2}" y="14" textLength="{right - _PADDING}">{escape(value)}</text>
</g>
</svg>
""".encode()
