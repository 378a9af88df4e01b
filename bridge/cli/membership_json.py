"""Membership cases as JSON: a proof in its profile's form, the root it is checked against, and what it should prove.

An element is given as committed bytes, or as the packet or acknowledgement from which a verifier rebuilds path and
value itself; nobody's word about a path is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.cli.json_values import (
    base64_bytes,
    decimal,
    hexadecimal,
    member,
    require_list,
    require_object,
    require_string,
)
from bridge.clock import Nanos
from bridge.crypto.ports import Suite
from bridge.crypto.suites import suite
from bridge.errors import DecodeError, LimitError, Reason
from bridge.light_client.entries import MAX_PART_BYTES
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState, Entry, OpaqueLeaf, RunElement
from bridge.protocol.acknowledgements import decode_acknowledgement
from bridge.protocol.commitments import acknowledgement_commitment, packet_commitment
from bridge.protocol.packets import decode_packet
from bridge.protocol.paths import MAX_SEQUENCE, acknowledgement_path, packet_path, require_client_id, require_ledger_id

MAX_ELEMENTS = 2048
"""Most elements of one case: what one delivery may hold."""

_KINDS = {
    "entry": frozenset({"path", "value"}),
    "packet": frozenset({"packet"}),
    "acknowledgement": frozenset({"acknowledgement", "client_id", "sequence"}),
    "opaque": frozenset({"opaque"}),
}


def verify_case(case: Mapping[str, Any]) -> None:
    """[CASE-6] Return when the elements are consecutive entries under the root; BridgeError with the reason else."""
    rules = profile(require_string(member(case, "profile"), "profile"))
    home = suite(rules.suite_id)
    elements = require_list(member(case, "elements"), "elements")
    if len(elements) > MAX_ELEMENTS:
        raise LimitError(Reason.LIMIT_EXCEEDED, "too many elements", got=len(elements), limit=MAX_ELEMENTS)
    trusted = ConsensusState(
        ledger_id=require_ledger_id(require_string(member(case, "ledger_id"), "ledger_id")),
        height=1,
        time=Nanos(0),
        header_hash=b"",
        root=hexadecimal(member(case, "root"), "root"),
        next_validators_hash=b"",
    )
    proof = base64_bytes(member(case, "proof"), "proof")
    rules.verify_membership(trusted, proof, [_element(home, value) for value in elements])


def _element(home: Suite, value: Any) -> RunElement:
    """One element; DecodeError when it is of no kind or its packet or acknowledgement is none."""
    given = frozenset(require_object(value, "elements"))
    kind = next((name for name, members in _KINDS.items() if members == given), "")
    if kind == "entry":
        return Entry(_part(value, "path"), _part(value, "value"))
    if kind == "packet":
        packet = decode_packet(base64_bytes(value["packet"], "packet"))
        return Entry(packet_path(packet.source_client, packet.sequence), packet_commitment(home.hash, packet))
    if kind == "acknowledgement":
        return _acknowledgement(home, value)
    if kind == "opaque":
        return OpaqueLeaf(hexadecimal(value["opaque"], "opaque"))
    raise DecodeError(Reason.INVALID_FIELD, "an element is an entry, a packet, an acknowledgement or opaque")


def _acknowledgement(home: Suite, value: Mapping[str, Any]) -> Entry:
    written = base64_bytes(value["acknowledgement"], "acknowledgement")
    decode_acknowledgement(written)
    client_id = require_client_id(require_string(value["client_id"], "client_id"))
    sequence = decimal(value["sequence"], "sequence")
    if not 1 <= sequence <= MAX_SEQUENCE:
        raise DecodeError(Reason.INVALID_FIELD, "sequences start at 1", field="sequence", got=sequence)
    return Entry(acknowledgement_path(client_id, sequence), acknowledgement_commitment(home.hash, written))


def _part(value: Mapping[str, Any], name: str) -> bytes:
    part = hexadecimal(value[name], name)
    if len(part) > MAX_PART_BYTES:
        raise LimitError(Reason.LIMIT_EXCEEDED, f"{name} is too long", got=len(part), limit=MAX_PART_BYTES)
    return part
