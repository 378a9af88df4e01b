"""`cargobridge record export` writes a proof bundle; `record exports` lists what left the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.bundle.anchor import MAX_ANCHOR_BYTES, decode_anchor_file
from bridge.bundle.verify import decode_bundle
from bridge.cargo.policy import record_type_name
from bridge.cli.callers import CallerFile, CallerOption, load_caller
from bridge.cli.output import JsonOption, finish, print_json, print_line, print_table, run, usage
from bridge.cli.record_show import request_for
from bridge.cli.record_view import time_text
from bridge.errors import DecodeError, Reason
from bridge.rpc.clients import CargoRecordsClient
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.cargo_pb2 import LegalBasisKind
from bridge.wire import nanos_from


def export(
    name: Annotated[str, typer.Argument(metavar="ID|REFERENCE", help="Either side's record id, or the reference.")],
    caller: CallerOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    anchor: Annotated[Path | None, typer.Option(help="Anchor file the reader pinned.")] = None,
    anchor_height: Annotated[int, typer.Option(min=0, help="Height of the reader's anchor; 0 is the oldest.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write a proof bundle of a record, from its home ledger, for a reader who pinned an anchor."""
    if anchor is not None and anchor_height:
        usage("--anchor and --anchor-height exclude each other")
    settings = finish(lambda: load_caller(caller))
    height = finish(lambda: _pinned_height(anchor)) if anchor is not None else anchor_height
    record_id, bundle = run(_fetch(settings, name, height))
    start = finish(lambda: decode_bundle(bundle)).anchor.height
    try:
        out.write_bytes(bundle)
    except OSError as error:
        usage(f"{out}: cannot be written: {error.strerror}")
    if as_json:
        print_json({"record_id": record_id, "file": str(out), "bytes": len(bundle), "anchor_height": start})
        return
    print_line(f"{out}: {len(bundle)} bytes that prove {record_id} to readers whose anchor is at height {start}")
    print_line(f"check it with: cargobridge verify {out} --anchor {anchor or 'ANCHOR_FILE'}")


def exports(
    caller: CallerOption,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Most lines listed.")] = 50,
    page_token: Annotated[str, typer.Option(help="Go on where an earlier list ended.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the export register, oldest first: what left, when, and on which legal basis."""
    settings = finish(lambda: load_caller(caller))

    async def fetch() -> api.ListExportsResponse:
        async with CargoRecordsClient(settings.channel()) as client:
            return await client.exports(limit, page_token)

    page = run(fetch())
    shown = [_line(entry) for entry in page.exports]
    if as_json:
        print_json({"exports": shown, "next_page_token": page.next_page_token})
        return
    columns = ("block_time", "local_record_id", "version", "type", "legal_basis")
    rows = [[*(str(each[column]) for column in columns), str(len(each["pointers"]))] for each in shown]
    print_table(("left", "record", "version", "type", "legal basis", "fields"), rows)
    if page.next_page_token:
        print_line(f"there are more: --page-token {page.next_page_token}")


async def _fetch(caller: CallerFile, name: str, height: int) -> tuple[str, bytes]:
    async with CargoRecordsClient(caller.channel()) as client:
        record = await client.get(request_for(name))
        return record.local_record_id, await client.export_bundle(record.local_record_id, height)


def _pinned_height(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return decode_anchor_file(file.read(MAX_ANCHOR_BYTES + 1)).height
    except OSError as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: cannot be read: {error.strerror}") from error


def _line(entry: api.ExportEntry) -> dict[str, Any]:
    basis = entry.legal_basis
    kind = LegalBasisKind.Name(basis.kind).removeprefix("LEGAL_BASIS_KIND_").lower().replace("_", "-")
    return {
        "client_id": entry.client_id,
        "sequence": entry.sequence,
        "local_record_id": entry.local_record_id,
        "version": entry.version,
        "type": record_type_name(entry.type),
        "pointers": list(entry.pointers),
        "legal_basis": f"{kind}:{basis.citation}",
        "block_time": time_text(nanos_from(entry.block_time, "block_time")),
    }
