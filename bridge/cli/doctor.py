"""`cargobridge doctor`: checks what the programs need of this machine and of their files, and says what to mend."""

from __future__ import annotations

import asyncio
import importlib.metadata
import sqlite3
import ssl
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.internal import api_implementation

from bridge.cli.callers import CallerFile, load_caller
from bridge.cli.doctor_checks import Check, State, check_certificate, check_configuration, guarded
from bridge.cli.output import EXIT_REFUSED, JsonOption, print_json, print_table
from bridge.clock import NANOS_PER_SECOND, SystemClock
from bridge.crypto.suites import describe
from bridge.errors import BridgeError
from bridge.rpc.clients import LedgerClient
from bridge.wire import nanos_from

LEAST_SQLITE = (3, 35)
"""First SQLite with RETURNING and UPSERT as the store writes them."""

MAX_CLOCK_DIFFERENCE_SECONDS = 10
"""Difference to a ledger's clock that light clients accept by default."""

_PACKAGES = ("cargobridge", "grpcio", "protobuf", "cryptography", "PyNaCl", "sqlmodel", "SQLAlchemy")


def doctor(
    caller: Annotated[Path | None, typer.Option("--as", help="Also check this caller's file and its adapter.")] = None,
    config: Annotated[Path | None, typer.Option(help="Also check this adapter's configuration and store.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check versions, cryptography, certificates, keys, ports, clock and store. Ends with 1 when a check fails."""
    checks = list(_machine())
    if caller is not None:
        checks += _caller(caller)
    if config is not None:
        checks += check_configuration(config)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        print_table(
            ("check", "state", "found", "what to do"),
            [(check.name, check.state, check.found, check.advice) for check in checks],
        )
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(EXIT_REFUSED)


def _machine() -> Iterator[Check]:
    python = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    yield Check("python", "ok" if good else "fail", python, "" if good else "install Python 3.11 or later")
    for package in _PACKAGES:
        yield _package(package)
    engine = api_implementation.Type()
    advice = "" if engine == "upb" else "install a protobuf wheel with its native parser; pure Python is refused"
    yield Check("protobuf engine", "ok" if engine == "upb" else "fail", engine, advice)
    yield Check("openssl (python)", "ok", ssl.OPENSSL_VERSION)
    for suite in describe():
        state: State = "ok" if suite.available else "fail"
        yield Check(f"suite {suite.suite_id}", state, suite.engine, "" if suite.available else suite.detail)
    sqlite = sqlite3.sqlite_version_info >= LEAST_SQLITE
    advice = "" if sqlite else "use a Python with SQLite 3.35 or later, or PostgreSQL"
    yield Check("sqlite", "ok" if sqlite else "fail", sqlite3.sqlite_version, advice)


def _package(name: str) -> Check:
    try:
        return Check(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, "fail", "not installed", "install cargobridge again; pip check tells what is missing")


def _caller(path: Path) -> list[Check]:
    try:
        caller = load_caller(path)
    except BridgeError as error:
        return [Check("caller's file", "fail", str(path), str(error))]
    checks = [Check("caller's file", "ok", str(path)), guarded("certificate", lambda: check_certificate(caller.tls))]
    for name, section in (("issuer key", caller.issuer), ("authority key", caller.authority)):
        if section is not None:
            checks.append(guarded(name, lambda s=section, n=name: Check(n, "ok", s.signer().suite_id)))  # type: ignore[misc]
    checks.append(guarded("adapter", lambda: asyncio.run(_adapter(caller))))
    return checks


async def _adapter(caller: CallerFile) -> Check:
    async with LedgerClient(caller.channel(), seconds=5) as ledger:
        info = await ledger.info()
    if info.ledger_id != caller.ledger_id:
        return Check("adapter", "fail", info.ledger_id, f"the caller's file expects {caller.ledger_id}")
    ahead = (nanos_from(info.block_time, "block_time") - SystemClock().now()) // NANOS_PER_SECOND
    if ahead > MAX_CLOCK_DIFFERENCE_SECONDS:
        return Check("adapter", "warn", f"newest block is {ahead} s in the future", "set this machine's clock")
    return Check("adapter", "ok", f"{info.ledger_id} at height {info.height}, {info.profile}")
