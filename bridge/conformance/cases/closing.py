"""PKT: packets to a ledger that never comes back are closed by both authorities, once none can be accepted any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.carriage import deliver, proven, record_of, refuse_runs, sent_packet, state_name
from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, item_applied, item_noop, refused, unmoved
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.issuing import Issued
from bridge.conformance.kit import Kit
from bridge.conformance.updates import freeze
from bridge.conformance.waiting import wait_until
from bridge.crypto.keys import generate_signer
from bridge.crypto.ports import Signer
from bridge.crypto.suites import suite
from bridge.errors import Reason
from bridge.protocol.acknowledgements import EXPIRED_ACKNOWLEDGEMENT, encode_accepted, encode_rejected
from bridge.protocol.acts import sign_act
from bridge.protocol.commitments import payloads_digest
from bridge.protocol.packets import decode_packet
from bridge.v1 import admin_service_pb2 as admin_api
from bridge.v1.transaction_pb2 import ClosedPacket, ClosePacketsAct, SignedAct
from bridge.wire import timestamp_of

CLOSING = ("platform", "seed", "authority", "authority_key")
"""What a case needs that closes packets of the target."""

DRIFT_SECONDS = 1
"""Clock drift of a client whose packets a case closes, in seconds: what a closing waits for after the timeout."""

TIMEOUT_SECONDS = 2
"""Timeout of a packet that is to be closed, in seconds ahead; whole ones, so that one at least is left to issue it."""

SIGNED = "CLOSED_BY_AUTHORITIES"


@dataclass(slots=True)
class Closing:
    """Packets of the target to one counterparty, and the act that would close them."""

    kit: Kit
    other: Counterparty
    issued: list[Issued] = field(default_factory=list)

    def named(self, **over: Any) -> list[ClosedPacket]:
        """The packets as an act names them; `over` replaces fields of each."""
        hash_ = suite(self.kit.info.suite).hash
        found = []
        for each in self.issued:
            packet = decode_packet(sent_packet(self.kit, self.other, each.sequence).body)
            fields: dict[str, Any] = {
                "sequence": packet.sequence,
                "timeout_seconds": packet.timeout_seconds,
                "payloads_digest": payloads_digest(hash_, packet.payloads),
            }
            found.append(ClosedPacket(**(fields | over)))
        return found

    def act(self, **over: Any) -> ClosePacketsAct:
        """The act, with fields replaced."""
        fields: dict[str, Any] = {
            "ledger_id": self.kit.target.ledger_id,
            "client_id": self.other.client_id,
            "counterparty_ledger_id": self.other.ledger_id,
            "counterparty_client_id": self.other.own_client_id,
            "packets": over.pop("packets", None) or self.named(),
            "act_time": timestamp_of(self.kit.clock.now()),
            "reason": "a conformance case closes its own packets",
        }
        return ClosePacketsAct(**(fields | over))

    def submit(self, signed: SignedAct) -> admin_api.ClosePacketsResponse:
        """Hand it in as the target's authority."""
        return self.kit.admin().ClosePackets(admin_api.ClosePacketsRequest(act=signed))

    def refuse(self, signed: SignedAct, *reasons: Reason, what: str = "the act is refused") -> None:
        """Failed unless the act is refused with one of the reasons and nothing moves."""
        with unmoved(self.kit, self.other.client_id):
            refused(lambda: self.submit(signed), *reasons, message=what)
        for each in self.issued:
            packet = sent_packet(self.kit, self.other, each.sequence)
            expect(state_name(packet) != SIGNED, "no packet is closed", got=state_name(packet), expected="its state")

    def both(self, act: ClosePacketsAct, signer: Signer | None = None) -> SignedAct:
        """The act signed by both authorities, or by another key in the counterparty's name."""
        return self.kit.act(act, (self.other.ledger_id, signer or self.other.authority))


def closing(kit: Kit, count: int = 1, *, frozen: bool = True, timeout_seconds: int = 3_600) -> Closing:
    """Packets under way to a counterparty of their own, which is frozen unless told otherwise."""
    other = kit.counterparty(act={"clock_drift_seconds": DRIFT_SECONDS})
    issued = [kit.issue(counterparty=other, timeout_seconds=timeout_seconds) for _ in range(count)]
    if frozen:
        freeze(kit, other)
    return Closing(kit, other, issued)


@case(
    "PKT-180",
    "MUST close packets by an act of both authorities once they can no longer be accepted, and hear no ACCEPTED after",
    clauses=("CLO-1", "CLO-5", "ACK-4", "ADS-6"),
    needs=CLOSING,
)
def pkt_180(kit: Kit) -> None:
    work = closing(kit, 2, timeout_seconds=TIMEOUT_SECONDS)
    other, entries = work.other, kit.info.entry_count
    wait_until(kit, max(each.item.timeout_seconds for each in work.issued) + DRIFT_SECONDS + 1)
    signed = work.both(work.act())
    expect_equal(work.submit(signed).noop, False, "the packets are closed now")
    states = {state_name(sent_packet(kit, other, each.sequence)) for each in work.issued}
    expect_equal(states, {SIGNED}, "how the packets ended")
    expect_equal((kit.client(other.client_id).pending_count, kit.info.entry_count), (0, entries), "what is left")
    record = record_of(kit, work.issued[0].record_id)
    expect_equal(record.statement, work.issued[0].prepared.statement, "the record stays as it was issued")
    with unmoved(kit, other.client_id):
        expect_equal(work.submit(signed).noop, True, "the same act again")
    other.anchor_height = other.advance()
    authority = kit.target.ledger_id, kit.signer("authority_key")
    recovery = other.recover_act(authority, other.anchor())
    kit.admin().RecoverClient(admin_api.RecoverClientRequest(act=recovery))
    sequence = work.issued[0].sequence
    for body in (EXPIRED_ACKNOWLEDGEMENT, encode_rejected(Reason.ISSUER_UNKNOWN)):
        item_noop(deliver(kit, other, proven(kit, other, other.acknowledgement(sequence, body)))[0])
    late = proven(kit, other, other.acknowledgement(sequence, encode_accepted()))
    refuse_runs(kit, other, late, Reason.ACKNOWLEDGEMENT_CONFLICT)


@case(
    "PKT-181",
    "MUST refuse to close packets of a client that is active",
    clauses=("CLO-5",),
    negative=True,
    needs=CLOSING,
)
def pkt_181(kit: Kit) -> None:
    work = closing(kit, frozen=False)
    work.refuse(work.both(work.act()), Reason.CLIENT_ACTIVE)


@case(
    "PKT-182",
    "MUST refuse to close packets that the other ledger may still accept",
    clauses=("CLO-5",),
    negative=True,
    needs=CLOSING,
)
def pkt_182(kit: Kit) -> None:
    work = closing(kit)
    work.refuse(work.both(work.act()), Reason.TIMEOUT_NOT_REACHED)
    beyond = timestamp_of(kit.clock.now() + 7_200 * NANOS_PER_SECOND)
    work.refuse(work.both(work.act(act_time=beyond)), Reason.INVALID_FIELD, what="an act of the future")
    stale = timestamp_of(kit.clock.now() - 3_600 * NANOS_PER_SECOND)
    work.refuse(
        work.both(work.act(act_time=stale)), Reason.STATE_CHANGED, what="an act from before the newest trusted header"
    )


@case(
    "PKT-183",
    "MUST refuse to close packets on the word of one authority, or of none",
    clauses=("CLO-2", "ACT-2", "ACT-9"),
    negative=True,
    needs=CLOSING,
)
def pkt_183(kit: Kit) -> None:
    work = closing(kit)
    act = work.act()
    work.refuse(kit.act(act), Reason.AUTHORITY_SIGNATURE_MISSING, what="the target's authority alone")
    work.refuse(sign_act(act, work.other.speaker), Reason.AUTHORITY_SIGNATURE_MISSING, what="the other one alone")
    stranger = generate_signer(work.other.suite.suite_id)
    work.refuse(work.both(act, stranger), Reason.SIGNATURE_INVALID, what="another key in its name")


@case(
    "PKT-184",
    "MUST refuse a closing that names another ledger, another client or another counterparty",
    clauses=("CLO-2",),
    negative=True,
    needs=CLOSING,
)
def pkt_184(kit: Kit) -> None:
    work = closing(kit)
    for over, reason in (
        ({"ledger_id": "test-elsewhere-1"}, Reason.LEDGER_ID_MISMATCH),
        ({"client_id": "kit-nobody"}, Reason.CLIENT_NOT_FOUND),
        ({"counterparty_client_id": "target-9"}, Reason.COUNTERPARTY_MISMATCH),
        ({"counterparty_ledger_id": "test-elsewhere-1"}, Reason.COUNTERPARTY_MISMATCH),
    ):
        work.refuse(work.both(work.act(**over)), reason, what=str(over))


@case(
    "PKT-185",
    "MUST refuse to close a packet that is not the one its act describes",
    clauses=("CLO-3", "COM-1"),
    negative=True,
    needs=CLOSING,
)
def pkt_185(kit: Kit) -> None:
    work = closing(kit)
    for over in ({"timeout_seconds": 1}, {"payloads_digest": bytes(32)}):
        work.refuse(work.both(work.act(packets=work.named(**over))), Reason.COMMITMENT_MISMATCH, what=str(over))
    beyond = kit.client(work.other.client_id).next_sequence
    work.refuse(work.both(work.act(packets=work.named(sequence=beyond))), Reason.PACKET_NOT_FOUND)


@case(
    "PKT-186",
    "MUST refuse a closing as a whole where one of its packets has its end already",
    clauses=("CLO-4", "CLO-1"),
    negative=True,
    needs=CLOSING,
)
def pkt_186(kit: Kit) -> None:
    work = closing(kit, 2, frozen=False)
    other = work.other
    item_applied(deliver(kit, other, proven(kit, other, other.acknowledgement(work.issued[0].sequence)))[0])
    freeze(kit, other)
    work.refuse(work.both(work.act()), Reason.PACKET_SETTLED)
    states = [state_name(sent_packet(kit, other, each.sequence)) for each in work.issued]
    expect_equal(states, ["ACCEPTED", "COMMITTED"], "each packet stays as it was")
