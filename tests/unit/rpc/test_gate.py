"""The gate over real TLS: who gets in, what is refused and why, and that refusals come before anything is read."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from bridge.clock import NANOS_PER_SECOND
from bridge.errors import (
    BridgeError,
    CallerNotAllowedError,
    DecodeError,
    LedgerUnavailableError,
    LimitError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from bridge.rpc.admission import AdmissionLimits
from bridge.rpc.certificates import make_authority, validity
from bridge.rpc.clients import AdminClient, LedgerClient
from bridge.rpc.errors import error_from_rpc
from bridge.rpc.interceptors import CALLER, GateLimits
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.ledger_service_pb2_grpc import LedgerServiceServicer, add_LedgerServiceServicer_to_server
from bridge.v1.transaction_pb2 import MisbehaviourEvidence, Transaction
from tests.unit.rpc.doors import TRUST, open_door

SERVICE = "bridge.v1.LedgerService"


class Ledger(LedgerServiceServicer):
    """Counts what reached it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.finished = 0
        self.hold = asyncio.Event()

    async def GetLedgerInfo(self, request, context):  # noqa: N802
        self.calls.append(CALLER.get().spiffe_id)
        return api.GetLedgerInfoResponse(ledger_id="test")

    async def GetHeaders(self, request, context):  # noqa: N802
        self.calls.append("headers")
        await asyncio.sleep(request.trusted_height)
        self.finished += 1
        return api.GetHeadersResponse(headers=[b"x" * int(height) for height in request.heights])

    async def ListPackets(self, request, context):  # noqa: N802
        raise RuntimeError("the database password is hunter2")

    async def ProveEntries(self, request, context):  # noqa: N802
        raise NotFoundError(Reason.HEIGHT_NOT_FOUND, "no such height", height=request.proof_height, root=b"\x01\x02")

    async def Deliver(self, request, context):  # noqa: N802
        self.calls.append("deliver")
        return api.DeliverResponse(height=1)

    async def ListClients(self, request, context):  # noqa: N802
        await self.hold.wait()
        self.finished += 1
        return api.ListClientsResponse()

    async def WatchBlocks(self, request, context):  # noqa: N802
        for height in range(request.after_height + 1, 1_000_000):
            yield api.WatchBlocksResponse(height=height)
            await asyncio.sleep(0.01)

    async def CreateClient(self, request, context):  # noqa: N802
        raise AssertionError

    async def PairClient(self, request, context):  # noqa: N802
        raise AssertionError

    async def SubmitMisbehaviour(self, request, context):  # noqa: N802
        raise AssertionError


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
async def door(pki, ledger):
    most = GateLimits(deadline_seconds=2, message_bytes=64 * 1024, admission=AdmissionLimits(4, 2, 2))
    async with open_door(
        pki, lambda server: add_LedgerServiceServicer_to_server(ledger, server), [SERVICE], most, drain_seconds=5
    ) as opened:
        yield opened


async def until(condition) -> None:
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never happened")


async def refused(awaitable) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        await awaitable
    return caught.value


async def test_a_caller_with_the_role_gets_in_and_is_known_by_its_spiffe_id(door, ledger, pki):
    async with door.channel(pki.role("relayer")) as channel:
        assert (await LedgerClient(channel).info()).ledger_id == "test"
    assert ledger.calls == [f"{TRUST}/relayer"]


async def test_a_role_without_the_method_is_refused_before_anything_is_read(door, ledger, pki):
    async with door.channel(pki.role("monitor")) as channel:
        error = await refused(LedgerClient(channel).deliver(Transaction(body=b"\xff")))
        assert isinstance(error, CallerNotAllowedError)
        assert error.reason == Reason.CALLER_NOT_ALLOWED
        raw = channel.unary_unary(f"/{SERVICE}/Deliver", None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw(b"\xff\xff not a message")
        assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert ledger.calls == []


@pytest.mark.parametrize(
    ("uris", "reason"),
    [
        ([], Reason.CERTIFICATE_INVALID),
        ([f"{TRUST}/relayer", f"{TRUST}/monitor"], Reason.CERTIFICATE_INVALID),
        (["https://test.cargobridge.test/relayer"], Reason.CERTIFICATE_INVALID),
        ([f"{TRUST}/relayer/../authority"], Reason.CERTIFICATE_INVALID),
        ([f"{TRUST}/nobody"], Reason.CALLER_NOT_ALLOWED),
        ([f"{TRUST}/relayer2"], Reason.CALLER_NOT_ALLOWED),
    ],
)
async def test_certificates_that_name_no_one_or_a_stranger_are_refused(door, ledger, pki, uris, reason):
    async with door.channel(pki.files(uris)) as channel:
        assert (await refused(LedgerClient(channel).info())).reason == reason
    assert ledger.calls == []


async def test_another_authority_or_a_certificate_out_of_time_gets_no_connection(door, ledger, pki):
    other = make_authority("other", validity(pki.now, 10))
    year = 365 * 86_400 * NANOS_PER_SECOND
    strangers = [
        pki.files([f"{TRUST}/relayer"], authority=other),
        pki.files([f"{TRUST}/relayer"], now=pki.now - year),
        pki.files([f"{TRUST}/relayer"], now=pki.now + year),
    ]
    for tls in strangers:
        async with door.channel(tls) as channel:
            call = channel.unary_unary(f"/{SERVICE}/GetLedgerInfo", None, None)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(b"", timeout=5)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
            assert isinstance(error_from_rpc(caught.value), LedgerUnavailableError)
    async with grpc.aio.secure_channel(door.target, grpc.ssl_channel_credentials(pki.ca.read_bytes())) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{SERVICE}/GetLedgerInfo", None, None)(b"", timeout=5)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert ledger.calls == []


async def test_expiry_is_checked_on_every_call_of_an_open_connection(door, ledger, pki):
    async with door.channel(pki.role("relayer")) as channel:
        await LedgerClient(channel).info()
        door.clock.advance(2 * 86_400 * NANOS_PER_SECOND)
        assert (await refused(LedgerClient(channel).info())).reason == Reason.CERTIFICATE_INVALID
        door.clock.advance(-3 * 86_400 * NANOS_PER_SECOND)
        assert (await refused(LedgerClient(channel).info())).reason == Reason.CERTIFICATE_INVALID
    assert len(ledger.calls) == 1


async def test_the_deny_list_counts_at_once_by_identity_and_by_fingerprint(door, ledger, pki):
    tls = pki.role("relayer")
    fingerprint = x509.load_pem_x509_certificate(tls.certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()
    async with door.channel(tls) as channel:
        await LedgerClient(channel).info()
        for denied in (f"{TRUST}/relayer", fingerprint):
            allowed, door.roles = door.roles, door_roles_denying(door, denied)
            assert (await refused(LedgerClient(channel).info())).reason == Reason.CALLER_NOT_ALLOWED
            door.roles = allowed
        await LedgerClient(channel).info()
    assert len(ledger.calls) == 2


def door_roles_denying(door, denied):
    return replace(door.roles, denied=frozenset({denied}))


async def test_a_denied_caller_loses_its_stream(door, pki):
    async with door.channel(pki.role("relayer")) as channel:
        stream = LedgerClient(channel).watch_blocks(5)
        assert (await anext(stream)).height == 6
        door.roles = door_roles_denying(door, f"{TRUST}/relayer")
        with pytest.raises(CallerNotAllowedError):
            async for _ in stream:
                pass


async def test_an_unknown_method_is_refused_by_role_first(door, pki):
    async with door.channel(pki.role("relayer")) as channel:
        error = await refused(AdminClient(channel).members())
        assert error.reason == Reason.CALLER_NOT_ALLOWED
    async with door.channel(pki.role("authority")) as channel:
        error = await refused(AdminClient(channel).members())
        assert error.reason == Reason.METHOD_UNKNOWN
        assert isinstance(error, PreconditionError)


@pytest.mark.parametrize("data", [b"\xff\xff", b"\x9a\x06\x01a", b"\x08\x81\x00", b"\x08\x01\x08\x02"])
async def test_bytes_that_are_not_the_request_are_refused(door, ledger, pki, data):
    async with door.channel(pki.role("relayer")) as channel:
        call = channel.unary_unary(f"/{SERVICE}/GetHeaders", None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(data)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    error = error_from_rpc(caught.value)
    assert isinstance(error, DecodeError)
    assert error.reason == Reason.MALFORMED_MESSAGE
    assert ledger.calls == []


@pytest.mark.parametrize(
    ("method", "request_message"),
    [
        ("GetHeaders", api.GetHeadersRequest(trusted_height=2**63, heights=[1])),
        ("GetHeaders", api.GetHeadersRequest(heights=[1, 2**64 - 1])),
        ("ListPackets", api.ListPacketsRequest(client_id="a\0b")),
        ("SubmitMisbehaviour", api.SubmitMisbehaviourRequest(evidence=MisbehaviourEvidence(client_id="a\0b"))),
    ],
)
async def test_what_no_store_can_hold_gets_no_further(door, ledger, pki, method, request_message):
    """[GAT-5] Found by asking both databases for numbers above 2^63 - 1 and for text with NUL."""
    async with door.channel(pki.role("relayer")) as channel:
        call = channel.unary_unary(f"/{SERVICE}/{method}", None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request_message.SerializeToString())
    error = error_from_rpc(caught.value)
    assert (type(error), error.reason) == (DecodeError, Reason.INVALID_FIELD)
    assert ledger.calls == []


async def test_the_largest_number_a_store_holds_passes(door, pki):
    """[GAT-5] 2^63 - 1 itself."""
    async with door.channel(pki.role("relayer")) as channel:
        error = await refused(LedgerClient(channel).prove(api.ProveEntriesRequest(proof_height=2**63 - 1)))
    assert error.reason == Reason.HEIGHT_NOT_FOUND


async def test_an_error_keeps_class_reason_and_facts_on_the_wire(door, pki):
    async with door.channel(pki.role("relayer")) as channel:
        error = await refused(LedgerClient(channel).prove(api.ProveEntriesRequest(proof_height=9)))
    assert isinstance(error, NotFoundError)
    assert (error.reason, error.detail) == (Reason.HEIGHT_NOT_FOUND, "no such height")
    assert error.facts == {"height": "9", "root": "0102"}


async def test_a_bug_is_internal_with_a_trace_id_and_without_its_text(door, pki):
    async with door.channel(pki.role("relayer")) as channel:
        call = channel.unary_unary(f"/{SERVICE}/ListPackets", None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"")
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert "hunter2" not in repr(caught.value)
    error = error_from_rpc(caught.value)
    assert error.reason == Reason.INTERNAL
    assert len(str(error.facts["trace_id"])) == 16


async def test_messages_too_large_are_refused_both_ways(pki, ledger):
    async with (
        open_door(
            pki,
            lambda server: add_LedgerServiceServicer_to_server(ledger, server),
            [SERVICE],
            GateLimits(message_bytes=64 * 1024),
            message_bytes=64 * 1024,
        ) as door,
        door.channel(pki.role("relayer")) as channel,
    ):
        client = LedgerClient(channel)
        error = await refused(client.deliver(Transaction(body=b"x" * 70_000)))
        assert isinstance(error, LimitError)
        assert ledger.calls == []
        error = await refused(client.headers(0, [70_000]))
        assert isinstance(error, LimitError)
        assert error.reason == Reason.LIMIT_EXCEEDED
        assert len((await client.headers(0, [60_000]))[0]) == 60_000


async def test_a_call_without_deadline_gets_the_servers_cap(door, ledger, pki):
    async with door.channel(pki.role("relayer")) as channel:
        call = channel.unary_unary(f"/{SERVICE}/GetHeaders", api.GetHeadersRequest.SerializeToString, None)
        began = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(api.GetHeadersRequest(trusted_height=60))
        assert time.monotonic() - began < 5
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        error = error_from_rpc(caught.value)
        assert isinstance(error, LedgerUnavailableError)
        assert error.reason == Reason.DEADLINE_EXCEEDED
    assert ledger.finished == 0


async def test_a_callers_own_shorter_deadline_holds(door, ledger, pki):
    async with door.channel(pki.role("relayer")) as channel:
        call = channel.unary_unary(f"/{SERVICE}/GetHeaders", api.GetHeadersRequest.SerializeToString, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(api.GetHeadersRequest(trusted_height=60), timeout=0.2)
        assert error_from_rpc(caught.value).reason == Reason.DEADLINE_EXCEEDED
    await asyncio.sleep(0.1)
    assert ledger.finished == 0


async def test_calls_in_flight_are_limited_by_caller_and_in_all(door, ledger, pki):
    async with (
        door.channel(pki.role("relayer")) as one,
        door.channel(pki.role("monitor")) as two,
        door.channel(pki.role("operator")) as three,
    ):
        waiting = [
            asyncio.create_task(LedgerClient(channel).clients(api.ListClientsRequest()))
            for channel in (one, one, two, two)
        ]
        await until(lambda: door.gate.admission._total == 4)
        of_caller = await refused(LedgerClient(one).info())
        in_all = await refused(LedgerClient(three).info())
        assert isinstance(of_caller, LimitError)
        assert isinstance(in_all, LimitError)
        ledger.hold.set()
        await asyncio.gather(*waiting)
        await LedgerClient(three).info()
    assert ledger.finished == 4


async def test_streams_are_limited_by_caller_and_resume_from_any_height(door, pki):
    async with door.channel(pki.role("relayer")) as channel:
        client = LedgerClient(channel)
        streams = [client.watch_blocks(height) for height in (5, 700)]
        assert [(await anext(stream)).height for stream in streams] == [6, 701]
        third = client.watch_blocks(0)
        with pytest.raises(LimitError):
            await anext(third)
        await streams[0].aclose()
        await asyncio.sleep(0.1)
        again = client.watch_blocks(6)
        assert (await anext(again)).height == 7


async def test_a_graceful_stop_ends_what_is_in_flight_and_refuses_what_is_new(door, ledger, pki):
    async with door.channel(pki.role("relayer")) as channel:
        client = LedgerClient(channel)
        stream = client.watch_blocks(0)
        await anext(stream)
        waiting = asyncio.create_task(client.clients(api.ListClientsRequest()))
        await until(lambda: door.gate.admission._total)
        stopping = asyncio.create_task(door.running.stop())
        with pytest.raises(LedgerUnavailableError) as ended:
            async for _ in stream:
                pass
        assert ended.value.reason == Reason.LEDGER_STOPPING
        new = await refused(client.deliver(Transaction()))
        assert new.reason == Reason.LEDGER_STOPPING
        ledger.hold.set()
        await waiting
        await stopping
    assert ledger.finished == 1
    assert ledger.calls == []
