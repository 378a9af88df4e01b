"""Listening, health, reflection and TLS files."""

from __future__ import annotations

import asyncio
import socket
import ssl

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from bridge.errors import CallerNotAllowedError, DecodeError, LedgerUnavailableError, Reason
from bridge.rpc.errors import error_from_rpc
from bridge.rpc.limits import RELOAD_CHECK_SECONDS
from bridge.rpc.server import ServerOptions, require_listen_address, start_server
from bridge.rpc.tls import TlsFiles, channel_credentials, read_passphrase, read_private, server_credentials
from tests.unit.rpc.doors import TRUST, open_door

SERVICE = "bridge.v1.LedgerService"


def nothing(server) -> None:
    """No servicers: health and reflection are the server's own."""


async def check(channel, service: str = ""):
    stub = health_pb2_grpc.HealthStub(channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)).status


async def test_health_overall_and_by_service_and_not_for_strangers(pki):
    serving = health_pb2.HealthCheckResponse
    async with open_door(pki, nothing, [SERVICE]) as door, door.channel(pki.role("monitor")) as channel:
        assert await check(channel) == serving.SERVING
        assert await check(channel, SERVICE) == serving.SERVING
        await door.running.set_serving(serving=False)
        assert await check(channel, SERVICE) == serving.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await check(channel, "no.such.Service")
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        async with door.channel(pki.files(["spiffe://test.cargobridge.test/stranger"])) as other:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await check(other)
            assert isinstance(error_from_rpc(caught.value), CallerNotAllowedError)


async def test_health_watch_tells_changes(pki):
    async with open_door(pki, nothing, [SERVICE]) as door, door.channel(pki.role("monitor")) as channel:
        stream = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert (await stream.read()).status == health_pb2.HealthCheckResponse.SERVING
        await door.running.set_serving(serving=False)
        assert (await stream.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        stream.cancel()


async def services(channel) -> list[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    return sorted([found.name async for answer in call for found in answer.list_services_response.service])


async def test_reflection_is_off_unless_asked_for_and_then_a_method_like_any(pki):
    async with open_door(pki, nothing, [SERVICE]) as door, door.channel(pki.role("operator")) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await services(channel)
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    async with open_door(pki, nothing, [SERVICE], reflection=True) as door:
        async with door.channel(pki.role("operator")) as channel:
            assert SERVICE in await services(channel)
        async with door.channel(pki.role("platform")) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await services(channel)
            assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:7443", "[::1]:65535", "127.9.9.9:1"])
def test_loopback_may_be_listened_on(listen):
    require_listen_address(listen, allow_remote=False)


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", ":1"])
def test_the_network_only_on_purpose(listen):
    with pytest.raises(DecodeError) as caught:
        require_listen_address(listen, allow_remote=False)
    assert caught.value.reason == Reason.CONFIGURATION_INVALID
    require_listen_address(listen, allow_remote=True)


@pytest.mark.parametrize("listen", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1"])
def test_an_address_must_have_a_port(listen):
    with pytest.raises(DecodeError):
        require_listen_address(listen, allow_remote=True)


async def test_a_taken_port_is_refused_not_shared(pki):
    async with open_door(pki, nothing, []) as door:
        options = ServerOptions(listen=door.target, tls=pki.role("x"))
        with pytest.raises(DecodeError) as caught:
            await start_server(options, door.gate, nothing)
        assert caught.value.reason == Reason.CONFIGURATION_INVALID


async def test_after_a_stop_nothing_answers_and_a_second_stop_is_quiet(pki):
    async with open_door(pki, nothing, []) as door, door.channel(pki.role("monitor")) as channel:
        await check(channel)
        await door.running.stop()
        await door.running.stop()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await check(channel)
        assert isinstance(error_from_rpc(caught.value), LedgerUnavailableError)


def test_a_secret_that_others_may_read_is_refused(pki):
    tls = pki.role("x")
    assert read_private(tls.key)
    tls.key.chmod(0o640)
    for use in (lambda: read_private(tls.key), lambda: channel_credentials(tls), lambda: server_credentials(tls)):
        with pytest.raises(DecodeError) as caught:
            use()
        assert caught.value.reason == Reason.CONFIGURATION_INVALID


def test_a_key_of_another_certificate_or_no_key_is_refused(pki):
    one, two = pki.role("a"), pki.role("b")
    mixed = TlsFiles(certificate=one.certificate, key=two.key, ca=one.ca)
    with pytest.raises(DecodeError):
        channel_credentials(mixed)
    one.key.write_bytes(b"nothing")
    with pytest.raises(DecodeError):
        server_credentials(one)


def test_a_passphrase_is_the_first_line(tmp_path):
    path = tmp_path / "p"
    path.touch(0o600)
    path.write_bytes(b"open sesame\n")
    assert read_passphrase(path) == b"open sesame"
    for content in (b"", b"\nx"):
        path.write_bytes(content)
        with pytest.raises(DecodeError):
            read_passphrase(path)


def served_certificate(port: int, tls: TlsFiles) -> bytes:
    """The certificate that a handshake meets now, in DER."""
    context = ssl.create_default_context(cafile=tls.ca)
    context.load_cert_chain(tls.certificate, tls.key)
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as wrapped,
    ):
        found = wrapped.getpeercert(binary_form=True)
        assert found is not None
        return found


async def test_a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_is_not(pki):
    async with open_door(pki, nothing, []) as door:
        client = pki.role("monitor")
        files = door.running._options.tls
        first = await asyncio.to_thread(served_certificate, door.running.port, client)
        renewed = pki.files([f"{TRUST}/adapter"])
        files.key.write_bytes(renewed.key.read_bytes())
        files.certificate.write_bytes(renewed.certificate.read_bytes())
        await asyncio.sleep(RELOAD_CHECK_SECONDS + 0.1)
        second = await asyncio.to_thread(served_certificate, door.running.port, client)
        assert second != first
        files.certificate.write_bytes(b"broken")
        await asyncio.sleep(RELOAD_CHECK_SECONDS + 0.1)
        assert await asyncio.to_thread(served_certificate, door.running.port, client) == second
