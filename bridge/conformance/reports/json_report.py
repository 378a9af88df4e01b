"""The report as JSON, in the form of report.schema.json beside this file; its fields only ever grow in number."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bridge.conformance.case import Level
from bridge.conformance.results import CaseResult, RunReport

REPORT_VERSION = 1
"""Version of the form; it rises when a field changes its meaning."""

PROTOCOL_VERSION = "bridge.v1"
"""Contract that the cases hold a target to."""

SCHEMA_FILE = Path(__file__).with_name("report.schema.json")
"""JSON Schema of what `report_dict` makes."""


def report_dict(report: RunReport) -> dict[str, Any]:
    """The report as plain values."""
    return {
        "report_version": REPORT_VERSION,
        "kit": {"name": "cargobridge conformance", "version": version("cargobridge"), "protocol": PROTOCOL_VERSION},
        "mode": str(report.mode),
        "subject": dict(report.subject),
        "capabilities": [name for name in report.subject.get("capabilities", "").split(", ") if name],
        "profile": report.profile,
        "pattern": report.pattern,
        "seed": report.seed,
        "started": report.started,
        "seconds": report.seconds,
        "succeeded": report.succeeded,
        "conformant": {str(level): report.conformant(level) for level in Level},
        "counts": report.counts,
        "cases": [_case(result) for result in report.results],
    }


def report_json(report: RunReport) -> bytes:
    """The whole file."""
    return json.dumps(report_dict(report), ensure_ascii=False, indent=2).encode() + b"\n"


def _case(result: CaseResult) -> dict[str, Any]:
    case = result.case
    return {
        "id": case.id,
        "sentence": case.sentence,
        "strength": str(case.strength),
        "level": str(case.level),
        "negative": case.negative,
        "clauses": list(case.clauses),
        "status": str(result.status),
        "milliseconds": result.milliseconds,
        "message": result.message,
        "got": result.got,
        "expected": result.expected,
        "replay": result.replay,
        "calls": [
            {
                "method": exchange.method,
                "as": exchange.role,
                "outcome": exchange.outcome,
                "milliseconds": exchange.milliseconds,
                "request_bytes": len(exchange.request),
                "request_sha256": sha256(exchange.request).hexdigest(),
                "response_bytes": len(exchange.response),
                "response_sha256": sha256(exchange.response).hexdigest(),
            }
            for exchange in result.exchanges
        ],
        "evidence": {
            name: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in result.evidence.items()
        },
    }
