"""A ledger that the bridge knows nothing of joins by entry points alone and passes the conformance kit's core."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import PreconditionError
from bridge.light_client.profiles import profile
from tests.third_ledger.conftest import Installed

ROOT = Path(__file__).parents[2]
PACKAGES = ("bridge", "hk_adapter", "sh_adapter", "relayer")


@pytest.fixture(scope="module")
def ledger(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running test ledger, made by `target init` like any other."""
    folder = tmp_path_factory.mktemp("ledger") / "target"
    target = ("cargobridge", "conformance", "target")
    installed.done(*target, "init", folder, "--adapter", shlex.quote(installed.adapter))
    installed.done(*target, "start", folder)
    yield folder
    installed.done(*target, "stop", folder)


def test_no_file_of_ours_knows_it() -> None:
    texts = [path.read_text(encoding="utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(texts) > 200
    assert not [text for text in texts if "notary" in text.lower()]
    with pytest.raises(PreconditionError, match="PROFILE_UNKNOWN"):
        profile("notary")


def test_it_is_found_by_its_entry_points(installed: Installed) -> None:
    asked = (
        "from bridge.light_client.profiles import profile\n"
        "from bridge.conformance.deployment import installed_adapters\n"
        "found = profile('notary'), installed_adapters()['notary-adapter']\n"
        "print(found[0].suite_id, found[1].profile_id, type(found[0]).__module__)"
    )
    assert installed.done("python", "-c", asked).split() == ["sha256-p256", "notary", "notary_ledger.profile"]


@pytest.mark.e2e
@pytest.mark.slow
def test_it_passes_the_core_of_the_kit(installed: Installed, ledger: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    badge = tmp_path / "badge.svg"
    run = ("cargobridge", "conformance", "--target", ledger, "--profile", "core", "--json", report, "--badge", badge)
    printed = installed.done(*run)
    told = json.loads(report.read_text(encoding="utf-8"))
    statuses = Counter(result["status"] for result in told["cases"])
    assert set(statuses) == {"pass"}, statuses
    assert statuses["pass"] >= 180
    assert told["subject"]["profile"] == "notary"
    assert "core: conformant" in printed
    assert f"core {statuses['pass']}/{statuses['pass']}" in badge.read_text(encoding="utf-8")


@pytest.mark.e2e
@pytest.mark.slow
def test_another_ledger_believes_it_as_far_as_it_should(installed: Installed, tmp_path: Path) -> None:
    """The Hong Kong adapter, whose counterparties are all notary ledgers of the kit: real blocks, proofs and forks."""
    folder, report = tmp_path / "target", tmp_path / "report.json"
    target = ("cargobridge", "conformance", "target")
    installed.done(*target, "init", folder, "--adapter", "hk-adapter")
    file = folder / "target.toml"
    file.write_text('profiles = ["notary"]\n' + file.read_text(encoding="utf-8"), encoding="utf-8")
    installed.done(*target, "start", folder)
    try:
        installed.done("cargobridge", "conformance", "--target", folder, "-k", "MEM-*,MIS-*,PKT-0*", "--json", report)
    finally:
        installed.done(*target, "stop", folder)
    told = json.loads(report.read_text(encoding="utf-8"))
    counts = Counter(result["status"] for result in told["cases"])
    assert set(counts) <= {"pass", "unsupported", "not-run"}, counts
    assert counts["pass"] >= 80, counts
    assert {"PKT-004", "MEM-001"} <= {result["id"] for result in told["cases"] if result["status"] == "pass"}
