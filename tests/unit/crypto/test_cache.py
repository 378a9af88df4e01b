"""The memory of verdicts changes when a signature is checked, never whether."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from bridge.crypto import cache, keys
from bridge.crypto.cache import VerifiedSignatures
from bridge.errors import DecodeError, PreconditionError, Reason, VerificationError

SIGNER = keys.generate_signer("sha256-ed25519")


def tasks(count: int, first: int = 0):
    messages = [index.to_bytes(4, "big") for index in range(first, first + count)]
    return [(SIGNER.suite_id, SIGNER.public_key, message, SIGNER.sign(message)) for message in messages]


def spoiled(task):
    suite_id, key, message, signature = task
    return suite_id, key, message + b"!", signature


def refused(memory: VerifiedSignatures, task) -> None:
    with pytest.raises(VerificationError) as caught:
        memory(*task)
    assert caught.value.reason is Reason.SIGNATURE_INVALID


@pytest.fixture
def asked(monkeypatch):
    """The tasks that really reached a suite."""
    seen = []
    check = cache.check_signature
    monkeypatch.setattr(cache, "check_signature", lambda *task: (seen.append(task), check(*task))[1])
    return seen


def test_good_and_bad_verdicts_are_remembered(asked):
    memory = VerifiedSignatures()
    good = tasks(1)[0]
    for _ in range(3):
        memory(*good)
        refused(memory, spoiled(good))
    assert asked == [good, spoiled(good)]


def test_a_batch_ahead_is_verified_once_and_refuses_nothing_itself(asked):
    memory = VerifiedSignatures()
    good = tasks(20)
    bad = [spoiled(task) for task in good[:5]]
    memory.check_ahead([*good, *bad, *good])
    assert len(asked) == 25
    memory.check_ahead(good)
    for task in good:
        memory(*task)
    for task in bad:
        refused(memory, task)
    assert len(asked) == 25


def test_any_changed_part_is_another_question(asked):
    memory = VerifiedSignatures()
    suite_id, key, message, signature = tasks(1)[0]
    memory(suite_id, key, message, signature)
    refused(memory, ("sha256-p256", key, message, signature))
    refused(memory, (suite_id, keys.generate_signer(suite_id).public_key, message, signature))
    refused(memory, (suite_id, key, message[:-1], signature))
    refused(memory, (suite_id, key, message, signature[:-1]))
    # Moving a byte from one part to the next must not give the same question.
    refused(memory, (suite_id, key, signature[-1:] + message, signature[:-1]))
    refused(memory, (suite_id, key + signature[:1], message, signature[1:]))
    assert len(asked) == 7


def test_the_memory_is_bounded_and_forgets_the_oldest(asked):
    memory = VerifiedSignatures(limit=8)
    many = tasks(30)
    memory.check_ahead(many)
    assert len(memory._young) + len(memory._old) <= 8
    memory(*many[-1])
    assert len(asked) == 30
    memory(*many[0])
    assert len(asked) == 31


def test_an_unknown_suite_has_no_verdict_and_is_refused_when_it_is_asked_for():
    memory = VerifiedSignatures()
    task = ("sha256-none", b"", b"", b"")
    memory.check_ahead([task])
    for _ in range(2):
        with pytest.raises(DecodeError) as caught:
            memory(*task)
        assert caught.value.reason is Reason.INVALID_FIELD


def test_an_engine_that_comes_later_is_asked_again(monkeypatch):
    memory, task = VerifiedSignatures(), tasks(1)[0]

    def unavailable(*_: object) -> None:
        raise PreconditionError(Reason.SUITE_UNAVAILABLE, "not yet")

    with monkeypatch.context() as without:
        without.setattr(cache, "check_signature", unavailable)
        memory.check_ahead([task])
        with pytest.raises(PreconditionError):
            memory(*task)
    memory(*task)


def test_threads_share_a_batch(asked):
    memory = VerifiedSignatures(chunks=4)
    good, bad = tasks(100), [spoiled(task) for task in tasks(30, first=1000)]
    with ThreadPoolExecutor(3) as executor:
        memory.check_ahead([*good, *bad], executor)
    assert len(asked) == 130
    for task in good:
        memory(*task)
    for task in bad:
        refused(memory, task)
    assert len(asked) == 130


def test_processes_share_a_batch():
    memory = VerifiedSignatures(chunks=2)
    good, bad = tasks(40), [spoiled(task) for task in tasks(3, first=1000)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        memory.check_ahead([*good, *bad], executor)
    for task in good:
        memory(*task)
    for task in bad:
        refused(memory, task)


class StuckExecutor(Executor):
    """Takes work and never begins it."""

    def __init__(self) -> None:
        self.given = 0

    def submit(self, fn, /, *args, **kwargs):
        self.given += len(args[0])
        return Future()


def test_an_executor_that_never_begins_does_not_hold_the_batch_up(asked):
    memory, executor = VerifiedSignatures(chunks=3), StuckExecutor()
    memory.check_ahead(tasks(90), executor)
    assert executor.given == 60
    assert len(asked) == 90


def test_a_full_executor_whose_threads_all_wait_for_it_does_not_stand_still():
    memory = VerifiedSignatures(chunks=4)
    with ThreadPoolExecutor(2) as executor:
        futures = [executor.submit(memory.check_ahead, tasks(80, first=100 * n), executor) for n in range(4)]
        for future in futures:
            future.result(timeout=20)
    assert len(memory._young) == 320


def test_small_batches_are_not_cut_up():
    memory, executor = VerifiedSignatures(chunks=8), StuckExecutor()
    memory.check_ahead(tasks(cache.LEAST_CHUNK), executor)
    memory.check_ahead([], executor)
    assert executor.given == 0
