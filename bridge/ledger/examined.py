"""What a delivered packet says by its bytes alone, found out in a form that another process can be asked for.

Decoding, a document's disclosure and an issuer's signature take most of the time a record takes, and depend on nothing
but bytes: so they are plain functions of plain values. An answer is only ever good news. What does not pass here is
examined again where it is executed, and there gets its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bridge.cargo.disclosure import verify_disclosure
from bridge.cargo.statement import (
    decode_payload,
    decode_statement,
    record_key_digest,
    statement_digest,
    statement_sign_bytes,
)
from bridge.crypto.suites import check_signature, suite
from bridge.errors import BridgeError
from bridge.protocol.commitments import packet_commitment
from bridge.protocol.packets import decode_packet


class PacketTask(NamedTuple):
    """Bytes of a packet that carries a record, its home ledger's suite, and the key its issuer should have signed
    with.
    """

    body: bytes
    suite_id: str
    key_suite: str
    public_key: bytes


class Examined(NamedTuple):
    """Digests of a packet that is in form, whose disclosure holds and whose statement that key signed."""

    commitment: bytes
    record_key: bytes
    statement: bytes


Examine = Callable[[Sequence[PacketTask]], Sequence[Examined | None]]
"""Examines packets somewhere; in order, None for one that did not pass or could not be examined."""


def examine(task: PacketTask) -> Examined | None:
    """[APP-12] The digests of a packet, or None when any rule refuses it."""
    try:
        home = suite(task.suite_id)
        packet = decode_packet(task.body)
        (carried,) = packet.payloads
        payload = decode_payload(carried.value)
        statement = decode_statement(payload.statement)
        verify_disclosure(home, statement.document_root, statement.document_leaf_count, payload.disclosure)
        message = statement_sign_bytes(statement.ledger_id, payload.statement)
        check_signature(task.key_suite, task.public_key, message, payload.signature)
    except (BridgeError, ValueError):
        return None
    return Examined(
        packet_commitment(home.hash, packet),
        record_key_digest(home, statement.key),
        statement_digest(home, payload.statement),
    )
