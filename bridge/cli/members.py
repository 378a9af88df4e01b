"""`cargobridge member`: the authority registers, changes and revokes members; everyone who may lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cargo.names import require_name
from bridge.cli.callers import CallerFile, CallerOption, load_caller
from bridge.cli.identifier_text import parse_identifier
from bridge.cli.output import JsonOption, finish, option, print_json, print_line, print_table, run
from bridge.cli.record_view import text_of, time_text
from bridge.clock import SystemClock
from bridge.crypto.keys import public_key_from_pem
from bridge.errors import DecodeError, NotFoundError, Reason
from bridge.protocol.members import decode_registration, member_sign_bytes
from bridge.rpc.clients import AdminClient
from bridge.v1 import admin_service_pb2 as api
from bridge.v1.identifier_pb2 import Name
from bridge.v1.member_pb2 import (
    MEMBER_STATE_REGISTERED,
    MEMBER_STATE_REVOKED,
    MemberKey,
    MemberRegistration,
    MemberRole,
    MemberState,
    SignedMember,
)
from bridge.wire import encode, nanos_from, timestamp_of

MAX_PAGE = 500
"""Largest page an adapter gives."""

MAX_PEM_BYTES = 64 * 1024
"""Largest public key or certificate file, in bytes."""


def register(
    member_id: Annotated[str, typer.Argument(help="Member id: lower-case letters, digits and hyphens.")],
    caller: CallerOption,
    role: Annotated[list[str] | None, typer.Option(help="platform, issuer, relayer, reader or authority.")] = None,
    name: Annotated[list[str] | None, typer.Option(help="SCRIPT:NAME, scripts Latn, Hant, Hans.")] = None,
    identifier: Annotated[list[str] | None, typer.Option(help="SCHEME:VALUE in a register, such as an LEI.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="KEY_ID=FILE with a public key or certificate in PEM.")] = None,
    drop_key: Annotated[list[str] | None, typer.Option(help="KEY_ID to revoke for good.")] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke the member and all its keys.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Register a member, or change or revoke one, signed with the authority's key of the caller's file.

    Roles, names and identifiers that are given take the place of those that stand; keys are added.
    """
    settings = finish(lambda: load_caller(caller))
    change = option(
        lambda: MemberRegistration(
            ledger_id=settings.ledger_id,
            member_id=member_id,
            state=MEMBER_STATE_REVOKED if revoke else MEMBER_STATE_REGISTERED,
            roles=[_role(each) for each in role or ()],
            names=[_name(each) for each in name or ()],
            identifiers=[parse_identifier(each) for each in identifier or ()],
            keys=[_key(each) for each in key or ()],
        )
    )
    registration, answer = run(register_member(settings, change, drop_key or ()))
    if as_json:
        print_json(member_as_dict(registration, "") | {"height": answer.height, "sequence": answer.sequence})
        return
    sent = f", sent as packet {answer.sequence}" if answer.sequence else ", not sent: no client is paired yet"
    state = "revoked" if revoke else "registered"
    print_line(f"{member_id}: {state}, revision {registration.revision}, at height {answer.height}{sent}")


def list_members(caller: CallerOption, as_json: JsonOption = False) -> None:
    """List members known to this ledger, home and foreign, with their keys."""
    settings = finish(lambda: load_caller(caller))

    async def ask() -> list[api.MemberEntry]:
        async with AdminClient(settings.channel()) as client:
            return [entry async for entry in _all(client)]

    shown = [member_as_dict(entry.registration, entry.origin_client_id) for entry in run(ask())]
    if as_json:
        print_json(shown)
        return
    rows = [
        (
            each["member_id"],
            each["ledger_id"],
            each["state"],
            ", ".join(each["roles"]),
            " / ".join(each["names"].values()),
            ", ".join(each["keys"]),
            str(each["revision"]),
        )
        for each in shown
    ]
    print_table(("member", "ledger", "state", "roles", "names", "keys", "revision"), rows)


async def register_member(
    caller: CallerFile, change: MemberRegistration, dropped: Sequence[str]
) -> tuple[MemberRegistration, api.RegisterMemberResponse]:
    """Merge a change into what stands, sign it with the next revision and submit it.

    Raises DecodeError for a registration that is not in its form, NotFoundError MEMBER_UNKNOWN for revoking nobody or
    dropping a key that does not stand, and what the adapter raises.
    """
    section = caller.require_authority()
    signer = section.signer()
    async with AdminClient(caller.channel()) as client:
        standing = None
        async for entry in _all(client):
            if entry.registration.member_id == change.member_id and not entry.origin_client_id:
                standing = entry.registration
        registration = merge(standing, change, dropped)
        registration.registration_time.CopyFrom(timestamp_of(SystemClock().now()))
        body = encode(registration)
        decode_registration(body)  # what is wrong with it is told before anything is signed
        signed = SignedMember(registration=body, signature=signer.sign(member_sign_bytes(caller.ledger_id, body)))
        return registration, await client.register_member(signed)


def merge(
    standing: MemberRegistration | None, change: MemberRegistration, dropped: Sequence[str] = ()
) -> MemberRegistration:
    """The registration that follows `standing`: what the change does not name stays; its revision is the next one."""
    if standing is None and (change.state == MEMBER_STATE_REVOKED or dropped):
        raise NotFoundError(Reason.MEMBER_UNKNOWN, "there is no such member on this ledger", member_id=change.member_id)
    merged = MemberRegistration()
    merged.CopyFrom(change)
    merged.revision = 1
    if standing is None:
        return merged
    merged.revision = standing.revision + 1
    for field in ("roles", "names", "identifiers"):
        if not getattr(merged, field):
            getattr(merged, field).extend(getattr(standing, field))
    known = {each.key_id for each in standing.keys}
    for key_id in dropped:
        if key_id not in known:
            raise NotFoundError(Reason.MEMBER_UNKNOWN, "the member has no such key", key_id=key_id)
    del merged.keys[:]
    if change.state != MEMBER_STATE_REVOKED:
        merged.keys.extend(each for each in standing.keys if each.key_id not in dropped)
        merged.keys.extend(each for each in change.keys if each not in standing.keys)
    return merged


def member_as_dict(registration: MemberRegistration, origin_client_id: str) -> dict[str, Any]:
    """One member as plain values."""
    return {
        "member_id": registration.member_id,
        "ledger_id": registration.ledger_id,
        "origin_client_id": origin_client_id,
        "revision": registration.revision,
        "state": MemberState.Name(registration.state).removeprefix("MEMBER_STATE_").lower(),
        "roles": [MemberRole.Name(each).removeprefix("MEMBER_ROLE_").lower() for each in registration.roles],
        "names": {each.script: each.text for each in registration.names},
        "identifiers": [text_of(each) for each in registration.identifiers],
        "keys": {each.key_id: f"{each.suite}:{each.public_key.hex()}" for each in registration.keys},
        "registration_time": time_text(nanos_from(registration.registration_time, "registration_time")),
    }


async def _all(client: AdminClient) -> AsyncIterator[api.MemberEntry]:
    token = ""
    while True:
        page = await client.members(MAX_PAGE, token)
        for entry in page.members:
            yield entry
        token = page.next_page_token
        if not token:
            return


def _role(text: str) -> MemberRole.ValueType:
    number = MemberRole.DESCRIPTOR.values_by_name.get(f"MEMBER_ROLE_{text.upper()}")
    if number is None or number.number == 0:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"--role {text}: there is no such role")
    return MemberRole.ValueType(number.number)


def _name(text: str) -> Name:
    script, separator, name = text.partition(":")
    if not separator:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"--name {text}: must be SCRIPT:NAME, such as 'Latn:Acme Ltd'")
    require_name(script, name)
    return Name(script=script, text=name)


def _key(text: str) -> MemberKey:
    key_id, separator, file = text.partition("=")
    if not separator:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"--key {text}: must be KEY_ID=FILE")
    try:
        with Path(file).open("rb") as source:
            suite_id, raw = public_key_from_pem(source.read(MAX_PEM_BYTES))
    except OSError as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{file}: cannot be read: {error.strerror}") from error
    return MemberKey(key_id=key_id, suite=suite_id, public_key=raw)
