"""Which class of error each reason belongs to: for refusals that a ledger reports as a bare reason (docs/errors.md)."""

from __future__ import annotations

from bridge.errors import (
    AlreadyExistsError,
    BridgeError,
    CallerNotAllowedError,
    DecodeError,
    LedgerUnavailableError,
    LimitError,
    NotFoundError,
    PreconditionError,
    Reason,
    StateChangedError,
    VerificationError,
)

_REASONS: dict[type[BridgeError], tuple[Reason, ...]] = {
    DecodeError: (
        Reason.MALFORMED_MESSAGE,
        Reason.INVALID_IDENTIFIER,
        Reason.FIELD_REQUIRED,
        Reason.INVALID_FIELD,
        Reason.INVALID_PUBLIC_KEY,
        Reason.INVALID_PAGE_TOKEN,
        Reason.DOCUMENT_INVALID,
        Reason.CHECK_DIGIT_WRONG,
        Reason.SCHEME_UNKNOWN,
        Reason.CONFIGURATION_INVALID,
    ),
    LimitError: (
        Reason.LIMIT_EXCEEDED,
        Reason.STORAGE_FULL,
    ),
    VerificationError: (
        Reason.LEDGER_ID_MISMATCH,
        Reason.NON_INCREASING_HEIGHT,
        Reason.NON_INCREASING_TIME,
        Reason.HEADER_FROM_FUTURE,
        Reason.HEADER_INVALID,
        Reason.HEADER_HASH_MISMATCH,
        Reason.COMMIT_INVALID,
        Reason.VALIDATOR_SET_INVALID,
        Reason.VALIDATOR_SET_MISMATCH,
        Reason.NOT_ENOUGH_TRUST,
        Reason.INSUFFICIENT_QUORUM,
        Reason.DUPLICATE_SIGNER,
        Reason.SIGNATURE_INVALID,
        Reason.TRUST_ANCHOR_INVALID,
        Reason.MISBEHAVIOUR_INVALID,
        Reason.PROOF_INVALID,
        Reason.COMMITMENT_MISMATCH,
        Reason.COUNTERPARTY_MISMATCH,
        Reason.ACKNOWLEDGEMENT_CONFLICT,
        Reason.AUTHORITY_SIGNATURE_MISSING,
        Reason.DOCUMENT_ROOT_MISMATCH,
        Reason.DISCLOSURE_INVALID,
        Reason.FACTS_MISMATCH,
        Reason.BUNDLE_DAMAGED,
        Reason.ANCHOR_MISMATCH,
        Reason.TIMEOUT_INVALID,
        Reason.PAYLOAD_VERSION_UNKNOWN,
        Reason.MEMBER_UNKNOWN,
        Reason.MEMBER_REVOKED,
        Reason.ISSUER_UNKNOWN,
        Reason.ISSUER_REVOKED,
        Reason.VERSION_CONFLICT,
    ),
    PreconditionError: (
        Reason.CLIENT_EXPIRED,
        Reason.CLIENT_FROZEN,
        Reason.CLIENT_NOT_PAIRED,
        Reason.CLIENT_ACTIVE,
        Reason.CONSENSUS_STATE_NOT_FOUND,
        Reason.PORT_PAUSED,
        Reason.TIMEOUT_NOT_REACHED,
        Reason.ISSUER_UNCONFIRMED,
        Reason.RECORD_AMBIGUOUS,
        Reason.RECORD_VOIDED,
        Reason.RECORD_NOT_HOME,
        Reason.VERSION_GAP,
        Reason.STORAGE_CORRUPT,
        Reason.SCHEMA_NEWER,
        Reason.DOUBLE_SIGN_REFUSED,
        Reason.SUITE_UNAVAILABLE,
        Reason.METHOD_UNKNOWN,
        Reason.PROFILE_UNKNOWN,
        Reason.DISCLOSURE_NOT_ALLOWED,
        Reason.RECORD_TYPE_NOT_ALLOWED,
    ),
    NotFoundError: (
        Reason.CLIENT_NOT_FOUND,
        Reason.PACKET_NOT_FOUND,
        Reason.RECORD_NOT_FOUND,
        Reason.MAPPING_NOT_FOUND,
        Reason.HEIGHT_NOT_FOUND,
        Reason.ROUTE_UNKNOWN,
        Reason.PORT_UNKNOWN,
    ),
    AlreadyExistsError: (
        Reason.CLIENT_EXISTS,
        Reason.MAPPING_CONFLICT,
        Reason.REVISION_CONFLICT,
        Reason.CLIENT_ALREADY_PAIRED,
        Reason.PACKET_SETTLED,
    ),
    StateChangedError: (Reason.STATE_CHANGED,),
    CallerNotAllowedError: (
        Reason.CALLER_NOT_ALLOWED,
        Reason.CERTIFICATE_INVALID,
        Reason.ROLE_MISSING,
    ),
    LedgerUnavailableError: (
        Reason.LEDGER_UNAVAILABLE,
        Reason.LEDGER_STOPPING,
        Reason.DEADLINE_EXCEEDED,
    ),
    BridgeError: (Reason.INTERNAL,),
}

CLASS_OF: dict[Reason, type[BridgeError]] = {reason: cls for cls, reasons in _REASONS.items() for reason in reasons}
"""Class of every reason, where the reason is all that is known."""


def error_of(reason: str, detail: str = "", **facts: object) -> BridgeError:
    """[RPC-5] The error a bare reason stands for; a reason nobody knows is INTERNAL, with the word among the facts."""
    try:
        known = Reason(reason)
    except ValueError:
        return BridgeError(Reason.INTERNAL, detail, unknown_reason=reason, **facts)
    return CLASS_OF[known](known, detail, **facts)
