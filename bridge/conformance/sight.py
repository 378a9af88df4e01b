"""What is visible of the target's state, as plain values that can be compared before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_service_pb2 import ListRecordsRequest
from bridge.v1.ledger_service_pb2 import ClientState

if TYPE_CHECKING:
    from bridge.conformance.kit import Kit


NEWEST_RECORDS = 2
"""Records looked at: they are listed newest first, so one more is seen among the first; few, as it is done often."""


def snapshot(kit: Kit, client_ids: Sequence[str]) -> dict[str, object]:
    """Entry count, these clients and the newest records; a name for each value, so that a difference can be told."""
    seen: dict[str, object] = {"entries": kit.info.entry_count}
    for client_id in client_ids:
        answer = kit.ledger(kit.any_role).ListClients(api.ListClientsRequest(client_id=client_id))
        for client in answer.clients:
            seen |= _client(client)
    if "platform" in kit.target.roles:
        page = kit.cargo().ListRecords(ListRecordsRequest(page_size=NEWEST_RECORDS))
        seen["records"] = tuple(
            (each.home_ledger_id, each.local_record_id, each.version, each.packet_state) for each in page.records
        )
    return seen


def _client(client: api.ClientInfo) -> dict[str, object]:
    name = client.client_id
    return {
        f"{name} state": ClientState.Name(client.state),
        f"{name} latest height": client.latest_height,
        f"{name} latest header": client.latest_header_hash,
        f"{name} latest root": client.latest_root,
        f"{name} counterparty": client.counterparty_client_id,
        f"{name} next sequence": client.next_sequence,
        f"{name} pending": client.pending_count,
    }
