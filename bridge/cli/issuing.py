"""From a document to an item an adapter takes: what may cross, the issuer's signature, the seed of its salts."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.cargo.detect import LoadedDocument
from bridge.cargo.policy import CorridorPolicy
from bridge.cargo.prepare import Issuer, PreparedRecord, prepare_record
from bridge.cli.callers import CallerFile
from bridge.clock import NANOS_PER_SECOND, Clock
from bridge.crypto.suites import suite
from bridge.rpc.clients import CargoRecordsClient
from bridge.v1.cargo_pb2 import RECORD_ACT_ISSUED, LegalBasis, RecordAct
from bridge.v1.cargo_service_pb2 import IssueItem

DEFAULT_TIMEOUT_SECONDS = 14 * 86_400
"""How long a record may take to cross, in seconds, before the other side answers EXPIRED: two weeks."""


@dataclass(frozen=True, slots=True)
class Corridor:
    """What may cross from the caller's ledger, and who issues."""

    client_id: str
    policy: CorridorPolicy
    issuer: Issuer

    @classmethod
    async def fetch(cls, caller: CallerFile, records: CargoRecordsClient) -> Corridor:
        """Ask the adapter for its policy and take the issuer's key from the caller's file."""
        answer = await records.corridor()
        section = caller.require_issuer()
        policy = CorridorPolicy({rule.type: tuple(rule.pointer_patterns) for rule in answer.rules})
        issuer = Issuer(answer.ledger_id, suite(answer.suite), section.member_id, section.key_id, section.signer())
        return cls(answer.client_id, policy, issuer)

    def prepare(
        self,
        loaded: LoadedDocument,
        *,
        seed: bytes,
        clock: Clock,
        legal_basis: LegalBasis,
        version: int = 1,
        previous_digest: bytes = b"",
        act: RecordAct.ValueType = RECORD_ACT_ISSUED,
    ) -> PreparedRecord:
        """The record version, signed; raises what `prepare_record` raises."""
        self.policy.require_type(loaded.record_type)
        return prepare_record(
            loaded.document.data,
            loaded.record_type,
            issuer=self.issuer,
            seed=seed,
            allowed=self.policy.allowing(loaded.record_type),
            issue_time=clock.now(),
            legal_basis=legal_basis,
            version=version,
            previous_digest=previous_digest,
            act=act,
        )

    def item(self, prepared: PreparedRecord, clock: Clock, timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS) -> IssueItem:
        """What the adapter is sent."""
        return IssueItem(
            client_id=self.client_id,
            timeout_seconds=clock.now() // NANOS_PER_SECOND + timeout_seconds,
            payload=prepared.payload,
            document=prepared.document,
            seed=prepared.seed,
        )
