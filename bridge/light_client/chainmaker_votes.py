"""The quorum certificate of a TBFT block: reading a vote set, and counting the votes that stand for a block.

A vote set holds Go maps, which are written in random order, so its bytes are read field by field here and never
compared with a re-serialisation; each vote in it is one message that must round-trip.
Source: chainmaker consensus-tbft; docs/protocol.md [CMK-4..8]. The node's own verifier does not bind voter to signer;
this one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from bridge.crypto.keys import public_key_from_pem, public_key_to_pem
from bridge.crypto.ports import SignatureCheck, SignatureTask
from bridge.errors import BridgeError, DecodeError, LimitError, Reason, VerificationError
from bridge.light_client.chainmaker_bytes import MEMBER_CERTIFICATE, MEMBER_PUBLIC_KEY, PRECOMMIT, vote_sign_bytes
from bridge.light_client.chainmaker_types import MAX_VALIDATORS, Validator, Vote, VoteSet
from bridge.v1.chainmaker_pb2 import ChainmakerBlockHeader, ChainmakerMember, ChainmakerVote
from bridge.wire import decode_strict

MAX_VOTE_SET_BYTES = 512 * 1024
"""Largest vote set in bytes: 64 votes of 2.4 KiB with certificates, each stored twice by the node, and room."""

MAX_VOTE_BYTES = 16 * 1024
"""Largest vote in bytes: a PEM certificate and signature, and invalid transaction ids."""

MAX_MEMBER_INFO_BYTES = 8 * 1024
"""Largest PEM text of a member in bytes."""

KEYS_REMEMBERED = 256
"""PEM texts whose key is remembered: four sets of 64 nodes; the same few certificates come with every block."""

_VARINT, _BYTES = 0, 2
_FIELDS = {1: _VARINT, 2: _VARINT, 3: _VARINT, 4: _VARINT, 5: _BYTES, 6: _BYTES, 7: _BYTES}
_TYPE, _HEIGHT, _ROUND, _VOTES = 1, 2, 3, 6
_REPEATED = frozenset({6, 7})


def decode_vote_set(data: bytes) -> VoteSet:
    """[CMK-4] Vote set from the bytes a node stored; LimitError when too large, DecodeError when malformed.

    Map entries may come in any order; a field that is not of tbft.VoteSet, or a scalar written twice, is refused.
    """
    if len(data) > MAX_VOTE_SET_BYTES:
        raise LimitError(Reason.LIMIT_EXCEEDED, "vote set is too large", got=len(data), limit=MAX_VOTE_SET_BYTES)
    scalars: dict[int, int] = {}
    entries: list[bytes] = []
    seen: set[int] = set()
    for number, value in _fields(data, _FIELDS):
        if number in seen and number not in _REPEATED:
            raise _malformed("a field is repeated")
        seen.add(number)
        if isinstance(value, int):
            scalars[number] = value
        elif number == _VOTES:
            entries.append(value)
    if len(entries) > MAX_VALIDATORS:
        raise LimitError(Reason.LIMIT_EXCEEDED, "too many votes", got=len(entries), limit=MAX_VALIDATORS)
    return VoteSet(
        type=scalars.get(_TYPE, 0),
        height=scalars.get(_HEIGHT, 0),
        round=scalars.get(_ROUND, 0),
        votes=tuple(_decode_entry(entry) for entry in entries),
    )


def _decode_entry(data: bytes) -> Vote:
    """One entry of the map: node id and vote, each exactly once."""
    parts = dict[int, bytes]()
    for number, value in _fields(data, {1: _BYTES, 2: _BYTES}):
        if number in parts or isinstance(value, int):
            raise _malformed("a map entry has a part twice")
        parts[number] = value
    if len(parts) != 2:
        raise _malformed("a map entry lacks key or vote")
    try:
        key = parts[1].decode()
    except UnicodeDecodeError as error:
        raise _malformed("a map key is not UTF-8") from error
    vote = decode_strict(ChainmakerVote, parts[2], MAX_VOTE_BYTES)
    return Vote(key, vote, vote_sign_bytes(vote))


def _fields(data: bytes, known: Mapping[int, int]) -> Iterable[tuple[int, int | bytes]]:
    """Fields of one message level in the order they are written, each of a known number and its wire type."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if known.get(number) != wire_type:
            raise _malformed("unknown field")
        value, position = _varint(data, position)
        if wire_type == _VARINT:
            yield number, value
            continue
        if value > len(data) - position:
            raise _malformed("a field runs past the end")
        yield number, data[position : position + value]
        position += value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Value of a minimal varint of at most 64 bits, and the position after it."""
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if (byte == 0 and shift) or value >> 64:
                break
            return value, position
        shift += 7
    raise _malformed("not a minimal varint")


def _malformed(detail: str) -> DecodeError:
    return DecodeError(Reason.MALFORMED_MESSAGE, f"vote set: {detail}")


def quorum_of(count: int) -> int:
    """[CMK-8] Votes it takes of `count` validators: floor(2n/3) + 1, by integers."""
    return 2 * count // 3 + 1


class Registry:
    """The validators that may vote, by node id, with what it takes to recognise their members. Made once a header."""

    def __init__(self, suite_id: str, validators: Iterable[Validator]) -> None:
        self.suite_id = suite_id
        self._by_node = {validator.node_id: validator for validator in validators}

    def __len__(self) -> int:
        return len(self._by_node)

    @property
    def quorum(self) -> int:
        """[CMK-8] Votes it takes."""
        return quorum_of(len(self._by_node))

    def get(self, node_id: str) -> Validator | None:
        """The validator of a node, or None."""
        return self._by_node.get(node_id)

    def holder_of(self, member: ChainmakerMember) -> Validator | None:
        """The validator a member is, or None: organisation and exact key or certificate must be the registered ones."""
        return next((v for v in self._by_node.values() if self.is_member(v, member)), None)

    def is_member(self, validator: Validator, member: ChainmakerMember) -> bool:
        """[CMK-6] True when the member names the validator's organisation and holds exactly its key.

        A public key is compared in its one PEM form; a certificate by its key, or whole where the registry pins it.
        Other member types (certificate hash, DID, alias) need a lookup that a light client cannot make, so never match.
        """
        info = member.member_info
        if len(info) > MAX_MEMBER_INFO_BYTES or validator.org_id not in (None, member.org_id):
            return False
        if member.member_type == MEMBER_PUBLIC_KEY:
            if validator.certificate is not None:
                return False
            return info.removesuffix(b"\n") == _pem_of(self.suite_id, validator.public_key)
        if member.member_type != MEMBER_CERTIFICATE or not info.startswith(b"-----BEGIN CERTIFICATE-----"):
            return False
        if validator.certificate is not None:
            return info.removesuffix(b"\n") == validator.certificate.strip()
        return _key_of_pem(info) == (self.suite_id, validator.public_key)


@lru_cache(maxsize=KEYS_REMEMBERED)
def _pem_of(suite_id: str, public_key: bytes) -> bytes:
    """The key in PEM without its last line feed."""
    return public_key_to_pem(suite_id, public_key).removesuffix(b"\n")


@lru_cache(maxsize=KEYS_REMEMBERED)
def _key_of_pem(pem: bytes) -> tuple[str, bytes] | None:
    """Suite and key of a certificate, or None when there is none in it."""
    try:
        return public_key_from_pem(pem)
    except BridgeError:
        return None


def counted_votes(
    registry: Registry, vote_set: VoteSet, height: int, block_hash: bytes
) -> list[tuple[Validator, Vote]]:
    """[CMK-5] The votes that stand for the block: precommits of registered nodes for this height, round and hash.

    Votes that do not fit are skipped: a real set may hold a precommit for another hash. Raises VerificationError
    COMMIT_INVALID when the set is not about this block or an entry's key is not its voter, DUPLICATE_SIGNER when a
    voter comes twice.
    """
    if vote_set.type != PRECOMMIT:
        raise VerificationError(Reason.COMMIT_INVALID, "not a set of precommits", got=vote_set.type, expected=PRECOMMIT)
    if vote_set.height != height:
        raise VerificationError(Reason.COMMIT_INVALID, "votes of another height", got=vote_set.height, expected=height)
    voters: set[str] = set()
    for entry in vote_set.votes:
        if entry.vote.voter in voters:
            raise VerificationError(Reason.DUPLICATE_SIGNER, "a voter appears twice", voter=entry.vote.voter)
        voters.add(entry.vote.voter)
    counted: list[tuple[Validator, Vote]] = []
    for entry in vote_set.votes:
        vote = entry.vote
        if entry.key != vote.voter:
            raise VerificationError(Reason.COMMIT_INVALID, "a vote stands under another's id", got=entry.key)
        validator = registry.get(vote.voter)
        fits = (vote.type, vote.height, vote.round, vote.hash) == (PRECOMMIT, height, vote_set.round, block_hash)
        if fits and validator is not None:
            counted.append((validator, entry))
    return counted


def verify_quorum(registry: Registry, vote_set: VoteSet, height: int, block_hash: bytes, check: SignatureCheck) -> None:
    """[CMK-5..8] Return when a quorum signed the block; VerificationError otherwise.

    Every vote that is counted must be signed by exactly its voter's registered key: one bad vote refuses the block,
    because an honest node stores none.
    """
    counted = counted_votes(registry, vote_set, height, block_hash)
    if len(counted) < registry.quorum:
        raise VerificationError(
            Reason.INSUFFICIENT_QUORUM,
            "too few votes",
            got=len(counted),
            expected=registry.quorum,
            validators=len(registry),
        )
    for validator, entry in counted:
        endorsement = entry.vote.endorsement
        if not registry.is_member(validator, endorsement.signer):
            raise VerificationError(
                Reason.COMMIT_INVALID, "the signer is not the voter's registered key", voter=validator.node_id
            )
        check(registry.suite_id, validator.public_key, entry.sign_bytes, endorsement.signature)


def verify_proposer(
    registry: Registry, header: ChainmakerBlockHeader, block_hash: bytes, check: SignatureCheck
) -> None:
    """[CMK-3] Return when a registered validator proposed the block and signed its hash; raises otherwise."""
    validator = registry.holder_of(header.proposer)
    if validator is None:
        raise VerificationError(Reason.HEADER_INVALID, "the proposer is not a registered validator")
    check(registry.suite_id, validator.public_key, block_hash, header.signature)


def quorum_tasks(
    registry: Registry, vote_set: VoteSet, header: ChainmakerBlockHeader, block_hash: bytes
) -> list[SignatureTask]:
    """The signatures `verify_quorum` and `verify_proposer` will ask for; none when they would refuse before asking."""
    try:
        counted = counted_votes(registry, vote_set, header.block_height, block_hash)
    except VerificationError:
        return []
    suite_id = registry.suite_id
    tasks = [(suite_id, v.public_key, entry.sign_bytes, entry.vote.endorsement.signature) for v, entry in counted]
    proposer = registry.holder_of(header.proposer)
    if proposer is not None:
        tasks.append((suite_id, proposer.public_key, block_hash, header.signature))
    return tasks
