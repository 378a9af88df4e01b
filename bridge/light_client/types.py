"""The values a light client works with, and the port every header profile implements.

Pure: bytes in, values out. Fetching, storing and the time belong to others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.clock import Nanos
from bridge.crypto.ports import SignatureCheck, SignatureTask


class ClientStatus(StrEnum):
    """ICS-02 status; FROZEN wins over EXPIRED wins over ACTIVE."""

    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    FROZEN = "FROZEN"


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """What an operator decides once about a client; durations in nanoseconds, the trust level an integer fraction."""

    trusting_period: int
    clock_drift: int = 10_000_000_000
    trust_numerator: int = 1
    trust_denominator: int = 3


@dataclass(frozen=True, slots=True)
class ConsensusState:
    """One trusted height. `root` and `next_validators_hash` are in the profile's own form (docs/protocol.md)."""

    ledger_id: str
    height: int
    time: Nanos
    header_hash: bytes
    root: bytes
    next_validators_hash: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One provable fact: `path` and `value` as committed; the verifier builds paths and takes none from a relayer."""

    path: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class OpaqueLeaf:
    """A place in a run whose entry is not shown: its leaf hash where the proof needs one, else empty."""

    leaf_hash: bytes


RunElement = Entry | OpaqueLeaf


class UntrustedHeader(Protocol):
    """A decoded header update: what every profile can say about it before anything is believed."""

    @property
    def ledger_id(self) -> str:
        """Ledger it claims to be of."""
        ...

    @property
    def height(self) -> int:
        """Height it claims."""
        ...

    @property
    def time(self) -> Nanos:
        """Time it claims."""
        ...

    @property
    def header_hash(self) -> bytes:
        """Hash recomputed from the header's own bytes."""
        ...

    @property
    def trusted_height(self) -> int:
        """Height of the consensus state it asks to be verified from."""
        ...


class HeaderProfile(Protocol):
    """One ledger format: how its headers, quorums, proofs and submissions look.

    Type ids are strings; new ones register through the entry-point group `cargobridge.header_profiles`.
    """

    @property
    def profile_id(self) -> str:
        """Id such as "cometbft"."""
        ...

    @property
    def suite_id(self) -> str:
        """Suite of hashes, votes and submissions."""
        ...

    @property
    def strict_time(self) -> bool:
        """True where two heights never share a time; false where time has whole seconds and may stand still."""
        ...

    @property
    def proves_earlier(self) -> bool:
        """True where a header proves the entries of earlier blocks too, so that one header serves many deliveries."""
        ...

    def decode_update(self, data: bytes) -> UntrustedHeader:
        """Decode a header update message. Raises DecodeError; checks form only."""
        ...

    def signature_tasks(self, untrusted: UntrustedHeader) -> Sequence[SignatureTask]:
        """The vote signatures `verify_header` may ask for, so that they can be checked ahead in a batch."""
        ...

    def verify_header(
        self, trusted: ConsensusState, untrusted: UntrustedHeader, options: TrustOptions, check: SignatureCheck
    ) -> ConsensusState:
        """The profile's own rules after the common ones of `verifier.verify_update`: hashes, validator sets, quorum."""
        ...

    def verify_membership(self, trusted: ConsensusState, proof: bytes, elements: Sequence[RunElement]) -> None:
        """Return when `elements` are consecutive entries under `trusted`; VerificationError PROOF_INVALID otherwise."""
        ...

    def transaction_sign_bytes(self, ledger_id: str, body: bytes) -> bytes:
        """What a member signs to submit the TransactionBody bytes `body` to a ledger of this profile."""
        ...
