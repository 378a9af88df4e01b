"""The register of cases: what may be registered, and that what is registered keeps what the kit promises."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from bridge.conformance.case import CATEGORIES, Case, Level, Mode, Strength, case, cases

ROOT = Path(__file__).parents[3]
CLAUSES = set(
    re.findall(r"^- \[([A-Z]+-\d+)\] ", (ROOT / "docs/protocol.md").read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.mark.parametrize(
    ("name", "sentence", "clauses"),
    [
        ("HDR-1", "MUST x", ("UPD-7",)),
        ("XXX-001", "MUST x", ("UPD-7",)),
        ("HDR-991", "must x", ("UPD-7",)),
        ("HDR-991", "MUST", ("UPD-7",)),
        ("HDR-991", "MUST x", ()),
        ("HDR-991", "MUST x", ("[UPD-7]",)),
    ],
)
def test_a_case_out_of_form_cannot_be_registered(name: str, sentence: str, clauses: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"HDR|XXX"):
        case(name, sentence, clauses=clauses)


def test_an_id_is_used_once() -> None:
    taken = cases()[0]

    def elsewhere(_kit: object) -> None: ...

    with pytest.raises(ValueError, match="registered twice"):
        case(taken.id, "MUST x", clauses=("UPD-7",))(elsewhere)


def test_every_clause_a_case_names_is_written() -> None:
    unknown = {each.id: set(each.clauses) - CLAUSES for each in cases() if set(each.clauses) - CLAUSES}
    assert unknown == {}


def test_the_numbers_the_kit_promises() -> None:
    ledger = cases(Mode.LEDGER)
    assert sum(each.level is Level.CORE for each in ledger) >= 180
    assert 2 * sum(each.negative for each in ledger) > len(ledger)
    counts = Counter(each.category for each in ledger)
    least = {"ID": 10, "TLS": 18, "LIM": 18, "HDR": 34, "MEM": 14, "PKT": 30, "ENC": 16, "MIS": 12, "OPS": 10}
    assert {name: number for name, number in least.items() if counts[name] < number} == {}


def test_cases_come_in_the_order_of_their_categories() -> None:
    order = [list(CATEGORIES).index(each.category) for each in cases()]
    assert order == sorted(order)


def test_ids_sentences_and_strengths_belong_together() -> None:
    for each in cases():
        assert isinstance(each, Case)
        assert each.strength in set(Strength)
        assert each.run.__doc__ or each.sentence
        assert not each.sentence.endswith(".")


def test_needs_are_ones_that_a_target_can_have() -> None:
    known = {"reset", "restart", "kill", "authority_key", "relayer_key", "second_relayer", "second_relayer_key", "seed"}
    known |= {"tls_ca_key", "trust_anchor", "second-relayer", "bank", "regulator"}
    known |= {"authority", "relayer", "platform", "reader", "auditor", "operator", "monitor"}
    strange = {
        each.id: [need for need in each.needs if ":" not in need and need not in known] for each in cases(Mode.LEDGER)
    }
    assert {name: needs for name, needs in strange.items() if needs} == {}
