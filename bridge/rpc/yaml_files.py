"""Configuration files: YAML or TOML, checked against a pydantic model, with messages that name file, line and field."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bridge.errors import DecodeError, LimitError, Reason
from bridge.rpc.limits import MAX_CONFIGURATION_BYTES

M = TypeVar("M", bound=BaseModel)

Location = tuple[int | str, ...]


class FileModel(BaseModel):
    """Base of everything read from a file: unknown fields are refused, values do not change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)


def load_model(cls: type[M], path: Path) -> M:
    """[CFG-1] The file at `path` as a `cls`; relative paths inside stand against the file's folder.

    Raises DecodeError CONFIGURATION_INVALID with file, line, field and what is expected; LimitError when too large.
    """
    values, lines = _parse(path)
    try:
        return cls.model_validate(values, context={"folder": path.resolve().parent})
    except ValidationError as error:
        problems = "; ".join(
            _sentence(item, path, lines) for item in error.errors(include_url=False, include_input=False)
        )
        raise DecodeError(Reason.CONFIGURATION_INVALID, problems) from error


def _parse(path: Path) -> tuple[dict[str, Any], dict[Location, int]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_CONFIGURATION_BYTES:
        raise LimitError(Reason.LIMIT_EXCEEDED, f"{path}: too large", got=len(data), limit=MAX_CONFIGURATION_BYTES)
    try:
        text = data.decode()
        if path.suffix == ".toml":
            return tomllib.loads(text), {}
        values, lines = _parse_yaml(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, yaml.YAMLError, RecursionError) as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: the top level must be a table of fields")
    return values, lines


def _parse_yaml(text: str) -> tuple[Any, dict[Location, int]]:
    """The plain value of a YAML text and the line of each of its fields; aliases and doubled fields are refused."""
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
        raise yaml.YAMLError("aliases (*name) are not taken; write the value out")
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, {}
        lines: dict[Location, int] = {}
        _note_lines(node, (), lines)
        return loader.construct_document(node), lines
    finally:
        loader.dispose()


def _note_lines(node: yaml.Node, at: Location, lines: dict[Location, int]) -> None:
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*at, str(key.value))
            if place in lines:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: the field {key.value} is given twice")
            lines[place] = key.start_mark.line + 1
            _note_lines(value, place, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*at, index), lines)


def _sentence(item: Any, path: Path, lines: dict[Location, int]) -> str:
    """`file:line: field.path: what is expected` of one pydantic finding."""
    location: Location = item["loc"]
    line = next((lines[location[:n]] for n in range(len(location), -1, -1) if location[:n] in lines), 0)
    field = ".".join(str(part) for part in location) or "file"
    where = f"{path}:{line}" if line else str(path)
    return f"{where}: {field}: {_expected(item)}"


def _expected(item: Any) -> str:
    if item["type"] == "missing":
        return "this field is required"
    if item["type"] == "extra_forbidden":
        return "there is no such field"
    message: str = item["msg"]
    return message.removeprefix("Value error, ")
