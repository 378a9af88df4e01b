"""Every loadable published DCSA document crosses by `record issue`, both ways, and is proven with nothing running.

Each side issues the whole folder on a deployment of its own. What both ledgers then say is read, the bundles are
written to files, the programs are stopped, and the tests judge what is left: what people would hold in their hands.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bridge.bundle.verify import BundleReport, ProvenVersion
from bridge.cargo.detect import LoadedDocument
from bridge.cli.deployment import Deployment, deployed
from bridge.cli.record_files import find_files, read_entries
from bridge.cli.verify import judge_files
from bridge.rpc.clients import CargoRecordsClient
from bridge.v1 import cargo_service_pb2 as cargo_api
from bridge.v1 import ledger_service_pb2 as ledger_api
from bridge.v1.cargo_pb2 import Statement
from tests.vectors import SHARED_DATA

from .conftest import OTHER

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

DCSA = SHARED_DATA / "trade" / "dcsa"

DOCUMENTS = 112
LOADABLE = 49
VERSIONS = 48
"""One less than documents: the envelope of `pint/` and the request of `issuance/` hold the same bill."""
RECORDS = 41
SHARED_KEY = 8
"""Documents that stand under a key which an earlier file took: two bookings, five transport documents, one event."""
HIDDEN_LEAVES = {"hk": 423, "sh": 520}
"""Leaves of all documents that no rule lets cross; Shanghai's corridor is the narrower one."""

FOREVER_HIDDEN = ("partyContactDetails", "displayedAddress", "address/street", "termsAndConditions")
"""Parts of pointers that no policy of ours names: people, printed addresses, streets, small print."""


@dataclass(slots=True)
class Carried:
    """What one side's folder became."""

    side: str
    folder: Path
    first: dict[str, Any]
    """Answer of `record issue`."""
    amended: dict[str, Any]
    """Answer of `record issue --amend`, run after it."""
    again: dict[str, Any]
    """Answer of the same command once more."""
    elsewhere: dict[str, Any]
    """Answer of the other side's platform to transport documents that are at home here."""
    patterns: dict[int, list[str]]
    """Corridor policy by record type, as the adapter states it."""
    shown: list[dict[str, Any]] = field(default_factory=list)
    """One record as the other side's `record show` prints it: by our id, by theirs, by its reference."""
    home: dict[str, cargo_api.Record] = field(default_factory=dict)
    """By source; the version that the document became."""
    away: dict[str, list[cargo_api.Record]] = field(default_factory=dict)
    """By source; the same version on the other ledger, asked for by our id, by theirs, and by key."""


def command(*arguments: str | Path, code: int = 0) -> str:
    """Standard output of `cargobridge`, run as people run it; its exit code is asserted."""
    program = Path(sys.executable).with_name("cargobridge")
    environment = {name: value for name, value in os.environ.items() if name != "CARGOBRIDGE_AS"}
    run = subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == code, f"{arguments}: {run.returncode}\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}"
    return run.stdout


def issue(deployment: Deployment, side: str, folder: Path, *options: str) -> dict[str, Any]:
    caller = deployment.caller_path(side, "platform")
    answer: dict[str, Any] = json.loads(
        command("record", "issue", "--as", caller, folder, "--json", *options, code=1)  # some are always refused
    )
    return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["hk", "sh"])
async def carried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Carried]:
    """A side's folder, carried; nothing runs any more."""
    if not DCSA.exists():
        pytest.skip(f"published documents are not here: {DCSA}")
    side: str = request.param
    folder = tmp_path_factory.mktemp(f"published-{side}")
    async with deployed(folder / "deployment") as deployment:
        found = await carry(deployment, side, folder)
    yield found


async def carry(deployment: Deployment, side: str, folder: Path) -> Carried:
    first = await asyncio.to_thread(issue, deployment, side, DCSA, "--wait", "60")
    amended = await asyncio.to_thread(issue, deployment, side, DCSA, "--amend", "--wait", "60")
    again = await asyncio.to_thread(issue, deployment, side, DCSA, "--amend")
    elsewhere = await asyncio.to_thread(issue, deployment, OTHER[side], DCSA / "transport-document")
    found = Carried(side, folder, first, amended, again, elsewhere, {})
    async with (
        CargoRecordsClient(deployment.caller(side, "bank").channel()) as home,
        CargoRecordsClient(deployment.caller(OTHER[side], "bank").channel()) as away,
    ):
        found.patterns = {rule.type: list(rule.pointer_patterns) for rule in (await home.corridor()).rules}
        for result in amended["results"]:
            if result["code"] != "refused":
                await look(found, home, away, result)
    bank = deployment.caller_path(side, "bank")
    await asyncio.to_thread(command, "anchor", "--as", bank, "--out", folder / "anchor.json")
    await asyncio.to_thread(export_one, deployment, found)
    return found


async def look(found: Carried, home: CargoRecordsClient, away: CargoRecordsClient, result: Mapping[str, Any]) -> None:
    """What both ledgers say about one document, and the bundle of its record."""
    assert result["packet_state"] == "accepted", result
    source, version = result["source"], result["version"]
    ours, theirs = result["local_record_id"], result["counterparty_record_id"]
    found.home[source] = await home.get(cargo_api.GetRecordRequest(record_id=ours, version=version))
    key = Statement.FromString(found.home[source].statement).key
    found.away[source] = [
        await away.get(request)
        for request in (
            cargo_api.GetRecordRequest(record_id=ours, version=version),
            cargo_api.GetRecordRequest(record_id=theirs, version=version),
            cargo_api.GetRecordRequest(key=key, version=version),
        )
    ]
    bundle = found.folder / f"{ours}.bundle"
    if not bundle.exists():
        bundle.write_bytes(await home.export_bundle(ours))


def export_one(deployment: Deployment, found: Carried) -> None:
    """One record by the commands people use: shown by the other side, exported by this one."""
    result = next(each for each in found.amended["results"] if each["code"] == "amended")
    reader = deployment.caller_path(OTHER[found.side], "bank")
    reference = result["record"].split(" ", 1)[1]
    for name in (result["local_record_id"], result["counterparty_record_id"], reference):
        shown = command("record", "show", "--as", reader, name, "--version", str(result["version"]), "--json")
        found.shown.append(json.loads(shown))
    bank = deployment.caller_path(found.side, "bank")
    command("record", "export", "--as", bank, result["local_record_id"], "--out", found.folder / "one.bundle")


def loadable() -> dict[str, LoadedDocument]:
    """Every document that loads, by source as the command names it."""
    entries = list(read_entries(find_files([DCSA])))
    assert len(entries) == DOCUMENTS
    return {entry.source: entry.result for entry in entries if isinstance(entry.result, LoadedDocument)}


def allowed(patterns: Sequence[str], pointer: str) -> bool:
    """Whether a pattern names the pointer, told without the program's own matching."""
    return any(matches(pattern.split("/")[1:], pointer.split("/")[1:]) for pattern in patterns)


def matches(pattern: Sequence[str], segments: Sequence[str]) -> bool:
    if pattern[-1] == "**":
        pattern, segments = pattern[:-1], segments[: len(pattern) - 1]
    return len(pattern) == len(segments) and all(p in ("*", s) for p, s in zip(pattern, segments, strict=True))


def by_code(answer: Mapping[str, Any], code: str) -> list[dict[str, Any]]:
    return [result for result in answer["results"] if result["code"] == code]


async def test_every_loadable_document_is_issued_and_accepted(carried: Carried) -> None:
    assert carried.first["summary"] == {
        "issued": RECORDS - 1,
        "refused": DOCUMENTS - LOADABLE + SHARED_KEY,
        "standing": LOADABLE - SHARED_KEY - (RECORDS - 1),
    }
    assert carried.amended["summary"] == {
        "amended": SHARED_KEY,
        "refused": DOCUMENTS - LOADABLE,
        "standing": LOADABLE - SHARED_KEY,
    }
    assert carried.again["summary"] == {"refused": DOCUMENTS - LOADABLE, "standing": LOADABLE}
    documents = loadable()
    assert len(documents) == LOADABLE
    assert set(carried.home) == set(carried.away) == set(documents)
    for source, record in carried.home.items():
        assert record.packet_state == ledger_api.PACKET_STATE_ACCEPTED, source
    names = {(record.local_record_id, record.version) for record in carried.home.values()}
    assert len(names) == VERSIONS


async def test_what_is_refused_says_where_and_why(carried: Carried) -> None:
    documents = loadable()
    for result in by_code(carried.amended, "refused"):
        assert result["source"] not in documents
        assert result["reason"], result
        assert result["detail"], result
    conflicts = [result for result in by_code(carried.first, "refused") if result["source"] in documents]
    assert len(conflicts) == SHARED_KEY
    assert {result["reason"] for result in conflicts} == {"VERSION_CONFLICT"}
    assert all("--amend" in result["detail"] for result in conflicts)
    assert [result["reason"] for result in carried.elsewhere["results"]] == ["RECORD_NOT_HOME"] * 7


async def test_each_is_found_on_the_other_ledger_by_either_id(carried: Carried) -> None:
    for source, ours in carried.home.items():
        by_our_id, by_their_id, by_key = carried.away[source]
        assert by_our_id == by_their_id == by_key
        assert by_our_id.counterparty_record_id == ours.local_record_id
        assert by_our_id.local_record_id == ours.counterparty_record_id
        assert by_our_id.statement == ours.statement
    first, *others = carried.shown
    assert others == [first, first]
    assert first["version"] > 1
    assert first["disclosed"]


async def test_each_shows_exactly_the_fields_the_policy_allows(carried: Carried) -> None:
    hidden = 0
    for source, loaded in loadable().items():
        patterns = carried.patterns[loaded.record_type]
        expected = [
            (leaf.pointer, leaf.type, leaf.value) for leaf in loaded.document.leaves if allowed(patterns, leaf.pointer)
        ]
        shown = carried.away[source][0].disclosure.leaves
        assert [(leaf.pointer, leaf.type, leaf.value) for leaf in shown] == expected, source
        assert shown, source
        hidden += len(loaded.document.leaves) - len(shown)
        assert not [leaf.pointer for leaf in shown if any(part in leaf.pointer for part in FOREVER_HIDDEN)], source
    assert hidden == HIDDEN_LEAVES[carried.side]


def bundles(carried: Carried) -> Iterator[tuple[str, BundleReport]]:
    """Every record's bundle, judged from two files."""
    for path in sorted(carried.folder.glob("??CB-*.bundle")):
        yield path.stem, judge_files(path, carried.folder / "anchor.json")


async def test_each_bundle_verifies_offline_with_the_anchor_file_alone(carried: Carried) -> None:
    proven: dict[tuple[str, int], ProvenVersion] = {}
    for name, report in bundles(carried):
        assert report.accepted, (name, report.integrity, report.status, report.identity)
        proven |= {(name, version.statement.version): version for version in report.versions}
    assert len({name for name, _ in proven}) == RECORDS - 1
    assert len(proven) == VERSIONS
    for source, record in carried.home.items():
        version = proven[record.local_record_id, record.version]
        assert version.statement == Statement.FromString(record.statement), source
        shown = carried.away[source][0].disclosure.leaves
        assert [leaf.pointer for leaf in version.leaves] == [leaf.pointer for leaf in shown], source


async def test_the_command_verifies_a_bundle_with_nothing_running(carried: Carried) -> None:
    anchor = carried.folder / "anchor.json"
    report = json.loads(command("verify", carried.folder / "one.bundle", "--anchor", anchor, "--json"))
    assert report["accepted"] is True
    assert report["versions"][-1]["disclosed"]
    damaged = carried.folder / "damaged.bundle"
    data = bytearray((carried.folder / "one.bundle").read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    report = json.loads(command("verify", damaged, "--anchor", anchor, "--json", code=1))
    assert report["accepted"] is False
    assert report["integrity"]["code"]
