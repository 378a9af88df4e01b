"""Whether an untrusted header, or a trust anchor, may be believed: the order of the clauses, common to all profiles.

Pure: the caller finds the trusted state, passes the time, and stores what is returned. Freezing, no-op updates and
back-fill are the client's affair (`bridge.protocol`).
Source: CometBFT light/verifier.go; ibc-go modules/light-clients/07-tendermint/update.go.
"""

from __future__ import annotations

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.ports import SignatureCheck
from bridge.crypto.suites import check_signature, suite
from bridge.errors import BridgeError, Reason, VerificationError
from bridge.light_client.predicates import (
    is_expired,
    require_height_increases,
    require_ledger,
    require_not_expired,
    require_not_from_future,
    require_options,
    require_time_increases,
    require_trusted_height,
)
from bridge.light_client.types import ClientStatus, ConsensusState, HeaderProfile, TrustOptions, UntrustedHeader
from bridge.v1.transaction_pb2 import TrustAnchor
from bridge.wire import nanos_from

HASH_BYTES = 32
"""Length of header hashes and validator set hashes in every suite, in bytes."""

MAX_ROOT_BYTES = 64
"""Longest root of a profile in bytes: a hash and a count."""

MAX_LEDGER_ID_CHARACTERS = 50
"""Longest ledger id in characters: what CometBFT allows a chain id."""


def verify_update(
    profile: HeaderProfile,
    trusted: ConsensusState,
    untrusted: UntrustedHeader,
    options: TrustOptions,
    now: Nanos,
    check: SignatureCheck = check_signature,
) -> ConsensusState:
    """[UPD] Return the consensus state that `untrusted` proves to one who believes `trusted`.

    Order: options, ledger, height, time, expiry, then the profile's hashes and, last, signatures. Raises DecodeError,
    PreconditionError (CONSENSUS_STATE_NOT_FOUND, CLIENT_EXPIRED) or VerificationError; NOT_ENOUGH_TRUST alone means
    that a header between the two may help.
    """
    require_options(options)
    require_trusted_height(trusted, untrusted)
    require_ledger(trusted, untrusted)
    require_height_increases(trusted, untrusted)
    require_time_increases(trusted, untrusted, strict=profile.strict_time)
    require_not_from_future(untrusted, options, now)
    require_not_expired(trusted, options, now)
    return profile.verify_header(trusted, untrusted, options, check)


def client_status(latest: ConsensusState, options: TrustOptions, now: Nanos, frozen: bool) -> ClientStatus:
    """[UPD-8] Status of a client by its newest consensus state; FROZEN wins over EXPIRED wins over ACTIVE."""
    if frozen:
        return ClientStatus.FROZEN
    return ClientStatus.EXPIRED if is_expired(latest, options, now) else ClientStatus.ACTIVE


def verify_anchor(profile: HeaderProfile, anchor: TrustAnchor) -> ConsensusState:
    """[ANC-1] Return the consensus state of a trust anchor; an empty, zero or default one is refused.

    An anchor is believed because authorities signed it or an operator pinned it; here it must only be able to carry
    trust: every part is present and of the right length, no hash is all zeros, and its authority key is one the suite
    would register. Height 0 stands for a ledger before its first block. Raises VerificationError TRUST_ANCHOR_INVALID.
    """
    _require_anchor(0 < len(anchor.ledger_id) <= MAX_LEDGER_ID_CHARACTERS, "no ledger id")
    _require_anchor(anchor.profile == profile.profile_id, "another profile")
    _require_anchor(anchor.suite == profile.suite_id, "another suite than the profile's")
    _require_anchor(anchor.height < 2**63, "the height is out of range")
    for name, data in (("header hash", anchor.header_hash), ("validators hash", anchor.next_validators_hash)):
        _require_anchor(len(data) == HASH_BYTES and any(data), f"no {name}")
    _require_anchor(HASH_BYTES <= len(anchor.root) <= MAX_ROOT_BYTES and any(anchor.root[:HASH_BYTES]), "no root")
    try:
        time = nanos_from(anchor.header_time, "header_time")
        suite(anchor.authority_suite).decode_public_key(anchor.authority_public_key)
    except BridgeError as error:
        raise VerificationError(Reason.TRUST_ANCHOR_INVALID, error.detail, cause=error.reason) from error
    _require_anchor(time >= NANOS_PER_SECOND, "no header time")
    return ConsensusState(
        ledger_id=anchor.ledger_id,
        height=anchor.height,
        time=time,
        header_hash=anchor.header_hash,
        root=anchor.root,
        next_validators_hash=anchor.next_validators_hash,
    )


def _require_anchor(holds: bool, otherwise: str) -> None:
    if not holds:
        raise VerificationError(Reason.TRUST_ANCHOR_INVALID, otherwise)
