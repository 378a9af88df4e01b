"""Packets that a quorum committed to and whose payload does not stand: REJECTED with a code, effects dropped, once."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.crypto.keys import generate_signer
from bridge.crypto.signing import Domain, sign_bytes
from bridge.ledger.rows import KeyRow, MappingRow, MemberRow, RecordRow, VersionRow
from bridge.protocol.packets import PacketState
from bridge.protocol.ports import encode_payload
from bridge.v1.cargo_pb2 import RECORD_ACT_VOIDED, RecordPayload
from bridge.v1.identifier_pb2 import MAPPING_STATE_REGISTERED, MAPPING_STATE_REVOKED, Identifier, Mapping, SignedMapping
from bridge.v1.member_pb2 import MEMBER_ROLE_ISSUER, MEMBER_ROLE_READER, MEMBER_STATE_REVOKED
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import Operation
from bridge.wire import encode, timestamp_of
from tests.sim.harness import START, SimLedger, World, registration, sign_member
from tests.sim.looks import everything, states, verdicts
from tests.sim.records import Issuer, Record, make_record
from tests.sim.rogue import commit_rogue, rogue_packet


@pytest.fixture
def world() -> World:
    return World()


def carry(world: World, *packets: Packet) -> list[str]:
    """Commit to packets on Hong Kong, deliver them, and see how each ended on both sides."""
    sequences = commit_rogue(world.hk, *packets)
    result = world.deliver(world.hk, world.delivery(world.hk, world.unseen(world.hk)))
    ended = verdicts(result)
    world.settle()
    for sequence, verdict in zip(sequences, ended, strict=True):
        state = next(p.state for p in world.hk.packets() if p.sequence == sequence)
        assert state == (PacketState.ACCEPTED if verdict == "ACCEPTED" else PacketState.REJECTED)
    assert world.hk.client().pending_count == 0
    return ended


def effects(ledger: SimLedger) -> list[Any]:
    """Rows of applications: what a rejected payload must not move."""
    rows = everything(ledger.state)
    return [rows[kind] for kind in (MemberRow, KeyRow, MappingRow, RecordRow, VersionRow)]


def altered(record: Record, **over: Any) -> bytes:
    payload = RecordPayload.FromString(record.payload)
    for field, value in over.items():
        setattr(payload, field, value)
    return encode(payload)


def bad_records(hk: SimLedger) -> dict[str, tuple[bytes, str]]:
    """Payloads by name, each with the code it must be rejected with."""
    good = hk.record("BL-1")
    stranger = generate_signer(hk.suite_id)
    disclosure = RecordPayload.FromString(hk.record("BL-1", disclosed=("/carrierCode",)).payload).disclosure
    wrong_salt = RecordPayload.FromString(good.payload)
    wrong_salt.disclosure.leaves[0].salt = b"\1" * 32
    extra_hash = RecordPayload.FromString(good.payload)
    extra_hash.disclosure.hidden_hashes.append(b"\1" * 32)
    mixed = RecordPayload.FromString(hk.record("BL-2").payload)
    mixed.disclosure.CopyFrom(disclosure)
    unknown_member = Issuer(hk.ledger_id, hk.suite_id, "nobody", "k1", stranger)
    unknown_key = Issuer(hk.ledger_id, hk.suite_id, "carrier", "k9", stranger)
    no_issuer = Issuer(hk.ledger_id, hk.suite_id, "platform", "k1", hk.keys["platform"])
    forged = Issuer(hk.ledger_id, hk.suite_id, "carrier", "k1", stranger)
    foreign = Issuer("sh-trade-1", hk.suite_id, "carrier", "k1", hk.keys["carrier"])
    return {
        "unknown member": (make_record(unknown_member, "BL-1").payload, "ISSUER_UNKNOWN"),
        "unknown key": (make_record(unknown_key, "BL-1").payload, "ISSUER_UNKNOWN"),
        "member without the role": (make_record(no_issuer, "BL-1").payload, "ROLE_MISSING"),
        "forged signature": (make_record(forged, "BL-1").payload, "SIGNATURE_INVALID"),
        "signature of another statement": (
            altered(good, signature=RecordPayload.FromString(hk.record("BL-2").payload).signature),
            "SIGNATURE_INVALID",
        ),
        "another ledger's record": (make_record(foreign, "BL-1").payload, "LEDGER_ID_MISMATCH"),
        "changed salt": (encode(wrong_salt), "DOCUMENT_ROOT_MISMATCH"),
        "superfluous hash": (encode(extra_hash), "DISCLOSURE_INVALID"),
        "leaves of another document": (encode(mixed), "DOCUMENT_ROOT_MISMATCH"),
        "no statement": (altered(good, statement=b""), "FIELD_REQUIRED"),
        "no payload": (b"\xff\xff", "MALFORMED_MESSAGE"),
        "unknown field": (good.payload + b"\x78\x01", "MALFORMED_MESSAGE"),
        "statement with an unknown field": (
            altered(good, statement=RecordPayload.FromString(good.payload).statement + b"\x98\x06\x01"),
            "MALFORMED_MESSAGE",
        ),
        "first version that voids": (make_record(hk.issuer, "BL-1", act=RECORD_ACT_VOIDED).payload, "INVALID_FIELD"),
    }


NAMES = sorted(bad_records(World(paired=False, validators=1).hk))


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_record_is_rejected_with_its_code_and_leaves_nothing(world: World, name: str) -> None:
    payload, code = bad_records(world.hk)[name]
    before = effects(world.sh)
    assert carry(world, rogue_packet(world.hk, payload)) == [code]
    assert effects(world.sh) == before
    assert [receipt.outcome for receipt in world.sh.receipts()][-1] == 2


def test_there_are_fourteen_bad_records() -> None:
    assert len(NAMES) == 14


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"destination_port": "title", "source_port": "title"}, "PORT_UNKNOWN"),
        ({"source_port": "member"}, "PORT_UNKNOWN"),
        ({"destination_port": "Cargo"}, "INVALID_IDENTIFIER"),
        ({"version": "cargo-9"}, "PAYLOAD_VERSION_UNKNOWN"),
        ({"encoding": "application/json"}, "INVALID_FIELD"),
        ({"value": b""}, "FIELD_REQUIRED"),
        ({"payloads": []}, "INVALID_FIELD"),
        ({"payloads": [encode_payload("cargo", b"a"), encode_payload("cargo", b"b")]}, "INVALID_FIELD"),
    ],
)
def test_a_packet_without_a_route_is_rejected(world: World, over: dict[str, Any], code: str) -> None:
    before = effects(world.sh)
    assert carry(world, rogue_packet(world.hk, world.hk.record("BL-1").payload, **over)) == [code]
    assert effects(world.sh) == before


def test_one_bad_packet_does_not_sink_its_neighbours(world: World) -> None:
    good = [rogue_packet(world.hk, world.hk.record(f"BL-{n}").payload) for n in (1, 2)]
    assert carry(world, good[0], rogue_packet(world.hk, b"\xff"), good[1]) == [
        "ACCEPTED",
        "MALFORMED_MESSAGE",
        "ACCEPTED",
    ]
    assert len(world.sh.records()) == 2


def test_a_packet_that_cannot_be_read_is_refused_and_stays_open(world: World) -> None:
    packet = rogue_packet(world.hk, b"value", timeout_seconds=0)
    commit_rogue(world.hk, packet)
    result = world.deliver(world.hk, world.delivery(world.hk, world.unseen(world.hk)))
    assert states(result)[-1] == "INVALID_FIELD"
    assert not [receipt for receipt in world.sh.receipts() if receipt.sequence == packet.sequence]


@pytest.mark.parametrize("what", ["member", "key"])
def test_a_revoked_issuer_is_rejected_on_arrival_and_refused_at_home(world: World, what: str) -> None:
    sent = world.hk.record("BL-1")
    world.hk.issue(sent)
    early = world.unseen(world.hk)
    key = generate_signer(world.hk.suite_id)
    over: dict[str, Any] = {"state": MEMBER_STATE_REVOKED} if what == "member" else {}
    keys = [] if what == "member" else [("k2", key)]
    member = registration(world.hk.ledger_id, "carrier", [MEMBER_ROLE_ISSUER], keys, 2, **over)
    (result,) = world.hk.submit(Operation(register_member=sign_member(world.hk.authority, member)))
    assert result.code == 0
    late = [entry for entry in world.unseen(world.hk) if entry not in early]
    world.deliver(world.hk, world.delivery(world.hk, late))
    assert verdicts(world.deliver(world.hk, world.delivery(world.hk, early))) == ["ISSUER_REVOKED"]
    assert not world.sh.records()
    refused = world.hk.issue(world.hk.record("BL-2"))
    assert (refused.code, refused.reason) == (1, "ISSUER_REVOKED")
    if what == "key":
        world.settle()
        renewed = make_record(Issuer(world.hk.ledger_id, world.hk.suite_id, "carrier", "k2", key), "BL-3")
        assert world.hk.issue(renewed).code == 0
        world.settle()
        assert [row.reference for row in world.sh.records()] == ["BL-3"]


@pytest.mark.parametrize(
    ("order", "verdict"), [((0, 1), ["ACCEPTED", "VERSION_CONFLICT"]), ((1, 0), ["ACCEPTED", "VERSION_CONFLICT"])]
)
def test_two_contents_of_one_version_never_both_stand(world: World, order: tuple[int, int], verdict: list[str]) -> None:
    contents = [world.hk.record("BL-1"), world.hk.record("BL-1", secret="another")]
    packets = [rogue_packet(world.hk, contents[index].payload) for index in order]
    assert carry(world, *packets) == verdict
    (row,) = world.sh.state.scan(VersionRow, ())
    assert row.digest == contents[order[0]].digest


def test_the_same_version_under_two_sequences_is_one_record(world: World) -> None:
    payload = world.hk.record("BL-1").payload
    assert carry(world, rogue_packet(world.hk, payload), rogue_packet(world.hk, payload)) == ["ACCEPTED", "ACCEPTED"]
    assert len(world.sh.state.scan(VersionRow, ())) == 1


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((1, 2), ["ACCEPTED", "VERSION_CONFLICT"]),
        ((2, 1), ["ACCEPTED", "VERSION_CONFLICT"]),
        ((4, 3), ["ACCEPTED", "VERSION_CONFLICT"]),
        ((3, 4), ["ACCEPTED", "RECORD_VOIDED"]),
    ],
    ids=["unchained after", "unchained before", "void that is not last", "after a void"],
)
def test_neighbours_that_do_not_chain_conflict(world: World, order: tuple[int, int], expected: list[str]) -> None:
    hk = world.hk
    other = hk.record("BL-1", secret="other")
    versions = {
        1: hk.record("BL-1"),
        2: hk.record("BL-1", 2, other.digest),
        3: hk.record("BL-1", 3, b"\7" * 32, act=RECORD_ACT_VOIDED),
        4: hk.record("BL-1", 5, b"\7" * 32),
    }
    assert carry(world, *(rogue_packet(hk, versions[n].payload) for n in order)) == expected
    assert len(world.sh.state.scan(VersionRow, ())) == 1


def mapping(
    ledger: SimLedger, home: str, counterparty: str, revision: int = 1, state: int = MAPPING_STATE_REGISTERED
) -> bytes:
    """A signed mapping between a party code here and one there."""
    body = encode(
        Mapping(
            ledger_id=ledger.ledger_id,
            revision=revision,
            state=state,  # type: ignore[arg-type]
            home=Identifier(scheme="member", value=home),
            counterparty=Identifier(scheme="member", value=counterparty),
            registration_time=timestamp_of(START),
        )
    )
    signature = ledger.authority.sign(sign_bytes(Domain.MAPPING, ledger.ledger_id, body))
    return encode(SignedMapping(mapping=body, signature=signature))


def test_a_mapping_is_known_on_both_sides_until_it_is_revoked(world: World) -> None:
    (made,) = world.hk.submit(Operation(register_mapping=mapping(world.hk, "harbour", "gangkou")))
    assert (made.code, made.sequence) == (0, 4)
    world.settle()
    for ledger, side, value, other in (
        (world.hk, "home", "harbour", "gangkou"),
        (world.sh, "counterparty", "harbour", "gangkou"),
        (world.sh, "home", "gangkou", "harbour"),
    ):
        row = ledger.state.get(MappingRow, (side, "member", value))
        assert row is not None
        assert (row.other_value, row.state) == (other, MAPPING_STATE_REGISTERED)
    rows = everything(world.hk.state)
    (again,) = world.hk.submit(Operation(register_mapping=mapping(world.hk, "harbour", "gangkou")))
    assert (again.noop, everything(world.hk.state)) == (True, rows)
    world.hk.submit(Operation(register_mapping=mapping(world.hk, "harbour", "gangkou", 2, MAPPING_STATE_REVOKED)))
    world.settle()
    assert {row.state for row in world.sh.state.scan(MappingRow, ())} == {MAPPING_STATE_REVOKED}


def test_a_mapping_conflict_is_refused_at_home_and_rejected_abroad(world: World) -> None:
    world.sh.submit(Operation(register_mapping=mapping(world.sh, "gangkou", "harbour")))
    before = effects(world.sh)
    assert world.hk.submit(Operation(register_mapping=mapping(world.hk, "harbour", "waitan")))[0].code == 0
    (refused,) = world.hk.submit(Operation(register_mapping=mapping(world.hk, "harbour", "pudong", 2)))
    assert (refused.code, refused.reason) == (1, "MAPPING_CONFLICT")
    result = world.deliver(world.hk, world.delivery(world.hk, world.unseen(world.hk)))
    assert verdicts(result) == ["MAPPING_CONFLICT"]
    assert effects(world.sh) == before
    assert verdicts(world.deliver(world.sh, world.delivery(world.sh, world.unseen(world.sh)[:1]))) == [
        "MAPPING_CONFLICT"
    ]


@pytest.mark.parametrize(
    ("revision", "signer", "reason"),
    [(2, "authority", "REVISION_CONFLICT"), (1, "platform", "SIGNATURE_INVALID")],
)
def test_a_mapping_out_of_turn_or_not_by_the_authority_is_refused(
    world: World, revision: int, signer: str, reason: str
) -> None:
    signed = SignedMapping.FromString(mapping(world.hk, "harbour", "gangkou", revision))
    if signer != "authority":
        signed.signature = world.hk.keys[signer].sign(sign_bytes(Domain.MAPPING, world.hk.ledger_id, signed.mapping))
    rows = everything(world.hk.state)
    (result,) = world.hk.submit(Operation(register_mapping=encode(signed)))
    assert (result.code, result.reason) == (1, reason)
    assert everything(world.hk.state) == rows


def member(ledger: SimLedger, revision: int = 1, key_id: str = "k1", seed: str = "", **over: Any) -> bytes:
    key = ledger.keys.setdefault(f"bank-{key_id}{seed}", generate_signer(ledger.suite_id))
    made = registration(ledger.ledger_id, "bank", [MEMBER_ROLE_READER], [(key_id, key)], revision, **over)
    return sign_member(ledger.authority, made)


def test_a_member_and_its_revisions_are_known_on_the_other_side(world: World) -> None:
    for revision, key_id in ((1, "k1"), (2, "k2")):
        (made,) = world.hk.submit(Operation(register_member=member(world.hk, revision, key_id)))
        assert made.code == 0
        row = world.hk.state.get(MemberRow, ("", "bank"))
        assert row is not None
        assert row.packet_sequence == made.sequence == 3 + revision
    world.settle()
    there = world.sh.state.get(MemberRow, ("hk-0", "bank"))
    keys = [(key.key_id, key.revoked) for key in world.sh.state.scan(KeyRow, ("hk-0", "bank"))]
    assert there is not None
    assert (there.revision, keys) == (2, [("k1", True), ("k2", False)])


def test_a_late_revision_of_a_member_changes_nothing(world: World) -> None:
    for revision, key_id in ((1, "k1"), (2, "k2")):
        world.hk.submit(Operation(register_member=member(world.hk, revision, key_id)))
    first, second = world.unseen(world.hk)
    assert verdicts(world.deliver(world.hk, world.delivery(world.hk, [second]))) == ["ACCEPTED"]
    before = effects(world.sh)
    assert verdicts(world.deliver(world.hk, world.delivery(world.hk, [first]))) == ["ACCEPTED"]
    assert effects(world.sh) == before


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (lambda w: member(w.hk, 1, "k1", "other"), "REVISION_CONFLICT"),
        (lambda w: member(w.hk, 2, "k1", "other"), "INVALID_PUBLIC_KEY"),
        (lambda w: member(w.sh, 2), "LEDGER_ID_MISMATCH"),
        (lambda w: sign_member(w.sh.authority, registration(w.hk.ledger_id, "bank", [5], [], 2)), "SIGNATURE_INVALID"),
        (lambda _: b"\xff", "MALFORMED_MESSAGE"),
    ],
    ids=["another content", "a key id again", "another ledger", "another authority", "garbage"],
)
def test_a_bad_member_is_rejected(world: World, value: Any, code: str) -> None:
    world.hk.submit(Operation(register_member=member(world.hk)))
    world.settle()
    before = effects(world.sh)
    assert carry(world, rogue_packet(world.hk, value(world), "member")) == [code]
    assert effects(world.sh) == before
