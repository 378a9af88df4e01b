"""Mappings of identifiers between the two sides: decoding, signatures, and the rules that keep them one to one.

A mapping says that a home identifier and a counterparty identifier name the same thing. An authority registers and
revokes it; both ledgers hold it, the one as its own and the other as relayed. A conflict is an error and never an
overwrite. Every act writes two halves, one for each direction, whose revision rises above whatever either identifier
had before: so old signed bytes can never be played again, even after the identifier was mapped elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bridge.cargo.commodities import subheading
from bridge.cargo.identifiers import require_identifier
from bridge.cargo.schemes import SCHEMES, Kind
from bridge.cargo.statement import LEDGER_ID_FORM, require_signature
from bridge.crypto.ports import SignatureCheck
from bridge.crypto.signing import Domain, sign_bytes
from bridge.errors import AlreadyExistsError, DecodeError, NotFoundError, Reason, VerificationError
from bridge.v1.identifier_pb2 import (
    MAPPING_STATE_REGISTERED,
    MAPPING_STATE_REVOKED,
    Identifier,
    Mapping,
    SignedMapping,
)
from bridge.wire import decode_strict, encode, nanos_from, require_known_enum

MAX_MAPPING_BYTES = 1_024
"""Largest signed mapping in bytes: two identifiers of 100 characters, ids and a signature."""

MAX_REVISION = 2**31 - 1
"""Highest revision, so that every store can hold it as an integer."""

HOME_ORIGIN = ""
"""Origin of what this ledger's own authority wrote."""

HOME_SIDE = "home"
COUNTERPARTY_SIDE = "counterparty"
_OTHER_SIDE = {HOME_SIDE: COUNTERPARTY_SIDE, COUNTERPARTY_SIDE: HOME_SIDE}


class MappingView(Protocol):
    """What a stored half of a mapping tells; the ledger's row fits as it is."""

    @property
    def other_scheme(self) -> str:
        """Scheme it resolves to."""
        ...

    @property
    def other_value(self) -> str:
        """Value it resolves to."""
        ...

    @property
    def revision(self) -> int:
        """Revision of the act that wrote it."""
        ...

    @property
    def state(self) -> int:
        """MappingState number."""
        ...

    @property
    def origin(self) -> str:
        """Empty for this ledger's own authority, else the client it was relayed through."""
        ...

    @property
    def mapping(self) -> bytes:
        """The Mapping bytes of the act."""
        ...


@dataclass(frozen=True, slots=True)
class MappingHalf:
    """One direction of a mapping, to be stored under (side, scheme, value).

    `side` is "home" where the left identifier is this ledger's form, "counterparty" where it is the other ledger's.
    """

    side: str
    scheme: str
    value: str
    other_scheme: str
    other_value: str
    revision: int
    state: int
    origin: str
    mapping: bytes


Lookup = Callable[[str, str, str], MappingView | None]
"""(side, scheme, value) -> the stored half, or None."""


def decode_signed_mapping(data: bytes) -> tuple[bytes, bytes]:
    """[MAP-1] The mapping's bytes and their signature, both present; DecodeError or LimitError otherwise."""
    signed = decode_strict(SignedMapping, data, MAX_MAPPING_BYTES)
    if not signed.mapping:
        raise DecodeError(Reason.FIELD_REQUIRED, "a signed mapping carries a mapping", field="mapping")
    return signed.mapping, require_signature(signed.signature, "a mapping is signed by its authority")


def decode_mapping(data: bytes) -> Mapping:
    """[MAP-2] A mapping between two valid identifiers that may name the same thing.

    Both name things of one kind; they differ; commodity codes lie in one HS subheading, so that nobody maps one good to
    another. Raises DecodeError MALFORMED_MESSAGE, FIELD_REQUIRED, INVALID_FIELD, INVALID_IDENTIFIER, CHECK_DIGIT_WRONG,
    SCHEME_UNKNOWN.
    """
    mapping = decode_strict(Mapping, data, MAX_MAPPING_BYTES)
    if not LEDGER_ID_FORM.fullmatch(mapping.ledger_id):
        raise DecodeError(Reason.INVALID_IDENTIFIER, "not a ledger id", field="ledger_id")
    if not 1 <= mapping.revision <= MAX_REVISION:
        raise DecodeError(Reason.INVALID_FIELD, "revisions count from 1", field="revision", got=mapping.revision)
    require_known_enum(mapping, "state")
    if not mapping.HasField("registration_time"):
        raise DecodeError(Reason.FIELD_REQUIRED, "a mapping names its time", field="registration_time")
    nanos_from(mapping.registration_time, "registration_time")
    home, counterparty = mapping.home, mapping.counterparty
    require_identifier(home.scheme, home.value)
    require_identifier(counterparty.scheme, counterparty.value)
    if (home.scheme, home.value) == (counterparty.scheme, counterparty.value):
        raise DecodeError(Reason.INVALID_FIELD, "an identifier needs no mapping to itself", field="counterparty")
    kind = SCHEMES[home.scheme].kind
    if kind is not SCHEMES[counterparty.scheme].kind:
        raise DecodeError(Reason.INVALID_FIELD, "the two name things of different kinds", field="counterparty")
    if kind is Kind.COMMODITY and subheading(home.scheme, home.value) != subheading(*_pair(counterparty)):
        raise DecodeError(Reason.INVALID_FIELD, "the two are in different HS subheadings", field="counterparty")
    return mapping


def mapping_sign_bytes(ledger_id: str, mapping: bytes) -> bytes:
    """[MAP-3] What an authority signs: domain tag, its ledger id and the mapping's exact bytes."""
    return sign_bytes(Domain.MAPPING, ledger_id, mapping)


def verify_mapping_signature(
    suite_id: str, public_key: bytes, ledger_id: str, mapping: bytes, signature: bytes, check: SignatureCheck
) -> Mapping:
    """[MAP-3] The mapping that the authority of `ledger_id` signed for its own ledger.

    Raises what `decode_mapping` does, and VerificationError LEDGER_ID_MISMATCH or SIGNATURE_INVALID.
    """
    decoded = decode_mapping(mapping)
    if decoded.ledger_id != ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "mapping of another ledger", got=decoded.ledger_id, expected=ledger_id
        )
    check(suite_id, public_key, sign_bytes(Domain.MAPPING, ledger_id, mapping), signature)
    return decoded


def plan_mapping(mapping: Mapping, lookup: Lookup, *, origin: str = HOME_ORIGIN) -> tuple[MappingHalf, ...]:
    """[MAP-4] The halves to store for a verified mapping, or none when nothing changes.

    `origin` is empty for this ledger's own authority, else the client it came through; then its home identifier is the
    other ledger's form. Raises AlreadyExistsError MAPPING_CONFLICT (an identifier is mapped elsewhere, or the pair
    belongs to the other authority) or REVISION_CONFLICT, and NotFoundError MAPPING_NOT_FOUND for revoking what does
    not stand.
    """
    body = encode(mapping)
    side = COUNTERPARTY_SIDE if origin else HOME_SIDE
    home, counterparty = _pair(mapping.home), _pair(mapping.counterparty)
    ends = (
        _End(side, home, counterparty, lookup(side, *home)),
        _End(_OTHER_SIDE[side], counterparty, home, lookup(_OTHER_SIDE[side], *counterparty)),
    )
    if all(end.half is not None and end.half.mapping == body and end.half.origin == origin for end in ends):
        return ()
    stands = all(end.stands for end in ends)
    if stands and mapping.state == MAPPING_STATE_REGISTERED and all(end.is_of_another(origin) for end in ends):
        # Both authorities registered the same pair on their own: they agree, and the first act stands.
        return ()
    if origin:
        return _plan_relayed(mapping, body, ends, lookup, origin)
    if mapping.state == MAPPING_STATE_REVOKED:
        _require_own_pair(ends)
    else:
        _require_free(ends)
    expected = 1 + max((end.half.revision for end in ends if end.half is not None), default=0)
    if mapping.revision != expected:
        raise AlreadyExistsError(
            Reason.REVISION_CONFLICT, "not the next revision of both", got=mapping.revision, expected=expected
        )
    return tuple(_half(end, mapping, origin, body) for end in ends)


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a mapping: the identifier on its side, the one it shall resolve to, and what is stored of it."""

    side: str
    pair: tuple[str, str]
    other: tuple[str, str]
    half: MappingView | None

    @property
    def stands(self) -> bool:
        """True when it is registered with this very other."""
        return self.half is not None and self.half.state == MAPPING_STATE_REGISTERED and _other(self.half) == self.other

    @property
    def is_taken(self) -> bool:
        """True when it is registered with a third one."""
        return self.half is not None and self.half.state == MAPPING_STATE_REGISTERED and _other(self.half) != self.other

    def is_of_another(self, origin: str) -> bool:
        """True when the other authority wrote what is stored."""
        return self.half is not None and self.half.origin != origin

    def has_moved_on(self, origin: str, revision: int) -> bool:
        """True when a later act of the same authority is stored."""
        return self.half is not None and self.half.origin == origin and self.half.revision >= revision


def _require_free(ends: tuple[_End, _End]) -> None:
    """[MAP-5] Neither identifier is registered with a third one: one to one, or not at all."""
    for end in ends:
        if end.half is not None and end.is_taken:
            raise AlreadyExistsError(
                Reason.MAPPING_CONFLICT, "identifier is mapped to another", standing=":".join(_other(end.half))
            )


def _require_own_pair(ends: tuple[_End, _End]) -> None:
    """[MAP-6] Only a pair that stands is revoked, and only by the authority that registered it."""
    if not all(end.stands for end in ends):
        raise NotFoundError(Reason.MAPPING_NOT_FOUND, "no such mapping stands")
    if any(end.is_of_another(HOME_ORIGIN) for end in ends):
        raise AlreadyExistsError(Reason.MAPPING_CONFLICT, "the other ledger's authority registered this mapping")


def _plan_relayed(
    mapping: Mapping, body: bytes, ends: tuple[_End, _End], lookup: Lookup, origin: str
) -> tuple[MappingHalf, ...]:
    """[MAP-10] Acts of the other authority converge in any order and with gaps, since its ledger proved their sequence.

    An end that a later act reached already stays as it is. What this ledger's own authority wrote is never overwritten
    while it stands, nor under an equal or lower revision. An end that moves on leaves the identifier it was
    registered with before without a mapping: at home a revocation came in between, and it is still on its way.
    """
    fresh = [end for end in ends if not end.has_moved_on(origin, mapping.revision)]
    if mapping.state == MAPPING_STATE_REGISTERED and len(fresh) < len(ends):
        _require_no_second_reading(mapping.revision, body, ends, origin)
        return ()
    halves = [_half(end, mapping, origin, body) for end in fresh]
    for end in fresh:
        if end.half is None:
            continue
        if end.half.origin != origin:
            if end.half.state == MAPPING_STATE_REGISTERED:
                raise AlreadyExistsError(
                    Reason.MAPPING_CONFLICT, "this ledger's authority mapped it", standing=":".join(_other(end.half))
                )
            if end.half.revision >= mapping.revision:
                raise AlreadyExistsError(
                    Reason.REVISION_CONFLICT, "below what stands", got=mapping.revision, above=end.half.revision
                )
        elif end.is_taken:
            left = lookup(_OTHER_SIDE[end.side], *_other(end.half))
            if left is not None and left.origin == origin and _other(left) == end.pair:
                halves.append(_released(_OTHER_SIDE[end.side], _other(end.half), left))
    return tuple(halves)


def _require_no_second_reading(revision: int, body: bytes, ends: tuple[_End, _End], origin: str) -> None:
    """[MAP-10] One revision of one pair has one content; two are a fault of the other ledger, and are shown."""
    for end in ends:
        half = end.half
        if half is None or half.origin != origin or half.revision != revision or _other(half) != end.other:
            continue
        if half.mapping != body:
            raise AlreadyExistsError(Reason.REVISION_CONFLICT, "the revision stands with another content", got=revision)


def _half(end: _End, mapping: Mapping, origin: str, body: bytes) -> MappingHalf:
    return MappingHalf(end.side, *end.pair, *end.other, mapping.revision, mapping.state, origin, body)


def _released(side: str, pair: tuple[str, str], half: MappingView) -> MappingHalf:
    """A half without effect, under the revision it had, so that the revocation on its way is still taken."""
    return MappingHalf(side, *pair, *_other(half), half.revision, MAPPING_STATE_REVOKED, half.origin, half.mapping)


def _other(half: MappingView) -> tuple[str, str]:
    return half.other_scheme, half.other_value


def _pair(identifier: Identifier) -> tuple[str, str]:
    return identifier.scheme, identifier.value
