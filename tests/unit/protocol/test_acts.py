"""Acts [ACT-1] to [ACT-7], [ACT-9], and trust options [CLI-1]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from bridge.crypto.keys import generate_signer
from bridge.crypto.suites import check_signature, suite
from bridge.errors import BridgeError, DecodeError, NotFoundError, Reason, VerificationError
from bridge.protocol.acts import (
    MAX_ACT_BYTES,
    MAX_CLOSED_PACKETS,
    MAX_REASON_CHARACTERS,
    MAX_VALIDATORS,
    closed_packet,
    decode_close_packets,
    decode_create_client,
    decode_pair_client,
    decode_pause,
    decode_recover_client,
    decode_rotate_validators,
    decode_signed_act,
    sign_act,
    verify_act,
)
from bridge.protocol.clients import (
    MAX_CLOCK_DRIFT_SECONDS,
    MAX_TRUSTING_PERIOD_SECONDS,
    Authority,
    trust_options,
)
from bridge.protocol.commitments import opened_commitment, packet_commitment
from bridge.protocol.packets import encode_packet
from bridge.protocol.ports import encode_payload
from bridge.v1.transaction_pb2 import (
    ActSignature,
    ClosedPacket,
    ClosePacketsAct,
    CreateClientAct,
    PairClientAct,
    PauseAct,
    RecoverClientAct,
    RotateValidatorsAct,
    SignedAct,
    TrustAnchor,
    ValidatorInfo,
)
from bridge.wire import encode, timestamp_of

SUITE = "sha256-ed25519"
HK, SH, OTHER = (generate_signer(SUITE) for _ in range(3))
KEYS = [generate_signer(SUITE).public_key for _ in range(MAX_VALIDATORS + 1)]
HK_AUTHORITY = Authority("hk-trade-1", SUITE, HK.public_key)
SH_AUTHORITY = Authority("sh-trade-1", SUITE, SH.public_key)


def create(**over: Any) -> CreateClientAct:
    fields: dict[str, Any] = {
        "ledger_id": "hk-trade-1",
        "client_id": "sh-0",
        "anchor": TrustAnchor(ledger_id="sh-trade-1"),
        "trusting_period_seconds": 86_400,
        "clock_drift_seconds": 10,
        "trust_level_numerator": 1,
        "trust_level_denominator": 3,
    }
    return CreateClientAct(**(fields | over))


def pair(**over: Any) -> PairClientAct:
    fields = {"ledger_id_1": "hk-trade-1", "client_id_1": "sh-0", "ledger_id_2": "sh-trade-1", "client_id_2": "hk-0"}
    return PairClientAct(**(fields | over))


def recover(**over: Any) -> RecoverClientAct:
    fields: dict[str, Any] = {
        "ledger_id": "hk-trade-1",
        "client_id": "sh-0",
        "anchor": TrustAnchor(ledger_id="sh-trade-1"),
        "reason": "frozen after a fork",
    }
    return RecoverClientAct(**(fields | over))


def named(*sequences: int, **over: Any) -> list[ClosedPacket]:
    return [
        ClosedPacket(**({"sequence": each, "timeout_seconds": 1_790_000_000, "payloads_digest": bytes(32)} | over))
        for each in sequences
    ]


def close(**over: Any) -> ClosePacketsAct:
    fields: dict[str, Any] = {
        "ledger_id": "hk-trade-1",
        "client_id": "sh-0",
        "counterparty_ledger_id": "sh-trade-1",
        "counterparty_client_id": "hk-0",
        "packets": named(3, 4, 9),
        "act_time": timestamp_of(1_790_000_000_000_000_000),
        "reason": "the other ledger was wound up",
    }
    return ClosePacketsAct(**(fields | over))


def pause(**over: Any) -> PauseAct:
    fields: dict[str, Any] = {
        "ledger_id": "hk-trade-1",
        "client_id": "sh-0",
        "port": "cargo",
        "paused": True,
        "act_time": timestamp_of(1_790_000_000_000_000_000),
    }
    return PauseAct(**(fields | over))


def validators(count: int = 4, **over: Any) -> list[ValidatorInfo]:
    return [
        ValidatorInfo(**({"node_id": f"node-{i}", "public_key": KEYS[i], "voting_power": 1} | over))
        for i in range(count)
    ]


def rotate(**over: Any) -> RotateValidatorsAct:
    fields: dict[str, Any] = {"ledger_id": "hk-trade-1", "set_number": 2, "validators": validators()}
    return RotateValidatorsAct(**(fields | over))


def decode_rotation(act: bytes) -> RotateValidatorsAct:
    return decode_rotate_validators(act, SUITE)


ACTS: list[tuple[Callable[..., Message], Callable[[bytes], Message]]] = [
    (create, decode_create_client),
    (pair, decode_pair_client),
    (recover, decode_recover_client),
    (close, decode_close_packets),
    (pause, decode_pause),
    (rotate, decode_rotation),
]


@pytest.mark.parametrize(("make", "decode"), ACTS)
def test_an_act_decodes_as_itself_and_as_no_other(
    make: Callable[..., Message], decode: Callable[[bytes], Message]
) -> None:
    data = encode(make())
    assert decode(data) == make()
    others = [other for _, other in ACTS if other is not decode]
    for other in others:
        with pytest.raises(BridgeError) as caught:
            other(data)
        assert isinstance(caught.value, DecodeError | NotFoundError)
    assert len(others) == 5


@pytest.mark.parametrize(
    ("decode", "act", "reason"),
    [
        (decode_create_client, create(ledger_id=""), Reason.INVALID_IDENTIFIER),
        (decode_create_client, create(client_id="SH"), Reason.INVALID_IDENTIFIER),
        (decode_create_client, create(anchor=None), Reason.INVALID_IDENTIFIER),
        (decode_create_client, create(trusting_period_seconds=0), Reason.INVALID_FIELD),
        (decode_pair_client, pair(client_id_2=""), Reason.INVALID_IDENTIFIER),
        (decode_pair_client, pair(ledger_id_2="a-trade-1"), Reason.INVALID_FIELD),
        (decode_pair_client, pair(ledger_id_2="hk-trade-1"), Reason.INVALID_FIELD),
        (decode_recover_client, recover(reason=""), Reason.INVALID_FIELD),
        (decode_recover_client, recover(reason="r" * 501), Reason.INVALID_FIELD),
        (decode_recover_client, recover(anchor=None), Reason.INVALID_IDENTIFIER),
        (decode_close_packets, close(ledger_id=""), Reason.INVALID_IDENTIFIER),
        (decode_close_packets, close(counterparty_ledger_id="?"), Reason.INVALID_IDENTIFIER),
        (decode_close_packets, close(client_id="SH"), Reason.INVALID_IDENTIFIER),
        (decode_close_packets, close(counterparty_client_id=""), Reason.INVALID_IDENTIFIER),
        (decode_close_packets, close(packets=[]), Reason.FIELD_REQUIRED),
        (decode_close_packets, close(packets=named(*range(1, MAX_CLOSED_PACKETS + 2))), Reason.LIMIT_EXCEEDED),
        (decode_close_packets, close(packets=named(0, 1)), Reason.INVALID_FIELD),
        (decode_close_packets, close(packets=named(4, 4)), Reason.INVALID_FIELD),
        (decode_close_packets, close(packets=named(4, 3)), Reason.INVALID_FIELD),
        (decode_close_packets, close(packets=named(2**63)), Reason.INVALID_FIELD),
        (decode_close_packets, close(packets=named(3, timeout_seconds=0)), Reason.INVALID_FIELD),
        (decode_close_packets, close(packets=named(3, timeout_seconds=2**60)), Reason.INVALID_FIELD),
        (decode_close_packets, close(packets=named(3, payloads_digest=bytes(31))), Reason.INVALID_FIELD),
        (decode_close_packets, close(packets=named(3, payloads_digest=b"")), Reason.INVALID_FIELD),
        (decode_close_packets, close(act_time=None), Reason.FIELD_REQUIRED),
        (decode_close_packets, close(reason=""), Reason.INVALID_FIELD),
        (decode_close_packets, close(reason="r" * 501), Reason.INVALID_FIELD),
        (decode_pause, pause(port="title"), Reason.PORT_UNKNOWN),
        (decode_pause, pause(act_time=None), Reason.FIELD_REQUIRED),
        (decode_rotation, rotate(set_number=1), Reason.VALIDATOR_SET_INVALID),
        (decode_rotation, rotate(validators=[]), Reason.VALIDATOR_SET_INVALID),
        (decode_rotation, rotate(validators=validators(MAX_VALIDATORS + 1)), Reason.VALIDATOR_SET_INVALID),
        (decode_rotation, rotate(validators=validators(2, node_id="node")), Reason.VALIDATOR_SET_INVALID),
        (decode_rotation, rotate(validators=validators(2, public_key=KEYS[0])), Reason.VALIDATOR_SET_INVALID),
        (decode_rotation, rotate(validators=validators(2, public_key=b"\0" * 32)), Reason.VALIDATOR_SET_INVALID),
        (decode_rotation, rotate(validators=validators(2, node_id="")), Reason.VALIDATOR_SET_INVALID),
        (decode_rotation, rotate(validators=validators(2, voting_power=0)), Reason.VALIDATOR_SET_INVALID),
        (decode_rotation, rotate(validators=validators(2, voting_power=2**41)), Reason.VALIDATOR_SET_INVALID),
    ],
)
def test_acts_out_of_form_are_refused(decode: Callable[[bytes], Message], act: Message, reason: Reason) -> None:
    with pytest.raises(BridgeError) as caught:
        decode(encode(act))
    assert caught.value.reason is reason


def test_the_largest_closing_fits_a_signed_act() -> None:
    last, timeout = 2**63 - 1, 253_402_300_799
    packets = named(*range(last - MAX_CLOSED_PACKETS + 1, last + 1), timeout_seconds=timeout)
    act = close(packets=packets, reason="\U0001f6a2" * MAX_REASON_CHARACTERS, act_time=timestamp_of(timeout * 10**9))
    data = encode(sign_act(act, ("hk-trade-1", HK), ("sh-trade-1", SH)))
    assert decode_close_packets(decode_signed_act(data).act) == act


def test_an_act_names_a_packet_by_the_parts_of_its_commitment() -> None:
    hash_ = suite(SUITE).hash
    packet, _ = encode_packet("sh-0", "hk-0", 7, 1_790_000_000, encode_payload("cargo", b"value"))
    made = closed_packet(hash_, packet)
    assert (made.sequence, made.timeout_seconds) == (7, 1_790_000_000)
    commitment = opened_commitment(hash_, "hk-0", made.timeout_seconds, made.payloads_digest)
    assert commitment == packet_commitment(hash_, packet)
    for other in (
        opened_commitment(hash_, "hk-1", made.timeout_seconds, made.payloads_digest),
        opened_commitment(hash_, "hk-0", made.timeout_seconds - 1, made.payloads_digest),
        opened_commitment(hash_, "hk-0", made.timeout_seconds, bytes(32)),
    ):
        assert other != commitment


@pytest.mark.parametrize(
    "over",
    [
        {"trust_level_numerator": 0},
        {"trust_level_numerator": 1, "trust_level_denominator": 4},
        {"trust_level_numerator": 4, "trust_level_denominator": 3},
        {"trust_level_denominator": 0},
        {"clock_drift_seconds": MAX_CLOCK_DRIFT_SECONDS + 1},
        {"trusting_period_seconds": MAX_TRUSTING_PERIOD_SECONDS + 1},
    ],
)
def test_trust_options_out_of_range_are_refused(over: dict[str, int]) -> None:
    with pytest.raises(DecodeError) as caught:
        trust_options(create(**over))
    assert caught.value.reason is Reason.INVALID_FIELD


@pytest.mark.parametrize("level", [(1, 3), (2, 3), (1, 1)])
def test_trust_levels_in_range_stand(level: tuple[int, int]) -> None:
    options = trust_options(create(trust_level_numerator=level[0], trust_level_denominator=level[1]))
    assert (options.trust_numerator, options.trust_denominator) == level
    assert (options.trusting_period, options.clock_drift) == (86_400 * 10**9, 10 * 10**9)


def test_both_authorities_sign_a_pairing() -> None:
    signed = sign_act(pair(), ("hk-trade-1", HK), ("sh-trade-1", SH))
    decoded = decode_signed_act(encode(signed))
    assert verify_act(decoded, (HK_AUTHORITY, SH_AUTHORITY), check_signature) == encode(pair())


@pytest.mark.parametrize(
    ("signers", "reason"),
    [
        ((), Reason.AUTHORITY_SIGNATURE_MISSING),
        ((("hk-trade-1", HK),), Reason.AUTHORITY_SIGNATURE_MISSING),
        ((("sh-trade-1", SH),), Reason.AUTHORITY_SIGNATURE_MISSING),
        ((("hk-trade-1", HK), ("sh-trade-1", SH), ("other-1", OTHER)), Reason.AUTHORITY_SIGNATURE_MISSING),
        ((("hk-trade-1", HK), ("sh-trade-1", OTHER)), Reason.SIGNATURE_INVALID),
        ((("hk-trade-1", SH), ("sh-trade-1", HK)), Reason.SIGNATURE_INVALID),
    ],
)
def test_an_act_without_its_authorities_is_refused(signers: tuple[Any, ...], reason: Reason) -> None:
    with pytest.raises(VerificationError) as caught:
        verify_act(sign_act(pair(), *signers), (HK_AUTHORITY, SH_AUTHORITY), check_signature)
    assert caught.value.reason is reason


def test_a_signature_for_one_ledger_says_nothing_on_another() -> None:
    (own,) = sign_act(pair(), ("hk-trade-1", HK)).signatures
    moved = SignedAct(act=encode(pair()), signatures=[ActSignature(ledger_id="hk-trade-2", signature=own.signature)])
    authority = Authority("hk-trade-2", SUITE, HK.public_key)
    with pytest.raises(VerificationError) as caught:
        verify_act(moved, (authority,), check_signature)
    assert caught.value.reason is Reason.SIGNATURE_INVALID


def test_a_changed_act_is_refused() -> None:
    signed = sign_act(pair(), ("hk-trade-1", HK), ("sh-trade-1", SH))
    changed = SignedAct(act=encode(pair(client_id_2="hk-9")), signatures=signed.signatures)
    with pytest.raises(VerificationError) as caught:
        verify_act(changed, (HK_AUTHORITY, SH_AUTHORITY), check_signature)
    assert caught.value.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encode(sign_act(pair(), ("hk-trade-1", HK), ("hk-trade-1", OTHER))), Reason.DUPLICATE_SIGNER),
        (b"\xff\xff", Reason.MALFORMED_MESSAGE),
        (encode(sign_act(pair())) + b"\x78\x01", Reason.MALFORMED_MESSAGE),
        (b"\x0a" * (MAX_ACT_BYTES + 1), Reason.LIMIT_EXCEEDED),
    ],
    ids=["twice", "garbage", "unknown field", "too large"],
)
def test_signed_acts_out_of_form_are_refused(data: bytes, reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_signed_act(data)
    assert caught.value.reason is reason
