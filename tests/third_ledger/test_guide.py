"""docs/new-ledger.md tells of everything that a new ledger must bring, and shows the third ledger as it is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from bridge.conformance.case import cases
from bridge.conformance.target import HOOKS, Hooks, TargetFile
from bridge.ledger.types import BlockFormat
from bridge.light_client.types import HeaderProfile

HERE = Path(__file__).parent
GUIDE = (HERE.parents[1] / "docs" / "new-ledger.md").read_text(encoding="utf-8")


def first_column(part: str) -> set[str]:
    """Names in backticks in the first column of the tables of a numbered part, without arguments."""
    text = GUIDE.split(f"\n## {part}. ")[1].split("\n## ")[0]
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")]
    return {name.partition("(")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_the_package_that_is_shown_is_the_one_that_is_tested() -> None:
    (shown,) = (tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL))
    real = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
    for field in ("name", "version", "requires-python", "dependencies", "scripts", "entry-points"):
        assert shown["project"][field] == real["project"][field]
    assert (shown["build-system"], shown["tool"]["setuptools"]["packages"]) == (
        real["build-system"],
        real["tool"]["setuptools"]["packages"],
    )


def test_every_member_of_the_first_port_is_told() -> None:
    members = {name for name in vars(HeaderProfile) if not name.startswith("_")}
    assert first_column("3") == members


def test_what_is_told_of_the_second_port_is_there() -> None:
    text = GUIDE.split("\n## 4. ")[1].split("\n## ")[0]
    members = {name for name in vars(BlockFormat) if not name.startswith("_")}
    assert {"build", "seal", "advance", "restore", "needs_proof_block"} <= members & set(re.findall(r"`(\w+)`", text))


def test_every_key_of_a_target_is_told() -> None:
    hooks = {f"hooks.{name}" for name in Hooks.model_fields}
    assert {f"hooks.{name}" for name in HOOKS} < hooks
    told = {name if not name.startswith(".") else f"hooks{name}" for name in first_column("6")}
    assert told == (set(TargetFile.model_fields) - {"hooks"}) | hooks


def test_cases_that_are_named_exist() -> None:
    ids = {case.id for case in cases()}
    named = set(re.findall(r"\b[A-Z]{2,3}-\d{3}\b", GUIDE))
    assert named
    assert named <= ids
