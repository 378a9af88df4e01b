"""`--mode verifier`: makes the vectors, asks the verifier under test, and judges its verdicts case by case."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from bridge.conformance.case import Case, Mode, cases
from bridge.conformance.checks import Unsupported, expect, expect_equal, fail
from bridge.conformance.connection import Exchange
from bridge.conformance.counterparty.seeded import seeded
from bridge.conformance.results import RunReport
from bridge.conformance.runner import RunOptions, run_cases, select
from bridge.conformance.verifier.entrypoint import Answer, Entrypoint
from bridge.conformance.verifier.subject import Subject
from bridge.conformance.verifier.vectors import (
    BUNDLE,
    QUESTIONS,
    BundleVerdict,
    Question,
    Vector,
    make_vectors,
)

PROCESSES = 2
"""Verifiers that run at a time: bundles are asked one a process, and most of a process is its start."""

PARTS = ("integrity", "status", "identity")
"""Parts of a verdict on a bundle."""


def run_verifier_mode(entrypoint: str, options: RunOptions) -> RunReport:
    """Every chosen verifier case against a command line.

    Raises DecodeError CONFIGURATION_INVALID for an entrypoint that is no command.
    """
    chosen = select(cases(Mode.VERIFIER), options.profile, options.pattern)
    with tempfile.TemporaryDirectory(prefix="conformance-verifier-") as folder:
        verifier = Entrypoint(entrypoint, Path(folder))
        with VerifierBench(entrypoint, verifier, chosen, options.seed) as bench:
            return run_cases(chosen, bench, options, Mode.VERIFIER.value)


class VerifierBench:
    """What verifier cases share: all vectors of the run, and the answers to them as they come in."""

    def __init__(self, command: str, verifier: Entrypoint, chosen: Sequence[Case], seed: int) -> None:
        self._command = command
        self._verifier = verifier
        self._chosen = chosen
        self._seed = seed
        self._subjects: dict[str, Subject] = {}
        self._vectors: dict[str, list[Vector]] = {}
        self._unmade: dict[str, Exception] = {}
        self._begun = False
        self._answers: dict[str, Future[Answer]] = {}
        self._pool = ThreadPoolExecutor(PROCESSES, thread_name_prefix="verifier")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def undeclared(self, case: Case) -> str:  # noqa: ARG002 a verifier declares what it lacks by its answers
        """Nothing: a verifier says by its answers what it does not do."""
        return ""

    def missing(self, case: Case) -> str:  # noqa: ARG002 as above
        """Nothing: vectors need no hooks."""
        return ""

    def kit(self, case: Case) -> VerifierKit:
        """The kit of a case; the first one makes every vector and begins to ask."""
        if not self._begun:
            self._begin()
        if case.id in self._unmade:
            raise self._unmade[case.id]
        found = self._vectors[case.id]
        return VerifierKit(QUESTIONS[case.id], [(each, self._answers[each.name]) for each in found])

    def exchanges(self) -> Sequence[Exchange]:
        """Nothing is called; what went in and out is evidence."""
        return ()

    def subject(self) -> Mapping[str, str]:
        """What is under test."""
        return {"entrypoint": self._command}

    def _begin(self) -> None:
        """Make all vectors, then ask: one file a verb and profile, one process a bundle."""
        self._begun = True
        for case in self._chosen:
            try:
                self._vectors[case.id] = make_vectors(QUESTIONS[case.id], self._seed, self._subject)
            except Exception as error:  # noqa: BLE001 a vector that cannot be made here costs no other its verdict
                self._unmade[case.id] = error
        batches: dict[tuple[str, str], list[Vector]] = {}
        vectors = [each for found in self._vectors.values() for each in found]
        for vector in vectors:
            if vector.question.verb != BUNDLE:
                batches.setdefault((vector.question.verb, vector.profile), []).append(vector)
        for (verb, profile_id), asked in batches.items():
            answered = self._pool.submit(self._verifier.ask_file, verb, profile_id, asked)
            for index, vector in enumerate(asked):
                self._answers[vector.name] = _Part(answered, index)
        for vector in vectors:
            if vector.question.verb == BUNDLE:
                self._answers[vector.name] = self._pool.submit(self._verifier.ask_bundle, vector)

    def _subject(self, profile_id: str) -> Subject:
        if profile_id not in self._subjects:
            seed = f"{self._seed}/{profile_id}"
            with seeded(seed):
                self._subjects[profile_id] = Subject(profile_id, seed)
        return self._subjects[profile_id]


class _Part(Future[Answer]):
    """One answer of a file's."""

    def __init__(self, whole: Future[list[Answer]], index: int) -> None:
        super().__init__()
        self._whole = whole
        self._index = index

    def result(self, timeout: float | None = None) -> Answer:
        """That answer, once the file is judged."""
        return self._whole.result(timeout)[self._index]


class VerifierKit:
    """One case: its vectors and the answers to them."""

    def __init__(self, question: Question, asked: Sequence[tuple[Vector, Future[Answer]]]) -> None:
        self._question = question
        self._asked = asked
        self._kept: dict[str, bytes] = {}

    def shown(self) -> Mapping[str, bytes]:
        """The vectors and what was said about them."""
        return self._kept

    def judge(self) -> None:
        """Failed unless every verdict is right; Unsupported when the verifier does none of these."""
        done = 0
        for vector, future in self._asked:
            suffix = "bundle" if vector.question.verb == BUNDLE else "json"
            self._kept[f"{vector.profile}.{suffix}"] = vector.data
            if vector.anchor:
                self._kept[f"{vector.profile}.anchor.json"] = vector.anchor
            answer = future.result()
            self._kept[f"{vector.profile}.answer"] = (answer.problem or str(answer.said)).encode()
            if answer.unsupported:
                continue
            done += 1
            self._judge(vector, answer)
        if not done:
            raise Unsupported("the verifier does not do this")

    def _judge(self, vector: Vector, answer: Answer) -> None:
        expect(not answer.problem, f"{vector.profile}: a verdict", got=answer.problem, expected="one JSON object")
        wanted = self._question.verdict
        if isinstance(wanted, BundleVerdict):
            _judge_bundle(vector.profile, answer.said, wanted)
            return
        got = f"{answer.said.get('verdict')} {answer.said.get('reason', '')}".rstrip()
        reasons = self._question.reasons
        right = answer.said.get("verdict") == wanted and (not reasons or answer.said.get("reason") in reasons)
        expect(right, f"{vector.profile}: verdict", got=got, expected=f"{wanted} {' or '.join(reasons)}".rstrip())


def _judge_bundle(profile_id: str, said: Mapping[str, Any], wanted: BundleVerdict) -> None:
    """Failed unless the bundle as a whole and each part that could be judged is accepted or refused as it should be."""
    expect_equal(said.get("accepted"), wanted.accepted, f"{profile_id}: accepted")
    for name in PARTS:
        part = said.get(name)
        if not isinstance(part, dict):
            fail(f"{profile_id}: {name}", got=part, expected="an object with accepted and code")
        codes = wanted.refused.get(name)
        if name != PARTS[0] and PARTS[0] in wanted.refused:
            codes = ("NOT_JUDGED",)
        if codes is None:
            expect_equal(part.get("accepted"), True, f"{profile_id}: {name} ({part.get('code')})")
            continue
        got = f"{part.get('accepted')} {part.get('code')}"
        right = part.get("accepted") is False and part.get("code") in codes
        expect(right, f"{profile_id}: {name}", got=got, expected=f"False {' or '.join(codes)}")
