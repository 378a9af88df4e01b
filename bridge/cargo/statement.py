"""Statements at the door: bytes become a validated Statement, digests are taken of bytes, signatures are checked over
them.

A statement is hashed and signed as the bytes that travel, and those bytes have one reading (`bridge.wire`). What
comes out of `decode_statement` is the protobuf message itself, to be read and never written again. Whether the issuer
is known, the version follows and the leaves belong to the root is for others to say.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from functools import lru_cache

from bridge.cargo.identifiers import require_identifier
from bridge.cargo.leaves import MAX_LEAVES
from bridge.cargo.names import require_name
from bridge.cargo.record_ids import parse_record_id
from bridge.cargo.schemes import ISSUER_SCHEMES, MEMBER_FORM
from bridge.crypto.ports import SignatureCheck, Suite
from bridge.crypto.signing import Domain, sign_bytes
from bridge.errors import DecodeError, LimitError, Reason
from bridge.v1.cargo_pb2 import (
    RECORD_ACT_ISSUED,
    Facts,
    LegalBasisKind,
    Party,
    Place,
    RecordAct,
    RecordKey,
    RecordPayload,
    RecordType,
    Statement,
)
from bridge.v1.identifier_pb2 import Identifier
from bridge.wire import decode_strict, encode, nanos_from, require_length, require_text

MAX_STATEMENT_BYTES = 64 * 1024
"""Largest statement in bytes: every list at its limit with ordinary values stays below it."""

MAX_PAYLOAD_BYTES = 768 * 1024
"""Largest record payload in bytes: a document of 4,000 leaves disclosed whole, and still one delivery of 1 MiB."""

MAX_SIGNATURE_BYTES = 96
"""Longest signature in bytes: DER of two 32-byte numbers is 72, Ed25519 is 64."""

MAX_VERSION = 2**31 - 1
"""Highest version number, so that every store can hold it as an integer."""

MAX_PARTIES = 32
MAX_NAMES = 6
MAX_PARTY_IDENTIFIERS = 16
MAX_PLACES = 32
MAX_VESSEL_IDENTIFIERS = 4
MAX_EQUIPMENT = 1_000
MAX_COMMODITY_CODES = 1_000
MAX_DATES = 64
MAX_REFERENCES = 256
"""Most entries of each list of facts: above the fullest published documents, and together within a statement's bytes.
"""

MAX_REFERENCE_CHARACTERS = 100
MAX_CITATION_CHARACTERS = 200
MAX_VESSEL_NAME_CHARACTERS = 50
MAX_VOYAGE_CHARACTERS = 50
MAX_PLACE_NAME_CHARACTERS = 100
"""Longest texts in characters, as DCSA limits them."""

CHECKED_FORMS = 8_192
"""Parties, places and short texts whose validity is remembered, of each: they repeat from record to record."""

MAX_CHECKED_BYTES = 1_024
"""Longest message that is remembered, in bytes, so that memory is bounded at 8 MiB a kind."""

DIGEST_BYTES = 32

LEDGER_ID_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,49}", re.ASCII)
"""2 to 50 characters, as CometBFT limits a chain id; the rule of ledger ids everywhere."""

KEY_ID_FORM = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
_CODE_FORM = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_DATE_FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))?",
    re.ASCII,
)
_MAX_CODE_CHARACTERS = 40

_TYPES = frozenset(RecordType.values()) - {0}
_ACTS = frozenset(RecordAct.values()) - {0}
_LEGAL_BASES = frozenset(LegalBasisKind.values()) - {0}


def decode_payload(data: bytes) -> RecordPayload:
    """[REC-1] The value of a cargo packet: statement and signature present, disclosure left to its own rules.

    Raises DecodeError MALFORMED_MESSAGE, FIELD_REQUIRED, INVALID_IDENTIFIER (home record id), LimitError
    LIMIT_EXCEEDED.
    """
    payload = decode_strict(RecordPayload, data, MAX_PAYLOAD_BYTES)
    if not payload.statement:
        raise DecodeError(Reason.FIELD_REQUIRED, "a payload carries a statement", field="statement")
    require_signature(payload.signature, "a payload carries its issuer's signature")
    if payload.home_record_id:
        parse_record_id(payload.home_record_id)
    return payload


def require_signature(signature: bytes, otherwise: str) -> bytes:
    """The signature itself when there is one, no longer than a suite's can be.

    Raises DecodeError FIELD_REQUIRED, saying `otherwise`, or LimitError LIMIT_EXCEEDED.
    """
    if not signature:
        raise DecodeError(Reason.FIELD_REQUIRED, otherwise, field="signature")
    if len(signature) > MAX_SIGNATURE_BYTES:
        raise LimitError(Reason.LIMIT_EXCEEDED, "signature is too long", got=len(signature))
    return signature


def decode_statement(data: bytes) -> Statement:
    """[REC-2] A statement with every field in its form. Form only: nothing is looked up.

    Raises DecodeError MALFORMED_MESSAGE, FIELD_REQUIRED, INVALID_FIELD, INVALID_IDENTIFIER, CHECK_DIGIT_WRONG,
    SCHEME_UNKNOWN, and LimitError LIMIT_EXCEEDED. Warnings on identifiers refuse nothing here.
    """
    statement = decode_strict(Statement, data, MAX_STATEMENT_BYTES)
    if not LEDGER_ID_FORM.fullmatch(statement.ledger_id):
        raise DecodeError(Reason.INVALID_IDENTIFIER, "not a ledger id", field="ledger_id")
    require_record_key(statement.key)
    _require_version(statement)
    if len(statement.document_root) != DIGEST_BYTES:
        require_length(statement.document_root, "document_root", DIGEST_BYTES)
    if not 1 <= statement.document_leaf_count <= MAX_LEAVES:
        raise LimitError(
            Reason.LIMIT_EXCEEDED, "document_leaf_count", got=statement.document_leaf_count, limit=MAX_LEAVES
        )
    if not MEMBER_FORM.fullmatch(statement.issuer_member_id):
        raise DecodeError(Reason.INVALID_IDENTIFIER, "not a member id", field="issuer_member_id")
    if not KEY_ID_FORM.fullmatch(statement.issuer_key_id):
        raise DecodeError(Reason.INVALID_IDENTIFIER, "not a key id", field="issuer_key_id")
    if not statement.HasField("issue_time"):
        raise DecodeError(Reason.FIELD_REQUIRED, "a statement names its issue time", field="issue_time")
    nanos_from(statement.issue_time, "issue_time")
    basis = statement.legal_basis
    if basis.kind not in _LEGAL_BASES:
        raise DecodeError(
            Reason.INVALID_FIELD, "a statement names its legal basis", field="legal_basis", got=basis.kind
        )
    _require_text(basis.citation, "citation", MAX_CITATION_CHARACTERS, 1)
    if not statement.HasField("facts"):
        raise DecodeError(Reason.FIELD_REQUIRED, "a statement carries facts, if empty ones", field="facts")
    _require_facts(statement.facts)
    return statement


def require_record_key(key: RecordKey) -> RecordKey:
    """[REC-3] The key when each part is in its form: issuer in a scheme that may name issuers, type, references."""
    if key.issuer_scheme not in ISSUER_SCHEMES:
        raise DecodeError(
            Reason.INVALID_IDENTIFIER, "no scheme that may name an issuer", scheme=key.issuer_scheme[:100]
        )
    require_identifier(key.issuer_scheme, key.issuer)
    if key.type not in _TYPES:
        raise DecodeError(Reason.INVALID_FIELD, "type has no known value", field="type", got=key.type)
    require_identifier("reference:other", key.reference)
    if key.sub_reference:
        require_identifier("reference:other", key.sub_reference)
    return key


def record_key_digest(suite: Suite, key: RecordKey) -> bytes:
    """[REC-4] 32-byte name of a record: the hash of the key's bytes, with the suite of its home ledger."""
    return suite.hash(encode(key))


def statement_digest(suite: Suite, statement: bytes) -> bytes:
    """[REC-5] Digest that the next version names: the hash of the bytes as signed, with the home ledger's suite."""
    return suite.hash(statement)


def statement_sign_bytes(ledger_id: str, statement: bytes) -> bytes:
    """[REC-6] What an issuer signs: domain tag, home ledger id and the statement's exact bytes."""
    return sign_bytes(Domain.STATEMENT, ledger_id, statement)


def verify_statement_signature(
    suite_id: str, public_key: bytes, ledger_id: str, payload: RecordPayload, check: SignatureCheck
) -> bytes:
    """[REC-6] The statement bytes, signed by the key for that ledger; VerificationError SIGNATURE_INVALID otherwise."""
    check(suite_id, public_key, sign_bytes(Domain.STATEMENT, ledger_id, payload.statement), payload.signature)
    return payload.statement


def _require_version(statement: Statement) -> None:
    """[REC-7] Version 1 is the one that issues and names no other; every later one names its predecessor's digest."""
    version = statement.version
    if not 1 <= version <= MAX_VERSION:
        raise DecodeError(Reason.INVALID_FIELD, "versions count from 1", field="version", got=version)
    if statement.act not in _ACTS:
        raise DecodeError(Reason.INVALID_FIELD, "act has no known value", field="act", got=statement.act)
    if (statement.act == RECORD_ACT_ISSUED) != (version == 1):
        raise DecodeError(Reason.INVALID_FIELD, "version 1 issues, and no other", field="act", version=version)
    require_length(statement.previous_digest, "previous_digest", 0 if version == 1 else DIGEST_BYTES)


def _require_facts(facts: Facts) -> None:
    _require_count(facts.parties, "parties", MAX_PARTIES)
    for party in facts.parties:
        form = party.SerializeToString()
        if form not in _PARTIES:
            _require_party(party)
            _PARTIES.add(form)
    _require_count(facts.places, "places", MAX_PLACES)
    for place in facts.places:
        form = place.SerializeToString()
        if form not in _PLACES:
            _require_place(place)
            _PLACES.add(form)
    _require_text(facts.vessel_name, "vessel_name", MAX_VESSEL_NAME_CHARACTERS, 0)
    _require_text(facts.voyage, "voyage", MAX_VOYAGE_CHARACTERS, 0)
    _require_identifiers(facts.vessel_identifiers, "vessel_identifiers", MAX_VESSEL_IDENTIFIERS)
    _require_identifiers(facts.equipment, "equipment", MAX_EQUIPMENT)
    _require_identifiers(facts.commodity_codes, "commodity_codes", MAX_COMMODITY_CODES)
    _require_identifiers(facts.references, "references", MAX_REFERENCES)
    _require_count(facts.dates, "dates", MAX_DATES)
    for fact_date in facts.dates:
        _require_date(fact_date.meaning, fact_date.text)


def _require_party(party: Party) -> None:
    """[REC-8] A party has a role, and a name or an identifier; one name a script at most would lose former names."""
    _require_code(party.role, "role")
    if not party.names and not party.identifiers:
        raise DecodeError(Reason.FIELD_REQUIRED, "a party has a name or an identifier", field="parties")
    _require_count(party.names, "names", MAX_NAMES)
    for name in party.names:
        require_name(name.script, name.text)
    _require_identifiers(party.identifiers, "identifiers", MAX_PARTY_IDENTIFIERS)


def _require_place(place: Place) -> None:
    """[REC-8] A place has a role, and a name or an identifier."""
    _require_code(place.role, "role")
    _require_text(place.name, "name", MAX_PLACE_NAME_CHARACTERS, 0)
    if place.HasField("identifier"):
        require_identifier(place.identifier.scheme, place.identifier.value)
    elif not place.name:
        raise DecodeError(Reason.FIELD_REQUIRED, "a place has a name or an identifier", field="places")


def _require_identifiers(identifiers: Collection[Identifier], field: str, most: int) -> None:
    _require_count(identifiers, field, most)
    for identifier in identifiers:
        require_identifier(identifier.scheme, identifier.value)


def _require_count(entries: Collection[object], field: str, most: int) -> None:
    if len(entries) > most:
        raise LimitError(Reason.LIMIT_EXCEEDED, f"more than {most} {field}", field=field, got=len(entries), limit=most)


@lru_cache(maxsize=CHECKED_FORMS)
def _require_text(text: str, field: str, most: int, least: int) -> None:
    require_text(text, field, most=most, least=least)


@lru_cache(maxsize=1_024)
def _require_code(text: str, field: str) -> None:
    if len(text) > _MAX_CODE_CHARACTERS or not _CODE_FORM.fullmatch(text):
        raise DecodeError(
            Reason.INVALID_FIELD, "a code is lower-case words joined by hyphens", field=field, got=text[:40]
        )


@lru_cache(maxsize=CHECKED_FORMS)
def _require_date(meaning: str, text: str) -> None:
    """[REC-9] A meaning, and an RFC 3339 date or date-time that exists."""
    _require_code(meaning, "meaning")
    if _DATE_FORM.fullmatch(text):
        try:
            date.fromisoformat(text[:10])
        except ValueError:
            pass
        else:
            return
    raise DecodeError(Reason.INVALID_FIELD, "not a date or date-time of RFC 3339", field="dates", got=text[:40])


class _Remembered:
    """Bounded memory of the bytes of messages that were found valid; emptied when full, which costs one more look
    each.
    """

    def __init__(self) -> None:
        self._forms: set[bytes] = set()

    def __contains__(self, form: bytes) -> bool:
        return form in self._forms

    def add(self, form: bytes) -> None:
        if len(form) > MAX_CHECKED_BYTES:
            return
        if len(self._forms) >= CHECKED_FORMS:
            self._forms.clear()
        self._forms.add(form)


_PARTIES = _Remembered()
_PLACES = _Remembered()
