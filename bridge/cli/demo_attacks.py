"""What a thief with a relayer's keys tries in the demonstration, and what each ledger answers.

The attempts use the real key of a real relayer: nothing between the two ledgers is trusted, so this must not help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.bundle.verify import seal_bundle, verify_bundle
from bridge.cli.callers import CallerFile
from bridge.clock import Clock
from bridge.light_client.profiles import profile
from bridge.rpc.clients import LedgerClient
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_pb2 import RecordPayload
from bridge.v1.cometbft_pb2 import CometbftCommitSig, CometbftUpdate
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

_ABSENT = 1
"""CometBFT's block id flag of a validator that did not vote."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: what was tried, what came back, and whether that is what must come back."""

    tried: str
    answer: str
    defended: bool


async def attempts(
    source: CallerFile, destination: CallerFile, clock: Clock, sequence: int, bundle: bytes, anchor: TrustAnchor
) -> Sequence[Attempt]:
    """A tampered field, a forged header, a replay; `source` and `destination` are the relayer's two caller files."""
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
            await _tampered_field(thief, run),
            await _forged_header(thief, header),
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


async def _tampered_field(thief: Thief, genuine: EntryRun) -> Attempt:
    run = EntryRun.FromString(encode(genuine))
    packet = Packet.FromString(run.items[0].packet)
    packet.payloads[0].value = _with_other_field(packet.payloads[0].value)
    run.items[0].packet = encode(packet)
    result = (await thief.deliver(runs=[run])).items[0]
    return Attempt("deliver a real packet with one field changed", _told(result), result.state == ITEM_STATE_REFUSED)


async def _forged_header(thief: Thief, header: bytes) -> Attempt:
    """A header of Hong Kong with a root of the thief's own, signed by two of four validators."""
    update = CometbftUpdate.FromString(header)
    for entry in update.signed_header.commit.signatures[2:]:
        absent = CometbftCommitSig(block_id_flag=_ABSENT)
        absent.timestamp.seconds = -62_135_596_800
        entry.CopyFrom(absent)
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
