"""The error tree of the bridge: every refusal has a class that says who acts, and a stable reason.

    BridgeError
     +-- DecodeError            the bytes are wrong; the caller mends them
     |    +-- LimitError        the bytes are too many
     +-- VerificationError      the bytes are well formed and prove nothing; security alert, no retry
     +-- PreconditionError      another step comes first
     +-- NotFoundError          no such thing
     +-- AlreadyExistsError     another thing has that name
     +-- StateChangedError      a compare-and-swap was lost; re-read, redo all of it
     +-- CallerNotAllowedError  checked before existence
     +-- LedgerUnavailableError the only automatic retry

gRPC knows nothing of this module; `bridge.rpc.errors` maps the tree to status codes (docs/errors.md).
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Stable reason codes; they are part of the API and never change their meaning."""

    # decode
    MALFORMED_MESSAGE = "MALFORMED_MESSAGE"
    INVALID_IDENTIFIER = "INVALID_IDENTIFIER"
    FIELD_REQUIRED = "FIELD_REQUIRED"
    INVALID_FIELD = "INVALID_FIELD"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    INVALID_PUBLIC_KEY = "INVALID_PUBLIC_KEY"
    INVALID_PAGE_TOKEN = "INVALID_PAGE_TOKEN"  # noqa: S105
    # headers
    LEDGER_ID_MISMATCH = "LEDGER_ID_MISMATCH"
    PROFILE_UNKNOWN = "PROFILE_UNKNOWN"
    NON_INCREASING_HEIGHT = "NON_INCREASING_HEIGHT"
    NON_INCREASING_TIME = "NON_INCREASING_TIME"
    HEADER_FROM_FUTURE = "HEADER_FROM_FUTURE"
    HEADER_INVALID = "HEADER_INVALID"
    HEADER_HASH_MISMATCH = "HEADER_HASH_MISMATCH"
    COMMIT_INVALID = "COMMIT_INVALID"
    VALIDATOR_SET_INVALID = "VALIDATOR_SET_INVALID"
    VALIDATOR_SET_MISMATCH = "VALIDATOR_SET_MISMATCH"
    NOT_ENOUGH_TRUST = "NOT_ENOUGH_TRUST"
    INSUFFICIENT_QUORUM = "INSUFFICIENT_QUORUM"
    DUPLICATE_SIGNER = "DUPLICATE_SIGNER"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    TRUST_ANCHOR_INVALID = "TRUST_ANCHOR_INVALID"
    MISBEHAVIOUR_INVALID = "MISBEHAVIOUR_INVALID"
    CLIENT_EXPIRED = "CLIENT_EXPIRED"
    CLIENT_FROZEN = "CLIENT_FROZEN"
    CLIENT_NOT_FOUND = "CLIENT_NOT_FOUND"
    CLIENT_EXISTS = "CLIENT_EXISTS"
    CLIENT_NOT_PAIRED = "CLIENT_NOT_PAIRED"
    CLIENT_ALREADY_PAIRED = "CLIENT_ALREADY_PAIRED"
    CLIENT_ACTIVE = "CLIENT_ACTIVE"
    CONSENSUS_STATE_NOT_FOUND = "CONSENSUS_STATE_NOT_FOUND"
    # proofs and packets
    PROOF_INVALID = "PROOF_INVALID"
    COMMITMENT_MISMATCH = "COMMITMENT_MISMATCH"
    COUNTERPARTY_MISMATCH = "COUNTERPARTY_MISMATCH"
    PACKET_NOT_FOUND = "PACKET_NOT_FOUND"
    PORT_UNKNOWN = "PORT_UNKNOWN"
    PORT_PAUSED = "PORT_PAUSED"
    TIMEOUT_INVALID = "TIMEOUT_INVALID"
    PAYLOAD_VERSION_UNKNOWN = "PAYLOAD_VERSION_UNKNOWN"
    ACKNOWLEDGEMENT_CONFLICT = "ACKNOWLEDGEMENT_CONFLICT"
    PACKET_SETTLED = "PACKET_SETTLED"
    TIMEOUT_NOT_REACHED = "TIMEOUT_NOT_REACHED"
    BUNDLE_DAMAGED = "BUNDLE_DAMAGED"
    ANCHOR_MISMATCH = "ANCHOR_MISMATCH"
    ROUTE_UNKNOWN = "ROUTE_UNKNOWN"
    # members
    MEMBER_UNKNOWN = "MEMBER_UNKNOWN"
    MEMBER_REVOKED = "MEMBER_REVOKED"
    ISSUER_UNKNOWN = "ISSUER_UNKNOWN"
    ISSUER_REVOKED = "ISSUER_REVOKED"
    ISSUER_UNCONFIRMED = "ISSUER_UNCONFIRMED"
    ROLE_MISSING = "ROLE_MISSING"
    REVISION_CONFLICT = "REVISION_CONFLICT"
    AUTHORITY_SIGNATURE_MISSING = "AUTHORITY_SIGNATURE_MISSING"
    # cargo
    DOCUMENT_INVALID = "DOCUMENT_INVALID"
    DOCUMENT_ROOT_MISMATCH = "DOCUMENT_ROOT_MISMATCH"
    DISCLOSURE_INVALID = "DISCLOSURE_INVALID"
    DISCLOSURE_NOT_ALLOWED = "DISCLOSURE_NOT_ALLOWED"
    FACTS_MISMATCH = "FACTS_MISMATCH"
    RECORD_NOT_FOUND = "RECORD_NOT_FOUND"
    RECORD_AMBIGUOUS = "RECORD_AMBIGUOUS"
    RECORD_VOIDED = "RECORD_VOIDED"
    RECORD_TYPE_NOT_ALLOWED = "RECORD_TYPE_NOT_ALLOWED"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    VERSION_GAP = "VERSION_GAP"
    # identifiers
    CHECK_DIGIT_WRONG = "CHECK_DIGIT_WRONG"
    SCHEME_UNKNOWN = "SCHEME_UNKNOWN"
    MAPPING_CONFLICT = "MAPPING_CONFLICT"
    MAPPING_NOT_FOUND = "MAPPING_NOT_FOUND"
    # callers, storage, service
    CALLER_NOT_ALLOWED = "CALLER_NOT_ALLOWED"
    CERTIFICATE_INVALID = "CERTIFICATE_INVALID"
    STATE_CHANGED = "STATE_CHANGED"
    STORAGE_FULL = "STORAGE_FULL"
    STORAGE_CORRUPT = "STORAGE_CORRUPT"
    SCHEMA_NEWER = "SCHEMA_NEWER"
    LEDGER_UNAVAILABLE = "LEDGER_UNAVAILABLE"
    LEDGER_STOPPING = "LEDGER_STOPPING"
    CONFIGURATION_INVALID = "CONFIGURATION_INVALID"
    HEIGHT_NOT_FOUND = "HEIGHT_NOT_FOUND"
    DOUBLE_SIGN_REFUSED = "DOUBLE_SIGN_REFUSED"
    SUITE_UNAVAILABLE = "SUITE_UNAVAILABLE"
    RECORD_NOT_HOME = "RECORD_NOT_HOME"
    METHOD_UNKNOWN = "METHOD_UNKNOWN"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    INTERNAL = "INTERNAL"


class BridgeError(Exception):
    """Root of the tree: a stable reason, a sentence for people, and the facts as got/expected pairs.

    `facts` values are short strings, ints or hex text; never payloads, personal data or keys.
    """

    def __init__(self, reason: Reason, detail: str = "", **facts: object) -> None:
        super().__init__(reason, detail, facts)
        self.reason = reason
        self.detail = detail
        self.facts = facts

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={_short(value)}" for name, value in self.facts.items())
        return ": ".join(part for part in (str(self.reason), self.detail) if part) + (f" ({facts})" if facts else "")


class DecodeError(BridgeError):
    """The bytes are not a well-formed message."""


class LimitError(DecodeError):
    """A named limit was exceeded."""


class VerificationError(BridgeError):
    """Well-formed input that does not prove what it claims."""


class PreconditionError(BridgeError):
    """Another step must come first."""


class NotFoundError(BridgeError):
    """There is no such thing."""


class AlreadyExistsError(BridgeError):
    """Another thing stands under that name."""


class StateChangedError(BridgeError):
    """State changed in between; re-read and redo the whole action."""


class CallerNotAllowedError(BridgeError):
    """The caller may not do this."""


class LedgerUnavailableError(BridgeError):
    """The ledger could not be reached; the outcome is unknown, so ask before repeating."""


def _short(value: object) -> str:
    """Facts print short: bytes as hex, long text cut."""
    text = value.hex() if isinstance(value, bytes | bytearray) else str(value)
    return text if len(text) <= 96 else text[:93] + "..."
