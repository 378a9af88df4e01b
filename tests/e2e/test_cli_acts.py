"""The authority's acts by hand, mappings and members, and the stream of records, against two real adapters."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.conformance.issuing import transport_event as event
from tests.e2e.live import Live, invoke, live_pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

UBI, OTHER_UBI = "hk-ubi:73214586", "hk-ubi:73214594"
USCC, OTHER_USCC = "uscc:91310115MA1H9T8D2G", "uscc:91310115MA1K4B2C7Y"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live_pair(tmp_path_factory.mktemp("live")) as made:
        yield made


async def test_a_mapping_is_registered_once_resolved_on_both_sides_and_revoked(live: Live) -> None:
    first = await live.json("hk/authority", "id", "map", UBI, USCC)
    assert (first["standing"], first["sequence"] > 0) == (False, True)
    again = await live.json("hk/authority", "id", "map", UBI, USCC)
    assert again["standing"] is True
    await live.pair.settle()
    assert await live.json("sh/bank", "id", "resolve", UBI) == {"stated": UBI, "local": USCC, "resolution": "mapped"}
    conflict = await live.run("hk/authority", "id", "map", UBI, OTHER_USCC)
    assert (conflict.code, conflict.err.count("MAPPING_CONFLICT")) == (1, 1)
    revoked = await live.run("hk/authority", "id", "map", UBI, USCC, "--revoke")
    assert (revoked.code, revoked.out.split(":")[0]) == (0, "revoked")
    # The identifier is free again, and its revision goes on from what both ledgers remember.
    assert (await live.json("hk/authority", "id", "map", UBI, OTHER_USCC))["standing"] is False
    assert (await live.json("hk/authority", "id", "map", OTHER_UBI, USCC))["standing"] is False
    await live.pair.settle()
    listed = await live.json("sh/bank", "id", "list")
    standing = {(each["home"], each["counterparty"]) for each in listed if each["state"] == "registered"}
    assert standing == {(UBI, OTHER_USCC), (OTHER_UBI, USCC)}
    for_people = await live.run("sh/bank", "id", "list", "--scheme", "uscc")
    assert USCC in for_people.out


async def test_revoking_what_does_not_stand_is_refused(live: Live) -> None:
    answer = await live.run("hk/authority", "id", "map", "scac:VHLK", "smdg-carrier:VHL", "--revoke")
    assert (answer.code, "MAPPING_NOT_FOUND" in answer.err) == (1, True)


@pytest.mark.parametrize(
    ("home", "counterparty", "word"),
    [
        (UBI, "uscc:91310115MA1K4B2C7X", "last character"),
        ("hk-ubi", USCC, "SCHEME:VALUE"),
        ("unknown:1", USCC, "one of the schemes"),
    ],
)
async def test_an_identifier_in_no_form_is_wrong_usage(live: Live, home: str, counterparty: str, word: str) -> None:
    answer = await live.run("hk/authority", "id", "map", home, counterparty)
    assert (answer.code, answer.out, word in answer.err) == (2, "", True)


async def test_things_of_different_kinds_are_not_mapped(live: Live) -> None:
    answer = await live.run("hk/authority", "id", "map", UBI, "iso6346:OOLU7123447")
    assert (answer.code, "different kinds" in answer.err) == (1, True)


async def test_only_the_authority_maps(live: Live) -> None:
    answer = await live.run("hk/platform", "id", "map", UBI, USCC)
    assert (answer.code, "names no authority key" in answer.err) == (2, True)


async def test_an_identifier_nobody_mapped_is_kept(live: Live) -> None:
    answer = await live.run("sh/bank", "id", "resolve", "hk-ubi:12345678")
    assert (answer.code, answer.out.strip()) == (0, "hk-ubi:12345678 (foreign)")


async def test_a_member_is_registered_changed_and_revoked(live: Live, tmp_path: Path) -> None:
    for name in ("k1", "k2"):
        assert invoke(["pki", "key", tmp_path / name]).code == 0
    register = ("member", "register", "lantau-line")
    made = await live.json(
        "hk/authority", *register, "--role", "issuer", "--name", "Hant:大嶼航運", "--key", f"k1={tmp_path}/k1.pub.pem"
    )
    assert (made["revision"], list(made["keys"]), made["names"]) == (1, ["k1"], {"Hant": "大嶼航運"})
    changed = await live.json("hk/authority", *register, "--key", f"k2={tmp_path}/k2.pub.pem", "--drop-key", "k1")
    assert (changed["revision"], list(changed["keys"]), changed["roles"]) == (2, ["k2"], ["issuer"])
    back = await live.run("hk/authority", *register, "--key", f"k1={tmp_path}/k1.pub.pem")
    assert (back.code, "INVALID_PUBLIC_KEY" in back.err) == (1, True)
    assert (await live.run("hk/authority", *register, "--revoke")).code == 0
    await live.pair.settle()
    (there,) = [m for m in await live.json("sh/authority", "member", "list") if m["member_id"] == "lantau-line"]
    assert (there["state"], there["keys"], there["ledger_id"]) == ("revoked", {}, "hk-trade-1")
    assert "lantau-line" in (await live.run("sh/authority", "member", "list")).out


@pytest.mark.parametrize(
    ("options", "code", "word"),
    [
        (["--role", "king"], 2, "no such role"),
        (["--name", "Lantau"], 2, "SCRIPT:NAME"),
        (["--name", "Cyrl:Lantau"], 2, "script"),
        (["--key", "k1"], 2, "KEY_ID=FILE"),
        (["--key", "k1=/no/such/file"], 2, "cannot be read"),
        (["--identifier", "lei:1"], 2, "lei"),
        (["--role", "issuer"], 1, "FIELD_REQUIRED"),
        (["--revoke"], 1, "MEMBER_UNKNOWN"),
        (["--drop-key", "k9"], 1, "MEMBER_UNKNOWN"),
    ],
)
async def test_a_registration_in_no_form_is_refused(live: Live, options: list[str], code: int, word: str) -> None:
    answer = await live.run("hk/authority", "member", "register", "nobody-yet", *options)
    assert (answer.code, answer.out) == (code, "")
    assert word in answer.err
    members = await live.json("hk/authority", "member", "list")
    assert "nobody-yet" not in {member["member_id"] for member in members}


async def test_watching_shows_what_is_written_and_ends_on_ctrl_c(live: Live, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bridge.cli", "record", "watch", "--as", live.caller("hk/bank"), "--json"]
    pipe = asyncio.subprocess.PIPE
    watcher = await asyncio.create_subprocess_exec(*command, "--after-height", "0", stdout=pipe, stderr=pipe)
    try:
        (tmp_path / "event.json").write_bytes(event("watched"))
        result = (await live.json("hk/platform", "record", "issue", tmp_path))["results"][0]
        assert watcher.stdout is not None
        line = json.loads(await asyncio.wait_for(watcher.stdout.readline(), 20))
        assert (line["local_record_id"], line["packet_state"]) == (result["local_record_id"], "committed")
        await live.pair.settle()
        line = json.loads(await asyncio.wait_for(watcher.stdout.readline(), 20))
        assert (line["packet_state"], line["counterparty_record_id"][:4]) == ("accepted", "SHCB")
        watcher.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(watcher.wait(), 20) == 0
    finally:
        if watcher.returncode is None:
            watcher.kill()


async def test_linking_again_finds_what_stands(live: Live) -> None:
    files = (live.caller("hk/authority"), live.caller("sh/authority"))
    again = await asyncio.to_thread(invoke, ["link", *files, "--json"])
    assert (again.code, again.json) == (0, live.pair.clients)
    same = await asyncio.to_thread(invoke, ["link", files[0], files[0]])
    assert (same.code, "one ledger" in same.err) == (2, True)


async def test_the_doctor_finds_all_well_and_the_checker_too(live: Live) -> None:
    config = live.pair.folder / "hk" / "adapter.yaml"
    answer = await live.run("hk/platform", "doctor", "--config", config, "--json")
    states = {(check["name"], check["state"]) for check in answer.json}
    assert (answer.code, {state for _, state in states}) == (0, {"ok"})
    assert {"adapter", "certificate", "issuer key", "port", "store", "node key", "suite sm3-sm2"} <= {
        n for n, _ in states
    }
    for options in ([], ["--rows-only"]):
        checked = await asyncio.to_thread(invoke, ["fsck", "--config", config, "--json", *options])
        assert (checked.code, checked.json["findings"], checked.json["height"] > 1) == (0, [], True)
