"""Acts of two authorities by hand: one prepares, both sign on their own, one submits, against real adapters."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.clock import NANOS_PER_SECOND, Nanos, SystemClock
from bridge.conformance.issuing import transport_event as event
from bridge.v1 import ledger_service_pb2 as api
from tests.e2e.live import Answer, Live, invoke, live_pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

MONTH = 31 * 86_400
REASON = ("--reason", "the other ledger was wound up")


class JumpingClock:
    """The machine's clock, moved ahead when a test says so."""

    def __init__(self) -> None:
        self.ahead = 0

    def now(self) -> Nanos:
        return Nanos(SystemClock().now() + self.ahead * NANOS_PER_SECOND)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """Two ledgers; Hong Kong's packets wait, and a month later nothing was heard of Shanghai."""
    clock = JumpingClock()
    async with live_pair(tmp_path_factory.mktemp("live"), clock) as made:
        await made.pair.issue("hk", *(event(f"stranded-{n}") for n in range(3)))
        answer = await made.run("hk/authority", "act", "close-packets", "--out", made.pair.folder / "no", *REASON)
        assert (answer.code, "CLIENT_ACTIVE" in answer.err) == (1, True)
        clock.ahead = MONTH
        # Something ordinary happens, so that the ledger's newest block has the new time.
        await made.json("hk/authority", "member", "register", "quiet-bank", "--role", "reader")
        yield made


async def pending(live: Live) -> list[int]:
    """What a relayer is told to carry."""
    client_id = live.pair.client("hk")
    request = api.ListPacketsRequest(client_id=client_id, kind=api.PACKET_KIND_SENT, pending_only=True)
    found = [item.sequence for item in (await live.pair.relayer("hk").packets(request)).items]
    request.omit_bodies = True  # as relayers ask
    assert [item.sequence for item in (await live.pair.relayer("hk").packets(request)).items] == found
    return found


async def prepare(live: Live, file: Path, *more: object) -> Answer:
    return await live.run("hk/authority", "act", "close-packets", "--out", file, *REASON, *more, "--json")


async def test_packets_are_closed_when_both_authorities_signed(live: Live, tmp_path: Path) -> None:
    first, second, third, announcement = await pending(live)
    file = tmp_path / "act.json"
    shown = (await prepare(live, file, "--sequence", first, "--sequence", second)).json
    assert [each["sequence"] for each in shown["packets"]] == [first, second]
    assert (shown["needs"], shown["signed_by"]) == (["hk-trade-1", "sh-trade-1"], [])
    unsigned = await live.run("hk/authority", "act", "submit", file)
    assert (unsigned.code, "AUTHORITY_SIGNATURE_MISSING" in unsigned.err) == (1, True)
    assert (await live.json("sh/authority", "act", "sign", file))["signed_by"] == ["sh-trade-1"]
    half = await live.run("hk/authority", "act", "submit", file)
    assert (half.code, "AUTHORITY_SIGNATURE_MISSING" in half.err) == (1, True)
    elsewhere = await live.run("sh/authority", "act", "submit", file)
    assert (elsewhere.code, "LEDGER_ID_MISMATCH" in elsewhere.err) == (1, True)
    assert await pending(live) == [first, second, third, announcement]
    signed = await live.run("hk/authority", "act", "sign", file)
    assert (signed.code, "wound up" in signed.out) == (0, True)
    assert invoke(["act", "show", file, "--json"]).json["signed_by"] == ["sh-trade-1", "hk-trade-1"]
    platform = await live.run("hk/platform", "act", "submit", file)
    assert (platform.code, "CALLER_NOT_ALLOWED" in platform.err) == (1, True)
    done = await live.json("hk/authority", "act", "submit", file)
    assert (done["ledger_id"], done["noop"]) == ("hk-trade-1", False)
    assert (await live.json("hk/authority", "act", "submit", file))["noop"] is True
    assert await pending(live) == [third, announcement]
    records = await live.json("hk/bank", "record", "list")
    states = sorted(each["packet_state"] for each in records["records"])
    assert states == ["closed_by_authorities", "closed_by_authorities", "committed"]


async def test_what_may_still_be_accepted_is_not_prepared(live: Live, tmp_path: Path) -> None:
    *_, announcement = await pending(live)
    refused = await prepare(live, tmp_path / "no.json", "--sequence", announcement)
    assert (refused.code, "TIMEOUT_NOT_REACHED" in refused.err) == (1, True)
    for wrong in ((1,), (9_999,), (announcement - 1, 1)):
        refused = await prepare(live, tmp_path / "no.json", *(part for each in wrong for part in ("--sequence", each)))
        assert (refused.code, "PACKET_NOT_FOUND" in refused.err) == (1, True)
    refused = await prepare(live, tmp_path / "no.json", "--client", "nobody")
    assert (refused.code, "CLIENT_NOT_FOUND" in refused.err) == (1, True)
    assert not (tmp_path / "no.json").exists()


async def test_a_changed_file_is_not_what_was_signed(live: Live, tmp_path: Path) -> None:
    file = tmp_path / "act.json"
    assert (await prepare(live, file)).code == 0
    for side in ("hk", "sh"):
        assert (await live.run(f"{side}/authority", "act", "sign", file)).code == 0
    content = json.loads(file.read_text())
    before = await pending(live)
    reason = REASON[1].encode().hex()
    file.write_text(json.dumps(content | {"act": content["act"].replace(reason, reason[:-2] + "71")}))
    forged = await live.run("hk/authority", "act", "submit", file)
    assert (forged.code, "SIGNATURE_INVALID" in forged.err) == (1, True)
    assert await pending(live) == before
    for damaged in ("", "{}", json.dumps(content | {"act": "00"}), json.dumps(content | {"kind": "pair"})):
        file.write_text(damaged)
        for command in ("submit", "sign"):
            answer = await live.run("hk/authority", "act", command, file)
            assert (answer.code, answer.out) == (1, "")
    missing = invoke(["act", "show", tmp_path / "none.json"])
    assert (missing.code, "cannot be read" in missing.err) == (2, True)


async def test_an_expired_client_is_recovered_by_both(live: Live, tmp_path: Path) -> None:
    await live.json("sh/authority", "member", "register", "quiet-bank", "--role", "reader")
    anchor, file = tmp_path / "anchor.json", tmp_path / "act.json"
    assert (await live.run("sh/authority", "anchor", "--newest", "--out", anchor)).code == 0
    shown = await live.json("hk/authority", "act", "recover-client", "--anchor", anchor, "--out", file, *REASON)
    assert (shown["kind"], shown["needs"]) == ("recover-client", ["hk-trade-1", "sh-trade-1"])
    for side in ("hk", "sh"):
        assert (await live.run(f"{side}/authority", "act", "sign", file)).code == 0
    assert (await live.json("hk/authority", "act", "submit", file))["height"] > 0
    again = await prepare(live, tmp_path / "no.json")
    assert (again.code, "CLIENT_ACTIVE" in again.err) == (1, True)
