"""What both simulated ledgers and the relayer under test are made of: certificates, keys, members, configurations.

Made once a run, in one folder; ledgers may begin anew in it as often as cases need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.clock import NANOS_PER_SECOND, Clock, Nanos
from bridge.conformance.counterparty.records import DISCLOSED
from bridge.crypto.ports import Signer
from bridge.light_client.profiles import profile
from bridge.protocol.members import member_sign_bytes
from bridge.rpc.pki import free_ports
from bridge.rpc.pki_files import Folder, certificate, certificate_authority, signing_key
from bridge.rpc.settings import AdapterSettings, GenesisSection, load_settings
from bridge.rpc.tls import TlsFiles
from bridge.v1.member_pb2 import (
    MEMBER_ROLE_ISSUER,
    MEMBER_ROLE_PLATFORM,
    MEMBER_ROLE_RELAYER,
    MEMBER_STATE_REGISTERED,
    MemberKey,
    MemberRegistration,
    SignedMember,
)
from bridge.wire import encode, timestamp_of

KEY_ID = "k1"
"""Key id of every key here."""

RELAYER, RIVAL, CARRIER, NODE, AUTHORITY = "relayer", "rival", "carrier", "node", "authority"
"""Members: the relayer under test, the kit's own relayer, the issuer, the platform; and who registers them."""

PROFILES = ("cometbft", "chainmaker")
"""Header profiles of the two ledgers."""

LEDGER_IDS = ("test-kit-a", "test-kit-b")
CLIENT_IDS = ("ledger-b", "ledger-a")
"""Ids of the two ledgers, and of the client that each has of the other."""

VALIDATOR_POWERS = (100, 1)
"""Powers of a ledger's validators where powers count; a rotation that drops the first leaves too little overlap."""

PEM_LINE_CHARACTERS = 64
"""Length of a full line of a PEM file, in characters."""

_ROLES = {CARRIER: MEMBER_ROLE_ISSUER, NODE: MEMBER_ROLE_PLATFORM}
_HOSTS = ("localhost", "127.0.0.1")
_CALLERS = {"operator": "operator", "monitor": "monitor", "stranger": ""}
"""Who may ask the relayer's own door, with the role each has; the stranger has none."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one ledger that the kit itself signs with."""

    authority: Signer
    carrier: Signer
    rival: Signer
    validators: tuple[Signer, ...]


class Estate:
    """Files of two ledgers and one relayer below a folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Make everything; takes about a second."""
        self.folder = folder.resolve()
        root = Folder(self.folder)
        self._clock = clock
        self._now = clock.now()
        self.ports = dict(zip(("a", "b", RELAYER), free_ports(3), strict=True))
        self.settings: list[AdapterSettings] = []
        self.keys: list[Keys] = []
        for index, name in enumerate(("a", "b")):
            self.keys.append(self._make_side(root.sub(name), index))
            self.settings.append(load_settings(self.folder / name / "adapter.yaml"))
        self._make_callers(root.sub(RELAYER))
        self.relayer_config = self._write_relayer(root.sub(RELAYER))

    def begin(self, index: int, data: Path, genesis: Nanos) -> AdapterSettings:
        """Settings of a ledger that begins now, in a data folder of its own."""
        settings = self.settings[index]
        time = datetime.fromtimestamp(genesis // NANOS_PER_SECOND, UTC)
        section = GenesisSection.model_construct(time=time, members=settings.genesis.members)
        return settings.model_copy(update={"data_dir": data, "genesis": section})

    def genesis(self, before: int) -> Nanos:
        """Genesis time of a ledger that begins so many nanoseconds ago."""
        return Nanos(self._clock.now() - before)

    def door_tls(self, index: int) -> TlsFiles:
        """What a ledger's door shows."""
        return self._tls(("a", "b")[index], "door")

    def caller_tls(self, caller: str) -> TlsFiles:
        """What one shows who asks the relayer under test."""
        return self._tls(RELAYER, caller)

    @property
    def secrets(self) -> list[str]:
        """What nobody may read in the output of the relayer under test: passphrases and keys in PEM."""
        found = [path.read_text().strip() for path in self.folder.rglob("passphrase")]
        for path in self.folder.rglob("*.key"):
            found += [line for line in path.read_text().splitlines() if len(line) == PEM_LINE_CHARACTERS]
        return found

    @property
    def relayer_door(self) -> str:
        """Where the relayer under test is told to listen."""
        return f"127.0.0.1:{self.ports[RELAYER]}"

    def _tls(self, folder: str, name: str) -> TlsFiles:
        tls = self.folder / folder / "tls"
        return TlsFiles(certificate=tls / f"{name}.pem", key=tls / f"{name}.key", ca=tls / "ca.pem")

    def _make_side(self, folder: Folder, index: int) -> Keys:
        tls, keys = folder.sub("tls"), folder.sub("keys")
        domain = f"{LEDGER_IDS[index]}.cargobridge.test"
        authority = certificate_authority(tls, f"{domain} test authority", self._now)
        certificate(tls, "door", authority, f"spiffe://{domain}/door", self._now, _HOSTS)
        certificate(tls, RELAYER, authority, f"spiffe://{domain}/{RELAYER}", self._now)
        suite_id = profile(PROFILES[index]).suite_id
        signers = {name: signing_key(keys, name, suite_id) for name in (AUTHORITY, NODE, CARRIER, RELAYER, RIVAL)}
        validators = [signing_key(keys, f"validator-{number}", suite_id) for number in range(len(VALIDATOR_POWERS))]
        members = folder.sub("members")
        for name in (NODE, CARRIER, RELAYER, RIVAL):
            signed = self._member(index, name, signers[name], signers[AUTHORITY])
            members.keep_or_make(f"{name}.member", lambda signed=signed: signed)  # type: ignore[misc]
        identity = {"roles": ["relayer"], "member": RELAYER}
        folder.yaml("roles.yaml", "Who may call.", {"identities": {f"spiffe://{domain}/{RELAYER}": identity}})
        folder.yaml("adapter.yaml", "A simulated ledger.", _adapter(index))
        return Keys(signers[AUTHORITY], signers[CARRIER], signers[RIVAL], tuple(validators))

    def _member(self, index: int, name: str, key: Signer, authority: Signer) -> bytes:
        ledger_id = LEDGER_IDS[index]
        body = encode(
            MemberRegistration(
                ledger_id=ledger_id,
                member_id=name,
                revision=1,
                state=MEMBER_STATE_REGISTERED,
                roles=[_ROLES.get(name, MEMBER_ROLE_RELAYER)],
                keys=[MemberKey(key_id=KEY_ID, suite=key.suite_id, public_key=key.public_key)],
                registration_time=timestamp_of(self._now),
            )
        )
        return encode(SignedMember(registration=body, signature=authority.sign(member_sign_bytes(ledger_id, body))))

    def _make_callers(self, folder: Folder) -> None:
        tls = folder.sub("tls")
        authority = certificate_authority(tls, "relayer test authority", self._now)
        certificate(tls, RELAYER, authority, _caller(RELAYER), self._now, _HOSTS)
        for name in _CALLERS:
            certificate(tls, name, authority, _caller(name), self._now)
        identities = {_caller(name): {"roles": [role]} for name, role in _CALLERS.items() if role}
        folder.yaml("roles.yaml", "Who may ask the relayer.", {"identities": identities})

    def _write_relayer(self, folder: Folder) -> Path:
        values = {
            "relayer_id": "relayer-under-test",
            "listen": self.relayer_door,
            "tls": _tls_paths("tls", RELAYER),
            "roles": "roles.yaml",
            "ledgers": [
                {
                    "ledger_id": LEDGER_IDS[index],
                    "target": f"127.0.0.1:{self.ports[name]}",
                    "tls": _tls_paths(f"../{name}/tls", RELAYER),
                    "member_id": RELAYER,
                    "key_id": KEY_ID,
                    **_key_paths(f"../{name}/keys", RELAYER),
                }
                for index, name in enumerate(("a", "b"))
            ],
            "turn": {"index": 0, "count": 1},
            "log_format": "json",
        }
        return folder.yaml("relayer.yaml", "Paths are relative to this file; docs/configuration.md.", values)


def _caller(name: str) -> str:
    return f"spiffe://relayer.cargobridge.test/{name}"


def _tls_paths(folder: str, name: str) -> Mapping[str, str]:
    return {"certificate": f"{folder}/{name}.pem", "key": f"{folder}/{name}.key", "ca": f"{folder}/ca.pem"}


def _key_paths(folder: str, name: str) -> Mapping[str, str]:
    return {"key_file": f"{folder}/{name}.key", "passphrase_file": f"{folder}/passphrase"}


def _adapter(index: int) -> dict[str, Any]:
    powers: Sequence[int] = VALIDATOR_POWERS if PROFILES[index] == "cometbft" else (1,) * len(VALIDATOR_POWERS)
    return {
        "ledger_id": LEDGER_IDS[index],
        "profile": PROFILES[index],
        "listen": "127.0.0.1:0",
        "tls": _tls_paths("tls", "door"),
        "roles": "roles.yaml",
        "data_dir": "data",
        "node": {"member_id": NODE, "key_id": KEY_ID, **_key_paths("keys", NODE)},
        "authority_public_key": f"keys/{AUTHORITY}.pub.pem",
        "validators": [
            {"node_id": f"node-{number}", "voting_power": power, **_key_paths("keys", f"validator-{number}")}
            for number, power in enumerate(powers)
        ],
        "genesis": {
            "time": datetime.fromtimestamp(0, UTC),
            "members": [f"members/{name}.member" for name in (NODE, CARRIER, RELAYER, RIVAL)],
        },
        "record_id_prefix": ("KITA", "KITB")[index],
        "corridor": {"bill-of-lading": list(DISCLOSED)},
        "workers": 0,
    }
