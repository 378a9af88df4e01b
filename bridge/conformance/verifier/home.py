"""The ledger whose records the bundle vectors prove: members and versions, rightly committed, some of them wrong.

A ledger that commits to something false is what a bundle's reader must survive: everything here stands in real blocks
under a quorum's signatures, and only what a case names is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bridge.bundle.anchor import encode_anchor_file
from bridge.bundle.verify import BUNDLE_FORMAT, seal_bundle
from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.counterparty.members import Issuer, make_issuer
from bridge.conformance.counterparty.packets import Written
from bridge.conformance.counterparty.records import Record, make_record
from bridge.conformance.counterparty.seeded import fresh_signer
from bridge.conformance.verifier.subject import Subject
from bridge.conformance.verifier.vectors import BundleFiles
from bridge.protocol.ports import CARGO_PORT, MEMBER_PORT, encode_payload
from bridge.v1.cargo_pb2 import RECORD_ACT_VOIDED, RecordPayload
from bridge.v1.member_pb2 import MEMBER_ROLE_RELAYER, MEMBER_STATE_REVOKED
from bridge.v1.proof_pb2 import EntryProof, ProofBundle
from bridge.v1.transaction_pb2 import TrustAnchor
from bridge.wire import encode, timestamp_of

VALIDATORS = (1, 1, 1, 1)

Edit = Callable[[ProofBundle], object]


class Home:
    """A ledger with members and records by name; everything is in blocks and can be proven."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject.fresh(powers=VALIDATORS, heights=subject.anchor)
        self.ledger = self.subject.ledger
        self.anchor_height = self.ledger.height
        self.members: dict[str, Written] = {}
        self.records: dict[str, list[Written]] = {}
        suite_id = self.ledger.suite.suite_id
        self._stranger = make_issuer(self.ledger.ledger_id, suite_id, "stranger")
        self._clerk = make_issuer(self.ledger.ledger_id, suite_id, "clerk")
        self._gone = make_issuer(self.ledger.ledger_id, suite_id, "gone")
        self._enrol()
        self.later_height = self.subject.grow()
        """A height after every registration: an anchor there is younger than they are."""
        self._issue()
        self.subject.grow()

    def anchor(self, height: int | None = None) -> TrustAnchor:
        """The anchor a reader pins: before everything, unless another height is named."""
        return self.ledger.anchor(self.anchor_height if height is None else height)

    def files(
        self,
        versions: Sequence[Written] | str = "sound",
        members: Sequence[str] = ("issuer",),
        *,
        height: int | None = None,
        pinned: TrustAnchor | None = None,
        unproven: bool = False,
        edit: Edit | None = None,
    ) -> BundleFiles:
        """A bundle of versions and registrations, and the anchor file; `edit` changes the bundle before its digest.

        `height` is that of the anchor it starts from; `unproven` leaves out the registrations' proofs.
        """
        anchor = self.anchor(height)
        chosen = self.records[versions] if isinstance(versions, str) else list(versions)
        bundle = ProofBundle(format=BUNDLE_FORMAT, ledger_id=self.ledger.ledger_id, anchor=anchor)
        bundle.versions.extend(self._proof(each) for each in chosen)
        for name in members:
            written = self.members[name]
            bundle.members.append(EntryProof(packet=written.body) if unproven else self._proof(written))
        heights = {proof.proof_height for proof in (*bundle.versions, *bundle.members)} - {0, anchor.height}
        trusted = anchor.height
        for proof_height in sorted(heights):
            bundle.headers.append(self.ledger.update(proof_height, trusted))
            trusted = proof_height
        if edit is not None:
            edit(bundle)
        return BundleFiles(seal_bundle(bundle), encode_anchor_file(anchor if pinned is None else pinned))

    def _proof(self, written: Written) -> EntryProof:
        (run,) = self.ledger.prove(written.position)
        return EntryProof(packet=written.body, proof_height=run.proof_height, proof=run.proof)

    def _enrol(self) -> None:
        """Registrations: a sound one, and each that must not count for what it is shown for."""
        ledger, now = self.ledger, self.ledger.now
        registrations = {
            "issuer": ledger.member(),
            "usurped": ledger.member(signer=fresh_signer(ledger.suite.suite_id)),
            "clerk": ledger.member(self._clerk, roles=[MEMBER_ROLE_RELAYER]),
            "gone": ledger.member(self._gone),
            "revoked": ledger.member(
                self._gone,
                revision=2,
                state=MEMBER_STATE_REVOKED,
                roles=[],
                keys=[],
                registration_time=timestamp_of(now + NANOS_PER_SECOND),
            ),
        }
        packets = [ledger.packet(encode_payload(MEMBER_PORT, body)) for body in registrations.values()]
        self.members = dict(zip(registrations, ledger.commit(*packets), strict=True))

    def _issue(self) -> None:
        """Records: a sound one in two versions, and each that is wrong in its own way."""
        self._write("sound", self._versions("SOUND"))
        self._write("voided", self._versions("VOIDED", act=RECORD_ACT_VOIDED))
        first, second = self._versions("GAP")
        self._write("gap", [first, self._record("GAP", version=3, previous=second.digest)])
        self._write("elsewhere", [first, self._record("GAP", version=2, previous=b"\x07" * 32)])
        self._write("two", [first, self._record("TWO", version=2, previous=first.digest)])
        self._write("foreign", [self._record("FOREIGN", ledger_id="test-vectors-other")])
        self._write("unsigned", [self._spoiled("UNSIGNED", _turn_signature)])
        self._write("redisclosed", [self._spoiled("REDISCLOSED", _change_leaf)])
        self._write("stranger", [self._record("STRANGER", issuer=self._stranger)])
        self._write("clerk", [self._record("CLERK", issuer=self._clerk)])
        self._write("before", [self._record("BEFORE", issuer=self._gone, before=60)])
        self._write("after", [self._record("AFTER", issuer=self._gone)])

    def _write(self, name: str, records: Sequence[Record]) -> None:
        packets = [self.ledger.packet(encode_payload(CARGO_PORT, record.value)) for record in records]
        self.records[name] = self.ledger.commit(*packets)

    def _versions(self, reference: str, **over: Any) -> list[Record]:
        """Two versions that follow each other; `over` is for the second."""
        first = self._record(reference)
        return [first, self._record(reference, version=2, previous=first.digest, **over)]

    def _record(self, reference: str, *, issuer: Issuer | None = None, before: int = 0, **more: Any) -> Record:
        """A version, issued now or so many seconds before."""
        time = self.ledger.now - before * NANOS_PER_SECOND
        return make_record(issuer or self.ledger.issuer, reference, time, **more)

    def _spoiled(self, reference: str, change: Callable[[RecordPayload], object]) -> Record:
        """A record whose payload was changed after it was signed, and committed so."""
        record = self._record(reference)
        payload = RecordPayload()
        payload.CopyFrom(record.payload)
        change(payload)
        return Record(encode(payload), payload, record.statement, record.digest, record.tree)


def home_of(subject: Subject) -> Home:
    """The one ledger of a profile that all bundle vectors speak about."""
    return subject.remembered("home", Home)


def _turn_signature(payload: RecordPayload) -> None:
    payload.signature = payload.signature[:-1] + bytes([payload.signature[-1] ^ 1])


def _change_leaf(payload: RecordPayload) -> None:
    payload.disclosure.leaves[0].value += "!"
