"""docs/dcsa-samples.md is what the program says of the published documents today."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.cli.record_files import find_files, read_entries
from bridge.cli.record_inspect import as_markdown
from tests.vectors import SHARED_DATA

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dcsa-samples.md"
FOLDER = SHARED_DATA / "trade" / "dcsa"

DOCUMENTS = 112


def test_the_table_is_up_to_date() -> None:
    if not FOLDER.exists():
        pytest.skip(f"published documents are not here: {FOLDER}")
    entries = list(read_entries(find_files([FOLDER])))
    assert len(entries) == DOCUMENTS
    written = PAGE.read_text(encoding="utf-8")
    table = written[written.index("| document |") :]
    assert table.rstrip("\n").splitlines() == as_markdown(entries, f"{FOLDER}/").splitlines()
