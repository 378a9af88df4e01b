"""Makes a signed record version out of a document, and checks at the source that one was made out of its document.

The issuer's program prepares; its adapter, which keeps the document, checks the same things again before anything is
ordered: the ledger itself only ever sees the statement and what the corridor policy lets cross.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.cargo.disclosure import disclose
from bridge.cargo.document import Document, load_document
from bridge.cargo.facts import facts_of, require_facts_match
from bridge.cargo.findings import Finding, refusals
from bridge.cargo.leaves import document_root
from bridge.cargo.record_keys import record_key
from bridge.cargo.schemas.validate import validate_document
from bridge.cargo.statement import decode_statement, require_record_key, statement_digest, statement_sign_bytes
from bridge.clock import Nanos
from bridge.crypto.ports import Signer, Suite
from bridge.errors import DecodeError, Reason, VerificationError
from bridge.v1.cargo_pb2 import (
    Disclosure,
    LegalBasis,
    RecordAct,
    RecordKey,
    RecordPayload,
    RecordType,
    Statement,
)
from bridge.wire import encode, timestamp_of

Allowed = Callable[[str], bool]
"""Whether the corridor policy lets the field at a JSON pointer cross; `CorridorPolicy.allowing(record_type)`."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """The member that signs and the ledger it is at home on; `suite` is that ledger's."""

    ledger_id: str
    suite: Suite
    member_id: str
    key_id: str
    signer: Signer


@dataclass(frozen=True, slots=True)
class PreparedRecord:
    """A record version ready to be submitted, with what its issuer's adapter keeps: the document and its seed."""

    payload: bytes
    statement: bytes
    digest: bytes
    """Digest of the statement: what the next version names."""
    key: RecordKey
    document: bytes
    seed: bytes = field(repr=False)
    """32 secret bytes; whoever has them and a leaf's pointer can search for the leaf's value."""
    findings: tuple[Finding, ...] = ()
    """Warnings on the document."""


def prepare_record(
    document: bytes,
    record_type: int,
    *,
    issuer: Issuer,
    seed: bytes,
    allowed: Allowed,
    issue_time: Nanos,
    legal_basis: LegalBasis,
    version: int = 1,
    previous_digest: bytes = b"",
    act: int = RecordAct.RECORD_ACT_ISSUED,
    key: RecordKey | None = None,
) -> PreparedRecord:
    """[PREP-1] Validate a document, commit to it, summarise it, and sign the statement.

    `seed` is 32 fresh random bytes for every version. `key` names the record where its document does not; given for a
    document that does, it must be the same. Raises DecodeError (document or arguments not in form, with the pointer in
    `facts["pointer"]`), LimitError, and VerificationError FACTS_MISMATCH for another key than the document's.
    """
    loaded = load_document(document)
    findings = require_valid(loaded, record_type)
    tree = document_root(issuer.suite, seed, loaded.leaves)
    statement = encode(
        Statement(
            ledger_id=issuer.ledger_id,
            key=require_key_matches(loaded, record_type, issuer.member_id, key),
            version=version,
            previous_digest=previous_digest,
            act=RecordAct.ValueType(act),
            document_root=tree.root,
            document_leaf_count=len(tree.leaves),
            facts=facts_of(loaded.value, record_type),
            issuer_member_id=issuer.member_id,
            issuer_key_id=issuer.key_id,
            issue_time=timestamp_of(issue_time),
            legal_basis=legal_basis,
        )
    )
    decoded = decode_statement(statement)
    payload = RecordPayload(
        statement=statement,
        signature=issuer.signer.sign(statement_sign_bytes(issuer.ledger_id, statement)),
        disclosure=disclose(issuer.suite, tree, allowed),
    )
    return PreparedRecord(
        payload=encode(payload),
        statement=statement,
        digest=statement_digest(issuer.suite, statement),
        key=decoded.key,
        document=document,
        seed=seed,
        findings=findings,
    )


def check_document(
    document: bytes,
    seed: bytes,
    statement: Statement,
    disclosure: Disclosure,
    *,
    suite: Suite,
    allowed: Allowed,
) -> tuple[Finding, ...]:
    """[PREP-2] Return the document's warnings when statement and disclosure were made from it; raise otherwise.

    `suite` is the home ledger's. Raises DecodeError for a document that is refused, VerificationError
    DOCUMENT_ROOT_MISMATCH, FACTS_MISMATCH (facts or key), and DISCLOSURE_NOT_ALLOWED when the disclosed leaves are not
    exactly those the policy allows: fewer would hide what the counterparty is due, more would leak.
    """
    loaded = load_document(document)
    record_type = statement.key.type
    findings = require_valid(loaded, record_type)
    require_key_matches(loaded, record_type, statement.issuer_member_id, statement.key)
    tree = document_root(suite, seed, loaded.leaves)
    if tree.root != statement.document_root or len(tree.leaves) != statement.document_leaf_count:
        raise VerificationError(
            Reason.DOCUMENT_ROOT_MISMATCH,
            "document and seed lead to another root",
            got=tree.root,
            expected=statement.document_root,
            leaves=len(tree.leaves),
        )
    require_facts_match(loaded.value, record_type, statement.facts)
    if disclose(suite, tree, allowed) != disclosure:
        raise VerificationError(
            Reason.DISCLOSURE_NOT_ALLOWED, "the disclosure is not exactly what the corridor policy allows"
        )
    return findings


def require_valid(loaded: Document, record_type: int) -> tuple[Finding, ...]:
    """[PREP-3] The document's warnings; DecodeError with the first refusing finding's reason and pointer otherwise."""
    findings = validate_document(loaded.value, record_type)
    refused = refusals(findings)
    if refused:
        first: Finding = refused[0]
        raise DecodeError(
            first.reason, f"{first.pointer or 'document'}: {first.detail}", pointer=first.pointer, findings=len(refused)
        )
    return tuple(findings)


def require_key_matches(loaded: Document, record_type: int, issuer_member_id: str, key: RecordKey | None) -> RecordKey:
    """[PREP-4] The key the document gives itself; `key` where it gives none and the member names it as its own.

    Raises VerificationError FACTS_MISMATCH when the two differ, DecodeError FIELD_REQUIRED when there is neither.
    """
    try:
        own = record_key(loaded.value, record_type, issuer_member_id)
    except DecodeError as refused:
        if key is None or refused.reason is not Reason.FIELD_REQUIRED:
            raise
        if (key.issuer_scheme, key.issuer, key.type) != ("member", issuer_member_id, RecordType.ValueType(record_type)):
            raise VerificationError(
                Reason.FACTS_MISMATCH, "a key the document does not give must be of its issuing member"
            ) from refused
        return require_record_key(key)
    if key is not None and key != own:
        raise VerificationError(Reason.FACTS_MISMATCH, "the key is not the document's", field="key")
    return require_record_key(own)
