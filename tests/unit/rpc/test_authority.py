"""What an authority signs: clients, members, mappings, pauses and validators, taken or refused by their reason."""

from __future__ import annotations

import pytest

from bridge.bundle.verify import verify_bundle
from bridge.cargo.mapping import mapping_sign_bytes
from bridge.conformance.issuing import transport_event as event
from bridge.crypto.keys import public_key_from_pem
from bridge.errors import AlreadyExistsError, BridgeError, DecodeError, NotFoundError, Reason, VerificationError
from bridge.protocol.members import member_sign_bytes
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1.identifier_pb2 import MAPPING_STATE_REGISTERED, Identifier, Mapping, SignedMapping
from bridge.v1.member_pb2 import MEMBER_ROLE_READER, MEMBER_STATE_REGISTERED, MemberRegistration, SignedMember
from bridge.v1.proof_pb2 import ProofBundle
from bridge.v1.transaction_pb2 import MisbehaviourEvidence, PauseAct, RotateValidatorsAct, SignedAct, ValidatorInfo
from bridge.wire import encode, timestamp_of
from tests.unit.rpc.pair import SIDES, refused

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_client_acts_are_refused_by_the_reason_the_ledger_gives(pair):
    authority = pair.party("hk", "authority").ledger
    unsigned = SignedAct(act=b"x")
    with pytest.raises(BridgeError) as caught:
        await authority.create_client(unsigned)
    assert caught.value.reason in (Reason.MALFORMED_MESSAGE, Reason.AUTHORITY_SIGNATURE_MISSING)
    with pytest.raises(BridgeError):
        await authority.pair_client(unsigned)
    evidence = MisbehaviourEvidence(client_id="nobody", header_1=b"x", header_2=b"y")
    await refused(authority.submit_misbehaviour(evidence), NotFoundError, Reason.CLIENT_NOT_FOUND)


async def test_members_are_registered_listed_and_relayed(pair):
    ledger_id, signer = pair.authority("hk")
    registration = encode(
        MemberRegistration(
            ledger_id=ledger_id,
            member_id="harbour-bank",
            revision=1,
            state=MEMBER_STATE_REGISTERED,
            roles=[MEMBER_ROLE_READER],
            registration_time=timestamp_of(pair.clock.now()),
        )
    )
    signed = SignedMember(registration=registration, signature=signer.sign(member_sign_bytes(ledger_id, registration)))
    admin = pair.party("hk", "authority").admin
    answer = await admin.register_member(signed)
    assert answer.sequence
    await pair.settle()
    listed: list[tuple[str, str]] = []
    token = ""
    while True:
        page = await pair.party("sh", "authority").admin.members(2, token)
        listed += [(entry.origin_client_id, entry.registration.member_id) for entry in page.members]
        token = page.next_page_token
        if not token:
            break
    assert (pair.client("sh"), "harbour-bank") in listed
    assert listed == sorted(listed)
    forged = SignedMember(registration=registration, signature=bytes(64))
    with pytest.raises(VerificationError):
        await admin.register_member(forged)


async def test_mappings_are_registered_resolved_and_in_conflict_refused(pair):
    ledger_id, signer = pair.authority("hk")

    def mapping(home: str, other: str) -> SignedMapping:
        body = encode(
            Mapping(
                ledger_id=ledger_id,
                revision=1,
                state=MAPPING_STATE_REGISTERED,
                home=Identifier(scheme="hk-ubi", value=home),
                counterparty=Identifier(scheme="uscc", value=other),
                registration_time=timestamp_of(pair.clock.now()),
            )
        )
        return SignedMapping(mapping=body, signature=signer.sign(mapping_sign_bytes(ledger_id, body)))

    service = pair.party("hk", "authority").identifiers
    answer = await service.register(mapping("12345678", "91310000MA1FL70B67"))
    assert answer.sequence
    await refused(
        service.register(mapping("87654321", "91310000MA1FL70B67")), AlreadyExistsError, Reason.MAPPING_CONFLICT
    )
    await pair.settle()
    uscc, ubi = Identifier(scheme="uscc", value="91310000MA1FL70B67"), Identifier(scheme="hk-ubi", value="12345678")
    for side, asked, local in (("hk", uscc, ubi), ("sh", ubi, uscc)):
        resolved = await pair.party(side, "bank").identifiers.resolve(asked)
        assert (resolved.local, resolved.resolution) == (local, cargo.RESOLUTION_MAPPED)
        own = await pair.party(side, "bank").identifiers.resolve(local)
        assert (own.local, own.resolution) == (local, cargo.RESOLUTION_EQUIVALENT)
    entries = (await pair.party("sh", "bank").identifiers.mappings("hk-ubi")).mappings
    assert [(e.origin_ledger_id, e.mapping.home.value) for e in entries] == [("hk-trade-1", "12345678")]
    assert not (await pair.party("sh", "bank").identifiers.mappings("lei")).mappings
    foreign = await pair.party("sh", "bank").identifiers.resolve(Identifier(scheme="hk-ubi", value="11111111"))
    assert foreign.resolution == cargo.RESOLUTION_FOREIGN
    with pytest.raises(DecodeError):
        await pair.party("sh", "bank").identifiers.resolve(Identifier(scheme="uscc", value="1"))


async def test_a_paused_port_takes_no_record_until_it_is_resumed(pair):
    admin = pair.party("hk", "authority").admin

    async def pause(*, paused: bool) -> None:
        act = PauseAct(
            ledger_id="hk-trade-1",
            client_id=pair.client("hk"),
            port="cargo",
            paused=paused,
            act_time=timestamp_of(pair.clock.now()),
        )
        assert await admin.set_pause(pair.act(act, "hk"))

    await pause(paused=True)
    assert (await pair.issue("hk", event("paused"))).results[0].reason == "PORT_PAUSED"
    await pause(paused=False)
    assert (await pair.issue("hk", event("paused"))).results[0].reason == ""


@pytest.mark.parametrize("side", SIDES)
async def test_validators_rotate_and_bundles_find_their_way(pair, side):
    node = pair.adapters[side].node
    before = await pair.quiet_height(side)
    settings_key = pair.folder / side / "keys" / "validator-1.pub.pem"
    _, key = public_key_from_pem(settings_key.read_bytes())
    act = RotateValidatorsAct(
        ledger_id=node.config.ledger_id,
        set_number=2,
        validators=[ValidatorInfo(node_id=f"{side}-validator-9", public_key=key, voting_power=1)],
    )
    admin = pair.party(side, "authority").admin
    assert await admin.rotate_validators(pair.act(act, side)) == before + 1
    result = (await pair.issue(side, event(f"rotated-{side}"))).results[0]
    await pair.settle()
    data = await pair.party(side, "bank").cargo.export_bundle(result.local_record_id)
    assert verify_bundle(data, ProofBundle.FromString(data).anchor, pair.clock.now()).accepted
    await refused(admin.rotate_validators(SignedAct(act=b"\xff")), DecodeError, Reason.MALFORMED_MESSAGE)
