"""Commands under `cargobridge plumbing`: files in, verdicts out; the rules are in `plumbing`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated

import typer

from bridge.bundle.verify import MAX_BUNDLE_BYTES
from bridge.cli.output import EXIT_REFUSED, finish, usage
from bridge.cli.plumbing import (
    MAX_LINE_CHARACTERS,
    verify_bundle_case,
    verify_header_cases,
    verify_membership_cases,
)
from bridge.clock import SystemClock

CasesArgument = Annotated[
    Path, typer.Argument(help="JSON lines, one case a line; - reads standard input.", allow_dash=True)
]


def verify_header(
    file: CasesArgument,
    profile: Annotated[str, typer.Option(help="Header profile: cometbft, chainmaker or an installed one.")],
) -> None:
    """Judge each case of a file: one JSON verdict a line, in order. Ends with 0 whatever the verdicts are."""
    _judge(file, lambda lines: finish(lambda: verify_header_cases(profile, lines)))


def verify_membership(file: CasesArgument) -> None:
    """Judge each membership case of a file: one JSON verdict a line, in order. Ends with 0 whatever they are."""
    _judge(file, verify_membership_cases)


def verify_bundle(
    bundle: Annotated[Path, typer.Argument(help="The bundle file.")],
    anchor: Annotated[Path, typer.Option(help="The pinned anchor file of the bundle's home ledger.")],
) -> None:
    """Judge one proof bundle: one JSON object with all verdicts. Ends with 1 when one of them is a refusal."""
    accepted, verdict = verify_bundle_case(_read(bundle), _read(anchor), SystemClock().now())
    sys.stdout.write(verdict + "\n")
    if not accepted:
        raise typer.Exit(EXIT_REFUSED)


def _judge(file: Path, verdicts: Callable[[Iterable[bytes]], Iterator[str]]) -> None:
    if str(file) == "-":
        _print(verdicts(_lines(sys.stdin.buffer)))
        return
    try:
        source = file.open("rb")
    except OSError as error:
        usage(f"{file}: cannot be read: {error.strerror}")
    with source:
        _print(verdicts(_lines(source)))


def _print(verdicts: Iterator[str]) -> None:
    for verdict in verdicts:
        sys.stdout.write(verdict + "\n")
        sys.stdout.flush()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        usage(f"{path}: cannot be read: {error.strerror}")


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    """Lines without their end; of one beyond the limit only so much that it is refused as too long."""
    while line := source.readline(MAX_LINE_CHARACTERS + 2):
        rest = line
        while len(rest) > MAX_LINE_CHARACTERS and not rest.endswith(b"\n"):
            rest = source.readline(MAX_LINE_CHARACTERS + 2)
        yield line.rstrip(b"\r\n")
