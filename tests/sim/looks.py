"""What tests look at: state as a value, outcomes as words."""

from __future__ import annotations

from bridge.ledger.rows import ROW_TYPES, Row
from bridge.ledger.state import State
from bridge.protocol.acknowledgements import decode_acknowledgement
from bridge.v1.packet_pb2 import Outcome
from bridge.v1.transaction_pb2 import ItemState, OperationResult


def everything(state: State) -> dict[type[Row], list[Row]]:
    """All rows, to assert that a refusal moved none."""
    return {row_type: list(state.scan(row_type, ())) for row_type in ROW_TYPES}


def verdict(acknowledgement: bytes) -> str:
    """ "ACCEPTED", "EXPIRED", or the code of a rejection."""
    decoded = decode_acknowledgement(acknowledgement)
    return decoded.code or Outcome.Name(decoded.outcome).removeprefix("OUTCOME_")


def states(result: OperationResult) -> list[str]:
    """Each item's state, or its reason when it was refused."""
    return [item.reason or ItemState.Name(item.state).removeprefix("ITEM_STATE_") for item in result.items]


def verdicts(result: OperationResult) -> list[str]:
    """Each item's outcome where it has one."""
    return [verdict(item.acknowledgement) for item in result.items if item.acknowledgement]
