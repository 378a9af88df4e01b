"""`record erase` by hand against real adapters: asked first, told after, shown for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from bridge.cli.main import app
from bridge.conformance.issuing import transport_event as event
from tests.e2e.live import Live, invoke, live_pair

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live_pair(tmp_path_factory.mktemp("live")) as made:
        yield made


async def test_an_erased_record_is_shown_as_such_and_its_bundle_verifies(live: Live, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_bytes(event("to-be-erased"))
    issued = await live.json("hk/platform", "record", "issue", tmp_path / "event.json")
    record_id = issued["results"][0]["local_record_id"]
    await live.pair.settle()
    erase = ("record", "erase", record_id)
    told = await live.run("hk/authority", *erase, "--json")
    assert (told.code, "--yes" in told.err) == (2, True)
    no = await asyncio.to_thread(
        CliRunner().invoke, app, [*erase, "--as", str(live.caller("hk/authority"))], input="n\n"
    )
    assert no.exit_code == 1
    assert (await live.json("hk/bank", "record", "show", record_id))["document_erased"] == ""
    refused = await live.run("hk/platform", *erase, "--yes")
    assert (refused.code, "CALLER_NOT_ALLOWED" in refused.err) == (1, True)
    elsewhere = await live.run("sh/authority", *erase, "--yes")
    assert (elsewhere.code, "RECORD_NOT_HOME" in elsewhere.err) == (1, True)
    assert (await live.json("hk/authority", *erase, "--yes"))["erased_versions"] == [1]
    again = await live.run("hk/authority", *erase, "--yes")
    assert (again.code, "had been erased before" in again.out) == (0, True)
    shown = await live.json("hk/bank", "record", "show", record_id)
    assert shown["document_erased"].endswith("Z")
    assert "erased here with the document" in (await live.run("hk/bank", "record", "show", record_id)).out
    assert (await live.json("sh/bank", "record", "show", record_id))["document_erased"] == ""
    bundle, anchor = tmp_path / "erased.bundle", tmp_path / "anchor.json"
    assert (await live.run("hk/bank", "anchor", "--out", anchor)).code == 0
    assert (await live.run("hk/bank", "record", "export", record_id, "--out", bundle)).code == 0
    verdict = await asyncio.to_thread(invoke, ["verify", bundle, "--anchor", anchor, "--json"])
    assert (verdict.code, verdict.json["accepted"]) == (0, True)
    checked = await asyncio.to_thread(invoke, ["fsck", "--config", live.pair.folder / "hk" / "adapter.yaml", "--json"])
    assert (checked.code, checked.json["findings"]) == (0, [])
