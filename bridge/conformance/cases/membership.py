"""MEM: what a proof shows is taken, and nothing that only looks like it is."""

from __future__ import annotations

from bridge.conformance import proofs
from bridge.conformance.carriage import (
    accepted,
    answers,
    carry,
    deliver,
    effects,
    familiar,
    introduce,
    placed,
    proven,
    record_packet,
    reference,
    refuse_runs,
    trust,
    without_effect,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, item_applied, item_noop, item_refused, unmoved
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.packets import Written
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1.transaction_pb2 import EntryRun, RunItem

BEYOND = 1_000
"""Heights above the newest one that no ledger of a case ever reaches."""


def one_run(kit: Kit, other: Counterparty, *written: Written) -> tuple[list[Written], EntryRun]:
    """These things with their places, and the one run that proves them under a height the target trusts."""
    standing = placed(other, *written)
    runs = proven(kit, other, *standing)
    expect_equal(len(runs), 1, "the counterparty proves one block's entries in one run")
    return standing, runs[0]


def two_transactions(kit: Kit, other: Counterparty) -> EntryRun:
    """A run for one record packet whose block holds another transaction too, so that its proof has hashes."""
    first, _ = other.commit(record_packet(kit, other), record_packet(kit, other), transactions=2)
    return proven(kit, other, first)[0]


@case(
    "MEM-001",
    "MUST take a packet whose commitment is proven under a header the client trusts",
    clauses=("DEL-5", "PATH-1", "COM-1", "COM-2"),
)
def mem_001(kit: Kit) -> None:
    other = familiar(kit)
    before = len(answers(kit, other))
    accepted(carry(kit, other, record_packet(kit, other))[0])
    expect_equal(len(answers(kit, other)), before + 1, "one acknowledgement is written")


@case(
    "MEM-002",
    "MUST take every entry of a run that one proof covers",
    clauses=("DEL-3", "DEL-5"),
)
def mem_002(kit: Kit) -> None:
    other = familiar(kit)
    _, run = one_run(kit, other, *(record_packet(kit, other) for _ in range(5)))
    for result in deliver(kit, other, [run]):
        accepted(result)


@case(
    "MEM-003",
    "MUST take packets and acknowledgements that stand in one run",
    clauses=("DEL-3", "DEL-5", "PATH-2", "COM-3"),
    needs=("platform", "seed"),
)
def mem_003(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    _, run = one_run(kit, other, record_packet(kit, other), other.acknowledgement(issued.sequence))
    packet, acknowledgement = deliver(kit, other, [run])
    accepted(packet)
    item_applied(acknowledgement, "a proven acknowledgement takes effect")


@case(
    "MEM-004",
    "MUST take a proven packet between entries that are not shown, and answer those as NOOP",
    clauses=("DEL-5", "DEL-7"),
)
def mem_004(kit: Kit) -> None:
    other = familiar(kit)
    (before, packet, after), run = one_run(kit, other, *(record_packet(kit, other) for _ in range(3)))
    items = (proofs.opaque(other, before), packet.item, proofs.opaque(other, after))
    first, middle, last = deliver(kit, other, [proofs.with_items(run, *items)])
    item_noop(first, "an opaque item is a NOOP")
    accepted(middle)
    item_noop(last, "an opaque item is a NOOP")


@case(
    "MEM-005",
    "MUST refuse a proof under a height the client does not know",
    clauses=("DEL-4",),
    negative=True,
)
def mem_005(kit: Kit) -> None:
    other = familiar(kit)
    run = other.runs(*placed(other, record_packet(kit, other)))[0]
    refuse_runs(kit, other, [run], Reason.CONSENSUS_STATE_NOT_FOUND, what="the header was never delivered")
    for height in (0, other.height + BEYOND):
        elsewhere = EntryRun(proof_height=height, proof=run.proof, items=run.items)
        refuse_runs(kit, other, [elsewhere], Reason.CONSENSUS_STATE_NOT_FOUND, what=f"nothing is known of {height}")


@case(
    "MEM-006",
    "MUST refuse a proof that is made for another trusted height than it names",
    clauses=("DEL-4", "DEL-7"),
    negative=True,
)
def mem_006(kit: Kit) -> None:
    other = familiar(kit)
    _, early = one_run(kit, other, record_packet(kit, other))
    _, late = one_run(kit, other, record_packet(kit, other))
    expect(early.proof_height != late.proof_height, "two heights", got=early.proof_height, expected="another height")
    for run, height in ((early, late.proof_height), (late, early.proof_height), (early, other.anchor_height)):
        refuse_runs(kit, other, [proofs.reproven(run, run.proof, height)], Reason.PROOF_INVALID)
    for run in (early, late):
        accepted(deliver(kit, other, [run])[0], "under its own height it is taken")


@case(
    "MEM-007",
    "MUST refuse a packet under the proof of another entry",
    clauses=("DEL-7",),
    negative=True,
)
def mem_007(kit: Kit) -> None:
    other = familiar(kit)
    (first, second), _ = one_run(kit, other, record_packet(kit, other), record_packet(kit, other))
    run = proven(kit, other, first)[0]
    refuse_runs(kit, other, [proofs.with_items(run, second.item)], Reason.PROOF_INVALID, honest=run)


@case(
    "MEM-008",
    "MUST refuse a proof with any hash changed",
    clauses=("DEL-3", "MRK-2", "CTR-2"),
    negative=True,
)
def mem_008(kit: Kit) -> None:
    other = familiar(kit)
    run = two_transactions(kit, other)
    wrong = list(proofs.turned_hashes(other, run))
    expect(bool(wrong), "the proof has hashes", got=len(wrong), expected="one at least")
    refuse_runs(kit, other, wrong, Reason.PROOF_INVALID, honest=run)


@case("MEM-009", "MUST refuse a proof that lacks a hash", clauses=("MRK-6", "CTR-2"), negative=True)
def mem_009(kit: Kit) -> None:
    other = familiar(kit)
    run = two_transactions(kit, other)
    refuse_runs(kit, other, [proofs.without_hash(other, run)], Reason.PROOF_INVALID, honest=run)


@case("MEM-010", "MUST refuse a proof with a hash left over", clauses=("MRK-6", "CTR-2"), negative=True)
def mem_010(kit: Kit) -> None:
    other = familiar(kit)
    run = two_transactions(kit, other)
    refuse_runs(kit, other, [proofs.with_hash(other, run)], Reason.PROOF_INVALID, honest=run)


@case(
    "MEM-011",
    "MUST refuse a proof that states another place or another size of the tree",
    clauses=("MRK-7", "CTR-2", "CTR-3"),
    negative=True,
)
def mem_011(kit: Kit) -> None:
    other = familiar(kit)
    run = two_transactions(kit, other)
    refuse_runs(kit, other, list(proofs.moved(other, run)), Reason.PROOF_INVALID, honest=run)


@case("MEM-012", "MUST refuse an item that comes without a proof", clauses=("DEL-3",), negative=True)
def mem_012(kit: Kit) -> None:
    other = familiar(kit)
    _, run = one_run(kit, other, record_packet(kit, other))
    bare = proofs.reproven(run, b"")
    refuse_runs(kit, other, [bare], Reason.PROOF_INVALID, Reason.MALFORMED_MESSAGE, honest=run)


@case(
    "MEM-013",
    "MUST refuse a proof whose bytes have another reading, or none",
    clauses=("WIRE-1", "DEL-3"),
    negative=True,
)
def mem_013(kit: Kit) -> None:
    other = familiar(kit)
    _, run = one_run(kit, other, record_packet(kit, other))
    for proof in (b"\xff" * 40, run.proof + b"\xf8\x07\x01", run.proof + run.proof, run.proof[:-1]):
        refuse_runs(kit, other, [proofs.reproven(run, proof)], Reason.MALFORMED_MESSAGE, Reason.PROOF_INVALID)
    accepted(deliver(kit, other, [run])[0], "the proof in its one form is taken")


@case("MEM-014", "MUST refuse a run that names an entry twice", clauses=("DEL-6",), negative=True)
def mem_014(kit: Kit) -> None:
    other = familiar(kit)
    (first, second), run = one_run(kit, other, record_packet(kit, other), record_packet(kit, other))
    for items in ((first.item, first.item), (first.item, second.item, first.item)):
        refuse_runs(kit, other, [proofs.with_items(run, *items)], Reason.PROOF_INVALID)
    for result in deliver(kit, other, [run]):
        accepted(result, "the run as it stands is taken")


@case("MEM-015", "MUST refuse a run whose items stand in another order", clauses=("DEL-7",), negative=True)
def mem_015(kit: Kit) -> None:
    other = familiar(kit)
    (first, second), run = one_run(kit, other, record_packet(kit, other), record_packet(kit, other))
    refuse_runs(kit, other, [proofs.with_items(run, second.item, first.item)], Reason.PROOF_INVALID, honest=run)


@case("MEM-016", "MUST refuse a run with an entry left out or one too many", clauses=("DEL-7",), negative=True)
def mem_016(kit: Kit) -> None:
    other = familiar(kit)
    (first, second, third), run = one_run(kit, other, *(record_packet(kit, other) for _ in range(3)))
    stranger = placed(other, record_packet(kit, other))[0]
    for items in ((first, third), (first, second, third, stranger)):
        refuse_runs(kit, other, [proofs.with_items(run, *(each.item for each in items))], Reason.PROOF_INVALID)
    for result in deliver(kit, other, [run]):
        accepted(result, "the run as it stands is taken")


@case(
    "MEM-017",
    "MUST refuse a run whose hidden entries are not those of the tree",
    clauses=("DEL-7", "MRK-4", "CMK-16"),
    negative=True,
)
def mem_017(kit: Kit) -> None:
    other = familiar(kit)
    (first, _), run = one_run(kit, other, record_packet(kit, other), record_packet(kit, other))
    wrong = proofs.with_items(run, first.item, RunItem(opaque=b"\x01" * proofs.DIGEST_BYTES))
    with unmoved(kit, other.client_id):
        packet, _ = deliver(kit, other, [wrong])
        item_refused(packet, Reason.PROOF_INVALID)
    accepted(deliver(kit, other, [run])[0], "the run as it stands is taken")


@case(
    "MEM-018",
    "MUST refuse a packet that another ledger committed to, even one with the same client ids",
    clauses=("DEL-7", "PATH-1"),
    negative=True,
)
def mem_018(kit: Kit) -> None:
    other = familiar(kit)
    stranger = Counterparty(other.profile_id, client_id=other.client_id, own_client_id=other.own_client_id)
    while stranger.height < other.height:
        stranger.advance()
    written = stranger.packet(encode_payload(CARGO_PORT, other.record(reference(kit)).value), sequence=BEYOND)
    run = stranger.runs(*placed(stranger, written))[0]
    while other.height < run.proof_height:
        other.advance()
    trust(kit, other, run.proof_height)
    refuse_runs(kit, other, [run], Reason.PROOF_INVALID, Reason.LEDGER_ID_MISMATCH)


@case(
    "MEM-019",
    "MUST refuse the rest of a run with an item that cannot be read",
    clauses=("DEL-7", "PKT-1"),
    negative=True,
)
def mem_019(kit: Kit) -> None:
    other = familiar(kit)
    (first, second), run = one_run(kit, other, record_packet(kit, other), record_packet(kit, other))
    spoilt = RunItem(packet=second.body + b"\xf8\x07\x01")
    with unmoved(kit, other.client_id):
        readable, unreadable = deliver(kit, other, [proofs.with_items(run, first.item, spoilt)])
        item_refused(readable, Reason.PROOF_INVALID)
        item_refused(unreadable, Reason.MALFORMED_MESSAGE)


@case(
    "MEM-020",
    "MUST refuse only the items of the run whose proof fails",
    clauses=("DEL-3",),
    negative=True,
)
def mem_020(kit: Kit) -> None:
    other = familiar(kit)
    _, bad = one_run(kit, other, record_packet(kit, other))
    _, good = one_run(kit, other, record_packet(kit, other))
    before = len(answers(kit, other))
    first, second, third = deliver(kit, other, [proofs.reproven(bad, good.proof), good, proofs.reproven(bad, b"")])
    item_refused(first, Reason.PROOF_INVALID)
    accepted(second, "a run beside one that fails takes effect")
    item_refused(third, Reason.PROOF_INVALID, Reason.MALFORMED_MESSAGE)
    expect_equal(len(answers(kit, other)), before + 1, "one packet was received")


@case("MEM-021", "MUST refuse an opaque item that is longer than a hash can be", clauses=("DEL-7",), negative=True)
def mem_021(kit: Kit) -> None:
    other = familiar(kit)
    (first, _), run = one_run(kit, other, record_packet(kit, other), record_packet(kit, other))
    with unmoved(kit, other.client_id):
        packet, hidden = deliver(kit, other, [proofs.with_items(run, first.item, RunItem(opaque=bytes(65)))])
        item_refused(packet, Reason.PROOF_INVALID)
        item_refused(hidden, Reason.LIMIT_EXCEEDED)


@case("MEM-022", "MUST refuse an item that is nothing", clauses=("DEL-7",), negative=True)
def mem_022(kit: Kit) -> None:
    other = familiar(kit)
    _, run = one_run(kit, other, record_packet(kit, other))
    refuse_runs(kit, other, [proofs.with_items(run, RunItem())], Reason.FIELD_REQUIRED, honest=run)


@case(
    "MEM-023",
    "MUST take a packet on its right proof after wrong ones were refused",
    clauses=("DEL-1", "DEL-3"),
)
def mem_023(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    _, run = one_run(kit, other, record_packet(kit, other))
    before = effects(kit, other)["records"]
    with without_effect(kit, other, "a refused packet"):
        refuse_runs(kit, other, [proofs.reproven(run, b"\xff")], Reason.MALFORMED_MESSAGE)
    accepted(deliver(kit, other, [run])[0])
    expect(effects(kit, other)["records"] != before, "the record arrived", got=before, expected="one record more")
