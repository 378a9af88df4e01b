"""`cargobridge verify`: judges a proof bundle offline, with nothing but the anchor file and this machine's clock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from bridge.bundle.anchor import decode_anchor_file
from bridge.bundle.verify import MAX_BUNDLE_BYTES, BundleReport, ProvenVersion, Verdict, verify_bundle
from bridge.cli.output import EXIT_REFUSED, JsonOption, console, finish, print_json
from bridge.clock import SystemClock
from bridge.errors import DecodeError, Reason
from bridge.v1.cargo_pb2 import RecordAct, RecordType
from bridge.wire import nanos_from


def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle file, from `record export`.")],
    anchor: Annotated[Path, typer.Option(help="The pinned anchor file of the bundle's home ledger.")],
    as_json: JsonOption = False,
) -> None:
    """Verify a proof bundle offline: integrity, status and identity, each with its reason."""
    report = finish(lambda: judge_files(bundle, anchor))
    if as_json:
        print_json(report_as_dict(report))
    else:
        _print_report(report)
    if not report.accepted:
        raise typer.Exit(EXIT_REFUSED)


def judge_files(bundle: Path, anchor: Path) -> BundleReport:
    """The report on a bundle file under an anchor file; DecodeError when a file cannot be read."""
    return verify_bundle(_read(bundle), decode_anchor_file(_read(anchor)), SystemClock().now())


def report_as_dict(report: BundleReport) -> dict[str, Any]:
    """The report as plain values."""
    return {
        "accepted": report.accepted,
        "integrity": _verdict(report.integrity),
        "status": _verdict(report.status),
        "identity": _verdict(report.identity),
        "versions": [_version(version) for version in report.versions],
    }


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        detail = f"{path}: cannot be read: {error.strerror}"
        raise DecodeError(Reason.CONFIGURATION_INVALID, detail) from error


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"accepted": verdict.accepted, "code": verdict.code, "detail": verdict.detail}


def _version(version: ProvenVersion) -> dict[str, Any]:
    statement = version.statement
    return {
        "type": RecordType.Name(statement.key.type).removeprefix("RECORD_TYPE_"),
        "reference": statement.key.reference,
        "version": statement.version,
        "act": RecordAct.Name(statement.act).removeprefix("RECORD_ACT_"),
        "issuer": statement.issuer_member_id,
        "issue_time_unix_ns": nanos_from(statement.issue_time, "issue_time"),
        "proven_at_height": version.height,
        "disclosed": {leaf.pointer: leaf.value for leaf in version.leaves},
    }


def _print_report(report: BundleReport) -> None:
    table = Table("verdict", "", "code", "detail")
    for name, verdict in (("integrity", report.integrity), ("status", report.status), ("identity", report.identity)):
        table.add_row(name, "accepted" if verdict.accepted else "REFUSED", verdict.code, verdict.detail)
    console.print(table)
    if not report.versions:
        return
    newest = _version(report.versions[-1])
    title = f"{newest['type']} {newest['reference']}, version {newest['version']}: disclosed fields"
    fields = Table("field", "value", title=title)
    for pointer, value in newest["disclosed"].items():
        fields.add_row(pointer, value)
    console.print(fields)
