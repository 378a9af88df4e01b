"""Takes record versions of the other ledger, in whatever order they arrive, and hears how this ledger's own fared
there.

Every version carries all of itself, so versions converge: the newest is the head, and neighbours must chain.
"""

from __future__ import annotations

from bridge.errors import DecodeError, Reason, VerificationError
from bridge.ledger.client import Client
from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.issuers import known_issuer
from bridge.ledger.prepared import PreparedItem, PreparedRecord
from bridge.ledger.rows import HOME, PacketRow, RecordRow, VersionRow
from bridge.v1.cargo_pb2 import RECORD_ACT_VOIDED, Statement
from bridge.v1.packet_pb2 import OUTCOME_ACCEPTED, Acknowledgement, RecordReceipt
from bridge.wire import decode_strict, require_text

MAX_RECORD_ID_CHARACTERS = 64
"""Longest local record id another ledger may assign; ours have 19 to 27 characters."""


def receive_record(ctx: BlockContext, client: Client, item: PreparedItem) -> bytes:
    """[ARR-1] Take one version; the result is a RecordReceipt with the local id, the same for every version of a
    record.
    """
    if item.record is None:
        raise DecodeError(Reason.MALFORMED_MESSAGE, "no record")
    _, statement = item.record.opened()
    key, digest = item.record.digests(client.suite)
    record = ctx.state.get(RecordRow, (client.client_id, key))
    # No version stands without its record, so a new record costs one look.
    present = ctx.state.get(VersionRow, (client.client_id, key, statement.version)) if record is not None else None
    validate_arrival(ctx, client, item.record)
    if present is not None and present.digest == digest and record is not None:
        return _receipt(record.local_id)
    validate_neighbours(ctx, client, key, digest, statement, present, record)
    return _execute_arrival(ctx, client, item, key, digest, record)


def validate_arrival(ctx: BlockContext, client: Client, record: PreparedRecord) -> None:
    """[ARR-2] Of the ledger the client tracks, signed by an issuer that ledger attested, disclosing leaves of its
    root.
    """
    _, statement = record.opened()
    if statement.ledger_id != client.tracked_ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "home ledger", got=statement.ledger_id, expected=client.tracked_ledger_id
        )
    key = known_issuer(ctx, client.client_id, statement)
    record.require_signed_by(key.suite, key.public_key, ctx.check)
    record.require_disclosed(client.suite)


def validate_neighbours(
    ctx: BlockContext,
    client: Client,
    key: bytes,
    digest: bytes,
    statement: Statement,
    present: VersionRow | None,
    record: RecordRow | None,
) -> None:
    """[ARR-3] A version stands once, chains with the versions next to it that are here, and no version follows a void.

    Raises VerificationError VERSION_CONFLICT or RECORD_VOIDED.
    """
    version = statement.version
    if present is not None:
        raise VerificationError(Reason.VERSION_CONFLICT, "the version stands with another content", version=version)
    if record is None:
        return
    before = ctx.state.get(VersionRow, (client.client_id, key, version - 1))
    if before is not None and before.digest != statement.previous_digest:
        raise VerificationError(Reason.VERSION_CONFLICT, "it does not name the version before", version=version)
    after = ctx.state.get(VersionRow, (client.client_id, key, version + 1))
    if after is not None and after.previous_digest != digest:
        raise VerificationError(Reason.VERSION_CONFLICT, "the version after does not name it", version=version)
    if record.latest_version > version and statement.act == RECORD_ACT_VOIDED:
        raise VerificationError(Reason.VERSION_CONFLICT, "a void is the last version", version=version)
    if record.latest_version < version and record.status == RECORD_ACT_VOIDED:
        raise VerificationError(Reason.RECORD_VOIDED, "nothing follows a void", version=version)


def _execute_arrival(
    ctx: BlockContext,
    client: Client,
    item: PreparedItem,
    key: bytes,
    digest: bytes,
    record: RecordRow | None,
) -> bytes:
    """[ARR-4] The version, and the record's head when it is the newest; a record's first arrival gives it its local
    id.
    """
    assert item.record is not None
    payload, statement = item.record.opened()
    version, client_id = statement.version, client.client_id
    if record is None or version > record.latest_version:
        local_id = record.local_id if record is not None else ctx.next_record_id()
        record = RecordRow(
            client_id,
            key,
            statement.key.type,
            statement.key.reference,
            local_id,
            payload.home_record_id,
            version,
            statement.act,
            client_id,
        )
        ctx.state.put(record)
    ctx.state.put(
        VersionRow(
            client_id,
            key,
            version,
            digest,
            statement.previous_digest,
            item.record.value,
            client_id,
            item.sequence,
            ctx.height,
            ctx.time,
        )
    )
    return _receipt(record.local_id)


def close_record(ctx: BlockContext, packet: PacketRow, outcome: Acknowledgement) -> None:
    """[ARR-5] Remember the other ledger's id of an accepted record; a REJECTED or EXPIRED version stays, its packet
    says so.

    An unreadable receipt leaves the id unknown: a failing acknowledgement must not keep its packet open.
    """
    if outcome.outcome != OUTCOME_ACCEPTED:
        return
    record = ctx.state.get(RecordRow, (HOME, packet.record_key))
    if record is None or record.counterparty_id:
        return
    try:
        receipt = decode_strict(RecordReceipt, outcome.result)
        local_id = require_text(receipt.local_record_id, "local_record_id", most=MAX_RECORD_ID_CHARACTERS)
    except DecodeError:
        return
    ctx.state.put(
        RecordRow(
            record.origin,
            record.record_key,
            record.type,
            record.reference,
            record.local_id,
            local_id,
            record.latest_version,
            record.status,
            record.client_id,
        )
    )


def _receipt(local_id: str) -> bytes:
    return RecordReceipt(local_record_id=local_id).SerializeToString()
