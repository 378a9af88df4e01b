"""Documents are judged alike wherever it happens: in this process, in a worker, or here after a worker was lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from bridge.cargo.policies import STANDARD
from bridge.errors import Reason
from bridge.rpc.checking import DocumentTask, check_task
from bridge.rpc.issuing import RECORDS_PER_BATCH, DocumentChecker
from bridge.rpc.workers import Workers
from tests.unit.cargo.documents import DOCUMENTS, to_bytes
from tests.unit.cargo.test_prepare import BOL, ISSUER, prepare

RECORD = prepare(to_bytes(DOCUMENTS[BOL]))
GOOD = DocumentTask(ISSUER.suite.suite_id, RECORD.payload, RECORD.document, RECORD.seed)
OTHER_SEED = GOOD._replace(seed=b"\1" * 32)
SHORT_SEED = GOOD._replace(seed=b"\1" * 31)
NO_DOCUMENT = GOOD._replace(document=b"")
NO_RECORD = GOOD._replace(payload=b"\xff")
TASKS = [GOOD, OTHER_SEED, SHORT_SEED, NO_DOCUMENT, NO_RECORD, GOOD]
REASONS = ["", "DOCUMENT_ROOT_MISMATCH", "INVALID_FIELD", "FIELD_REQUIRED", "MALFORMED_MESSAGE", ""]


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers(1, STANDARD.rules)
    yield made
    made.close()


def test_a_good_record_brings_what_is_kept_beside_it() -> None:
    verdict = check_task(GOOD, STANDARD)
    assert verdict.reason == ""
    assert (verdict.digest, verdict.version, verdict.record_type) == (RECORD.digest, 1, BOL)
    assert verdict.pointers
    assert verdict.identifiers


def test_bad_records_are_told_why() -> None:
    assert [check_task(task, STANDARD).reason for task in TASKS] == REASONS


def test_a_worker_judges_as_this_process_does(workers: Workers) -> None:
    assert list(workers.check(TASKS)) == [check_task(task, STANDARD) for task in TASKS]


def test_a_worker_holds_to_the_policy_it_was_given() -> None:
    strict = Workers(1, {BOL: ()})
    try:
        found = strict.check([GOOD])
    finally:
        strict.close()
    assert [verdict.reason for verdict in found if verdict] == [Reason.DISCLOSURE_NOT_ALLOWED]


@pytest.mark.parametrize("count", [0, 1])
async def test_batches_are_answered_in_order(count: int) -> None:
    workers = Workers(count, STANDARD.rules)
    checker = DocumentChecker(STANDARD, workers)
    tasks = (TASKS * RECORDS_PER_BATCH)[: 2 * RECORDS_PER_BATCH + 5]
    try:
        found, alone = await asyncio.gather(checker.check(tasks), checker.check([OTHER_SEED]))
    finally:
        checker.close()
        workers.close()
    assert [verdict.reason for verdict in found] == (REASONS * RECORDS_PER_BATCH)[: len(tasks)]
    assert [verdict.reason for verdict in alone] == ["DOCUMENT_ROOT_MISMATCH"]


async def test_a_lost_worker_costs_no_verdict(workers: Workers) -> None:
    checker = DocumentChecker(STANDARD, workers)
    try:
        assert len(await checker.check([GOOD])) == 1
        (pid,) = workers.pids()
        os.kill(pid, signal.SIGKILL)
        assert [verdict.reason for verdict in await checker.check(TASKS)] == REASONS
    finally:
        checker.close()
