"""Records as callers see them: rows of the store joined, identifiers resolved to this side's form when read.

Blocking; it runs in the reading pool. A list is read with a handful of queries, whatever its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.cargo.mapping import COUNTERPARTY_SIDE, HOME_SIDE
from bridge.cargo.places import canonical_place
from bridge.cargo.resolve import Mapped, Pair, Resolution, Resolved, identifiers_of, resolve_identifier
from bridge.cargo.statement import record_key_digest
from bridge.crypto.suites import suite
from bridge.errors import NotFoundError, PreconditionError, Reason
from bridge.ledger.config import ApplicationConfig
from bridge.ledger.rows import HOME, ClientRow, MappingRow, PacketRow, RecordRow, VersionRow
from bridge.store.queries import StoreQueries
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.cargo_pb2 import RecordKey, RecordPayload, Statement
from bridge.v1.identifier_pb2 import MAPPING_STATE_REGISTERED, Identifier
from bridge.v1.ledger_service_pb2 import PacketState
from bridge.v1.packet_pb2 import Acknowledgement
from bridge.wire import timestamp_of

MAX_CLIENTS = 500
"""Clients looked through when a record is named by its key; a ledger has one for each counterparty."""


@dataclass(frozen=True, slots=True)
class _Held:
    record: RecordRow
    version: VersionRow
    payload: RecordPayload
    statement: Statement


class RecordViews:
    """Asks one store. `country` is the ISO 3166 code of this side."""

    def __init__(self, config: ApplicationConfig, queries: StoreQueries, country: str) -> None:
        self._config = config
        self._queries = queries
        self._country = country

    def find(self, request: api.GetRecordRequest | api.EraseRecordRequest) -> RecordRow:
        """[RVW-1] The one record that a request names: by key, by either side's id, or by a reference only it has.

        NotFoundError RECORD_NOT_FOUND, PreconditionError RECORD_AMBIGUOUS.
        """
        kind = request.WhichOneof("name")
        if kind == "key":
            found = self._by_key(request.key)
        elif kind == "record_id":
            found = self._queries.records_by_id(request.record_id)
        else:
            found = self._queries.records_by_reference(request.reference, 2)
        return require_one(found)

    def views(self, records: Sequence[RecordRow], version: int = 0) -> list[api.Record]:
        """Records in the version asked for, or each in its newest; NotFoundError when a record has no such version."""
        keys = [(row.origin, row.record_key, version or row.latest_version) for row in records]
        return self.of_versions(zip(records, keys, strict=True))

    def of_versions(self, wanted: Iterable[tuple[RecordRow, tuple[str, bytes, int]]]) -> list[api.Record]:
        """[RVW-3] Records with the key of the version to show; an erased document's says so."""
        pairs = list(wanted)
        versions = {row.key: row for row in self._queries.many(VersionRow, [key for _, key in pairs])}
        held = [_held(record, versions.get(key), key) for record, key in pairs]
        home = [(each.version.client_id, each.version.sequence) for each in held if each.record.origin == HOME]
        packets = {row.key: row for row in self._queries.many(PacketRow, home)}
        erased = self._queries.erasures([key for record, key in pairs if record.origin == HOME])
        ledgers = self._home_ledgers({each.record.origin for each in held})
        mapped = self._mappings(each.statement for each in held if each.record.origin != HOME)
        views = [self._view(each, packets, ledgers[each.record.origin], mapped) for each in held]
        for view, (_, key) in zip(views, pairs, strict=True):
            if key in erased:
                view.erase_time.CopyFrom(timestamp_of(erased[key]))
        return views

    def resolve(self, identifier: Identifier) -> Resolved:
        """[RVW-2] An identifier of either side in this side's form: mapped, this side's own, by rule, or foreign."""
        pair = (identifier.scheme, identifier.value)
        resolved = resolve_identifier(*pair, self._mapped([pair], COUNTERPARTY_SIDE), self._country)
        if resolved.resolution is not Resolution.MAPPED and self._mapped([pair], HOME_SIDE)(*pair) is not None:
            # It stands on this side of a mapping already, so it is the local form, whatever the scheme's rule says.
            return Resolved(pair, pair, Resolution.EQUIVALENT)
        return resolved

    def origins_of(self, ledger_id: str) -> list[str]:
        """Origins of records at home on a ledger: this one, or the clients that track another."""
        if ledger_id == self._config.ledger_id:
            return [HOME]
        clients = self._queries.page(ClientRow, MAX_CLIENTS)
        return [client.client_id for client in clients if client.tracked_ledger_id == ledger_id]

    def _by_key(self, key: RecordKey) -> list[RecordRow]:
        keys = [(HOME, record_key_digest(suite(self._config.suite_id), key))]
        clients = self._queries.page(ClientRow, MAX_CLIENTS)
        keys += [(client.client_id, record_key_digest(suite(client.suite), key)) for client in clients]
        return self._queries.many(RecordRow, keys)

    def _home_ledgers(self, origins: set[str]) -> dict[str, str]:
        ledgers = {HOME: self._config.ledger_id}
        clients = self._queries.many(ClientRow, [(origin,) for origin in sorted(origins - {HOME})])
        return ledgers | {client.client_id: client.tracked_ledger_id for client in clients}

    def _mappings(self, statements: Iterable[Statement]) -> Mapped:
        pairs = {pair for statement in statements for pair in identifiers_of(statement)}
        return self._mapped(sorted(pairs), COUNTERPARTY_SIDE)

    def _mapped(self, pairs: Sequence[Pair], side: str) -> Mapped:
        """Registered mappings of these identifiers, and of the canonical codes of places among them."""
        wanted = dict.fromkeys(pairs)
        wanted |= dict.fromkeys((s, canonical_place(v)) for s, v in pairs if s == "un-locode")
        rows = self._queries.many(MappingRow, [(side, scheme, value) for scheme, value in wanted])
        found = {
            (row.scheme, row.value): (row.other_scheme, row.other_value)
            for row in rows
            if row.state == MAPPING_STATE_REGISTERED
        }
        return lambda scheme, value: found.get((scheme, value))

    def _view(
        self, held: _Held, packets: dict[tuple[str | int | bytes, ...], PacketRow], ledger_id: str, mapped: Mapped
    ) -> api.Record:
        record, version = held.record, held.version
        view = api.Record(
            home_ledger_id=ledger_id,
            local_record_id=record.local_id,
            counterparty_record_id=record.counterparty_id,
            version=version.version,
            latest_version=record.latest_version,
            statement=held.payload.statement,
            signature=held.payload.signature,
            disclosure=held.payload.disclosure,
            identifiers=self._identifiers(held, mapped),
            client_id=version.client_id,
            sequence=version.sequence,
            height=version.height,
            block_time=timestamp_of(version.time),
        )
        packet = packets.get((version.client_id, version.sequence)) if record.origin == HOME else None
        if packet is not None:
            view.packet_state = PacketState.ValueType(packet.state)
            if packet.acknowledgement:
                view.rejection_code = Acknowledgement.FromString(packet.acknowledgement).code
        return view

    def _identifiers(self, held: _Held, mapped: Mapped) -> list[api.ResolvedIdentifier]:
        pairs = identifiers_of(held.statement)
        if held.record.origin == HOME:
            # What this side's own members state is in this side's form.
            return [_resolved(pair, pair, api.RESOLUTION_EQUIVALENT) for pair in pairs]
        found = [resolve_identifier(scheme, value, mapped, self._country) for scheme, value in pairs]
        return [resolved_message(each) for each in found]


def require_one(found: Sequence[RecordRow]) -> RecordRow:
    """The only record of a search."""
    if not found:
        raise NotFoundError(Reason.RECORD_NOT_FOUND, "no such record on this ledger")
    if len(found) > 1:
        raise PreconditionError(Reason.RECORD_AMBIGUOUS, "several records have this name; name one by its key or id")
    return found[0]


def resolved_message(resolved: Resolved) -> api.ResolvedIdentifier:
    """An identifier with its local form, as a message."""
    return _resolved(resolved.stated, resolved.local, api.Resolution.ValueType(resolved.resolution))


def _resolved(stated: Pair, local: Pair, resolution: api.Resolution.ValueType) -> api.ResolvedIdentifier:
    return api.ResolvedIdentifier(
        stated=Identifier(scheme=stated[0], value=stated[1]),
        local=Identifier(scheme=local[0], value=local[1]),
        resolution=resolution,
    )


def _held(record: RecordRow, version: VersionRow | None, key: tuple[str, bytes, int]) -> _Held:
    if version is None:
        raise NotFoundError(Reason.RECORD_NOT_FOUND, "the record has no such version here", version=key[2])
    # Both were decoded strictly before they were stored, and their row's digest was checked when it was read.
    payload = RecordPayload.FromString(version.payload)
    return _Held(record, version, payload, Statement.FromString(payload.statement))
