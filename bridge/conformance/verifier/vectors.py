"""Vectors: what a verifier is asked, and the verdict that is right; one maker a case, for every profile it is of.

A case registers its maker here and itself with the kit. The same seed makes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.conformance.case import Level, Mode, case
from bridge.conformance.counterparty.seeded import seeded
from bridge.conformance.verifier.subject import Subject
from bridge.errors import Reason

HEADER, MEMBERSHIP, BUNDLE = "header", "membership", "bundle"
"""The three verbs of a verifier's command line."""

VERBS = (HEADER, MEMBERSHIP, BUNDLE)

BOTH = ("cometbft", "chainmaker")
COMETBFT = ("cometbft",)
CHAINMAKER = ("chainmaker",)

TRUSTED, PROVEN, INVALID, MALFORMED = "trusted", "proven", "invalid", "malformed"
EXPIRED, NOT_ENOUGH_TRUST = "expired", "not_enough_trust"
ACCEPTED = frozenset({TRUSTED, PROVEN})
"""Verdicts that believe what they were asked about; a case with another one is negative."""

Line = Mapping[str, Any] | bytes
"""A case of the header or membership verb: a JSON object, or bytes that are none."""

Maker = Callable[[Subject], Any]


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """A bundle and the anchor file its reader pinned."""

    bundle: bytes
    anchor: bytes


@dataclass(frozen=True, slots=True)
class BundleVerdict:
    """What a bundle should be judged: part -> codes of which one is right; parts not named are accepted."""

    refused: Mapping[str, Sequence[str]]

    @property
    def accepted(self) -> bool:
        """True when every part is."""
        return not self.refused


@dataclass(frozen=True, slots=True)
class Question:
    """What one case asks: `verdict` is text for headers and memberships, a BundleVerdict for bundles."""

    case_id: str
    verb: str
    profiles: Sequence[str]
    verdict: str | BundleVerdict
    reasons: Sequence[Reason]
    make: Maker


@dataclass(frozen=True, slots=True)
class Vector:
    """One question about one profile, as bytes: a line of JSON, or a bundle with its anchor file."""

    question: Question
    profile: str
    data: bytes
    anchor: bytes = b""

    @property
    def name(self) -> str:
        """What it is called in reports and dumps."""
        return f"{self.question.case_id}-{self.profile}"


QUESTIONS: dict[str, Question] = {}
"""Every question by the id of its case."""


def header(
    id: str,  # noqa: A002 as `case` has it
    sentence: str,
    *,
    clauses: Sequence[str],
    verdict: str = INVALID,
    reasons: Sequence[Reason] = (),
    profiles: Sequence[str] = BOTH,
) -> Callable[[Maker], Maker]:
    """A case of the header verb; its maker returns a Line."""
    return _register(HEADER, id, sentence, clauses, verdict, reasons, profiles, negative=verdict not in ACCEPTED)


def membership(
    id: str,  # noqa: A002 as `case` has it
    sentence: str,
    *,
    clauses: Sequence[str],
    verdict: str = INVALID,
    reasons: Sequence[Reason] = (Reason.PROOF_INVALID,),
    profiles: Sequence[str] = BOTH,
) -> Callable[[Maker], Maker]:
    """A case of the membership verb; its maker returns a Line."""
    wanted = reasons if verdict == INVALID else ()
    return _register(MEMBERSHIP, id, sentence, clauses, verdict, wanted, profiles, negative=verdict not in ACCEPTED)


def bundle(
    id: str,  # noqa: A002 as `case` has it
    sentence: str,
    *,
    clauses: Sequence[str],
    refused: Mapping[str, Sequence[str]] | None = None,
    profiles: Sequence[str] = BOTH,
    level: Level = Level.CORE,
) -> Callable[[Maker], Maker]:
    """A case of the bundle verb; its maker returns BundleFiles."""
    verdict = BundleVerdict(refused or {})
    return _register(BUNDLE, id, sentence, clauses, verdict, (), profiles, negative=bool(refused), level=level)


def make_vectors(question: Question, seed: int, subjects: Callable[[str], Subject]) -> list[Vector]:
    """The vectors of a question, one a profile; `subjects` gives the ledger of a profile."""
    made = []
    for profile_id in question.profiles:
        subject = subjects(profile_id)
        with seeded(f"{seed}/{question.case_id}/{profile_id}"):
            content = question.make(subject)
        if isinstance(content, BundleFiles):
            made.append(Vector(question, profile_id, content.bundle, content.anchor))
        else:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            made.append(Vector(question, profile_id, data))
    return made


def _register(
    verb: str,
    case_id: str,
    sentence: str,
    clauses: Sequence[str],
    verdict: str | BundleVerdict,
    reasons: Sequence[Reason],
    profiles: Sequence[str],
    *,
    negative: bool,
    level: Level = Level.CORE,
) -> Callable[[Maker], Maker]:
    def register(make: Maker) -> Maker:
        QUESTIONS[case_id] = Question(case_id, verb, profiles, verdict, reasons, make)

        def judge(kit: Any) -> None:
            kit.judge()

        judge.__module__ = make.__module__
        case(case_id, sentence, clauses=clauses, negative=negative, level=level, mode=Mode.VERIFIER)(judge)
        return make

    return register
