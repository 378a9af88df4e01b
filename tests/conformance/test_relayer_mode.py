"""Relayer mode: our own relayer passes every case, broken ones do not, and the order of calls is read rightly."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bridge.conformance.case import Mode, cases
from bridge.conformance.relayer.door import Call
from bridge.conformance.relayer.journal import delivered, deliveries, noops, refusals, violations
from bridge.conformance.relayer.mode import run_relayer_mode
from bridge.conformance.results import CaseResult, RunReport, Status
from bridge.conformance.runner import RunOptions
from bridge.errors import DecodeError, Reason
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import (
    ITEM_STATE_APPLIED,
    ITEM_STATE_NOOP,
    ITEM_STATE_REFUSED,
    Delivery,
    EntryRun,
    ItemResult,
    Operation,
    RunItem,
    Transaction,
    TransactionBody,
    WrittenAcknowledgement,
)

CASES = cases(Mode.RELAYER)
OTHER = {"a": "b", "b": "a"}

BROKEN = {
    # It calls without a deadline.
    "REL-008": """
import bridge.rpc.clients as clients
async def write(call, request, seconds):
    try:
        return await call(request)
    except clients.grpc.aio.AioRpcError as error:
        raise clients.error_from_rpc(error) from error
clients.write = write
""",
    # It gives up for good when a ledger goes away.
    "REL-026": """
import relayer.route as route
route.retry_if_exception_type = lambda kinds: lambda state: False
""",
    # It takes whoever answers for the ledger it was told of.
    "REL-030": """
from relayer.endpoint import Endpoint
old = Endpoint.info
async def info(self):
    self.ledger_id, kept = (await self._ledger.info()).ledger_id, self.ledger_id
    answer = await old(self)
    self.ledger_id = kept
    return answer
Endpoint.info = info
""",
    # It delivers whatever a page shows as pending, and remembers nothing.
    "REL-033": """
import relayer.route as route
from relayer.endpoint import Endpoint
old = route._waiting
def waiting(session, items):
    session.in_flight.clear()
    return old(session, items)
route._waiting = waiting
async def by_sequence(*arguments, **more):
    return ()
Endpoint.by_sequence = by_sequence
""",
    # It never looks at the age of a client.
    "REL-041": """
import relayer.route as route
route.refresh_due = lambda *arguments: False
""",
    # It goes on delivering to a client that takes nothing.
    "REL-044": """
import relayer.route as route
from relayer.endpoint import Endpoint
route._CLIENT_STANDS = frozenset()
async def require_active(*arguments):
    pass
Endpoint.require_active = require_active
""",
}
"""What a relayer does wrong, by the case that must catch it."""


def relayer(folder: Path, text: str = "") -> list[str]:
    """Our relayer with a few lines run before it starts."""
    path = folder / "relayer_under_test.py"
    path.write_text(f"{text}\nfrom relayer.main import main\nmain()\n")
    return [sys.executable, str(path), "start", "--config", "{config}"]


def run(command: list[str], pattern: str = "") -> RunReport:
    return run_relayer_mode(command, RunOptions(profile="all", pattern=pattern, seed=3))


def broken(report: RunReport) -> set[str]:
    return {result.case.id for result in report.results if result.status is not Status.PASS}


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 40
    assert sum(case.negative for case in CASES) > len(CASES) / 2


@pytest.mark.e2e
@pytest.mark.slow
def test_our_own_relayer_passes_every_case(tmp_path: Path) -> None:
    told: list[CaseResult] = []
    options = RunOptions(profile="all", seed=3, on_result=told.append)
    report = run_relayer_mode(relayer(tmp_path), options)
    assert [(result.case.id, result.message, result.got) for result in report.results if result.status != "pass"] == []
    assert [result.case for result in told] == [result.case for result in report.results] == list(CASES)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize("caught", sorted(BROKEN))
def test_a_broken_relayer_is_caught(tmp_path: Path, caught: str) -> None:
    assert broken(run(relayer(tmp_path, BROKEN[caught]), caught)) == {caught}


@pytest.mark.e2e
def test_a_relayer_that_ends_at_once_fails_at_once() -> None:
    begun = time.monotonic()
    report = run([sys.executable, "-c", "raise SystemExit('no')", "{config}"], "REL-001,REL-002,REL-003")
    assert broken(report) == {"REL-001", "REL-002", "REL-003"}
    assert "it says: no" in report.results[0].got
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("command", [[], ["relayer", "start"], ["no-such-program-here", "{config}"]])
def test_a_command_that_cannot_be_meant_is_wrong_usage(command: list[str]) -> None:
    with pytest.raises(DecodeError) as caught:
        run(command)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def call(ledger: str, method: str, at: float, request: Any = None, answer: Any = None) -> Call:
    return Call(at, ledger, method, "", request, 1.0, answer)


def delivery(headers: list[bytes], proof: bytes, items: list[RunItem] | None = None, states: Any = ()) -> Any:
    made = Delivery(client_id="c", headers=headers, runs=[EntryRun(proof=proof, items=items or [])])
    body = TransactionBody(member_id="m", operations=[Operation(deliver=made)]).SerializeToString()
    results = [ItemResult(state=state, reason=reason) for state, reason in states]
    return (
        api.DeliverRequest(transaction=Transaction(body=body)),
        api.DeliverResponse(items=results) if states else None,
    )


def sound() -> list[Call]:
    request, answer = delivery([b"h"], b"p")
    return [
        call("a", "GetLedgerInfo", 1),
        call("b", "GetLedgerInfo", 2),
        call("b", "ListClients", 3),
        call("a", "ProveEntries", 4, answer=api.ProveEntriesResponse(runs=[EntryRun(proof=b"p")])),
        call("a", "GetHeaders", 5, answer=api.GetHeadersResponse(headers=[b"h"])),
        call("b", "Deliver", 6, request, answer),
    ]


def test_calls_in_their_order_break_nothing() -> None:
    assert violations(sound(), OTHER) == []
    assert violations(list(reversed(sound())), OTHER) == []


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (0, "ProveEntries at a before it was asked who it is"),
        (2, "Deliver at b before its clients were asked for"),
        (3, "Deliver at b with a proof that a did not give"),
        (4, "Deliver at b with a header that a did not give"),
    ],
)
def test_a_call_that_is_missing_is_noticed(missing: int, said: str) -> None:
    calls = sound()
    del calls[missing]
    assert said in violations(calls, OTHER)


def test_items_are_counted_with_what_became_of_them() -> None:
    items = [
        RunItem(packet=Packet(sequence=4).SerializeToString()),
        RunItem(opaque=b"x"),
        RunItem(acknowledgement=WrittenAcknowledgement(sequence=9)),
        RunItem(packet=Packet(sequence=5).SerializeToString()),
    ]
    states = [
        (ITEM_STATE_APPLIED, ""),
        (ITEM_STATE_NOOP, ""),
        (ITEM_STATE_NOOP, ""),
        (ITEM_STATE_REFUSED, "PORT_PAUSED"),
    ]
    made = deliveries([call("b", "Deliver", 1, *delivery([], b"", items, states)), call("b", "ListClients", 2)])
    assert dict(delivered(made, "packet")) == {4: 1, 5: 1}
    assert [item.sequence for item in noops(made)] == [9]
    assert [(item.sequence, item.reason) for item in refusals(made)] == [(5, "PORT_PAUSED")]
