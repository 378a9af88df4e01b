"""`cargobridge verify`: judges a proof bundle offline, with nothing but the anchor file and this machine's clock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.bundle.anchor import decode_anchor_file
from bridge.bundle.verify import MAX_BUNDLE_BYTES, BundleReport, ProvenVersion, Verdict, verify_bundle
from bridge.cargo.policy import record_type_name
from bridge.cli.output import EXIT_REFUSED, JsonOption, finish, print_json, print_table
from bridge.cli.record_view import leaf_text
from bridge.clock import SystemClock
from bridge.errors import DecodeError, Reason
from bridge.v1.cargo_pb2 import RecordAct
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
        "type": record_type_name(statement.key.type),
        "reference": statement.key.reference,
        "version": statement.version,
        "act": RecordAct.Name(statement.act).removeprefix("RECORD_ACT_").lower(),
        "issuer": statement.issuer_member_id,
        "issue_time_unix_ns": nanos_from(statement.issue_time, "issue_time"),
        "proven_at_height": version.height,
        "disclosed": {leaf.pointer: leaf_text(leaf.type, leaf.value) for leaf in version.leaves},
    }


def _print_report(report: BundleReport) -> None:
    judged = (("integrity", report.integrity), ("status", report.status), ("identity", report.identity))
    rows = [
        (name, "accepted" if each.accepted else "REFUSED", each.code, each.detail.removeprefix(f"{each.code}: "))
        for name, each in judged
    ]
    print_table(("verdict", "", "code", "detail"), rows)
    if not report.versions:
        return
    newest = _version(report.versions[-1])
    title = f"{newest['type']} {newest['reference']}, version {newest['version']}: disclosed fields"
    print_table(("field", "value"), list(newest["disclosed"].items()), title)
