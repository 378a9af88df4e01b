"""Hands header updates to the target and says what became of them, for clients of every profile the target takes.

A refusal is only worth something when the client is alive: after each one the honest twin of the forged header must be
taken, so that what was wrong with the forged one was the very thing that its case names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.clock import NANOS_PER_SECOND, ManualClock, Nanos
from bridge.conformance.checks import Unsupported, expect, expect_equal, item_applied, item_refused, unmoved
from bridge.errors import Reason
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import ItemResult, MisbehaviourEvidence

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.kit import Kit

COMETBFT = "cometbft"
CHAINMAKER = "chainmaker"
BOTH = (COMETBFT, CHAINMAKER)

Reasons = Reason | Sequence[Reason] | Mapping[str, Reason]
"""One reason, any of several, or one for each profile."""

Wrong = Mapping[str, Any] | Callable[["Counterparty"], Mapping[str, Any]]
"""What is to be wrong with a header: fields of `Forgery`, or what makes them for a counterparty."""

DISTANCES: Mapping[str, Sequence[int]] = {COMETBFT: (1, 3), CHAINMAKER: (1,)}
"""How far above the trusted height a forged header is tried, by profile: cometbft has other rules for skipping."""

TRUSTING_PERIOD_SECONDS = 3_600
"""Trusting period of clients that are to expire while the kit waits, in seconds; their anchors are nearly as old."""

LEFT_SECONDS = 1.5
"""How long such a client has left when it is made, in seconds."""

WAIT_SECONDS = 10
"""Longest wait for a client to expire, in seconds; after that the target's clock is at fault."""

WHOLE_SECOND = 1.05
"""A little more than a second: a ledger whose time has whole seconds judges by the second that has begun."""


def counterparties(kit: Kit, profiles: Sequence[str] = BOTH, **options: Any) -> Iterator[Counterparty]:
    """A fresh counterparty of each of these profiles that the target takes, with an unpaired client."""
    for profile_id in taken(kit, profiles):
        yield kit.counterparty(profile_id, paired=False, **options)


def taken(kit: Kit, profiles: Sequence[str] = BOTH) -> list[str]:
    """Those of these profiles, that the target takes; the kit can forge them. Unsupported when there are none."""
    found = [profile_id for profile_id in profiles if profile_id in kit.profiles]
    if not found:
        raise Unsupported(f"the target takes no counterparties of {' or '.join(profiles)}")
    return found


def advanced(other: Counterparty, blocks: int = 1) -> int:
    """The height after so many more empty blocks."""
    for _ in range(blocks):
        other.advance()
    return other.height


def submit(kit: Kit, other: Counterparty, *updates: bytes) -> list[ItemResult]:
    """Deliver headers; one result for each, or Failed."""
    for index, update in enumerate(updates):
        kit.evidence(f"{other.profile_id}-header-{len(kit.kept)}-{index}", update)
    results = list(kit.deliver(other, headers=updates).headers)
    expect_equal(len(results), len(updates), "every header is answered, in order")
    return results


def take(kit: Kit, other: Counterparty, update: bytes, height: int = 0) -> None:
    """Failed unless an honest header applies and stands as the newest one, by default that of the newest block."""
    item_applied(submit(kit, other, update)[0], "an honest header is believed")
    require_newest(kit, other, height or other.height)


def require_newest(kit: Kit, other: Counterparty, height: int) -> None:
    """Failed unless the client holds exactly what the block at this height says, as its newest trusted state."""
    client, block = kit.client(other.client_id), other.chain.consensus(height)
    expect_equal(client.latest_height, height, "the newest trusted height")
    expect_equal(client.latest_header_hash, block.header_hash, "the hash of the newest trusted header")
    expect_equal(client.latest_root, block.root, "the root of the newest trusted header")
    expect_equal(client.next_validators_hash, block.next_validators_hash, "the validators that sign what follows")
    expect_equal(client.state, api.CLIENT_STATE_ACTIVE, "the client is active")


def refuse(kit: Kit, other: Counterparty, update: bytes, reasons: Reasons, what: str = "") -> None:
    """Failed unless the header is refused with one of the reasons and nothing moved."""
    refuse_all(kit, other, [update], reasons, what)


def refuse_all(kit: Kit, other: Counterparty, updates: Sequence[bytes], reasons: Reasons, what: str = "") -> None:
    """Failed unless each of these headers, delivered together, is refused with one of the reasons and nothing moved."""
    with unmoved(kit, other.client_id):
        for result in submit(kit, other, *updates):
            item_refused(result, *reasons_for(other, reasons), message=what or "the header is refused")


def refuse_forged(
    kit: Kit,
    reasons: Reasons,
    *wrongs: Wrong,
    profiles: Sequence[str] = BOTH,
    blocks: Sequence[int] = (),
    **options: Any,
) -> None:
    """For clients of each profile: every forged header is refused, right above the trusted height and further up.

    `blocks` are the distances that are tried (DISTANCES); afterwards their honest twin is taken.
    """
    for other in counterparties(kit, profiles, **options):
        for distance in blocks or DISTANCES[other.profile_id]:
            trusted = other.height
            height = advanced(other, distance)
            where = "directly above the trusted height" if distance == 1 else f"{distance} above the trusted height"
            fields = [wrong(other) if callable(wrong) else wrong for wrong in wrongs]
            forged = [other.forge(height, trusted_height=trusted, **each) for each in fields]
            refuse_all(kit, other, forged, reasons, f"a forged {other.profile_id} header {where} is refused")
            take(kit, other, other.update(height, trusted))


def reasons_for(other: Counterparty, reasons: Reasons) -> Sequence[Reason]:
    """The reasons that count for a counterparty's profile."""
    if isinstance(reasons, Reason):
        return (reasons,)
    return (reasons[other.profile_id],) if isinstance(reasons, Mapping) else reasons


def state_of(kit: Kit, other: Counterparty) -> str:
    """The client's state in a word."""
    return api.ClientState.Name(kit.client(other.client_id).state).removeprefix("CLIENT_STATE_")


def require_state(kit: Kit, other: Counterparty, state: str, message: str = "the client's state") -> None:
    """Failed unless the client is ACTIVE, EXPIRED or FROZEN as expected."""
    expect_equal(state_of(kit, other), state, message)


def short_lived(kit: Kit, left: float = LEFT_SECONDS) -> list[Counterparty]:
    """Counterparties as `counterparties`, each with an anchor so old that its client expires in `left` seconds."""
    age = round((TRUSTING_PERIOD_SECONDS - left) * NANOS_PER_SECOND)
    made: list[Counterparty] = []
    for profile_id in taken(kit):
        clock = ManualClock(Nanos(kit.clock.now() - age))
        act = {"trusting_period_seconds": TRUSTING_PERIOD_SECONDS}
        made += counterparties(kit, (profile_id,), act=act, clock=clock)
        made[-1].set_clock(None)
    return made


def wait_expired(kit: Kit, *others: Counterparty) -> None:
    """Wait until the target says that these clients have expired; Failed when it never does.

    Where the target's blocks tell whole seconds, its ledger judges by the second that has begun: a second longer.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    for other in others:
        while (state := state_of(kit, other)) != "EXPIRED":
            expect(time.monotonic() < deadline, "a client expires on time", got=state, expected="EXPIRED")
            time.sleep(0.1)
    if not kit.info.block_time.nanos:
        time.sleep(WHOLE_SECOND)


def accuse(
    kit: Kit, other: Counterparty, header_1: bytes, header_2: bytes, *, client_id: str = "", role: str = "relayer"
) -> api.SubmitMisbehaviourResponse:
    """Submit two headers as evidence."""
    kit.evidence(f"{other.profile_id}-evidence-1", header_1)
    kit.evidence(f"{other.profile_id}-evidence-2", header_2)
    evidence = MisbehaviourEvidence(client_id=client_id or other.client_id, header_1=header_1, header_2=header_2)
    return kit.ledger(role).SubmitMisbehaviour(api.SubmitMisbehaviourRequest(evidence=evidence))


def freeze(kit: Kit, other: Counterparty) -> tuple[bytes, bytes]:
    """Have a client frozen by two headers for one height; the evidence."""
    height = other.advance()
    header_1, header_2 = other.equivocate(height)
    accuse(kit, other, header_1, header_2)
    require_state(kit, other, "FROZEN", "two headers at one height freeze the client")
    return header_1, header_2
