"""`cargobridge record erase`: the home side's document and seed of a record go for good; its proof stays."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.callers import CallerFile, CallerOption, load_caller
from bridge.cli.output import JsonOption, finish, print_json, print_line, run, usage
from bridge.cli.record_show import request_for
from bridge.rpc.clients import CargoRecordsClient
from bridge.v1 import cargo_service_pb2 as api


def erase(
    name: Annotated[str, typer.Argument(metavar="ID|REFERENCE", help="Either side's record id, or the reference.")],
    caller: CallerOption,
    version: Annotated[int, typer.Option(min=0, help="Only this version's document; 0 is every version.")] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: nothing brings a document back.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase the documents and seeds this side holds of a record. Statement, disclosed fields and proofs stay."""
    settings = finish(lambda: load_caller(caller))
    if not yes:
        if as_json:
            usage("--json needs --yes: nothing asks")
        typer.confirm(f"Erase what {settings.ledger_id} holds of {name}? Nothing brings it back", abort=True, err=True)
    answer = run(_erase(settings, name, version))
    erased, before = list(answer.erased_versions), list(answer.erased_before_versions)
    if as_json:
        record_id = answer.local_record_id
        print_json({"local_record_id": record_id, "erased_versions": erased, "erased_before_versions": before})
        return
    for versions, word in ((erased, "erased"), (before, "had been erased before")):
        if versions:
            print_line(f"{answer.local_record_id}: document of version {', '.join(map(str, versions))} {word}")


async def _erase(caller: CallerFile, name: str, version: int) -> api.EraseRecordResponse:
    named = request_for(name)
    async with CargoRecordsClient(caller.channel()) as client:
        return await client.erase(
            api.EraseRecordRequest(record_id=named.record_id, version=version)
            if named.record_id
            else api.EraseRecordRequest(reference=named.reference, version=version)
        )
