"""A small ledger to store: the two real formats, and an application of a few lines over plain text."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Self

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.keys import generate_signer
from bridge.crypto.ports import SignatureCheck, SignatureTask, Signer
from bridge.crypto.suites import suite
from bridge.ledger.engine import Engine, Submission
from bridge.ledger.high_water import HighWaterMark
from bridge.ledger.prepared import Prepared, PreparedTransaction, prepare
from bridge.ledger.rows import HOME, CounterRow, PacketRow, RecordRow, VersionRow
from bridge.ledger.state import Overlay, State
from bridge.ledger.storage import Attachment, ExportNote
from bridge.ledger.types import KIND_PACKET, BlockFormat, BlockResult, TransactionResult, WrittenEntry
from bridge.light_client.types import Entry
from bridge.protocol.commitments import packet_commitment
from bridge.protocol.paths import packet_path
from bridge.store.database import Database
from bridge.store.faults import NO_FAULTS, Faults
from bridge.store.high_water import FileHighWaterMark
from bridge.store.ledger_store import LedgerStore
from bridge.v1.cargo_pb2 import RecordPayload
from bridge.v1.packet_pb2 import Packet, Payload
from bridge.v1.transaction_pb2 import Operation, OperationResult, Transaction, TransactionBody, ValidatorInfo
from hk_adapter.block_format import CometbftFormat
from sh_adapter.block_format import ChainmakerFormat

LEDGER_ID = "ledger-1"
CLIENT = "client-0"
GENESIS_TIME = Nanos(1_760_000_000 * NANOS_PER_SECOND)
SUITES = {"cometbft": "sha256-ed25519", "chainmaker": "sm3-sm2"}


def now(seconds: int = 10) -> Nanos:
    return Nanos(GENESIS_TIME + seconds * NANOS_PER_SECOND)


class ToyApplication:
    """Every line of a transaction is a reference: it becomes a record with its version and packet. "!" breaks it."""

    def __init__(self, suite_hash: Callable[[bytes], bytes]) -> None:
        self._hash = suite_hash

    def prepare(self, transactions: Sequence[bytes]) -> list[PreparedTransaction]:
        return prepare(transactions)

    def signature_tasks(self, state: State, prepared: Prepared) -> Sequence[SignatureTask]:
        return []

    def execute(
        self, state: State, height: int, time: Nanos, prepared: Prepared, check: SignatureCheck
    ) -> tuple[BlockResult, Overlay]:
        overlay = Overlay(state)
        results = [self._execute(overlay, height, time, text_of(transaction.raw)) for transaction in prepared]
        return BlockResult(tuple(results)), overlay

    def _execute(self, overlay: Overlay, height: int, time: Nanos, raw: bytes) -> TransactionResult:
        if raw == b"!":
            raise RuntimeError("a bug")
        operations, entries = [], []
        for line in raw.decode().split("\n"):
            key = record_key(line)
            if overlay.get(VersionRow, (HOME, key, 1)) is not None:
                operations.append(OperationResult(noop=True))
                continue
            serial = overlay.get(CounterRow, ("serial",))
            sequence = 1 if serial is None else serial.value + 1
            payload = RecordPayload(statement=statement_of(line)).SerializeToString()
            packet = Packet(
                sequence=sequence,
                source_client=CLIENT,
                destination_client="client-9",
                timeout_seconds=2_000_000_000,
                payloads=[Payload(source_port="cargo", destination_port="cargo", version="1", value=payload)],
            )
            commitment = packet_commitment(self._hash, packet)
            overlay.put(CounterRow("serial", sequence))
            overlay.put(PacketRow(CLIENT, sequence, commitment, "cargo", 1, b"", key, 1))
            overlay.put(RecordRow(HOME, key, 1, line, f"T-{sequence}", "", 1, 1, CLIENT))
            overlay.put(
                VersionRow(HOME, key, 1, self._hash(statement_of(line)), b"", payload, CLIENT, sequence, height, time)
            )
            entry = Entry(packet_path(CLIENT, sequence), commitment)
            body = packet.SerializeToString(deterministic=True)
            entries.append(WrittenEntry(entry, KIND_PACKET, CLIENT, sequence, body, "cargo"))
            operations.append(OperationResult(sequence=sequence, local_record_id=f"T-{sequence}"))
        data = b"".join(o.SerializeToString(deterministic=True) for o in operations)
        return TransactionResult(0, operations=tuple(operations), entries=tuple(entries), data=data)


def transaction(*references: str) -> bytes:
    """A transaction that passes the door; the text stands where an act's bytes would."""
    return signed(Operation(set_pause="\n".join(references).encode()))


def signed(operation: Operation) -> bytes:
    body = TransactionBody(ledger_id=LEDGER_ID, member_id="member", key_id="key", operations=[operation])
    return Transaction(body=body.SerializeToString(deterministic=True), signature=b"s").SerializeToString()


def text_of(raw: bytes) -> bytes:
    operation = TransactionBody.FromString(Transaction.FromString(raw).body).operations[0]
    return operation.set_pause or b"rotation"


def record_key(reference: str) -> bytes:
    return hashlib.sha256(b"key" + reference.encode()).digest()


def statement_of(reference: str) -> bytes:
    return f"ISO6346 CSQU3054383 BL {reference}".encode()


def attachment(reference: str, digest: bytes | None = None) -> Attachment:
    """What comes beside a reference on a cometbft ledger."""
    return Attachment(
        origin=HOME,
        record_key=record_key(reference),
        version=1,
        digest=digest or hashlib.sha256(statement_of(reference)).digest(),
        document=b'{"reference": "%s"}' % reference.encode(),
        seed=bytes(32),
        identifiers=(("ISO6346", "CSQU3054383"), ("BL", reference)),
        export=ExportNote(1, ("/a", "/b"), b"basis"),
    )


@cache
def empty_database() -> bytes:
    """A new ledger's SQLite file: copied, because migrating it takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        Database.open(str(path), LEDGER_ID).close()
        return path.read_bytes()


class Bench:
    """One ledger whose process can be killed and started again: the folder and the keys stay."""

    def __init__(self, folder: Path, kind: str = "cometbft", url: str = "") -> None:
        self.kind = kind
        self.url = url or f"sqlite:///{folder / 'ledger.db'}"
        if not url:
            (folder / "ledger.db").write_bytes(empty_database())
        self.mark_path = folder / "mark"
        self.signers: list[Signer] = [generate_signer(SUITES[kind]) for _ in range(4)]
        self.validators = [
            ValidatorInfo(node_id=f"node-{i}", public_key=signer.public_key, voting_power=1)
            for i, signer in enumerate(self.signers)
        ]

    def format(self, mark: HighWaterMark) -> BlockFormat:
        made = CometbftFormat if self.kind == "cometbft" else ChainmakerFormat
        return made(LEDGER_ID, self.validators, self.signers, mark, GENESIS_TIME)

    def application(self) -> ToyApplication:
        return ToyApplication(suite(SUITES[self.kind]).hash)

    def run(self, faults: Faults = NO_FAULTS) -> Running:
        return Running(self, faults)


class Running:
    """A process of the ledger."""

    def __init__(self, bench: Bench, faults: Faults) -> None:
        self.mark = FileHighWaterMark(bench.mark_path, LEDGER_ID)
        self.store: LedgerStore | None = None
        try:
            self.store = LedgerStore(Database.open(bench.url, LEDGER_ID), faults)
            self.engine = Engine(bench.format(self.mark), bench.application(), self.store, self.mark)
            self.engine.start(now())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.store is not None:
            self.store.close()
        self.mark.close()

    def issue(self, *references: str, attachments: Sequence[Attachment] = (), at: int = 20) -> list[OperationResult]:
        submission = Submission(prepare([transaction(*references)])[0], tuple(attachments))
        return list(self.engine.commit_block([submission], now(at)).results[0].operations)
