"""Key files and PEM: encrypted PKCS#8 for private keys, SubjectPublicKeyInfo or a certificate for public ones.

The one module of this package that touches files. A private key is written once, readable by its owner only, and a file
that others can read is refused, since by then the key is no longer a secret.
Source: RFC 5958 (PKCS#8), RFC 8018 (PBES2), RFC 7468 (PEM), RFC 8410 and RFC 5480 (key forms).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge.crypto import ed25519, p256, sm2
from bridge.crypto.der import subject_public_key_info
from bridge.crypto.pkcs8 import ENCRYPTED_KEY, MAX_PEM_BYTES, decode_pem, encode_pem
from bridge.crypto.points import P256, SM2, require_point
from bridge.crypto.ports import Signer
from bridge.crypto.sm2_openssl import SPKI_PREFIX as SM2_SPKI_PREFIX
from bridge.crypto.sm2_openssl import OpensslSm2
from bridge.crypto.suites import suite
from bridge.errors import AlreadyExistsError, DecodeError, PreconditionError, Reason

PRIVATE_MODE = 0o600
"""Mode of a private key file: its owner reads and writes, nobody else does anything."""

_PUBLIC_KEY = "PUBLIC KEY"
_CERTIFICATE = "CERTIFICATE"

# Suite id: bytes of SubjectPublicKeyInfo before the raw key, and the rule the raw key must pass. No engine is needed.
_KEY_FORMS: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    ed25519.SUITE_ID: (bytes.fromhex("302a300506032b6570032100"), ed25519.Sha256Ed25519().decode_public_key),
    p256.SUITE_ID: (
        bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"),
        partial(require_point, P256),
    ),
    sm2.SUITE_ID: (SM2_SPKI_PREFIX, partial(require_point, SM2)),
}


@runtime_checkable
class ExportableSigner(Signer, Protocol):
    """A signer whose private key may leave it, encrypted; one in a hardware module is not."""

    def export_pkcs8(self, passphrase: bytes) -> bytes:
        """The private key as encrypted PKCS#8 PEM."""
        ...


def generate_signer(suite_id: str) -> ExportableSigner:
    """A signer with a fresh key of that suite; raises what `suites.suite` raises."""
    opened = suite(suite_id)
    if isinstance(opened, sm2.Sm3Sm2):
        return sm2.Sm2Signer(opened.engine, opened.engine.generate())
    return p256.P256Signer.generate() if suite_id == p256.SUITE_ID else ed25519.Ed25519Signer.generate()


def save_signer(signer: Signer, path: Path, passphrase: bytes) -> None:
    """[KEY-1] Write the private key as encrypted PKCS#8 PEM to a new file of mode 0600, and onto the disk.

    Raises:
        AlreadyExistsError CONFIGURATION_INVALID: something is at `path`; a key is never overwritten.
        PreconditionError CONFIGURATION_INVALID: no passphrase, no such folder, or a key that cannot leave its signer.

    """
    if not isinstance(signer, ExportableSigner):
        raise PreconditionError(Reason.CONFIGURATION_INVALID, "this signer does not give out its key")
    if not passphrase:
        raise PreconditionError(Reason.CONFIGURATION_INVALID, "a key file needs a passphrase", path=path)
    pem = signer.export_pkcs8(passphrase)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    except FileExistsError as error:
        raise AlreadyExistsError(
            Reason.CONFIGURATION_INVALID, "a file is there already; keys are never overwritten", path=path
        ) from error
    except OSError as error:
        raise PreconditionError(
            Reason.CONFIGURATION_INVALID, f"key file cannot be written: {error.strerror}", path=path
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def load_signer(path: Path, passphrase: bytes) -> ExportableSigner:
    """[KEY-2] The signer in an encrypted PKCS#8 PEM file that only its owner can read.

    Raises PreconditionError CONFIGURATION_INVALID when the file is missing, open to others, not encrypted, does not
    open with the passphrase, or holds a key of no known suite.
    """
    pem = _read_private(path)
    try:
        label, der = decode_pem(pem)
    except DecodeError as error:
        raise PreconditionError(Reason.CONFIGURATION_INVALID, f"key file: {error.detail}", path=path) from error
    if label != ENCRYPTED_KEY:
        raise PreconditionError(
            Reason.CONFIGURATION_INVALID,
            "key file is not encrypted PKCS#8",
            path=path,
            got=label,
            expected=ENCRYPTED_KEY,
        )
    try:
        key = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library knows no SM2; what it cannot read is an SM2 key, a wrong passphrase, or nothing at all.
        return _load_sm2(der, passphrase, path)
    if isinstance(key, Ed25519PrivateKey):
        return ed25519.Ed25519Signer(key)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return p256.P256Signer(key)
    raise PreconditionError(Reason.CONFIGURATION_INVALID, "key file holds a key of no known suite", path=path)


def public_key_to_pem(suite_id: str, raw: bytes) -> bytes:
    """SubjectPublicKeyInfo PEM of a raw key; DecodeError for an unknown suite or a key that may not be registered."""
    form = _KEY_FORMS.get(suite_id)
    if form is None:
        raise DecodeError(Reason.INVALID_FIELD, "unknown suite", field="suite_id", got=suite_id)
    prefix, decode = form
    return encode_pem(_PUBLIC_KEY, prefix + decode(raw))


def public_key_from_pem(pem: bytes) -> tuple[str, bytes]:
    """[KEY-3] Suite id and raw key of one PEM public key or certificate; DecodeError otherwise.

    The curve names the suite. A certificate is only the key's container here: its signature, dates and names are the
    business of whoever trusts its issuer.
    """
    label, der = decode_pem(pem)
    if label == _CERTIFICATE:
        try:
            der = subject_public_key_info(x509.load_der_x509_certificate(der).tbs_certificate_bytes)
        except ValueError as error:
            raise DecodeError(Reason.INVALID_PUBLIC_KEY, "not a certificate") from error
    elif label != _PUBLIC_KEY:
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "neither a public key nor a certificate", got=label)
    for suite_id, (prefix, decode) in _KEY_FORMS.items():
        if der.startswith(prefix):
            return suite_id, decode(der[len(prefix) :])
    raise DecodeError(Reason.INVALID_PUBLIC_KEY, "key is of no known suite or in another form")


def _load_sm2(der: bytes, passphrase: bytes, path: Path) -> ExportableSigner:
    """An SM2 signer from EncryptedPrivateKeyInfo; PreconditionError CONFIGURATION_INVALID otherwise."""
    try:
        opened = suite(sm2.SUITE_ID)
        engine = opened.engine if isinstance(opened, sm2.Sm3Sm2) else None
        if isinstance(engine, OpensslSm2):
            return sm2.Sm2Signer(engine, engine.decrypt_pkcs8(der, passphrase))
        detail = "key file does not open; if it holds an SM2 key, that needs the system's OpenSSL 3"
    except PreconditionError as error:
        detail = error.detail
    raise PreconditionError(Reason.CONFIGURATION_INVALID, detail, path=path)


def _read_private(path: Path) -> bytes:
    """Contents of a private file; what is checked is the opened file, so that it cannot be exchanged in between."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            # Windows has no such bits; there the folder's access list has to do.
            if os.name != "nt" and stat.S_IMODE(mode) & 0o077:
                raise PreconditionError(
                    Reason.CONFIGURATION_INVALID,
                    f"key file is open to others; run: chmod 600 {path}",
                    got=f"{stat.S_IMODE(mode):04o}",
                    expected=f"{PRIVATE_MODE:04o}",
                )
            return file.read(MAX_PEM_BYTES + 1)
    except OSError as error:
        raise PreconditionError(
            Reason.CONFIGURATION_INVALID, f"key file cannot be read: {error.strerror}", path=path
        ) from error
