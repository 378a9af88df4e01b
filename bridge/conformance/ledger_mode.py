"""Runs the ledger's cases against a target over gRPC alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bridge.conformance.case import Case, Mode, cases
from bridge.conformance.connection import Exchange
from bridge.conformance.kit import Kit, Session
from bridge.conformance.preflight import examine
from bridge.conformance.results import RunReport
from bridge.conformance.runner import RunOptions, run_cases, select
from bridge.conformance.target import Target
from bridge.v1.ledger_service_pb2 import GetLedgerInfoResponse


class LedgerBench:
    """A target with a session on it; what the runner runs ledger cases on."""

    def __init__(self, target: Target, info: GetLedgerInfoResponse, seed: int) -> None:
        self.target = target
        self.info = info
        self.session = Session(target, seed)

    def undeclared(self, case: Case) -> str:
        """Capabilities and profiles the target does not declare."""
        return self.target.undeclared(case)

    def missing(self, case: Case) -> str:
        """Hooks, identities and keys that the target.toml does not name."""
        return self.target.missing(case)

    def kit(self, case: Case) -> Kit:
        """A fresh kit."""
        return Kit(self.session, case)

    def exchanges(self) -> Sequence[Exchange]:
        """Calls since the last time."""
        return self.session.recorder.take()

    def subject(self) -> Mapping[str, str]:
        """The target's identity."""
        return {
            "target": self.target.endpoint,
            "ledger": self.info.ledger_id,
            "profile": self.info.profile,
            "suite": self.info.suite,
            "engine": self.info.engine,
            "software": self.info.software_version,
            "authority": self._authority(),
            "capabilities": ", ".join(sorted(self.target.file.capabilities)),
            "identities": ", ".join(self.target.roles),
            "hooks": ", ".join(name for name in ("reset", "restart", "kill") if not self.target.lacks(name)) or "none",
        }

    def close(self) -> None:
        """Close the session's channels."""
        self.session.close()

    def _authority(self) -> str:
        """Fingerprint of the certificate authority that the target is believed by."""
        pem = self.target.file.tls_ca.read_bytes()
        return sha256(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)).hexdigest()


def run_ledger_mode(target: Target, options: RunOptions, *, i_know: bool = False) -> RunReport:
    """Examine the target, then run the chosen cases; raises what `examine` raises, before any case."""
    known = cases(Mode.LEDGER)
    options.expected.require_known(known)
    target, info = examine(target, i_know=i_know)
    bench = LedgerBench(target, info, options.seed)
    try:
        return run_cases(select(known, options.profile, options.pattern), bench, options, Mode.LEDGER)
    finally:
        bench.close()
