"""The ledger that vectors speak about: real blocks with keys from the seed, and its cases in the form verifiers read.

It is made once a profile and never changed; a maker that needs another history makes itself a fresh one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from bridge.clock import NANOS_PER_SECOND, ManualClock, Nanos
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.seeded import seeded
from bridge.light_client.types import ConsensusState

T = TypeVar("T")

START = Nanos(1_760_000_000 * NANOS_PER_SECOND)
"""When the ledgers of all vectors begin: a time in the past on every reader's clock."""

BLOCK_SECONDS = 5
"""Seconds from block to block."""

HEIGHTS = 7
"""Blocks of the ledger; the second is the one that is trusted."""

POWERS = (1, 1, 1, 1, 1, 1)
"""Powers of its validators: six, so that exactly two thirds of them can sign."""

TRUSTING_PERIOD_SECONDS = 3_600
CLOCK_DRIFT_SECONDS = 10
TRUST_LEVEL = "1/3"


class Subject:
    """A ledger of one profile."""

    def __init__(self, profile_id: str, seed: str = "", powers: Sequence[int] = POWERS, heights: int = HEIGHTS) -> None:
        """A ledger of so many blocks; its keys come from the seed that is in force."""
        self.profile_id = profile_id
        self._seed = seed
        self._remembered: dict[str, Any] = {}
        self.clock = ManualClock(START)
        self.ledger = Counterparty(
            profile_id,
            client_id="reader-0",
            own_client_id="home-0",
            ledger_id=f"test-vectors-{profile_id}",
            powers=powers,
            clock=self.clock,
        )
        while self.ledger.height < heights:
            self.grow()

    def grow(self) -> int:
        """One empty block more, five seconds later; its height."""
        self.clock.advance(BLOCK_SECONDS * NANOS_PER_SECOND)
        return self.ledger.advance()

    def fresh(self, powers: Sequence[int] = POWERS, heights: int = HEIGHTS) -> Subject:
        """Another ledger of the same profile, to be changed at will."""
        return Subject(self.profile_id, self._seed, powers, heights)

    def remembered(self, name: str, make: Callable[[Subject], T]) -> T:
        """What several vectors speak about, made once with keys of its own; nobody may change it afterwards."""
        if name not in self._remembered:
            with seeded(f"{self._seed}/{name}"):
                self._remembered[name] = make(self)
        found: T = self._remembered[name]
        return found

    @property
    def anchor(self) -> int:
        """The trusted height."""
        return self.ledger.anchor_height

    @property
    def now(self) -> Nanos:
        """A minute after the newest block."""
        return Nanos(self.clock.now() + 60 * NANOS_PER_SECOND)

    def time(self, height: int) -> Nanos:
        """Time of a block."""
        return self.ledger.chain.consensus(height).time

    def forged(self, distance: int = 1, *, trusted_height: int | None = None, **wrong: Any) -> dict[str, Any]:
        """A case with an update over the block so far above the trusted height, wrong in what `wrong` says."""
        trusted = self.anchor if trusted_height is None else trusted_height
        update = self.ledger.forge(trusted + distance, trusted_height=trusted, **wrong)
        return self.case(update, trusted)

    def case(
        self,
        update: bytes,
        trusted: int | ConsensusState | None = None,
        *,
        now: int | None = None,
        trusting_period_s: int = TRUSTING_PERIOD_SECONDS,
        clock_drift_s: int = CLOCK_DRIFT_SECONDS,
        trust_level: str = TRUST_LEVEL,
    ) -> dict[str, Any]:
        """A case of the header verb: these bytes, judged from a height of the ledger or from a state."""
        height = self.anchor if trusted is None else trusted
        state = self.ledger.chain.consensus(height) if isinstance(height, int) else height
        return {
            "trusted": state_json(state),
            "update": text(update),
            "now": stamp(self.now if now is None else now),
            "trusting_period_s": trusting_period_s,
            "clock_drift_s": clock_drift_s,
            "trust_level": trust_level,
        }

    def proof(
        self, root: bytes, proof: bytes, elements: Sequence[Mapping[str, str]], ledger_id: str = ""
    ) -> dict[str, Any]:
        """A case of the membership verb."""
        return {
            "profile": self.profile_id,
            "ledger_id": ledger_id or self.ledger.ledger_id,
            "root": root.hex(),
            "proof": text(proof),
            "elements": list(elements),
        }


def state_json(state: ConsensusState) -> dict[str, str]:
    """A trusted state in the form of the cases."""
    return {
        "ledger_id": state.ledger_id,
        "height": str(state.height),
        "time": stamp(state.time),
        "header_hash": state.header_hash.hex(),
        "root": state.root.hex(),
        "next_validators_hash": state.next_validators_hash.hex(),
    }


def stamp(nanos: int) -> str:
    """RFC 3339, exact to the nanosecond."""
    seconds, rest = divmod(nanos, NANOS_PER_SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def text(data: bytes) -> str:
    """Padded base64."""
    return base64.b64encode(data).decode()
