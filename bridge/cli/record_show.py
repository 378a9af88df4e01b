"""`cargobridge record show`: one record, by either side's id or by its reference."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cargo.record_ids import parse_record_id
from bridge.cli.callers import CallerFile, CallerOption, load_caller
from bridge.cli.output import JsonOption, finish, print_json, run
from bridge.cli.record_view import details, print_record, summary
from bridge.errors import DecodeError, NotFoundError
from bridge.rpc.clients import CargoRecordsClient
from bridge.v1 import cargo_service_pb2 as api

MAX_VERSIONS = 50
"""Versions listed beside the one shown: the newest ones of a record that has more."""


def show(
    name: Annotated[str, typer.Argument(metavar="ID|REFERENCE", help="Either side's record id, or the reference.")],
    caller: CallerOption,
    version: Annotated[int, typer.Option(min=0, help="Version to show; 0 is the newest.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Show one record: ids on both sides, versions, packet, identifiers with their local form, disclosed fields."""
    settings = finish(lambda: load_caller(caller))
    record, versions = run(_fetch(settings, name, version))
    shown, listed = details(record), [summary(each) for each in versions]
    if as_json:
        print_json(shown | {"versions": listed})
    else:
        print_record(shown, listed)


async def _fetch(caller: CallerFile, name: str, version: int) -> tuple[api.Record, list[api.Record]]:
    async with CargoRecordsClient(caller.channel()) as client:
        record = await client.get(request_for(name, version))
        versions = []
        for number in range(max(1, record.latest_version - MAX_VERSIONS + 1), record.latest_version + 1):
            try:
                versions.append(await client.get(request_for(record.local_record_id, number)))
            except NotFoundError:
                continue  # on its way: versions may arrive in any order
        return record, versions


def request_for(name: str, version: int = 0) -> api.GetRecordRequest:
    """The request for a record by id where the name has the form of one, else by reference."""
    try:
        return api.GetRecordRequest(record_id=str(parse_record_id(name.upper())), version=version)
    except DecodeError:
        return api.GetRecordRequest(reference=name, version=version)
