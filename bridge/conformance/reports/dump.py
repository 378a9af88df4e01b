"""Writes what a case sent and got as files: DIR/CASE/NNN-Method.{request,response}.bin, outcomes, and kept evidence."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.conformance.results import CaseResult

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def write_dump(folder: Path, result: CaseResult) -> None:
    """Fill the folder of one case; files of an earlier run that have the same names are replaced."""
    place = folder / result.case.id
    place.mkdir(parents=True, exist_ok=True)
    lines = [f"{result.case.id} {result.case.sentence}", f"status: {result.status}"]
    if result.message:
        lines += [f"message: {result.message}", f"got: {result.got}", f"expected: {result.expected}"]
    for number, exchange in enumerate(result.exchanges, 1):
        method = exchange.method.rpartition("/")[2]
        name = f"{number:03d}-{_UNSAFE.sub('_', method)}"
        (place / f"{name}.request.bin").write_bytes(exchange.request)
        if exchange.response:
            (place / f"{name}.response.bin").write_bytes(exchange.response)
        lines.append(f"{name} as {exchange.role}: {exchange.outcome} ({exchange.milliseconds} ms)")
    for name, data in result.evidence.items():
        (place / f"{_UNSAFE.sub('_', name)}.bin").write_bytes(data)
    (place / "case.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
