"""A target that cannot be tested: nobody there, no TLS, the wrong certificate, no bridge, another ledger."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc

from bridge.clock import SystemClock
from bridge.conformance.deployment import make_target
from bridge.conformance.preflight import examine
from bridge.conformance.target import Target
from bridge.errors import BridgeError, Reason
from bridge.rpc.adapter import start_adapter
from bridge.rpc.settings import load_settings
from hk_adapter.config import KIND

LONGEST_SECONDS = 10
"""What people wait for a message at most, in seconds."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("target")
    make_target(place, KIND, SystemClock(), validators=1)
    return place


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of another authority."""
    place = tmp_path_factory.mktemp("stranger")
    make_target(place, KIND, SystemClock(), validators=1)
    return place


def target(endpoint: str, ca: Path, caller: Path) -> Target:
    tls = caller / "tls"
    return Target.bare(endpoint, ca / "tls" / "ca.pem", tls / "relayer-1.pem", tls / "relayer-1.key", "relayer")


def refused(found: Target, reason: Reason, told: str, **options: bool) -> None:
    begun = time.monotonic()
    with pytest.raises(BridgeError, match=told) as caught:
        examine(found, **options)
    assert time.monotonic() - begun < LONGEST_SECONDS
    assert caught.value.reason is reason


@contextmanager
def listening() -> Iterator[str]:
    """A port that takes connections and says nothing."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        yield f"127.0.0.1:{door.getsockname()[1]}"


@contextmanager
def other_server(tls: Path | None) -> Iterator[str]:
    """A gRPC server that is no bridge."""
    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    if tls is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        pair = ((tls / "adapter.key").read_bytes(), (tls / "adapter.pem").read_bytes())
        credentials = grpc.ssl_server_credentials([pair], (tls / "ca.pem").read_bytes(), True)
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0)


def test_a_dead_port(folder: Path) -> None:
    with listening() as endpoint:
        pass
    refused(target(endpoint, folder, folder), Reason.LEDGER_UNAVAILABLE, "nobody answers at .*refused")


def test_a_port_that_says_nothing(folder: Path) -> None:
    with listening() as endpoint:
        refused(target(endpoint, folder, folder), Reason.LEDGER_UNAVAILABLE, "does not answer")


def test_a_server_without_tls(folder: Path) -> None:
    with other_server(None) as endpoint:
        refused(target(endpoint, folder, folder), Reason.CERTIFICATE_INVALID, "does not speak TLS")


def test_a_grpc_server_that_is_no_bridge(folder: Path) -> None:
    with other_server(folder / "tls") as endpoint:
        refused(target(endpoint, folder, folder), Reason.METHOD_UNKNOWN, "speaks gRPC but is no bridge")


def test_a_server_of_another_authority(folder: Path, stranger: Path) -> None:
    with other_server(stranger / "tls") as endpoint:
        refused(target(endpoint, folder, stranger), Reason.CERTIFICATE_INVALID, "not to be trusted")


def test_a_certificate_that_the_server_does_not_take(folder: Path, stranger: Path) -> None:
    with other_server(folder / "tls") as endpoint:
        refused(target(endpoint, folder, stranger), Reason.CERTIFICATE_INVALID, "does not take the kit's certificate")


async def test_a_ledger_is_learned_checked_and_must_be_a_test(folder: Path) -> None:
    adapter = await start_adapter(load_settings(folder / "adapter.yaml"), KIND)
    try:
        found = Target.load(folder)
        learned, info = await asyncio.to_thread(examine, target(found.endpoint, folder, folder))
        assert (learned.ledger_id, info.genesis_anchor) == ("test-cometbft-1", found.anchor())
        await asyncio.to_thread(
            refused, found.learned("test-other-1"), Reason.LEDGER_ID_MISMATCH, "another ledger answers"
        )
        await asyncio.to_thread(refused, found.learned("hk-1"), Reason.CONFIGURATION_INVALID, "--i-know")
        unknown = Target.bare(
            found.endpoint,
            folder / "tls/ca.pem",
            folder / "tls/adapter.pem",
            folder / "tls/adapter.key",
            "relayer",
        )
        await asyncio.to_thread(refused, unknown, Reason.CALLER_NOT_ALLOWED, "no role of the caller")
    finally:
        await adapter.stop()
