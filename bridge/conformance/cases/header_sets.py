"""Validator sets: whose votes count, how a set follows another, and which sets are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bridge.conformance.case import case
from bridge.conformance.checks import item_applied
from bridge.conformance.counterparty.validators import make_validators
from bridge.conformance.updates import (
    CHAINMAKER,
    COMETBFT,
    Wrong,
    advanced,
    counterparties,
    refuse,
    refuse_forged,
    require_newest,
    submit,
    take,
)
from bridge.crypto.keys import generate_signer
from bridge.errors import Reason

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.kit import Kit

MAX_TOTAL_POWER = (2**63 - 1) // 8
"""Most voting power of a cometbft set in total, CMT-10."""


@case(
    "HDR-043",
    "MUST follow a change of validators from the header that announces it to the first one the new set signs",
    clauses=("CMT-12", "CMT-13", "CMK-11", "CMK-12"),
)
def hdr_043(kit: Kit) -> None:
    for other in counterparties(kit):
        rotation = other.rotate((1,) * 5)
        take(kit, other, other.update(rotation.announced))
        take(kit, other, other.update(other.advance(), rotation.announced))
        take(kit, other, other.update(advanced(other, 4), rotation.announced))


@case(
    "HDR-044",
    "MUST follow validators that change more than once, one announcement after the other",
    clauses=("CMT-12", "CMK-10", "CMK-12"),
)
def hdr_044(kit: Kit) -> None:
    for other in counterparties(kit):
        for powers in ((1, 1, 1), (1,) * 6, (1,) * 4):
            other.rotate(powers)
            advanced(other, 2)
        for result in submit(kit, other, *other.headers()):
            item_applied(result, "each step leads to the next")
        require_newest(kit, other, other.height)


@case(
    "HDR-045",
    "MUST refuse to skip over a change to validators it has never heard of, and say that a header between may help",
    clauses=("CMT-15", "CMK-10"),
    negative=True,
)
def hdr_045(kit: Kit) -> None:
    for other in counterparties(kit):
        anchor, rotation = other.height, other.rotate()
        height = advanced(other, 3)
        refuse(kit, other, other.update(height, anchor), Reason.NOT_ENOUGH_TRUST)
        item_applied(submit(kit, other, other.update(rotation.announced, anchor))[0], "the header between")
        take(kit, other, other.update(height, rotation.announced))


@case(
    "HDR-046",
    "MUST refuse a header when exactly a third of the trusted power signed it, and take it above that",
    clauses=("CMT-15",),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_046(kit: Kit) -> None:
    for kept in (1, 2):
        for other in counterparties(kit, (COMETBFT,), powers=(1, 1, 1)):
            anchor = other.height
            other.rotate((1,) * 3, kept=other.validators.members[:kept])
            update = other.update(advanced(other, 3), anchor)
            if kept == 1:
                refuse(kit, other, update, Reason.NOT_ENOUGH_TRUST, "one of three trusted validators is not enough")
            else:
                take(kit, other, update)


@case(
    "HDR-047",
    "MUST hold the trust level of the client itself, not a general one",
    clauses=("UPD-1", "CMT-15"),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_047(kit: Kit) -> None:
    for other in counterparties(kit, (COMETBFT,), act={"trust_level": (3, 4)}):
        height = advanced(other, 3)
        few = other.forge(height, signers=(0, 1, 2))
        refuse(kit, other, few, Reason.NOT_ENOUGH_TRUST, "three of four do not exceed three quarters")
        take(kit, other, other.update(height))
        adjacent = other.advance()
        take(kit, other, other.forge(adjacent, trusted_height=height, signers=(0, 1, 2)))


@case(
    "HDR-048",
    "MUST refuse a header signed by a set of strangers that the header itself names",
    clauses=("CMT-13", "CMT-15", "CMK-10"),
    negative=True,
)
def hdr_048(kit: Kit) -> None:
    wrong = (Reason.VALIDATOR_SET_MISMATCH, Reason.NOT_ENOUGH_TRUST)
    refuse_forged(kit, wrong, _strangers)


def _strangers(other: Counterparty) -> dict[str, Any]:
    """Another set of as many fresh keys."""
    return {"validators": make_validators(other.profile.suite_id, (1,) * 4, name="stranger")}


@case(
    "HDR-049",
    "MUST refuse strangers that pass themselves off as the trusted set too",
    clauses=("CMT-12",),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_049(kit: Kit) -> None:
    def wrong(other: Counterparty) -> dict[str, Any]:
        strangers = make_validators(other.profile.suite_id, (1,) * 4)
        return {"validators": strangers, "trusted_validators": strangers}

    refuse_forged(kit, Reason.VALIDATOR_SET_MISMATCH, wrong, profiles=(COMETBFT,))


@case(
    "HDR-050",
    "MUST refuse a validator set that is not the one the header's hash is of",
    clauses=("CMT-3", "CMT-11", "CMK-9", "CMK-10"),
    negative=True,
)
def hdr_050(kit: Kit) -> None:
    def wrong(other: Counterparty) -> dict[str, Any]:
        key = generate_signer(other.profile.suite_id).public_key
        if other.profile_id == CHAINMAKER:
            return {"edit": lambda update: setattr(update.validators.validators[0], "public_key", key)}
        return {"edit": lambda update: setattr(update.validator_set.validators[0], "voting_power", 2)}

    refuse_forged(kit, Reason.VALIDATOR_SET_MISMATCH, wrong)


@case(
    "HDR-051",
    "MUST refuse the validators of before once it trusts a header that announces new ones",
    clauses=("CMT-13", "CMK-10", "CMK-12"),
    negative=True,
)
def hdr_051(kit: Kit) -> None:
    for other in counterparties(kit):
        before = other.validators
        rotation = other.rotate()
        take(kit, other, other.update(rotation.announced))
        height = other.advance()
        forged = other.forge(height, trusted_height=rotation.announced, validators=before)
        refuse(kit, other, forged, Reason.VALIDATOR_SET_MISMATCH)
        take(kit, other, other.update(height, rotation.announced))


@case(
    "HDR-052",
    "MUST refuse headers that validators of before sign from an old trusted height, past the change of validators",
    clauses=("UPD-12",),
    negative=True,
)
def hdr_052(kit: Kit) -> None:
    for other in counterparties(kit):
        anchor, stale = other.height, other.fork(other.height)
        rotation = other.rotate()
        take(kit, other, other.update(rotation.announced))
        take(kit, other, other.update(other.advance(), rotation.announced))
        advanced(stale, rotation.announced - anchor + 3)
        refuse(kit, other, stale.update(stale.height, anchor), Reason.CONSENSUS_STATE_NOT_FOUND)
        take(kit, other, other.update(advanced(other, 4), rotation.announced))


@case(
    "HDR-053",
    "MUST refuse a set in which a validator stands twice, or that is not in its one order",
    clauses=("CMT-10", "CMK-9"),
    negative=True,
)
def hdr_053(kit: Kit) -> None:
    def twice(members: Any) -> None:
        members.insert(0, members[0])

    def reversed_(members: Any) -> None:
        members.reverse()

    def edited(change: Callable[[Any], None]) -> Wrong:
        return lambda other: {"edit": lambda update: change(_members(other, update))}

    refuse_forged(kit, Reason.VALIDATOR_SET_INVALID, edited(twice), edited(reversed_))


def _members(other: Counterparty, update: Any) -> Any:
    """The validators of an update's own set."""
    return (update.validators if other.profile_id == CHAINMAKER else update.validator_set).validators


@case(
    "HDR-054",
    "MUST refuse a set without validators",
    clauses=("CMT-5", "CMK-9"),
    negative=True,
)
def hdr_054(kit: Kit) -> None:
    def wrong(other: Counterparty) -> dict[str, Any]:
        return {"edit": lambda update: _members(other, update).__delitem__(slice(None))}

    refuse_forged(kit, (Reason.INVALID_FIELD, Reason.FIELD_REQUIRED), wrong)


@case(
    "HDR-055",
    "MUST refuse a set with a power below 1, in which p - 2^64 would be hashed like p",
    clauses=("CMT-10",),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_055(kit: Kit) -> None:
    def powered(power: int) -> dict[str, Any]:
        # The last of the set: the order of powers holds, so nothing but the power itself is wrong in form.
        return {"edit": lambda update: setattr(update.validator_set.validators[-1], "voting_power", power)}

    wrongs = [powered(power) for power in (0, -1, -(2**63))]
    refuse_forged(kit, Reason.VALIDATOR_SET_INVALID, *wrongs, profiles=(COMETBFT,))


@case(
    "HDR-056",
    "MUST refuse a set whose total power is too high to be counted",
    clauses=("CMT-10",),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_056(kit: Kit) -> None:
    def edit(update: Any) -> None:
        update.validator_set.validators[0].voting_power = MAX_TOTAL_POWER

    refuse_forged(kit, Reason.VALIDATOR_SET_INVALID, {"edit": edit}, profiles=(COMETBFT,))


@case(
    "HDR-057",
    "MUST derive a validator's address from its key and believe no other",
    clauses=("CMT-3", "CMT-10"),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_057(kit: Kit) -> None:
    def edit(update: Any) -> None:
        first, second = update.validator_set.validators[:2]
        first.address, second.address = second.address, first.address

    refuse_forged(kit, Reason.VALIDATOR_SET_INVALID, {"edit": edit}, profiles=(COMETBFT,))


@case(
    "HDR-058",
    "MUST refuse a header that names no validators, its own or the next",
    clauses=("CMT-1", "CMT-6"),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_058(kit: Kit) -> None:
    own: dict[str, Any] = {"change": lambda header: setattr(header, "validators_hash", b"")}
    following: dict[str, Any] = {"change": lambda header: setattr(header, "next_validators_hash", b"")}
    refuse_forged(kit, Reason.HEADER_INVALID, own, following, profiles=(COMETBFT,))
