"""`cargobridge id`: the authority maps identifiers of the two sides; everyone resolves and lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer

from bridge.cargo.mapping import decode_mapping, mapping_sign_bytes
from bridge.cli.callers import CallerFile, CallerOption, load_caller
from bridge.cli.identifier_text import parse_identifier
from bridge.cli.output import JsonOption, finish, option, print_json, print_line, print_table, run
from bridge.cli.record_view import resolved, text_of, time_text
from bridge.clock import SystemClock
from bridge.rpc.clients import IdentifiersClient
from bridge.v1 import identifier_service_pb2 as api
from bridge.v1.identifier_pb2 import (
    MAPPING_STATE_REGISTERED,
    MAPPING_STATE_REVOKED,
    Identifier,
    Mapping,
    MappingState,
    SignedMapping,
)
from bridge.wire import encode, nanos_from, timestamp_of

MAX_PAGE = 500
"""Largest page an adapter gives."""


def map_identifiers(
    home: Annotated[str, typer.Argument(metavar="HOME", help="SCHEME:VALUE as this side writes it.")],
    counterparty: Annotated[str, typer.Argument(metavar="COUNTERPARTY", help="SCHEME:VALUE as the other side does.")],
    caller: CallerOption,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke the mapping.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Register (or revoke) that two identifiers name the same thing, signed with the authority's key of the file."""
    settings = finish(lambda: load_caller(caller))
    pair = option(lambda: (parse_identifier(home), parse_identifier(counterparty)))
    state = MAPPING_STATE_REVOKED if revoke else MAPPING_STATE_REGISTERED
    answer = run(register_mapping(settings, *pair, state))
    if as_json:
        print_json(answer)
        return
    word = "revoked" if revoke else "registered"
    line = f"{word}: {text_of(pair[0])} = {text_of(pair[1])}"
    if answer["standing"]:
        print_line(f"{line} (stood already)")
    else:
        sent = f", sent as packet {answer['sequence']}" if answer["sequence"] else ", not sent: no client is paired yet"
        print_line(f"{line} at height {answer['height']}{sent}")


def resolve(
    identifier: Annotated[str, typer.Argument(help="SCHEME:VALUE in either side's form.")],
    caller: CallerOption,
    as_json: JsonOption = False,
) -> None:
    """Answer an identifier's form on this side: mapped, equivalent by rule, or kept foreign."""
    settings = finish(lambda: load_caller(caller))
    wanted = option(lambda: parse_identifier(identifier))

    async def ask() -> dict[str, str]:
        async with IdentifiersClient(settings.channel()) as client:
            return resolved(await client.resolve(wanted))

    found = run(ask())
    if as_json:
        print_json(found)
    else:
        print_line(f"{found['local']} ({found['resolution']})")


def list_mappings(
    caller: CallerOption,
    scheme: Annotated[str, typer.Option(help="Only mappings with this scheme on either side.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List mappings of both authorities, revoked ones too."""
    settings = finish(lambda: load_caller(caller))

    async def ask() -> list[api.MappingEntry]:
        async with IdentifiersClient(settings.channel()) as client:
            return [entry async for entry in _all(client, scheme)]

    shown = [_entry(entry) for entry in run(ask())]
    if as_json:
        print_json(shown)
        return
    if not shown:
        print_line("no mappings" + (f" of scheme {scheme}" if scheme else " yet"))
        return
    columns = ("home", "counterparty", "state", "revision", "origin_ledger_id", "registration_time")
    rows = [[str(each[column]) for column in columns] for each in shown]
    print_table(("home", "counterparty", "state", "revision", "registered by", "at"), rows)


async def register_mapping(
    caller: CallerFile, home: Identifier, counterparty: Identifier, state: MappingState.ValueType
) -> dict[str, Any]:
    """Register or revoke a pair at the caller's ledger; `standing` tells that nothing had to be done.

    Raises AlreadyExistsError MAPPING_CONFLICT, NotFoundError MAPPING_NOT_FOUND, and what the adapter raises.
    """
    section = caller.require_authority()
    signer = section.signer()

    async def submit(client: IdentifiersClient, revision: int) -> api.RegisterMappingResponse:
        mapping = encode(
            Mapping(
                ledger_id=caller.ledger_id,
                revision=revision,
                state=state,
                home=home,
                counterparty=counterparty,
                registration_time=timestamp_of(SystemClock().now()),
            )
        )
        decode_mapping(mapping)  # what is wrong with the pair is told before anything is signed
        signature = signer.sign(mapping_sign_bytes(caller.ledger_id, mapping))
        return await client.register(SignedMapping(mapping=mapping, signature=signature))

    async with IdentifiersClient(caller.channel()) as client:
        standing = [
            entry.mapping
            for scheme in sorted({home.scheme, counterparty.scheme})
            async for entry in _all(client, scheme)
            if _touches(entry, home, counterparty)
        ]
        if any(_is(each, home, counterparty) and each.state == state for each in standing):
            return {"standing": True, "height": 0, "sequence": 0}
        answer = await submit(client, 1 + max((each.revision for each in standing), default=0))
    return {"standing": False, "height": answer.height, "sequence": answer.sequence}


async def _all(client: IdentifiersClient, scheme: str) -> AsyncIterator[api.MappingEntry]:
    token = ""
    while True:
        page = await client.mappings(scheme, MAX_PAGE, token)
        for entry in page.mappings:
            yield entry
        token = page.next_page_token
        if not token:
            return


def _touches(entry: api.MappingEntry, home: Identifier, counterparty: Identifier) -> bool:
    """Whether a mapping has one of the two in its place, whichever authority registered it."""
    mapping = entry.mapping
    return mapping.home in (home, counterparty) or mapping.counterparty in (home, counterparty)


def _is(mapping: Mapping, home: Identifier, counterparty: Identifier) -> bool:
    """Whether a mapping is of exactly this pair; the other authority writes it the other way round."""
    return (mapping.home, mapping.counterparty) in ((home, counterparty), (counterparty, home))


def _entry(entry: api.MappingEntry) -> dict[str, Any]:
    mapping = entry.mapping
    return {
        "home": text_of(mapping.home),
        "counterparty": text_of(mapping.counterparty),
        "state": MappingState.Name(mapping.state).removeprefix("MAPPING_STATE_").lower(),
        "revision": mapping.revision,
        "origin_ledger_id": entry.origin_ledger_id,
        "registration_time": time_text(nanos_from(mapping.registration_time, "registration_time")),
    }
