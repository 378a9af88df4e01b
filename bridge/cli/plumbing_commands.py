"""Commands under `cargobridge plumbing`: files in, verdicts out; the rules are in `plumbing`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

import typer

from bridge.cli.output import finish, usage
from bridge.cli.plumbing import MAX_LINE_CHARACTERS, verify_header_cases


def verify_header(
    file: Annotated[Path, typer.Argument(help="JSON lines, one case a line; - reads standard input.", allow_dash=True)],
    profile: Annotated[str, typer.Option(help="Header profile: cometbft or chainmaker.")],
) -> None:
    """Judge each case of a file: one JSON verdict a line, in order. Ends with 0 whatever the verdicts are."""
    if str(file) == "-":
        _judge(profile, sys.stdin.buffer)
        return
    try:
        source = file.open("rb")
    except OSError as error:
        usage(f"{file}: cannot be read: {error.strerror}")
    with source:
        _judge(profile, source)


def _judge(profile: str, source: IO[bytes]) -> None:
    for verdict in finish(lambda: verify_header_cases(profile, _lines(source))):
        sys.stdout.write(verdict + "\n")
        sys.stdout.flush()


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    """Lines without their end; of one beyond the limit only so much that it is refused as too long."""
    while line := source.readline(MAX_LINE_CHARACTERS + 2):
        rest = line
        while len(rest) > MAX_LINE_CHARACTERS and not rest.endswith(b"\n"):
            rest = source.readline(MAX_LINE_CHARACTERS + 2)
        yield line.rstrip(b"\r\n")
