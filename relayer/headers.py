"""The relayer's own light client: it verifies every header before it submits one.

Where one step is too far for the quorum to overlap, it finds the way by bisection.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice

from bridge.crypto.suites import check_signature
from bridge.errors import Reason, VerificationError
from bridge.light_client.types import ConsensusState, HeaderProfile, TrustOptions
from bridge.light_client.verifier import verify_update
from relayer.endpoint import Endpoint

MAX_KNOWN_HEIGHTS = 4096
"""Trusted heights remembered per route; an older one is asked for again."""

NEWEST_HEIGHTS = 8
"""Known heights looked at for one that serves again; an older one proves less than these."""

MAX_BISECTION_STEPS = 64
"""Halvings of a height difference: enough for any 64-bit height, so that a lying ledger cannot keep us busy."""

_TOO_FAR = frozenset({Reason.NOT_ENOUGH_TRUST, Reason.VALIDATOR_SET_MISMATCH})


class HeaderChain:
    """What the destination's client trusts of the source, as far as this relayer knows, and how to extend it."""

    def __init__(self, source: Endpoint, destination: Endpoint, client_id: str, options: TrustOptions) -> None:
        self._source = source
        self._destination = destination
        self._client_id = client_id
        self._options = options
        self._known: OrderedDict[int, ConsensusState] = OrderedDict()
        self._proves: OrderedDict[int, int] = OrderedDict()

    async def cover(self, heights: Iterable[int]) -> tuple[list[bytes], list[ConsensusState]]:
        """Header updates the destination lacks for `heights`, verified, and the states they prove.

        Raises VerificationError when the source's headers do not verify; nothing is submitted then.
        """
        updates: list[bytes] = []
        proven: list[ConsensusState] = []
        for height in sorted(set(heights)):
            if height in self._known or any(state.height == height for state in proven):
                continue
            trusted = await self._trusted_below(height, proven)
            if trusted.height == height:
                self.confirm([trusted])
                continue
            for update, state in await self._reach(trusted, height):
                updates.append(update)
                proven.append(state)
        return updates, proven

    def confirm(self, states: Iterable[ConsensusState]) -> None:
        """The destination holds these states now."""
        for state in states:
            self._known[state.height] = state
            self._known.move_to_end(state.height)
        while len(self._known) > MAX_KNOWN_HEIGHTS:
            self._known.popitem(last=False)

    def note(self, height: int, entry_count: int) -> None:
        """The source's header at `height` proves its first `entry_count` entries."""
        self._proves[height] = entry_count
        while len(self._proves) > MAX_KNOWN_HEIGHTS:
            self._proves.popitem(last=False)

    def covering(self, end: int) -> int:
        """A height the destination knows whose header proves every entry below `end`; 0 when none of the newest does.

        For ledgers whose headers prove earlier entries too: one header then serves many deliveries.
        """
        for height in islice(reversed(self._known), NEWEST_HEIGHTS):
            if self._proves.get(height, 0) >= end:
                return height
        return 0

    def forget(self) -> None:
        """Ask the destination again: something it was thought to hold, it does not."""
        self._known.clear()

    async def _trusted_below(self, height: int, proven: list[ConsensusState]) -> ConsensusState:
        below = [state for state in proven if state.height < height]
        below += [self._known[known] for known in reversed(self._known) if known < height][:1]
        if below:
            return max(below, key=lambda state: state.height)
        return await self._destination.trusted_floor(self._client_id, height)

    async def _reach(self, trusted: ConsensusState, target: int) -> list[tuple[bytes, ConsensusState]]:
        """Steps from `trusted` to `target`: one when the quorum overlaps enough, else by bisection (ICS-07)."""
        steps: list[tuple[bytes, ConsensusState]] = []
        goal = target
        for _ in range(MAX_BISECTION_STEPS):
            update = (await self._source.headers(trusted.height, [goal]))[0]
            try:
                state = await asyncio.to_thread(self._verify, await self._source.header_profile(), trusted, update)
            except VerificationError as error:
                if error.reason not in _TOO_FAR or goal == trusted.height + 1:
                    raise
                goal = (trusted.height + goal + 1) // 2
                continue
            steps.append((update, state))
            trusted, goal = state, target
            if state.height == target:
                return steps
        raise VerificationError(Reason.NOT_ENOUGH_TRUST, "no way to the height", got=trusted.height, expected=target)

    def _verify(self, rules: HeaderProfile, trusted: ConsensusState, update: bytes) -> ConsensusState:
        untrusted = rules.decode_update(update)
        return verify_update(rules, trusted, untrusted, self._options, self._source.now(), check_signature)
