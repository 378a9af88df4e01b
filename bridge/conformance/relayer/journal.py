"""What a relayer did, read from the calls at both doors: deliveries item by item, and the order of its calls.

The grammar is that of any relayer that relies on nobody: it learns who a ledger is before it uses it, and delivers only
what a ledger proved to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.conformance.relayer.door import Call
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import ITEM_STATE_NOOP, ITEM_STATE_REFUSED, Delivery, TransactionBody

PACKET, ACKNOWLEDGEMENT = "packet", "acknowledgement"
"""Kinds of delivered items; opaque ones are not looked at."""


@dataclass(frozen=True, slots=True)
class Item:
    """One delivered packet or acknowledgement; `state` and `reason` are of the answer, 0 while there is none."""

    kind: str
    sequence: int
    state: int
    reason: str


@dataclass(frozen=True, slots=True)
class Made:
    """One delivery as it came through a door."""

    call: Call
    body: TransactionBody
    delivery: Delivery
    items: tuple[Item, ...]


def deliveries(calls: Iterable[Call]) -> list[Made]:
    """The deliveries among some calls."""
    return [_made(call) for call in calls if call.method == "Deliver"]


def delivered(made: Iterable[Made], kind: str) -> Counter[int]:
    """How often each sequence was delivered as a packet or as an acknowledgement."""
    return Counter(item.sequence for each in made for item in each.items if item.kind == kind)


def noops(made: Iterable[Made]) -> list[Item]:
    """Items that had taken effect before."""
    return [item for each in made for item in each.items if item.state == ITEM_STATE_NOOP]


def refusals(made: Iterable[Made]) -> list[Item]:
    """Items that were refused."""
    return [item for each in made for item in each.items if item.state == ITEM_STATE_REFUSED]


def violations(calls: Sequence[Call], other: Mapping[str, str]) -> list[str]:
    """Where calls of one start of a relayer break the grammar; `other` names each ledger's counterparty.

    identity first; then, before a delivery: the clients of its destination, each of its headers from the source's
    GetHeaders, each of its proofs from the source's ProveEntries.
    """
    seen: set[tuple[str, str]] = set()
    headers: set[bytes] = set()
    proofs: set[bytes] = set()
    found: list[str] = []
    for call in _in_order(calls):
        ledger = call.ledger_id
        if call.method != "GetLedgerInfo" and (ledger, "GetLedgerInfo") not in seen:
            found.append(f"{call.method} at {ledger} before it was asked who it is")
        if call.method == "Deliver":
            found += _unfounded(_made(call), seen, headers, proofs, other[ledger])
        seen.add((ledger, call.method))
        if call.answer is not None and call.method == "GetHeaders":
            headers.update(call.answer.headers)
        if call.answer is not None and call.method == "ProveEntries":
            proofs.update(run.proof for run in call.answer.runs)
    return found


def _unfounded(
    made: Made, seen: set[tuple[str, str]], headers: set[bytes], proofs: set[bytes], source: str
) -> Iterator[str]:
    """What a delivery holds that nobody gave the relayer."""
    ledger = made.call.ledger_id
    if (ledger, "ListClients") not in seen:
        yield f"Deliver at {ledger} before its clients were asked for"
    if any(header not in headers for header in made.delivery.headers):
        yield f"Deliver at {ledger} with a header that {source} did not give"
    if any(run.proof not in proofs for run in made.delivery.runs):
        yield f"Deliver at {ledger} with a proof that {source} did not give"


def _in_order(calls: Iterable[Call]) -> list[Call]:
    """Calls by when they were made; at both doors one clock tells that."""
    return sorted(calls, key=lambda call: call.at)


def _made(call: Call) -> Made:
    body = TransactionBody.FromString(call.request.transaction.body)
    delivery = body.operations[0].deliver if body.operations else Delivery()
    results = [(result.state, result.reason) for result in call.answer.items] if call.answer is not None else []
    items: list[Item] = []
    for index, item in enumerate(item for run in delivery.runs for item in run.items):
        state, reason = results[index] if index < len(results) else (0, "")
        if item.WhichOneof("item") == PACKET:
            items.append(Item(PACKET, Packet.FromString(item.packet).sequence, state, reason))
        elif item.WhichOneof("item") == ACKNOWLEDGEMENT:
            items.append(Item(ACKNOWLEDGEMENT, item.acknowledgement.sequence, state, reason))
    return Made(call, body, delivery, tuple(items))
