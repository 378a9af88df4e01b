"""Members and their keys: decoding a registration, its authority's signature, and the rules from revision to revision.

A member is registered, its keys exchanged and the member revoked by acts of its home authority, each with the next
revision. An act lists the keys that stand after it, so a key is revoked by leaving it out, and never comes back.
Storing members, and asking whether one may act, is left to the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from bridge.cargo.identifiers import require_identifier
from bridge.cargo.names import require_name
from bridge.cargo.schemes import MEMBER_FORM
from bridge.cargo.statement import KEY_ID_FORM, MAX_SIGNATURE_BYTES, require_signature
from bridge.crypto.ports import SignatureCheck
from bridge.crypto.signing import Domain, sign_bytes
from bridge.crypto.suites import suite
from bridge.errors import AlreadyExistsError, DecodeError, LimitError, Reason, VerificationError
from bridge.protocol.paths import require_ledger_id
from bridge.v1.member_pb2 import (
    MEMBER_ROLE_READER,
    MEMBER_STATE_REVOKED,
    MemberRegistration,
    MemberRole,
    SignedMember,
)
from bridge.wire import decode_strict, nanos_from, require_known_enum

MAX_REGISTRATION_BYTES = 16 * 1024
"""Largest registration in bytes: every list at its limit."""

MAX_SIGNED_BYTES = MAX_REGISTRATION_BYTES + MAX_SIGNATURE_BYTES + 16

MAX_REVISION = 2**31 - 1
"""Highest revision, so that every store can hold it as an integer."""

MAX_KEYS = 16
MAX_NAMES = 6
MAX_IDENTIFIERS = 16
"""Most keys, names and identifiers of one member: a platform has a key a machine, a firm a number a register."""

_ROLES = frozenset(MemberRole.values()) - {0}


class MemberView(Protocol):
    """What a stored member tells; the ledger's row fits as it is."""

    @property
    def revision(self) -> int:
        """Newest revision."""
        ...

    @property
    def registration(self) -> bytes:
        """The registration bytes of that revision."""
        ...


class KeyView(Protocol):
    """What a stored key tells; the ledger's row fits as it is."""

    @property
    def key_id(self) -> str:
        """Id of the key."""
        ...

    @property
    def suite(self) -> str:
        """Suite id."""
        ...

    @property
    def public_key(self) -> bytes:
        """Raw public key."""
        ...

    @property
    def revoked(self) -> bool:
        """True when it no longer signs."""
        ...


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key as it is to be stored after an act."""

    key_id: str
    suite: str
    public_key: bytes
    revoked: bool


def decode_signed_member(data: bytes) -> tuple[bytes, bytes]:
    """[MEM-1] The registration's bytes and their signature, both present; DecodeError or LimitError otherwise."""
    signed = decode_strict(SignedMember, data, MAX_SIGNED_BYTES)
    if not signed.registration:
        raise DecodeError(Reason.FIELD_REQUIRED, "a signed member carries a registration", field="registration")
    return signed.registration, require_signature(signed.signature, "a registration is signed by its authority")


def decode_registration(data: bytes) -> MemberRegistration:
    """[MEM-2] A registration with every field in its form. Form only: nothing is looked up.

    Raises DecodeError MALFORMED_MESSAGE, FIELD_REQUIRED, INVALID_FIELD, INVALID_IDENTIFIER, CHECK_DIGIT_WRONG,
    SCHEME_UNKNOWN, INVALID_PUBLIC_KEY, LimitError LIMIT_EXCEEDED, and PreconditionError SUITE_UNAVAILABLE.
    """
    registration = decode_strict(MemberRegistration, data, MAX_REGISTRATION_BYTES)
    require_ledger_id(registration.ledger_id)
    require_member_id(registration.member_id)
    if not 1 <= registration.revision <= MAX_REVISION:
        raise DecodeError(Reason.INVALID_FIELD, "revisions count from 1", field="revision", got=registration.revision)
    require_known_enum(registration, "state")
    if not registration.HasField("registration_time"):
        raise DecodeError(Reason.FIELD_REQUIRED, "a registration names its time", field="registration_time")
    nanos_from(registration.registration_time, "registration_time")
    for field, most in (("names", MAX_NAMES), ("identifiers", MAX_IDENTIFIERS), ("keys", MAX_KEYS)):
        count = len(getattr(registration, field))
        if count > most:
            raise LimitError(Reason.LIMIT_EXCEEDED, f"more than {most} {field}", field=field, got=count, limit=most)
    _require_roles(registration)
    for name in registration.names:
        require_name(name.script, name.text)
    for identifier in registration.identifiers:
        require_identifier(identifier.scheme, identifier.value)
    _require_keys(registration)
    return registration


def require_member_id(member_id: str, field: str = "member_id") -> str:
    """[MEM-3] A member id is an RFC 1034 label in lower case, 1 to 63 characters; DecodeError INVALID_IDENTIFIER."""
    if MEMBER_FORM.fullmatch(member_id) is None:
        raise DecodeError(Reason.INVALID_IDENTIFIER, "not a member id", field=field, got=member_id[:80])
    return member_id


def require_key_id(key_id: str, field: str = "key_id") -> str:
    """[MEM-3] A key id has 1 to 64 characters of `a-z 0-9 . _ -`, first and last no mark; DecodeError
    INVALID_IDENTIFIER.
    """
    if KEY_ID_FORM.fullmatch(key_id) is None:
        raise DecodeError(Reason.INVALID_IDENTIFIER, "not a key id", field=field, got=key_id[:80])
    return key_id


def member_sign_bytes(ledger_id: str, registration: bytes) -> bytes:
    """[MEM-6] What an authority signs: domain tag, its ledger id and the registration's exact bytes."""
    return sign_bytes(Domain.MEMBER, ledger_id, registration)


def verify_member_signature(
    suite_id: str, public_key: bytes, ledger_id: str, registration: bytes, signature: bytes, check: SignatureCheck
) -> MemberRegistration:
    """[MEM-6] The registration that the authority of `ledger_id` signed for a member of its own ledger.

    Raises what `decode_registration` does, and VerificationError LEDGER_ID_MISMATCH or SIGNATURE_INVALID.
    """
    decoded = decode_registration(registration)
    if decoded.ledger_id != ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "member of another ledger", got=decoded.ledger_id, expected=ledger_id
        )
    check(suite_id, public_key, sign_bytes(Domain.MEMBER, ledger_id, registration), signature)
    return decoded


def plan_member(
    registration: MemberRegistration, body: bytes, standing: MemberView | None, keys: Iterable[KeyView]
) -> tuple[KeyChange, ...] | None:
    """[MEM-7] The keys to store for a verified registration, or None when it stands already.

    `body` is the registration's bytes, `keys` every key the member ever had. AlreadyExistsError REVISION_CONFLICT
    when it is not the next revision, INVALID_PUBLIC_KEY when a key id or a key is used a second time.
    """
    if standing is not None and standing.registration == body:
        return None
    expected = 1 + (standing.revision if standing is not None else 0)
    if registration.revision != expected:
        raise AlreadyExistsError(
            Reason.REVISION_CONFLICT, "not the member's next revision", got=registration.revision, expected=expected
        )
    return _plan_keys(registration, tuple(keys))


def _plan_keys(registration: MemberRegistration, known: tuple[KeyView, ...]) -> tuple[KeyChange, ...]:
    """[MEM-8] A key id names one key for ever; a revoked key does not return, under its own id or another."""
    by_id = {key.key_id: key for key in known}
    by_key = {(key.suite, key.public_key): key for key in known}
    changes: list[KeyChange] = []
    for key in registration.keys:
        same_id, same_key = by_id.get(key.key_id), by_key.get((key.suite, key.public_key))
        if same_id is None and same_key is None:
            changes.append(KeyChange(key.key_id, key.suite, key.public_key, revoked=False))
        elif same_id is None or same_key is not same_id or same_id.revoked:
            raise AlreadyExistsError(
                Reason.INVALID_PUBLIC_KEY, "a key id or a key is used a second time", key_id=key.key_id
            )
    kept = {key.key_id for key in registration.keys}
    changes += [
        KeyChange(key.key_id, key.suite, key.public_key, revoked=True)
        for key in known
        if key.key_id not in kept and not key.revoked
    ]
    return tuple(changes)


def _require_roles(registration: MemberRegistration) -> None:
    """[MEM-4] Known roles, each once; a registered member has one at least, or it could do nothing."""
    roles = list(registration.roles)
    if len(set(roles)) != len(roles) or not _ROLES.issuperset(roles):
        raise DecodeError(Reason.INVALID_FIELD, "roles are known and each named once", field="roles")
    if not roles and registration.state != MEMBER_STATE_REVOKED:
        raise DecodeError(Reason.FIELD_REQUIRED, "a registered member has a role", field="roles")


def _require_keys(registration: MemberRegistration) -> None:
    """[MEM-5] Keys that may be registered, with distinct ids and values; none on a revoked member.

    Whoever signs needs a key; a member that only reads is known by its certificate and needs none.
    """
    keys = registration.keys
    if registration.state == MEMBER_STATE_REVOKED:
        if keys:
            raise DecodeError(Reason.INVALID_FIELD, "a revoked member keeps no key", field="keys")
        return
    if not keys and set(registration.roles) != {MEMBER_ROLE_READER}:
        raise DecodeError(Reason.FIELD_REQUIRED, "a member that signs has a key", field="keys")
    for key in keys:
        require_key_id(key.key_id)
        suite(key.suite).decode_public_key(key.public_key)
    if len({key.key_id for key in keys}) != len(keys):
        raise DecodeError(Reason.INVALID_FIELD, "key ids are unique within a member", field="keys")
    if len({(key.suite, key.public_key) for key in keys}) != len(keys):
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "one key stands under two ids", field="keys")
