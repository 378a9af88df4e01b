"""The application as a function: whole transactions refused, roles, results that are hashed, determinism."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from bridge.clock import ManualClock, Nanos
from bridge.crypto.keys import generate_signer
from bridge.crypto.suites import check_signature
from bridge.errors import PreconditionError, Reason, VerificationError
from bridge.ledger.application import result_data
from bridge.ledger.config import ApplicationConfig
from bridge.ledger.prepared import MAX_DELIVERED_HEADERS, MAX_DELIVERED_ITEMS, MAX_OPERATIONS, prepare
from bridge.ledger.rows import CounterRow, Key, MemberRow, Row
from bridge.ledger.state import MemoryState
from bridge.protocol.packets import MAX_PAYLOAD_VALUE_BYTES
from bridge.v1.cargo_pb2 import RecordPayload
from bridge.v1.member_pb2 import MEMBER_ROLE_PLATFORM, MEMBER_STATE_REVOKED
from bridge.v1.transaction_pb2 import (
    Delivery,
    EntryRun,
    IssueRecord,
    ItemResult,
    MisbehaviourEvidence,
    Operation,
    OperationResult,
    RunItem,
    Transaction,
    TransactionBody,
    WrittenAcknowledgement,
)
from bridge.wire import encode
from tests.sim.harness import START, SimLedger, World, registration, sign_member
from tests.sim.looks import everything

NOTHING = Operation(register_member=b"none")


@pytest.fixture
def ledger() -> SimLedger:
    return SimLedger("hk-trade-1", "cometbft", "HKCB", ManualClock(START), validators=1)


def run(ledger: SimLedger, *transactions: bytes, height: int = 2, time: Nanos = START) -> Any:
    return ledger.application.execute(ledger.state, height, time, prepare(transactions), check_signature)


def refused_whole(ledger: SimLedger, transaction: bytes, reason: str) -> None:
    before = everything(ledger.state)
    result, overlay = run(ledger, transaction)
    (only,) = result.results
    assert (only.code, only.reason, only.data, only.operations, only.entries) == (1, reason, b"", (), ())
    assert list(overlay.rows()) == []
    assert everything(ledger.state) == before


def test_genesis_registers_the_configured_members(ledger: SimLedger) -> None:
    assert [row.member_id for row in ledger.state.scan(MemberRow, ())] == ["carrier", "platform", "relayer"]
    _, overlay = ledger.application.execute(MemoryState(), 2, START, [], check_signature)
    assert list(overlay.rows()) == []


def test_a_genesis_member_by_another_authority_stops_the_ledger(ledger: SimLedger) -> None:
    forged = sign_member(
        ledger.keys["platform"], registration(ledger.ledger_id, "x", [2], [("k1", generate_signer(ledger.suite_id))])
    )
    fields = {name: getattr(ledger.config, name) for name in ledger.config.__slots__}
    config = ApplicationConfig(**(fields | {"genesis_members": (forged,)}))
    with pytest.raises(VerificationError) as caught:
        type(ledger.application)(config).execute(MemoryState(), 1, START, [], check_signature)
    assert caught.value.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "over",
    [{"suite_id": "sm3-sm2"}, {"max_timeout_ahead": 0}, {"max_timeout_ahead": 366 * 86_400}],
)
def test_a_configuration_that_contradicts_itself_is_refused(ledger: SimLedger, over: dict[str, Any]) -> None:
    fields = {name: getattr(ledger.config, name) for name in ledger.config.__slots__}
    with pytest.raises(PreconditionError) as caught:
        ApplicationConfig(**(fields | over))
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_a_signed_transaction_is_taken_and_says_who_signed(ledger: SimLedger) -> None:
    result, _ = run(ledger, ledger.transaction(NOTHING))
    (only,) = result.results
    assert only.code == 0
    assert (only.submitter_suite, only.submitter_key) == (ledger.suite_id, ledger.keys["platform"].public_key)


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"ledger_id": "sh-trade-1"}, "LEDGER_ID_MISMATCH"),
        ({"member_id": "nobody"}, "MEMBER_UNKNOWN"),
        ({"member_id": "plat\0form"}, "INVALID_IDENTIFIER"),
        ({"key_id": "k" * 65}, "INVALID_IDENTIFIER"),
        ({"key_id": "k9"}, "MEMBER_UNKNOWN"),
        ({"member_id": "relayer"}, "SIGNATURE_INVALID"),
        ({"operations": []}, "LIMIT_EXCEEDED"),
        ({"operations": [NOTHING] * (MAX_OPERATIONS + 1)}, "LIMIT_EXCEEDED"),
    ],
)
def test_a_transaction_that_is_not_its_members_is_refused_whole(
    ledger: SimLedger, over: dict[str, Any], reason: str
) -> None:
    refused_whole(ledger, ledger.transaction(NOTHING, **over), reason)


def test_a_changed_body_or_signature_is_refused_whole(ledger: SimLedger) -> None:
    signed = Transaction.FromString(ledger.transaction(NOTHING))
    body = TransactionBody.FromString(signed.body)
    body.operations.add().CopyFrom(NOTHING)
    refused_whole(ledger, encode(Transaction(body=encode(body), signature=signed.signature)), "SIGNATURE_INVALID")
    flipped = bytes((signed.signature[0] ^ 1,)) + signed.signature[1:]
    refused_whole(ledger, encode(Transaction(body=signed.body, signature=flipped)), "SIGNATURE_INVALID")


@pytest.mark.parametrize(
    "raw", [b"", b"\xff", encode(Transaction(body=b"\xff")), encode(Transaction(body=b"", signature=b"x"))]
)
def test_bytes_that_are_no_transaction_are_refused_whole(ledger: SimLedger, raw: bytes) -> None:
    result, _ = run(ledger, raw)
    assert result.results[0].reason in ("MALFORMED_MESSAGE", "LIMIT_EXCEEDED")


def test_unknown_fields_anywhere_are_refused_whole(ledger: SimLedger) -> None:
    refused_whole(ledger, ledger.transaction(NOTHING) + b"\x78\x01", "MALFORMED_MESSAGE")
    signed = Transaction.FromString(ledger.transaction(NOTHING))
    refused_whole(
        ledger, encode(Transaction(body=signed.body + b"\x78\x01", signature=signed.signature)), "MALFORMED_MESSAGE"
    )


def test_a_key_in_another_suite_does_not_submit(ledger: SimLedger) -> None:
    odd = generate_signer("sha256-p256")
    member = registration(ledger.ledger_id, "odd", [MEMBER_ROLE_PLATFORM], [("k1", odd)])
    assert ledger.submit(Operation(register_member=sign_member(ledger.authority, member)))[0].code == 0
    ledger.keys["odd"] = odd
    refused_whole(ledger, ledger.transaction(NOTHING, member="odd"), "SIGNATURE_INVALID")


def test_a_revoked_member_or_key_does_not_submit(ledger: SimLedger) -> None:
    fresh = generate_signer(ledger.suite_id)
    rotated = registration(ledger.ledger_id, "relayer", [4], [("k2", fresh)], 2)
    gone = registration(ledger.ledger_id, "carrier", [3], [], 2, state=MEMBER_STATE_REVOKED)
    for member in (rotated, gone):
        assert ledger.submit(Operation(register_member=sign_member(ledger.authority, member)))[0].code == 0
    for name in ("relayer", "carrier"):
        refused_whole(ledger, ledger.transaction(NOTHING, member=name), "MEMBER_REVOKED")


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        (Operation(deliver=Delivery(client_id="sh-0")), "platform"),
        (Operation(issue_record=IssueRecord(client_id="sh-0")), "relayer"),
        (Operation(register_member=b"x"), "relayer"),
        (Operation(set_pause=b"x"), "carrier"),
        (Operation(rotate_validators=b"x"), "relayer"),
    ],
)
def test_a_member_without_the_role_is_refused(ledger: SimLedger, operation: Operation, member: str) -> None:
    before = everything(ledger.state)
    result, overlay = run(ledger, ledger.transaction(operation, member=member))
    (only,) = result.results[0].operations
    assert (only.code, only.reason) == (1, "ROLE_MISSING")
    assert list(overlay.rows()) == []
    assert everything(ledger.state) == before


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (Operation(), "FIELD_REQUIRED"),
        (Operation(deliver=Delivery(client_id="a-0", headers=[b""] * (MAX_DELIVERED_HEADERS + 1))), "LIMIT_EXCEEDED"),
        (
            Operation(
                deliver=Delivery(client_id="a-0", runs=[EntryRun(items=[RunItem()] * (MAX_DELIVERED_ITEMS + 1))])
            ),
            "LIMIT_EXCEEDED",
        ),
        (
            Operation(deliver=Delivery(client_id="a-0", runs=[EntryRun()] * (MAX_DELIVERED_ITEMS + 1))),
            "LIMIT_EXCEEDED",
        ),
        (Operation(deliver=Delivery(client_id="a-0")), "CLIENT_NOT_FOUND"),
        (Operation(deliver=Delivery(client_id="a\0-0")), "INVALID_IDENTIFIER"),
        (Operation(submit_misbehaviour=MisbehaviourEvidence(client_id="")), "INVALID_IDENTIFIER"),
    ],
)
def test_operations_out_of_form_are_refused(ledger: SimLedger, operation: Operation, reason: str) -> None:
    result, _ = run(ledger, ledger.transaction(operation, member="relayer"))
    assert result.results[0].operations[0].reason == reason


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (RunItem(), Reason.FIELD_REQUIRED),
        (RunItem(opaque=b"x" * 65), Reason.LIMIT_EXCEEDED),
        (RunItem(packet=b"\xff"), Reason.MALFORMED_MESSAGE),
        (
            RunItem(acknowledgement=WrittenAcknowledgement(sequence=0, acknowledgement=b"\x08\x03")),
            Reason.INVALID_FIELD,
        ),
        (
            RunItem(acknowledgement=WrittenAcknowledgement(sequence=1, acknowledgement=b"\x08")),
            Reason.MALFORMED_MESSAGE,
        ),
    ],
)
def test_items_that_cannot_be_read_keep_their_reason(ledger: SimLedger, item: RunItem, reason: Reason) -> None:
    delivery = Delivery(client_id="a-0", runs=[EntryRun(items=[item])])
    (prepared,) = prepare([ledger.transaction(Operation(deliver=delivery), member="relayer")])
    error = prepared.operations[0].runs[0].items[0].error
    assert error is not None
    assert error.reason is reason


def test_one_refused_operation_does_not_sink_the_others() -> None:
    world = World(validators=1)
    record = world.hk.record("BL-1")
    issue = IssueRecord(client_id="sh-0", timeout_seconds=world.hk.seconds() + 60, payload=record.payload)
    results = world.hk.submit(NOTHING, Operation(issue_record=issue), NOTHING)
    assert [result.code for result in results] == [1, 0, 1]
    assert world.hk.state.get(CounterRow, ("records",)) == CounterRow("records", 1)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda w: w.hk.record("BL-1", disclosed=("/carrierCode", "/contact/name")), "DISCLOSURE_NOT_ALLOWED"),
        (lambda w: w.hk.record("BL-1", record_type=8), "RECORD_TYPE_NOT_ALLOWED"),
        (lambda w: w.hk.record("BL-1", 2, b"\1" * 32), "VERSION_GAP"),
        (lambda w: w.hk.record("BL-0", secret="another"), "VERSION_CONFLICT"),
        (lambda w: w.hk.record("BL-0", 2, b"\1" * 32), "VERSION_CONFLICT"),
        (lambda w: w.hk.record("BL-0", 3, b"\1" * 32), "VERSION_GAP"),
        (lambda w: w.sh.record("BL-1"), "LEDGER_ID_MISMATCH"),
    ],
)
def test_issues_that_must_be_refused(build: Any, reason: str) -> None:
    world = World(validators=1)
    world.hk.issue(world.hk.record("BL-0"))
    before = everything(world.hk.state)
    result = world.hk.issue(build(world))
    assert (result.code, result.reason) == (1, reason), result
    assert everything(world.hk.state) == before


@pytest.mark.parametrize(("ahead", "code"), [(0, 1), (-5, 1), (1, 0), (365 * 86_400, 0), (365 * 86_400 + 1, 1)])
def test_a_timeout_lies_ahead_but_not_too_far(ahead: int, code: int) -> None:
    world = World(validators=1)
    result = world.hk.issue(world.hk.record("BL-1"), timeout=world.hk.seconds() + ahead)
    assert result.code == code
    if code:
        assert result.reason == "TIMEOUT_INVALID"


def test_an_issue_through_an_unknown_client_or_with_a_home_id_is_refused() -> None:
    world = World(validators=1)
    record = world.hk.record("BL-1")
    assert world.hk.issue(record, client_id="sh-9").reason == "CLIENT_NOT_FOUND"
    assert world.hk.issue(record.payload + b"\x22\x13HKCB-2026-000000009").reason == "INVALID_FIELD"


@pytest.mark.parametrize(("room", "reason"), [(28, "DISCLOSURE_INVALID"), (27, "LIMIT_EXCEEDED")])
def test_a_payload_leaves_room_for_its_home_id_or_the_other_side_would_reject_it(room: int, reason: str) -> None:
    world = World(validators=1)
    payload = RecordPayload.FromString(world.hk.record("BL-1").payload)
    payload.disclosure.hidden_hashes.append(b"\0" * 700_000)
    payload.disclosure.hidden_hashes[-1] += b"\0" * (MAX_PAYLOAD_VALUE_BYTES - room - payload.ByteSize())
    raw = encode(payload)
    assert len(raw) == MAX_PAYLOAD_VALUE_BYTES - room
    assert world.hk.issue(raw).reason == reason


def test_the_detail_is_not_hashed_and_everything_else_is() -> None:
    refusal = OperationResult(code=1, reason="PROOF_INVALID", detail="for people")
    plain = OperationResult(code=1, reason="PROOF_INVALID")
    assert result_data([refusal]) == result_data([plain]) == b"\0\0\0\x11" + encode(plain)
    assert refusal.detail == "for people"
    variants = [
        OperationResult(code=1, reason="PROOF_INVALID", sequence=1),
        OperationResult(code=1, reason="PORT_PAUSED"),
        OperationResult(reason="PROOF_INVALID"),
        OperationResult(code=1, reason="PROOF_INVALID", items=[ItemResult()]),
        OperationResult(code=1, reason="PROOF_INVALID", noop=True),
    ]
    assert len({result_data([variant]) for variant in variants} | {result_data([plain])}) == 6
    assert result_data([plain, plain]) == result_data([plain]) * 2


def test_the_same_block_on_the_same_state_gives_the_same_rows_results_and_entries() -> None:
    world = World(validators=1)
    for number in range(5):
        world.hk.issue(world.hk.record(f"BL-{number}"))
    delivery = world.delivery(world.hk, world.unseen(world.hk))
    transactions = [
        world.sh.transaction(Operation(deliver=delivery), NOTHING, member="relayer"),
        world.sh.transaction(NOTHING),
    ]
    seen = []
    for ahead in (False, True):
        prepared = prepare(transactions)
        if ahead:
            assert world.sh.application.signature_tasks(world.sh.state, prepared)
        result, overlay = world.sh.application.execute(world.sh.state, 9, world.clock.now(), prepared, check_signature)
        seen.append((result, list(overlay.rows())))
    assert seen[0] == seen[1]
    assert len(seen[0][0].results[0].entries) == 5


def test_every_signature_of_a_delivery_is_checked_ahead() -> None:
    world = World(validators=4)
    for number in range(3):
        world.hk.issue(world.hk.record(f"BL-{number}"))
    delivery = world.delivery(world.hk, world.unseen(world.hk))
    raw = world.sh.transaction(Operation(deliver=delivery), member="relayer")
    prepared = world.sh.application.prepare([raw])
    ahead = set(world.sh.application.signature_tasks(world.sh.state, prepared))
    asked = []

    def check(*task: Any) -> None:
        asked.append(task)
        check_signature(*task)

    world.sh.application.execute(world.sh.state, 9, world.clock.now(), prepared, check)
    assert len(asked) >= 1 + 3 + 3
    assert set(asked) <= ahead


class NarrowState(MemoryState):
    """A state that, like a database, has no room for integers beyond 64 bits with a sign."""

    def prefetch(self, row_type: type[Row], keys: Iterable[Key]) -> None:
        """Refuse what a driver would refuse."""
        for key in keys:
            assert all(part < 2**63 for part in key if isinstance(part, int)), (row_type, key)


def test_rows_that_no_database_can_hold_are_never_asked_for(ledger: SimLedger) -> None:
    highest = 2**64 - 1
    written = RunItem(acknowledgement=WrittenAcknowledgement(sequence=highest, acknowledgement=b"\x08\x03"))
    runs = [EntryRun(proof_height=highest, items=[written])]
    raw = ledger.transaction(Operation(deliver=Delivery(client_id="sh-0", runs=runs)), member="relayer")
    state = NarrowState()
    ledger.application.prefetch(state, prepare([raw]))
