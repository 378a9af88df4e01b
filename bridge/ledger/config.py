"""What one ledger is configured with and every node of it must agree on; part of what makes execution deterministic."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.cargo.policy import CorridorPolicy
from bridge.cargo.record_ids import require_prefix
from bridge.errors import PreconditionError, Reason
from bridge.light_client.profiles import profile
from bridge.protocol.clients import Authority
from bridge.protocol.paths import require_ledger_id

MAX_TIMEOUT_AHEAD_SECONDS = 365 * 86_400
"""Longest time between sending and timeout, in seconds: a year, because trade papers outlive IBC's 24 hours."""


@dataclass(frozen=True, slots=True)
class ApplicationConfig:
    """The ledger's identity, its authority, and the rules it sends by.

    `genesis_members` are SignedMember bytes, registered before the first block without a submitter: without them nobody
    could submit anything.
    """

    ledger_id: str
    profile_id: str
    suite_id: str
    authority_suite: str
    authority_public_key: bytes
    record_id_prefix: str
    policy: CorridorPolicy
    max_timeout_ahead: int = MAX_TIMEOUT_AHEAD_SECONDS
    genesis_members: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        require_ledger_id(self.ledger_id)
        if profile(self.profile_id).suite_id != self.suite_id:
            raise PreconditionError(
                Reason.CONFIGURATION_INVALID,
                "the header profile has another suite",
                got=self.suite_id,
                expected=profile(self.profile_id).suite_id,
            )
        require_prefix(self.record_id_prefix)
        if not 0 < self.max_timeout_ahead <= MAX_TIMEOUT_AHEAD_SECONDS:
            raise PreconditionError(
                Reason.CONFIGURATION_INVALID,
                "max timeout ahead",
                got=self.max_timeout_ahead,
                limit=MAX_TIMEOUT_AHEAD_SECONDS,
            )

    @property
    def authority(self) -> Authority:
        """The ledger's own authority."""
        return Authority(self.ledger_id, self.authority_suite, self.authority_public_key)
