"""Every published sample document is loaded, or refused with the place and the reason; nothing raises.

`dcsa_outcomes.txt` holds what is expected of each DCSA file: under the file's name one line per document with its type
and outcome, and under that its findings. Change it only when it is understood what changed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.cargo.detect import LoadedDocument, load_file
from bridge.cargo.facts import facts_of
from bridge.cargo.policies import STANDARD
from bridge.cargo.policy import record_type_name
from bridge.cargo.prepare import Issuer, check_document, prepare_record
from bridge.cargo.statement import decode_payload, decode_statement
from bridge.clock import Nanos
from bridge.crypto.keys import generate_signer
from bridge.crypto.suites import suite
from bridge.errors import Reason
from bridge.v1.cargo_pb2 import LegalBasis, LegalBasisKind
from tests.vectors import SHARED_DATA

TRADE = SHARED_DATA / "trade"
OUTCOMES = Path(__file__).with_name("dcsa_outcomes.txt")

DCSA_FILES = 83
OTHER_FILES = 54
LOADED_DOCUMENTS = 49
REFUSED_FILES = 49
"""Files with at least one refusal."""


def files(*folders: str) -> list[Path]:
    if not TRADE.exists():
        pytest.skip(f"public samples are not here: {TRADE}")
    return sorted(path for folder in folders for path in (TRADE / folder).rglob("*.json"))


def outcome(path: Path) -> list[str]:
    """What became of a file, as lines of the table."""
    lines = [str(path.relative_to(TRADE / "dcsa"))]
    for result in load_file(path.read_bytes()):
        kind = record_type_name(result.record_type) if result.record_type else "no record"
        word = "loaded" if isinstance(result, LoadedDocument) else "refused"
        lines.append(f"  {word} {kind} at {result.pointer or '(whole file)'}")
        lines += [f"    {f.severity} {f.pointer or '(whole file)'} {f.reason}" for f in result.findings]
    return lines


def test_every_dcsa_file_has_the_expected_outcome() -> None:
    paths = files("dcsa")
    assert len(paths) == DCSA_FILES
    lines = [line for path in paths for line in outcome(path)]
    assert lines == OUTCOMES.read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("  loaded ") for line in lines) == LOADED_DOCUMENTS


def test_every_loaded_document_becomes_a_record_that_checks() -> None:
    signer = generate_signer("sha256-ed25519")
    issuer = Issuer("hk-trade-1", suite("sha256-ed25519"), "carrier-1", "key-1", signer)
    basis = LegalBasis(kind=LegalBasisKind.LEGAL_BASIS_KIND_CONTRACT, citation="Rulebook 3")
    count = 0
    for path in files("dcsa"):
        for result in load_file(path.read_bytes()):
            if not isinstance(result, LoadedDocument):
                continue
            allowed = STANDARD.allowing(result.record_type)
            record = prepare_record(
                result.document.data,
                result.record_type,
                issuer=issuer,
                seed=b"\x05" * 32,
                allowed=allowed,
                issue_time=Nanos(1_777_700_000_000_000_000),
                legal_basis=basis,
            )
            payload = decode_payload(record.payload)
            statement = decode_statement(payload.statement)
            check_document(
                record.document, record.seed, statement, payload.disclosure, suite=issuer.suite, allowed=allowed
            )
            assert statement.facts == facts_of(result.document.value, result.record_type)
            count += 1
    assert count == LOADED_DOCUMENTS


def test_every_negative_file_is_refused() -> None:
    paths = files("dcsa/negative")
    assert len(paths) == 8
    reasons = {
        path.name: {f.reason for result in load_file(path.read_bytes()) for f in result.findings if f.refuses}
        for path in paths
    }
    assert all(reasons.values())
    assert reasons["tnt-220-wrong-date-times.json"] == {Reason.FIELD_REQUIRED, Reason.INVALID_FIELD}
    assert reasons["tnt-220-wrong-event-ids.json"] == {Reason.INVALID_FIELD, Reason.RECORD_AMBIGUOUS}
    assert reasons["tnt-220-wrong-attribute-values.json"] == {Reason.FIELD_REQUIRED, Reason.INVALID_IDENTIFIER}
    assert reasons["tnt-220-wrong-structure.json"] == {Reason.DOCUMENT_INVALID}


def test_documents_of_other_families_are_refused_and_nothing_raises() -> None:
    paths = files("tradetrust", "traceability")
    assert len(paths) == OTHER_FILES
    for path in paths:
        results = load_file(path.read_bytes())
        assert [result.findings[0].reason for result in results] == [Reason.DOCUMENT_INVALID], path.name


def test_refused_files_are_as_many_as_the_table_says() -> None:
    refused = [
        path
        for path in files("dcsa")
        if any(not isinstance(result, LoadedDocument) for result in load_file(path.read_bytes()))
    ]
    assert len(refused) == REFUSED_FILES
