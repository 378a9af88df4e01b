"""Documents out of the files people name: a document, a list or wrapper, a folder of them, or JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.cargo.detect import MAX_FILE_BYTES, LoadedDocument, Refusal, load_file
from bridge.cargo.policy import record_type_name
from bridge.cargo.record_keys import record_key
from bridge.errors import DecodeError, Reason

_SUFFIXES = (".json", ".jsonl")


@dataclass(frozen=True, slots=True)
class Entry:
    """One document or refusal, where it came from ("bl.json", "lines.jsonl:12", "list.json#/3"), and bytes read."""

    source: str
    result: LoadedDocument | Refusal
    bytes_read: int

    @property
    def type_name(self) -> str:
        """Name of the record type; empty when it has none."""
        return record_type_name(self.result.record_type) if self.result.record_type else ""

    def reference(self, issuer_member_id: str = "issuer") -> str:
        """The record's reference with its sub-reference; empty when it has none."""
        if isinstance(self.result, Refusal):
            return ""
        try:
            key = record_key(self.result.document.value, self.result.record_type, issuer_member_id)
        except DecodeError:
            return ""
        return "/".join(part for part in (key.reference, key.sub_reference) if part)


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files meant: those named, and in a folder every *.json and *.jsonl at any depth, by name.

    Raises DecodeError CONFIGURATION_INVALID for a path that is not there and for a folder without such a file.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES and each.is_file())
            if not inside:
                raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: no *.json or *.jsonl file in this folder")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: there is no such file or folder")
    return list(dict.fromkeys(files))


def total_bytes(files: Iterable[Path]) -> int:
    """Bytes of all files, for a progress bar."""
    return sum(file.stat().st_size for file in files)


def read_entries(files: Iterable[Path]) -> Iterator[Entry]:
    """Every document of every file, in order; a file is read when its turn comes.

    Raises DecodeError CONFIGURATION_INVALID when a file cannot be read.
    """
    for file in files:
        try:
            yield from _lines(file) if file.suffix == ".jsonl" else _whole(file)
        except OSError as error:
            raise DecodeError(Reason.CONFIGURATION_INVALID, f"{file}: cannot be read: {error.strerror}") from error


def _whole(path: Path) -> Iterator[Entry]:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)  # one byte more than allowed is enough to be refused
    yield from _entries(str(path), data)


def _lines(path: Path) -> Iterator[Entry]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_FILE_BYTES + 1):
            number += 1
            rest = line
            while not rest.endswith(b"\n") and (rest := file.readline(MAX_FILE_BYTES + 1)):
                pass  # the rest of a line that is too long is no document of its own
            if line.strip():
                yield from _entries(f"{path}:{number}", line.rstrip(b"\r\n"))


def _entries(source: str, data: bytes) -> Iterator[Entry]:
    size = len(data)
    for result in load_file(data):
        where = f"{source}#{result.pointer}" if result.pointer else source
        yield Entry(where, result, size)
        size = 0  # counted with the first document of the file
