"""What a counterparty's authority says about members and identifiers: registrations and mappings, rightly signed.

Every field may be overridden, and another key may sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.conformance.counterparty.seeded import fresh_signer
from bridge.crypto.ports import Signer
from bridge.crypto.signing import Domain, sign_bytes
from bridge.v1.identifier_pb2 import MAPPING_STATE_REGISTERED, Identifier, Mapping, SignedMapping
from bridge.v1.member_pb2 import (
    MEMBER_ROLE_ISSUER,
    MEMBER_STATE_REGISTERED,
    MemberKey,
    MemberRegistration,
    SignedMember,
)
from bridge.wire import encode, timestamp_of


@dataclass(frozen=True, slots=True)
class Issuer:
    """A member that signs statements: where it is at home, what it is called, and its key."""

    ledger_id: str
    member_id: str
    key_id: str
    signer: Signer

    @property
    def key(self) -> MemberKey:
        """The key as a registration lists it."""
        return MemberKey(key_id=self.key_id, suite=self.signer.suite_id, public_key=self.signer.public_key)


def make_issuer(ledger_id: str, suite_id: str, member_id: str = "carrier", key_id: str = "k1") -> Issuer:
    """An issuer with a fresh key."""
    return Issuer(ledger_id, member_id, key_id, fresh_signer(suite_id))


def registration(issuer: Issuer, time: int, *, roles: Sequence[int] = (MEMBER_ROLE_ISSUER,), **over: Any) -> bytes:
    """MemberRegistration bytes of an issuer with its one key; `over` replaces fields of the message."""
    fields: dict[str, Any] = {
        "ledger_id": issuer.ledger_id,
        "member_id": issuer.member_id,
        "revision": 1,
        "state": MEMBER_STATE_REGISTERED,
        "roles": roles,
        "keys": [issuer.key],
        "registration_time": timestamp_of(time),
    }
    return encode(MemberRegistration(**(fields | over)))


def sign_registration(authority: Signer, ledger_id: str, body: bytes) -> bytes:
    """SignedMember bytes of a registration."""
    signature = authority.sign(sign_bytes(Domain.MEMBER, ledger_id, body))
    return encode(SignedMember(registration=body, signature=signature))


def sign_mapping(
    authority: Signer, ledger_id: str, home: tuple[str, str], counterparty: tuple[str, str], time: int, **over: Any
) -> bytes:
    """SignedMapping bytes of a pair of (scheme, value); `over` replaces fields of the Mapping."""
    fields: dict[str, Any] = {
        "ledger_id": ledger_id,
        "revision": 1,
        "state": MAPPING_STATE_REGISTERED,
        "home": Identifier(scheme=home[0], value=home[1]),
        "counterparty": Identifier(scheme=counterparty[0], value=counterparty[1]),
        "registration_time": timestamp_of(time),
    }
    body = encode(Mapping(**(fields | over)))
    signature = authority.sign(sign_bytes(Domain.MAPPING, ledger_id, body))
    return encode(SignedMapping(mapping=body, signature=signature))
