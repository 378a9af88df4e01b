"""Proofs that are wrong in exactly one way, made from right ones, whatever the header profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bridge.conformance.checks import NotRun
from bridge.light_client.cometbft import log_leaf
from bridge.v1.proof_pb2 import LogRangeProof, TransactionProof
from bridge.v1.transaction_pb2 import EntryRun, RunItem

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.counterparty.packets import Written

_MESSAGES: dict[str, type[Any]] = {"cometbft": LogRangeProof, "chainmaker": TransactionProof}
_HASHES = {"cometbft": "hashes", "chainmaker": "siblings"}
_NUMBERS = {"cometbft": ("log_size", "first_index"), "chainmaker": ("transaction_index", "first_event")}

DIGEST_BYTES = 32


def edited(other: Counterparty, run: EntryRun, change: Callable[[Any], object]) -> EntryRun:
    """The run with its proof message changed in place; NotRun for a profile whose proofs are not known here."""
    message = _message(other)
    proof = message.FromString(run.proof)
    change(proof)
    return reproven(run, proof.SerializeToString())


def reproven(run: EntryRun, proof: bytes, proof_height: int = 0) -> EntryRun:
    """The same items under another proof, or under the proof of another height."""
    return EntryRun(proof_height=proof_height or run.proof_height, proof=proof, items=run.items)


def with_items(run: EntryRun, *items: RunItem) -> EntryRun:
    """Other items under the same proof."""
    return EntryRun(proof_height=run.proof_height, proof=run.proof, items=items)


def turned_hashes(other: Counterparty, run: EntryRun) -> Iterator[EntryRun]:
    """The run once for each hash of its proof, with one bit of that hash turned."""
    message, field = _message(other), _HASHES.get(other.profile_id, "")
    count = len(getattr(message.FromString(run.proof), field))
    for index in range(count):

        def turn(proof: Any, index: int = index) -> None:
            hashes = getattr(proof, field)
            hashes[index] = hashes[index][:-1] + bytes([hashes[index][-1] ^ 1])

        yield edited(other, run, turn)


def without_hash(other: Counterparty, run: EntryRun) -> EntryRun:
    """The run without the last hash of its proof; NotRun where it has none."""

    def drop(proof: Any) -> None:
        hashes = getattr(proof, _HASHES[other.profile_id])
        if not hashes:
            raise NotRun("the proof has no hash to leave out")
        del hashes[-1]

    return edited(other, run, drop)


def with_hash(other: Counterparty, run: EntryRun) -> EntryRun:
    """The run with one hash too many in its proof."""
    return edited(other, run, lambda proof: getattr(proof, _HASHES[other.profile_id]).append(bytes(DIGEST_BYTES)))


def moved(other: Counterparty, run: EntryRun) -> Iterator[EntryRun]:
    """The run once for each number of its proof (size or place), one more than it is."""
    _message(other)
    for field in _NUMBERS[other.profile_id]:

        def raise_by_one(proof: Any, field: str = field) -> None:
            setattr(proof, field, getattr(proof, field) + 1)

        yield edited(other, run, raise_by_one)


def opaque(other: Counterparty, written: Written) -> RunItem:
    """An entry that is not shown: its leaf hash where the profile's proofs need one."""
    _message(other)
    return RunItem(opaque=log_leaf(written.entry.entry) if other.profile_id == "cometbft" else b"")


def _message(other: Counterparty) -> type[Any]:
    return known(_MESSAGES, other)


def known(messages: Mapping[str, type[Any]], other: Counterparty) -> type[Any]:
    """The message of a counterparty's profile; NotRun where the kit does not know that profile's bytes."""
    message = messages.get(other.profile_id)
    if message is None:
        raise NotRun(f"the kit does not know the bytes of the profile {other.profile_id}")
    return message
