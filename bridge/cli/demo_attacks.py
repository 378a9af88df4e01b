"""What a thief with a relayer's keys tries in the demonstration, and what each ledger answers.

The attempts use the real key of a real relayer: nothing between the two ledgers is trusted, so this must not help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bridge.bundle.verify import seal_bundle, verify_bundle
from bridge.cli.callers import CallerFile
from bridge.clock import Clock, Nanos
from bridge.crypto.ports import Signer
from bridge.light_client.cometbft_bytes import commit_sign_bytes, header_hash
from bridge.light_client.cometbft_types import FLAG_ABSENT, FLAG_COMMIT, ZERO_TIME, BlockId, Commit, CommitSig
from bridge.light_client.cometbft_wire import commit_to_wire, header_to_wire, update_from_wire
from bridge.light_client.profiles import profile
from bridge.rpc.clients import LedgerClient
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_pb2 import RecordPayload
from bridge.v1.cometbft_pb2 import CometbftUpdate
from bridge.v1.packet_pb2 import Packet
from bridge.v1.proof_pb2 import ProofBundle
from bridge.v1.transaction_pb2 import (
    ITEM_STATE_NOOP,
    ITEM_STATE_REFUSED,
    Delivery,
    EntryRun,
    ItemResult,
    Operation,
    Transaction,
    TransactionBody,
    TrustAnchor,
)
from bridge.wire import encode, timestamp_of

NEVER_SENT = 1_000_000
"""Added to a real sequence: a packet that was never sent."""

_ABSENT = CommitSig(FLAG_ABSENT, b"", Nanos(ZERO_TIME), b"")
"""The entry of a validator that did not vote."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: what was tried, what came back, and whether that is what must come back."""

    tried: str
    answer: str
    defended: bool


async def attempts(
    source: CallerFile,
    destination: CallerFile,
    stolen: Sequence[Signer],
    sequence: int,
    bundle: bytes,
    anchor: TrustAnchor,
    clock: Clock,
) -> Sequence[Attempt]:
    """A tampered field, an invented packet, a forged header, a replay; each with what came back.

    `source` and `destination` are the relayer's two caller files, `stolen` the keys of some validators of the source,
    `sequence` a packet that has crossed and `bundle` its proof.
    """
    async with LedgerClient(source.channel()) as there, LedgerClient(destination.channel()) as here:
        client = next(
            known
            for known in (await here.clients(api.ListClientsRequest(page_size=500))).clients
            if known.tracked_ledger_id == source.ledger_id
        )
        thief = Thief(destination, here, client, clock)
        run, header = await _genuine(there, client, sequence)
        return (
            _tampered_bundle(bundle, anchor, clock),
            await _invented_packet(thief, run),
            await _forged_header(thief, header, stolen),
            await _replay(thief, run),
        )


class Thief:
    """Delivers whatever it likes under a relayer's key."""

    def __init__(self, caller: CallerFile, ledger: LedgerClient, client: api.ClientInfo, clock: Clock) -> None:
        self._member = caller.require_issuer()
        self._signer = self._member.signer()
        self._ledger_id = caller.ledger_id
        self._ledger = ledger
        self._clock = clock
        self.client = client

    async def deliver(self, headers: Sequence[bytes] = (), runs: Sequence[EntryRun] = ()) -> api.DeliverResponse:
        """One delivery, properly signed by a proper member."""
        delivery = Delivery(client_id=self.client.client_id, headers=headers, runs=runs)
        body = encode(
            TransactionBody(
                ledger_id=self._ledger_id,
                member_id=self._member.member_id,
                key_id=self._member.key_id,
                submission_time=timestamp_of(self._clock.now()),
                operations=[Operation(deliver=delivery)],
            )
        )
        rules = profile((await self._ledger.info()).profile)
        signature = self._signer.sign(rules.transaction_sign_bytes(self._ledger_id, body))
        return await self._ledger.deliver(Transaction(body=body, signature=signature))


async def _genuine(there: LedgerClient, client: api.ClientInfo, sequence: int) -> tuple[EntryRun, bytes]:
    """A packet that was really sent, with its real proof, and a real header: what a relayer can always fetch."""
    wanted = api.ListPacketsRequest(
        client_id=client.counterparty_client_id, kind=api.PACKET_KIND_SENT, sequences=[sequence]
    )
    item = (await there.packets(wanted)).items[0]
    run = (await there.prove(api.ProveEntriesRequest(first_position=item.position, count=1))).runs[0]
    header = (await there.headers(client.oldest_height, [run.proof_height]))[0]
    return run, header


def _tampered_bundle(bundle: bytes, anchor: TrustAnchor, clock: Clock) -> Attempt:
    """One disclosed field of the bundle is changed, and the bundle sealed again as its forger would."""
    forged = ProofBundle.FromString(bundle)
    packet = Packet.FromString(forged.versions[0].packet)
    packet.payloads[0].value = _with_other_field(packet.payloads[0].value)
    forged.versions[0].packet = encode(packet)
    report = verify_bundle(seal_bundle(forged), anchor, clock.now())
    return Attempt("show a bank a bundle with one field changed", report.integrity.code, not report.integrity.accepted)


async def _invented_packet(thief: Thief, genuine: EntryRun) -> Attempt:
    """A bill that was never sent, dressed in the proof of one that was."""
    run = EntryRun.FromString(encode(genuine))
    packet = Packet.FromString(run.items[0].packet)
    packet.sequence += NEVER_SENT
    packet.payloads[0].value = _with_other_field(packet.payloads[0].value)
    run.items[0].packet = encode(packet)
    result = (await thief.deliver(runs=[run])).items[0]
    return Attempt("deliver a changed packet with a real proof", _told(result), result.state == ITEM_STATE_REFUSED)


async def _forged_header(thief: Thief, genuine: bytes, stolen: Sequence[Signer]) -> Attempt:
    """A header with a root of the thief's own, correctly signed by two of the four validators."""
    block = update_from_wire(CometbftUpdate.FromString(genuine))
    header = replace(
        block.header, height=block.header.height + 1, time=Nanos(block.header.time + 1), app_hash=bytes([0x13]) * 32
    )
    block_id = BlockId(header_hash(header), block.commit.block_id.part_set_header)
    commit = Commit(header.height, 0, block_id, ())
    signers = {signer.public_key: signer for signer in stolen}
    entries = []
    for validator in block.validators.validators:
        signer = signers.get(validator.public_key)
        entry = CommitSig(FLAG_COMMIT, validator.address, header.time, b"") if signer else _ABSENT
        if signer is not None:
            entry = replace(entry, signature=signer.sign(commit_sign_bytes(header.chain_id, commit, entry)))
        entries.append(entry)
    commit = replace(commit, signatures=tuple(entries))
    update = CometbftUpdate.FromString(genuine)
    update.signed_header.header.CopyFrom(header_to_wire(header))
    update.signed_header.commit.CopyFrom(commit_to_wire(commit))
    result = (await thief.deliver(headers=[encode(update)])).headers[0]
    return Attempt("deliver a header that 2 of 4 validators signed", _told(result), result.state == ITEM_STATE_REFUSED)


async def _replay(thief: Thief, run: EntryRun) -> Attempt:
    result = (await thief.deliver(runs=[run])).items[0]
    return Attempt("deliver a real packet a second time", _told(result), result.state == ITEM_STATE_NOOP)


def _with_other_field(value: bytes) -> bytes:
    payload = RecordPayload.FromString(value)
    payload.disclosure.leaves[0].value += "0"
    return encode(payload)


def _told(result: ItemResult) -> str:
    return result.reason or "NOOP: the first outcome stands"
