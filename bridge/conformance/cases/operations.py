"""OPS cases: health, reflection, errors, and what a stop, a power cut and a restart may take away: nothing answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from bridge.conformance.carriage import familiar, record_packet
from bridge.conformance.case import case
from bridge.conformance.checks import Failed, expect, expect_equal, fail, item_applied, item_noop, refused, unmoved
from bridge.conformance.connection import first_messages
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.issuing import item_of, prepare
from bridge.conformance.kit import Kit
from bridge.conformance.updates import freeze, state_of
from bridge.errors import Reason
from bridge.rpc.errors import DOMAIN, STATUS_DETAILS_KEY
from bridge.v1 import cargo_service_pb2 as cargo_api
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import Delivery, Operation

SERVICES = tuple(f"bridge.v1.{name}Service" for name in ("Ledger", "Cargo", "Identifier", "Admin"))
"""What a ledger serves."""

STREAM_SECONDS = 30
"""Deadline of a stream that a restart is to end, in seconds."""

CALLS_BEFORE_KILL = 8
"""Deliveries under way when the power goes."""

_DELIVERY = ("authority", "authority_key", "relayer", "relayer_key")


@case("OPS-001", "MUST say that it serves, overall and for every service", clauses=("SRV-3", "ADP-4"))
def ops_001(kit: Kit) -> None:
    """What a load balancer asks."""
    health: Any = health_pb2_grpc.HealthStub(kit.channel(kit.any_role))
    for service in ("", *SERVICES):
        status = health.Check(health_pb2.HealthCheckRequest(service=service)).status
        expect_equal(status, health_pb2.HealthCheckResponse.SERVING, f"health of {service or 'the whole'}")


@case("OPS-002", "MUST refuse the health of a service that it does not have", clauses=("SRV-3",), negative=True)
def ops_002(kit: Kit) -> None:
    """A probe with a slip in its name must not read SERVING."""
    health: Any = health_pb2_grpc.HealthStub(kit.channel(kit.any_role))
    request = health_pb2.HealthCheckRequest(service="bridge.v1.NoService")
    with unmoved(kit):
        refused(lambda: health.Check(request), code=grpc.StatusCode.NOT_FOUND)


@case("OPS-003", "MUST stream its health, beginning with how it stands", clauses=("SRV-3",))
def ops_003(kit: Kit) -> None:
    """A watcher must not have to wait for a change to learn anything."""
    health: Any = health_pb2_grpc.HealthStub(kit.channel(kit.any_role))
    found = first_messages(health.Watch(health_pb2.HealthCheckRequest()), 1)
    expect_equal([each.status for each in found], [health_pb2.HealthCheckResponse.SERVING], "the first message")


@case(
    "OPS-004",
    "MUST refuse reflection to a role that does not name it",
    clauses=("GAT-1", "SRV-1", "ROL-1"),
    negative=True,
    needs=("relayer",),
)
def ops_004(kit: Kit) -> None:
    """Reflection is a service like any other: behind the gate."""
    with unmoved(kit):
        refused(lambda: _reflect(kit, "relayer"), Reason.CALLER_NOT_ALLOWED)


@case(
    "OPS-005",
    "SHOULD refuse reflection to everybody unless it was switched on",
    clauses=("SRV-1",),
    negative=True,
    needs=("operator",),
)
def ops_005(kit: Kit) -> None:
    """A production ledger has no use for it."""
    with unmoved(kit):
        refused(lambda: _reflect(kit, "operator"), Reason.METHOD_UNKNOWN, code=grpc.StatusCode.UNIMPLEMENTED)


@case(
    "OPS-006",
    "MUST refuse a method that it does not have, and say so in its own words",
    clauses=("GAT-1", "RPC-1"),
    negative=True,
)
def ops_006(kit: Kit) -> None:
    """Strangers' method names must reach no code; which of the two reasons depends on the role table alone."""
    with unmoved(kit):
        for method in ("bridge.v1.LedgerService/Destroy", "bridge.v2.LedgerService/GetLedgerInfo", "nobody/knows"):
            call = partial(kit.call_bytes, method, b"")
            refused(call, Reason.CALLER_NOT_ALLOWED, Reason.METHOD_UNKNOWN)


@case(
    "OPS-007",
    "MUST end every refusal with a status that agrees with its code and exactly one ErrorInfo of its domain",
    clauses=("RPC-2", "RPC-1"),
    negative=True,
)
def ops_007(kit: Kit) -> None:
    """Clients act on the reason; text is for people."""
    ledger = kit.ledger(kit.any_role)
    unknown = kit.session.fresh_name("nobody")
    calls: list[Callable[[], object]] = [
        lambda: ledger.ListPackets(api.ListPacketsRequest(client_id=unknown)),
        lambda: ledger.GetHeaders(api.GetHeadersRequest()),
        lambda: ledger.ListClients(api.ListClientsRequest(page_size=-1)),
        lambda: kit.call_bytes("bridge.v1.LedgerService/Destroy", b""),
    ]
    with unmoved(kit):
        for call in calls:
            _require_one_error_info(call)


@case(
    "OPS-008",
    "MUST keep clients, packets and records through a restart",
    clauses=("ADP-2", "SEQ-5", "STO-2"),
    needs=(*_DELIVERY, "platform", "restart", "seed"),
)
def ops_008(kit: Kit) -> None:
    """An orderly stop loses nothing."""
    other = familiar(kit)
    kit.issue(counterparty=other)
    before = kit.snapshot(other.client_id)
    kit.restart()
    expect_equal(kit.snapshot(other.client_id), before, "what was visible before the restart")


@case(
    "OPS-009",
    "MUST keep every delivery that it answered when the power goes",
    clauses=("SEQ-1", "STO-2", "RECV-2"),
    needs=(*_DELIVERY, "kill"),
)
def ops_009(kit: Kit) -> None:
    """An answer is a promise: the relayer forgets what was answered."""
    other = familiar(kit)
    written = other.commit(record_packet(kit, other))[0]
    first = kit.carry(other, written)
    item_applied(first.items[0])
    before = kit.snapshot(other.client_id)
    kit.kill()
    expect_equal(kit.snapshot(other.client_id), before, "what was visible before the power cut")
    again = kit.carry(other, written)
    item_noop(again.items[0])
    expect_equal(again.items[0].acknowledgement, first.items[0].acknowledgement, "the first outcome")


@case(
    "OPS-010",
    "MUST keep every record that it answered when the power goes, and answer it the same again",
    clauses=("SEQ-1", "BAT-1"),
    needs=(*_DELIVERY, "platform", "seed", "kill"),
)
def ops_010(kit: Kit) -> None:
    """A platform repeats a call whose answer it may have missed."""
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    kit.kill()
    again = kit.cargo().IssueRecords(cargo_api.IssueRecordsRequest(records=[issued.item])).results[0]
    expect(again.noop, "the repeated record is known", got=again.reason or "issued anew", expected="noop")
    expect_equal((again.local_record_id, again.sequence), (issued.record_id, issued.sequence), "the first answer")


@case(
    "OPS-011",
    "MUST sign no second history after a power cut: the same header at every height it had",
    clauses=("STO-1", "EMB-1"),
    needs=(*_DELIVERY, "kill"),
)
def ops_011(kit: Kit) -> None:
    """Two headers at one height would freeze every client of this ledger."""
    kit.counterparty()
    ledger = kit.ledger()
    before = kit.info
    heights = list(range(max(2, before.height - 3), before.height + 1))
    request = api.GetHeadersRequest(trusted_height=heights[0] - 1, heights=heights)
    served = list(ledger.GetHeaders(request).headers)
    kit.kill()
    after = kit.info
    expect(after.height >= before.height, "no signed height is lost", got=after.height, expected=f">= {before.height}")
    expect_equal(list(ledger.GetHeaders(request).headers), served, "the headers it had served")
    if after.height == before.height:
        expect_equal(after.anchor.header_hash, before.anchor.header_hash, "the newest header")


@case(
    "OPS-012",
    "MUST tell blocks without a gap to a watcher that comes back after a restart",
    clauses=("LED-3", "EMB-1"),
    needs=(*_DELIVERY, "restart"),
)
def ops_012(kit: Kit) -> None:
    """Relayers resume from the last height they saw."""
    kit.counterparty()
    seen = kit.info.height
    kit.restart()
    kit.counterparty()
    newest = kit.info.height
    start = max(0, seen - 2)
    request = api.WatchBlocksRequest(after_height=start)
    found = [each.height for each in first_messages(kit.ledger().WatchBlocks(request), newest - start)]
    expect_equal(found, list(range(start + 1, newest + 1)), "the heights told")


@case(
    "OPS-013",
    "MUST end a watch when it stops, so that the watcher goes elsewhere at once",
    clauses=("ADM-3", "SEQ-4"),
    negative=True,
    needs=("relayer", "restart"),
)
def ops_013(kit: Kit) -> None:
    """A stream that only hangs looks like a ledger without news."""
    stream = kit.ledger().WatchBlocks(api.WatchBlocksRequest(after_height=kit.info.height), timeout=STREAM_SECONDS)
    kit.restart()

    def drain() -> None:
        for _ in stream:
            pass

    started = time.monotonic()
    refusal = refused(drain, Reason.LEDGER_STOPPING, Reason.LEDGER_UNAVAILABLE, message="the watch has ended")
    waited = time.monotonic() - started
    expect(waited < 1, "it ended with the ledger", got=f"{refusal} after {waited:.1f} s more", expected="before")


@case(
    "OPS-014",
    "MUST take what was under way when the power went exactly once",
    clauses=("SEQ-1", "RECV-3", "STO-2"),
    needs=(*_DELIVERY, "kill"),
)
def ops_014(kit: Kit) -> None:
    """Whoever got no answer sends again; the outcome is one, whether the first time counted or not."""
    other = familiar(kit)
    written = other.commit(*(record_packet(kit, other) for _ in range(CALLS_BEFORE_KILL)))
    headers, runs = other.delivery(*written, trusted_height=kit.client(other.client_id).latest_height)
    kit.deliver(other, headers=headers)
    calls = [_deliver_soon(kit, other, runs) for _ in range(CALLS_BEFORE_KILL)]
    kit.kill()
    for call in calls:
        call.exception()
    first = [item.acknowledgement for item in kit.deliver(other, runs=runs).items]
    second = kit.deliver(other, runs=runs).items
    for item in second:
        item_noop(item)
    expect_equal([item.acknowledgement for item in second], first, "the outcomes")
    expect(all(first), "every packet has an outcome", got=sum(map(bool, first)), expected=len(first))
    page = api.ListPacketsRequest(client_id=other.client_id, sequences=[each.sequence for each in written])
    kinds = [item.kind for item in kit.ledger().ListPackets(page).items]
    expect_equal(kinds.count(api.PACKET_KIND_ACKNOWLEDGEMENT), len(written), "one acknowledgement for each packet")


@case(
    "OPS-015",
    "MUST keep a client frozen through a power cut",
    clauses=("MIS-4", "STO-2"),
    negative=True,
    needs=(*_DELIVERY, "kill"),
)
def ops_015(kit: Kit) -> None:
    """Otherwise a thief of validator keys only needs a power cut."""
    other = kit.counterparty()
    freeze(kit, other)
    kit.kill()
    expect_equal(state_of(kit, other), "FROZEN", "the client's state")
    trusted = kit.client(other.client_id).latest_height
    header = other.update(other.advance(), trusted)
    with unmoved(kit, other.client_id):
        answer = kit.deliver(other, headers=[header])
        expect_equal(
            [result.reason for result in answer.headers], [Reason.CLIENT_FROZEN], "a header to a frozen client"
        )


@case(
    "OPS-016",
    "MUST refuse the same things after a restart as before it",
    clauses=("APP-6", "ADP-2"),
    negative=True,
    needs=(*_DELIVERY, "platform", "seed", "restart"),
)
def ops_016(kit: Kit) -> None:
    """A version that stands may not be issued with other content because a cache was lost."""
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    kit.restart()
    changed = prepare(kit, issued.prepared.document, other)
    with unmoved(kit, other.client_id):
        request = cargo_api.IssueRecordsRequest(records=[item_of(kit, changed, other)])
        result = kit.cargo().IssueRecords(request).results[0]
        expect_equal(result.reason, Reason.VERSION_CONFLICT, "another version 1 of the same record")


def _reflect(kit: Kit, role: str) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(kit.channel(role))
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    for _ in stub.ServerReflectionInfo(iter([request]), timeout=STREAM_SECONDS):
        return


def _deliver_soon(kit: Kit, other: Counterparty, runs: list[Any]) -> Any:
    """A delivery under way."""
    transaction = kit.transaction([Operation(deliver=Delivery(client_id=other.client_id, runs=runs))])
    return kit.ledger().Deliver.future(api.DeliverRequest(transaction=transaction))


def _require_one_error_info(call: Callable[[], object]) -> None:
    """Failed unless the call is refused with one well-formed google.rpc.Status."""
    try:
        call()
    except grpc.RpcError as error:
        raised: Any = error
    else:
        fail("the call is refused", got="OK", expected="a refusal")
    found = [value for key, value in raised.trailing_metadata() or () if key == STATUS_DETAILS_KEY]
    if len(found) != 1:
        raise Failed("one status in the trailers", got=f"{raised.code().name} with {len(found)}", expected="one")
    status = status_pb2.Status.FromString(found[0])
    infos = [detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    expect_equal(len(infos), 1, "ErrorInfo in the status")
    expect_equal(status.code, raised.code().value[0], "the code in the status")
    info = error_details_pb2.ErrorInfo()
    infos[0].Unpack(info)
    expect_equal(info.domain, DOMAIN, "the domain of the ErrorInfo")
    expect(info.reason in set(Reason), "a reason that clients know", got=info.reason, expected="one of docs/errors.md")
