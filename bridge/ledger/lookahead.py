"""What execution will probably ask for, found ahead of it: signatures to check in a batch, rows to read together.

A guess that misses costs time, never a wrong answer: execution asks again for everything it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.cargo.statement import statement_sign_bytes
from bridge.crypto.ports import SignatureTask, Suite
from bridge.crypto.suites import suite
from bridge.errors import BridgeError
from bridge.ledger.config import ApplicationConfig
from bridge.ledger.context import MAX_HEIGHT
from bridge.ledger.handlers.issuers import issuer_key
from bridge.ledger.prepared import Prepared, PreparedOperation, PreparedRecord, PreparedTransaction
from bridge.ledger.rows import (
    HOME,
    ClientRow,
    ConsensusRow,
    Key,
    KeyRow,
    MemberRow,
    PacketRow,
    ReceiptRow,
    RecordRow,
    Row,
    VersionRow,
)
from bridge.ledger.state import State
from bridge.light_client.profiles import profile

Wanted = dict[type[Row], dict[Key, None]]
"""Keys by table; a dict for its order, so that a store sees the same query for the same block."""


def prefetch(config: ApplicationConfig, state: State, prepared: Prepared) -> None:
    """[APP-4] Read what the block will need, table by table: submitters and clients, then what depends on them."""
    first: Wanted = {}
    for transaction in prepared:
        _want_submitter(first, transaction)
        for operation in transaction.operations:
            _want_named(first, operation)
    _fetch(state, first)
    second: Wanted = {}
    versions, records = second.setdefault(VersionRow, {}), second.setdefault(RecordRow, {})
    for operation in _operations(prepared):
        for origin, record, home in _records(config, state, operation):
            key, _ = record.digests(home)
            records[(origin, key)] = None
            version = record.opened()[1].version
            for near in range(max(1, version - 1), version + 2):
                versions[(origin, key, near)] = None
            _want_issuer(second, origin, record)
        _want_acknowledged(second, state, operation)
    _fetch(state, second)


def signature_tasks(config: ApplicationConfig, state: State, prepared: Prepared) -> list[SignatureTask]:
    """[APP-5] Signatures of submitters, issuers and header votes that can be checked before the block is executed."""
    tasks: list[SignatureTask] = []
    prefetch_signers(config, state, prepared)
    issuers: dict[tuple[str, str, str], KeyRow | None] = {}
    for transaction in prepared:
        tasks.extend(_submission(config, state, transaction))
        for operation in transaction.operations:
            tasks.extend(_votes(state, operation))
            for origin, record, _ in _records(config, state, operation):
                payload, statement = record.opened()
                name = (origin, statement.issuer_member_id, statement.issuer_key_id)
                if name not in issuers:
                    issuers[name] = _issuer(state, name)
                key = issuers[name]
                if key is not None:
                    message = statement_sign_bytes(statement.ledger_id, payload.statement)
                    tasks.append((key.suite, key.public_key, message, payload.signature))
    return tasks


def prefetch_signers(config: ApplicationConfig, state: State, prepared: Prepared) -> None:
    """Read clients, members and keys only: all that `signature_tasks` needs."""
    wanted: Wanted = {}
    for transaction in prepared:
        _want_submitter(wanted, transaction)
        for operation in transaction.operations:
            if operation.client_id:
                _want(wanted, ClientRow, (operation.client_id,))
    _fetch(state, wanted)
    signers: Wanted = {}
    for operation in _operations(prepared):
        for origin, record, _ in _records(config, state, operation):
            _want_issuer(signers, origin, record)
    _fetch(state, signers)


def _operations(prepared: Prepared) -> Iterator[PreparedOperation]:
    for transaction in prepared:
        yield from transaction.operations


def _records(
    config: ApplicationConfig, state: State, operation: PreparedOperation
) -> Iterator[tuple[str, PreparedRecord, Suite]]:
    """Readable records an operation carries, each with its origin and its home ledger's suite."""
    if operation.record is not None:
        if operation.record.error is None:
            yield HOME, operation.record, suite(config.suite_id)
        return
    if not operation.runs:
        return
    client = state.get(ClientRow, (operation.client_id,))
    if client is None:
        return
    home = suite(client.suite)
    for run in operation.runs:
        for item in run.items:
            if item.record is not None and item.record.error is None:
                yield client.client_id, item.record, home


def _submission(config: ApplicationConfig, state: State, transaction: PreparedTransaction) -> Iterator[SignatureTask]:
    if transaction.submitter is None or transaction.transaction is None:
        return
    key = state.get(KeyRow, (HOME, *transaction.submitter))
    if key is not None:
        message = transaction.sign_bytes(profile(config.profile_id), config.ledger_id)
        yield key.suite, key.public_key, message, transaction.transaction.signature


def _votes(state: State, operation: PreparedOperation) -> Iterator[SignatureTask]:
    if not operation.headers:
        return
    client = state.get(ClientRow, (operation.client_id,))
    if client is None:
        return
    header_profile = profile(client.profile)
    for header in operation.headers:
        try:
            yield from header_profile.signature_tasks(header.opened(header_profile))
        except BridgeError:
            continue


def _issuer(state: State, name: tuple[str, str, str]) -> KeyRow | None:
    try:
        return issuer_key(state, *name)
    except BridgeError:
        return None


def _want(wanted: Wanted, row_type: type[Row], key: Key) -> None:
    wanted.setdefault(row_type, {})[key] = None


def _want_submitter(wanted: Wanted, transaction: PreparedTransaction) -> None:
    if transaction.submitter is not None:
        member_id, key_id = transaction.submitter
        _want(wanted, MemberRow, (HOME, member_id))
        _want(wanted, KeyRow, (HOME, member_id, key_id))


def _want_named(wanted: Wanted, operation: PreparedOperation) -> None:
    """Rows whose keys the operation itself gives: its client, its trusted heights, its packets and receipts."""
    client_id = operation.client_id
    if not client_id:
        return
    _want(wanted, ClientRow, (client_id,))
    receipts = wanted.setdefault(ReceiptRow, {})
    packets = wanted.setdefault(PacketRow, {})
    for run in operation.runs:
        if run.proof_height <= MAX_HEIGHT:
            _want(wanted, ConsensusRow, (client_id, run.proof_height))
        for item in run.items:
            if item.packet is not None:
                receipts[(client_id, item.sequence)] = None
            elif item.acknowledgement:
                packets[(client_id, item.sequence)] = None


def _want_issuer(wanted: Wanted, origin: str, record: PreparedRecord) -> None:
    _, statement = record.opened()
    key = (origin, statement.issuer_member_id, statement.issuer_key_id)
    if key not in wanted.setdefault(KeyRow, {}):
        _want(wanted, KeyRow, key)
        _want(wanted, MemberRow, key[:2])


def _want_acknowledged(wanted: Wanted, state: State, operation: PreparedOperation) -> None:
    """Records of the packets that acknowledgements answer; their keys stand in the packets' rows."""
    client_id = operation.client_id
    for run in operation.runs:
        for item in run.items:
            if item.acknowledgement:
                packet = state.get(PacketRow, (client_id, item.sequence))
                if packet is not None and packet.record_key:
                    _want(wanted, RecordRow, (HOME, packet.record_key))


def _fetch(state: State, wanted: Wanted) -> None:
    for row_type, keys in wanted.items():
        if keys:
            state.prefetch(row_type, _keys(keys))


def _keys(keys: dict[Key, None]) -> Iterable[Key]:
    return list(keys)
