"""Certificates of the kit are wrong in one way only: a server that knows their authority takes them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest

from bridge.clock import SystemClock
from bridge.conformance.credentials import HANDSHAKE_SECONDS, held, self_signed, showing, stranger
from bridge.rpc.certificates import KeyPair, issue

NAME = "spiffe://kit.example/caller"


@contextmanager
def serving(server: KeyPair, roots: bytes) -> Iterator[str]:
    """A TLS server that answers any call and takes callers of these roots alone."""
    pair = (server.key_pem(), server.certificate_pem())
    running = grpc.server(ThreadPoolExecutor(1))
    running.add_generic_rpc_handlers((_Answers(),))
    credentials = grpc.ssl_server_credentials([pair], roots, require_client_auth=True)
    port = running.add_secure_port("127.0.0.1:0", credentials)
    running.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        running.stop(0).wait()


class _Answers(grpc.GenericRpcHandler):
    def service(self, handler_call_details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"answered")


@pytest.fixture
def kit(tmp_path: Path) -> SimpleNamespace:
    file = SimpleNamespace(tls_ca=tmp_path / "ca.pem", server_name="", tls_ca_key=None)
    return SimpleNamespace(clock=SystemClock(), target=SimpleNamespace(file=file, endpoint=""))


def call(kit: SimpleNamespace, pair: KeyPair | None, roots: bytes) -> bytes:
    home = stranger(kit, "the server's own")
    server = issue(home, held(kit), uris=[NAME], dns=["localhost"], addresses=["127.0.0.1"])
    kit.target.file.tls_ca.write_bytes(home.certificate_pem())
    with serving(server, roots) as endpoint:
        kit.target.endpoint = endpoint
        with showing(kit, pair) as channel:
            method = channel.unary_unary("/any/Method", request_serializer=bytes, response_deserializer=bytes)
            return method(b"", timeout=HANDSHAKE_SECONDS)


def test_a_strangers_certificate_is_good_where_the_stranger_is_known(kit):
    authority = stranger(kit)
    pair = issue(authority, held(kit), uris=[NAME])
    assert call(kit, pair, authority.certificate_pem()) == b"answered"
    with pytest.raises(grpc.RpcError):
        call(kit, pair, stranger(kit).certificate_pem())


def test_a_self_signed_certificate_is_good_where_it_is_a_root(kit):
    pair = self_signed(kit, NAME)
    assert call(kit, pair, pair.certificate_pem()) == b"answered"


def test_spans_of_time_are_what_was_asked_for(kit):
    authority = stranger(kit)
    for span in (held(kit, begins=-7_200, ends=-3_600), held(kit, begins=3_600, ends=7_200)):
        pair = issue(authority, span, uris=[NAME])
        with pytest.raises(grpc.RpcError):
            call(kit, pair, authority.certificate_pem())
    assert call(kit, issue(authority, held(kit), uris=[NAME]), authority.certificate_pem()) == b"answered"
    with pytest.raises(grpc.RpcError):
        call(kit, None, authority.certificate_pem())
