"""Configuration files: what is wrong is named by file, line and field; nothing half-right is served."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from bridge.clock import NANOS_PER_SECOND, SystemClock
from bridge.errors import BridgeError, DecodeError, LimitError, Reason
from bridge.rpc.adapter import require_settings
from bridge.rpc.pki import make_pki
from bridge.rpc.settings import AdapterSettings, load_settings
from hk_adapter import main as hk_main
from hk_adapter.config import KIND as HK
from sh_adapter import main as sh_main
from sh_adapter.config import KIND as SH


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("settings")
    make_pki(folder, SystemClock(), validators=1)
    return folder / "hk"


def written(folder: Path, **changes) -> Path:
    values = yaml.safe_load((folder / "adapter.yaml").read_text()) | changes
    path = folder / "changed.yaml"
    path.write_text(
        yaml.safe_dump({name: value for name, value in values.items() if value is not ...}, sort_keys=False)
    )
    return path


def test_the_made_file_is_taken_whole(folder):
    settings = load_settings(folder / "adapter.yaml")
    assert settings.store_url == f"sqlite:///{folder.resolve()}/data/ledger.db"
    assert settings.genesis.nanos % NANOS_PER_SECOND == 0
    assert settings.policy.carries(1)
    config = require_settings(settings, HK)
    assert (config.ledger_id, config.suite_id, len(config.genesis_members)) == ("hk-trade-1", "sha256-ed25519", 5)


def test_toml_says_the_same(folder):
    values = yaml.safe_load((folder / "adapter.yaml").read_text())
    lines = [f"{name} = {toml(value)}" for name, value in values.items()]
    path = folder / "adapter.toml"
    path.write_text("\n".join(lines))
    assert load_settings(path) == load_settings(folder / "adapter.yaml")


def toml(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"ledger_id": ...}, ["changed.yaml:1: ledger_id: this field is required"]),
        ({"ledger_id": "no spaces"}, ["changed.yaml:1: ledger_id: 2 to 50 characters"]),
        ({"ledgerid": "x"}, ["ledgerid: there is no such field"]),
        ({"listen": 7}, ["listen: Input should be a valid string"]),
        ({"tls": {"certificate": "tls/adapter.pem"}}, ["tls.key: this field is required", "tls.ca: this field"]),
        ({"roles": "nowhere.yaml"}, ["roles: there is no file", "nowhere.yaml"]),
        ({"record_id_prefix": "hk"}, ["record_id_prefix: 2 to 8 characters"]),
        ({"corridor": "anything"}, ["corridor: must be one of gated, standard"]),
        ({"corridor": {"love-letter": ["/x"]}}, ["corridor", "no such record type"]),
        ({"corridor": {"booking": ["x"]}}, ["corridor", "a pattern is a JSON pointer"]),
        ({"validators": []}, ["validators"]),
        (
            {"genesis": {"time": "2026-01-01T00:00:00.5Z", "members": ["members/node.member"]}},
            ["genesis.time: must be"],
        ),
        (
            {"genesis": {"time": "2026-01-01T08:00:00+08:00", "members": ["members/node.member"]}},
            ["genesis.time: must"],
        ),
        ({"genesis": {"time": "2026-01-01T00:00:00Z", "members": []}}, ["genesis.members"]),
        ({"limits": {"message_bytes": 10**9}}, ["limits.message_bytes: Input should be less than or equal to 4194304"]),
        ({"limits": {"deadline_seconds": 0}}, ["limits.deadline_seconds"]),
        ({"log_format": "xml"}, ["log_format"]),
    ],
)
def test_a_wrong_field_is_named_with_its_place(folder, changes, parts):
    with pytest.raises(DecodeError) as caught:
        load_settings(written(folder, **changes))
    assert caught.value.reason == Reason.CONFIGURATION_INVALID
    for part in parts:
        assert part in caught.value.detail


def test_lines_are_those_of_the_file(folder):
    text = (folder / "adapter.yaml").read_text().replace("voting", "x").replace("member_id: node", "member_id: ''")
    path = folder / "lines.yaml"
    path.write_text(text)
    line = 1 + text.splitlines().index("  member_id: ''")
    with pytest.raises(DecodeError) as caught:
        load_settings(path)
    assert f"lines.yaml:{line}: node.member_id" in caught.value.detail


def test_two_validators_of_one_name_are_refused(folder):
    values = yaml.safe_load((folder / "adapter.yaml").read_text())["validators"]
    with pytest.raises(DecodeError) as caught:
        load_settings(written(folder, validators=[*values, *copy.deepcopy(values)]))
    assert "every node_id must be another" in caught.value.detail


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path):
    with pytest.raises(DecodeError) as caught:
        load_settings(tmp_path / "nothing.yaml")
    assert "cannot be read" in caught.value.detail
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * 1024 * 1024)
    with pytest.raises(LimitError):
        load_settings(large)


def test_settings_of_the_other_side_are_refused(folder):
    with pytest.raises(DecodeError) as caught:
        require_settings(load_settings(folder / "adapter.yaml"), SH)
    assert "sh-adapter serves ledgers of profile chainmaker" in caught.value.detail


def test_the_model_shows_no_secret_values_in_its_messages(folder):
    with pytest.raises(BridgeError) as caught:
        load_settings(written(folder, store=["postgresql://user:hunter2@host/db"]))
    assert "hunter2" not in str(caught.value)
    assert AdapterSettings.model_config["hide_input_in_errors"]


def test_check_config_says_ok_or_what_is_wrong(folder):
    runner = CliRunner()
    good = runner.invoke(hk_main.app, ["check-config", "--config", str(folder / "adapter.yaml")])
    assert (good.exit_code, "ok, ledger hk-trade-1" in good.output) == (0, True)
    twin = runner.invoke(sh_main.app, ["check-config", "--config", str(folder / "adapter.yaml")])
    assert twin.exit_code == 2
    remote = runner.invoke(hk_main.app, ["check-config", "--config", str(written(folder, listen="0.0.0.0:1"))])
    assert remote.exit_code == 2
    assert "allow_remote" in remote.output + (remote.stderr if remote.stderr_bytes else "")
    assert runner.invoke(hk_main.app, ["check-config"]).exit_code == 2


def test_init_makes_a_folder_that_checks(tmp_path):
    runner = CliRunner()
    made = runner.invoke(sh_main.app, ["init", "--dir", str(tmp_path / "dev")])
    assert made.exit_code == 0
    checked = runner.invoke(sh_main.app, ["check-config", "-c", str(tmp_path / "dev" / "sh" / "adapter.yaml")])
    assert checked.exit_code == 0
