"""What a target.toml may say, what a target lacks for a case, and that only test ledgers are tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.clock import SystemClock
from bridge.conformance.checks import NotRun
from bridge.conformance.deployment import adapter_of, installed_adapters, make_target
from bridge.conformance.hooks import run_hook
from bridge.conformance.target import CAPABILITIES, Target, require_test_ledger
from bridge.errors import BridgeError, DecodeError, PreconditionError, Reason
from bridge.rpc.adapter_cli import _load
from bridge.rpc.tls import channel_credentials
from hk_adapter.config import KIND
from tests.unit.conformance.bench import made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("target")
    make_target(place, KIND, SystemClock(), command=["hk-adapter"], validators=1)
    return place


def changed(folder: Path, name: str, line: str) -> Path:
    """The target.toml with one top-level line in another form, beside the real one."""
    lines = (folder / "target.toml").read_text().splitlines()
    file = folder / "changed.toml"
    kept = [each for each in lines if not each.startswith(f"{name} =")]
    file.write_text("\n".join([line, *kept]) + "\n")
    return file


def test_a_made_target_has_everything_the_cases_need(folder: Path) -> None:
    target = Target.load(folder)
    assert target.ledger_id == "test-cometbft-1"
    assert target.roles == (
        "auditor",
        "authority",
        "monitor",
        "operator",
        "platform",
        "reader",
        "relayer",
        "second-relayer",
    )
    for need in ("reset", "restart", "kill", "authority_key", "relayer_key", "second_relayer", "seed", "tls_ca_key"):
        assert target.lacks(need) == ""
    for role in target.roles:
        channel_credentials(target.tls(role))
    anchor = target.anchor()
    assert anchor is not None
    assert (anchor.ledger_id, anchor.height) == ("test-cometbft-1", 0)
    assert target.file.capabilities == CAPABILITIES


def test_making_it_again_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    make_target(folder, KIND, SystemClock(), command=["other"], validators=1)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before


def test_its_settings_are_ones_the_adapter_takes(folder: Path) -> None:
    settings = _load(KIND, folder / "adapter.yaml")
    assert settings.ledger_id.startswith("test-")
    assert settings.listen.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("endpoint", 'endpoint = "nowhere"', "endpoint"),
        ("ledger_id", 'ledger_id = "-"', "ledger_id"),
        ("tls_ca", 'tls_ca = "none.pem"', "there is no file"),
        ("surprise", 'surprise = "x"', "there is no such field"),
        ("capabilities", 'capabilities = ["flying"]', "there is no capability flying"),
        ("profiles", "profiles = []", "profiles"),
        ("trust_anchor", 'trust_anchor = "none.json"', "there is no file"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, name: str, line: str, told: str) -> None:
    with pytest.raises(DecodeError, match=told) as caught:
        Target.load(changed(folder, name, line))
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_identities_may_be_a_folder(folder: Path) -> None:
    text = (folder / "target.toml").read_text()
    head = text.partition("# Certificate and key by role")[0]
    file = folder / "folder.toml"
    file.write_text(f'identities = "tls"\n{head}')
    target = Target.load(file)
    assert {"reader", "auditor", "platform", "relayer-1", "adapter"} <= set(target.roles)
    assert "relayer" not in target.roles
    assert target.lacks("relayer") == "the target.toml has no identity relayer"


def test_what_is_missing_is_told_for_each_need(folder: Path) -> None:
    lines = (folder / "target.toml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("kill", "seed", "tls_ca_key", "monitor"))]
    file = folder / "less.toml"
    file.write_text("\n".join(["capabilities = []", 'profiles = ["cometbft"]', *kept]))
    target = Target.load(file)
    case = made(needs=("kill", "seed", "restart", "monitor", "capability:watch", "profile:chainmaker", "bank"))
    assert target.missing(case) == (
        "the target.toml has no hook kill; the target.toml names no seed; the target.toml has no identity monitor"
    )
    assert target.undeclared(case) == "the target does not declare capability:watch, profile:chainmaker"
    assert Target.load(folder).missing(case) == ""
    assert Target.load(folder).undeclared(case) == ""


def test_hooks_that_fail_or_are_missing_are_the_surroundings_fault(folder: Path) -> None:
    lines = (folder / "target.toml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("kill", "restart", "reset"))]
    file = folder / "hooks.toml"
    file.write_text("\n".join([*kept, 'kill = ["sh", "-c", "echo no disk >&2; exit 3"]', 'reset = ["./none"]']))
    target = Target.load(file)
    with pytest.raises(NotRun, match="ended with 3: no disk"):
        run_hook(target, "kill")
    with pytest.raises(NotRun, match="did not end well"):
        run_hook(target, "reset")
    with pytest.raises(NotRun, match="no hook restart"):
        run_hook(target, "restart")


def test_a_hook_runs_in_the_folder_of_its_file(folder: Path) -> None:
    lines = (folder / "target.toml").read_text().splitlines()
    file = folder / "where.toml"
    kept = [line for line in lines if not line.startswith("kill")]
    file.write_text("\n".join([*kept, 'kill = ["touch", "killed"]']))
    run_hook(Target.load(file), "kill")
    assert (folder / "killed").exists()


def test_only_test_ledgers_are_tested() -> None:
    require_test_ledger("test-hk-1", i_know=False)
    require_test_ledger("hk-trade-1", i_know=True)
    for name in ("hk-trade-1", "Test-1", "latest-1", ""):
        with pytest.raises(PreconditionError, match="--i-know"):
            require_test_ledger(name, i_know=False)


def test_a_bare_target_knows_a_door_and_one_identity(folder: Path) -> None:
    tls = folder / "tls"
    target = Target.bare("127.0.0.1:7001", tls / "ca.pem", tls / "relayer-1.pem", tls / "relayer-1.key", "relayer")
    assert (target.endpoint, target.ledger_id, target.roles) == ("127.0.0.1:7001", "", ("relayer",))
    assert target.learned("test-x").ledger_id == "test-x"
    assert "authority_key" in target.lacks("authority_key")
    with pytest.raises(DecodeError, match="there is no file"):
        Target.bare("127.0.0.1:7001", tls / "none.pem", tls / "relayer-1.pem", tls / "relayer-1.key", "relayer")
    with pytest.raises(DecodeError, match="endpoint"):
        Target.bare("nowhere", tls / "ca.pem", tls / "relayer-1.pem", tls / "relayer-1.key", "relayer")


def test_adapters_are_found_by_program_or_by_header_profile() -> None:
    assert {"hk-adapter", "sh-adapter"} <= set(installed_adapters())
    assert adapter_of(["/usr/bin/sh-adapter"]).profile_id == "chainmaker"
    assert adapter_of(["python", "-m", "mine"], "cometbft").program == "hk-adapter"
    with pytest.raises(BridgeError, match="--header-profile"):
        adapter_of(["python", "-m", "mine"])
