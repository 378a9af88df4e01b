"""Proofs that the kit spoils are refused for what was spoilt alone: the honest one proves, under either profile."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge.conformance import proofs
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.packets import Written
from bridge.errors import BridgeError, Reason
from bridge.light_client.types import OpaqueLeaf
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1.transaction_pb2 import EntryRun


@pytest.fixture(params=["cometbft", "chainmaker"])
def other(request: pytest.FixtureRequest) -> Counterparty:
    return Counterparty(request.param)


def written(other: Counterparty, count: int, transactions: int) -> list[Written]:
    packets = [other.packet(encode_payload(CARGO_PORT, bytes([number + 1]))) for number in range(count)]
    return other.commit(*packets, transactions=transactions)


def verify(other: Counterparty, run: EntryRun, elements: Sequence[Written | OpaqueLeaf]) -> None:
    entries = [each if isinstance(each, OpaqueLeaf) else each.entry.entry for each in elements]
    other.profile.verify_membership(other.chain.consensus(run.proof_height), run.proof, entries)


def test_every_spoilt_proof_is_refused_and_the_honest_one_proves(other: Counterparty) -> None:
    first, _ = written(other, 2, transactions=2)
    run = other.runs(first)[0]
    verify(other, run, [first])
    spoilt = [
        *proofs.turned_hashes(other, run),
        *proofs.moved(other, run),
        proofs.without_hash(other, run),
        proofs.with_hash(other, run),
        proofs.reproven(run, b""),
    ]
    assert len(spoilt) >= 6
    for each in spoilt:
        assert each.proof != run.proof
        with pytest.raises(BridgeError) as refused:
            verify(other, each, [first])
        assert refused.value.reason in (Reason.PROOF_INVALID, Reason.MALFORMED_MESSAGE)


def test_an_opaque_item_stands_for_its_entry_and_no_other(other: Counterparty) -> None:
    first, second, third = written(other, 3, transactions=1)
    run = other.runs(first, second, third)[0]
    hidden = [OpaqueLeaf(proofs.opaque(other, each).opaque) for each in (first, third)]
    verify(other, run, [hidden[0], second, hidden[1]])
    with pytest.raises(BridgeError):
        verify(other, run, [second, hidden[0], hidden[1]])
    with pytest.raises(BridgeError):
        verify(other, run, [OpaqueLeaf(b"\1" * 32), second, hidden[1]])
