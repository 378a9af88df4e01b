"""The development authority: what it makes is what the programs take, and a second run changes nothing."""

from __future__ import annotations

import stat

import pytest
from cryptography import x509

from bridge.clock import SystemClock
from bridge.crypto.keys import load_signer, public_key_from_pem
from bridge.crypto.suites import check_signature
from bridge.errors import DecodeError, Reason
from bridge.light_client.profiles import profile
from bridge.protocol.members import decode_signed_member, verify_member_signature
from bridge.rpc.identity import caller_of_certificate
from bridge.rpc.pki import CALLERS, SIDES, make_pki
from bridge.rpc.roles import load_roles
from bridge.rpc.settings import load_settings
from bridge.rpc.tls import channel_credentials, read_passphrase, server_credentials


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    return make_pki(folder, SystemClock(), {"hk": 7001}, validators=2)


def test_settings_roles_keys_and_credentials_are_all_usable(made):
    for side in SIDES:
        settings = load_settings(made.folder / side.name / "adapter.yaml")
        assert settings.ledger_id == side.ledger_id
        assert settings.listen == f"127.0.0.1:{made.ports[side.name]}"
        server_credentials(settings.tls)
        channel_credentials(settings.tls)
        roles = load_roles(settings.roles)
        assert {roles.roles_of[side.identity(name)] for name in CALLERS} == {(role,) for role in CALLERS.values()}
        assert roles.member_of == {side.identity(f"relayer-{s.name}"): f"relayer-{s.name}" for s in SIDES}
        suite_id = profile(side.profile).suite_id
        for section in (settings.node, *settings.validators):
            assert load_signer(section.key_file, read_passphrase(section.passphrase_file)).suite_id == suite_id
    assert made.ports["hk"] == 7001


def test_genesis_members_are_signed_by_their_authority(made):
    for side in SIDES:
        settings = load_settings(made.folder / side.name / "adapter.yaml")
        suite_id, key = public_key_from_pem(settings.authority_public_key.read_bytes())
        found = set()
        for path in settings.genesis.members:
            registration, signature = decode_signed_member(path.read_bytes())
            member = verify_member_signature(suite_id, key, side.ledger_id, registration, signature, check_signature)
            found.add(member.member_id)
        assert found == {"authority", "node", side.issuer[0], "relayer-hk", "relayer-sh"}


def test_every_certificate_names_one_spiffe_id_of_its_side(made):
    seen = set()
    for side in SIDES:
        for path in (made.folder / side.name / "tls").glob("*.pem"):
            if path.name != "ca.pem":
                caller = caller_of_certificate(path.read_bytes())
                assert caller.spiffe_id == side.identity(path.stem)
                seen.add(caller.spiffe_id)
    assert len(seen) == 2 * (len(CALLERS) + 3)


def test_the_authorities_differ_and_cannot_make_authorities(made):
    authorities = [
        x509.load_pem_x509_certificate((made.folder / side.name / "tls" / "ca.pem").read_bytes()) for side in SIDES
    ]
    assert len({each.public_key().public_numbers() for each in authorities}) == 2
    for each in authorities:
        assert each.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_secrets_are_their_owners_alone(made):
    secrets = [path for path in made.made if path.suffix == ".key" or path.name == "passphrase"]
    assert len(secrets) > 20
    for path in secrets:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_run_changes_nothing_and_tells_the_same_ports(made):
    before = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    again = make_pki(made.folder, SystemClock(), {"hk": 9999}, validators=2)
    assert again.made == ()
    assert made.kept == ()
    assert set(again.kept) == set(made.made)
    assert dict(again.ports) == dict(made.ports)
    assert {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()} == before


def test_a_missing_file_is_made_again_from_what_is_there(tmp_path):
    first = make_pki(tmp_path, SystemClock(), validators=1)
    authority = (tmp_path / "hk" / "tls" / "ca.pem").read_bytes()
    (tmp_path / "hk" / "tls" / "bank.pem").unlink()
    (tmp_path / "hk" / "members" / "node.member").unlink()
    again = make_pki(tmp_path, SystemClock(), validators=1)
    assert {path.name for path in again.made} == {"bank.pem", "bank.key", "node.member"}
    assert (tmp_path / "hk" / "tls" / "ca.pem").read_bytes() == authority
    assert len(first.made) > len(again.made)


def test_a_certificate_without_its_key_is_refused(tmp_path):
    make_pki(tmp_path, SystemClock(), validators=1)
    (tmp_path / "sh" / "tls" / "ca.key").unlink()
    with pytest.raises(DecodeError) as caught:
        make_pki(tmp_path, SystemClock(), validators=1)
    assert caught.value.reason == Reason.CONFIGURATION_INVALID


def test_a_listen_address_that_is_none_is_refused(tmp_path):
    make_pki(tmp_path, SystemClock(), validators=1)
    (tmp_path / "hk" / "adapter.yaml").write_text("listen: [1]\n")
    with pytest.raises(DecodeError) as caught:
        make_pki(tmp_path, SystemClock(), validators=1)
    assert "adapter.yaml" in caught.value.detail


def test_next_steps_name_the_files(made):
    steps = made.next_steps()
    assert f"hk-adapter serve --config {made.folder}/hk/adapter.yaml" in steps
    assert f"relayer start --config {made.folder}/relayer-sh/relayer.yaml" in steps
