"""Reads what a stored transaction did back from its bytes: its results, and the packets that acts of it closed."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.v1.transaction_pb2 import (
    ClosePacketsAct,
    Operation,
    OperationResult,
    SignedAct,
    Transaction,
    TransactionBody,
)


def applied_operations(submitted: bytes, data: bytes) -> Iterator[tuple[Operation, OperationResult]]:
    """Operations of an executed transaction that took effect just then, each with its result."""
    body = TransactionBody.FromString(Transaction.FromString(submitted).body)
    for operation, result in zip(body.operations, results_of(data), strict=True):
        if not result.code and not result.noop:
            yield operation, result


def closed_packets(operation: Operation) -> Iterator[tuple[str, int]]:
    """(client, sequence) of each packet that an applied operation closed without an acknowledgement."""
    if operation.WhichOneof("kind") == "close_packets":
        act = ClosePacketsAct.FromString(SignedAct.FromString(operation.close_packets).act)
        for packet in act.packets:
            yield act.client_id, packet.sequence


def results_of(data: bytes) -> list[OperationResult]:
    """Operation results from the bytes a transaction's results hash covers: each after its length in 4 bytes."""
    found: list[OperationResult] = []
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(OperationResult.FromString(data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found
