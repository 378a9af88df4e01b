"""A development authority for both sides: certificates, member and validator keys, and configuration ready to run.

Each side has its own certificate authority and issues every identity that may call its adapter, the other side's
relayer included: an authority can name callers of its own side only. Nothing here suits production except the form.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bridge.clock import NANOS_PER_SECOND, Clock, Nanos
from bridge.crypto.ports import Signer
from bridge.errors import DecodeError, Reason
from bridge.light_client.profiles import profile
from bridge.protocol.members import member_sign_bytes
from bridge.rpc.pki_files import Folder, certificate, certificate_authority, signing_key
from bridge.rpc.roles import load_roles
from bridge.v1.identifier_pb2 import Name
from bridge.v1.member_pb2 import (
    MEMBER_ROLE_AUTHORITY,
    MEMBER_ROLE_ISSUER,
    MEMBER_ROLE_PLATFORM,
    MEMBER_ROLE_RELAYER,
    MEMBER_STATE_REGISTERED,
    MemberKey,
    MemberRegistration,
    MemberRole,
    SignedMember,
)
from bridge.wire import encode, timestamp_of

KEY_ID = "k1"
"""Key id of every key made here; a rotation names the next."""

DEFAULT_VALIDATORS = 4
"""Validators of a ledger unless another number is asked for: one may be missing and the quorum still stands."""

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
"""What servers on one machine are reached by."""

AUTHORITY = "authority"
NODE = "node"


@dataclass(frozen=True, slots=True)
class Side:
    """What a development side is made of. `issuer` is (member id, names by script)."""

    name: str
    ledger_id: str
    profile: str
    record_id_prefix: str
    corridor: str | Mapping[str, Sequence[str]]
    issuer: tuple[str, tuple[tuple[str, str], ...]]

    @property
    def trust_domain(self) -> str:
        """SPIFFE trust domain."""
        return f"{self.name}.cargobridge.test"

    def identity(self, name: str) -> str:
        """SPIFFE id of one of its callers or programs."""
        return f"spiffe://{self.trust_domain}/{name}"


SIDES: tuple[Side, Side] = (
    Side(
        name="hk",
        ledger_id="hk-trade-1",
        profile="cometbft",
        record_id_prefix="HKCB",
        corridor="standard",
        issuer=("victoria-harbour", (("Latn", "Victoria Harbour Line Ltd"), ("Hant", "維港航運有限公司"))),
    ),
    Side(
        name="sh",
        ledger_id="sh-trade-1",
        profile="chainmaker",
        record_id_prefix="SHCB",
        corridor="gated",
        issuer=("huangpu-line", (("Latn", "Huangpu Line Co., Ltd."), ("Hans", "黄浦航运有限公司"))),
    ),
)
"""The two sides of the development authority."""

CALLERS: Mapping[str, str] = {
    AUTHORITY: "authority",
    "platform": "platform",
    "bank": "reader",
    "regulator": "auditor",
    "operator": "operator",
    "monitor": "monitor",
}
"""Callers of an adapter beside the relayers, with the role each has."""


@dataclass(frozen=True, slots=True)
class PkiReport:
    """What a run made and what it found made already."""

    folder: Path
    made: Sequence[Path]
    kept: Sequence[Path]
    ports: Mapping[str, int]

    def next_steps(self) -> str:
        """What to do with it, for a terminal."""
        sides = [side.name for side in SIDES]
        adapters = "\n".join(f"  {s}-adapter serve --config {self.folder / s / 'adapter.yaml'}" for s in sides)
        relayers = "\n".join(f"  relayer start --config {self.folder / f'relayer-{s}' / 'relayer.yaml'}" for s in sides)
        platform = self.folder / SIDES[0].name / "platform.yaml"
        kept = f", {len(self.kept)} kept as they were" if self.kept else ""
        return (
            f"{len(self.made)} files made in {self.folder}{kept}\n"
            f"Start the ledgers, join them once, then start the relayers:\n{adapters}\n"
            f"  cargobridge link {self.folder / 'hk/authority.yaml'} {self.folder / 'sh/authority.yaml'}\n{relayers}\n"
            f"Then issue a record: cargobridge record issue --as {platform} FILE\n"
        )


def make_pki(
    folder: Path, clock: Clock, ports: Mapping[str, int] | None = None, validators: int = DEFAULT_VALIDATORS
) -> PkiReport:
    """[PKI-1] Make everything two adapters and two relayers need below `folder`; what is there already stays.

    `ports` may name those of "hk", "sh", "relayer-hk" and "relayer-sh"; free ones are chosen for the rest. Raises
    BridgeError CONFIGURATION_INVALID when something there is not usable.
    """
    files = {side.name: folder / side.name / "adapter.yaml" for side in SIDES}
    files |= {name: folder / name / "relayer.yaml" for name in _relayers()}
    names = list(files)
    chosen = {name: number for name, number in (ports or {}).items() if number}
    chosen |= {name: _port_in(path) for name, path in files.items() if path.exists()}
    chosen |= dict(zip((n for n in names if n not in chosen), free_ports(len(names)), strict=False))
    root = Folder(folder.resolve())
    now = clock.now()
    for index, side in enumerate(SIDES):
        _make_side(root.sub(side.name), side, chosen[side.name], now, validators, _relayers())
        _make_relayer(root.sub(f"relayer-{side.name}"), side, index, chosen)
    made = tuple(root.made)
    kept = tuple(path for path in dict.fromkeys(root.kept) if path not in set(made))
    return PkiReport(root.path, made, kept, chosen)


def make_one_side(
    folder: Path, side: Side, clock: Clock, relayers: Sequence[str], port: int = 0, validators: int = DEFAULT_VALIDATORS
) -> int:
    """[PKI-1] Make what one adapter needs in `folder`, its relayers having these names; the port it listens on.

    A free port is chosen unless one is named or was before; what is there already stays. Raises as `make_pki`.
    """
    file = folder / "adapter.yaml"
    chosen = _port_in(file) if file.exists() else port or free_ports(1)[0]
    _make_side(Folder(folder.resolve()), side, chosen, clock.now(), validators, relayers)
    return chosen


def _make_side(folder: Folder, side: Side, port: int, now: Nanos, validators: int, relayers: Sequence[str]) -> None:
    tls, keys = folder.sub("tls"), folder.sub("keys")
    authority = certificate_authority(tls, f"{side.trust_domain} development authority", now)
    certificate(tls, "adapter", authority, side.identity("adapter"), now, LOOPBACK_HOSTS)
    for name in CALLERS:
        certificate(tls, name, authority, side.identity(name), now)
    for name in relayers:
        # A relayer serves its operator too, so its certificate also names where it is reached.
        certificate(tls, name, authority, side.identity(name), now, LOOPBACK_HOSTS)
    suite_id = profile(side.profile).suite_id
    signer = signing_key(keys, AUTHORITY, suite_id)
    for number in range(1, validators + 1):
        signing_key(keys, f"validator-{number}", suite_id)
    members = _make_members(folder, side, suite_id, signer, now, relayers)
    _write_roles(folder, side, relayers)
    _write_adapter(folder, side, port, members, now, validators)
    for name in CALLERS:
        _write_caller(folder, side, name, port)


def _make_members(
    folder: Folder, side: Side, suite_id: str, authority: Signer, now: Nanos, relayers: Sequence[str]
) -> list[str]:
    """The members a ledger begins with, each registered by its authority; paths relative to the side's folder."""
    issuer, names = side.issuer
    wanted: list[tuple[str, list[MemberRole.ValueType], tuple[tuple[str, str], ...]]] = [
        (AUTHORITY, [MEMBER_ROLE_AUTHORITY], (("Latn", f"{side.name.upper()} development authority"),)),
        (NODE, [MEMBER_ROLE_PLATFORM], (("Latn", f"{side.name.upper()} trade platform"),)),
        (issuer, [MEMBER_ROLE_ISSUER], names),
    ]
    wanted += [(name, [MEMBER_ROLE_RELAYER], (("Latn", f"Relayer {name}"),)) for name in relayers]
    keys, members = folder.sub("keys"), folder.sub("members")
    for member_id, roles, texts in wanted:
        key = signing_key(keys, member_id, suite_id)
        registration = encode(
            MemberRegistration(
                ledger_id=side.ledger_id,
                member_id=member_id,
                revision=1,
                state=MEMBER_STATE_REGISTERED,
                roles=roles,
                names=[Name(script=script, text=text) for script, text in texts],
                keys=[MemberKey(key_id=KEY_ID, suite=suite_id, public_key=key.public_key)],
                registration_time=timestamp_of(now),
            )
        )
        signed = _sign_member(side.ledger_id, registration, authority)
        members.keep_or_make(f"{member_id}.member", partial(bytes, signed))
    return [f"members/{member_id}.member" for member_id, _, _ in wanted]


def _sign_member(ledger_id: str, registration: bytes, authority: Signer) -> bytes:
    signature = authority.sign(member_sign_bytes(ledger_id, registration))
    return encode(SignedMember(registration=registration, signature=signature))


def _relayers() -> list[str]:
    return [f"relayer-{side.name}" for side in SIDES]


def _tls(name: str, folder: str = "tls") -> dict[str, str]:
    return {"certificate": f"{folder}/{name}.pem", "key": f"{folder}/{name}.key", "ca": f"{folder}/ca.pem"}


def _key(name: str, folder: str = "keys") -> dict[str, str]:
    return {"key_file": f"{folder}/{name}.key", "passphrase_file": f"{folder}/passphrase"}


def _write_roles(folder: Folder, side: Side, relayers: Sequence[str]) -> None:
    identities: dict[str, Any] = {side.identity(name): {"roles": [role]} for name, role in CALLERS.items()}
    for member in relayers:
        identities[side.identity(member)] = {"roles": ["relayer"], "member": member}
    comment = (
        "Who may call this adapter. Roles have their shipped meaning (docs/errors.md tells who acts on a refusal);\n"
        "`member` binds a relayer to the ledger member it submits as. `denied` takes identities and fingerprints."
    )
    load_roles(folder.yaml("roles.yaml", comment, {"identities": identities, "denied": []}))


def _write_adapter(folder: Folder, side: Side, port: int, members: Sequence[str], now: Nanos, validators: int) -> None:
    genesis = datetime.fromtimestamp(now // NANOS_PER_SECOND, UTC)
    values = {
        "ledger_id": side.ledger_id,
        "profile": side.profile,
        "listen": f"127.0.0.1:{port}",
        "reflection": False,
        "tls": _tls("adapter"),
        "roles": "roles.yaml",
        "data_dir": "data",
        "node": {"member_id": NODE, "key_id": KEY_ID, **_key(NODE)},
        "authority_public_key": "keys/authority.pub.pem",
        "validators": [
            {"node_id": f"{side.name}-validator-{n}", **_key(f"validator-{n}")} for n in range(1, validators + 1)
        ],
        "genesis": {"time": genesis, "members": list(members)},
        "record_id_prefix": side.record_id_prefix,
        "corridor": side.corridor if isinstance(side.corridor, str) else dict(side.corridor),
    }
    folder.yaml("adapter.yaml", "Paths are relative to this file; docs/configuration.md tells of every field.", values)


def _write_caller(folder: Folder, side: Side, name: str, port: int) -> None:
    values: dict[str, Any] = {"target": f"127.0.0.1:{port}", "ledger_id": side.ledger_id, "tls": _tls(name)}
    if name == AUTHORITY:
        values["authority"] = {"member_id": AUTHORITY, "key_id": KEY_ID, **_key(AUTHORITY)}
    if CALLERS[name] == "platform":
        issuer, _ = side.issuer
        values["issuer"] = {"member_id": issuer, "key_id": KEY_ID, **_key(issuer)}
    folder.yaml(f"{name}.yaml", f"For `cargobridge ... --as {name}.yaml`.", values)


def _make_relayer(folder: Folder, side: Side, index: int, ports: Mapping[str, int]) -> None:
    name = f"relayer-{side.name}"
    ledgers = [
        {
            "ledger_id": other.ledger_id,
            "target": f"127.0.0.1:{ports[other.name]}",
            "tls": _tls(name, f"../{other.name}/tls"),
            "member_id": name,
            "key_id": KEY_ID,
            **_key(name, f"../{other.name}/keys"),
        }
        for other in SIDES
    ]
    values = {
        "relayer_id": name,
        "listen": f"127.0.0.1:{ports[name]}",
        "tls": _tls(name, f"../{side.name}/tls"),
        "roles": "roles.yaml",
        "ledgers": ledgers,
        "turn": {"index": index, "count": len(SIDES)},
    }
    identities = {side.identity(each): {"roles": [CALLERS[each]]} for each in ("operator", "regulator", "monitor")}
    identities[side.identity(name)] = {"roles": ["operator"]}
    load_roles(folder.yaml("roles.yaml", "Who may ask this relayer; it may ask itself.", {"identities": identities}))
    folder.yaml("relayer.yaml", "Paths are relative to this file.", values)


def _port_in(path: Path) -> int:
    """The port a configuration file listens on."""
    values = yaml.safe_load(path.read_text())
    try:
        return int(str(values["listen"]).rpartition(":")[2])
    except (TypeError, KeyError, ValueError) as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: listen: must be host:port") from error


def free_ports(count: int) -> list[int]:
    """Ports free now on the loopback; held together while choosing, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()
