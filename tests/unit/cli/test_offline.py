"""Commands that need no adapter: pki, doctor, fsck, verify and plumbing, and how they refuse what is not right."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.bundle.anchor import encode_anchor_file
from bridge.cli.main import app
from bridge.cli.output import without_reason_twice
from bridge.crypto.keys import load_signer, public_key_from_pem
from bridge.rpc.tls import read_passphrase
from tests.e2e.live import invoke
from tests.unit.bundle.bundles import make_case


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dev")
    answer = invoke(["pki", "init", "--dir", folder, "--validators", 1])
    assert answer.code == 0, answer
    assert "cargobridge link" in answer.out
    return folder


def edited(made: Path, tmp_path: Path, old: str, new: str) -> Path:
    """A copy of the Hong Kong adapter's file beside the original, with one change."""
    text = (made / "hk" / "adapter.yaml").read_text(encoding="utf-8")
    assert old in text
    path = made / "hk" / f"{tmp_path.name}.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_init_keeps_everything_when_it_is_run_again(made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    again = invoke(["pki", "init", "--dir", made, "--validators", 1, "--json"])
    assert (again.code, again.json["made"]) == (0, [])
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("suite", ["sha256-ed25519", "sha256-p256", "sm3-sm2"])
def test_a_key_is_made_encrypted_and_never_overwritten(tmp_path: Path, suite: str) -> None:
    path = tmp_path / "issuer.key"
    assert invoke(["pki", "key", path, "--suite", suite]).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    signer = load_signer(path, read_passphrase(tmp_path / "issuer.key.pass"))
    public = (tmp_path / "issuer.key.pub.pem").read_bytes()
    assert public_key_from_pem(public) == (suite, signer.public_key)
    again = invoke(["pki", "key", path, "--suite", suite])
    assert (again.code, "never overwritten" in again.err) == (1, True)
    assert (tmp_path / "issuer.key.pub.pem").read_bytes() == public


def test_a_key_of_no_suite_or_in_no_folder_is_wrong_usage(tmp_path: Path) -> None:
    for arguments in (["pki", "key", tmp_path / "a", "--suite", "rsa"], ["pki", "key", tmp_path / "no" / "a"]):
        answer = invoke(arguments)
        assert (answer.code, answer.out) == (2, "")


def test_the_doctor_passes_a_new_configuration(made: Path) -> None:
    answer = invoke(["doctor", "--config", made / "sh" / "adapter.yaml"])
    assert (answer.code, "not made yet" in answer.out, "is free" in answer.out) == (0, True, True)
    assert not (made / "sh" / "data").exists()


def test_the_doctor_says_that_the_adapter_does_not_answer(made: Path) -> None:
    answer = invoke(["doctor", "--as", made / "hk" / "platform.yaml", "--json"])
    failed = [check["name"] for check in answer.json if check["state"] == "fail"]
    assert (answer.code, failed) == (1, ["adapter"])


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("listen: 127.0.0.1:", "listen: 192.0.2.1:", "port"),
        ("profile: cometbft", "profile: chainmaker", "node key"),
        ("authority_public_key: keys/authority.pub.pem", "authority_public_key: keys/passphrase", "authority key"),
        ("key: tls/adapter.key", "key: tls/ca.key", "certificate"),
        ("ledger_id: hk-trade-1", "ledger_id: '-'", "configuration"),
        ("ledger_id: hk-trade-1", "ledger: hk-trade-1", "configuration"),
    ],
)
def test_the_doctor_names_what_is_wrong(made: Path, tmp_path: Path, old: str, new: str, name: str) -> None:
    answer = invoke(["doctor", "--config", edited(made, tmp_path, old, new), "--json"])
    failed = [check for check in answer.json if check["state"] == "fail"]
    assert answer.code == 1
    assert name in {check["name"] for check in failed}
    assert all(check["advice"] for check in failed)


def test_the_doctor_finds_a_callers_file_with_a_mistake(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "caller.yaml"
    path.write_text("target: nowhere\n", encoding="utf-8")
    answer = invoke(["doctor", "--as", path, "--json"])
    told = [check["found"] + check["advice"] for check in answer.json if check["state"] == "fail"]
    assert (answer.code, any("caller.yaml:1: target" in text for text in told)) == (1, True)


def test_a_callers_file_that_is_wrong_ends_with_2(tmp_path: Path) -> None:
    answer = invoke(["record", "list", "--as", tmp_path / "nobody.yaml"])
    assert (answer.code, "cannot be read" in answer.err) == (2, True)


def test_an_adapter_that_does_not_answer_is_a_refusal(made: Path) -> None:
    answer = invoke(["record", "list", "--as", made / "hk" / "bank.yaml"])
    assert (answer.code, "LEDGER_UNAVAILABLE" in answer.err) == (1, True)


def test_fsck_needs_a_database(made: Path) -> None:
    answer = invoke(["fsck", "--config", made / "hk" / "adapter.yaml"])
    assert (answer.code, "no database yet" in answer.err) == (1, True)
    assert not (made / "hk" / "data").exists()


def test_verify_reads_a_bundle_of_another_ledger_as_any_other_lie(tmp_path: Path) -> None:
    case = make_case("hk", 1)
    anchor, bundle = tmp_path / "anchor.json", tmp_path / "record.bundle"
    bundle.write_bytes(case.data)
    anchor.write_bytes(encode_anchor_file(case.anchor))
    other = make_case("sh", 1)
    anchor.write_bytes(encode_anchor_file(other.anchor))
    answer = invoke(["verify", bundle, "--anchor", anchor])
    assert (answer.code, "ANCHOR_MISMATCH" in answer.out) == (1, True)
    assert "ANCHOR_MISMATCH: " not in answer.out


@pytest.mark.parametrize("data", [b"", b"\x00", b"{}", b"\xff" * 100])
def test_verify_of_a_file_that_is_no_bundle(tmp_path: Path, data: bytes) -> None:
    case = make_case("hk", 1)
    anchor, bundle = tmp_path / "anchor.json", tmp_path / "record.bundle"
    bundle.write_bytes(data)
    anchor.write_bytes(encode_anchor_file(case.anchor))
    answer = invoke(["verify", bundle, "--anchor", anchor, "--json"])
    assert (answer.code, answer.json["accepted"], answer.json["versions"]) == (1, False, [])


def test_verify_without_its_files_is_wrong_usage(tmp_path: Path) -> None:
    bundle = tmp_path / "record.bundle"
    bundle.write_bytes(b"")
    answer = invoke(["verify", bundle, "--anchor", tmp_path / "missing.json"])
    assert (answer.code, "cannot be read" in answer.err) == (2, True)


def test_plumbing_gives_a_verdict_for_every_line(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes(b'{"trusted": null}\n\nnot json\n\xff\n{"a": 1, "a": 1}')
    for profile in ("cometbft", "chainmaker"):
        answer = invoke(["plumbing", "verify-header", "--profile", profile, path])
        verdicts = [json.loads(line) for line in answer.lines]
        assert (answer.code, len(verdicts)) == (0, 5)
        assert {verdict["verdict"] for verdict in verdicts} == {"malformed"}
        assert all(set(verdict) == {"verdict", "reason", "detail"} for verdict in verdicts)


def test_plumbing_reads_standard_input() -> None:
    result = CliRunner().invoke(app, ["plumbing", "verify-header", "--profile", "cometbft", "-"], input=b"{}\n")
    assert (result.exit_code, json.loads(result.stdout)["verdict"]) == (0, "malformed")


def test_plumbing_knows_its_profiles_and_needs_its_file(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes(b"{}")
    unknown = invoke(["plumbing", "verify-header", "--profile", "fabric", path])
    assert (unknown.code, "PROFILE_UNKNOWN" in unknown.err) == (1, True)
    missing = invoke(["plumbing", "verify-header", "--profile", "cometbft", tmp_path / "missing"])
    assert (missing.code, "cannot be read" in missing.err) == (2, True)


def test_a_reason_stands_in_front_once() -> None:
    assert without_reason_twice("A_B: A_B: it is so", "A_B") == "A_B: it is so"
    assert without_reason_twice("A_B: it is so: A_B: again", "A_B") == "A_B: it is so: A_B: again"
