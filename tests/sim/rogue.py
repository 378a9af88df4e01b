"""A source ledger that commits to packets its application would refuse to send: its quorum signs them all the same."""

from __future__ import annotations

from dataclasses import replace

from bridge.clock import Nanos
from bridge.crypto.ports import SignatureCheck
from bridge.ledger.application import Application
from bridge.ledger.context import BlockContext
from bridge.ledger.prepared import Prepared
from bridge.ledger.rows import PacketRow
from bridge.ledger.state import Overlay, State
from bridge.ledger.types import KIND_PACKET, BlockResult, WrittenEntry
from bridge.light_client.types import Entry
from bridge.protocol.commitments import packet_commitment
from bridge.protocol.packets import PacketState
from bridge.protocol.paths import packet_path
from bridge.protocol.ports import encode_payload
from bridge.v1.packet_pb2 import Packet, Payload
from bridge.v1.transaction_pb2 import Operation
from bridge.wire import encode
from tests.sim.harness import HOUR, SimLedger


class RogueApplication(Application):
    """Executes honestly, then commits to whatever lies in `packets`."""

    def __init__(self, honest: Application) -> None:
        super().__init__(honest.config)
        self.packets: list[Packet] = []

    def execute(
        self, state: State, height: int, time: Nanos, prepared: Prepared, check: SignatureCheck
    ) -> tuple[BlockResult, Overlay]:
        """As Application.execute, with the rogue packets as further entries of the first transaction."""
        result, overlay = super().execute(state, height, time, prepared, check)
        if not self.packets or not result.results:
            return result, overlay
        ctx = BlockContext(self.config, overlay, height, time, check)
        for packet in self.packets:
            client = ctx.client(packet.source_client)
            packet.sequence = packet.sequence or client.next_sequence
            client.next_sequence += 1
            client.pending_count += 1
            client.dirty = True
            commitment = packet_commitment(ctx.suite.hash, packet)
            port = packet.payloads[0].source_port if packet.payloads else ""
            ctx.state.put(
                PacketRow(
                    packet.source_client, packet.sequence, commitment, port, PacketState.COMMITTED.value, b"", b"", 0
                )
            )
            entry = Entry(packet_path(packet.source_client, packet.sequence), commitment)
            body = encode(packet)
            ctx.entries.append(WrittenEntry(entry, KIND_PACKET, packet.source_client, packet.sequence, body, port))
        self.packets = []
        ctx.close()
        ctx.block.apply()
        first = replace(result.results[0], entries=(*result.results[0].entries, *ctx.entries))
        return replace(result, results=(first, *result.results[1:])), overlay


def commit_rogue(ledger: SimLedger, *packets: Packet) -> list[int]:
    """Let a ledger commit to packets without asking its application; their sequences."""
    rogue = RogueApplication(ledger.application)
    rogue.packets = list(packets)
    ledger.engine._application = rogue
    # Any transaction will do to hang the entries on; this one is refused by the honest part.
    ledger.commit(ledger.transaction(Operation(register_member=b"none")))
    ledger.engine._application = ledger.application
    return [packet.sequence for packet in packets]


def rogue_packet(ledger: SimLedger, value: bytes, port: str = "cargo", /, **over: object) -> Packet:
    """A packet of a ledger's client with any value; `over` replaces fields of the packet or of its payload."""
    counterparty = ledger.client().counterparty_client_id
    fields: dict[str, object] = {
        "source_client": ledger.client_id,
        "destination_client": counterparty,
        "timeout_seconds": ledger.seconds() + HOUR,
        "payloads": [encode_payload(port, value)],
    }
    payload_fields = {key: over.pop(key) for key in list(over) if key in Payload.DESCRIPTOR.fields_by_name}
    packet = Packet(**(fields | over))  # type: ignore[arg-type]
    for key, given in payload_fields.items():
        setattr(packet.payloads[0], key, given)
    return packet
