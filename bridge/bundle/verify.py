"""Verifies a proof bundle offline: three separate verdicts from the bundle's bytes, a pinned anchor and a time.

Integrity: the home ledger's quorum committed exactly these versions. Status: what the newest of them says, as of the
height that proves it; a ledger proves inclusion, so a later version that is not in the bundle cannot be excluded.
Identity: the issuer's key was registered by the authority the anchor names. Pure: files and the clock belong to the
caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.cargo.disclosure import verify_disclosure
from bridge.cargo.statement import (
    decode_payload,
    decode_statement,
    record_key_digest,
    statement_digest,
    verify_statement_signature,
)
from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.ports import Suite
from bridge.crypto.suites import check_signature, suite
from bridge.errors import BridgeError, LimitError, NotFoundError, PreconditionError, Reason, VerificationError
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState, Entry, HeaderProfile, TrustOptions
from bridge.light_client.verifier import verify_anchor, verify_update
from bridge.protocol.commitments import packet_commitment
from bridge.protocol.members import decode_registration, decode_signed_member, verify_member_signature
from bridge.protocol.packets import decode_packet, require_payload
from bridge.protocol.paths import packet_path
from bridge.protocol.ports import MEMBER_PORT
from bridge.v1.cargo_pb2 import RECORD_ACT_VOIDED, Leaf, RecordPayload, Statement
from bridge.v1.member_pb2 import MEMBER_ROLE_ISSUER, MEMBER_STATE_REVOKED, MemberRegistration
from bridge.v1.packet_pb2 import Payload
from bridge.v1.proof_pb2 import EntryProof, ProofBundle
from bridge.v1.transaction_pb2 import TrustAnchor
from bridge.wire import decode_strict, encode, nanos_from

BUNDLE_FORMAT = 1
"""The format this module reads; another is refused, never guessed."""

MAX_BUNDLE_BYTES = 8 * 1024 * 1024
"""Largest bundle in bytes: hundreds of versions of the largest record."""

MAX_BUNDLE_HEADERS = 1024
"""Headers in one bundle: a rotation of validators every week for twenty years."""

MAX_BUNDLE_VERSIONS = 1024
"""Versions of one record in one bundle."""

MAX_BUNDLE_MEMBERS = 256
"""Member registrations in one bundle."""

_PINNED = TrustOptions(trusting_period=200 * 366 * 86_400 * NANOS_PER_SECOND)
"""A reader's pinned anchor does not expire by itself: whoever pins it decides how long."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict: `accepted`, a stable code and a sentence for people."""

    accepted: bool
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ProvenVersion:
    """One version that verified: the statement, its disclosed leaves and the height whose header proves it."""

    statement: Statement
    leaves: tuple[Leaf, ...]
    height: int
    proof_time: Nanos


@dataclass(frozen=True, slots=True)
class BundleReport:
    """The three verdicts, and the versions when integrity holds."""

    integrity: Verdict
    status: Verdict
    identity: Verdict
    versions: tuple[ProvenVersion, ...] = ()

    @property
    def accepted(self) -> bool:
        """True when all three verdicts are."""
        return self.integrity.accepted and self.status.accepted and self.identity.accepted


@dataclass(frozen=True, slots=True)
class _Proven:
    """What holds once integrity does: versions with their payloads, registrations with their signatures."""

    versions: tuple[ProvenVersion, ...]
    payloads: tuple[RecordPayload, ...]
    members: tuple[tuple[MemberRegistration, bytes, bytes], ...]


_NOT_JUDGED = Verdict(False, "NOT_JUDGED", "integrity does not hold")


def verify_bundle(data: bytes, anchor: TrustAnchor, now: Nanos) -> BundleReport:
    """[BND] Judge the bundle. Never raises for what is in `data`; each refusal has its reason as the verdict's code."""
    try:
        proven = _verify_integrity(data, anchor, now)
    except BridgeError as error:
        return BundleReport(Verdict(False, str(error.reason), str(error)), _NOT_JUDGED, _NOT_JUDGED)
    newest = proven.versions[-1]
    integrity = Verdict(True, "VERIFIED", f"{len(proven.versions)} version(s) under the quorum of {anchor.ledger_id}")
    try:
        identity = _judge_identity(proven, anchor)
    except BridgeError as error:
        identity = Verdict(False, str(error.reason), str(error))
    return BundleReport(integrity, _judge_status(newest), identity, proven.versions)


def _verify_integrity(data: bytes, anchor: TrustAnchor, now: Nanos) -> _Proven:
    bundle = decode_bundle(data)
    if bundle.anchor != anchor:
        raise VerificationError(Reason.ANCHOR_MISMATCH, "the bundle starts from another anchor than the pinned one")
    rules, home = profile(anchor.profile), suite(anchor.suite)
    if bundle.ledger_id != anchor.ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "another ledger", got=bundle.ledger_id, expected=anchor.ledger_id
        )
    states = _verify_headers(rules, verify_anchor(rules, anchor), bundle.headers, now)
    versions, payloads = _verify_versions(rules, home, states, bundle.versions, anchor.ledger_id)
    members = []
    for item in bundle.members:
        registration, signature = decode_signed_member(_registration(rules, home, states, item))
        members.append((decode_registration(registration), registration, signature))
    return _Proven(versions, payloads, tuple(members))


def decode_bundle(data: bytes) -> ProofBundle:
    """[BND-1] A bundle within its limits whose digest matches; DecodeError, VerificationError BUNDLE_DAMAGED else."""
    bundle = decode_strict(ProofBundle, data, MAX_BUNDLE_BYTES)
    if bundle_digest(bundle) != bundle.digest:
        raise VerificationError(Reason.BUNDLE_DAMAGED, "the file was changed or damaged after it was written")
    if bundle.format != BUNDLE_FORMAT:
        raise VerificationError(Reason.INVALID_FIELD, "unknown format", got=bundle.format, expected=BUNDLE_FORMAT)
    for name, found, most in (
        ("headers", len(bundle.headers), MAX_BUNDLE_HEADERS),
        ("versions", len(bundle.versions), MAX_BUNDLE_VERSIONS),
        ("members", len(bundle.members), MAX_BUNDLE_MEMBERS),
    ):
        if found > most:
            raise LimitError(Reason.LIMIT_EXCEEDED, f"too many {name}", got=found, limit=most)
    if not bundle.versions:
        raise VerificationError(Reason.RECORD_NOT_FOUND, "the bundle holds no version of a record")
    return bundle


def seal_bundle(bundle: ProofBundle) -> bytes:
    """The bundle's bytes with its digest set."""
    bundle.digest = bundle_digest(bundle)
    return encode(bundle)


def bundle_digest(bundle: ProofBundle) -> bytes:
    """SHA-256 over the bundle with an empty digest."""
    bare = ProofBundle()
    bare.CopyFrom(bundle)
    bare.ClearField("digest")
    return hashlib.sha256(encode(bare)).digest()


def _verify_headers(
    rules: HeaderProfile, pinned: ConsensusState, updates: Sequence[bytes], now: Nanos
) -> Mapping[int, ConsensusState]:
    """[BND-2] Every header is verified from the anchor or from an earlier header of the bundle."""
    states = {pinned.height: pinned}
    for update in updates:
        untrusted = rules.decode_update(update)
        if untrusted.trusted_height not in states:
            raise PreconditionError(
                Reason.CONSENSUS_STATE_NOT_FOUND, "a header hangs in the air", trusted_height=untrusted.trusted_height
            )
        state = verify_update(rules, states[untrusted.trusted_height], untrusted, _PINNED, now)
        if states.get(state.height, state).header_hash != state.header_hash:
            raise VerificationError(
                Reason.HEADER_HASH_MISMATCH, "two headers of one height: the ledger signed twice", height=state.height
            )
        states[state.height] = state
    return states


def _verify_entry(
    rules: HeaderProfile, home: Suite, states: Mapping[int, ConsensusState], item: EntryProof, port: str
) -> bytes:
    """[BND-3] The packet's commitment is under a verified header; returns the payload value of the named port."""
    if item.proof_height not in states:
        raise NotFoundError(Reason.CONSENSUS_STATE_NOT_FOUND, "no header for a proof", height=item.proof_height)
    packet = decode_packet(item.packet)
    entry = Entry(packet_path(packet.source_client, packet.sequence), packet_commitment(home.hash, packet))
    rules.verify_membership(states[item.proof_height], item.proof, [entry])
    return _require_port(require_payload(packet), port).value


def _require_port(payload: Payload, port: str) -> Payload:
    if payload.source_port != port:
        raise VerificationError(Reason.PORT_UNKNOWN, "another port", got=payload.source_port, expected=port)
    return payload


def _registration(rules: HeaderProfile, home: Suite, states: Mapping[int, ConsensusState], item: EntryProof) -> bytes:
    """[BND-7] A registration under a verified header, or one without a proof where it is older than the anchor.

    What makes it a registration is the authority's signature, which the identity verdict checks; the anchor names that
    authority. A ledger whose blocks prove only their own entries cannot prove older ones from a newer anchor.
    """
    if item.proof or item.proof_height:
        return _verify_entry(rules, home, states, item, MEMBER_PORT)
    payload = require_payload(decode_packet(item.packet))
    return _require_port(payload, MEMBER_PORT).value


def _verify_versions(
    rules: HeaderProfile,
    home: Suite,
    states: Mapping[int, ConsensusState],
    items: Sequence[EntryProof],
    ledger_id: str,
) -> tuple[tuple[ProvenVersion, ...], tuple[RecordPayload, ...]]:
    """[BND-4] Versions of one record, rising without gaps, each naming the digest of the one before it."""
    versions: list[ProvenVersion] = []
    payloads: list[RecordPayload] = []
    key = digest = b""
    for item in items:
        payload = decode_payload(_verify_entry(rules, home, states, item, "cargo"))
        statement = decode_statement(payload.statement)
        _require_next(versions, statement, ledger_id)
        if versions and statement.previous_digest != digest:
            raise VerificationError(
                Reason.VERSION_CONFLICT, "a version names another predecessor", version=statement.version
            )
        found = record_key_digest(home, statement.key)
        if versions and found != key:
            raise VerificationError(Reason.VERSION_CONFLICT, "versions of two records in one bundle")
        key, digest = found, statement_digest(home, payload.statement)
        root, count = statement.document_root, statement.document_leaf_count
        leaves = verify_disclosure(home, root, count, payload.disclosure)
        state = states[item.proof_height]
        versions.append(ProvenVersion(statement, tuple(leaves), state.height, state.time))
        payloads.append(payload)
    return tuple(versions), tuple(payloads)


def _require_next(versions: Sequence[ProvenVersion], statement: Statement, ledger_id: str) -> None:
    if statement.ledger_id != ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "a statement of another ledger", got=statement.ledger_id, expected=ledger_id
        )
    expected = versions[-1].statement.version + 1 if versions else statement.version
    if statement.version != expected:
        raise VerificationError(Reason.VERSION_GAP, "versions must follow", got=statement.version, expected=expected)


def _judge_status(newest: ProvenVersion) -> Verdict:
    """[BND-5] Voided or not, by the newest version in the bundle; inclusion cannot prove that none follows it."""
    statement = newest.statement
    if statement.act == RECORD_ACT_VOIDED:
        return Verdict(
            False, "RECORD_VOIDED", f"version {statement.version} voids the record at height {newest.height}"
        )
    return Verdict(
        True,
        "IN_FORCE",
        f"version {statement.version} stands and voids nothing; it is proven at height {newest.height}, "
        "and a version after it, even one of before that height, cannot be excluded",
    )


def _judge_identity(proven: _Proven, anchor: TrustAnchor) -> Verdict:
    """[BND-6] Every statement is signed by a key its issuer had registered, under the authority the anchor names.

    A key counts from a registration that gives the issuer's role: what another role may sign is no statement, and what
    an issuer signed stays its own when the role is taken away later.
    """
    registry: dict[str, MemberRegistration] = {}
    keys: dict[tuple[str, str], tuple[str, bytes]] = {}
    authority_suite, authority_key = anchor.authority_suite, anchor.authority_public_key
    for registration, signed, signature in proven.members:
        verify_member_signature(authority_suite, authority_key, anchor.ledger_id, signed, signature, check_signature)
        known = registry.get(registration.member_id)
        if known is None or known.revision < registration.revision:
            registry[registration.member_id] = registration
        if MEMBER_ROLE_ISSUER not in registration.roles:
            continue
        for key in registration.keys:
            keys[(registration.member_id, key.key_id)] = (key.suite, key.public_key)
    for version, payload in zip(proven.versions, proven.payloads, strict=True):
        statement = version.statement
        issuer = registry.get(statement.issuer_member_id)
        pair = keys.get((statement.issuer_member_id, statement.issuer_key_id))
        if issuer is None or pair is None:
            raise VerificationError(Reason.ISSUER_UNKNOWN, "no registered issuer key", got=statement.issuer_member_id)
        _require_not_revoked_before(issuer, statement)
        verify_statement_signature(*pair, anchor.ledger_id, payload, check_signature)
    newest = registry[proven.versions[-1].statement.issuer_member_id]
    names = " / ".join(name.text for name in newest.names)
    return Verdict(True, "VERIFIED", f"{newest.member_id}: {names}" if names else newest.member_id)


def _require_not_revoked_before(issuer: MemberRegistration, statement: Statement) -> None:
    """What an issuer signed before it was revoked stays valid; what it signed after is refused."""
    if issuer.state != MEMBER_STATE_REVOKED:
        return
    revoked = nanos_from(issuer.registration_time, "registration_time")
    if nanos_from(statement.issue_time, "issue_time") >= revoked:
        raise VerificationError(Reason.ISSUER_REVOKED, "signed after the issuer was revoked", got=issuer.member_id)
