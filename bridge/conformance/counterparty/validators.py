"""The validators of a counterparty ledger, with their private keys, in the order their set lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.conformance.counterparty.seeded import fresh_signer
from bridge.crypto.ports import Signer
from bridge.light_client.cometbft_bytes import SUITE_ID as COMETBFT_SUITE_ID
from bridge.light_client.cometbft_bytes import address_of
from bridge.v1.transaction_pb2 import ValidatorInfo


@dataclass(frozen=True, slots=True)
class Validator:
    """One validator: the name it goes by, its key, and its voting power, 1 where a ledger counts heads."""

    node_id: str
    signer: Signer
    power: int = 1

    @property
    def public_key(self) -> bytes:
        """The raw public key."""
        return self.signer.public_key


@dataclass(frozen=True, slots=True)
class Validators:
    """A validator set with its keys; `members[i]` is the validator at place i of the set."""

    members: tuple[Validator, ...]

    def __len__(self) -> int:
        return len(self.members)

    @property
    def infos(self) -> list[ValidatorInfo]:
        """The set as block formats take it."""
        return [
            ValidatorInfo(node_id=each.node_id, public_key=each.public_key, voting_power=each.power)
            for each in self.members
        ]

    @property
    def signers(self) -> dict[bytes, Signer]:
        """The keys by public key."""
        return {each.public_key: each.signer for each in self.members}


def make_validators(
    suite_id: str, powers: Sequence[int], *, name: str = "node", kept: Sequence[Validator] = ()
) -> Validators:
    """A set of fresh keys with these powers, and of the validators that stay (`kept`), in the order of its format.

    `name` begins the fresh ones' node ids, so that two sets need not share any.
    """
    fresh = [Validator(f"{name}-{index:02d}", fresh_signer(suite_id), power) for index, power in enumerate(powers)]
    members = [*kept, *fresh]
    if suite_id == COMETBFT_SUITE_ID:
        return Validators(tuple(sorted(members, key=lambda each: (-each.power, address_of(each.public_key)))))
    return Validators(tuple(sorted(members, key=lambda each: each.node_id)))
