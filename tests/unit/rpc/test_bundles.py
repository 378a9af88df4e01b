"""Proof bundles through the door: what they prove, from which anchor, and who is asked for one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.bundle.verify import verify_bundle
from bridge.conformance.issuing import transport_event as event
from bridge.errors import DecodeError, NotFoundError, PreconditionError, Reason
from bridge.ledger.rows import HOME, MemberRow
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1.proof_pb2 import ProofBundle
from tests.unit.rpc.pair import SIDES, refused

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize("side", SIDES)
async def test_its_bundle_verifies_offline_and_any_flipped_byte_does_not(pair, side):
    await pair.issue(side, event(f"bundle-{side}"))
    platform = pair.party(side, "platform").cargo
    newest = (await platform.list(cargo.ListRecordsRequest(page_size=1))).records[0]
    data = await platform.export_bundle(newest.local_record_id)
    bundle = ProofBundle.FromString(data)
    assert bundle.anchor.height == 0
    report = verify_bundle(data, bundle.anchor, pair.clock.now())
    assert report.accepted, report
    for at in range(0, len(data), 97):
        flipped = data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :]
        assert not verify_bundle(flipped, bundle.anchor, pair.clock.now()).accepted


@pytest.mark.parametrize("side", SIDES)
async def test_a_reader_pins_an_anchor_once_and_verifies_what_comes_later(pair, side):
    anchor = (await pair.party(side, "bank").ledger.info()).anchor
    result = (await pair.issue(side, event(f"pinned-{side}"))).results[0]
    data = await pair.party(side, "bank").cargo.export_bundle(result.local_record_id, anchor.height)
    report = verify_bundle(data, anchor, pair.clock.now())
    assert report.accepted, report
    assert not verify_bundle(data, ProofBundle.FromString(data).anchor.__class__(), pair.clock.now()).accepted


async def test_a_version_older_than_the_anchor_is_proven_where_a_log_keeps_it(pair):
    for side, provable in (("hk", True), ("sh", False)):
        result = (await pair.issue(side, event(f"older-{side}"))).results[0]
        await pair.issue(side, event(f"newer-{side}"))
        anchor = (await pair.party(side, "bank").ledger.info()).anchor
        export = pair.party(side, "bank").cargo.export_bundle(result.local_record_id, anchor.height)
        if provable:
            assert verify_bundle(await export, anchor, pair.clock.now()).accepted
        else:
            await refused(export, PreconditionError, Reason.HEIGHT_NOT_FOUND)


async def test_a_bundle_of_the_other_sides_record_names_whom_to_ask(pair):
    result = (await pair.issue("hk", event("away"))).results[0]
    await pair.settle()
    error = await refused(
        pair.party("sh", "bank").cargo.export_bundle(result.local_record_id), PreconditionError, Reason.RECORD_NOT_HOME
    )
    assert error.facts == {"home_ledger_id": "hk-trade-1", "home_record_id": result.local_record_id}
    bank = pair.party("sh", "bank").cargo
    await refused(bank.export_bundle("SHCB-2026-999999999"), NotFoundError, Reason.RECORD_NOT_FOUND)
    await refused(bank.export_bundle(""), DecodeError, Reason.FIELD_REQUIRED)
    await refused(bank.export_bundle("x" * 65), DecodeError, Reason.INVALID_FIELD)
    await refused(
        pair.party("hk", "bank").cargo.export_bundle(result.local_record_id, 10**9),
        NotFoundError,
        Reason.HEIGHT_NOT_FOUND,
    )


async def test_a_bundle_finds_its_issuer_where_another_counterparty_was_told_of_it_later(pair):
    result = (await pair.issue("hk", event("two-clients"))).results[0]
    node = pair.adapters["hk"].node
    member = await node.ask(node.queries.get, MemberRow, (HOME, "victoria-harbour"))
    assert member is not None
    # The sequence that another client's announcement had: here it is the record's own packet.
    strange = replace(member, packet_sequence=result.sequence)
    many = node.queries.many

    def with_strange(row, keys):
        return [strange] if row is MemberRow else many(row, keys)

    node.queries.many = with_strange
    try:
        data = await pair.party("hk", "bank").cargo.export_bundle(result.local_record_id)
    finally:
        del node.queries.many
    assert verify_bundle(data, ProofBundle.FromString(data).anchor, pair.clock.now()).accepted
