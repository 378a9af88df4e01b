"""A real server behind a real gate, with certificates made for the test; servicers answer what the test gives them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from bridge.clock import ManualClock, Nanos
from bridge.rpc.certificates import KeyPair, issue, make_authority, validity
from bridge.rpc.clients import connect
from bridge.rpc.identity import Identities
from bridge.rpc.interceptors import Gate, GateLimits
from bridge.rpc.roles import RoleTable, default_roles
from bridge.rpc.server import RunningServer, ServerOptions, start_server
from bridge.rpc.tls import TlsFiles

TRUST = "spiffe://test.cargobridge.test"


class Pki:
    """One authority in a folder, and files for any identity."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = Nanos(time.time_ns())
        self.authority = make_authority("test", validity(self.now, 10))
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.authority.certificate_pem())
        self._made = 0

    def files(self, uris: Sequence[str], *, authority: KeyPair | None = None, now: int = 0, days: int = 1) -> TlsFiles:
        held = validity(Nanos(now or self.now), days)
        pair = issue(authority or self.authority, held, uris=uris, dns=["localhost"], addresses=["127.0.0.1"])
        self._made += 1
        return self.write(pair, str(self._made))

    def write(self, pair: KeyPair, name: str) -> TlsFiles:
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(pair.certificate_pem())
        key.touch(mode=0o600)
        key.write_bytes(pair.key_pem())
        return TlsFiles(certificate=certificate, key=key, ca=self.ca)

    def role(self, role: str) -> TlsFiles:
        return self.files([f"{TRUST}/{role}"])


def table(roles: Sequence[str], *, denied: Sequence[str] = (), members: dict[str, str] | None = None) -> RoleTable:
    """Every role's identity is named after it."""
    return RoleTable(
        methods_of=default_roles(),
        roles_of={f"{TRUST}/{role}": (role,) for role in roles},
        member_of={f"{TRUST}/{role}": member for role, member in (members or {}).items()},
        denied=frozenset(denied),
    )


class Door:
    """A started server with what a test wants to turn."""

    def __init__(self, running: RunningServer, gate: Gate, clock: ManualClock, pki: Pki) -> None:
        self.running = running
        self.gate = gate
        self.clock = clock
        self.pki = pki
        self.roles = table(sorted(default_roles()))

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.running.port}"

    @asynccontextmanager
    async def channel(self, tls: TlsFiles) -> AsyncIterator[grpc.aio.Channel]:
        channel = connect(self.target, tls)
        try:
            yield channel
        finally:
            await channel.close(None)


@asynccontextmanager
async def open_door(pki: Pki, register, services: Sequence[str], most: GateLimits | None = None, **options):
    """Serve until the block ends."""
    clock = ManualClock(pki.now)
    holder: list[Door] = []
    identities = Identities(clock, lambda: holder[0].roles.denied)
    gate = Gate(identities, lambda: holder[0].roles, most)
    tls = pki.files([f"{TRUST}/adapter"])
    chosen = ServerOptions(listen="127.0.0.1:0", tls=tls, services=services, **options)
    running = await start_server(chosen, gate, register)
    door = Door(running, gate, clock, pki)
    holder.append(door)
    await running.set_serving(serving=True)
    try:
        yield door
    finally:
        await running.stop()
