"""Key files are encrypted, private and never overwritten; PEM gives back suite and key, or is refused."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from bridge.crypto import keys, pkcs8
from bridge.crypto.suites import SUITE_IDS, check_signature
from bridge.errors import AlreadyExistsError, DecodeError, LimitError, PreconditionError, Reason

PASSPHRASE = b"correct horse \xe6\xad\xa3"
SIGNERS = {suite_id: keys.generate_signer(suite_id) for suite_id in SUITE_IDS}
P256_PREFIX = keys._KEY_FORMS["sha256-p256"][0]


def not_loaded(path, passphrase: bytes = PASSPHRASE) -> str:
    with pytest.raises(PreconditionError) as caught:
        keys.load_signer(path, passphrase)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    return caught.value.detail


def not_a_key(pem: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        keys.public_key_from_pem(pem)
    assert caught.value.reason is Reason.INVALID_PUBLIC_KEY
    return caught.value.detail


@pytest.fixture(params=SUITE_IDS)
def saved(request, tmp_path):
    """A signer and the file it was saved in."""
    path = tmp_path / "key.pem"
    keys.save_signer(SIGNERS[request.param], path, PASSPHRASE)
    return SIGNERS[request.param], path


def test_a_key_comes_back_from_its_file(saved):
    signer, path = saved
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    loaded = keys.load_signer(path, PASSPHRASE)
    assert (loaded.suite_id, loaded.public_key) == (signer.suite_id, signer.public_key)
    check_signature(signer.suite_id, signer.public_key, b"m", loaded.sign(b"m"))


def test_two_files_of_one_key_share_no_salt(saved, tmp_path):
    signer, path = saved
    keys.save_signer(signer, tmp_path / "again.pem", PASSPHRASE)
    assert (tmp_path / "again.pem").read_bytes() != path.read_bytes()


def test_a_wrong_passphrase_opens_nothing(saved):
    for wrong in (b"", PASSPHRASE[:-1], PASSPHRASE + b" "):
        assert "passphrase" in not_loaded(saved[1], wrong)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_file_that_others_can_read_is_refused(saved):
    path = saved[1]
    for mode in (0o640, 0o604, 0o660, 0o644, 0o601):
        path.chmod(mode)
        assert "chmod 600" in not_loaded(path)
    path.chmod(0o400)
    assert keys.load_signer(path, PASSPHRASE).public_key == saved[0].public_key


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_generous_umask_does_not_open_the_file(tmp_path):
    before = os.umask(0)
    try:
        keys.save_signer(SIGNERS["sha256-ed25519"], tmp_path / "key.pem", PASSPHRASE)
    finally:
        os.umask(before)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_overwritten(saved):
    path = saved[1]
    before = path.read_bytes()
    for signer in SIGNERS.values():
        with pytest.raises(AlreadyExistsError) as caught:
            keys.save_signer(signer, path, PASSPHRASE)
        assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert path.read_bytes() == before


def test_a_key_is_not_saved_without_a_passphrase_a_folder_or_a_way_out(tmp_path):
    class HardwareSigner:
        suite_id, public_key = "sha256-ed25519", bytes(32)

        def sign(self, message: bytes) -> bytes:
            return message

    for signer, path, passphrase in (
        (SIGNERS["sm3-sm2"], tmp_path / "key.pem", b""),
        (SIGNERS["sm3-sm2"], tmp_path / "none" / "key.pem", PASSPHRASE),
        (HardwareSigner(), tmp_path / "key.pem", PASSPHRASE),
    ):
        with pytest.raises(PreconditionError) as caught:
            keys.save_signer(signer, path, passphrase)
        assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert list(tmp_path.iterdir()) == []


def private(path, data: bytes):
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_files_that_hold_no_encrypted_key_of_a_suite_are_refused(tmp_path):
    plain = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert "not encrypted" in not_loaded(private(tmp_path / "a", plain))
    assert "cannot be read" in not_loaded(tmp_path / "missing")
    assert "PEM" in not_loaded(private(tmp_path / "b", b""))
    assert "too long" in not_loaded(private(tmp_path / "c", b"x" * 20_000))
    assert "not encrypted" in not_loaded(
        private(tmp_path / "d", keys.public_key_to_pem("sm3-sm2", SIGNERS["sm3-sm2"].public_key))
    )
    for name, key in (("e", rsa.generate_private_key(65537, 2048)), ("f", ec.generate_private_key(ec.SECP384R1()))):
        info = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        assert "no known suite" in not_loaded(private(tmp_path / name, pkcs8.seal(info, PASSPHRASE)))
    assert not_loaded(private(tmp_path / "g", pkcs8.encode_pem(pkcs8.ENCRYPTED_KEY, b"\x30\x03\x02\x01\x00")))
    assert not_loaded(private(tmp_path / "h", pkcs8.seal(b"not a key", PASSPHRASE)))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is not installed")
def test_openssl_reads_our_files_and_we_read_its(saved, tmp_path):
    signer, path = saved
    changed = tmp_path / "changed.pem"
    arguments = ["openssl", "pkey", "-in", path, "-passin", b"pass:" + PASSPHRASE]
    public = subprocess.run([*arguments, "-pubout"], check=True, capture_output=True).stdout
    assert keys.public_key_from_pem(public) == (signer.suite_id, signer.public_key)
    subprocess.run([*arguments, "-aes256", "-passout", "pass:other", "-out", changed], check=True, capture_output=True)
    changed.chmod(0o600)
    assert keys.load_signer(changed, b"other").public_key == signer.public_key


@pytest.mark.parametrize("suite_id", SUITE_IDS)
def test_public_pem_goes_there_and_back(suite_id):
    raw = SIGNERS[suite_id].public_key
    pem = keys.public_key_to_pem(suite_id, raw)
    assert keys.public_key_from_pem(pem) == (suite_id, raw)
    assert keys.public_key_from_pem(pem.replace(b"\n", b"\r\n").rstrip()) == (suite_id, raw)
    for wrong in (raw[:-1], bytes(len(raw)), b""):
        with pytest.raises(DecodeError) as caught:
            keys.public_key_to_pem(suite_id, wrong)
        assert caught.value.reason is Reason.INVALID_PUBLIC_KEY
    with pytest.raises(DecodeError) as caught:
        keys.public_key_to_pem("none", raw)
    assert caught.value.reason is Reason.INVALID_FIELD


def certificate_with(spki_suite: str) -> bytes:
    """A certificate for a key of that suite. Its signature means nothing, as nobody asks for it here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node-1")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    prefix = keys._KEY_FORMS[spki_suite][0]
    assert built.count(P256_PREFIX + point) == 1
    return built.replace(P256_PREFIX + point, prefix + SIGNERS[spki_suite].public_key)


@pytest.mark.parametrize("suite_id", ["sha256-p256", "sm3-sm2"])
def test_the_key_of_a_certificate_is_cut_out(suite_id):
    certificate = certificate_with(suite_id)
    pem = pkcs8.encode_pem("CERTIFICATE", certificate)
    assert keys.public_key_from_pem(pem) == (suite_id, SIGNERS[suite_id].public_key)
    not_a_key(pkcs8.encode_pem("CERTIFICATE", certificate[:-1]))
    not_a_key(pkcs8.encode_pem("CERTIFICATE", certificate + b"\0"))
    not_a_key(pkcs8.encode_pem("PUBLIC KEY", certificate))


def test_pem_of_anything_else_is_refused():
    raw = SIGNERS["sm3-sm2"].public_key
    pem = keys.public_key_to_pem("sm3-sm2", raw)
    rsa_pem = (
        rsa.generate_private_key(65537, 2048)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    compressed = bytes([2 + (raw[-1] & 1)]) + raw[1:33]
    assert "no known suite" in not_a_key(rsa_pem)
    assert "neither" in not_a_key(pem.replace(b"PUBLIC KEY", b"SOMETHING"))
    assert "one PEM" in not_a_key(pem + pem)
    assert "one PEM" in not_a_key(b"Bag: x\n" + pem)
    assert "one PEM" in not_a_key(pem.replace(b"-----END PUBLIC", b"-----END PRIVATE"))
    assert "base64" in not_a_key(pem.replace(b"MFkw", b"MFk=", 1))
    assert "one PEM" in not_a_key(b"")
    assert "not a certificate" in not_a_key(pem.replace(b"PUBLIC KEY", b"CERTIFICATE"))
    not_a_key(pkcs8.encode_pem("PUBLIC KEY", keys.SM2_SPKI_PREFIX + raw + b"\0"))
    not_a_key(pkcs8.encode_pem("PUBLIC KEY", keys.SM2_SPKI_PREFIX + raw[:-1] + bytes([raw[-1] ^ 1])))
    not_a_key(pkcs8.encode_pem("PUBLIC KEY", keys.SM2_SPKI_PREFIX + compressed))
    with pytest.raises(LimitError) as caught:
        keys.public_key_from_pem(b"x" * 20_000)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_pem_base64_has_one_form():
    pem = keys.public_key_to_pem("sha256-ed25519", SIGNERS["sha256-ed25519"].public_key)
    body = pem.split(b"\n")[1]
    assert body.endswith(b"=")
    last = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = last[last.index(body[-2:-1]) ^ 1 : (last.index(body[-2:-1]) ^ 1) + 1]
    assert "canonical" in not_a_key(pem.replace(body, body[:-2] + other + b"="))
