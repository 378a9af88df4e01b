"""Writes the list of conformance cases into conformance.md, after its marker; with --check only says whether it is old.

What stands before the marker is written by people and stays.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bridge.conformance.case import CATEGORIES, Case, Level, Mode, cases

PAGE = Path(__file__).resolve().parent / "conformance.md"
MARKER = "<!-- From here on the page is made by docs/make_conformance_page.py. -->\n"
SUBJECTS = {Mode.LEDGER: "ledger", Mode.RELAYER: "relayer", Mode.VERIFIER: "verifier"}


def counted(found: Sequence[Case]) -> str:
    """How many cases there are, and of which kinds."""
    core = sum(case.level is Level.CORE for case in found)
    negative = sum(case.negative for case in found)
    return f"{len(found)} cases: {core} core, {len(found) - core} extended; {negative} assert a refusal"


def needs_of(case: Case) -> str:
    """What a case cannot run without, for its row."""
    return ", ".join(case.needs) or "nothing"


def row(case: Case) -> str:
    """One line of a table."""
    sentence = case.sentence.replace("|", "\\|")
    kind = "refuses" if case.negative else "accepts"
    cells = (f"`{case.id}`", sentence, ", ".join(case.clauses), case.level, kind, needs_of(case))
    return "| " + " | ".join(cells) + " |"


def section(category: str, found: Sequence[Case]) -> list[str]:
    """The cases of a category under a heading."""
    lines = [f"### {category}: {CATEGORIES[category]}", "", f"{counted(found)}.", ""]
    lines += ["| Id | Sentence | Clauses | Level | Kind | Needs |", "|---|---|---|---|---|---|"]
    return [*lines, *map(row, found), ""]


def listed() -> str:
    """Everything after the marker."""
    lines: list[str] = []
    for mode in Mode:
        found = cases(mode)
        lines += [f"## Cases about a {SUBJECTS[mode]}", "", f"{counted(found)}.", ""]
        for category in CATEGORIES:
            chosen = [case for case in found if case.category == category]
            lines += section(category, chosen) if chosen else []
    return "\n".join(lines).rstrip("\n") + "\n"


def fresh(text: str) -> str:
    """The page as it should be; ValueError when its marker is gone."""
    written, marker, _ = text.partition(MARKER)
    if not marker:
        raise ValueError(f"{PAGE.name} has lost its marker: {MARKER.strip()}")
    return f"{written}{marker}\n{listed()}"


def main() -> int:
    """0 when the page is right at the end, 1 otherwise."""
    text = PAGE.read_text(encoding="utf-8")
    made = fresh(text)
    if made == text:
        return 0
    if "--check" in sys.argv:
        print("docs/conformance.md is old; run python docs/make_conformance_page.py")  # noqa: T201
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
