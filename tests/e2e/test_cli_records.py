"""Issuing, looking up and exporting records by hand, against two real adapters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.live import Live, invoke, live_pair

SAMPLES = Path(__file__).parents[2] / "bridge" / "cli" / "samples"
BILL = json.loads((SAMPLES / "hk-bl-dangerous-goods.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live_pair(tmp_path_factory.mktemp("live")) as made:
        yield made


def write(path: Path, reference: str, **over: Any) -> Path:
    document = BILL | {"transportDocumentReference": reference} | over
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return path


async def issued(live: Live, path: Path, *options: str) -> dict[str, Any]:
    """The one result of a document that must be taken or standing."""
    (result,) = (await live.json("hk/platform", "record", "issue", path, *options))["results"]
    return dict(result)


async def test_a_document_is_issued_once_however_often_it_is_asked_for(live: Live, tmp_path: Path) -> None:
    path = write(tmp_path / "bl.json", "ONCE0001")
    first = await issued(live, path)
    assert (first["code"], first["version"], first["packet_state"]) == ("issued", 1, "committed")
    await live.pair.settle()
    again = await issued(live, path)
    assert (again["code"], again["version"]) == ("standing", 1)
    assert again["local_record_id"] == first["local_record_id"]
    assert (again["packet_state"], again["counterparty_record_id"][:4]) == ("accepted", "SHCB")


async def test_one_document_in_several_files_is_one_record(live: Live, tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        write(tmp_path / name, "SAME0001")
    answer = await live.json("hk/platform", "record", "issue", tmp_path)
    assert [result["code"] for result in answer["results"]] == ["issued", "standing"]
    assert answer["summary"] == {"issued": 1, "standing": 1}


async def test_new_content_is_a_next_version_when_it_is_asked_for(live: Live, tmp_path: Path) -> None:
    first = write(tmp_path / "first.json", "AMND0001")
    changed = write(tmp_path / "second.json", "AMND0001", issueDate="2026-11-22")
    await issued(live, first)
    refused = await live.run("hk/platform", "record", "issue", changed)
    assert refused.code == 1
    assert "VERSION_CONFLICT: differs from version 1; --amend" in refused.out
    amended = await issued(live, changed, "--amend")
    assert (amended["code"], amended["version"]) == ("amended", 2)
    # The whole folder again, in the order the versions were made: nothing goes back to the first content.
    again = await live.json("hk/platform", "record", "issue", "--amend", tmp_path)
    assert [(result["code"], result["version"]) for result in again["results"]] == [("standing", 1), ("standing", 2)]
    assert again["results"][0]["detail"] == "version 2 has taken its place"


async def test_a_voided_record_takes_no_version_any_more(live: Live, tmp_path: Path) -> None:
    path = write(tmp_path / "bl.json", "VOID0001")
    missing = await live.run("hk/platform", "record", "issue", "--void", path)
    assert (missing.code, "RECORD_NOT_FOUND" in missing.out) == (1, True)
    await issued(live, path)
    voided = await issued(live, path, "--void")
    assert (voided["code"], voided["version"]) == ("voided", 2)
    assert (await issued(live, path, "--void"))["code"] == "standing"
    for options in ((), ("--amend",)):
        refused = await live.run("hk/platform", "record", "issue", path, *options)
        assert (refused.code, "RECORD_VOIDED" in refused.out) == (1, True)


async def test_a_bad_document_sinks_no_other(live: Live, tmp_path: Path) -> None:
    write(tmp_path / "1.json", "GOOD0001")
    write(tmp_path / "2.json", "BAD00001", carrierCode="?")
    (tmp_path / "3.json").write_text("{", encoding="utf-8")
    write(tmp_path / "4.json", "GOOD0002")
    answer = await live.run("hk/platform", "record", "issue", tmp_path)
    assert answer.code == 1
    heads = [line.split(":")[0] for line in answer.lines if not line.startswith(" ")]
    assert heads[:4] == ["issued", "refused", "refused", "issued"]
    assert "/carrierCode: INVALID_IDENTIFIER" in answer.out
    assert answer.lines[-1] == "2 issued, 2 refused"


async def test_waiting_ends_when_nothing_comes(live: Live, tmp_path: Path) -> None:
    answer = await live.run("hk/platform", "record", "issue", "--wait", 1, write(tmp_path / "bl.json", "WAIT0001"))
    assert (answer.code, "(committed)" in answer.lines[0]) == (1, True)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--legal-basis", "custom:x"], "KIND:CITATION"),
        (["--legal-basis", "statute"], "KIND:CITATION"),
        (["--legal-basis", "unspecified:x"], "KIND:CITATION"),
        (["--amend", "--void"], "exclude"),
        (["--timeout-days", "0"], "timeout-days"),
    ],
)
async def test_wrong_options_end_with_2_and_send_nothing(
    live: Live, tmp_path: Path, options: list[str], word: str
) -> None:
    answer = await live.run("hk/platform", "record", "issue", write(tmp_path / "bl.json", "WRONG001"), *options)
    assert (answer.code, answer.out, word in answer.err) == (2, "", True)
    assert (await live.run("hk/platform", "record", "show", "WRONG001")).code == 1


async def test_the_legal_basis_is_the_issuers_to_name(live: Live, tmp_path: Path) -> None:
    await issued(live, write(tmp_path / "bl.json", "BASE0001"), "--legal-basis", "foreign-law:English law, clause 26")
    shown = await live.json("hk/platform", "record", "show", "BASE0001")
    assert shown["legal_basis"] == "foreign-law:English law, clause 26"


async def test_a_new_issuers_record_waits_until_the_other_side_knows_the_issuer(live: Live, tmp_path: Path) -> None:
    folder = live.pair.folder / "hk"
    key = folder / "keys" / "tai-mo-shan.key"
    assert invoke(["pki", "key", key, "--passphrase-file", folder / "keys" / "passphrase"]).code == 0
    options = ("--role", "issuer", "--key", f"k1={key}.pub.pem")
    await live.json("hk/authority", "member", "register", "tai-mo-shan", *options)
    text = live.caller("hk/platform").read_text(encoding="utf-8")
    live.caller("hk/newcomer").write_text(text.replace("victoria-harbour", "tai-mo-shan"), encoding="utf-8")
    path = write(tmp_path / "bl.json", "NEWCOMER1")
    refused = await live.run("hk/newcomer", "record", "issue", path)
    assert (refused.code, "ISSUER_UNCONFIRMED" in refused.out) == (1, True)
    waiting = asyncio.create_task(live.json("hk/newcomer", "record", "issue", "--wait", 60, path))
    # Carry until it is through: the registration first, then its confirmation, then the record and its answer.
    while not waiting.done():
        await live.pair.settle()
        await asyncio.sleep(0.2)
    (result,) = (await waiting)["results"]
    assert (result["code"], result["packet_state"]) == ("issued", "accepted")


async def test_a_caller_without_an_issuers_key_cannot_issue(live: Live, tmp_path: Path) -> None:
    answer = await live.run("hk/bank", "record", "issue", write(tmp_path / "bl.json", "NOKEY001"))
    assert (answer.code, "names no issuer key" in answer.err) == (2, True)


async def test_a_record_is_shown_on_both_sides_by_either_id(live: Live, tmp_path: Path) -> None:
    home = await issued(live, write(tmp_path / "bl.json", "SHOW0001"))
    await live.pair.settle()
    there = await live.json("sh/bank", "record", "show", home["local_record_id"])
    assert (there["reference"], there["counterparty_record_id"]) == ("SHOW0001/1", home["local_record_id"])
    here = await live.json("hk/bank", "record", "show", there["local_record_id"].lower())
    assert (here["local_record_id"], here["packet_state"]) == (home["local_record_id"], "accepted")
    ports = {each["stated"]: each["local"] for each in there["identifiers"]}
    assert ports["un-locode:CNSHA"] == "un-locode:CNSGH"
    assert there["disclosed"]["/transportDocumentReference"] == "SHOW0001"
    for_people = await live.run("sh/bank", "record", "show", "SHOW0001")
    assert "un-locode:CNSGH" in for_people.out
    assert for_people.lines[-1].endswith("kept by the issuer")
    assert len(there["versions"]) == 1


async def test_what_is_not_there_is_refused(live: Live) -> None:
    for name in ("HKCB-2026-999999999", "NOSUCH", "x" * 200):
        answer = await live.run("hk/bank", "record", "show", name)
        assert (answer.code, answer.out) == (1, "")
        assert "cargobridge: " in answer.err


async def test_records_are_listed_page_by_page_and_by_identifier(live: Live, tmp_path: Path) -> None:
    for reference in ("LIST0001", "LIST0002", "LIST0003"):
        await issued(live, write(tmp_path / "bl.json", reference))
    first = await live.json("hk/bank", "record", "list", "--limit", 2)
    second = await live.json("hk/bank", "record", "list", "--limit", 2, "--page-token", first["next_page_token"])
    ids = [each["local_record_id"] for page in (first, second) for each in page["records"]]
    assert len(set(ids)) == 4
    container = BILL["utilizedTransportEquipments"][0]["equipment"]["equipmentReference"]
    named = await live.json("hk/bank", "record", "list", "--identifier", f"iso6346:{container}", "--limit", 500)
    assert {"LIST0001/1", "LIST0002/1", "LIST0003/1"} <= {each["reference"] for each in named["records"]}
    none = await live.run("hk/bank", "record", "list", "--type", "booking")
    assert (none.code, none.out.strip()) == (0, "no such record")
    people = await live.run("hk/bank", "record", "list", "--limit", 1)
    assert "--page-token" in people.lines[-1]


@pytest.mark.parametrize("options", [["--type", "bol"], ["--identifier", "iso6346:1"], ["--identifier", "nothing"]])
async def test_a_wrong_filter_is_wrong_usage(live: Live, options: list[str]) -> None:
    answer = await live.run("hk/bank", "record", "list", *options)
    assert (answer.code, answer.out) == (2, "")


async def test_a_bundle_goes_from_export_to_verdict(live: Live, tmp_path: Path) -> None:
    result = await issued(live, write(tmp_path / "bl.json", "PROVE001"))
    await live.pair.settle()
    anchor, bundle = tmp_path / "anchor.json", tmp_path / "bl.bundle"
    assert (await live.run("hk/bank", "anchor", "--out", anchor)).code == 0
    written = await live.json("hk/bank", "record", "export", "PROVE001", "--anchor", anchor, "--out", bundle)
    assert (written["record_id"], written["bytes"]) == (result["local_record_id"], bundle.stat().st_size)
    verdict = invoke(["verify", bundle, "--anchor", anchor, "--json"])
    assert (verdict.code, verdict.json["accepted"]) == (0, True)
    assert verdict.json["versions"][0]["reference"] == "PROVE001"
    assert "victoria-harbour" in invoke(["verify", bundle, "--anchor", anchor]).out
    damaged = bytearray(bundle.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    bundle.write_bytes(damaged)
    refused = invoke(["verify", bundle, "--anchor", anchor])
    assert (refused.code, "REFUSED" in refused.out) == (1, True)


async def test_the_other_side_cannot_prove_what_is_not_its_own(live: Live, tmp_path: Path) -> None:
    await issued(live, write(tmp_path / "bl.json", "AWAY0001"))
    await live.pair.settle()
    answer = await live.run("sh/bank", "record", "export", "AWAY0001", "--out", tmp_path / "x")
    assert (answer.code, "RECORD_NOT_HOME" in answer.err, (tmp_path / "x").exists()) == (1, True, False)


async def test_a_record_of_the_other_side_is_not_issued_here_again(live: Live, tmp_path: Path) -> None:
    path = write(tmp_path / "bl.json", "HOME0001")
    await issued(live, path)
    await live.pair.settle()
    answer = await live.run("sh/platform", "record", "issue", path)
    assert (answer.code, "RECORD_NOT_HOME" in answer.out) == (1, True)


async def test_the_export_register_tells_what_left(live: Live, tmp_path: Path) -> None:
    result = await issued(live, write(tmp_path / "bl.json", "LEFT0001"))
    register = (await live.json("hk/platform", "record", "exports", "--limit", 500))["exports"]
    (line,) = [each for each in register if each["local_record_id"] == result["local_record_id"]]
    assert "/transportDocumentReference" in line["pointers"]
    refused = await live.run("hk/bank", "record", "exports")
    assert (refused.code, "CALLER_NOT_ALLOWED" in refused.err) == (1, True)


async def test_json_lines_are_issued_in_batches(live: Live, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    documents = [BILL | {"transportDocumentReference": f"LINE{number:04d}"} for number in range(70)]
    path.write_text("\n".join(map(json.dumps, documents)), encoding="utf-8")
    answer = await live.json("hk/platform", "record", "issue", path)
    assert answer["summary"] == {"issued": 70}
    assert answer["results"][69]["source"] == f"{path}:70"
    assert len({result["local_record_id"] for result in answer["results"]}) == 70
