"""Both adapters, as programs of their own, against the whole kit; and the kit's three doors on a live ledger."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WHOLE_SECONDS = 600
"""Longest a whole run may take here, in seconds; other tests share the machine. By itself it takes two minutes."""

SHORT_SECONDS = 120

ROOT = Path(__file__).parents[2]


def program(
    *words: object, seconds: int = SHORT_SECONDS, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """A program of the environment, run to its end."""
    name, *arguments = map(str, words)
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, cwd=folder, env=environment, check=False
    )


def cargobridge(*words: object, seconds: int = SHORT_SECONDS) -> str:
    done = program("cargobridge", "conformance", *words, seconds=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["hk-adapter", "sh-adapter"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running test ledger."""
    folder = tmp_path_factory.mktemp("ledger") / request.param
    cargobridge("target", "init", folder, "--adapter", request.param)
    try:
        cargobridge("target", "start", folder)
        yield folder
    finally:
        cargobridge("target", "stop", folder)


def test_an_adapter_passes_core_and_extended_without_an_excuse(ledger: Path, tmp_path: Path) -> None:
    reports = {form: tmp_path / form for form in ("junit", "json", "html", "badge")}
    options = [word for form, path in reports.items() for word in (f"--{form}", path)]
    out = cargobridge("--target", ledger, "--profile", "all", *options, seconds=WHOLE_SECONDS)
    report = json.loads(reports["json"].read_text())
    assert report["conformant"] == {"core": True, "extended": True}, out
    assert {name for name, number in report["counts"].items() if number} <= {"pass"}, out
    core = [case for case in report["cases"] if case["level"] == "core"]
    assert len(core) >= 180
    assert len(report["cases"]) - len(core) >= 20
    assert 2 * sum(case["negative"] for case in report["cases"]) > len(report["cases"])
    assert re.fullmatch(r"\d+ passed, 0 failed, 0 skipped", out.splitlines()[-1])
    assert ET.parse(reports["junit"]).getroot().get("failures") == "0"
    assert "Conformant: core and extended." in reports["html"].read_text()


def test_one_identity_and_an_address_are_enough_to_begin(ledger: Path) -> None:
    tls = ledger / "tls"
    endpoint = json.loads(cargobridge("target", "start", ledger, "--json"))["endpoint"]
    words = ("--tls", tls / "ca.pem", "--cert", tls / "relayer-1.pem", "--key", tls / "relayer-1.key")
    out = cargobridge("--target", endpoint, *words, "-k", "ID-001,ID-012,MEM-001")
    assert out.splitlines()[-1] == "2 passed, 0 failed, 1 skipped"


def test_a_failure_can_be_repeated_from_what_is_printed(ledger: Path, tmp_path: Path) -> None:
    listed = tmp_path / "expected"
    listed.write_text("ID-012\n")
    done = program("cargobridge", "conformance", "--target", ledger, "-k", "ID-012", "--expected-failures", listed)
    assert done.returncode == 1
    assert "UNEXPECTED-PASS" in done.stdout
    replay = next(line.split("replay")[1].split() for line in done.stdout.splitlines() if "replay" in line)
    again = program(*replay, folder=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (tmp_path / "out" / "ID-012" / "case.txt").read_text().splitlines()[1] == "status: pass"
    assert list((tmp_path / "out" / "ID-012").glob("*-GetHeaders.request.bin"))


def test_the_cases_run_under_pytest(ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "expected").write_text("ID-01[23]\n")
    words = ["-p", "bridge.conformance.plugin", "-p", "no:cacheprovider", "--rootdir", tmp_path, "-c", os.devnull]
    chosen = ["--pyargs", "bridge.conformance.pytest_cases", "--conformance-target", ledger, "-k", "ID-01"]
    done = program("pytest", "-q", *words, *chosen, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    excused = program("pytest", "-q", *words, *chosen, "--conformance-expected-failures", "expected", folder=tmp_path)
    assert excused.returncode == 1
    assert "2 failed" in excused.stdout
    nowhere = program(
        "pytest", "-q", *words, *chosen[:2], "--conformance-target", "none", "-k", "ID-01", folder=tmp_path
    )
    assert nowhere.returncode == 1
    assert "cannot be read" in nowhere.stdout
