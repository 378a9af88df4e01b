"""Proof bundles of home records: every version and the issuers' registrations, proven from an anchor the reader pins.

Only the home ledger can prove its own packets; the other side answers where to ask. Blocking; runs in the reading pool.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridge.bundle.verify import BUNDLE_FORMAT, MAX_BUNDLE_HEADERS, MAX_BUNDLE_VERSIONS, seal_bundle
from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.suites import check_signature
from bridge.errors import BridgeError, LimitError, NotFoundError, PreconditionError, Reason, VerificationError
from bridge.ledger.rows import HOME, MemberRow, RecordRow, VersionRow
from bridge.ledger.types import KIND_PACKET, StoredEntry
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.light_client.verifier import verify_anchor, verify_update
from bridge.protocol.ports import MEMBER_PORT
from bridge.rpc.node import LedgerNode
from bridge.rpc.servicers.ledger import anchor_at
from bridge.v1.cargo_pb2 import RecordPayload, Statement
from bridge.v1.member_pb2 import MemberRegistration, SignedMember
from bridge.v1.packet_pb2 import Packet
from bridge.v1.proof_pb2 import EntryProof, ProofBundle
from bridge.v1.transaction_pb2 import TrustAnchor

MAX_BISECTION_STEPS = 64
"""Halvings of a height difference: enough for any 64-bit height."""

MAX_MEMBER_PACKETS = 10_000
"""Packets of the member port looked through for an issuer's registrations."""

_OPEN_ENDED = TrustOptions(trusting_period=200 * 366 * 86_400 * NANOS_PER_SECOND)
"""Our own headers are checked for their way from the anchor, not for their age."""

_TOO_FAR = frozenset({Reason.NOT_ENOUGH_TRUST, Reason.VALIDATOR_SET_MISMATCH})


class BundleMaker:
    """Makes bundles of one node's records."""

    def __init__(self, node: LedgerNode) -> None:
        self._node = node

    def last_position(self, record: RecordRow) -> int:
        """Position of the entry that must be provable before the bundle can be made: that of the newest version."""
        return max(self._entry(row.client_id, row.sequence).position for row in self._versions(record))

    def make(self, record: RecordRow, anchor_height: int) -> bytes:
        """[BUN-1] Bundle bytes of all versions of a home record, from the anchor at `anchor_height`.

        Raises NotFoundError HEIGHT_NOT_FOUND for an anchor that is not there, PreconditionError HEIGHT_NOT_FOUND while
        not all is provable yet, or when a version is older than the anchor and this ledger cannot prove it from there.
        """
        versions = self._versions(record)
        entries = [self._entry(row.client_id, row.sequence) for row in versions]
        anchor = anchor_at(self._node, anchor_height)
        proofs = [self._prove(entry, anchor_height) for entry in entries]
        members = [self._prove_registration(entry, anchor_height) for entry in self._registrations(versions)]
        headers = self._headers(anchor, {proof.proof_height for proof in (*proofs, *members)})
        return seal_bundle(
            ProofBundle(
                format=BUNDLE_FORMAT,
                ledger_id=self._node.config.ledger_id,
                headers=headers,
                versions=proofs,
                members=members,
                anchor=anchor,
            )
        )

    def _versions(self, record: RecordRow) -> list[VersionRow]:
        if record.latest_version > MAX_BUNDLE_VERSIONS:
            raise LimitError(Reason.LIMIT_EXCEEDED, "too many versions for one bundle", got=record.latest_version)
        keys = [(HOME, record.record_key, number) for number in range(1, record.latest_version + 1)]
        rows = sorted(self._node.queries.many(VersionRow, keys), key=lambda row: row.version)
        if len(rows) != record.latest_version:
            raise NotFoundError(Reason.RECORD_NOT_FOUND, "a version is missing", got=len(rows))
        return rows

    def _entry(self, client_id: str, sequence: int) -> StoredEntry:
        found = self._node.queries.entries_by_sequence(client_id, KIND_PACKET, [sequence])
        if not found:
            raise NotFoundError(Reason.PACKET_NOT_FOUND, "no entry for the packet", client=client_id, sequence=sequence)
        return found[0]

    def _registrations(self, versions: Sequence[VersionRow]) -> list[StoredEntry]:
        """[BUN-2] Packets that registered the keys these versions are signed with, oldest first.

        The newest registration of each issuer does where it still lists every key; else all of them are taken, since a
        key that was rotated away stands in an older one.
        """
        client_id = versions[-1].client_id
        keys = {_issuer(row) for row in versions}
        newest: list[StoredEntry] = []
        members = sorted({member_id for member_id, _ in keys})
        for member in self._node.queries.many(MemberRow, [(HOME, member_id) for member_id in members]):
            entry = self._announcement(client_id, member)
            if entry is not None:
                listed = MemberRegistration.FromString(member.registration).keys
                keys -= {(member.member_id, key.key_id) for key in listed}
                newest.append(entry)
        if not keys and newest:
            return sorted(newest, key=lambda entry: entry.position)
        sent = self._node.queries.entries_of_port(client_id, KIND_PACKET, MEMBER_PORT, MAX_MEMBER_PACKETS)
        return [entry for entry in sent if _registered(entry) in members]

    def _announcement(self, client_id: str, member: MemberRow) -> StoredEntry | None:
        """The packet of this client that announced a member's registration in force; None where it is not at hand.

        A ledger with several counterparties announces a member to each, and keeps the sequence of the last one only.
        """
        found = self._node.queries.entries_by_sequence(client_id, KIND_PACKET, [member.packet_sequence])
        for entry in found:
            if entry.written.port == MEMBER_PORT and _signed_member(entry).registration == member.registration:
                return entry
        return None

    def _prove(self, entry: StoredEntry, anchor_height: int) -> EntryProof:
        engine = self._node.engine
        height = engine.provable_height(entry.position)
        if not height:
            raise PreconditionError(Reason.HEIGHT_NOT_FOUND, "not provable yet; ask again after the next block")
        # A log proves old entries under new headers too; where a block proves only its own, this refuses.
        run = engine.prove(entry.position, 1, max(height, anchor_height))[0]
        return EntryProof(packet=entry.written.body, proof_height=run.proof_height, proof=run.proof)

    def _prove_registration(self, entry: StoredEntry, anchor_height: int) -> EntryProof:
        """[BUN-4] A registration with its proof, or without one where it is older than the anchor and cannot have it.

        Its authority's signature, whose key the anchor names, is what makes it a registration.
        """
        try:
            return self._prove(entry, anchor_height)
        except PreconditionError:
            if entry.height > anchor_height:
                raise
            return EntryProof(packet=entry.written.body)

    def _headers(self, anchor: TrustAnchor, heights: Iterable[int]) -> list[bytes]:
        """[BUN-3] Updates that lead from the anchor to every height, each verified here as its reader will."""
        rules = self._node.profile
        trusted = verify_anchor(rules, anchor)
        updates: list[bytes] = []
        for height in sorted(set(heights) - {0, anchor.height}):
            while trusted.height < height:
                update, trusted = self._step(trusted, height)
                updates.append(update)
                if len(updates) > MAX_BUNDLE_HEADERS:
                    raise LimitError(Reason.LIMIT_EXCEEDED, "too many headers for one bundle; pin a later anchor")
        return updates

    def _step(self, trusted: ConsensusState, target: int) -> tuple[bytes, ConsensusState]:
        """The longest step towards `target` that the quorum's overlap allows, by bisection (ICS-07)."""
        rules, now = self._node.profile, self._node.clock.now()
        goal = target
        for _ in range(MAX_BISECTION_STEPS):
            update = self._node.engine.update(goal, trusted.height)
            try:
                later = Nanos(max(now, trusted.time))
                state = verify_update(rules, trusted, rules.decode_update(update), _OPEN_ENDED, later, check_signature)
            except VerificationError as error:
                if error.reason not in _TOO_FAR or goal == trusted.height + 1:
                    raise
                goal = (trusted.height + goal + 1) // 2
                continue
            return update, state
        raise BridgeError(Reason.NOT_ENOUGH_TRUST, "no way to the height", got=trusted.height, expected=target)


def _issuer(row: VersionRow) -> tuple[str, str]:
    """Member and key that signed a version."""
    statement = Statement.FromString(RecordPayload.FromString(row.payload).statement)
    return statement.issuer_member_id, statement.issuer_key_id


def _registered(entry: StoredEntry) -> str:
    """Member id that a packet of the member port registers."""
    return MemberRegistration.FromString(_signed_member(entry).registration).member_id


def _signed_member(entry: StoredEntry) -> SignedMember:
    """What a packet of the member port carries."""
    return SignedMember.FromString(Packet.FromString(entry.written.body).payloads[0].value)
