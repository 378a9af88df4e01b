"""Transactions decoded once, ahead of execution: pure functions of the submitted bytes.

What does not decode is kept with its error, because the refusal is an answer that execution gives in order. Header
updates and record digests need the client's profile and suite, so they are filled in when those are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError as ProtobufDecodeError

from bridge.cargo.disclosure import verify_disclosure
from bridge.cargo.statement import (
    decode_payload,
    decode_statement,
    record_key_digest,
    statement_digest,
    verify_statement_signature,
)
from bridge.crypto.ports import SignatureCheck, Suite
from bridge.errors import BridgeError, DecodeError, LimitError, Reason
from bridge.light_client.types import HeaderProfile, UntrustedHeader
from bridge.protocol.acknowledgements import decode_acknowledgement
from bridge.protocol.commitments import packet_commitment
from bridge.protocol.members import require_key_id, require_member_id
from bridge.protocol.packets import decode_packet, require_payload
from bridge.protocol.paths import MAX_SEQUENCE, require_client_id
from bridge.protocol.ports import CARGO_PORT, require_routable
from bridge.v1.cargo_pb2 import RecordPayload, Statement
from bridge.v1.packet_pb2 import Acknowledgement, Packet, Payload
from bridge.v1.transaction_pb2 import Delivery, Operation, RunItem, Transaction, TransactionBody
from bridge.wire import MAX_MESSAGE_BYTES, decode_strict

MAX_OPERATIONS = 1024
"""Most operations of a transaction; a batch of 256 issues is usual."""

MAX_DELIVERED_HEADERS = 64
"""Most headers of a delivery: what one GetHeaders answers."""

MAX_DELIVERED_ITEMS = 2048
"""Most run items of a delivery, opaque ones included, and most runs: an empty one is two bytes and would cost a look at
the state each. 256 packets or 1 MiB are usual."""

MAX_OPAQUE_BYTES = 64
"""Longest leaf hash of an opaque item, in bytes."""

NAMING_CLIENTS = frozenset({"issue_record", "deliver", "submit_misbehaviour"})
"""Kinds of operations that name their client outside of a signed act."""

T = TypeVar("T")


class PreparedRecord:
    """The value of a cargo payload with its statement, read when it is asked for.

    What was found out about the bytes once is not found out again: digests, disclosure and signature are remembered for
    the suite or key they were found out with, and for no other.
    """

    __slots__ = ("_digests", "_disclosed_in", "_error", "_payload", "_signed_by", "_statement", "_suite_id", "value")

    def __init__(self, value: bytes) -> None:
        self.value = value
        self._payload: RecordPayload | None = None
        self._statement: Statement | None = None
        self._error: BridgeError | None = None
        self._suite_id = ""
        self._digests = (b"", b"")
        self._disclosed_in = ""
        self._signed_by = ("", b"")

    @property
    def error(self) -> BridgeError | None:
        """Why it cannot be read."""
        if self._statement is None and self._error is None:
            try:
                self._payload = decode_payload(self.value)
                self._statement = decode_statement(self._payload.statement)
            except BridgeError as error:
                self._error = error
        return self._error

    def opened(self) -> tuple[RecordPayload, Statement]:
        """Payload and statement; raises what decoding raised."""
        if self._statement is None and self.error is not None:
            raise self.error
        assert self._payload is not None
        assert self._statement is not None
        return self._payload, self._statement

    def glance(self) -> tuple[RecordPayload, Statement] | None:
        """Payload and statement as they parse, before any rule was asked; None when they do not."""
        if self._statement is not None and self._payload is not None:
            return self._payload, self._statement
        try:
            payload = RecordPayload.FromString(self.value)
            return payload, Statement.FromString(payload.statement)
        except ProtobufDecodeError:
            return None

    def adopt(
        self,
        seen: tuple[RecordPayload, Statement],
        suite_id: str,
        digests: tuple[bytes, bytes],
        signed_by: tuple[str, bytes],
    ) -> None:
        """Take over what was examined elsewhere: the message `glance` gave is in form, disclosed and signed."""
        self._payload, self._statement = seen
        self._suite_id = self._disclosed_in = suite_id
        self._digests = digests
        self._signed_by = signed_by

    def digests(self, suite: Suite) -> tuple[bytes, bytes]:
        """Digest of the record key and of the statement, in the record's home suite."""
        if self._suite_id != suite.suite_id:
            payload, statement = self.opened()
            self._digests = (record_key_digest(suite, statement.key), statement_digest(suite, payload.statement))
            self._suite_id = suite.suite_id
        return self._digests

    def require_signed_by(self, suite_id: str, public_key: bytes, check: SignatureCheck) -> None:
        """[REC-6] Return when the key signed the statement; raises what `verify_statement_signature` raises."""
        if self._signed_by != (suite_id, public_key):
            payload, statement = self.opened()
            verify_statement_signature(suite_id, public_key, statement.ledger_id, payload, check)
            self._signed_by = (suite_id, public_key)

    def is_signed_by(self, suite_id: str, public_key: bytes) -> bool:
        """Whether it is known that the key signed the statement."""
        return self._signed_by == (suite_id, public_key)

    def require_disclosed(self, suite: Suite) -> None:
        """[DIS-2] Return when the disclosure leads to the document's root; raises what `verify_disclosure` raises."""
        if self._disclosed_in != suite.suite_id:
            payload, statement = self.opened()
            verify_disclosure(suite, statement.document_root, statement.document_leaf_count, payload.disclosure)
            self._disclosed_in = suite.suite_id


class PreparedItem:
    """One item of a run: a packet, an acknowledgement, or an opaque place."""

    __slots__ = (
        "_commitment",
        "acknowledgement",
        "body",
        "error",
        "outcome",
        "packet",
        "payload",
        "port",
        "record",
        "rejection",
        "sequence",
    )

    def __init__(self, item: RunItem) -> None:
        self.packet: Packet | None = None
        self.payload: Payload | None = None
        self.port = ""
        self.record: PreparedRecord | None = None
        self.outcome: Acknowledgement | None = None
        self.acknowledgement = False
        self.sequence = 0
        self.body = b""
        self._commitment = ("", b"")
        self.error: BridgeError | None = None
        """Why the item is not delivered at all."""
        self.rejection: BridgeError | None = None
        """Why a packet that is one cannot be routed: it ends in REJECTED."""
        kind = item.WhichOneof("item")
        try:
            if kind == "packet":
                self._packet(item.packet)
            elif kind == "acknowledgement":
                self._acknowledgement(item)
            elif kind == "opaque":
                self.body = item.opaque
                if len(self.body) > MAX_OPAQUE_BYTES:
                    raise LimitError(Reason.LIMIT_EXCEEDED, "opaque item", got=len(self.body), limit=MAX_OPAQUE_BYTES)
            else:
                raise DecodeError(Reason.FIELD_REQUIRED, "an item is a packet, an acknowledgement or opaque")
        except BridgeError as error:
            self.error = error

    def commitment(self, suite: Suite) -> bytes:
        """The packet's commitment in the hash of the ledger that sent it."""
        if self._commitment[0] != suite.suite_id:
            assert self.packet is not None
            self._commitment = (suite.suite_id, packet_commitment(suite.hash, self.packet))
        return self._commitment[1]

    def adopt_commitment(self, suite_id: str, commitment: bytes) -> None:
        """Take over the commitment that was worked out elsewhere from the same bytes."""
        self._commitment = (suite_id, commitment)

    def _packet(self, body: bytes) -> None:
        self.body = body
        self.packet = packet = decode_packet(body)
        self.sequence = packet.sequence
        try:
            self.payload = require_payload(packet)
            self.port = require_routable(self.payload)
        except BridgeError as error:
            self.rejection = error
            return
        if self.port == CARGO_PORT:
            self.record = PreparedRecord(self.payload.value)

    def _acknowledgement(self, item: RunItem) -> None:
        written = item.acknowledgement
        self.sequence, self.body = written.sequence, written.acknowledgement
        if not 0 < self.sequence <= MAX_SEQUENCE:
            raise DecodeError(Reason.INVALID_FIELD, "sequences start at 1", field="sequence", got=self.sequence)
        # Only now: whoever reads state for acknowledgements takes the sequence for one that a store can hold.
        self.acknowledgement = True
        self.outcome = decode_acknowledgement(self.body)


class PreparedHeader:
    """One header update of a delivery, decoded by the client's profile when that is known."""

    __slots__ = ("_profile", "data", "error", "untrusted")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.untrusted: UntrustedHeader | None = None
        self.error: BridgeError | None = None
        self._profile = ""

    def opened(self, profile: HeaderProfile) -> UntrustedHeader:
        """The header as `profile` reads it; raises what decoding raised."""
        if self._profile != profile.profile_id:
            self._profile, self.untrusted, self.error = profile.profile_id, None, None
            try:
                self.untrusted = profile.decode_update(self.data)
            except BridgeError as error:
                self.error = error
        if self.untrusted is None:
            raise self.error or DecodeError(Reason.MALFORMED_MESSAGE, "no header")
        return self.untrusted


class PreparedRun:
    """A run of items under one proof."""

    __slots__ = ("items", "proof", "proof_height")

    def __init__(self, proof_height: int, proof: bytes, items: list[PreparedItem]) -> None:
        self.proof_height = proof_height
        self.proof = proof
        self.items = items


class PreparedOperation:
    """One operation; which attributes are filled depends on `kind`, the name of the oneof field."""

    __slots__ = ("error", "headers", "kind", "message", "record", "runs")

    def __init__(self, message: Operation) -> None:
        self.message = message
        self.kind = message.WhichOneof("kind") or ""
        self.error: BridgeError | None = None
        self.record: PreparedRecord | None = None
        self.headers: list[PreparedHeader] = []
        self.runs: list[PreparedRun] = []
        if self.kind in NAMING_CLIENTS:
            self.error = _error_of(require_client_id, str(getattr(message, self.kind).client_id))
        if self.error is not None:
            return
        if self.kind == "issue_record":
            self.record = PreparedRecord(message.issue_record.payload)
        elif self.kind == "deliver":
            self.error = _error_of(self._delivery, message.deliver)
        elif self.kind == "submit_misbehaviour":
            evidence = message.submit_misbehaviour
            self.headers = [PreparedHeader(evidence.header_1), PreparedHeader(evidence.header_2)]
        elif not self.kind:
            self.error = DecodeError(Reason.FIELD_REQUIRED, "an operation has a kind", field="kind")

    @property
    def client_id(self) -> str:
        """Client the operation names in plain sight, or nothing where it names none or cannot be read."""
        if self.error is None and self.kind in NAMING_CLIENTS:
            return str(getattr(self.message, self.kind).client_id)
        return ""

    def _delivery(self, delivery: Delivery) -> None:
        if len(delivery.headers) > MAX_DELIVERED_HEADERS:
            raise LimitError(
                Reason.LIMIT_EXCEEDED, "headers of a delivery", got=len(delivery.headers), limit=MAX_DELIVERED_HEADERS
            )
        count = max(len(delivery.runs), sum(len(run.items) for run in delivery.runs))
        if count > MAX_DELIVERED_ITEMS:
            raise LimitError(Reason.LIMIT_EXCEEDED, "items of a delivery", got=count, limit=MAX_DELIVERED_ITEMS)
        self.headers = [PreparedHeader(header) for header in delivery.headers]
        self.runs = [
            PreparedRun(run.proof_height, run.proof, [PreparedItem(item) for item in run.items])
            for run in delivery.runs
        ]


class PreparedTransaction:
    """A submitted transaction, or why it is none."""

    __slots__ = ("_sign_bytes", "body", "error", "operations", "raw", "submitter", "transaction")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.transaction: Transaction | None = None
        self.body: TransactionBody | None = None
        self.submitter: tuple[str, str] | None = None
        """Member id and key id, when they are in form; a state is never asked for anything else."""
        self.operations: list[PreparedOperation] = []
        self._sign_bytes: tuple[str, str, bytes] | None = None
        self.error = _error_of(self._decode, raw) or _error_of(self._submitter, self.body)

    def sign_bytes(self, profile: HeaderProfile, ledger_id: str) -> bytes:
        """What the submitter signed; worked out once, because a profile may hash the whole body for it."""
        known = self._sign_bytes
        if known is None or known[:2] != (profile.profile_id, ledger_id):
            body = self.transaction.body if self.transaction is not None else b""
            known = (profile.profile_id, ledger_id, profile.transaction_sign_bytes(ledger_id, body))
            self._sign_bytes = known
        return known[2]

    @property
    def signed(self) -> tuple[bytes, bytes] | None:
        """Sign-bytes and signature, when the sign-bytes have been worked out."""
        if self._sign_bytes is None or self.transaction is None:
            return None
        return self._sign_bytes[2], self.transaction.signature

    @property
    def is_rotation(self) -> bool:
        """True when it rotates validators: the engine then cuts a block around it alone."""
        return any(operation.kind == "rotate_validators" for operation in self.operations)

    def _submitter(self, body: TransactionBody | None) -> None:
        if body is not None:
            self.submitter = (require_member_id(body.member_id), require_key_id(body.key_id))

    def _decode(self, raw: bytes) -> None:
        transaction = decode_strict(Transaction, raw, MAX_MESSAGE_BYTES)
        body = decode_strict(TransactionBody, transaction.body, MAX_MESSAGE_BYTES)
        count = len(body.operations)
        if not 1 <= count <= MAX_OPERATIONS:
            raise LimitError(Reason.LIMIT_EXCEEDED, "operations of a transaction", got=count, limit=MAX_OPERATIONS)
        self.transaction, self.body = transaction, body
        self.operations = [PreparedOperation(operation) for operation in body.operations]


Prepared = Sequence[PreparedTransaction]
"""The transactions of a block, decoded."""


def prepare(transactions: Sequence[bytes]) -> list[PreparedTransaction]:
    """[APP-2] Decode the transactions of a block; never raises, never looks at state."""
    return [PreparedTransaction(raw) for raw in transactions]


def _error_of(action: Callable[[T], object], argument: T) -> BridgeError | None:
    try:
        action(argument)
    except BridgeError as error:
        return error
    return None
