"""`cargobridge record list`: the newest versions of records, filtered, page by page."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cargo.policy import record_type_name, record_type_of
from bridge.cli.callers import CallerFile, CallerOption, load_caller
from bridge.cli.identifier_text import parse_identifier
from bridge.cli.output import JsonOption, finish, option, print_json, print_line, run
from bridge.cli.record_view import print_records, summary
from bridge.errors import DecodeError
from bridge.rpc.clients import CargoRecordsClient
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.cargo_pb2 import RecordType

MAX_PAGE = 500
"""Largest page an adapter gives."""


def list_records(
    caller: CallerOption,
    record_type: Annotated[str, typer.Option("--type", help="Only this type, such as bill-of-lading.")] = "",
    identifier: Annotated[str, typer.Option(help="Only records that name SCHEME:VALUE, such as a container.")] = "",
    home: Annotated[str, typer.Option(help="Only records at home on this ledger.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most records listed.")] = 50,
    page_token: Annotated[str, typer.Option(help="Go on where an earlier list ended.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List records of both sides, by type, by an identifier they name, or by their home ledger."""
    settings = finish(lambda: load_caller(caller))
    request = option(
        lambda: api.ListRecordsRequest(
            type=parse_type(record_type) if record_type else RecordType.RECORD_TYPE_UNSPECIFIED,
            identifier=parse_identifier(identifier) if identifier else None,
            home_ledger_id=home,
            page_token=page_token,
        )
    )
    records, token = run(_fetch(settings, request, limit))
    shown = [summary(record) for record in records]
    if as_json:
        print_json({"records": shown, "next_page_token": token})
        return
    if not shown:
        print_line("no such record" if record_type or identifier or home else "no records yet")
        return
    print_records(shown)
    if token:
        print_line(f"there are more: --page-token {token}")


def parse_type(name: str) -> RecordType.ValueType:
    """The record type of that name; DecodeError INVALID_FIELD with the names there are otherwise."""
    try:
        return RecordType.ValueType(record_type_of(name))
    except DecodeError as error:
        known = ", ".join(record_type_name(number) for number in RecordType.values() if number)
        raise DecodeError(error.reason, f"--type {name}: must be one of {known}") from error


async def _fetch(caller: CallerFile, request: api.ListRecordsRequest, limit: int) -> tuple[list[api.Record], str]:
    records: list[api.Record] = []
    async with CargoRecordsClient(caller.channel()) as client:
        while True:
            request.page_size = min(MAX_PAGE, limit - len(records))
            page = await client.list(request)
            records += page.records
            request.page_token = page.next_page_token
            if not page.next_page_token or len(records) >= limit:
                return records, page.next_page_token
