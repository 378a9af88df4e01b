"""Whether two headers prove that a ledger's validators broke their promise.

Pure. Freezing the client and keeping the evidence belong to `bridge.protocol`. Proven misbehaviour is an outcome, not
an error: the function returns.
Source: ibc-go modules/light-clients/07-tendermint/misbehaviour_handle.go.
"""

from __future__ import annotations

from bridge.crypto.ports import SignatureCheck
from bridge.crypto.suites import check_signature
from bridge.errors import BridgeError, Reason, VerificationError
from bridge.light_client.predicates import (
    not_after,
    require_height_increases,
    require_ledger,
    require_options,
    require_trusted_height,
)
from bridge.light_client.types import ConsensusState, HeaderProfile, TrustOptions, UntrustedHeader

Side = tuple[ConsensusState, UntrustedHeader]
"""One header with the stored consensus state it is verified from."""


def verify_misbehaviour(
    profile: HeaderProfile,
    side_1: Side,
    side_2: Side,
    options: TrustOptions,
    check: SignatureCheck = check_signature,
) -> None:
    """[MIS] Return when the two headers prove misbehaviour; VerificationError MISBEHAVIOUR_INVALID otherwise.

    Each header is verified from its own trusted state, but neither against the clock (a header from the future is
    evidence) nor for time above the trusted one's (that it is not may be the very offence). Header 1 is the higher or
    equal one.
    """
    require_options(options)
    (_, header_1), (_, header_2) = side_1, side_2
    require_conflict(header_1, header_2, strict=profile.strict_time)
    for name, (trusted, untrusted) in (("header 1", side_1), ("header 2", side_2)):
        try:
            require_trusted_height(trusted, untrusted)
            require_ledger(trusted, untrusted)
            require_height_increases(trusted, untrusted)
            profile.verify_header(trusted, untrusted, options, check)
        except BridgeError as error:
            raise VerificationError(
                Reason.MISBEHAVIOUR_INVALID, f"{name} does not verify: {error.detail}", cause=error.reason
            ) from error


def require_conflict(header_1: UntrustedHeader, header_2: UntrustedHeader, *, strict: bool) -> None:
    """[MIS-1] Two hashes at one height, or a greater height whose time is not above the other's.

    Raises VerificationError MISBEHAVIOUR_INVALID for headers that an honest ledger could have signed both.
    """
    if header_1.height < header_2.height:
        raise VerificationError(
            Reason.MISBEHAVIOUR_INVALID,
            "header 1 must be the higher or equal one",
            got=header_1.height,
            expected_from=header_2.height,
        )
    if header_1.height == header_2.height:
        if header_1.header_hash == header_2.header_hash:
            raise VerificationError(
                Reason.MISBEHAVIOUR_INVALID, "the headers are the same", header_hash=header_1.header_hash
            )
    elif not not_after(header_2.time, header_1.time, strict=strict):
        raise VerificationError(
            Reason.MISBEHAVIOUR_INVALID, "the headers do not conflict", got=header_1.time, above=header_2.time
        )
