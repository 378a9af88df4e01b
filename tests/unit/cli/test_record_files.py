"""Documents out of files, folders and JSON lines; what is wrong with one never hides another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bridge.cargo.detect import MAX_FILE_BYTES, LoadedDocument, Refusal
from bridge.cli.main import app
from bridge.cli.record_files import find_files, read_entries, total_bytes
from bridge.cli.record_inspect import as_markdown
from bridge.errors import DecodeError, Reason

SAMPLES = Path(__file__).parents[3] / "bridge" / "cli" / "samples"
BILL = json.loads((SAMPLES / "hk-bl-reefer.json").read_text(encoding="utf-8"))


def bill(reference: str, **over: Any) -> dict[str, Any]:
    return BILL | {"transportDocumentReference": reference} | over


def write(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_a_folder_is_searched_at_any_depth_in_order(tmp_path: Path) -> None:
    for name in ("b/2.json", "a/1.json", "a/lines.jsonl", "a/notes.txt", "z.json"):
        write(tmp_path / name, bill("R1"))
    found = [str(path.relative_to(tmp_path)) for path in find_files([tmp_path, tmp_path / "a" / "1.json"])]
    assert found == ["a/1.json", "a/lines.jsonl", "b/2.json", "z.json"]


@pytest.mark.parametrize("name", ["missing.json", "missing"])
def test_a_path_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DecodeError, match=name) as refused:
        find_files([tmp_path / name])
    assert refused.value.reason == Reason.CONFIGURATION_INVALID


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "readme.txt", "hello")
    with pytest.raises(DecodeError, match="in this folder"):
        find_files([tmp_path])


def test_lists_and_lines_give_each_document_its_own_source(tmp_path: Path) -> None:
    whole = write(tmp_path / "list.json", [bill("R1"), bill("R2")])
    lines = write(tmp_path / "lines.jsonl", f"{json.dumps(bill('R3'))}\r\n\n{json.dumps(bill('R4'))}")
    entries = list(read_entries([whole, lines]))
    assert [entry.source.removeprefix(f"{tmp_path}/") for entry in entries] == [
        "list.json#/0",
        "list.json#/1",
        "lines.jsonl:1",
        "lines.jsonl:3",
    ]
    assert [entry.reference() for entry in entries] == ["R1/1", "R2/1", "R3/1", "R4/1"]
    assert all(entry.type_name == "bill-of-lading" for entry in entries)
    assert abs(sum(entry.bytes_read for entry in entries) - total_bytes([whole, lines])) < 10


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", Reason.DOCUMENT_INVALID),
        ("[]", Reason.DOCUMENT_INVALID),
        ("null", Reason.DOCUMENT_INVALID),
        ('{"a": NaN}', Reason.DOCUMENT_INVALID),
        ('{"a": 1, "a": 2}', Reason.DOCUMENT_INVALID),
        ("{" + '"a":{' * 40 + "}" * 41, Reason.LIMIT_EXCEEDED),
        ('"' + "x" * (MAX_FILE_BYTES + 10) + '"', Reason.LIMIT_EXCEEDED),
        ('{"specversion": 1, "data": {}}', Reason.DOCUMENT_INVALID),
        (json.dumps(bill("R" * 21)), Reason.INVALID_FIELD),
    ],
)
def test_a_bad_line_is_refused_and_the_next_is_read(tmp_path: Path, line: str, reason: Reason) -> None:
    path = write(tmp_path / "lines.jsonl", f"{line}\n{json.dumps(bill('R1'))}\n")
    first, second = read_entries([path])
    assert isinstance(first.result, Refusal)
    assert first.result.findings[0].reason == reason
    assert (first.source.partition("#")[0], first.reference()) == (f"{path}:1", "")
    assert isinstance(second.result, LoadedDocument)
    assert second.source == f"{path}:2"


def test_bytes_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a": "\xff"}')
    (entry,) = read_entries([path])
    assert isinstance(entry.result, Refusal)


def test_inspect_tells_each_document_and_ends_with_1_for_a_refusal(tmp_path: Path) -> None:
    write(tmp_path / "good.json", bill("R1"))
    write(tmp_path / "bad.json", bill("R2", carrierCode="?"))
    result = CliRunner().invoke(app, ["record", "inspect", str(tmp_path)])
    assert result.exit_code == 1
    assert f"loads: {tmp_path}/good.json bill-of-lading R1/1" in result.stdout
    assert f"refused: {tmp_path}/bad.json bill-of-lading" in result.stdout
    assert "    error: /carrierCode: " in result.stdout
    assert result.stdout.splitlines()[-1] == "1 loads, 1 refused"


def test_inspect_as_json(tmp_path: Path) -> None:
    path = write(tmp_path / "good.json", bill("R1"))
    result = CliRunner().invoke(app, ["record", "inspect", "--json", str(path)])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == [
        {"source": str(path), "type": "bill-of-lading", "reference": "R1/1", "outcome": "loads", "findings": []}
    ]


def test_inspect_of_nothing_is_wrong_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["record", "inspect", str(tmp_path / "missing.json")])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no such file" in result.stderr


def test_markdown_has_a_row_a_document_and_escapes_bars(tmp_path: Path) -> None:
    write(tmp_path / "a|b.json", bill("R1"))
    write(tmp_path / "c.json", "{")
    text = as_markdown(read_entries(find_files([tmp_path])), f"{tmp_path}/")
    rows = text.splitlines()
    assert rows[2] == "| a\\|b.json | bill-of-lading | loads |  |"
    assert rows[3].startswith("| c.json |  | refused | (document): DOCUMENT_INVALID: not JSON")
    assert rows[-1] == "2 documents: 1 loads, 1 refused."
