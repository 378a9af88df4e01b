"""Two ledgers in memory, each with its real block format, engine and application, and a hand that relays between them.

Nothing here decides anything: it submits, carries and looks.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from bridge.cargo.policy import CorridorPolicy
from bridge.clock import NANOS_PER_SECOND, ManualClock, Nanos
from bridge.crypto.cache import VerifiedSignatures
from bridge.crypto.keys import generate_signer
from bridge.crypto.ports import Signer
from bridge.crypto.signing import Domain, sign_bytes
from bridge.ledger.application import Application
from bridge.ledger.config import ApplicationConfig
from bridge.ledger.engine import Engine
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.ledger.rows import ClientRow, ConsensusRow, PacketRow, ReceiptRow, RecordRow
from bridge.ledger.state import State
from bridge.ledger.storage import BlockStore, MemoryStore
from bridge.ledger.types import KIND_PACKET, BlockFormat, StoredEntry, TransactionResult
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState
from bridge.protocol.acts import sign_act
from bridge.protocol.clients import Authority, encode_anchor
from bridge.protocol.packets import PacketState
from bridge.v1.cargo_pb2 import RECORD_TYPE_BILL_OF_LADING
from bridge.v1.member_pb2 import (
    MEMBER_ROLE_ISSUER,
    MEMBER_ROLE_PLATFORM,
    MEMBER_ROLE_RELAYER,
    MEMBER_STATE_REGISTERED,
    MemberKey,
    MemberRegistration,
    SignedMember,
)
from bridge.v1.transaction_pb2 import (
    CreateClientAct,
    Delivery,
    EntryRun,
    IssueRecord,
    Operation,
    OperationResult,
    PairClientAct,
    RunItem,
    Transaction,
    TransactionBody,
    ValidatorInfo,
    WrittenAcknowledgement,
)
from bridge.wire import encode, timestamp_of
from hk_adapter.block_format import CometbftFormat
from sh_adapter.block_format import ChainmakerFormat
from tests.sim.records import DISCLOSED, Issuer, Record, make_record

START = Nanos(1_790_000_000 * NANOS_PER_SECOND)
TRUSTING_PERIOD_SECONDS = 14 * 86_400
HOUR = 3600

_FORMATS = {"cometbft": CometbftFormat, "chainmaker": ChainmakerFormat}


def registration(
    ledger_id: str,
    member_id: str,
    roles: Sequence[int],
    keys: Sequence[tuple[str, Signer]],
    revision: int = 1,
    **over: object,
) -> MemberRegistration:
    """A member's registration in one revision."""
    fields: dict[str, object] = {
        "ledger_id": ledger_id,
        "member_id": member_id,
        "revision": revision,
        "state": MEMBER_STATE_REGISTERED,
        "roles": roles,
        "keys": [MemberKey(key_id=key_id, suite=s.suite_id, public_key=s.public_key) for key_id, s in keys],
        "registration_time": timestamp_of(START),
    }
    return MemberRegistration(**(fields | over))  # type: ignore[arg-type]


def sign_member(authority: Signer, member: MemberRegistration) -> bytes:
    """SignedMember bytes."""
    body = encode(member)
    signature = authority.sign(sign_bytes(Domain.MEMBER, member.ledger_id, body))
    return encode(SignedMember(registration=body, signature=signature))


class SimLedger:
    """One ledger with its keys in hand."""

    def __init__(
        self,
        ledger_id: str,
        profile_id: str,
        prefix: str,
        clock: ManualClock,
        validators: int = 4,
        store: BlockStore | None = None,
    ) -> None:
        self.ledger_id = ledger_id
        self.profile = profile(profile_id)
        self.suite_id = self.profile.suite_id
        self.clock = clock
        self.authority = generate_signer(self.suite_id)
        self.keys = {name: generate_signer(self.suite_id) for name in ("platform", "relayer", "carrier")}
        self.issuer = Issuer(ledger_id, self.suite_id, "carrier", "k1", self.keys["carrier"])
        roles = {"platform": MEMBER_ROLE_PLATFORM, "relayer": MEMBER_ROLE_RELAYER, "carrier": MEMBER_ROLE_ISSUER}
        self.config = ApplicationConfig(
            ledger_id=ledger_id,
            profile_id=profile_id,
            suite_id=self.suite_id,
            authority_suite=self.suite_id,
            authority_public_key=self.authority.public_key,
            record_id_prefix=prefix,
            policy=CorridorPolicy({RECORD_TYPE_BILL_OF_LADING: DISCLOSED}),
            genesis_members=tuple(
                sign_member(self.authority, registration(ledger_id, name, [roles[name]], [("k1", key)]))
                for name, key in self.keys.items()
            ),
        )
        self.application = Application(self.config)
        self.validator_keys = [generate_signer(self.suite_id) for _ in range(validators)]
        self.genesis_time = clock.now()
        self.client_id = ""
        """The client on this ledger that tracks the other one."""
        self.take_over(store or MemoryStore(), MemoryHighWaterMark())

    def take_over(self, store: BlockStore, mark: MemoryHighWaterMark) -> None:
        """Run on this store from now on, as after a restart."""
        self.store = store
        self.mark = mark
        self.format = self.new_format(mark)
        self.engine = Engine(self.format, self.application, store, mark, VerifiedSignatures())
        self.engine.start(self.clock.now())

    def new_format(self, mark: MemoryHighWaterMark) -> BlockFormat:
        """A block format at genesis with this ledger's validators."""
        infos = [
            ValidatorInfo(node_id=f"node-{index}", public_key=key.public_key, voting_power=1)
            for index, key in enumerate(self.validator_keys)
        ]
        made: BlockFormat = _FORMATS[self.profile.profile_id](
            self.ledger_id, infos, self.validator_keys, mark, self.genesis_time
        )
        return made

    def fork(self) -> SimLedger:
        """The same validators on another branch: what an equivocating ledger would do."""
        twin = copy.copy(self)
        twin.take_over(copy.deepcopy(self.store), copy.deepcopy(self.mark))
        return twin

    @property
    def state(self) -> State:
        """State after the newest block."""
        return self.store.state

    @property
    def speaker(self) -> Authority:
        """The authority as others know it."""
        return self.config.authority

    def transaction(self, *operations: Operation, member: str = "platform", **over: object) -> bytes:
        """A signed transaction."""
        fields: dict[str, object] = {
            "ledger_id": self.ledger_id,
            "member_id": member,
            "key_id": "k1",
            "submission_time": timestamp_of(self.clock.now()),
            "operations": operations,
        }
        body = encode(TransactionBody(**(fields | over)))  # type: ignore[arg-type]
        message = self.profile.transaction_sign_bytes(self.ledger_id, body)
        return encode(Transaction(body=body, signature=self.keys[member].sign(message)))

    def commit(self, *transactions: bytes) -> list[TransactionResult]:
        """Cut a block, and an empty one after it where that makes its entries provable."""
        submissions = [self.engine.prepare(transaction) for transaction in transactions]
        outcome = self.engine.commit_block(submissions, self.clock.now())
        if self.engine.needs_proof_block():
            self.clock.advance(1)
            self.engine.commit_block([], self.clock.now())
        return list(outcome.results)

    def submit(self, *operations: Operation, member: str = "platform") -> list[OperationResult]:
        """Cut a block with one transaction and return its operations' results."""
        (result,) = self.commit(self.transaction(*operations, member=member))
        assert result.code == 0, result
        return list(result.operations)

    def issue(self, record: Record | bytes, timeout: int = 0, client_id: str = "") -> OperationResult:
        """Issue one version; the timeout is an hour ahead unless given."""
        payload = record if isinstance(record, bytes) else record.payload
        seconds = timeout or self.seconds() + HOUR
        issue = IssueRecord(client_id=client_id or self.client_id, timeout_seconds=seconds, payload=payload)
        return self.submit(Operation(issue_record=issue))[0]

    def record(self, reference: str, version: int = 1, previous: bytes = b"", **more: object) -> Record:
        """A version signed by this ledger's issuer."""
        return make_record(self.issuer, reference, version, previous, **more)  # type: ignore[arg-type]

    def seconds(self) -> int:
        """The clock in seconds."""
        return self.clock.now() // NANOS_PER_SECOND

    def tick(self, seconds: int = 1) -> None:
        """Let time pass."""
        self.clock.advance(seconds * NANOS_PER_SECOND)

    def client(self) -> ClientRow:
        """The client that tracks the other ledger."""
        row = self.state.get(ClientRow, (self.client_id,))
        assert row is not None
        return row

    def consensus(self) -> ConsensusState:
        """What a light client holds of the newest block."""
        return self.store.reader.block(self.store.reader.latest_height()).consensus

    def packets(self) -> list[PacketRow]:
        """Packets sent."""
        return list(self.state.scan(PacketRow, ()))

    def receipts(self) -> list[ReceiptRow]:
        """Packets received."""
        return list(self.state.scan(ReceiptRow, ()))

    def records(self, origin: str | None = None) -> list[RecordRow]:
        """Records, of one origin if given."""
        return [row for row in self.state.scan(RecordRow, ()) if origin is None or row.origin == origin]


class World:
    """Hong Kong and Shanghai, with clients for each other."""

    def __init__(
        self,
        *,
        paired: bool = True,
        validators: int = 4,
        stores: tuple[BlockStore | None, BlockStore | None] = (None, None),
    ) -> None:
        self.clock = ManualClock(START)
        self.hk = SimLedger("hk-trade-1", "cometbft", "HKCB", self.clock, validators, stores[0])
        self.sh = SimLedger("sh-trade-1", "chainmaker", "SHCB", self.clock, validators, stores[1])
        self.hk.client_id, self.sh.client_id = "sh-0", "hk-0"
        for here, there in ((self.hk, self.sh), (self.sh, self.hk)):
            (result,) = here.submit(
                Operation(create_client=encode(sign_act(create_act(here, there), (here.ledger_id, here.authority))))
            )
            assert result.code == 0, result
        if paired:
            self.pair()
            self.settle()

    def other(self, ledger: SimLedger) -> SimLedger:
        """The one on the other side."""
        return self.sh if ledger is self.hk else self.hk

    def pair(self) -> None:
        """Pair the two clients on both ledgers."""
        for ledger in (self.hk, self.sh):
            (result,) = ledger.submit(Operation(pair_client=self.pair_act()))
            assert result.code == 0, result

    def pair_act(self, **over: object) -> bytes:
        """The pairing, signed by both authorities."""
        fields: dict[str, object] = {
            "ledger_id_1": self.hk.ledger_id,
            "client_id_1": self.hk.client_id,
            "ledger_id_2": self.sh.ledger_id,
            "client_id_2": self.sh.client_id,
        }
        act = PairClientAct(**(fields | over))  # type: ignore[arg-type]
        return encode(sign_act(act, (self.hk.ledger_id, self.hk.authority), (self.sh.ledger_id, self.sh.authority)))

    def settle(self, rounds: int = 4) -> None:
        """Relay both ways until nothing is new."""
        for _ in range(rounds):
            self.clock.advance(NANOS_PER_SECOND)
            moved = self.relay(self.hk) + self.relay(self.sh)
            if not moved:
                return

    def relay(self, source: SimLedger, **more: object) -> int:
        """Deliver what the other side has not seen of `source`; the number of items carried."""
        delivery = self.delivery(source, self.unseen(source), **more)  # type: ignore[arg-type]
        if not delivery.runs:
            return 0
        (result,) = self.other(source).submit(Operation(deliver=delivery), member="relayer")
        assert result.code == 0, result
        return len(result.items) - len(delivery.headers)

    def unseen(self, source: SimLedger) -> list[StoredEntry]:
        """Entries of `source` that the other side has neither received nor closed."""
        destination = self.other(source)
        unseen = []
        for entry in source.store.reader.entries(0, 1 << 30):
            written = entry.written
            if written.kind == KIND_PACKET:
                if destination.state.get(ReceiptRow, (destination.client_id, written.sequence)) is None:
                    unseen.append(entry)
            else:
                packet = destination.state.get(PacketRow, (destination.client_id, written.sequence))
                if packet is not None and packet.state == PacketState.COMMITTED:
                    unseen.append(entry)
        return unseen

    def delivery(self, source: SimLedger, entries: Sequence[StoredEntry]) -> Delivery:
        """A delivery of these entries with the headers they need."""
        destination = self.other(source)
        runs, heights = [], set()
        for first, count in _stretches([entry.position for entry in entries]):
            for run in source.engine.prove(first, count):
                heights.add(run.proof_height)
                items = [run_item(entry) for entry in run.entries]
                runs.append(EntryRun(proof_height=run.proof_height, proof=run.proof, items=items))
        trusted = {
            row.height for row in destination.state.scan(ConsensusRow, ()) if row.client_id == destination.client_id
        }
        headers = []
        for height in sorted(heights - trusted):
            base = max(known for known in trusted if known < height)
            headers.append(source.engine.update(height, base))
            trusted.add(height)
        return Delivery(client_id=destination.client_id, headers=headers, runs=runs)

    def deliver(self, source: SimLedger, delivery: Delivery) -> OperationResult:
        """Submit a delivery of `source` to the other side."""
        return self.other(source).submit(Operation(deliver=delivery), member="relayer")[0]

    def update(self, source: SimLedger, height: int = 0) -> OperationResult:
        """Submit one header of `source` to the other side."""
        destination = self.other(source)
        target = height or source.store.reader.latest_height()
        known = [row.height for row in destination.state.scan(ConsensusRow, ()) if row.height < target]
        header = source.engine.update(target, max(known))
        return self.deliver(source, Delivery(client_id=destination.client_id, headers=[header]))


def create_act(here: SimLedger, there: SimLedger, **over: object) -> CreateClientAct:
    """The act that creates the client of `there` on `here`, anchored at its newest block."""
    fields: dict[str, object] = {
        "ledger_id": here.ledger_id,
        "client_id": here.client_id,
        "anchor": encode_anchor(there.profile, there.consensus(), there.speaker),
        "trusting_period_seconds": TRUSTING_PERIOD_SECONDS,
        "clock_drift_seconds": 10,
        "trust_level_numerator": 1,
        "trust_level_denominator": 3,
    }
    return CreateClientAct(**(fields | over))  # type: ignore[arg-type]


def run_item(entry: StoredEntry) -> RunItem:
    """An entry as an item of a run."""
    written = entry.written
    if written.kind == KIND_PACKET:
        return RunItem(packet=written.body)
    return RunItem(acknowledgement=WrittenAcknowledgement(sequence=written.sequence, acknowledgement=written.body))


def _stretches(positions: Sequence[int]) -> list[tuple[int, int]]:
    """Consecutive stretches (first, count) of rising positions."""
    found: list[tuple[int, int]] = []
    for position in positions:
        if found and sum(found[-1]) == position:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((position, 1))
    return found
