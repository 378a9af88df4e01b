"""A chain of real blocks in memory, of any installed block format, into which any entries may be written.

The blocks are made by the same formats that the adapters run; only the application is missing, so nothing asks whether
an entry is true. The entries it commits to are the caller's affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

from bridge.clock import Nanos
from bridge.conformance.counterparty.seeded import fresh_signer
from bridge.conformance.counterparty.validators import Validators
from bridge.crypto.ports import Signer
from bridge.errors import PreconditionError, Reason
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.ledger.state import MemoryState, Overlay
from bridge.ledger.storage import BlockWrite, MemoryStore
from bridge.ledger.types import (
    BlockFormat,
    BlockInput,
    BlockReader,
    ProvenRun,
    SealedBlock,
    TransactionResult,
    WrittenEntry,
)
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState
from bridge.rpc.adapter import AdapterKind
from bridge.v1.transaction_pb2 import RotateValidatorsAct, Transaction, TransactionBody
from bridge.wire import encode, timestamp_of

ADAPTER_GROUP = "cargobridge.adapters"
"""Entry-point group under which installed packages offer their block formats."""

SUBMITTER = "kit"
"""Member id that the chain's own transactions name; nobody looks it up."""


@dataclass(frozen=True, slots=True)
class _Appended:
    """One block as it was stored and as it was sealed; what a fork repeats."""

    write: BlockWrite
    sealed: SealedBlock


def adapter_kind(profile_id: str) -> AdapterKind:
    """The installed adapter for ledgers of a profile; PreconditionError PROFILE_UNKNOWN when there is none."""
    for entry_point in entry_points(group=ADAPTER_GROUP, name=profile_id):
        kind: AdapterKind = entry_point.load()
        return kind
    raise PreconditionError(Reason.PROFILE_UNKNOWN, "no adapter for this profile is installed", got=profile_id)


class Chain:
    """Blocks, entries and proofs of one ledger whose validators' keys are all here."""

    def __init__(self, profile_id: str, ledger_id: str, validators: Validators, genesis_time: Nanos) -> None:
        """A chain before its first block."""
        self.ledger_id = ledger_id
        self.profile = profile(profile_id)
        self.validators = validators
        """The set of the genesis; later sets are in the blocks."""
        self.keys: dict[bytes, Signer] = validators.signers
        """Every validator key that was ever in use, by public key."""
        self._genesis_time = genesis_time
        self._submitter = fresh_signer(self.profile.suite_id)
        self._submitted = 0
        self._appended: list[_Appended] = []
        self._mark = MemoryHighWaterMark()
        self._store = MemoryStore()
        self._format = self._new_format()

    @property
    def reader(self) -> BlockReader:
        """The sealed blocks."""
        return self._store

    @property
    def height(self) -> int:
        """Height of the newest block; 0 before the first."""
        return len(self._appended)

    @property
    def entry_count(self) -> int:
        """Entries so far: the position of the next one."""
        return self.block(self.height).entry_count if self.height else 0

    def block(self, height: int) -> SealedBlock:
        """The sealed block at a height; NotFoundError HEIGHT_NOT_FOUND otherwise."""
        return self._store.block(height)

    def consensus(self, height: int) -> ConsensusState:
        """What a light client holds of a height; height 0 is the genesis."""
        return self.block(height).consensus if height else self._format.genesis()

    def append(
        self,
        now: Nanos,
        transactions: Sequence[Sequence[WrittenEntry]] = (),
        rotation: Validators | None = None,
        set_number: int = 0,
    ) -> SealedBlock:
        """Cut the next block: one transaction for each sequence of entries; a rotation takes one transaction alone."""
        time = self._format.next_time(now)
        act = None
        if rotation is not None:
            self.keys = self.keys | rotation.signers
            self._format = self._new_format()
            self._format.restore(self._store)
            act = RotateValidatorsAct(ledger_id=self.ledger_id, set_number=set_number, validators=rotation.infos)
            transactions = transactions or [[]]
        given = BlockInput(
            height=self.height + 1,
            time=time,
            transactions=[self._transaction(time) for _ in transactions],
            results=[self._result(entries) for entries in transactions],
            first_position=self.entry_count,
            rotation=act,
        )
        built = self._format.build(given)
        write = BlockWrite(built, given, Overlay(MemoryState()))
        self._store.write_block(write)
        sealed = self._format.seal(built)
        self._store.write_seal(sealed)
        self._format.advance(sealed)
        self._appended.append(_Appended(write, sealed))
        return sealed

    def update(self, height: int, trusted_height: int) -> bytes:
        """Header update of a block, to be verified from `trusted_height`."""
        return self._format.update(self._store, height, trusted_height)

    def proves(self, position: int) -> bool:
        """True when some block's header proves the entry at `position`."""
        return self._format.provable_height(self._store, position) > 0

    def prove(self, position: int, count: int, proof_height: int = 0) -> Sequence[ProvenRun]:
        """Runs that cover the entries, as `BlockFormat.prove`."""
        return self._format.prove(self._store, position, count, proof_height)

    def fork(self, height: int) -> Chain:
        """The same ledger as it stood at `height`, with the same keys, free to go another way from there."""
        branch = Chain(self.profile.profile_id, self.ledger_id, self.validators, self._genesis_time)
        branch.keys = self.keys
        branch._take(self._appended[:height])
        return branch

    def _take(self, appended: Iterable[_Appended]) -> None:
        """Begin with blocks that another branch made."""
        for each in appended:
            self._store.write_block(each.write)
            self._store.write_seal(each.sealed)
            self._appended.append(each)
            self._mark.advance_all(each.sealed.height, each.sealed.header_hash)
        self._format = self._new_format()
        self._format.restore(self._store)

    def _new_format(self) -> BlockFormat:
        kind = adapter_kind(self.profile.profile_id)
        signers = list(self.keys.values())
        return kind.make_format(self.ledger_id, self.validators.infos, signers, self._mark, self._genesis_time)

    def _transaction(self, time: Nanos) -> bytes:
        """A signed transaction without operations: something for a block's entries to hang on."""
        self._submitted += 1
        body = encode(
            TransactionBody(
                ledger_id=self.ledger_id,
                member_id=SUBMITTER,
                key_id="k1",
                submission_time=timestamp_of(time + self._submitted),
            )
        )
        signature = self._submitter.sign(self.profile.transaction_sign_bytes(self.ledger_id, body))
        return encode(Transaction(body=body, signature=signature))

    def _result(self, entries: Sequence[WrittenEntry]) -> TransactionResult:
        return TransactionResult(
            code=0,
            entries=tuple(entries),
            submitter_suite=self._submitter.suite_id,
            submitter_key=self._submitter.public_key,
        )
