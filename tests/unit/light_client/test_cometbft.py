"""The cometbft profile on light blocks of our own making: every clause holds once and is broken at least twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.suites import check_signature
from bridge.errors import BridgeError, DecodeError, LimitError, Reason, VerificationError
from bridge.light_client.cometbft import MAX_TASKS_AHEAD, PROFILE, log_app_hash, log_leaf
from bridge.light_client.cometbft_bytes import hash_bytes
from bridge.light_client.cometbft_types import (
    FLAG_COMMIT,
    FLAG_NIL,
    ZERO_BLOCK_ID,
    BlockId,
)
from bridge.light_client.types import ConsensusState, Entry, OpaqueLeaf, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.merkle.log import MerkleLog
from bridge.v1.cometbft_pb2 import CometbftUpdate
from bridge.v1.proof_pb2 import LogRangeProof
from bridge.wire import encode
from tests.unit.light_client.lightblocks import (
    ABSENT,
    OPTIONS,
    START,
    Made,
    group,
    made,
    sign,
    trusted_at,
)

SET = group("abcd")
TRUSTED = trusted_at(1, SET)
NOW = Nanos(START + 60 * NANOS_PER_SECOND)


def verify(update: Made, trusted: ConsensusState = TRUSTED, options: TrustOptions = OPTIONS) -> ConsensusState:
    return verify_update(PROFILE, trusted, PROFILE.decode_update(update.data), options, NOW)


def refuse(update: Made, trusted: ConsensusState = TRUSTED, options: TrustOptions = OPTIONS) -> Reason:
    with pytest.raises(BridgeError) as caught:
        verify(update, trusted, options)
    return caught.value.reason


# --- bytes and form -------------------------------------------------------------------------------------------------


def test_update_bytes_have_one_reading() -> None:
    data = made(2, SET).data
    assert PROFILE.decode_update(data).height == 2
    for other in (data + b"\x28\x01", data + b"\x18\x00", data[:-1], data + data, b"\x80"):
        with pytest.raises(DecodeError) as caught:
            PROFILE.decode_update(other)
        assert caught.value.reason is Reason.MALFORMED_MESSAGE


def test_non_minimal_varints_are_refused() -> None:
    data = made(2, SET).data
    field = b"\x18\x01"  # trusted_height = 1
    assert data.count(field) == 1
    with pytest.raises(DecodeError) as caught:
        PROFILE.decode_update(data.replace(field, b"\x18\x81\x00"))
    assert caught.value.reason is Reason.MALFORMED_MESSAGE


def _clear(path: str) -> Callable[[CometbftUpdate], None]:
    def clear(message: CometbftUpdate) -> None:
        *parents, last = path.split(".")
        for name in parents:
            message = getattr(message, name) if not name.isdigit() else message[int(name)]  # type: ignore[index]
        message.ClearField(last)

    return clear


@pytest.mark.parametrize(
    "path",
    [
        "signed_header",
        "validator_set",
        "trusted_validators",
        "signed_header.header",
        "signed_header.commit",
        "signed_header.header.version",
        "signed_header.header.time",
        "signed_header.header.last_block_id",
        "signed_header.header.last_block_id.part_set_header",
        "signed_header.commit.block_id",
        "signed_header.commit.block_id.part_set_header",
        "signed_header.commit.signatures.0.timestamp",
    ],
)
def test_parts_the_format_always_writes_must_be_there(path: str) -> None:
    message = CometbftUpdate.FromString(made(2, SET).data)
    _clear(path)(message)
    with pytest.raises(DecodeError) as caught:
        PROFILE.decode_update(encode(message))
    assert caught.value.reason is Reason.FIELD_REQUIRED


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("signed_header.header.data_hash", b"\1" * 31),
        ("signed_header.header.validators_hash", b"\1" * 33),
        ("signed_header.header.proposer_address", b"\1" * 19),
        ("signed_header.header.chain_id", ""),
        ("signed_header.header.chain_id", "x" * 51),
        ("signed_header.header.time.nanos", 1_000_000_000),
        ("signed_header.header.time.seconds", 253_402_300_800),
        ("signed_header.header.time.seconds", -62_135_596_801),
        ("signed_header.commit.block_id.hash", b"\1" * 20),
        ("signed_header.commit.signatures.0.validator_address", b"\1" * 21),
        ("signed_header.commit.signatures.0.signature", b"\1" * 63),
        ("signed_header.commit.signatures.0.signature", b"\1" * 65),
        ("validator_set.validators.0.address", b""),
        ("validator_set.validators.0.pub_key.ed25519", b"\1" * 31),
        ("trusted_validators.validators.0.pub_key.ed25519", b""),
    ],
)
def test_values_out_of_form(path: str, value: object) -> None:
    message = CometbftUpdate.FromString(made(2, SET).data)
    target: object = message
    *parents, last = path.split(".")
    for name in parents:
        target = target[int(name)] if name.isdigit() else getattr(target, name)  # type: ignore[index]
    setattr(target, last, value)
    with pytest.raises(DecodeError) as caught:
        PROFILE.decode_update(encode(message))
    assert caught.value.reason is Reason.INVALID_FIELD


def test_empty_sets_are_malformed() -> None:
    message = CometbftUpdate.FromString(made(2, SET).data)
    message.validator_set.ClearField("validators")
    with pytest.raises(DecodeError) as caught:
        PROFILE.decode_update(encode(message))
    assert caught.value.reason is Reason.INVALID_FIELD


def test_more_than_ten_thousand_entries() -> None:
    message = CometbftUpdate.FromString(made(2, SET).data)
    entry = message.signed_header.commit.signatures[0]
    message.signed_header.commit.signatures.extend([entry] * 10_000)
    with pytest.raises(LimitError) as caught:
        PROFILE.decode_update(encode(message))
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


# --- header and commit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [{"version_block": 10}, {"version_block": 0}, {"next_validators_hash": b""}],
)
def test_headers_of_another_kind(change: dict[str, object]) -> None:
    assert refuse(made(2, SET, **change)) is Reason.HEADER_INVALID


def test_header_without_validators_hash_has_no_hash() -> None:
    update = made(2, SET)
    update.header = replace(update.header, validators_hash=b"")
    assert update.block.header_hash == b""
    # Not even a commit for the empty hash makes it one.
    update.commit = replace(update.commit, block_id=replace(update.commit.block_id, hash=b""))
    assert refuse(update) is Reason.HEADER_INVALID


def test_commit_must_be_for_the_header() -> None:
    update = made(2, SET)
    update.commit = sign(update.header, SET, height=3)
    assert refuse(update) is Reason.COMMIT_INVALID
    update.commit = sign(update.header, SET, round=-1)
    assert refuse(update) is Reason.COMMIT_INVALID
    update.commit = sign(update.header, SET, block_id=ZERO_BLOCK_ID)
    assert refuse(update) is Reason.COMMIT_INVALID
    other = BlockId(b"\7" * 32, update.commit.block_id.part_set_header)
    update.commit = sign(update.header, SET, block_id=other)
    assert refuse(update) is Reason.HEADER_HASH_MISMATCH
    update.commit = replace(sign(update.header, SET), signatures=())
    assert refuse(update) is Reason.COMMIT_INVALID


def test_a_later_round_is_as_good() -> None:
    update = made(2, SET)
    update.commit = sign(update.header, SET, round=7)
    assert verify(update).height == 2


@pytest.mark.parametrize("flag", [0, 4, -1])
def test_unknown_flags(flag: int) -> None:
    assert refuse(made(2, SET).entry(3, block_id_flag=flag)) is Reason.COMMIT_INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"signature": b"\1" * 64},
        {"validator_address": SET.validators.validators[3].address},
        {"timestamp": Nanos(0)},
    ],
)
def test_absent_entries_carry_nothing(change: dict[str, object]) -> None:
    update = made(2, SET).resign([0, 1, 2])
    assert verify(update).height == 2
    assert refuse(update.entry(3, **change)) is Reason.COMMIT_INVALID


@pytest.mark.parametrize("flag", [FLAG_COMMIT, FLAG_NIL])
def test_votes_have_an_address_and_a_signature(flag: int) -> None:
    assert refuse(made(2, SET).entry(3, block_id_flag=flag, signature=b"")) is Reason.COMMIT_INVALID
    assert refuse(made(2, SET).entry(3, block_id_flag=flag, validator_address=b"")) is Reason.COMMIT_INVALID


# --- who signed -----------------------------------------------------------------------------------------------------


def test_quorum_is_strictly_more_than_two_thirds() -> None:
    three = group("abc")
    trusted = trusted_at(1, three)
    assert verify(made(2, three), trusted).height == 2
    assert refuse(made(2, three).resign([0, 1]), trusted) is Reason.INSUFFICIENT_QUORUM
    assert verify(made(2, SET).resign([0, 1, 3])).height == 2
    assert refuse(made(2, SET).resign([1, 3])) is Reason.INSUFFICIENT_QUORUM
    alone = group("a")
    assert verify(made(2, alone), trusted_at(1, alone)).height == 2


def test_power_counts_not_heads() -> None:
    heavy = group("abcd", [70, 10, 10, 10])
    trusted = trusted_at(1, heavy)
    assert verify(made(2, heavy).resign([0]), trusted).height == 2
    assert refuse(made(2, heavy).resign([1, 2, 3]), trusted) is Reason.INSUFFICIENT_QUORUM


def test_powers_near_the_limit() -> None:
    most = (2**63 - 1) // 8
    rich = group("abc", [most - 2, 1, 1])
    assert verify(made(2, rich).resign([0]), trusted_at(1, rich)).height == 2
    richer = group("abc", [most - 1, 1, 1])
    assert refuse(made(2, richer), trusted_at(1, richer)) is Reason.VALIDATOR_SET_INVALID
    richest = group("abc", [2**63 - 1] * 3)
    assert refuse(made(2, richest), trusted_at(1, richest)) is Reason.VALIDATOR_SET_INVALID


def test_nil_votes_are_not_counted_and_not_verified() -> None:
    update = made(2, SET).entry(1, block_id_flag=FLAG_NIL, signature=b"\1" * 64)
    assert verify(update).height == 2
    update.entry(2, block_id_flag=FLAG_NIL)
    assert refuse(update) is Reason.INSUFFICIENT_QUORUM


def test_garbage_after_the_quorum_is_accepted() -> None:
    assert verify(made(2, SET).entry(3, signature=b"\1" * 64)).height == 2


def test_a_bad_signature_before_the_quorum_refuses() -> None:
    assert refuse(made(2, SET).entry(0, signature=b"\1" * 64)) is Reason.SIGNATURE_INVALID
    assert refuse(made(2, SET).entry(2, timestamp=Nanos(START))) is Reason.SIGNATURE_INVALID
    # Even where enough others signed.
    seven = group("abcdefg")
    assert refuse(made(2, seven).entry(1, signature=b"\1" * 64), trusted_at(1, seven)) is Reason.SIGNATURE_INVALID


def test_signatures_are_bound_to_the_chain_the_height_and_the_round() -> None:
    update = made(2, SET)
    for change in (
        {"round": 1},
        {"block_id": replace(update.commit.block_id, part_set_header=ZERO_BLOCK_ID.part_set_header)},
    ):
        forged = made(2, SET)
        forged.commit = replace(forged.commit, **change)  # type: ignore[arg-type]
        assert refuse(forged) is Reason.SIGNATURE_INVALID
    twin = made(2, SET, chain_id="hk-other")
    stolen = made(2, SET)
    stolen.commit = replace(
        stolen.commit,
        signatures=tuple(
            replace(mine, signature=other.signature)
            for mine, other in zip(stolen.commit.signatures, twin.commit.signatures, strict=True)
        ),
    )
    assert refuse(stolen) is Reason.SIGNATURE_INVALID


def test_commit_and_set_have_one_entry_each() -> None:
    update = made(2, SET)
    update.commit = replace(update.commit, signatures=update.commit.signatures[:3])
    assert refuse(update) is Reason.COMMIT_INVALID
    update.commit = replace(update.commit, signatures=(*sign(update.header, SET).signatures, ABSENT))
    assert refuse(update) is Reason.COMMIT_INVALID


# --- sets -----------------------------------------------------------------------------------------------------------


def test_adjacent_headers_are_signed_by_the_announced_set() -> None:
    strangers = group("wxyz")
    assert refuse(made(2, strangers, trusted_group=SET)) is Reason.VALIDATOR_SET_MISMATCH
    assert refuse(made(2, group("abce"), trusted_group=SET)) is Reason.VALIDATOR_SET_MISMATCH


def test_the_trusted_set_is_the_one_announced() -> None:
    strangers = group("wxyz")
    assert refuse(made(5, strangers)) is Reason.VALIDATOR_SET_MISMATCH
    assert refuse(made(5, SET, trusted_group=strangers)) is Reason.VALIDATOR_SET_MISMATCH
    assert refuse(made(2, SET, trusted_group=strangers)) is Reason.VALIDATOR_SET_MISMATCH
    assert refuse(made(5, SET, trusted_group=group("abc"))) is Reason.VALIDATOR_SET_MISMATCH


def test_the_own_set_hashes_to_the_header() -> None:
    update = made(5, SET)
    update.own = group("abcd", [10, 10, 10, 11])
    assert refuse(update) is Reason.VALIDATOR_SET_MISMATCH
    assert refuse(made(2, SET, validators_hash=b"\5" * 32)) is Reason.VALIDATOR_SET_MISMATCH


@pytest.mark.parametrize(
    ("following", "level", "reason"),
    [
        ("abcd", (1, 3), None),
        ("abwx", (1, 3), None),  # half of the trusted power
        ("awxy", (1, 3), Reason.NOT_ENOUGH_TRUST),  # a quarter
        ("wxyz", (1, 3), Reason.NOT_ENOUGH_TRUST),
        ("abwx", (1, 2), Reason.NOT_ENOUGH_TRUST),  # exactly half is not more than half
        ("abcw", (1, 2), None),
        ("abcw", (2, 3), None),
        ("abcw", (3, 4), Reason.NOT_ENOUGH_TRUST),
        ("abcd", (1, 1), Reason.NOT_ENOUGH_TRUST),  # more than all is never reached: full trust means adjacent only
    ],
)
def test_trust_levels_when_skipping(following: str, level: tuple[int, int], reason: Reason | None) -> None:
    options = replace(OPTIONS, trust_numerator=level[0], trust_denominator=level[1])
    update = made(9, group(following), trusted_group=SET)
    if reason is None:
        assert verify(update, options=options).height == 9
    else:
        assert refuse(update, options=options) is reason


def test_trust_is_asked_before_the_quorum() -> None:
    strangers = group("wxyz")
    assert refuse(made(9, strangers, trusted_group=SET).resign([0])) is Reason.NOT_ENOUGH_TRUST
    known = group("abwx")
    at = [index for index, v in enumerate(known.validators.validators) if v.public_key in SET.signers]
    assert refuse(made(9, known, trusted_group=SET).resign(at)) is Reason.INSUFFICIENT_QUORUM


def test_a_forged_set_of_strangers_costs_no_signature_check() -> None:
    asked: list[bytes] = []

    def counting(suite_id: str, public_key: bytes, message: bytes, signature: bytes) -> None:
        asked.append(public_key)
        check_signature(suite_id, public_key, message, signature)

    update = made(9, group([f"stranger {index}" for index in range(60)]), trusted_group=SET)
    with pytest.raises(VerificationError) as caught:
        verify_update(PROFILE, TRUSTED, update.block, OPTIONS, NOW, counting)
    assert caught.value.reason is Reason.NOT_ENOUGH_TRUST
    assert not asked


# --- signatures ahead -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "own"), [(2, "abcd"), (9, "abcd"), (9, "abwx"), (2, "a")])
def test_tasks_ahead_are_what_verification_asks(height: int, own: str) -> None:
    own_group = group(own)
    trusted_group = own_group if height == 2 else SET
    update = made(height, own_group, trusted_group=trusted_group)
    tasks = set(PROFILE.signature_tasks(update.block))

    def check(*task: object) -> None:
        assert task in tasks

    verify_update(PROFILE, trusted_at(1, trusted_group), update.block, OPTIONS, NOW, check)
    assert tasks


def test_tasks_ahead_are_bounded() -> None:
    big = group([f"v{index}" for index in range(200)])
    assert len(PROFILE.signature_tasks(made(9, big).block)) == MAX_TASKS_AHEAD


# --- membership -----------------------------------------------------------------------------------------------------


ENTRIES = [Entry(b"path/%d" % index, hash_bytes(b"%d" % index)) for index in range(11)]
LOG = MerkleLog(hash_bytes)
LOG.append(log_leaf(entry) for entry in ENTRIES)
PROVING = replace(TRUSTED, root=log_app_hash(LOG.size, LOG.root()))


def proof(first: int, count: int, **changes: object) -> bytes:
    message = LogRangeProof(
        log_size=LOG.size, log_root=LOG.root(), first_index=first, hashes=LOG.range_proof(first, count)
    )
    for name, value in changes.items():
        if isinstance(value, list):
            message.ClearField(name)  # type: ignore[arg-type]
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)
    return encode(message)


def test_entries_and_runs_are_proven() -> None:
    for first in range(11):
        for count in range(1, 12 - first):
            PROFILE.verify_membership(PROVING, proof(first, count), ENTRIES[first : first + count])
    shown = [OpaqueLeaf(log_leaf(ENTRIES[3])), ENTRIES[4], OpaqueLeaf(log_leaf(ENTRIES[5]))]
    PROFILE.verify_membership(PROVING, proof(3, 3), shown)


@pytest.mark.parametrize(
    ("data", "elements"),
    [
        (proof(3, 1), [ENTRIES[4]]),  # another entry
        (proof(3, 1, first_index=4), [ENTRIES[3]]),  # another index
        (proof(3, 1, first_index=11), [ENTRIES[3]]),
        (proof(3, 1, first_index=2**64 - 1), [ENTRIES[3]]),
        (proof(3, 1, log_size=10), [ENTRIES[3]]),  # another size
        (proof(3, 1, log_size=12), [ENTRIES[3]]),
        (proof(3, 1, log_size=0), [ENTRIES[3]]),
        (proof(3, 1, log_root=b"\1" * 32), [ENTRIES[3]]),
        (proof(3, 1), [Entry(ENTRIES[3].path + b"x", ENTRIES[3].value)]),  # another path
        (proof(3, 1), [Entry(ENTRIES[3].path, hash_bytes(b"4"))]),  # another value
        (proof(3, 2), [ENTRIES[4], ENTRIES[3]]),  # another order
        (proof(3, 2), [ENTRIES[3]]),
        (proof(3, 1), [ENTRIES[3], ENTRIES[4]]),
        (proof(3, 1), []),
        (proof(3, 1, hashes=LOG.range_proof(3, 1)[:-1]), [ENTRIES[3]]),  # a hash is missing
        (proof(3, 1, hashes=[*LOG.range_proof(3, 1), b"\1" * 32]), [ENTRIES[3]]),  # a hash is left over
        (proof(3, 1, hashes=[h[:31] for h in LOG.range_proof(3, 1)]), [ENTRIES[3]]),
        (proof(3, 1), [OpaqueLeaf(b"")]),
    ],
)
def test_proofs_of_something_else(data: bytes, elements: list[Entry | OpaqueLeaf]) -> None:
    with pytest.raises(VerificationError) as caught:
        PROFILE.verify_membership(PROVING, data, elements)
    assert caught.value.reason is Reason.PROOF_INVALID


def test_a_node_is_not_a_leaf() -> None:
    left, right = log_leaf(ENTRIES[0]), log_leaf(ENTRIES[1])
    two = MerkleLog(hash_bytes)
    two.append([left, right])
    trusted = replace(TRUSTED, root=log_app_hash(1, two.root()))
    message = encode(LogRangeProof(log_size=1, log_root=two.root(), first_index=0))
    with pytest.raises(VerificationError) as caught:
        PROFILE.verify_membership(trusted, message, [Entry(left, right)])
    assert caught.value.reason is Reason.PROOF_INVALID


@pytest.mark.parametrize("data", [b"\xff", proof(3, 1) + b"\x28\x01", bytes(9_000)])
def test_proof_bytes_that_do_not_decode(data: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        PROFILE.verify_membership(PROVING, data, [ENTRIES[3]])
    assert caught.value.reason in (Reason.MALFORMED_MESSAGE, Reason.LIMIT_EXCEEDED)


def test_transaction_sign_bytes_bind_ledger_and_body() -> None:
    base = PROFILE.transaction_sign_bytes("hk", b"body")
    assert base == b"cargobridge/v1/transaction\0" + b"\0\0\0\2hk" + b"\0\0\0\4body"
    assert len({base, PROFILE.transaction_sign_bytes("hk2", b"body"), PROFILE.transaction_sign_bytes("hk", b"b")}) == 3
