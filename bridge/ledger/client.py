"""A light client while a block executes: its row opened once, changed in place, written back once at the end.

A delivery of hundreds of packets would otherwise write the row hundreds of times.
"""

from __future__ import annotations

from bridge.clock import Nanos
from bridge.crypto.suites import suite
from bridge.errors import PreconditionError, Reason
from bridge.ledger.rows import ClientRow, ConsensusRow
from bridge.ledger.state import Overlay
from bridge.light_client.profiles import profile
from bridge.light_client.types import ClientStatus, ConsensusState, TrustOptions
from bridge.light_client.verifier import client_status
from bridge.protocol.clients import Authority


class Client:
    """Working copy of a ClientRow. Only the execute step of a handler changes it: there is no way back within a
    block.
    """

    __slots__ = (
        "_status",
        "authority",
        "client_id",
        "counterparty_client_id",
        "dirty",
        "evidence",
        "frozen",
        "latest",
        "next_sequence",
        "options",
        "pending_count",
        "profile",
        "suite",
        "tracked_ledger_id",
        "trusted_from",
    )

    def __init__(self, row: ClientRow, latest: ConsensusState) -> None:
        self.client_id = row.client_id
        self.tracked_ledger_id = row.tracked_ledger_id
        self.profile = profile(row.profile)
        self.suite = suite(row.suite)
        self.options = TrustOptions(row.trusting_period, row.clock_drift, row.trust_numerator, row.trust_denominator)
        self.frozen = row.frozen
        self.latest = latest
        self.counterparty_client_id = row.counterparty_client_id
        self.next_sequence = row.next_sequence
        self.authority = Authority(row.tracked_ledger_id, row.authority_suite, row.authority_public_key)
        self.evidence = row.evidence
        self.pending_count = row.pending_count
        self.trusted_from = row.trusted_from
        self.dirty = False
        self._status: tuple[ConsensusState, bool, int, ClientStatus] | None = None

    def status(self, now: Nanos) -> ClientStatus:
        """Status at ledger time `now`; remembered until the client changes."""
        known = self._status
        if known is None or known[0] is not self.latest or known[1] != self.frozen or known[2] != now:
            found = client_status(self.latest, self.options, now, self.frozen)
            self._status = known = (self.latest, self.frozen, now, found)
        return known[3]

    def require_active(self, now: Nanos) -> None:
        """[CLI-2] An expired or frozen client proves nothing and sends nothing; PreconditionError says which."""
        status = self.status(now)
        if status is ClientStatus.FROZEN:
            raise PreconditionError(Reason.CLIENT_FROZEN, "the client is frozen", client_id=self.client_id)
        if status is ClientStatus.EXPIRED:
            raise PreconditionError(Reason.CLIENT_EXPIRED, "the client has expired", client_id=self.client_id)

    def require_paired(self) -> str:
        """[CLI-3] The counterparty's client id; PreconditionError CLIENT_NOT_PAIRED while there is none."""
        if not self.counterparty_client_id:
            raise PreconditionError(Reason.CLIENT_NOT_PAIRED, "the client is not paired", client_id=self.client_id)
        return self.counterparty_client_id

    def row(self) -> ClientRow:
        """The row as it stands now."""
        return ClientRow(
            client_id=self.client_id,
            tracked_ledger_id=self.tracked_ledger_id,
            profile=self.profile.profile_id,
            suite=self.suite.suite_id,
            frozen=self.frozen,
            latest_height=self.latest.height,
            trusting_period=self.options.trusting_period,
            clock_drift=self.options.clock_drift,
            trust_numerator=self.options.trust_numerator,
            trust_denominator=self.options.trust_denominator,
            counterparty_client_id=self.counterparty_client_id,
            next_sequence=self.next_sequence,
            authority_suite=self.authority.suite_id,
            authority_public_key=self.authority.public_key,
            evidence=self.evidence,
            pending_count=self.pending_count,
            trusted_from=self.trusted_from,
        )


def consensus_of(row: ConsensusRow, ledger_id: str) -> ConsensusState:
    """The trusted state a row holds."""
    return ConsensusState(
        ledger_id=ledger_id,
        height=row.height,
        time=Nanos(row.time),
        header_hash=row.header_hash,
        root=row.root,
        next_validators_hash=row.next_validators_hash,
    )


def consensus_row(client_id: str, consensus: ConsensusState, update: bytes) -> ConsensusRow:
    """The row that holds a trusted state, with the update message that proved it."""
    return ConsensusRow(
        client_id=client_id,
        height=consensus.height,
        time=consensus.time,
        header_hash=consensus.header_hash,
        root=consensus.root,
        next_validators_hash=consensus.next_validators_hash,
        update=update,
    )


def open_client(state: Overlay, client_id: str) -> Client | None:
    """The client with its newest consensus state, or None."""
    row = state.get(ClientRow, (client_id,))
    if row is None:
        return None
    latest = state.get(ConsensusRow, (client_id, row.latest_height))
    if latest is None:
        raise PreconditionError(
            Reason.STORAGE_CORRUPT, "a client without its newest consensus state", client_id=client_id
        )
    return Client(row, consensus_of(latest, row.tracked_ledger_id))
