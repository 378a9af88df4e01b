"""`cargobridge record inspect`: what `record issue` would take, warn of or refuse, without an adapter.

Only the document is judged: whether its type and fields may cross is the corridor policy's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cargo.detect import Refusal
from bridge.cargo.findings import Finding
from bridge.cli.output import EXIT_REFUSED, JsonOption, finish, print_json, print_line
from bridge.cli.record_files import Entry, find_files, read_entries

MAX_SHOWN_FINDINGS = 3
"""Findings shown of one document in a table; --json has them all."""


def inspect(
    files: Annotated[list[Path], typer.Argument(help="Documents, folders of them, or JSON lines.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table, one row a document.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell offline what would be issued, warned of or refused, and why. Ends with 1 when something would be refused."""
    entries = finish(lambda: list(read_entries(find_files(files))))
    if as_json:
        print_json([entry_as_dict(entry) for entry in entries])
    elif markdown:
        print(as_markdown(entries, base_of(files)))  # noqa: T201
    else:
        _print_lines(entries)
    if any(isinstance(entry.result, Refusal) for entry in entries):
        raise typer.Exit(EXIT_REFUSED)


def entry_as_dict(entry: Entry) -> dict[str, Any]:
    """One entry as plain values."""
    return {
        "source": entry.source,
        "type": entry.type_name,
        "reference": entry.reference(),
        "outcome": outcome_of(entry),
        "findings": [finding_as_dict(finding) for finding in entry.result.findings],
    }


def finding_as_dict(finding: Finding) -> dict[str, str]:
    """One finding as plain values."""
    return {
        "severity": str(finding.severity),
        "pointer": finding.pointer,
        "reason": str(finding.reason),
        "detail": finding.detail,
    }


def finding_line(finding: Finding) -> str:
    """One finding on one line for people."""
    return f"{finding.severity}: {finding.pointer or '(document)'}: {finding.reason}: {finding.detail}"


def outcome_of(entry: Entry) -> str:
    """One of "loads", "loads with warnings" and "refused"."""
    if isinstance(entry.result, Refusal):
        return "refused"
    return "loads with warnings" if entry.result.findings else "loads"


def base_of(paths: Iterable[Path]) -> str:
    """The folder that sources are written relative to, with its slash: the one folder named, else none."""
    folders = list(paths)
    return f"{folders[0]}/" if len(folders) == 1 and folders[0].is_dir() else ""


def as_markdown(entries: Iterable[Entry], base: str = "") -> str:
    """A table of one row a document, and under it what was found in how many."""
    rows = ["| document | record type | outcome | findings (pointer: reason: detail) |", "|---|---|---|---|"]
    counts: dict[str, int] = {}
    for entry in entries:
        outcome = outcome_of(entry)
        counts[outcome] = counts.get(outcome, 0) + 1
        cells = (entry.source.removeprefix(base), entry.type_name, outcome, _findings(entry.result.findings))
        rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    summary = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    return "\n".join([*rows, "", f"{sum(counts.values())} documents: {summary}."])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _findings(findings: Iterable[Finding]) -> str:
    """The first findings, refusing ones first; equal ones at several places once, with their number."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for finding in sorted(findings, key=lambda found: not found.refuses):
        grouped.setdefault((str(finding.severity), str(finding.reason), finding.detail), []).append(finding.pointer)
    parts = []
    for (severity, reason, detail), pointers in grouped.items():
        more = f" and {len(pointers) - 1} more" if len(pointers) > 1 else ""
        mark = "" if severity == "error" else "warning: "
        parts.append(f"{mark}{pointers[0] or '(document)'}{more}: {reason}: {detail}")
    shown = parts[:MAX_SHOWN_FINDINGS]
    if len(parts) > len(shown):
        shown.append(f"and {len(parts) - len(shown)} more")
    return "; ".join(shown)


def _print_lines(entries: Iterable[Entry]) -> None:
    counts: dict[str, int] = {}
    for entry in entries:
        outcome = outcome_of(entry)
        counts[outcome] = counts.get(outcome, 0) + 1
        print_line(" ".join(part for part in (f"{outcome}:", entry.source, entry.type_name, entry.reference()) if part))
        for finding in entry.result.findings:
            print_line("    " + finding_line(finding))
    print_line(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
