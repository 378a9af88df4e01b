"""What may be wrong with a header update: one description for every header profile, right in all that it leaves out.

A forged update is signed after it was changed, by keys that the kit holds: it is wrong in what was asked for, and in
nothing else. What a profile cannot express it refuses to forge.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from bridge.clock import Nanos
from bridge.conformance.counterparty.validators import Validators

Edit = Callable[[Any], object]
"""Changes a message in place."""


class Votes(Enum):
    """What the wrong votes of an update are."""

    GOOD = auto()
    """For this very block, by the validator whose place it is."""
    BAD = auto()
    """Rightly signed, then one bit of the signature turned."""
    OTHER_BLOCK = auto()
    """Signatures over another block's hash, shown as signatures over this one's."""
    OTHER_LEDGER = auto()
    """Signatures over the same block of another ledger."""
    OTHER_HEIGHT = auto()
    """Signatures over this block's hash at the height above."""
    PREVOTE = auto()
    """Rightly signed prevotes, which commit nothing."""
    NIL = auto()
    """Rightly signed votes for no block."""
    STRANGER = auto()
    """Signatures by fresh keys in the validators' names."""


@dataclass(frozen=True, slots=True)
class Forgery:
    """One wrong update; the default is an honest one.

    `change` edits the header message (CometbftHeader, ChainmakerBlockHeader) before it is hashed and signed, `after`
    edits it when the votes are made already, and `edit` the finished update message (CometbftUpdate, ChainmakerUpdate).
    """

    change: Edit | None = None
    after: Edit | None = None
    edit: Edit | None = None
    chain_id: str | None = None
    time: Nanos | None = None
    claimed_height: int | None = None
    """Height the header states, instead of that of the block it is made from."""
    round: int = 0
    signers: Collection[int] | None = None
    """Places of the set whose validators vote; all by default, the others are absent."""
    places: Mapping[int, int] = field(default_factory=dict)
    """Place of the commit -> the validator (by its place in the set) whose vote stands there instead."""
    votes: Votes = Votes.GOOD
    wrong: Collection[int] | None = None
    """Places whose votes are as `votes` says; all by default, the others are good."""
    validators: Validators | None = None
    """Another set: the header names it, the update brings it, and it signs."""
    next_validators: Validators | None = None
    """Another next set; a ChainMaker header names none."""
    trusted_validators: Validators | None = None
    """Another set to be trusted; a ChainMaker update brings none."""

    def votes_at(self, place: int) -> Votes:
        """What the vote at a place is."""
        return self.votes if self.wrong is None or place in self.wrong else Votes.GOOD

    def votes_in(self, place: int) -> bool:
        """Whether there is a vote at a place."""
        return self.signers is None or place in self.signers


def turned(signature: bytes) -> bytes:
    """A signature with its last bit turned; it keeps its form."""
    return signature[:-1] + bytes([signature[-1] ^ 1])
