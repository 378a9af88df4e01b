"""Who calls: the one SPIFFE id of the peer's certificate, re-checked on every call against time and the deny list.

A TLS handshake checks a certificate once and a connection can outlive it, so expiry and denial are ours to check. The
common name, DNS names and addresses say nothing about identity here.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bridge.clock import NANOS_PER_SECOND, Clock, Nanos
from bridge.errors import CallerNotAllowedError, Reason
from bridge.rpc.limits import CERTIFICATE_CACHE_SIZE

_PEM_CERTIFICATE = "x509_pem_cert"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MAX_SPIFFE_ID_BYTES = 2048
"""Longest SPIFFE id, in bytes (SPIFFE-ID section 2.3)."""

_SPIFFE_ID = re.compile(r"spiffe://(?P<domain>[a-z0-9._-]{1,255})(?P<path>(?:/[A-Za-z0-9._-]+)+)")


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity behind one connection; `fingerprint` is SHA-256 of the certificate's DER in lower-case hex."""

    spiffe_id: str
    fingerprint: str
    not_before: Nanos
    not_after: Nanos


def require_spiffe_id(text: str) -> str:
    """[IDN-1] A SPIFFE id with trust domain and path; CallerNotAllowedError CERTIFICATE_INVALID otherwise.

    Source: SPIFFE-ID 2: lower-case trust domain, no port, user, query or fragment, no empty, "." or ".." segment.
    """
    match = _SPIFFE_ID.fullmatch(text)
    segments = match["path"].split("/")[1:] if match else []
    if match is None or len(text) > MAX_SPIFFE_ID_BYTES or any(segment in (".", "..") for segment in segments):
        raise _invalid("the URI name is not a SPIFFE id", got=text)
    return text


def caller_of_certificate(pem: bytes) -> Caller:
    """[IDN-2] The caller a certificate names: exactly one URI name, and that a SPIFFE id.

    Raises CallerNotAllowedError CERTIFICATE_INVALID. Says nothing about time, denial or the issuer.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise _invalid("the certificate has no subject alternative name") from error
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise _invalid("the certificate cannot be read") from error
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise _invalid("the certificate must have exactly one URI name", got=len(uris), expected=1)
    return Caller(
        spiffe_id=require_spiffe_id(uris[0]),
        fingerprint=sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        not_before=_nanos(certificate.not_valid_before_utc),
        not_after=_nanos(certificate.not_valid_after_utc),
    )


class Identities:
    """Reads callers from authentication contexts; keeps the last certificates parsed, never a verdict about them."""

    def __init__(self, clock: Clock, denied: Callable[[], Iterable[str]] = tuple) -> None:
        """`denied` answers the present deny list: SPIFFE ids and certificate fingerprints."""
        self._clock = clock
        self._denied = denied
        self._parsed: OrderedDict[bytes, Caller] = OrderedDict()

    def caller(self, auth_context: Mapping[str, Iterable[bytes]]) -> Caller:
        """[IDN-3] The caller of this very call: certificate present, one SPIFFE id, valid now, not denied.

        Raises CallerNotAllowedError: CERTIFICATE_INVALID, or CALLER_NOT_ALLOWED for a denied one.
        """
        chain = list(auth_context.get(_PEM_CERTIFICATE, ()))
        if len(chain) != 1:
            raise _invalid("the connection has no client certificate")
        caller = self._parse(chain[0])
        self.require_standing(caller)
        return caller

    def require_standing(self, caller: Caller) -> None:
        """[IDN-4] Valid at this moment and not denied; asked again for every message of a stream."""
        now = self._clock.now()
        if now < caller.not_before:
            raise _invalid("the certificate is not valid yet", caller=caller.spiffe_id)
        if now >= caller.not_after:
            raise _invalid("the certificate has expired", caller=caller.spiffe_id)
        denied = self._denied()
        if caller.spiffe_id in denied or caller.fingerprint in denied:
            raise CallerNotAllowedError(Reason.CALLER_NOT_ALLOWED, "the caller is denied", caller=caller.spiffe_id)

    def _parse(self, pem: bytes) -> Caller:
        caller = self._parsed.get(pem)
        if caller is None:
            caller = self._parsed[pem] = caller_of_certificate(pem)
            if len(self._parsed) > CERTIFICATE_CACHE_SIZE:
                self._parsed.popitem(last=False)
        else:
            self._parsed.move_to_end(pem)
        return caller


def _invalid(detail: str, **facts: object) -> CallerNotAllowedError:
    return CallerNotAllowedError(Reason.CERTIFICATE_INVALID, detail, **facts)


def _nanos(moment: datetime) -> Nanos:
    since = moment - _EPOCH
    return Nanos((since.days * 86_400 + since.seconds) * NANOS_PER_SECOND)
