"""Public test vectors, run in full; where their folder is absent the tests are skipped and say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
"""The vectors live beside the repository and are never copied into it."""


def load_json(*parts: str) -> Any:
    """The JSON file at `../shared/data/...`; skips the test when it is not there."""
    path = SHARED_DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"public vectors are not here: {path}")
    return json.loads(path.read_text(encoding="utf-8"))
