"""Verifier mode: vectors are what they say, our own rules answer them, whatever a verifier does is a verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.plumbing import verify_bundle_case, verify_header_cases, verify_membership_cases
from bridge.clock import SystemClock
from bridge.conformance.case import Mode, cases
from bridge.conformance.results import RunReport, Status
from bridge.conformance.runner import RunOptions, run_cases
from bridge.conformance.verifier import entrypoint as entrypoints
from bridge.conformance.verifier import mode
from bridge.conformance.verifier.entrypoint import Answer, Entrypoint
from bridge.conformance.verifier.mode import VerifierBench, run_verifier_mode
from bridge.conformance.verifier.subject import Subject
from bridge.conformance.verifier.vectors import BUNDLE, HEADER, QUESTIONS, Question, Vector, make_vectors
from bridge.errors import DecodeError, Reason

CASES = cases(Mode.VERIFIER)
SEED = 11


class InProcess(Entrypoint):
    """Our own answers without a process each; `change` makes them another verifier's."""

    def __init__(self, change: Callable[[Vector, dict[str, Any]], dict[str, Any]] = lambda _vector, said: said) -> None:
        self._change = change

    def ask_file(self, verb: str, profile_id: str, vectors: Any) -> list[Answer]:
        lines = [vector.data for vector in vectors]
        said = verify_header_cases(profile_id, lines) if verb == HEADER else verify_membership_cases(lines)
        return [Answer(self._change(v, json.loads(line))) for v, line in zip(vectors, said, strict=True)]

    def ask_bundle(self, vector: Vector) -> Answer:
        _, line = verify_bundle_case(vector.data, vector.anchor, SystemClock().now())
        return Answer(self._change(vector, json.loads(line)))


MADE: dict[tuple[str, int], list[Vector]] = {}


def remembered(question: Question, seed: int, subjects: Callable[[str], Subject]) -> list[Vector]:
    """Vectors are the same each time, so one making does for all tests but that of making them."""
    key = question.case_id, seed
    if key not in MADE:
        MADE[key] = make_vectors(question, seed, subjects)
    return MADE[key]


def run(verifier: Entrypoint) -> RunReport:
    with pytest.MonkeyPatch.context() as patch, VerifierBench("here", verifier, CASES, SEED) as bench:
        patch.setattr(mode, "make_vectors", remembered)
        return run_cases(CASES, bench, RunOptions(profile="all", seed=SEED), "verifier")


def failed(report: RunReport) -> set[str]:
    return {result.case.id for result in report.results if result.status is Status.FAIL}


def digest(seed: int) -> tuple[str, int]:
    """Of every third case: what several share is among them."""
    with VerifierBench("none", InProcess(), CASES[::3], seed) as bench:
        bench.kit(CASES[0])
        vectors = [vector for found in bench._vectors.values() for vector in found]
    return sha256(b"".join(vector.data + vector.anchor for vector in vectors)).hexdigest(), len(vectors)


def test_there_are_enough_cases_and_most_are_negative() -> None:
    assert len(CASES) == len(QUESTIONS) >= 100
    assert sum(case.negative for case in CASES) > len(CASES) / 2
    assert {question.verb for question in QUESTIONS.values()} == {"header", "membership", "bundle"}


def test_the_same_seed_makes_the_same_bytes() -> None:
    first, count = digest(SEED)
    assert count >= 60
    assert digest(SEED) == (first, count)
    other, same = digest(SEED + 1)
    assert (other != first, same) == (True, count)


def test_our_own_rules_answer_every_question() -> None:
    report = run(InProcess())
    assert failed(report) == set()
    assert report.counts["pass"] == len(CASES)


def test_one_who_believes_everything_fails_every_negative_case() -> None:
    def believe(vector: Vector, said: dict[str, Any]) -> dict[str, Any]:
        if vector.question.verb == BUNDLE:
            part = {"accepted": True, "code": "VERIFIED"}
            return {"accepted": True, "integrity": part, "status": part, "identity": part}
        return {**said, "verdict": "trusted" if vector.question.verb == HEADER else "proven", "reason": ""}

    assert failed(run(InProcess(believe))) == {case.id for case in CASES if case.negative}


def test_one_who_refuses_everything_fails_every_positive_case() -> None:
    def refuse(vector: Vector, said: dict[str, Any]) -> dict[str, Any]:
        if vector.question.verb == BUNDLE:
            return {**said, "accepted": False}
        return {**said, "verdict": "invalid"}

    assert failed(run(InProcess(refuse))) >= {case.id for case in CASES if not case.negative}


def test_a_right_verdict_for_a_wrong_reason_is_none() -> None:
    def vague(vector: Vector, said: dict[str, Any]) -> dict[str, Any]:
        return {**said, "reason": "INTERNAL"} if vector.question.case_id == "VER-004" else said

    assert failed(run(InProcess(vague))) == {"VER-004"}


def test_one_who_does_one_profile_is_asked_no_more_of_it() -> None:
    def half(vector: Vector, said: dict[str, Any]) -> dict[str, Any]:
        return {"verdict": "unsupported"} if vector.profile == "chainmaker" else said

    report = run(InProcess(half))
    assert failed(report) == set()
    lacking = {result.case.id for result in report.results if result.status is Status.UNSUPPORTED}
    assert lacking == {question.case_id for question in QUESTIONS.values() if "cometbft" not in question.profiles}


def program(folder: Path, text: str) -> str:
    path = folder / "verifier.py"
    path.write_text(f"import json, sys\nverb = sys.argv[1]\n{text}")
    return f"{sys.executable} {path}"


def ask(folder: Path, text: str, count: int = 4) -> list[Answer]:
    vectors = [Vector(QUESTIONS["VER-001"], "cometbft", b'{"n": %d}' % number) for number in range(count)]
    return Entrypoint(program(folder, text), folder).ask_file("header", "cometbft", vectors)


ANSWER = "lines = open(sys.argv[-1]).read().splitlines()\n"


def test_a_verifier_that_dies_over_a_case_is_asked_about_the_others(tmp_path: Path) -> None:
    text = f"""{ANSWER}for line in lines:
    if json.loads(line)["n"] == 1: sys.exit("no idea")
    print(json.dumps({{"verdict": "trusted", "argv": sys.argv[2:4]}}), flush=True)
"""
    answers = ask(tmp_path, text)
    assert [answer.problem == "" for answer in answers] == [True, False, True, True]
    assert "no idea" in answers[1].problem
    assert answers[0].said["argv"] == ["--profile", "cometbft"]


def test_a_verifier_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrypoints, "RUN_SECONDS", 1)
    text = f"""{ANSWER}import time
for line in lines:
    if json.loads(line)["n"] == 0: time.sleep(60)
    print(json.dumps({{"verdict": "trusted"}}), flush=True)
"""
    answers = ask(tmp_path, text, 2)
    assert [answer.problem == "" for answer in answers] == [False, True]
    assert "killed" in answers[0].problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("print('yes')\nprint('no')", "not JSON"),
        ("print('[]')\nprint('[]')", "not a JSON object"),
        ("print('{}')\n" * 3, "3 verdicts on 2 cases"),
        ("print('{}')\nprint('{}')\nsys.exit(3)", "exit code 3"),
        ("sys.exit(1)", "no verdict"),
    ],
)
def test_nonsense_is_no_verdict(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in ask(tmp_path, text, 2)[-1].problem


def test_exit_code_four_says_that_it_is_not_done(tmp_path: Path) -> None:
    assert [answer.unsupported for answer in ask(tmp_path, "sys.exit(4)", 2)] == [True, True]
    vector = Vector(QUESTIONS["VER-101"], "cometbft", b"", b"{}")
    assert Entrypoint(program(tmp_path, "sys.exit(4)"), tmp_path).ask_bundle(vector).unsupported


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("print(json.dumps({'accepted': False}))", "exit code 0"),
        ("print(json.dumps({'accepted': True}))\nsys.exit(1)", "exit code 1"),
        ("sys.exit(1)", "0 lines"),
        ("print(json.dumps({'accepted': True, 'argv': sys.argv}))", ""),
    ],
)
def test_verdict_and_exit_code_on_a_bundle_agree(tmp_path: Path, text: str, problem: str) -> None:
    vector = Vector(QUESTIONS["VER-101"], "cometbft", b"bundle", b"{}")
    answer = Entrypoint(program(tmp_path, text), tmp_path).ask_bundle(vector)
    assert problem in answer.problem
    if not problem:
        verb, bundle, option, anchor = answer.said["argv"][1:]
        assert (verb, option) == ("bundle", "--anchor")
        assert (Path(bundle).read_bytes(), Path(anchor).read_bytes()) == (b"bundle", b"{}")


def test_the_verb_stands_where_the_command_wants_it(tmp_path: Path) -> None:
    made = Entrypoint(f"{sys.executable} verify-{{verb}} now", tmp_path)
    assert made._command("header")[1:] == ["verify-header", "now"]
    assert Entrypoint(f"{sys.executable} plumbing", tmp_path)._command("bundle")[1:] == ["plumbing", "verify-bundle"]
    assert Entrypoint(sys.executable, tmp_path)._command("bundle")[1:] == ["bundle"]


@pytest.mark.parametrize("command", ["", "no-such-program-here", "'"])
def test_an_entrypoint_that_is_none_is_wrong_usage(command: str) -> None:
    with pytest.raises(DecodeError) as caught:
        run_verifier_mode(command, RunOptions())
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.e2e
def test_our_own_program_passes_as_anybody_else_would() -> None:
    command = f"{sys.executable} -m bridge.cli plumbing verify-{{verb}}"
    report = run_verifier_mode(command, RunOptions(profile="all", pattern="VER-00?,VER-06?,VER-101,VER-104", seed=SEED))
    assert failed(report) == set()
    assert report.counts["pass"] == report.ran == 20
