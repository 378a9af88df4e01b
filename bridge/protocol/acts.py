"""Acts of authorities: what may change trust, decoded strictly and verified against the keys of those who must sign.

Each authority signs the act's bytes under its own ledger id, so a signature made for one ledger says nothing elsewhere.
The act messages are apart from each other: the required fields of one cannot be read as another (a test holds that).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import Message

from bridge.crypto.ports import SignatureCheck, Signer
from bridge.crypto.signing import Domain, sign_bytes
from bridge.crypto.suites import suite
from bridge.errors import BridgeError, DecodeError, LimitError, Reason, VerificationError
from bridge.protocol.clients import Authority, trust_options
from bridge.protocol.commitments import Hash, payloads_digest
from bridge.protocol.packets import MAX_TIMEOUT_SECONDS
from bridge.protocol.paths import MAX_SEQUENCE, require_client_id, require_ledger_id
from bridge.protocol.ports import require_known_port
from bridge.v1.packet_pb2 import Packet
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
)
from bridge.wire import decode_strict, encode, nanos_from, require_length, require_text

MAX_ACT_BYTES = 64 * 1024
"""Largest signed act, in bytes: 64 validators with their keys take about 10 KiB."""

MAX_REASON_CHARACTERS = 500
"""Longest reason of a recovery or a closing, in characters."""

MAX_CLOSED_PACKETS = 1000
"""Most packets that one act closes: at most 53 bytes each, they fit a signed act with its reason and signatures."""

PAYLOADS_DIGEST_BYTES = 32
"""Length of a payloads digest; every suite's hash has it."""

MAX_VALIDATORS = 64
"""Most validators of a set; a larger consortium runs its own BFT engine."""

MAX_VOTING_POWER = 2**40
"""Most voting power of one validator, so that sums of 64 stay far below CometBFT's limit of 2^63 / 8."""

MAX_NODE_ID_CHARACTERS = 64
"""Longest node id; a ChainMaker node id has 46."""

A = TypeVar("A", CreateClientAct, PairClientAct, RecoverClientAct, ClosePacketsAct, PauseAct, RotateValidatorsAct)


def sign_act(act: Message, *signers: tuple[str, Signer]) -> SignedAct:
    """The act with one signature for each (ledger id, authority's signer)."""
    body = encode(act)
    signatures = [
        ActSignature(ledger_id=ledger_id, signature=signer.sign(sign_bytes(Domain.ACT, ledger_id, body)))
        for ledger_id, signer in signers
    ]
    return SignedAct(act=body, signatures=signatures)


def decode_signed_act(data: bytes) -> SignedAct:
    """[ACT-1] A signed act whose signatures name each ledger once; DecodeError otherwise."""
    signed = decode_strict(SignedAct, data, MAX_ACT_BYTES)
    ledgers = [signature.ledger_id for signature in signed.signatures]
    if len(set(ledgers)) != len(ledgers):
        raise DecodeError(Reason.DUPLICATE_SIGNER, "an authority signs once", field="signatures")
    return signed


def verify_act(signed: SignedAct, authorities: Sequence[Authority], check: SignatureCheck) -> bytes:
    """[ACT-2] Return the act's bytes when exactly these authorities signed them.

    Raises VerificationError AUTHORITY_SIGNATURE_MISSING for a missing or an unexpected signer, SIGNATURE_INVALID for a
    signature that is not by the authority's key.
    """
    signatures = {signature.ledger_id: signature.signature for signature in signed.signatures}
    expected = {authority.ledger_id for authority in authorities}
    if signatures.keys() != expected:
        raise VerificationError(
            Reason.AUTHORITY_SIGNATURE_MISSING,
            "the act needs the signatures of these authorities and no others",
            got=" ".join(sorted(signatures)),
            expected=" ".join(sorted(expected)),
        )
    for authority in authorities:
        message = sign_bytes(Domain.ACT, authority.ledger_id, signed.act)
        check(authority.suite_id, authority.public_key, message, signatures[authority.ledger_id])
    return signed.act


def decode_create_client(act: bytes) -> CreateClientAct:
    """[ACT-3] A client id, an anchor of a named ledger, and trust options; DecodeError otherwise."""
    message = _decode(CreateClientAct, act)
    require_client_id(message.client_id)
    require_ledger_id(message.anchor.ledger_id, "anchor.ledger_id")
    trust_options(message)
    return message


def decode_pair_client(act: bytes) -> PairClientAct:
    """[ACT-4] Two clients on two ledgers, the ledger ids in byte order so that one pair has one form."""
    message = _decode(PairClientAct, act, "ledger_id_1", "ledger_id_2")
    require_client_id(message.client_id_1, "client_id_1")
    require_client_id(message.client_id_2, "client_id_2")
    if not message.ledger_id_1.encode() < message.ledger_id_2.encode():
        raise DecodeError(Reason.INVALID_FIELD, "ledger ids are two, in byte order", field="ledger_id_1")
    return message


def decode_recover_client(act: bytes) -> RecoverClientAct:
    """[ACT-5] A client id, an anchor of a named ledger, and a reason for the audit trail."""
    message = _decode(RecoverClientAct, act)
    require_client_id(message.client_id)
    require_ledger_id(message.anchor.ledger_id, "anchor.ledger_id")
    require_text(message.reason, "reason", most=MAX_REASON_CHARACTERS)
    return message


def closed_packet(hash_: Hash, packet: Packet) -> ClosedPacket:
    """How an act names a packet; `hash_` is that of the ledger that sent it."""
    return ClosedPacket(
        sequence=packet.sequence,
        timeout_seconds=packet.timeout_seconds,
        payloads_digest=payloads_digest(hash_, packet.payloads),
    )


def decode_close_packets(act: bytes) -> ClosePacketsAct:
    """[ACT-9] Two clients on two ledgers, 1 to 1,000 packets by rising sequence, a time, and a reason.

    Each packet has its sequence, its timeout and the digest of its payloads. Raises DecodeError or LimitError.
    """
    message = _decode(ClosePacketsAct, act, "ledger_id", "counterparty_ledger_id")
    require_client_id(message.client_id)
    require_client_id(message.counterparty_client_id, "counterparty_client_id")
    if not message.packets:
        raise DecodeError(Reason.FIELD_REQUIRED, "an act that closes packets names them", field="packets")
    if len(message.packets) > MAX_CLOSED_PACKETS:
        raise LimitError(Reason.LIMIT_EXCEEDED, "packets", got=len(message.packets), limit=MAX_CLOSED_PACKETS)
    before = 0
    for packet in message.packets:
        if not before < packet.sequence <= MAX_SEQUENCE:
            raise DecodeError(Reason.INVALID_FIELD, "sequences rise from 1", field="sequence", got=packet.sequence)
        before = packet.sequence
        if not 0 < packet.timeout_seconds <= MAX_TIMEOUT_SECONDS:
            raise DecodeError(Reason.INVALID_FIELD, "a packet has a timeout", field="timeout_seconds")
        require_length(packet.payloads_digest, "payloads_digest", PAYLOADS_DIGEST_BYTES)
    if not nanos_from(message.act_time, "act_time"):
        raise DecodeError(Reason.FIELD_REQUIRED, "a closing has the time of its act", field="act_time")
    require_text(message.reason, "reason", most=MAX_REASON_CHARACTERS)
    return message


def decode_pause(act: bytes) -> PauseAct:
    """[ACT-6] A client id, a known port and a time."""
    message = _decode(PauseAct, act)
    require_client_id(message.client_id)
    require_known_port(message.port)
    if not nanos_from(message.act_time, "act_time"):
        raise DecodeError(Reason.FIELD_REQUIRED, "a pause has the time of its act", field="act_time")
    return message


def decode_rotate_validators(act: bytes, suite_id: str) -> RotateValidatorsAct:
    """[ACT-7] A set of 1 to 64 validators with power, distinct node ids and distinct registrable keys of `suite_id`."""
    message = _decode(RotateValidatorsAct, act)
    validators = message.validators
    if not 1 <= len(validators) <= MAX_VALIDATORS or message.set_number < 2:
        raise _set_error("a rotation makes set 2 or later, of 1 to 64 validators")
    decode_key = suite(suite_id).decode_public_key
    try:
        keys = {decode_key(validator.public_key) for validator in validators}
        nodes = {require_text(v.node_id, "node_id", most=MAX_NODE_ID_CHARACTERS) for v in validators}
    except BridgeError as error:
        raise _set_error(str(error)) from error
    if len(keys) != len(validators) or len(nodes) != len(validators):
        raise _set_error("node ids and keys are distinct")
    if not all(0 < validator.voting_power <= MAX_VOTING_POWER for validator in validators):
        raise _set_error("voting power is out of range")
    return message


def _decode(cls: type[A], act: bytes, *ledger_fields: str) -> A:
    message = decode_strict(cls, act, MAX_ACT_BYTES)
    for field in ledger_fields or ("ledger_id",):
        require_ledger_id(getattr(message, field), field)
    return message


def _set_error(detail: str) -> DecodeError:
    return DecodeError(Reason.VALIDATOR_SET_INVALID, detail)
