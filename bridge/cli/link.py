"""`cargobridge link` joins two ledgers by acts of both authorities; `cargobridge anchor` pins a ledger's anchor.

`link` is for one person who holds both authorities' files, as in development and rehearsals. Running it again finds
what stands and does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import grpc
import typer
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from bridge.bundle.anchor import encode_anchor_file
from bridge.cli.callers import CallerFile, CallerOption, load_caller
from bridge.cli.output import JsonOption, finish, print_json, print_line, run, usage
from bridge.crypto.ports import Signer
from bridge.errors import DecodeError, LedgerUnavailableError, Reason, VerificationError
from bridge.protocol.acts import sign_act
from bridge.rpc.clients import LedgerClient
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import CreateClientAct, PairClientAct, TrustAnchor

DEFAULT_TRUSTING_DAYS = 14
"""Days a header is believed: long against an outage of both relayers, short against the life of a validator's key."""

START_SECONDS = 20
"""How long `link` waits for adapters that were started just before it: a cold start on a busy machine."""

_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Side:
    """One ledger in the hands of its authority."""

    caller: CallerFile
    signer: Signer
    ledger: LedgerClient
    anchor: TrustAnchor

    @property
    def ledger_id(self) -> str:
        """The ledger's id."""
        return self.caller.ledger_id


def link(
    first: Annotated[Path, typer.Argument(help="Caller's file of the first ledger's authority.")],
    second: Annotated[Path, typer.Argument(help="Caller's file of the second ledger's authority.")],
    trusting_days: Annotated[int, typer.Option(min=1, max=3650, help="Trusting period of both clients, in days.")] = (
        DEFAULT_TRUSTING_DAYS
    ),
    as_json: JsonOption = False,
) -> None:
    """Create a light client of each ledger on the other and pair the two; safe to repeat.

    Waits a little for adapters that are starting.
    """
    callers = finish(lambda: (load_caller(first), load_caller(second)))
    clients = run(link_ledgers(*callers, trusting_seconds=trusting_days * _DAY_SECONDS))
    if as_json:
        print_json(clients)
        return
    for ledger_id, client_id in clients.items():
        print_line(f"{ledger_id}: client {client_id} is paired")


def anchor(
    caller: CallerOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write; compare it out of band before use.")],
    newest: Annotated[bool, typer.Option("--newest", help="Pin the newest block instead of the genesis.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a trust anchor of the ledger to a file, for readers to pin.

    From the genesis everything can be proven. A newer anchor makes the way shorter and needs no belief in validators of
    long ago; what a ledger without a log wrote before it can then not be proven.
    """
    file = finish(lambda: load_caller(caller))

    async def fetch() -> TrustAnchor:
        async with LedgerClient(file.channel()) as ledger:
            info = await ledger.info()
            return info.anchor if newest else info.genesis_anchor

    pinned = run(fetch())
    try:
        out.write_bytes(encode_anchor_file(pinned))
    except OSError as error:
        usage(f"{out}: cannot be written: {error.strerror}")
    if as_json:
        print_json({"file": str(out), "ledger_id": pinned.ledger_id, "height": pinned.height})
        return
    print_line(f"{out}: {pinned.ledger_id} at height {pinned.height}, header {pinned.header_hash.hex()}")


async def link_ledgers(first: CallerFile, second: CallerFile, *, trusting_seconds: int) -> dict[str, str]:
    """Create and pair; returns client id by ledger id. Raises what the ledgers raise."""
    if first.ledger_id == second.ledger_id:
        raise DecodeError(Reason.CONFIGURATION_INVALID, "both files name one ledger", got=first.ledger_id)
    channels = [first.channel(), second.channel()]
    try:
        sides = [await _side(caller, channel) for caller, channel in zip((first, second), channels, strict=True)]
        ids = [await _client(sides[i], sides[1 - i].anchor, trusting_seconds) for i in (0, 1)]
        await _pair(sides, ids)
        return {side.ledger_id: client_id for side, client_id in zip(sides, ids, strict=True)}
    finally:
        for channel in channels:
            await channel.close(None)


async def _side(caller: CallerFile, channel: grpc.aio.Channel) -> Side:
    signer = caller.require_authority().signer()
    ledger = LedgerClient(channel)
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(LedgerUnavailableError),
        stop=stop_after_delay(START_SECONDS),
        wait=wait_fixed(0.5),
        reraise=True,
    )
    info: api.GetLedgerInfoResponse = await attempts(ledger.info)
    if info.ledger_id != caller.ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "another ledger answers", got=info.ledger_id, expected=caller.ledger_id
        )
    if info.anchor.authority_public_key != signer.public_key:
        raise VerificationError(Reason.ANCHOR_MISMATCH, "the ledger has another authority than the caller's file")
    return Side(caller, signer, ledger, info.anchor)


async def _client(side: Side, tracked: TrustAnchor, trusting_seconds: int) -> str:
    """The id of the client on `side` that tracks the anchor's ledger; created when there is none."""
    for known in (await side.ledger.clients(api.ListClientsRequest(page_size=500))).clients:
        if known.tracked_ledger_id == tracked.ledger_id:
            return known.client_id
    act = CreateClientAct(
        ledger_id=side.ledger_id,
        client_id=f"{tracked.ledger_id}-client",
        anchor=tracked,
        trusting_period_seconds=trusting_seconds,
        clock_drift_seconds=10,
        trust_level_numerator=1,
        trust_level_denominator=3,
    )
    return await side.ledger.create_client(sign_act(act, (side.ledger_id, side.signer)))


async def _pair(sides: list[Side], client_ids: list[str]) -> None:
    order = sorted((0, 1), key=lambda index: sides[index].ledger_id.encode())
    act = PairClientAct(
        ledger_id_1=sides[order[0]].ledger_id,
        client_id_1=client_ids[order[0]],
        ledger_id_2=sides[order[1]].ledger_id,
        client_id_2=client_ids[order[1]],
    )
    signed = sign_act(act, *((side.ledger_id, side.signer) for side in sides))
    for side in sides:
        await side.ledger.pair_client(signed)
