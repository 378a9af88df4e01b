"""Limits inside messages: items, acknowledgements, acts, numbers that nothing holds; and answers that came too late."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from bridge.cargo.mapping import MAX_MAPPING_BYTES
from bridge.conformance.carriage import deliver, familiar, proven, sent_packet, state_name
from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, item_refused, refusal_of, refused, unmoved
from bridge.conformance.connection import CALL_SECONDS, call_bytes
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.ledger.prepared import MAX_OPAQUE_BYTES
from bridge.protocol.acknowledgements import MAX_ACKNOWLEDGEMENT_BYTES
from bridge.protocol.acts import MAX_ACT_BYTES
from bridge.protocol.members import MAX_SIGNED_BYTES
from bridge.v1 import admin_service_pb2 as admin
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import identifier_service_pb2 as identifiers
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.identifier_pb2 import SignedMapping
from bridge.v1.member_pb2 import SignedMember
from bridge.v1.packet_pb2 import OUTCOME_ACCEPTED, Acknowledgement
from bridge.v1.transaction_pb2 import EntryRun, RunItem, SignedAct
from bridge.wire import encode

_LEDGER = ("relayer", "relayer_key", "authority", "authority_key")

TOO_LARGE_NUMBERS = (2**63, 2**64 - 1)
"""Numbers that a request can carry and no store can hold."""


def _too_large(kit: Kit, call: Callable[[], object], message: str) -> None:
    with unmoved(kit):
        refused(call, Reason.LIMIT_EXCEEDED, code=grpc.StatusCode.RESOURCE_EXHAUSTED, message=message)


@case(
    "LIM-013",
    "MUST refuse an opaque item above 64 bytes, and its run with it",
    clauses=("DEL-7", "WIRE-4"),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def lim_013(kit: Kit) -> None:
    other = familiar(kit)
    (run,) = proven(kit, other, other.register_issuer())
    wrong = EntryRun()
    wrong.CopyFrom(run)
    wrong.items.append(RunItem(opaque=b"\x01" * (MAX_OPAQUE_BYTES + 1)))
    with unmoved(kit, other.client_id):
        packet, opaque = deliver(kit, other, [wrong])
        item_refused(opaque, Reason.LIMIT_EXCEEDED)
        item_refused(packet, Reason.PROOF_INVALID, message="a run with an item that cannot be read proves nothing")


@case(
    "LIM-015",
    "MUST refuse numbers that no ledger can hold, and fail at none",
    clauses=("GAT-5",),
    negative=True,
    needs=(*_LEDGER, "platform"),
)
def lim_015(kit: Kit) -> None:
    client_id = kit.shared().client_id
    with unmoved(kit, client_id):
        for number in TOO_LARGE_NUMBERS:
            for role, method, request in (
                ("relayer", "LedgerService/GetHeaders", api.GetHeadersRequest(trusted_height=number, heights=[1])),
                ("relayer", "LedgerService/GetHeaders", api.GetHeadersRequest(heights=[1, number])),
                ("relayer", "LedgerService/ListPackets", _packets(client_id, first_position=number)),
                ("relayer", "LedgerService/ListPackets", _packets(client_id, sequences=[number])),
                ("relayer", "LedgerService/ListPackets", _packets(client_id, sequences=[1, number], omit_bodies=True)),
                ("relayer", "LedgerService/ProveEntries", api.ProveEntriesRequest(first_position=number, count=1)),
                ("relayer", "LedgerService/ProveEntries", api.ProveEntriesRequest(count=1, proof_height=number)),
                ("relayer", "LedgerService/ListClients", api.ListClientsRequest(floor_height=number)),
                ("platform", "CargoService/GetRecord", cargo.GetRecordRequest(reference="KIT", version=number)),
                ("platform", "CargoService/ExportBundle", _bundle(number)),
            ):
                refused(
                    lambda r=role, m=method, q=request: kit.call_bytes(f"bridge.v1.{m}", encode(q), r),  # type: ignore[misc]
                    Reason.INVALID_FIELD,
                    code=grpc.StatusCode.INVALID_ARGUMENT,
                    message=f"{method} with {number}",
                )


def _packets(client_id: str, **more: object) -> api.ListPacketsRequest:
    return api.ListPacketsRequest(client_id=client_id, **more)  # type: ignore[arg-type]


def _bundle(anchor_height: int) -> cargo.ExportBundleRequest:
    return cargo.ExportBundleRequest(record_id="KITCB-2026-000000001", anchor_height=anchor_height)


@case(
    "LIM-016",
    "MUST answer a record whose first answer came too late with the first result",
    clauses=("CAL-2", "ISS-2"),
    needs=(*_LEDGER, "platform", "seed"),
)
def lim_016(kit: Kit) -> None:
    """A deadline that passes says nothing about the outcome; whoever repeats the call must not issue twice."""
    other = kit.shared()
    issued = kit.issue(counterparty=other)
    next_sequence = kit.client(other.client_id).next_sequence
    data = encode(cargo.IssueRecordsRequest(records=[issued.item]))
    method = "bridge.v1.CargoService/IssueRecords"
    for seconds in (0.001, 0.003, CALL_SECONDS):
        try:
            answer = cargo.IssueRecordsResponse.FromString(
                call_bytes(kit.channel("platform"), method, data, seconds=seconds)
            )
        except grpc.RpcError as error:
            expect_equal(refusal_of(error).code, grpc.StatusCode.DEADLINE_EXCEEDED, "only the deadline ends the call")
    result = answer.results[0]
    expect_equal((result.local_record_id, result.sequence), (issued.record_id, issued.sequence), "the first result")
    expect(result.noop, "a repeated record is a NOOP", got=result, expected="noop")
    expect_equal(kit.client(other.client_id).next_sequence, next_sequence, "no packet was sent again")


@case(
    "LIM-017",
    "MUST refuse an acknowledgement above 2 KiB and leave its packet open",
    clauses=("ACK-1", "WIRE-4"),
    negative=True,
    needs=(*_LEDGER, "platform", "seed"),
)
def lim_017(kit: Kit) -> None:
    other = familiar(kit)
    sequence = kit.issue(counterparty=other).sequence
    large = Acknowledgement(outcome=OUTCOME_ACCEPTED, result=b"x" * MAX_ACKNOWLEDGEMENT_BYTES)
    (run,) = proven(kit, other, other.acknowledgement(sequence, encode(large)))
    with unmoved(kit, other.client_id):
        item_refused(deliver(kit, other, [run])[0], Reason.LIMIT_EXCEEDED)
    expect_equal(state_name(sent_packet(kit, other, sequence)), "COMMITTED", "the packet is open")


@case(
    "LIM-018",
    "MUST refuse acts, registrations and mappings above their sizes",
    clauses=("ACT-1", "MEM-1", "MAP-1"),
    negative=True,
    needs=("authority",),
)
def lim_018(kit: Kit) -> None:
    act = SignedAct(act=b"x" * (MAX_ACT_BYTES + 1))
    member = SignedMember(registration=b"x" * (MAX_SIGNED_BYTES + 1), signature=b"x")
    mapping = SignedMapping(mapping=b"x" * (MAX_MAPPING_BYTES + 1), signature=b"x")
    door = kit.admin()
    _too_large(kit, lambda: door.SetPause(admin.SetPauseRequest(act=act)), "the act is too large")
    _too_large(
        kit, lambda: door.RegisterMember(admin.RegisterMemberRequest(member=member)), "the registration is too large"
    )
    _too_large(
        kit,
        lambda: kit.identifier("authority").RegisterMapping(identifiers.RegisterMappingRequest(mapping=mapping)),
        "the mapping is too large",
    )
