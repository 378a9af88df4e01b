"""`cargobridge conformance`: wrong usage, the list of cases, and what it prints of a run."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.conformance_text import CaseLines, claim, print_summary
from bridge.cli.main import app
from bridge.conformance.case import Level, Mode, cases
from bridge.conformance.checks import Failed
from tests.unit.conformance.bench import made, report_of


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["conformance", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--target is missing"),
        (("--target", "/none/such"), "there is no such file"),
        (("--target", "127.0.0.1:1"), "needs --tls, --cert and --key"),
        (("--target", ".", "--tls", "ca.pem"), "belong to a target named by HOST:PORT"),
        (("--target", "127.0.0.1:1", "--profile", "most"), "must be one of core, extended, all"),
        (("--target", "127.0.0.1:1", "-k", "no-such-case-at-all"), "no case"),
        (("--mode", "relayer"), "needs the relayer's command"),
        (("--target", "127.0.0.1:1", "--", "a-relayer"), "needs --mode relayer"),
        (("--mode", "verifier"), "needs --entrypoint"),
        (("--entrypoint", "x"), "needs --mode verifier"),
        (("--mode", "nothing"), "--mode"),
        (("--target", "127.0.0.1:1", "--expected-failures", "none"), "cannot be read"),
        (("--target", "127.0.0.1:1", "--html", "/none/such/page.html"), "there is no such folder"),
        (("target",), "Commands:"),
        (("target", "start", "/none/such"), "cannot be read"),
        (("target", "init", "x", "--adapter", "no-such-adapter"), "--header-profile"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_missing(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (code, told in out + err) == (2, True), err


def test_the_list_names_every_case_and_needs_no_target() -> None:
    code, out, _ = run("--list")
    assert code == 0
    listed = [line.split()[0] for line in out.splitlines()[:-1]]
    assert listed == [case.id for case in cases(Mode.LEDGER)]
    assert out.splitlines()[-1].startswith(f"{len(listed)} cases: ")


def test_the_list_follows_mode_profile_and_pattern() -> None:
    assert [line.split()[0] for line in run("--list", "-k", "ID-00?")[1].splitlines()[:-1]] == [
        f"ID-00{number}" for number in range(1, 10)
    ]
    modes = {run("--list", "--mode", mode)[1].split("-")[0] for mode in ("relayer", "verifier")}
    assert modes == {"REL", "VER"}


def fails(_kit: object) -> None:
    raise Failed("the quorum is counted", got="OK", expected="INSUFFICIENT_QUORUM")


def test_a_failure_is_told_with_got_expected_clause_and_replay() -> None:
    out, progress = io.StringIO(), io.StringIO()
    lines = CaseLines(out, progress)
    report = report_of(
        made(), made("HDR-002", fails), made("MEM-001"), on_start=lines.started, on_result=lines.finished
    )
    lines.close()
    told = out.getvalue()
    assert told.startswith("HDR-002 MUST do it .... FAIL\n")
    for part in (
        "got       OK",
        "expected  INSUFFICIENT_QUORUM",
        "clauses   UPD-7",
        "-k HDR-002",
        "the quorum is counted",
    ):
        assert part in told
    assert progress.getvalue().splitlines() == ["[1/3] HDR", "[3/3] MEM"]
    assert not report.succeeded


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_progress_is_one_line_that_is_wiped() -> None:
    progress = Terminal()
    lines = CaseLines(io.StringIO(), progress)
    report_of(made(), made("HDR-002"), on_start=lines.started, on_result=lines.finished)
    lines.close()
    text = progress.getvalue()
    assert "\n" not in text
    assert "[2/2] HDR-002 MUST do it" in text
    assert text.endswith("\r\x1b[2K")


def test_the_last_line_is_what_ci_reads(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(report_of(made(), made("HDR-002", fails), made("HDR-003", needs=("kill",))))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 passed, 1 failed, 1 skipped"
    assert "  not-run: no hook kill (HDR-003)" in lines
    assert "core: not conformant" in lines


def test_a_claim_is_made_only_of_whole_runs() -> None:
    assert claim(report_of(made()), Level.CORE) == "conformant"
    assert claim(report_of(made(), pattern="x"), Level.CORE) == "no claim, cases were chosen by -k"
    assert (
        claim(report_of(made(), made("HDR-002", needs=("kill",))), Level.CORE) == "no claim, 1 cases could not be run"
    )
    assert claim(report_of(made(run=fails)), Level.CORE) == "not conformant"
