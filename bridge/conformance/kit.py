"""What a case works with: the target's doors under every identity, evidence, hooks, and a counterparty of its own.

A `Session` lasts for a run and holds what is dear to make: channels, keys, the shared counterparty. A `Kit` lasts for
one case.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import grpc

from bridge.clock import Clock, SystemClock
from bridge.conformance.case import Case
from bridge.conformance.checks import NotRun
from bridge.conformance.connection import Recorder, call_bytes, open_channel
from bridge.conformance.hooks import run_hook
from bridge.conformance.issuing import Issued, issue
from bridge.conformance.linking import carry, confirm, link, signed_transaction
from bridge.conformance.sight import snapshot
from bridge.conformance.target import MemberKey, Target
from bridge.crypto.ports import Signer
from bridge.errors import BridgeError
from bridge.protocol.acts import sign_act
from bridge.rpc.settings import KeySection
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.admin_service_pb2_grpc import AdminServiceStub
from bridge.v1.cargo_service_pb2_grpc import CargoServiceStub
from bridge.v1.identifier_service_pb2_grpc import IdentifierServiceStub
from bridge.v1.ledger_service_pb2_grpc import LedgerServiceStub
from bridge.v1.transaction_pb2 import Delivery, EntryRun, Operation, SignedAct, Transaction

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.counterparty.packets import Written


class Session:
    """What lasts for a run."""

    def __init__(self, target: Target, seed: int, clock: Clock | None = None) -> None:
        self.target = target
        self.seed = seed
        self.clock = clock or SystemClock()
        self.recorder = Recorder()
        self._channels: dict[str, grpc.Channel] = {}
        self._left: list[grpc.Channel] = []
        self._shared: Counterparty | None = None
        self._profile = ""
        self._numbers = random.Random(f"{seed}-{self.clock.now()}")  # noqa: S311 names, not secrets

    def channel(self, role: str) -> grpc.Channel:
        """The channel of an identity, made at its first use; NotRun where the target.toml has none."""
        if role not in self._channels:
            if lacking := self.target.lacks(role):
                raise NotRun(lacking)
            self._channels[role] = open_channel(
                self.target.endpoint,
                self.target.tls(role),
                server_name=self.target.file.server_name,
                role=role,
                recorder=self.recorder,
            )
        return self._channels[role]

    def fresh_name(self, prefix: str) -> str:
        """A name that no earlier run on the same ledger used."""
        return f"{prefix}-{self._numbers.getrandbits(40):010x}"

    def profile(self, ask: Callable[[], str]) -> str:
        """Header profile of the target, asked once."""
        self._profile = self._profile or ask()
        return self._profile

    def shared(self, make: Callable[[], Counterparty]) -> Counterparty:
        """The counterparty that cases share which do not break it."""
        if self._shared is None:
            self._shared = make()
        return self._shared

    def leave(self) -> None:
        """Use no channel again: after a restart one may still pause before it tries anew. Calls on them go on."""
        self._left += self._channels.values()
        self._channels.clear()

    def forget(self) -> None:
        """Close every channel and let the shared counterparty go: the target began anew."""
        self.leave()
        for channel in self._left:
            channel.close()
        self._left.clear()
        self._shared = None

    def close(self) -> None:
        """Close every channel."""
        self.forget()


class Kit:
    """One case's tools."""

    def __init__(self, session: Session, case: Case) -> None:
        self.session = session
        self.case = case
        self.target = session.target
        self.clock = session.clock
        self.seed = session.seed
        self.random = random.Random(f"{session.seed}-{case.id}")  # noqa: S311 a repeatable choice, not a secret
        self.kept: dict[str, bytes] = {}
        self.counterparties: list[Counterparty] = []

    def evidence(self, name: str, data: bytes) -> None:
        """Keep bytes for the dump and the page."""
        self.kept[name] = data

    def channel(self, role: str = "relayer") -> grpc.Channel:
        """The cached mTLS channel of an identity."""
        return self.session.channel(role)

    def ledger(self, role: str = "relayer") -> LedgerServiceStub:
        """LedgerService under an identity; a call without a timeout has a deadline of 10 s."""
        return LedgerServiceStub(self.channel(role))

    def cargo(self, role: str = "platform") -> CargoServiceStub:
        """CargoService under an identity."""
        return CargoServiceStub(self.channel(role))

    def identifier(self, role: str = "platform") -> IdentifierServiceStub:
        """IdentifierService under an identity."""
        return IdentifierServiceStub(self.channel(role))

    def admin(self, role: str = "authority") -> AdminServiceStub:
        """AdminService under an identity."""
        return AdminServiceStub(self.channel(role))

    def call_bytes(self, method: str, request: bytes, role: str = "relayer") -> bytes:
        """Call "bridge.v1.Service/Method" with these very bytes."""
        return call_bytes(self.channel(role), method, request)

    @property
    def info(self) -> api.GetLedgerInfoResponse:
        """The target's identity and standing, asked now."""
        return self.ledger(self.any_role).GetLedgerInfo(api.GetLedgerInfoRequest())

    @property
    def any_role(self) -> str:
        """An identity the target.toml has: the relayer where there is one."""
        return "relayer" if "relayer" in self.target.roles else self.target.roles[0]

    @property
    def target_profile(self) -> str:
        """Header profile of the target, as it says itself."""
        return self.session.profile(lambda: self.info.profile)

    @property
    def profiles(self) -> tuple[str, ...]:
        """Header profiles of counterparties that the target takes, by its target.toml."""
        return self.target.file.profiles

    @property
    def other_profile(self) -> str:
        """The profile a counterparty has unless its case asks for one: another than the target's where there is one."""
        others = [each for each in self.profiles if each != self.target_profile]
        return (others or list(self.profiles))[0]

    def client(self, client_id: str) -> api.ClientInfo:
        """One light client of the target as it stands."""
        answer = self.ledger(self.any_role).ListClients(api.ListClientsRequest(client_id=client_id))
        return answer.clients[0] if answer.clients else api.ClientInfo()

    def snapshot(self, client_id: str | None = None) -> dict[str, object]:
        """The target's visible state, to be compared; see `checks.unmoved`."""
        watched = [client_id] if client_id else [each.client_id for each in self.counterparties]
        return snapshot(self, watched)

    def signer(self, name: str) -> Signer:
        """A key of the target.toml ("authority_key", "relayer_key", "second_relayer_key", "seed"); NotRun without."""
        section: KeySection | None = getattr(self.target.file, name)
        if section is None:
            raise NotRun(f"the target.toml names no {name}")
        try:
            return self.target.signer(section)
        except BridgeError as error:
            raise NotRun(f"{name}: {error}") from error

    def member(self, name: str = "relayer_key") -> MemberKey:
        """A member section of the target.toml; NotRun without."""
        section = getattr(self.target.file, name)
        if section is None:
            raise NotRun(f"the target.toml names no {name}")
        found: MemberKey = section
        return found

    def act(self, message: Message, *others: tuple[str, Signer]) -> SignedAct:
        """An act signed by the target's authority and by `others` (ledger id, signer)."""
        return sign_act(message, (self.target.ledger_id, self.signer("authority_key")), *others)

    def transaction(self, operations: Sequence[Operation], member: str = "relayer_key") -> Transaction:
        """Operations signed by a member of the target.toml, as the target's profile signs transactions."""
        return signed_transaction(self, operations, self.member(member), self.signer(member))

    def counterparty(
        self,
        profile_id: str = "",
        *,
        paired: bool = True,
        confirmed: bool = True,
        act: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Counterparty:
        """A fresh malicious ledger with a client on the target, paired, having accepted the target's members.

        `act` overrides fields of the creating act (trusting_period_seconds, clock_drift_seconds, trust_level, anchor);
        `options` are those of `Counterparty` (powers, clock, ...).
        """
        other = link(self, paired=paired, profile_id=profile_id, act=act or {}, **options)
        self.counterparties.append(other)
        if confirmed and paired:
            confirm(self, other)
        return other

    def shared(self) -> Counterparty:
        """The counterparty of cases that do not break it."""
        other = self.session.shared(self.counterparty)
        if other not in self.counterparties:
            self.counterparties.append(other)
        return other

    def deliver(
        self,
        counterparty: Counterparty,
        *,
        headers: Sequence[bytes] = (),
        runs: Sequence[EntryRun] = (),
        client_id: str = "",
        role: str = "relayer",
        member: str = "relayer_key",
    ) -> api.DeliverResponse:
        """One delivery toward the counterparty's client, signed by the relayer member."""
        delivery = Delivery(client_id=client_id or counterparty.client_id, headers=headers, runs=runs)
        request = api.DeliverRequest(transaction=self.transaction([Operation(deliver=delivery)], member))
        return self.ledger(role).Deliver(request)

    def carry(self, counterparty: Counterparty, *written: Written) -> api.DeliverResponse:
        """Deliver what a counterparty wrote, with the headers that its client on the target lacks."""
        return carry(self, counterparty, *written)

    def issue(self, document: bytes | None = None, *, counterparty: Counterparty | None = None, **terms: Any) -> Issued:
        """A record of the seed issuer, issued on the target toward a counterparty (the shared one by default).

        `terms` go to `issuing.issue`: version, previous_digest, act, timeout_seconds. Failed when it is refused.
        """
        return issue(self, document, counterparty or self.shared(), **terms)

    def reset(self) -> None:
        """The target begins anew from its genesis."""
        run_hook(self.target, "reset")
        self.session.forget()
        self.counterparties.clear()

    def restart(self) -> None:
        """The target stops in order and comes back."""
        run_hook(self.target, "restart")
        self.session.leave()

    def kill(self) -> None:
        """The target ends as by a power cut and comes back."""
        run_hook(self.target, "kill")
        self.session.leave()

    def shown(self) -> Mapping[str, bytes]:
        """Everything kept as evidence."""
        return dict(self.kept)
