"""docs/conformance.md lists every case of the kit, as the kit itself has it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bridge.conformance.case import cases

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(
    r"^\| `([A-Z]+-\d{3})` \| (.+) \| ([A-Z0-9, -]+) \| (core|extended) \| (accepts|refuses) \| ", re.MULTILINE
)


def test_the_page_is_as_its_maker_would_write_it() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "make_conformance_page.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_case_stands_once_with_its_sentence_clauses_and_level() -> None:
    rows = ROW.findall((DOCS / "conformance.md").read_text(encoding="utf-8"))
    told = {name: (sentence.replace("\\|", "|"), clauses, level, kind) for name, sentence, clauses, level, kind in rows}
    assert len(rows) == len(told)
    assert told == {
        case.id: (case.sentence, ", ".join(case.clauses), str(case.level), "refuses" if case.negative else "accepts")
        for case in cases()
    }
