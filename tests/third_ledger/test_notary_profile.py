"""The third ledger's own light client: what it believes, and what it refuses with which reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bridge.clock import NANOS_PER_SECOND, ManualClock, Nanos
from bridge.conformance.checks import NotRun
from bridge.conformance.counterparty.chain import Chain
from bridge.conformance.counterparty.forgery import Votes
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.validators import Validators, make_validators
from bridge.conformance.proofs import moved, turned_hashes
from bridge.errors import BridgeError, Reason
from bridge.ledger.types import KIND_PACKET, WrittenEntry
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState, Entry, OpaqueLeaf, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.v1.proof_pb2 import LogRangeProof

pytestmark = pytest.mark.usefixtures("in_sight")

NOW = Nanos(1_800_000_000 * NANOS_PER_SECOND)
OPTIONS = TrustOptions(trusting_period=86_400 * NANOS_PER_SECOND)
LEDGER = "test-notary-x"


def entries(first: int, count: int) -> list[WrittenEntry]:
    numbers = range(first, first + count)
    made = [Entry(b"client\x01" + number.to_bytes(8, "big"), bytes([number % 256]) * 32) for number in numbers]
    return [
        WrittenEntry(entry, KIND_PACKET, "client", number, b"") for number, entry in zip(numbers, made, strict=True)
    ]


def chain(blocks: int = 3, powers: Sequence[int] = (1, 1, 1, 1)) -> Chain:
    made = Chain("notary", LEDGER, make_validators("sha256-p256", powers), NOW)
    for number in range(blocks):
        made.append(Nanos(NOW + number + 1), [entries(number * 3, 3)])
    return made


def believed(made: Chain, data: bytes, trusted_height: int) -> ConsensusState:
    form = profile("notary")
    update = form.decode_update(data)
    return verify_update(form, made.consensus(trusted_height), update, OPTIONS, Nanos(NOW + NANOS_PER_SECOND))


def refused(made: Chain, data: bytes, trusted_height: int) -> Reason:
    with pytest.raises(BridgeError) as raised:
        believed(made, data, trusted_height)
    return raised.value.reason


def resigned(made: Chain, at: int, trusted_height: int, signers: int, **changes: object) -> bytes:
    """The update of a checkpoint that says something else, signed all the same by the first so many notaries."""
    from notary_ledger.checkpoint import read_update, update_bytes  # noqa: PLC0415 it is in sight only here

    honest = read_update(made.update(at, trusted_height))
    text = replace(honest.checkpoint, **changes).text
    votes = [made.keys[notary.public_key].sign(text) for notary in honest.notaries]
    votes[signers:] = [b""] * (len(votes) - signers)
    return update_bytes(text, honest.notaries, votes, trusted_height)


@pytest.mark.parametrize(("height", "trusted"), [(1, 0), (2, 1), (3, 0), (3, 1)])
def test_an_honest_checkpoint_is_believed_from_any_height_while_the_notaries_stay(height: int, trusted: int) -> None:
    made = chain()
    assert believed(made, made.update(height, trusted), trusted) == made.consensus(height)


def test_more_than_two_thirds_of_the_power_must_sign() -> None:
    made = chain(powers=(1,) * 6)
    assert refused(made, resigned(made, 2, 1, 4), 1) is Reason.INSUFFICIENT_QUORUM
    assert believed(made, resigned(made, 2, 1, 5), 1) == made.consensus(2)


def test_power_counts_and_not_heads() -> None:
    made = chain(powers=(1, 1, 1, 9))
    heads = [notary.power for notary in profile("notary").decode_update(made.update(1, 0)).notaries]
    update = resigned(made, 2, 1, heads.index(9))
    assert refused(made, update, 1) is Reason.INSUFFICIENT_QUORUM


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ledger_id": "test-notary-y"}, Reason.LEDGER_ID_MISMATCH),
        ({"time": NOW}, Reason.NON_INCREASING_TIME),
        ({"time": Nanos(NOW + 60 * NANOS_PER_SECOND)}, Reason.HEADER_FROM_FUTURE),
        ({"height": 1}, Reason.NON_INCREASING_HEIGHT),
        ({"previous": bytes(32)}, Reason.HEADER_HASH_MISMATCH),
        ({"notaries": bytes(32)}, Reason.VALIDATOR_SET_MISMATCH),
    ],
)
def test_what_all_notaries_sign_may_still_be_wrong(changes: dict[str, object], reason: Reason) -> None:
    made = chain()
    assert refused(made, resigned(made, 2, 1, 4, **changes), 1) is reason


def test_a_signature_is_of_the_notary_beside_it() -> None:
    made = chain()
    lines = made.update(2, 1).split(b"\n")
    first, second = (line.split(b" ") for line in lines[-3:-1])
    first[2], second[2] = second[2], first[2]
    lines[-3:-1] = [b" ".join(first), b" ".join(second)]
    assert refused(made, b"\n".join(lines), 1) is Reason.SIGNATURE_INVALID


def test_strangers_cannot_vouch_for_themselves() -> None:
    made, strangers = chain(), chain()
    assert refused(made, strangers.update(2, 1), 1) is Reason.VALIDATOR_SET_MISMATCH
    assert refused(made, strangers.update(3, 1), 1) is Reason.NOT_ENOUGH_TRUST


def test_new_notaries_sign_after_the_checkpoint_that_names_them() -> None:
    made = chain(blocks=1)
    following: Validators = make_validators("sha256-p256", (2, 3, 4))
    made.append(NOW, rotation=following, set_number=2)
    made.append(NOW)
    assert believed(made, made.update(2, 1), 1).next_validators_hash == made.consensus(3).next_validators_hash
    assert refused(made, made.update(3, 1), 1) is Reason.NOT_ENOUGH_TRUST
    assert believed(made, made.update(3, 2), 2) == made.consensus(3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data + b"\n",
        lambda data: data[:-1],
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n2\n", b"\n02\n", 1),
        lambda data: data.replace(b"\n2\n", b"\n+2\n", 1),
        lambda data: data.upper(),
        lambda data: data.replace(b" ", b"  "),
        lambda data: b"",
        lambda data: b"\xff" * 100,
        lambda data: data + data.split(b"\n")[-2] * 400,
    ],
)
def test_an_update_has_one_form(spoil) -> None:
    made = chain()
    assert refused(made, spoil(made.update(2, 1)), 1) in (Reason.MALFORMED_MESSAGE, Reason.LIMIT_EXCEEDED)


def test_a_notary_cannot_stand_twice() -> None:
    made = chain()
    data = made.update(2, 1)
    twice = data + data.split(b"\n")[-2] + b"\n"
    assert refused(made, twice, 1) is Reason.VALIDATOR_SET_INVALID


@pytest.mark.parametrize(("first", "count"), [(0, 1), (0, 9), (2, 5), (8, 1)])
def test_entries_are_proven_by_any_later_checkpoint(first: int, count: int) -> None:
    made = chain()
    (run,) = made.prove(first, count, 3)
    elements = [stored.written.entry for stored in run.entries]
    form, state = profile("notary"), made.consensus(run.proof_height)
    form.verify_membership(state, run.proof, elements)
    other = [*elements[:-1], Entry(elements[-1].path, b"\xff" * 32)]
    with pytest.raises(BridgeError, match="PROOF_INVALID"):
        form.verify_membership(state, run.proof, other)
    with pytest.raises(BridgeError, match="PROOF_INVALID"):
        form.verify_membership(made.consensus(2), run.proof, elements)


def test_the_size_of_the_log_is_bound() -> None:
    made = chain()
    (run,) = made.prove(0, 1, 3)
    proof = LogRangeProof.FromString(run.proof)
    proof.log_size += 1
    with pytest.raises(BridgeError, match="PROOF_INVALID"):
        profile("notary").verify_membership(
            made.consensus(3), proof.SerializeToString(), [run.entries[0].written.entry]
        )
    with pytest.raises(BridgeError, match="PROOF_INVALID"):
        profile("notary").verify_membership(made.consensus(3), run.proof, [OpaqueLeaf(b"")])


def test_a_restored_ledger_goes_on_where_it_was() -> None:
    made = chain(blocks=5)
    branch = made.fork(5)
    assert branch.append(NOW).header_hash != made.block(5).header_hash
    assert believed(made, branch.update(6, 5), 5).height == 6


def test_the_kit_equivocates_in_its_name_and_says_what_it_cannot_forge() -> None:
    other = Counterparty("notary", clock=ManualClock(NOW))
    height = other.advance()
    honest, twin = (profile("notary").decode_update(update) for update in other.equivocate(height))
    assert (honest.height, twin.height) == (height, height)
    assert honest.header_hash != twin.header_hash
    for update in other.equivocate(height):
        assert believed(other.chain, update, other.anchor_height).height == height
    with pytest.raises(NotRun, match="notary"):
        other.forge(height, votes=Votes.BAD)
    written = other.register_issuer()
    other.commit(written)
    (run,) = other.runs(written)
    with pytest.raises(NotRun, match="notary"):
        list(moved(other, run))
    with pytest.raises(NotRun, match="notary"):
        list(turned_hashes(other, run))
