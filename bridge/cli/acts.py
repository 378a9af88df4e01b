"""`cargobridge act`: acts that both authorities sign, each on a machine of its own: prepare, show, sign, submit.

One authority prepares an act file; both read it and sign it; either side's file is submitted to the ledger it is for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.bundle.anchor import MAX_ANCHOR_BYTES, decode_anchor_file
from bridge.cli.act_files import (
    CLOSE_PACKETS,
    RECOVER_CLIENT,
    TwoPersonAct,
    act_as_dict,
    read_act_file,
    signing_ledgers,
    write_act_file,
)
from bridge.cli.callers import CallerFile, CallerOption, load_caller
from bridge.cli.output import JsonOption, finish, print_json, print_line, print_table, run
from bridge.clock import NANOS_PER_SECOND, Nanos, SystemClock
from bridge.crypto.suites import suite
from bridge.errors import DecodeError, NotFoundError, PreconditionError, Reason, VerificationError
from bridge.protocol.acts import (
    MAX_CLOSED_PACKETS,
    closed_packet,
    decode_close_packets,
    decode_recover_client,
    sign_act,
)
from bridge.protocol.packets import decode_packet
from bridge.rpc.clients import AdminClient, LedgerClient
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import ClosePacketsAct, RecoverClientAct, SignedAct
from bridge.wire import encode, nanos_from, timestamp_of

MAX_PAGE = 500
"""Largest page an adapter gives."""

OutOption = Annotated[Path, typer.Option("--out", "-o", help="Act file to write, for both authorities to sign.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the audit trail; at most 500 characters.")]
ClientOption = Annotated[str, typer.Option(help="Client it concerns; may be left out where the ledger has one.")]
FileArgument = Annotated[Path, typer.Argument(help="The act file.")]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says before an act is prepared."""

    client: api.ClientInfo
    suite_id: str
    now: Nanos


def close_packets(
    caller: CallerOption,
    out: OutOption,
    reason: ReasonOption,
    client: ClientOption = "",
    sequence: Annotated[list[int] | None, typer.Option(help="Only this packet; may be repeated.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Prepare an act that closes packets to a ledger that never comes back.

    Takes what waits through a frozen or expired client and can no longer be accepted: the timeout has passed by the
    client's clock drift. Whoever signs it says that the other ledger never accepted any of these packets.
    """
    settings = finish(lambda: load_caller(caller))
    act, left = run(prepare_closing(settings, client, reason, sequence or ()))
    _wrote(out, CLOSE_PACKETS, act, as_json=as_json)
    if left and not as_json:
        print_line(f"{left} more packets wait and are not in it: they may still be accepted, or belong in the next act")


def recover_client(
    caller: CallerOption,
    anchor: Annotated[Path, typer.Option(help="Anchor file of the other ledger, compared out of band.")],
    out: OutOption,
    reason: ReasonOption,
    client: ClientOption = "",
    as_json: JsonOption = False,
) -> None:
    """Prepare an act that gives a frozen or expired client a new anchor."""
    settings = finish(lambda: load_caller(caller))
    act = run(_prepare_recovery(settings, client, anchor, reason))
    _wrote(out, RECOVER_CLIENT, act, as_json=as_json)


def show(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show what an act file says and who has signed it."""
    kind, act, signed = finish(lambda: read_act_file(file))
    _print_act(act_as_dict(kind, act, signed), as_json=as_json)


def sign(file: FileArgument, caller: CallerOption, as_json: JsonOption = False) -> None:
    """Add the signature of the caller's authority to an act file. Needs no ledger; read the act with `show` first."""

    def work() -> tuple[str, TwoPersonAct, SignedAct]:
        settings = load_caller(caller)
        kind, act, signed = read_act_file(file)
        if settings.ledger_id not in signing_ledgers(act):
            raise VerificationError(
                Reason.AUTHORITY_SIGNATURE_MISSING,
                "the act needs the authorities of other ledgers",
                got=settings.ledger_id,
                expected=" ".join(signing_ledgers(act)),
            )
        (mine,) = sign_act(act, (settings.ledger_id, settings.require_authority().signer())).signatures
        others = [each for each in signed.signatures if each.ledger_id != settings.ledger_id]
        made = SignedAct(act=signed.act, signatures=[*others, mine])
        write_act_file(file, kind, made)
        return kind, act, made

    _print_act(act_as_dict(*finish(work)), as_json=as_json)


def submit(file: FileArgument, caller: CallerOption, as_json: JsonOption = False) -> None:
    """Submit a signed act to the ledger it takes effect on; again is harmless."""
    settings = finish(lambda: load_caller(caller))
    kind, act, signed = finish(lambda: read_act_file(file))
    height, noop = run(_submit(settings, act, signed))
    if as_json:
        print_json({"kind": kind, "ledger_id": act.ledger_id, "height": height, "noop": noop})
        return
    print_line(f"{act.ledger_id}: {'had taken effect before' if noop else 'took effect'}, height {height}")


async def prepare_closing(
    caller: CallerFile, client_id: str, reason: str, sequences: Sequence[int] = ()
) -> tuple[ClosePacketsAct, int]:
    """The act over what can be closed now, and how many waiting packets it leaves out.

    Raises NotFoundError PACKET_NOT_FOUND when there is nothing to close, PreconditionError TIMEOUT_NOT_REACHED when a
    packet asked for may still be accepted, CLIENT_ACTIVE when the client works.
    """
    async with LedgerClient(caller.channel()) as ledger:
        standing = await _standing(caller, ledger, client_id)
        client, drift = standing.client, standing.client.clock_drift_seconds
        if client.state == api.CLIENT_STATE_ACTIVE:
            raise PreconditionError(Reason.CLIENT_ACTIVE, "packets of an active client end by acknowledgements")
        chosen: list[Packet] = []
        left = 0
        async for packet in _pending(ledger, client.client_id):
            wanted = not sequences or packet.sequence in sequences
            ripe = (packet.timeout_seconds + drift) * NANOS_PER_SECOND <= standing.now
            if wanted and not ripe and sequences:
                raise PreconditionError(
                    Reason.TIMEOUT_NOT_REACHED, "the packet may still be accepted", sequence=packet.sequence
                )
            if wanted and ripe and len(chosen) < MAX_CLOSED_PACKETS:
                chosen.append(packet)
            else:
                left += 1
    missing = sorted(set(sequences) - {packet.sequence for packet in chosen})
    if missing or not chosen:
        detail = "no packet waits that could be closed" if not missing else "no such packet waits"
        raise NotFoundError(Reason.PACKET_NOT_FOUND, detail, sequences=" ".join(map(str, missing)))
    hash_ = suite(standing.suite_id).hash
    act = ClosePacketsAct(
        ledger_id=caller.ledger_id,
        client_id=client.client_id,
        counterparty_ledger_id=client.tracked_ledger_id,
        counterparty_client_id=client.counterparty_client_id,
        packets=[closed_packet(hash_, packet) for packet in chosen],
        act_time=timestamp_of(standing.now),
        reason=reason,
    )
    return decode_close_packets(encode(act)), left


async def _prepare_recovery(caller: CallerFile, client_id: str, anchor: Path, reason: str) -> RecoverClientAct:
    try:
        with anchor.open("rb") as file:
            pinned = decode_anchor_file(file.read(MAX_ANCHOR_BYTES + 1))
    except OSError as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{anchor}: cannot be read: {error.strerror}") from error
    async with LedgerClient(caller.channel()) as ledger:
        standing = await _standing(caller, ledger, client_id)
    found = standing.client.client_id
    act = RecoverClientAct(ledger_id=caller.ledger_id, client_id=found, anchor=pinned, reason=reason)
    return decode_recover_client(encode(act))


async def _standing(caller: CallerFile, ledger: LedgerClient, client_id: str) -> Standing:
    info = await ledger.info()
    if info.ledger_id != caller.ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "another ledger answers", got=info.ledger_id, expected=caller.ledger_id
        )
    clients = (await ledger.clients(api.ListClientsRequest(client_id=client_id, page_size=MAX_PAGE))).clients
    if len(clients) != 1:
        names = " ".join(each.client_id for each in clients)
        raise NotFoundError(Reason.CLIENT_NOT_FOUND, "name one client with --client", clients=names)
    # A quiet ledger's newest block is old; a ledger whose clock is ahead judges by its own.
    now = max(SystemClock().now(), nanos_from(info.anchor.header_time, "header_time"))
    return Standing(clients[0], info.anchor.suite, Nanos(now))


async def _pending(ledger: LedgerClient, client_id: str) -> AsyncIterator[Packet]:
    request = api.ListPacketsRequest(
        client_id=client_id, kind=api.PACKET_KIND_SENT, pending_only=True, page_size=MAX_PAGE
    )
    while True:
        page = await ledger.packets(request)
        for item in page.items:
            yield decode_packet(item.body)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


async def _submit(caller: CallerFile, act: TwoPersonAct, signed: SignedAct) -> tuple[int, bool]:
    if act.ledger_id != caller.ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "the act is for another ledger", got=caller.ledger_id, expected=act.ledger_id
        )
    async with AdminClient(caller.channel()) as admin:
        if isinstance(act, ClosePacketsAct):
            answer = await admin.close_packets(signed)
            return answer.height, answer.noop
        return await admin.recover_client(signed), False


def _wrote(out: Path, kind: str, act: TwoPersonAct, *, as_json: bool) -> None:
    signed = sign_act(act)
    finish(lambda: write_act_file(out, kind, signed))
    _print_act(act_as_dict(kind, act, signed), as_json=as_json)


def _print_act(shown: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(shown)
        return
    packets = shown.pop("packets", [])
    print_table(("", ""), [(name, _cell(value)) for name, value in shown.items()])
    if packets:
        rows = [(str(p["sequence"]), str(p["timeout_seconds"]), p["payloads_digest"]) for p in packets]
        print_table(("sequence", "timeout", "payloads digest"), rows)


def _cell(value: object) -> str:
    return (" ".join(map(str, value)) or "nobody yet") if isinstance(value, list) else str(value)
