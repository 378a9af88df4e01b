"""docs/configuration.md tells of every field the programs read, under the program's own heading."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from bridge.cli.callers import CallerFile
from bridge.rpc.settings import AdapterSettings
from relayer.config import RelayerConfig

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
MODELS: dict[str, type[BaseModel]] = {"Adapter": AdapterSettings, "Relayer": RelayerConfig, "Caller's file": CallerFile}
FIELDS = {"Adapter": 35, "Relayer": 18, "Caller's file": 12}
"""Least number of fields, sections counted by what is in them."""


def models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def fields(model: type[BaseModel]) -> list[str]:
    """Dotted names of all fields, sections by what is in them."""
    found = []
    for name, field in model.model_fields.items():
        inner = models_in(field.annotation)
        found += [f"{name}.{below}" for below in fields(inner[0])] if inner else [name]
    return found


def told(section: str) -> set[str]:
    """Names in backticks in the first column of a section's table."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return {name.replace("[]", "") for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])}


@pytest.mark.parametrize("section", MODELS)
def test_every_field_is_told(section: str) -> None:
    names = told(section)
    wanted = fields(MODELS[section])
    assert len(wanted) >= FIELDS[section]
    missing = [name for name in wanted if not {name, f"{name.rpartition('.')[0]}.*", name.partition(".")[0]} & names]
    assert missing == []


@pytest.mark.parametrize("section", MODELS)
def test_nothing_is_told_that_is_not_read(section: str) -> None:
    wanted = fields(MODELS[section])
    sections = {name.rpartition(".")[0] for name in wanted} | {name.partition(".")[0] for name in wanted}
    unknown = [name for name in told(section) if name.removesuffix(".*") not in {*wanted, *sections}]
    assert unknown == []
