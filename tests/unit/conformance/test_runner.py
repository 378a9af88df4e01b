"""Statuses, strict expected failures, what counts as success, what a claim needs, and the replay line."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import grpc
import pytest

from bridge.conformance.case import Level
from bridge.conformance.checks import Failed, NotRun, Unsupported
from bridge.conformance.connection import Exchange
from bridge.conformance.expected import ExpectedFailures
from bridge.conformance.results import Status
from bridge.conformance.runner import RunOptions, run_case, select
from bridge.errors import DecodeError
from tests.unit.conformance.bench import StillBench, made, report_of
from tests.unit.conformance.test_checks import Refusal


def fails(_kit: object) -> None:
    raise Failed("the quorum is counted", got="OK", expected="INSUFFICIENT_QUORUM")


def raises(error: Exception) -> Any:
    def run(_kit: object) -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("case", "status"),
    [
        (made(), Status.PASS),
        (made(run=fails), Status.FAIL),
        (made(run=fails, sentence="SHOULD do it"), Status.WARN),
        (made(run=raises(NotRun("nobody"))), Status.NOT_RUN),
        (made(run=raises(Unsupported("no"))), Status.UNSUPPORTED),
        (made(run=raises(Refusal(grpc.StatusCode.UNAVAILABLE))), Status.FAIL),
        (made(run=raises(KeyError("a bug"))), Status.FAIL),
        (made(run=fails, needs=("kill",)), Status.NOT_RUN),
        (made(run=fails, needs=("capability:x",)), Status.UNSUPPORTED),
    ],
)
def test_every_case_gets_its_status(case: Any, status: Status) -> None:
    assert run_case(case, StillBench(), RunOptions()).status is status


def test_expected_failures_are_strict() -> None:
    expected = ExpectedFailures(("HDR-0*",))
    assert run_case(made(run=fails), StillBench(), RunOptions(expected=expected)).status is Status.EXPECTED_FAIL
    passed = run_case(made(), StillBench(), RunOptions(expected=expected))
    assert passed.status is Status.UNEXPECTED_PASS
    assert "list" in passed.message
    assert run_case(made("MEM-001", fails), StillBench(), RunOptions(expected=expected)).status is Status.FAIL
    missing = made(run=fails, needs=("kill",))
    assert run_case(missing, StillBench(), RunOptions(expected=expected)).status is Status.NOT_RUN


def test_a_run_succeeds_when_something_ran_and_nothing_broke() -> None:
    assert report_of(made()).succeeded
    assert report_of(made(), made("HDR-002", needs=("kill",))).succeeded
    assert report_of(made("HDR-002", fails), expected=ExpectedFailures(("HDR-002",))).succeeded
    assert not report_of().succeeded
    assert not report_of(made(needs=("kill",))).succeeded
    assert not report_of(made(), made("HDR-002", fails)).succeeded
    assert not report_of(made(), expected=ExpectedFailures(("HDR-*",))).succeeded


def test_a_claim_needs_every_case_of_the_level() -> None:
    extended = made("EXT-001", fails, level=Level.EXTENDED)
    assert report_of(made(), extended).conformant(Level.CORE)
    assert not report_of(made(), extended).conformant(Level.EXTENDED)
    assert report_of(made(), made("HDR-002", needs=("capability:x",))).conformant(Level.CORE)
    assert not report_of(made(), made("HDR-002", needs=("kill",))).conformant(Level.CORE)
    assert not report_of(made(), pattern="HDR").conformant(Level.CORE)
    assert not report_of(made(run=fails), expected=ExpectedFailures(("HDR-001",))).conformant(Level.CORE)
    assert not report_of().conformant(Level.CORE)


def test_a_failure_says_how_to_repeat_it() -> None:
    result = report_of(made(run=fails), seed=7).results[0]
    assert (result.got, result.expected) == ("OK", "INSUFFICIENT_QUORUM")
    words = shlex.split(result.replay)
    assert words[:4] == ["cargobridge", "conformance", "--target", "a folder"]
    assert words[words.index("-k") + 1] == "HDR-001"
    assert words[words.index("--seed") + 1] == "7"
    assert "--dump" in words


def test_the_relayer_under_test_stays_last_in_the_replay() -> None:
    options = RunOptions(
        replay=("cargobridge", "conformance", "--mode", "relayer", "--", "mine", "--config", "{config}")
    )
    words = shlex.split(options.replay_command(made()))
    assert words[-4:] == ["--", "mine", "--config", "{config}"]
    assert words.index("-k") < words.index("--")


def test_patterns_choose_by_id_wildcard_and_word() -> None:
    cases = [
        made("HDR-001"),
        made("HDR-011"),
        made("MEM-001", sentence="MUST refuse a Leaf"),
        made("EXT-001", level=Level.EXTENDED),
    ]

    def ids(profile: str, pattern: str) -> list[str]:
        return [case.id for case in select(cases, profile, pattern)]

    assert ids("core", "") == ["HDR-001", "HDR-011", "MEM-001"]
    assert ids("extended", "") == ["EXT-001"]
    assert ids("all", "HDR-0?1") == ["HDR-001", "HDR-011"]
    assert ids("all", "MEM-001, EXT-*") == ["MEM-001", "EXT-001"]
    assert ids("all", "leaf") == ["MEM-001"]
    assert ids("all", "nothing") == []


def test_the_dump_holds_what_went_over_the_wire(tmp_path: Path) -> None:
    bench = StillBench()

    def run(kit: Any) -> None:
        kit.kept["forged header"] = b"\x02"
        bench.calls = [
            Exchange("bridge.v1.LedgerService/Deliver", "relayer", b"\x01", b"\x03"),
            Exchange("a/B", "x", b""),
        ]
        fails(kit)

    report_of(made(run=run), bench=bench, dump=tmp_path)
    folder = tmp_path / "HDR-001"
    assert (folder / "001-Deliver.request.bin").read_bytes() == b"\x01"
    assert (folder / "001-Deliver.response.bin").read_bytes() == b"\x03"
    assert (folder / "002-B.request.bin").read_bytes() == b""
    assert (folder / "forged_header.bin").read_bytes() == b"\x02"
    assert "expected: INSUFFICIENT_QUORUM" in (folder / "case.txt").read_text()


def test_a_list_of_expected_failures_has_comments_and_known_ids_only(tmp_path: Path) -> None:
    file = tmp_path / "expected"
    file.write_text("# known\n\nHDR-001  # tracked elsewhere\nMEM-*\n")
    expected = ExpectedFailures.load(file)
    assert expected.patterns == ("HDR-001", "MEM-*")
    expected.require_known([made(), made("MEM-001")])
    with pytest.raises(DecodeError, match="MEM"):
        expected.require_known([made()])
    with pytest.raises(DecodeError, match="cannot be read"):
        ExpectedFailures.load(tmp_path / "none")
