"""What a document handed in for issue says about its record, found out in a form that another process can be asked for.

Reading, validating and hashing a document takes most of the time an issue takes, and depends on nothing but its bytes
and the corridor policy: so it is a plain function of plain values. What only the ledger can judge (issuer's key,
version, client, timeout) is left to execution.
"""

from __future__ import annotations

from typing import NamedTuple

from bridge.cargo.leaves import SALT_LENGTH
from bridge.cargo.policy import CorridorPolicy
from bridge.cargo.prepare import check_document
from bridge.cargo.proven import disclosure_name
from bridge.cargo.statement import decode_payload, decode_statement, record_key_digest, statement_digest
from bridge.crypto.suites import suite
from bridge.errors import BridgeError, DecodeError, Reason
from bridge.rpc.record_index import indexed_identifiers
from bridge.wire import encode


class DocumentTask(NamedTuple):
    """A record payload with the document and seed it should be made from, and the home ledger's suite."""

    suite_id: str
    payload: bytes
    document: bytes
    seed: bytes


class DocumentVerdict(NamedTuple):
    """Why a record is refused; or, with an empty `reason`, what is kept beside it when it is issued.

    `findings` are (severity, pointer, reason, detail); `proven` names the disclosure for `bridge.cargo.proven`.
    """

    reason: str
    detail: str
    findings: tuple[tuple[str, str, str, str], ...] = ()
    record_key: bytes = b""
    version: int = 0
    digest: bytes = b""
    record_type: int = 0
    pointers: tuple[str, ...] = ()
    legal_basis: bytes = b""
    identifiers: tuple[tuple[str, str], ...] = ()
    proven: bytes = b""


def check_task(task: DocumentTask, policy: CorridorPolicy) -> DocumentVerdict:
    """[CGO-2] One record: statement, disclosure and facts must be made from its document. Never raises a BridgeError.

    The disclosure must show exactly what the corridor policy allows for the type.
    """
    try:
        return _checked(task, policy)
    except BridgeError as error:
        return DocumentVerdict(str(error.reason), str(error.detail))


def _checked(task: DocumentTask, policy: CorridorPolicy) -> DocumentVerdict:
    if not task.document:
        raise DecodeError(Reason.FIELD_REQUIRED, "the document is needed to check what was signed", field="document")
    if len(task.seed) != SALT_LENGTH:
        raise DecodeError(Reason.INVALID_FIELD, f"the seed must have {SALT_LENGTH} bytes", field="seed")
    home = suite(task.suite_id)
    payload = decode_payload(task.payload)
    statement = decode_statement(payload.statement)
    record_type = statement.key.type
    policy.require_type(record_type)
    findings = check_document(
        task.document, task.seed, statement, payload.disclosure, suite=home, allowed=policy.allowing(record_type)
    )
    return DocumentVerdict(
        reason="",
        detail="",
        findings=tuple((str(each.severity), each.pointer, str(each.reason), each.detail) for each in findings),
        record_key=record_key_digest(home, statement.key),
        version=statement.version,
        digest=statement_digest(home, payload.statement),
        record_type=record_type,
        pointers=tuple(leaf.pointer for leaf in payload.disclosure.leaves),
        legal_basis=encode(statement.legal_basis),
        identifiers=indexed_identifiers(statement),
        proven=disclosure_name(home, statement.document_root, statement.document_leaf_count, payload.disclosure),
    )
