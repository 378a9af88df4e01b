"""What every command shares: how it prints for people or machines, and how it ends (0 ok, 1 refused, 2 usage)."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.errors import BridgeError, DecodeError, Reason

EXIT_OK = 0
EXIT_REFUSED = 1
EXIT_USAGE = 2

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

T = TypeVar("T")

PIPE_COLUMNS = 200
"""Width of tables that no terminal wraps: nothing of ours needs more."""

console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_COLUMNS)
"""Where people read; machines read `print_json` on the same stream."""

_USAGE_REASONS = frozenset({Reason.CONFIGURATION_INVALID})


def print_json(value: object) -> None:
    """One JSON value on one line."""
    json.dump(value, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def print_line(text: str) -> None:
    """One line for people, never broken and taken as it is: what a document says is not markup."""
    console.print(text, soft_wrap=True, markup=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """A table for people; cells are taken as they are."""
    table = Table(*columns, title=Text(title) if title else None, title_justify="left", box=SIMPLE)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def as_dict(message: Message) -> dict[str, Any]:
    """A message as plain values, every field present, bytes in base64."""
    shown: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return shown


def fail(error: BridgeError) -> NoReturn:
    """End with the error on standard error: 2 when the caller's own files or options are wrong, else 1."""
    sys.stderr.write(f"cargobridge: {without_reason_twice(str(error), error.reason)}\n")
    usage = isinstance(error, DecodeError) and error.reason in _USAGE_REASONS
    raise typer.Exit(EXIT_USAGE if usage else EXIT_REFUSED)


def usage(sentence: str) -> NoReturn:
    """End because the command was called wrongly."""
    sys.stderr.write(f"cargobridge: {sentence}\n")
    raise typer.Exit(EXIT_USAGE)


def option(work: Callable[[], T]) -> T:
    """What an option's or argument's text means; a BridgeError is wrong usage."""
    try:
        return work()
    except BridgeError as error:
        usage(f"{error.detail} ({', '.join(map(str, error.facts.values()))})" if error.facts else error.detail)


def without_reason_twice(text: str, reason: str) -> str:
    """The sentence with its reason in front once: a ledger's own sentence about a refusal names it already."""
    return text.removeprefix(f"{reason}: ") if text.startswith(f"{reason}: {reason}: ") else text


def finish(work: Callable[[], T]) -> T:
    """Run a piece of work to its end; a BridgeError becomes its sentence and exit code."""
    try:
        return work()
    except BridgeError as error:
        fail(error)


def run_to_end(work: Callable[[], T]) -> T:
    """Run a long piece of work; a BridgeError becomes its sentence, Ctrl-C ends it with code 1."""
    try:
        return finish(work)
    except KeyboardInterrupt:
        sys.stderr.write("cargobridge: interrupted\n")
        raise typer.Exit(EXIT_REFUSED) from None


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work to its end; Ctrl-C ends it with code 1."""
    try:
        return asyncio.run(work)
    except BridgeError as error:
        fail(error)
    except KeyboardInterrupt:
        sys.stderr.write("cargobridge: interrupted\n")
        raise typer.Exit(EXIT_REFUSED) from None
