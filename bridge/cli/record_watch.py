"""`cargobridge record watch`: record versions as they are written or acknowledged, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from bridge.cli.callers import CallerFile, CallerOption, load_caller
from bridge.cli.output import EXIT_OK, JsonOption, finish, print_json, print_line
from bridge.cli.record_view import summary
from bridge.errors import LedgerUnavailableError
from bridge.rpc.clients import CargoRecordsClient, LedgerClient
from bridge.v1 import cargo_service_pb2 as api

FIRST_WAIT_SECONDS = 1
LAST_WAIT_SECONDS = 15
"""Seconds before a broken stream is opened again; they double from the first to the last."""


def watch(
    caller: CallerOption,
    after_height: Annotated[
        int | None, typer.Option(min=0, help="Begin above this height; 0 is everything. Default: now.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Follow records as they are written and acknowledged; goes on by itself when the adapter was away."""
    settings = finish(lambda: load_caller(caller))
    signal.signal(signal.SIGINT, _end)
    finish(lambda: asyncio.run(_follow(settings, after_height, as_json=as_json)))


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the form of a signal handler
    """The one way to end it, at once: a watcher holds nothing that a closing connection would have to be waited for."""
    with contextlib.suppress(RuntimeError):  # a line was being written when the signal came
        sys.stdout.flush()
    os._exit(EXIT_OK)


async def _follow(caller: CallerFile, after_height: int | None, *, as_json: bool) -> None:
    height = await _height(caller) if after_height is None else after_height
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            async with CargoRecordsClient(caller.channel()) as client:
                async for change in client.watch(height):
                    _print(change, as_json=as_json)
                    # Changes of one block may come in several messages: resume below it, and see some twice.
                    height, wait = max(height, change.height - 1), FIRST_WAIT_SECONDS
        except LedgerUnavailableError as error:
            sys.stderr.write(f"cargobridge: {error.detail or error.reason}; again from height {height} in {wait} s\n")
            await asyncio.sleep(wait)
            wait = min(2 * wait, LAST_WAIT_SECONDS)


async def _height(caller: CallerFile) -> int:
    async with LedgerClient(caller.channel()) as ledger:
        return (await ledger.info()).height


def _print(change: api.WatchRecordsResponse, *, as_json: bool) -> None:
    shown = summary(change.record)
    if as_json:
        print_json(shown | {"height": change.height})
        return
    other = f" as {shown['counterparty_record_id']}" if shown["counterparty_record_id"] else ""
    state = f" ({shown['packet_state']}{other})" if shown["packet_state"] else ""
    print_line(
        f"{change.height} {shown['block_time']} {shown['local_record_id']} {shown['type']} {shown['reference']}"
        f" version {shown['version']} {shown['act']}{state}"
    )
