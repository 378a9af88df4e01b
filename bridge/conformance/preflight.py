"""Looks at a target before anything is run: is it there, is its certificate right, is it a bridge, may it be tested.

gRPC reports all of the first as UNAVAILABLE; people need to know which it is, so the door is knocked at layer by layer.
"""

from __future__ import annotations

import socket
import ssl

import grpc

from bridge.conformance.checks import refusal_of
from bridge.conformance.connection import open_channel
from bridge.conformance.target import Target, require_test_ledger
from bridge.errors import CallerNotAllowedError, LedgerUnavailableError, PreconditionError, Reason, VerificationError
from bridge.rpc.tls import TlsFiles, channel_credentials
from bridge.v1.ledger_service_pb2 import GetLedgerInfoRequest, GetLedgerInfoResponse
from bridge.v1.ledger_service_pb2_grpc import LedgerServiceStub

KNOCK_SECONDS = 2.0
"""Longest wait for the port, and again for the handshake, in seconds: a test ledger is near."""

ASK_SECONDS = 4.0
"""Longest wait for the first answer, in seconds; with both knocks it stays below ten."""

API_VERSION = "bridge.v1"
"""Contract version that this kit tests."""


def examine(target: Target, *, i_know: bool = False) -> tuple[Target, GetLedgerInfoResponse]:
    """The target, its ledger id learned, and what it says of itself.

    Raises LedgerUnavailableError when nobody answers, VerificationError for the wrong certificate or another ledger,
    CallerNotAllowedError when our certificate is refused, PreconditionError for what is no bridge or no test ledger.
    """
    if target.ledger_id:
        require_test_ledger(target.ledger_id, i_know=i_know)
    role = "relayer" if "relayer" in target.roles else target.roles[0]
    tls = target.tls(role)
    knock(target.endpoint, tls, target.file.server_name)
    info = _ask(target, tls)
    if info.api_version != API_VERSION:
        detail = f"{target.endpoint} speaks another contract"
        raise PreconditionError(Reason.METHOD_UNKNOWN, detail, got=info.api_version, expected=API_VERSION)
    if target.ledger_id and info.ledger_id != target.ledger_id:
        detail = f"another ledger answers at {target.endpoint}"
        raise VerificationError(Reason.LEDGER_ID_MISMATCH, detail, got=info.ledger_id, expected=target.ledger_id)
    require_test_ledger(info.ledger_id, i_know=i_know)
    return target.learned(info.ledger_id), info


def knock(endpoint: str, tls: TlsFiles, server_name: str = "") -> None:
    """Connect and shake hands once, saying what is wrong when that fails."""
    host, _, port = endpoint.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    channel_credentials(tls)  # complains first, and in words, about files that cannot be used
    context = _context(tls)
    try:
        with socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS) as plain:
            _shake(context, plain, server_name or host, endpoint)
    except OSError as error:
        told = f"nobody answers at {endpoint}: {error.strerror or error}; is the ledger running?"
        raise LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, told) from error


def _context(tls: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(tls.ca))
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(str(tls.certificate), str(tls.key))
    return context


def _shake(context: ssl.SSLContext, plain: socket.socket, server_name: str, endpoint: str) -> None:
    try:
        secured = context.wrap_socket(plain, server_hostname=server_name)
        with secured:
            # A TLS 1.3 server tells only after the handshake that it does not take the client's certificate, and one
            # that speaks gRPC says something first.
            secured.sendall(_HTTP2_PREFACE)
            heard = secured.recv(1)
    except TimeoutError as error:
        detail = f"{endpoint} takes connections and does not answer; it is no gRPC server, or it hangs"
        raise LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, detail) from error
    except ConnectionError:
        heard = b""
    except ssl.SSLCertVerificationError as error:
        detail = f"{endpoint} shows a certificate that is not to be trusted: {error.verify_message}"
        raise VerificationError(Reason.CERTIFICATE_INVALID, detail) from error
    except ssl.SSLError as error:
        if error.reason in _NOT_TLS:
            detail = f"{endpoint} does not speak TLS; a bridge is reached over mTLS only"
            raise PreconditionError(Reason.CERTIFICATE_INVALID, detail) from error
        detail = f"{endpoint} does not take the kit's certificate: {(error.reason or str(error)).lower()}"
        raise CallerNotAllowedError(Reason.CERTIFICATE_INVALID, detail) from error
    if not heard:
        detail = f"{endpoint} shook hands and closed: it does not take the kit's certificate, or it speaks no gRPC"
        raise CallerNotAllowedError(Reason.CERTIFICATE_INVALID, detail)


_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))

_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING", "HTTP_REQUEST"})


def _ask(target: Target, tls: TlsFiles) -> GetLedgerInfoResponse:
    """What the target says it is; an error in words where it is no bridge."""
    channel = open_channel(target.endpoint, tls, server_name=target.file.server_name)
    try:
        return LedgerServiceStub(channel).GetLedgerInfo(GetLedgerInfoRequest(), timeout=ASK_SECONDS)
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        if refusal.code is grpc.StatusCode.UNIMPLEMENTED:
            detail = f"{target.endpoint} speaks gRPC but is no bridge: it has no bridge.v1.LedgerService"
            raise PreconditionError(Reason.METHOD_UNKNOWN, detail) from error
        if refusal.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            detail = f"{target.endpoint} takes connections and does not answer as gRPC: {refusal.error.detail}"
            raise LedgerUnavailableError(refusal.reason, detail) from error
        raise refusal.error from error
    finally:
        channel.close()
