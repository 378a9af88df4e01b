"""X.509 for development: a certificate authority a side, and certificates that carry one SPIFFE id each.

A production deployment brings certificates of its own authority in the same form; nothing here is used to verify any.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bridge.clock import NANOS_PER_SECOND, Nanos

AUTHORITY_DAYS = 3650
"""Life of a development authority, in days."""

CERTIFICATE_DAYS = 365
"""Life of a development certificate, in days: longer than a pilot; production uses days."""

BACKDATE_SECONDS = 300
"""Seconds a certificate is valid before it was made: clocks of two machines differ."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self) -> bytes:
        """The private key in clear PKCS#8 PEM; it belongs in a file of mode 0600."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class Validity:
    """Time a certificate holds, in nanoseconds since the epoch; X.509 knows whole seconds."""

    not_before: Nanos
    not_after: Nanos


def validity(now: Nanos, days: int) -> Validity:
    """From a little before `now` for `days`."""
    start = now - BACKDATE_SECONDS * NANOS_PER_SECOND
    return Validity(Nanos(start), Nanos(now + days * 86_400 * NANOS_PER_SECOND))


def load_pair(certificate: bytes, key: bytes) -> KeyPair:
    """A pair from its PEM files; ValueError for a key that is not P-256."""
    private = load_pem_private_key(key, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic-curve key")  # noqa: TRY004 it is the file that is wrong
    return KeyPair(x509.load_pem_x509_certificate(certificate), private)


def make_authority(name: str, held: Validity) -> KeyPair:
    """A self-signed P-256 authority that may sign end certificates only."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        _builder(subject, subject, key, held)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return KeyPair(builder.sign(key, hashes.SHA256()), key)


def issue(
    authority: KeyPair, held: Validity, *, uris: Sequence[str], dns: Sequence[str] = (), addresses: Sequence[str] = ()
) -> KeyPair:
    """An end certificate for server and client use; `uris` should be exactly one SPIFFE id, tests give others."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = uris[0].removeprefix("spiffe://") if uris else "no identity"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = (
        _builder(subject, authority.certificate.subject, key, held)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
    names += [x509.DNSName(each) for each in dns]
    names += [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return KeyPair(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, held: Validity
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(held.not_before))
        .not_valid_after(_moment(held.not_after))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _moment(nanos: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=nanos // NANOS_PER_SECOND)
