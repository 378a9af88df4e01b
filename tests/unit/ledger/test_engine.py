"""The embedded engine over both real formats: blocks follow each other, rotations go alone, errors leave no block."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge.clock import Nanos
from bridge.crypto.cache import VerifiedSignatures
from bridge.crypto.keys import generate_signer
from bridge.crypto.ports import SignatureCheck, SignatureTask, Signer
from bridge.crypto.suites import suite
from bridge.errors import BridgeError, LedgerUnavailableError, LimitError, Reason, VerificationError
from bridge.ledger.engine import MAX_BLOCK_BYTES, MAX_BLOCK_ITEMS, Engine, Submission
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.ledger.prepared import Prepared, PreparedTransaction, prepare
from bridge.ledger.state import Overlay, State
from bridge.ledger.storage import MemoryStore
from bridge.ledger.types import BlockFormat, BlockResult
from bridge.light_client.profiles import profile
from bridge.light_client.types import TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.v1.transaction_pb2 import Operation, RotateValidatorsAct, ValidatorInfo
from hk_adapter.block_format import CometbftFormat
from sh_adapter.block_format import ChainmakerFormat
from tests.unit.store.kit import GENESIS_TIME, LEDGER_ID, SUITES, ToyApplication, now, signed, transaction


class Chain:
    """A format with its keys, an application and an engine in memory."""

    def __init__(self, kind: str, count: int = 4, spare: int = 0) -> None:
        self.kind = kind
        self.signers: list[Signer] = [generate_signer(SUITES[kind]) for _ in range(count + spare)]
        self.infos = [
            ValidatorInfo(node_id=f"node-{i}", public_key=signer.public_key, voting_power=1)
            for i, signer in enumerate(self.signers)
        ]
        self.count = count
        self.mark = MemoryHighWaterMark()
        self.store = MemoryStore()
        self.application = ToyApplication(suite(SUITES[kind]).hash)

    def format(self) -> BlockFormat:
        made = CometbftFormat if self.kind == "cometbft" else ChainmakerFormat
        return made(LEDGER_ID, self.infos[: self.count], self.signers, self.mark, GENESIS_TIME)

    def engine(self) -> Engine:
        engine = Engine(self.format(), self.application, self.store, self.mark)
        engine.start(now())
        return engine


@pytest.fixture(params=["cometbft", "chainmaker"])
def chain(request: pytest.FixtureRequest) -> Chain:
    return Chain(request.param)


def submission(*references: str) -> Submission:
    return Submission(prepare([transaction(*references)])[0])


def test_a_new_ledger_begins_with_one_empty_block(chain: Chain) -> None:
    engine = chain.engine()
    assert (engine.tip.height, engine.tip.entry_count) == (1, 0)
    assert chain.store.transaction_forms(1) in ((), [])
    assert chain.engine().tip == engine.tip


def test_a_light_client_follows_from_genesis_and_believes_the_entries(chain: Chain) -> None:
    engine = chain.engine()
    for number in range(3):
        engine.commit_block([submission(f"a{number}"), submission(f"b{number}")], now(20 + number))
    if engine.needs_proof_block():
        engine.commit_block([], now(30))
    rules = profile(chain.kind)
    trusted = engine.genesis()
    states = {}
    for height in range(1, engine.tip.height + 1):
        untrusted = rules.decode_update(engine.update(height, trusted.height))
        trusted = verify_update(rules, trusted, untrusted, TrustOptions(10**18), now(60))
        states[height] = trusted
    runs = engine.prove(0, engine.tip.entry_count)
    for run in runs:
        rules.verify_membership(states[run.proof_height], run.proof, [e.written.entry for e in run.entries])
    assert sum(len(run.entries) for run in runs) == engine.tip.entry_count == 6


def test_block_times_never_fall_when_the_clock_does(chain: Chain) -> None:
    engine = chain.engine()
    engine.commit_block([submission("a")], now(20))
    high = engine.tip.time
    engine.commit_block([submission("b")], now(5))
    assert engine.tip.time >= high


def test_only_cometbft_needs_a_proof_block_and_one_is_enough() -> None:
    for kind, needed in (("cometbft", True), ("chainmaker", False)):
        engine = Chain(kind).engine()
        assert not engine.needs_proof_block()
        engine.commit_block([submission("a")], now(20))
        assert engine.needs_proof_block() is needed
        engine.commit_block([], now(20))
        assert not engine.needs_proof_block()
        assert engine.tip.provable_count == 1
        assert engine.provable_height(0) == (3 if needed else 2)


def test_what_fits_a_block() -> None:
    engine = Chain("cometbft").engine()
    rotation = Submission(prepare([rotate_transaction()])[0])
    plain = submission("a")
    assert engine.fits([]) == 0
    assert engine.fits([plain, plain, plain]) == 3
    assert engine.fits([plain, rotation, plain]) == 1
    assert engine.fits([rotation, plain]) == 1
    assert engine.fits([plain] * (MAX_BLOCK_ITEMS + 5)) == MAX_BLOCK_ITEMS
    large = submission("x" * (MAX_BLOCK_BYTES // 2))
    assert engine.fits([large, large, large]) == 1
    assert engine.fits([submission("x" * (MAX_BLOCK_BYTES + 1)), plain]) == 1


class Rotating(ToyApplication):
    """Takes every rotation it is handed."""

    def execute(
        self, state: State, height: int, time: Nanos, prepared: Prepared, check: SignatureCheck
    ) -> tuple[BlockResult, Overlay]:
        result, overlay = super().execute(state, height, time, prepared, check)
        acts = [act_of(transaction) for transaction in prepared if transaction.is_rotation]
        return BlockResult(result.results, acts[0] if acts else None), overlay


def act_of(prepared: PreparedTransaction) -> RotateValidatorsAct:
    return RotateValidatorsAct.FromString(prepared.operations[0].message.rotate_validators)


def rotate_transaction(validators: Sequence[ValidatorInfo] = ()) -> bytes:
    act = RotateValidatorsAct(ledger_id=LEDGER_ID, set_number=2, validators=validators)
    return signed(Operation(rotate_validators=act.SerializeToString()))


@pytest.mark.parametrize("kind", ["cometbft", "chainmaker"])
def test_validators_rotate_and_clients_follow_across_a_restart(kind: str) -> None:
    chain = Chain(kind, spare=2)
    chain.application = Rotating(suite(SUITES[kind]).hash)
    engine = chain.engine()
    engine.commit_block([Submission(prepare([rotate_transaction(chain.infos[2:6])])[0])], now(20))
    engine = chain.engine()
    for number in range(4):
        engine.commit_block([submission(f"a{number}")], now(21 + number))
    rules = profile(kind)
    trusted = engine.genesis()
    hashes = [trusted.next_validators_hash]
    for height in range(1, engine.tip.height + 1):
        untrusted = rules.decode_update(engine.update(height, trusted.height))
        trusted = verify_update(rules, trusted, untrusted, TrustOptions(10**18), now(60))
        hashes.append(trusted.next_validators_hash)
    assert len(set(hashes)) == 2
    assert hashes[-1] != hashes[0]


def test_a_set_nobody_here_can_sign_for_is_refused_without_a_block(chain: Chain) -> None:
    chain.application = Rotating(suite(SUITES[chain.kind]).hash)
    engine = chain.engine()
    strangers = [
        ValidatorInfo(node_id=f"s-{i}", public_key=generate_signer(SUITES[chain.kind]).public_key, voting_power=1)
        for i in range(4)
    ]
    for validators in (strangers, []):
        with pytest.raises(BridgeError) as refused:
            engine.commit_block([Submission(prepare([rotate_transaction(validators)])[0])], now(20))
        assert refused.value.reason in (
            Reason.CONFIGURATION_INVALID,
            Reason.VALIDATOR_SET_INVALID,
            Reason.FIELD_REQUIRED,
        )
        assert engine.tip.height == chain.store.latest_height() == 1
        assert chain.mark.latest()[0] == 1
    engine.commit_block([submission("a")], now(21))
    assert engine.tip.height == 2


class Full(MemoryHighWaterMark):
    """A mark whose disk is full for a while."""

    failures = 0

    def advance_all(self, height: int, digest: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise LimitError(Reason.STORAGE_FULL, "no space")
        super().advance_all(height, digest)


@pytest.mark.parametrize("kind", ["cometbft", "chainmaker"])
def test_a_block_that_cannot_be_sealed_is_sealed_before_anything_else(kind: str) -> None:
    chain = Chain(kind)
    chain.mark = mark = Full()
    engine = chain.engine()
    mark.failures = 2
    with pytest.raises(LedgerUnavailableError) as refused:
        engine.commit_block([submission("a")], now(20))
    assert refused.value.reason is Reason.STORAGE_FULL
    assert engine.tip.height == chain.store.latest_height() == 1
    outcome = engine.commit_block([submission("a", "b")], now(21))
    assert [operation.noop for operation in outcome.results[0].operations] == [True, False]
    assert outcome.notice.height == 3
    mark.failures = 1
    assert engine.commit_block([submission("c")], now(22)).notice.height == 4


def test_a_store_and_a_mark_that_do_not_belong_together_are_refused(chain: Chain) -> None:
    engine = chain.engine()
    engine.commit_block([submission("a")], now(20))
    for mark in (MemoryHighWaterMark(), _mark(9, b"x" * 32), _mark(2, b"x" * 32)):
        chain.mark = mark
        with pytest.raises(BridgeError) as refused:
            chain.engine()
        assert refused.value.reason is Reason.DOUBLE_SIGN_REFUSED


def _mark(height: int, digest: bytes) -> MemoryHighWaterMark:
    mark = MemoryHighWaterMark()
    mark.advance_all(height, digest)
    return mark


class Signed(ToyApplication):
    """Asks for one signature a transaction."""

    tasks: Sequence[SignatureTask] = ()

    def signature_tasks(self, state: State, prepared: Prepared) -> Sequence[SignatureTask]:
        return self.tasks

    def execute(
        self, state: State, height: int, time: Nanos, prepared: Prepared, check: SignatureCheck
    ) -> tuple[BlockResult, Overlay]:
        if prepared:
            check(*self.tasks[0])
        return super().execute(state, height, time, prepared, check)


def test_signatures_are_checked_ahead_good_and_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Chain("cometbft")
    application = Signed(suite(SUITES["cometbft"]).hash)
    signatures = VerifiedSignatures()
    engine = Engine(chain.format(), application, chain.store, chain.mark, signatures)
    engine.start(now())
    signer = generate_signer("sha256-ed25519")
    good = (signer.suite_id, signer.public_key, b"message", signer.sign(b"message"))
    bad = (signer.suite_id, signer.public_key, b"other", good[3])
    application.tasks = [good]
    ready = engine.prepare(transaction("a"))
    application.tasks = [bad]
    refused = engine.prepare(transaction("b"))
    monkeypatch.setattr("bridge.crypto.cache.check_signature", lambda *_: pytest.fail("checked again"))
    with pytest.raises(VerificationError):
        engine.commit_block([refused], now(20))
    application.tasks = [good]
    assert engine.commit_block([ready], now(20)).notice.height == 2


def test_a_bug_in_the_application_leaves_no_block(chain: Chain) -> None:
    engine = chain.engine()
    with pytest.raises(RuntimeError):
        engine.commit_block([submission("a"), submission("!")], now(20))
    assert chain.store.latest_height() == 1
    assert engine.commit_block([submission("a")], now(20)).notice.height == 2
