"""`cargobridge fsck`: re-verifies a whole ledger from its database, as a stranger with the genesis would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import make_url

from bridge.cli.output import EXIT_REFUSED, JsonOption, finish, print_json, print_line
from bridge.crypto.keys import load_signer
from bridge.crypto.suites import suite
from bridge.errors import NotFoundError, PreconditionError, Reason
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.ledger.types import BlockFormat
from bridge.light_client.profiles import profile
from bridge.rpc.adapter import AdapterKind
from bridge.rpc.settings import AdapterSettings, load_settings
from bridge.rpc.tls import read_passphrase
from bridge.store.database import Database
from bridge.store.fsck import Finding, check_ledger, check_rows
from bridge.store.reader import StoreReader
from bridge.v1.transaction_pb2 import ValidatorInfo

ADAPTER_GROUP = "cargobridge.adapters"
"""Entry-point group of adapters; each entry is named after its header profile and names an AdapterKind."""


def fsck(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The adapter's configuration; stop the adapter first.")
    ],
    rows_only: Annotated[bool, typer.Option("--rows-only", help="Only each row against its digest; faster.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check every row, header, quorum, rebuilt block, proof and body. Changes nothing; ends with 1 when one is broken.

    With the adapter running, blocks that are written meanwhile may be reported as missing.
    """
    settings = finish(lambda: load_settings(config))
    with closing(finish(lambda: _open(settings))) as database:
        height = finish(StoreReader(database).latest_height)
        check = finish(lambda: _check(settings, database, rows_only=rows_only))
        findings = [_shown(finding, as_json=as_json) for finding in check()]
    if as_json:
        shown = [{"place": each.place, "reason": str(each.reason), "detail": each.detail} for each in findings]
        print_json({"ledger_id": settings.ledger_id, "height": height, "findings": shown})
    else:
        found = f"{len(findings)} broken promises" if findings else "everything holds"
        print_line(f"{settings.ledger_id} up to height {height}: {found}")
    if findings:
        raise typer.Exit(EXIT_REFUSED)


def adapter_kind(profile_id: str) -> AdapterKind:
    """The installed adapter for ledgers of a profile; PreconditionError PROFILE_UNKNOWN when there is none."""
    for entry_point in entry_points(group=ADAPTER_GROUP, name=profile_id):
        kind: AdapterKind = entry_point.load()
        return kind
    raise PreconditionError(Reason.PROFILE_UNKNOWN, "no adapter for this profile is installed", got=profile_id)


def _shown(finding: Finding, *, as_json: bool) -> Finding:
    """The finding, printed as it comes: a large ledger takes minutes."""
    if not as_json:
        print_line(str(finding))
    return finding


def _open(settings: AdapterSettings) -> Database:
    url = make_url(settings.store_url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        raise NotFoundError(Reason.CONFIGURATION_INVALID, "there is no database yet", path=url.database)
    return Database.open(settings.store_url, settings.ledger_id)


def _check(settings: AdapterSettings, database: Database, *, rows_only: bool) -> Callable[[], Iterator[Finding]]:
    if rows_only:
        return lambda: check_rows(database)
    rules, block_format = profile(settings.profile), _genesis(settings)
    return lambda: check_ledger(database, block_format, rules, lambda suite_id: suite(suite_id).hash)


def _genesis(settings: AdapterSettings) -> BlockFormat:
    """The ledger's block format before its first block; its signers sign nothing here."""
    kind = adapter_kind(settings.profile)
    signers = [load_signer(each.key_file, read_passphrase(each.passphrase_file)) for each in settings.validators]
    validators = [
        ValidatorInfo(node_id=each.node_id, public_key=signer.public_key, voting_power=each.voting_power)
        for each, signer in zip(settings.validators, signers, strict=True)
    ]
    return kind.make_format(settings.ledger_id, validators, signers, MemoryHighWaterMark(), settings.genesis.nanos)
