"""Two real adapters in this process, linked, and a carrier that moves everything by hand between their doors."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.cargo.detect import LoadedDocument, load_file
from bridge.cli.callers import CallerFile, load_caller
from bridge.cli.issuing import Corridor
from bridge.cli.link import link_ledgers
from bridge.clock import Clock, SystemClock
from bridge.crypto.keys import load_signer
from bridge.crypto.ports import Signer
from bridge.errors import BridgeError, Reason
from bridge.light_client.profiles import profile
from bridge.protocol.acts import sign_act
from bridge.rpc.adapter import Adapter, AdapterKind, start_adapter
from bridge.rpc.clients import AdminClient, CargoRecordsClient, IdentifiersClient, LedgerClient
from bridge.rpc.pki import make_pki
from bridge.rpc.settings import load_settings
from bridge.rpc.tls import read_passphrase
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_pb2 import LEGAL_BASIS_KIND_CONTRACT, RECORD_ACT_ISSUED, LegalBasis
from bridge.v1.cargo_service_pb2 import IssueItem
from bridge.v1.transaction_pb2 import Delivery, Operation, SignedAct, Transaction, TransactionBody
from bridge.wire import encode, timestamp_of
from hk_adapter.config import KIND as HK
from sh_adapter.config import KIND as SH

KINDS: dict[str, AdapterKind] = {"hk": HK, "sh": SH}
OTHER = {"hk": "sh", "sh": "hk"}
SIDES = tuple(KINDS)
BASIS = LegalBasis(kind=LEGAL_BASIS_KIND_CONTRACT, citation="Test rules, section 1")


@dataclass
class Party:
    """One caller of one adapter."""

    caller: CallerFile
    ledger: LedgerClient
    cargo: CargoRecordsClient
    identifiers: IdentifiersClient
    admin: AdminClient


class Pair:
    """Both adapters, and their callers by side and name."""

    def __init__(self, folder: Path, stack: AsyncExitStack, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self.adapters: dict[str, Adapter] = {}
        self.clients: dict[str, str] = {}
        self._stack = stack
        self._parties: dict[tuple[str, str], Party] = {}
        self._corridors: dict[str, Corridor] = {}

    def party(self, side: str, name: str) -> Party:
        found = self._parties.get((side, name))
        if found is None:
            caller = load_caller(self.folder / side / f"{name}.yaml")
            channel = caller.channel()
            self._stack.push_async_callback(channel.close, None)
            found = Party(
                caller,
                LedgerClient(channel),
                CargoRecordsClient(channel),
                IdentifiersClient(channel),
                AdminClient(channel),
            )
            self._parties[(side, name)] = found
        return found

    def client(self, side: str) -> str:
        """Client id on a side."""
        return self.clients[self.party(side, "platform").caller.ledger_id]

    def authority(self, side: str) -> tuple[str, Signer]:
        caller = self.party(side, "authority").caller
        return caller.ledger_id, caller.require_authority().signer()

    def act(self, message, *sides: str) -> SignedAct:
        return sign_act(message, *(self.authority(side) for side in sides))

    async def prepare(self, side: str, document: bytes, *, version: int = 1, previous: bytes = b"", act: int = 0):
        party = self.party(side, "platform")
        corridor = self._corridors.get(side) or await Corridor.fetch(party.caller, party.cargo)
        self._corridors[side] = corridor
        found = load_file(document)[0]
        assert isinstance(found, LoadedDocument), found
        prepared = corridor.prepare(
            found,
            seed=secrets.token_bytes(32),
            clock=SystemClock(),
            legal_basis=BASIS,
            version=version,
            previous_digest=previous,
            act=act or RECORD_ACT_ISSUED,
        )
        return prepared, corridor.item(prepared, SystemClock())

    async def item(self, side: str, document: bytes) -> IssueItem:
        return (await self.prepare(side, document))[1]

    async def issue(self, side: str, *documents: bytes):
        items = [await self.item(side, document) for document in documents]
        return await self.party(side, "platform").cargo.issue(items)

    def relayer(self, side: str, name: str = "relayer-hk") -> LedgerClient:
        """A relayer's door on a side; its certificate is that side's."""
        caller = self.party(side, "platform").caller
        tls = caller.tls.model_copy(
            update={
                "certificate": self.folder / side / "tls" / f"{name}.pem",
                "key": self.folder / side / "tls" / f"{name}.key",
            }
        )
        party = self._parties.get((side, name))
        if party is None:
            channel = caller.model_copy(update={"tls": tls}).channel()
            self._stack.push_async_callback(channel.close, None)
            ledger = LedgerClient(channel)
            party = Party(caller, ledger, CargoRecordsClient(channel), IdentifiersClient(channel), AdminClient(channel))
            self._parties[(side, name)] = party
        return party.ledger

    def transaction(self, side: str, operations: Sequence[Operation], member: str = "relayer-hk") -> Transaction:
        """Operations signed by a member of a side."""
        keys = self.folder / side / "keys"
        signer = load_signer(keys / f"{member}.key", read_passphrase(keys / "passphrase"))
        settings = load_settings(self.folder / side / "adapter.yaml")
        body = encode(
            TransactionBody(
                ledger_id=settings.ledger_id,
                member_id=member,
                key_id="k1",
                submission_time=timestamp_of(self.clock.now()),
                operations=operations,
            )
        )
        sign_bytes = profile(settings.profile).transaction_sign_bytes(settings.ledger_id, body)
        return Transaction(body=body, signature=signer.sign(sign_bytes))

    async def delivery(self, source: str) -> Delivery | None:
        """Everything of `source` that the other side lacks, with headers and proofs; None when there is nothing."""
        destination = OTHER[source]
        there, here = self.relayer(source), self.relayer(destination)
        await self.quiet_height(source)
        known = (await here.clients(api.ListClientsRequest(client_id=self.client(destination)))).clients[0]
        page = await there.packets(api.ListPacketsRequest(client_id=self.client(source), page_size=500))
        done = {
            item.sequence
            for item in (
                await here.packets(
                    api.ListPacketsRequest(
                        client_id=self.client(destination), kind=api.PACKET_KIND_ACKNOWLEDGEMENT, page_size=500
                    )
                )
            ).items
        }
        pending = {
            item.sequence
            for item in (
                await here.packets(
                    api.ListPacketsRequest(
                        client_id=self.client(destination), kind=api.PACKET_KIND_SENT, pending_only=True, page_size=500
                    )
                )
            ).items
        }
        wanted = [
            item
            for item in page.items
            if (item.kind == api.PACKET_KIND_SENT and item.sequence not in done)
            or (item.kind == api.PACKET_KIND_ACKNOWLEDGEMENT and item.sequence in pending)
        ]
        if not wanted:
            return None
        runs = []
        for item in wanted:
            answer = await there.prove(api.ProveEntriesRequest(first_position=item.position, count=1))
            runs += answer.runs
        newest = max(run.proof_height for run in runs)
        # Every height on the way, so that no rotation of validators lies between two of them.
        heights = list(range(known.latest_height + 1, newest + 1))[:64]
        headers = await there.headers(known.latest_height, heights) if heights else []
        return Delivery(client_id=self.client(destination), headers=headers, runs=runs)

    async def quiet_height(self, side: str) -> int:
        """Height once every entry is provable, so that no block follows by itself."""
        sequencer = self.adapters[side].node.sequencer
        tip = sequencer.tip
        while tip.provable_count < tip.entry_count:
            tip = await sequencer.wait_above(tip.height)
        return tip.height

    async def carry(self, source: str) -> api.DeliverResponse | None:
        """Move what `source` has for the other side."""
        delivery = await self.delivery(source)
        if delivery is None:
            return None
        destination = OTHER[source]
        return await self.relayer(destination).deliver(self.transaction(destination, [Operation(deliver=delivery)]))

    async def settle(self) -> None:
        """Carry both ways until nothing is left."""
        for _ in range(10):
            moved = [await self.carry("hk"), await self.carry("sh")]
            if moved == [None, None]:
                return
        reasons = [result.reason for answer in moved if answer for result in (*answer.headers, *answer.items)]
        raise AssertionError(f"it never settles: {reasons}")


@asynccontextmanager
async def linked_pair(folder: Path, clock: Clock | None = None) -> AsyncIterator[Pair]:
    """Both adapters serving and linked, members announced."""
    clock = clock or SystemClock()
    make_pki(folder, SystemClock(), validators=1)
    async with AsyncExitStack() as stack:
        pair = Pair(folder, stack, clock)
        for side, kind in KINDS.items():
            pair.adapters[side] = await start_adapter(load_settings(folder / side / "adapter.yaml"), kind, clock)
            stack.push_async_callback(pair.adapters[side].stop)
        callers = [pair.party(side, "authority").caller for side in KINDS]
        pair.clients = await link_ledgers(callers[0], callers[1], trusting_seconds=86_400)
        await pair.settle()
        yield pair


async def refused(awaitable: Awaitable[object], cls: type[BridgeError], reason: Reason) -> BridgeError:
    """The error of a call that must be refused, of exactly this class and for this reason."""
    with pytest.raises(BridgeError) as caught:
        await awaitable
    assert (type(caught.value), caught.value.reason) == (cls, reason)
    return caught.value


def height(pair: Pair, side: str) -> int:
    return pair.adapters[side].node.sequencer.tip.height
