"""What execution will probably ask for, found ahead of it: signatures to check in a batch, rows to read together.

A guess that misses costs time, never a wrong answer: execution asks again for everything it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bridge.cargo.schemes import MEMBER_FORM
from bridge.cargo.statement import KEY_ID_FORM, statement_sign_bytes
from bridge.crypto.ports import SignatureTask, Suite
from bridge.crypto.suites import suite
from bridge.errors import BridgeError
from bridge.ledger.config import ApplicationConfig
from bridge.ledger.context import MAX_HEIGHT
from bridge.ledger.examined import Examined, PacketTask
from bridge.ledger.handlers.issuers import issuer_key
from bridge.ledger.prepared import Prepared, PreparedItem, PreparedOperation, PreparedRecord, PreparedTransaction
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
from bridge.v1.cargo_pb2 import RecordPayload, Statement

Glance = tuple[RecordPayload, Statement]
"""A record's messages as they parsed, before any rule was asked."""

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
    records = second.setdefault(RecordRow, {})
    for operation in _operations(prepared):
        for origin, record, home in _records(config, state, operation):
            records[(origin, record.digests(home)[0])] = None
            _want_issuer(second, origin, record)
        _want_acknowledged(second, state, operation)
    _fetch(state, second)
    third: Wanted = {}
    for operation in _operations(prepared):
        for origin, record, home in _records(config, state, operation):
            key, _ = record.digests(home)
            if state.get(RecordRow, (origin, key)) is not None:
                version = record.opened()[1].version
                for near in range(max(1, version - 1), version + 2):
                    _want(third, VersionRow, (origin, key, near))
    _fetch(state, third)


def packet_tasks(state: State, prepared: Prepared) -> list[tuple[PreparedItem, Glance, PacketTask]]:
    """[APP-12] Packets with records whose issuer's key is known, to be examined before anything else is done with them.

    Their messages have only been parsed yet; one that passes need not be read by the rules again.
    """
    _fetch(state, _clients_of(prepared))
    seen: list[tuple[PreparedItem, Glance, str, tuple[str, str, str]]] = []
    wanted: Wanted = {}
    names: dict[tuple[str, str, str], bool] = {}
    for operation in _operations(prepared):
        client = state.get(ClientRow, (operation.client_id,)) if operation.runs else None
        if client is None:
            continue
        for item in (item for run in operation.runs for item in run.items if item.record is not None):
            assert item.record is not None
            glance = item.record.glance()
            if glance is None:
                continue
            name = (client.client_id, glance[1].issuer_member_id, glance[1].issuer_key_id)
            if name not in names:
                names[name] = _is_in_form(*name[1:])
                if names[name]:
                    _want(wanted, KeyRow, name)
                    _want(wanted, MemberRow, name[:2])
            if names[name]:
                seen.append((item, glance, client.suite, name))
    _fetch(state, wanted)
    keys = {name: _issuer(state, name) for name, good in names.items() if good}
    return [
        (item, glance, PacketTask(item.body, suite_id, key.suite, key.public_key))
        for item, glance, suite_id, name in seen
        if (key := keys[name]) is not None
    ]


def adopt(tasks: Sequence[tuple[PreparedItem, Glance, PacketTask]], found: Sequence[Examined | None]) -> None:
    """[APP-12] Hand the digests of the packets that passed to their items; the others are read as ever."""
    for (item, glance, task), digests in zip(tasks, found, strict=True):
        if digests is not None:
            assert item.record is not None
            item.adopt_commitment(task.suite_id, digests.commitment)
            signed_by = (task.key_suite, task.public_key)
            item.record.adopt(glance, task.suite_id, (digests.record_key, digests.statement), signed_by)


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
                if key is not None and not record.is_signed_by(key.suite, key.public_key):
                    message = statement_sign_bytes(statement.ledger_id, payload.statement)
                    tasks.append((key.suite, key.public_key, message, payload.signature))
    return tasks


def prefetch_signers(config: ApplicationConfig, state: State, prepared: Prepared) -> None:
    """Read clients, members and keys only: all that `signature_tasks` needs."""
    wanted = _clients_of(prepared)
    for transaction in prepared:
        _want_submitter(wanted, transaction)
    _fetch(state, wanted)
    signers: Wanted = {}
    for operation in _operations(prepared):
        for origin, record, _ in _records(config, state, operation):
            _want_issuer(signers, origin, record)
    _fetch(state, signers)


def _clients_of(prepared: Prepared) -> Wanted:
    wanted: Wanted = {}
    for operation in _operations(prepared):
        if operation.client_id:
            _want(wanted, ClientRow, (operation.client_id,))
    return wanted


def _is_in_form(member_id: str, key_id: str) -> bool:
    """Whether a state may be asked for the two."""
    return MEMBER_FORM.fullmatch(member_id) is not None and KEY_ID_FORM.fullmatch(key_id) is not None


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
