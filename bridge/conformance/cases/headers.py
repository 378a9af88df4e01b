"""Headers: what a client must take, and what of a single header it must refuse whoever signed it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal, item_applied, item_noop, item_refused, refused, unmoved
from bridge.conformance.counterparty.forge_chainmaker import on_votes
from bridge.conformance.counterparty.ledger import other_root
from bridge.conformance.updates import (
    CHAINMAKER,
    COMETBFT,
    advanced,
    counterparties,
    refuse,
    refuse_forged,
    require_newest,
    submit,
    take,
)
from bridge.errors import Reason
from bridge.light_client.chainmaker_bytes import block_hash
from bridge.light_client.cometbft_bytes import header_hash
from bridge.light_client.cometbft_wire import header_from_wire
from bridge.v1.chainmaker_pb2 import ChainmakerBlockHeader

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.kit import Kit


@case(
    "HDR-001",
    "MUST take the header directly above the trusted one that every validator signed, and hold exactly what it says",
    clauses=("UPD-9", "UPD-11", "CMT-13", "CMK-10"),
)
def hdr_001(kit: Kit) -> None:
    for other in counterparties(kit):
        take(kit, other, other.update(other.advance()))


@case(
    "HDR-002",
    "MUST take a header some heights above the trusted one without those between",
    clauses=("UPD-10", "UPD-11", "CMT-15", "CMK-10"),
)
def hdr_002(kit: Kit) -> None:
    for other in counterparties(kit):
        take(kit, other, other.update(advanced(other, 7)))


@case("HDR-003", "MUST answer a header it knows already with NOOP and change nothing", clauses=("UPD-9",))
def hdr_003(kit: Kit) -> None:
    for other in counterparties(kit):
        update = other.update(other.advance())
        take(kit, other, update)
        with unmoved(kit, other.client_id):
            item_noop(submit(kit, other, update)[0], "a header that is known is a NOOP")


@case(
    "HDR-004",
    "MUST fill in a height below the newest one and keep the newest as it is",
    clauses=("UPD-10", "UPD-11"),
)
def hdr_004(kit: Kit) -> None:
    for other in counterparties(kit):
        between = advanced(other, 2)
        take(kit, other, other.update(advanced(other, 3)))
        item_applied(submit(kit, other, other.update(between))[0], "a height below the newest is filled in")
        require_newest(kit, other, other.height)
        item_noop(submit(kit, other, other.update(between))[0], "the height that was filled in is known now")


@case(
    "HDR-005",
    "MUST take a header that just more than two thirds signed, whoever else is absent",
    clauses=("CMT-16", "CMK-8"),
)
def hdr_005(kit: Kit) -> None:
    for other in counterparties(kit, powers=(1,) * 7):
        for signers in ((0, 1, 2, 3, 4), (2, 3, 4, 5, 6)):
            trusted, height = other.height, other.advance()
            take(kit, other, other.forge(height, trusted_height=trusted, signers=signers))


@case(
    "HDR-006",
    "MUST take several headers of one delivery, each verified from the one before",
    clauses=("DEL-2", "DEL-3", "UPD-2"),
)
def hdr_006(kit: Kit) -> None:
    for other in counterparties(kit):
        first = other.height
        advanced(other, 4)
        chain = [other.update(height, height - 1) for height in range(first + 1, other.height + 1)]
        for result in submit(kit, other, *chain):
            item_applied(result, "each header stands on the one before")
        require_newest(kit, other, other.height)


@case(
    "HDR-007",
    "MUST refuse a bad header of a delivery without sinking the good ones beside it",
    clauses=("DEL-2", "UPD-9"),
    negative=True,
)
def hdr_007(kit: Kit) -> None:
    for other in counterparties(kit):
        anchor = other.height
        advanced(other, 3)
        good_1, good_2 = other.update(anchor + 1, anchor), other.update(anchor + 3, anchor)
        bad = other.forge(anchor + 2, trusted_height=anchor, signers=())
        results = submit(kit, other, good_1, bad, good_2)
        item_applied(results[0], "the good header before")
        item_refused(results[1], Reason.INSUFFICIENT_QUORUM, Reason.NOT_ENOUGH_TRUST)
        item_applied(results[2], "the good header after")
        require_newest(kit, other, anchor + 3)


@case("HDR-008", "MUST refuse headers for a client that does not exist", clauses=("DEL-2",), negative=True)
def hdr_008(kit: Kit) -> None:
    for other in counterparties(kit):
        update = other.update(other.advance())
        with unmoved(kit, other.client_id):
            refused(
                partial(kit.deliver, other, headers=[update], client_id="no-such-client"),
                Reason.CLIENT_NOT_FOUND,
            )
        take(kit, other, update)


@case(
    "HDR-009",
    "MUST take other votes for a header it knows as the same header, not as another one",
    clauses=("UPD-9", "CMT-16", "CMK-8"),
)
def hdr_009(kit: Kit) -> None:
    for other in counterparties(kit):
        height = other.advance()
        take(kit, other, other.forge(height, signers=(0, 1, 2)))
        with unmoved(kit, other.client_id):
            item_noop(submit(kit, other, other.forge(height, signers=(1, 2, 3)))[0])


@case(
    "HDR-010",
    "MUST refuse a header that names another ledger, rightly signed by the same validators",
    clauses=("UPD-3",),
    negative=True,
)
def hdr_010(kit: Kit) -> None:
    refuse_forged(kit, Reason.LEDGER_ID_MISMATCH, lambda other: {"chain_id": f"{other.ledger_id}-x"})


@case(
    "HDR-011",
    "MUST refuse an honest header of another ledger that the kit runs",
    clauses=("UPD-3",),
    negative=True,
)
def hdr_011(kit: Kit) -> None:
    for other in counterparties(kit):
        stranger = type(other)(other.profile_id)
        stranger.advance()
        refuse(kit, other, stranger.update(), Reason.LEDGER_ID_MISMATCH)
        take(kit, other, other.update(other.advance()))


@case(
    "HDR-012",
    "MUST refuse a header whose height is the trusted one or below it",
    clauses=("UPD-4",),
    negative=True,
)
def hdr_012(kit: Kit) -> None:
    for other in counterparties(kit):
        anchor, height = other.height, advanced(other, 2)
        for claimed in (anchor, anchor - 1):
            forged = other.forge(height, trusted_height=anchor, claimed_height=claimed)
            refuse(kit, other, forged, Reason.NON_INCREASING_HEIGHT, f"height {claimed} above {anchor} is refused")
        take(kit, other, other.update(height))


@case(
    "HDR-013",
    "MUST refuse a header that asks to be verified from a height the client does not trust",
    clauses=("UPD-2", "UPD-10"),
    negative=True,
)
def hdr_013(kit: Kit) -> None:
    for other in counterparties(kit):
        anchor, height = other.height, advanced(other, 4)
        for trusted in (anchor - 1, anchor + 2, 0):
            update = other.forge(height, trusted_height=trusted)
            refuse(kit, other, update, Reason.CONSENSUS_STATE_NOT_FOUND, f"height {trusted} is not trusted")
        take(kit, other, other.update(height))


@case(
    "HDR-014",
    "MUST refuse a header in which anything was changed after it was signed",
    clauses=("CMT-1", "CMT-7", "CMK-2"),
    negative=True,
)
def hdr_014(kit: Kit) -> None:
    refuse_forged(kit, Reason.HEADER_HASH_MISMATCH, {"after": other_root})


@case(
    "HDR-015",
    "MUST refuse a changed header whose stated hash was changed with it while the votes stayed",
    clauses=("CMT-2", "CMT-7", "CMK-5", "CMK-7"),
    negative=True,
)
def hdr_015(kit: Kit) -> None:
    reasons = {COMETBFT: Reason.SIGNATURE_INVALID, CHAINMAKER: Reason.INSUFFICIENT_QUORUM}
    refuse_forged(kit, reasons, _restated)


def _restated(other: Counterparty) -> dict[str, Any]:
    """A header changed after the votes, with the hash it has now."""
    if other.profile_id == COMETBFT:

        def restate(update: Any) -> None:
            header = update.signed_header.header
            other_root(header)
            update.signed_header.commit.block_id.hash = header_hash(header_from_wire(header))

        return {"edit": restate}

    def rehash(header: ChainmakerBlockHeader) -> None:
        other_root(header)
        header.block_hash = block_hash(other.suite.hash, header)

    return {"after": rehash}


@case(
    "HDR-016",
    "MUST refuse a header of a block format that it does not know",
    clauses=("CMT-6", "CMK-2"),
    negative=True,
)
def hdr_016(kit: Kit) -> None:
    refuse_forged(kit, Reason.HEADER_INVALID, lambda other: {"change": _VERSIONS[other.profile_id]})


def _cometbft_version(header: Any) -> None:
    header.version.block = 12


def _chainmaker_version(header: Any) -> None:
    header.block_version = 2299


_VERSIONS = {COMETBFT: _cometbft_version, CHAINMAKER: _chainmaker_version}


@case(
    "HDR-017",
    "MUST refuse votes that are said to be for another height than the header's",
    clauses=("CMT-7", "CMK-5"),
    negative=True,
)
def hdr_017(kit: Kit) -> None:
    refuse_forged(kit, Reason.COMMIT_INVALID, lambda other: {"edit": _MOVED_VOTES[other.profile_id]})


def _moved_commit(update: Any) -> None:
    update.signed_header.commit.height += 1


def _moved_vote_set(update: Any) -> None:
    on_votes(lambda votes: setattr(votes, "height", votes.height + 1))(update)


_MOVED_VOTES = {COMETBFT: _moved_commit, CHAINMAKER: _moved_vote_set}


@case(
    "HDR-018",
    "MUST refuse bytes that are no header update of the client's profile",
    clauses=("WIRE-1", "CMT-5", "CMK-1"),
    negative=True,
)
def hdr_018(kit: Kit) -> None:
    wrong = (Reason.MALFORMED_MESSAGE, Reason.FIELD_REQUIRED, Reason.INVALID_FIELD)
    for other in counterparties(kit):
        update = other.update(other.advance())
        foreign = type(other)(CHAINMAKER if other.profile_id == COMETBFT else COMETBFT)
        foreign.advance()
        for name, data in {
            "a header of another profile": foreign.update(),
            "random bytes": kit.random.randbytes(600),
            "a header cut short": update[:-1],
            "a header with an unknown field": update + b"\xfa\x3f\x01\x00",
        }.items():
            refuse(kit, other, data, wrong, f"{name} is refused")
        take(kit, other, update)


@case("HDR-019", "MUST believe what a header says of time to the nanosecond", clauses=("UPD-5", "UPD-11"))
def hdr_019(kit: Kit) -> None:
    for other in counterparties(kit):
        take(kit, other, other.update(other.advance()))
        stated = other.chain.consensus(other.height).time
        told = kit.client(other.client_id).latest_time
        expect_equal(told.seconds * NANOS_PER_SECOND + told.nanos, stated, "the time of the newest trusted header")
