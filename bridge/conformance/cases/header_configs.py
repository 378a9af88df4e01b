"""Blocks of the chainmaker profile that only look right: their place in the chain, and the sets they announce."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bridge.conformance.case import case
from bridge.conformance.checks import item_applied
from bridge.conformance.updates import CHAINMAKER, counterparties, refuse, refuse_forged, submit, take
from bridge.crypto.keys import generate_signer
from bridge.errors import Reason
from bridge.v1.chainmaker_pb2 import ChainmakerTransaction, ChainmakerUpdate, ChainmakerValidatorSet
from bridge.wire import encode

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.kit import Kit


@case(
    "HDR-059",
    "MUST refuse a block of a type that no ledger makes",
    clauses=("CMK-2",),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_059(kit: Kit) -> None:
    wrong = {"change": lambda header: setattr(header, "block_type", 9)}
    refuse_forged(kit, Reason.HEADER_INVALID, wrong, profiles=(CHAINMAKER,))


@case(
    "HDR-060",
    "MUST refuse a header directly above the trusted one that follows another block",
    clauses=("CMK-10",),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_060(kit: Kit) -> None:
    wrong = {"change": lambda header: setattr(header, "pre_block_hash", bytes(range(32)))}
    refuse_forged(kit, Reason.HEADER_HASH_MISMATCH, wrong, profiles=(CHAINMAKER,), blocks=(1, 1))


@case(
    "HDR-061",
    "MUST refuse a header whose validators are counted from another config block than its own",
    clauses=("CMK-10",),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_061(kit: Kit) -> None:
    wrong = {"change": lambda header: setattr(header, "pre_conf_height", 1)}
    refuse_forged(kit, Reason.VALIDATOR_SET_MISMATCH, wrong, profiles=(CHAINMAKER,))


@case(
    "HDR-062",
    "MUST refuse a config block that comes without its transaction, or with another set than it carries",
    clauses=("CMK-11",),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_062(kit: Kit) -> None:
    def without(update: ChainmakerUpdate) -> None:
        update.ClearField("config_change")

    def other_set(update: ChainmakerUpdate) -> None:
        stranger = generate_signer("sm3-sm2")
        update.config_change.next_validators.validators[0].public_key = stranger.public_key

    def other_transaction(update: ChainmakerUpdate) -> None:
        update.config_change.transaction += b"\x2a\x00"

    for other in counterparties(kit, (CHAINMAKER,)):
        rotation = other.rotate()
        for edit in (without, other_set, other_transaction):
            refuse(kit, other, other.forge(rotation.announced, edit=edit), Reason.VALIDATOR_SET_INVALID)
        take(kit, other, other.update(rotation.announced))


@case(
    "HDR-063",
    "MUST refuse a change of validators that an ordinary block brings",
    clauses=("CMK-11",),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_063(kit: Kit) -> None:
    for other in counterparties(kit, (CHAINMAKER,)):
        height = other.advance()
        later = other.rotate()
        change = ChainmakerUpdate.FromString(other.update(later.announced)).config_change

        def bring(update: ChainmakerUpdate, change: Any = change) -> None:
            update.config_change.CopyFrom(change)

        refuse(kit, other, other.forge(height, edit=bring), Reason.VALIDATOR_SET_INVALID)
        item_applied(submit(kit, other, other.update(height))[0], "the ordinary block itself")
        take(kit, other, other.update(later.announced))


@case(
    "HDR-081",
    "MUST refuse a config block that carries a set out of form, though its quorum signed it",
    clauses=("CMK-9", "CMK-11"),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_081(kit: Kit) -> None:
    def other_height(validators: ChainmakerValidatorSet) -> None:
        validators.config_height += 1

    def no_key(validators: ChainmakerValidatorSet) -> None:
        validators.validators[0].public_key = bytes(65)

    def one_key_twice(validators: ChainmakerValidatorSet) -> None:
        validators.validators[0].public_key = validators.validators[1].public_key

    for other in counterparties(kit, (CHAINMAKER,)):
        rotation = other.rotate()
        for spoil in (other_height, no_key, one_key_twice):
            wrong = _config_block(other, rotation.announced, spoil)
            refuse(kit, other, other.forge(rotation.announced, **wrong), Reason.VALIDATOR_SET_INVALID)
        take(kit, other, other.update(rotation.announced))


def _config_block(other: Counterparty, height: int, spoil: Callable[[ChainmakerValidatorSet], None]) -> dict[str, Any]:
    """A config block as at this height, whose transaction carries a set that was spoiled."""
    change = ChainmakerUpdate.FromString(other.update(height)).config_change
    spoil(change.next_validators)
    transaction = ChainmakerTransaction.FromString(change.transaction)
    transaction.result.contract_result.result = encode(change.next_validators)
    change.transaction = encode(transaction)
    root = other.suite.hash(change.transaction)
    return {
        "change": lambda header: setattr(header, "tx_root", root),
        "edit": lambda update: update.config_change.CopyFrom(change),
    }
