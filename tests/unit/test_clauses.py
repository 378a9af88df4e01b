"""docs/protocol.md and the code name the same clauses: each tag once in the page, each cited by what holds it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLAUSE = re.compile(r"^- \[([A-Z]+-\d+)\] ", re.MULTILINE)
CITED = re.compile(r"\[([A-Z]+-\d+(?:(?:, [A-Z]+-|\.\.)\d+)*)\]")
"""One tag, several, or a range: [UPD-4], [CMK-9, CMK-10], [CMK-13..16]."""


def written() -> list[str]:
    return CLAUSE.findall((ROOT / "docs" / "protocol.md").read_text(encoding="utf-8"))


def tags_of(group: str) -> list[str]:
    found: list[str] = []
    for part in group.split(", "):
        family, numbers = part.split("-")
        first, _, last = numbers.partition("..")
        found += [f"{family}-{number}" for number in range(int(first), int(last or first) + 1)]
    return found


def cited() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package in ("bridge", "hk_adapter", "sh_adapter", "relayer"):
        for path in (ROOT / package).rglob("*.py"):
            if "v1" not in path.parts:
                groups = CITED.findall(path.read_text(encoding="utf-8"))
                for tag in (tag for group in groups for tag in tags_of(group)):
                    found.setdefault(tag, set()).add(str(path.relative_to(ROOT)))
    return found


def test_the_page_has_clauses_and_each_tag_stands_once() -> None:
    tags = Counter(written())
    assert len(tags) > 150
    assert [tag for tag, count in tags.items() if count > 1] == []


def test_groups_and_ranges_stand_for_their_tags() -> None:
    assert tags_of("CMK-4..6") == ["CMK-4", "CMK-5", "CMK-6"]
    assert tags_of("CMK-1, UPD-4") == ["CMK-1", "UPD-4"]


def test_every_clause_the_code_cites_is_written() -> None:
    unknown = {tag: places for tag, places in cited().items() if tag not in set(written())}
    assert unknown == {}


def test_every_written_clause_is_cited_by_the_code() -> None:
    assert sorted(set(written()) - set(cited())) == []
