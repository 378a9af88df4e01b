"""Makes CometBFT light blocks to order, honest or forged, with keys from seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.ed25519 import Ed25519Signer
from bridge.errors import BridgeError, Reason
from bridge.light_client.cometbft import PROFILE
from bridge.light_client.cometbft_bytes import (
    address_of,
    canonical_order,
    commit_sign_bytes,
    header_hash,
    merkle_root,
    validator_set_hash,
)
from bridge.light_client.cometbft_types import (
    FLAG_ABSENT,
    FLAG_COMMIT,
    ZERO_BLOCK_ID,
    ZERO_TIME,
    BlockId,
    Commit,
    CommitSig,
    Header,
    LightBlock,
    PartSetHeader,
    Validator,
    ValidatorSet,
)
from bridge.light_client.cometbft_wire import commit_to_wire, header_to_wire, update_to_wire, validators_to_wire
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.wire import encode

LEDGER = "hk-test"
START = Nanos(1_700_000_000 * NANOS_PER_SECOND)
OPTIONS = TrustOptions(trusting_period=1_000 * NANOS_PER_SECOND)


def seeded_signer(seed: str) -> Ed25519Signer:
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(sha256(seed.encode()).digest()))


@dataclass(frozen=True)
class Group:
    """A validator set with its keys."""

    signers: dict[bytes, Ed25519Signer]
    validators: ValidatorSet

    @property
    def hash(self) -> bytes:
        return validator_set_hash(self.validators)


def group(names: Iterable[str] = "abcd", powers: Sequence[int] | None = None) -> Group:
    signers = [seeded_signer(name) for name in names]
    members = [
        Validator(address_of(signer.public_key), signer.public_key, power)
        for signer, power in zip(signers, powers or [10] * len(signers), strict=True)
    ]
    return Group({signer.public_key: signer for signer in signers}, canonical_order(members))


def header(height: int, own: Group, following: Group, **changes: object) -> Header:
    empty = merkle_root(())
    made = Header(
        version_block=11,
        version_app=1,
        chain_id=LEDGER,
        height=height,
        time=Nanos(START + height * NANOS_PER_SECOND),
        last_block_id=ZERO_BLOCK_ID,
        last_commit_hash=empty,
        data_hash=empty,
        validators_hash=own.hash,
        next_validators_hash=following.hash,
        consensus_hash=empty,
        app_hash=sha256(b"app %d" % height).digest(),
        last_results_hash=empty,
        evidence_hash=empty,
        proposer_address=own.validators.validators[0].address,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def sign(of: Header, own: Group, who: Iterable[int] | None = None, **changes: object) -> Commit:
    """The commit of a header by the validators at the indices `who`, all by default; `changes` are signed too."""
    digest = header_hash(of)
    unsigned = Commit(of.height, 0, BlockId(digest, PartSetHeader(1, sha256(digest).digest())), ())
    unsigned = replace(unsigned, **changes)  # type: ignore[arg-type]
    indices = set(range(len(own.validators.validators)) if who is None else who)
    entries = []
    for index, validator in enumerate(own.validators.validators):
        if index not in indices:
            entries.append(ABSENT)
            continue
        vote = CommitSig(FLAG_COMMIT, validator.address, Nanos(of.time + 1 + index), b"")
        signature = own.signers[validator.public_key].sign(commit_sign_bytes(of.chain_id, unsigned, vote))
        entries.append(replace(vote, signature=signature))
    return replace(unsigned, signatures=tuple(entries))


ABSENT = CommitSig(FLAG_ABSENT, b"", ZERO_TIME, b"")


@dataclass
class Made:
    """A light block in the making: change any part, then take it as a value or as bytes."""

    own: Group
    trusted_group: Group
    trusted_height: int
    header: Header
    commit: Commit = field(init=False)

    def __post_init__(self) -> None:
        self.commit = sign(self.header, self.own)

    @property
    def block(self) -> LightBlock:
        return LightBlock(
            self.header,
            self.commit,
            self.own.validators,
            self.trusted_group.validators,
            self.trusted_height,
            header_hash(self.header),
        )

    @property
    def data(self) -> bytes:
        return encode(
            update_to_wire(
                header_to_wire(self.header),
                commit_to_wire(self.commit),
                validators_to_wire(self.own.validators),
                self.trusted_height,
                validators_to_wire(self.trusted_group.validators),
            )
        )

    def resign(self, who: Iterable[int] | None = None) -> Made:
        self.commit = sign(self.header, self.own, who)
        return self

    def entry(self, index: int, **changes: object) -> Made:
        """Change an entry of the commit without signing again."""
        entries = list(self.commit.signatures)
        entries[index] = replace(entries[index], **changes)  # type: ignore[arg-type]
        self.commit = replace(self.commit, signatures=tuple(entries))
        return self


def made(
    height: int,
    own: Group,
    following: Group | None = None,
    trusted_group: Group | None = None,
    trusted_height: int = 1,
    **changes: object,
) -> Made:
    return Made(own, trusted_group or own, trusted_height, header(height, own, following or own, **changes))


def trusted_at(height: int, following: Group) -> ConsensusState:
    """A client's state at a height whose successor is signed by `following`."""
    return ConsensusState(
        LEDGER,
        height,
        Nanos(START + height * NANOS_PER_SECOND),
        sha256(b"trusted").digest(),
        b"\x11" * 32,
        following.hash,
    )


SET = group("abcd")
TRUSTED = trusted_at(1, SET)
NOW = Nanos(START + 60 * NANOS_PER_SECOND)


def verify(update: Made, trusted: ConsensusState = TRUSTED, options: TrustOptions = OPTIONS) -> ConsensusState:
    """What the bytes of a light block prove to a client that trusts height 1."""
    return verify_update(PROFILE, trusted, PROFILE.decode_update(update.data), options, NOW)


def refuse(update: Made, trusted: ConsensusState = TRUSTED, options: TrustOptions = OPTIONS) -> Reason:
    """Why they are refused."""
    with pytest.raises(BridgeError) as caught:
        verify(update, trusted, options)
    return caught.value.reason
