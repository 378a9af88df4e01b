"""Bytes of the chainmaker profile: one reading of an update, and what a member signs."""

import pytest

from bridge.errors import BridgeError, DecodeError, LimitError, Reason
from bridge.light_client.chainmaker import PROFILE
from bridge.v1.chainmaker_pb2 import ChainmakerPayload, ChainmakerUpdate
from bridge.v1.transaction_pb2 import TransactionBody
from bridge.wire import encode
from tests.unit.light_client.chainmaker_forge import LEDGER, START, Forge, refused


def test_header_bytes_must_round_trip(forge: Forge):
    update = ChainmakerUpdate.FromString(forge.update(forge.header()))
    header = update.header
    for bad in (header + b"\x80\x01\x01", header + header[:4], b"\x08\x00" + header, header[:-1], b"\xff"):
        update.header = bad
        with pytest.raises(DecodeError) as caught:
            forge.profile.decode_update(encode(update))
        assert caught.value.reason == Reason.MALFORMED_MESSAGE
    update.header = b"\x6a\x81\x80\x08" + bytes(128 * 1024)
    with pytest.raises(LimitError):
        forge.profile.decode_update(encode(update))


def test_update_bytes_must_round_trip(forge: Forge):
    update = forge.update(forge.header())
    for bad in (update + b"\x30\x01", update[:-1], b"", update * 2):
        with pytest.raises(DecodeError) as caught:
            forge.profile.decode_update(bad)
        assert caught.value.reason in {Reason.MALFORMED_MESSAGE, Reason.FIELD_REQUIRED}


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b"\x08\x01", Reason.MALFORMED_MESSAGE),  # type twice
        (b"\x40\x01", Reason.MALFORMED_MESSAGE),  # field 8
        (b"\x35\x00\x00\x00\x00", Reason.MALFORMED_MESSAGE),  # votes as fixed32
        (b"\x32", Reason.MALFORMED_MESSAGE),  # a length that is not there
        (b"\x32\x05\x0a", Reason.MALFORMED_MESSAGE),  # a field past the end
        (b"\x20\x80\x00", Reason.MALFORMED_MESSAGE),  # a varint with a padding byte
        (b"\x20" + b"\xff" * 9 + b"\x02", Reason.MALFORMED_MESSAGE),  # above 64 bits
        (b"\x20" + b"\x80" * 11, Reason.MALFORMED_MESSAGE),
        (b"\x32\x00", Reason.MALFORMED_MESSAGE),  # an entry without key and vote
        (b"\x32\x03\x0a\x01a", Reason.MALFORMED_MESSAGE),  # without vote
        (b"\x32\x05\x0a\x01\xff\x12\x00", Reason.MALFORMED_MESSAGE),  # key not UTF-8
        (b"\x32\x08\x0a\x01a\x12\x00\x0a\x01b", Reason.MALFORMED_MESSAGE),  # two keys
        (b"\x32\x08\x0a\x01a\x12\x03\x40\x01\x00", Reason.MALFORMED_MESSAGE),  # vote with an unknown field
        (b"\x32\x07\x0a\x01a\x12\x02\x18\x00", Reason.MALFORMED_MESSAGE),  # vote with an explicit default
        (b"\x32\x06\x0a\x01a\x12\x01\x0a", Reason.MALFORMED_MESSAGE),
        (b"\x3a\x80\x80\x20" + bytes(512 * 1024), Reason.LIMIT_EXCEEDED),
    ],
)
def test_a_vote_set_is_read_strictly(forge: Forge, tail: bytes, reason: Reason):
    header = forge.header()
    good = encode(forge.vote_set(header, forge.votes(header), round=0))
    refused(forge, forge.update(header, good + tail), reason)


def test_a_vote_set_holds_at_most_64_votes(forge: Forge):
    header = forge.header()
    entries = b"".join(b"\x32\x08\x0a\x04" + f"{n:04d}".encode() + b"\x12\x00" for n in range(65))
    refused(forge, forge.update(header, entries), Reason.LIMIT_EXCEEDED)


def test_every_bit_of_an_update_is_hashed_signed_or_refused():
    forge = Forge(suite_id="sha256-ed25519", count=1)
    update = forge.update(forge.header(transactions=[b"transaction"]))
    expected = forge.verify(update)
    for position in range(len(update)):
        damaged = bytearray(update)
        damaged[position] ^= 1 << (position % 8)
        try:
            state = forge.verify(bytes(damaged))
        except BridgeError:
            continue
        # What remains free is not evidence of anything: the set's own idea of a majority.
        assert state == expected
        stated = b"\x2a\x20" + expected.header_hash
        maj23 = update.index(stated, update.index(stated) + 1)
        assert maj23 <= position < maj23 + 34


def test_what_a_member_signs_is_the_payload_that_binds_the_body(forge: Forge):
    body = TransactionBody(ledger_id=LEDGER, member_id="platform-1", key_id="k1")
    body.submission_time.seconds = START
    signed = PROFILE.transaction_sign_bytes(LEDGER, encode(body))
    payload = ChainmakerPayload.FromString(signed)
    digest = forge.hash(encode(body))
    assert encode(payload) == signed
    assert (payload.chain_id, payload.tx_id, payload.timestamp) == (LEDGER, digest.hex(), START)
    assert (payload.contract_name, payload.method) == ("cargobridge", "execute")
    assert [(pair.key, pair.value) for pair in payload.parameters] == [
        ("operations_digest", digest),
        ("member_id", b"platform-1"),
        ("key_id", b"k1"),
    ]
    body.key_id = "k2"
    assert PROFILE.transaction_sign_bytes(LEDGER, encode(body)) != signed
    assert PROFILE.transaction_sign_bytes("test-sh-2", encode(body)) != PROFILE.transaction_sign_bytes(
        LEDGER, encode(body)
    )
    with pytest.raises(DecodeError) as caught:
        PROFILE.transaction_sign_bytes(LEDGER, b"\xff")
    assert caught.value.reason == Reason.MALFORMED_MESSAGE
