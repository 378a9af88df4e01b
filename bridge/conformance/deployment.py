"""Makes a test ledger to run the kit against: keys, certificates, settings with a test id, anchor, and its target.toml.

The files are those of any development side; what is added is what the kit must know and nobody else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from bridge.bundle.anchor import encode_anchor_file
from bridge.cargo.policies import POLICIES
from bridge.cargo.policy import record_type_name
from bridge.clock import Clock
from bridge.conformance.target import TARGET_FILE, TEST_PREFIX
from bridge.crypto.keys import load_signer, public_key_from_pem
from bridge.errors import DecodeError, Reason
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.light_client.profiles import profile
from bridge.protocol.clients import Authority, encode_anchor
from bridge.rpc.adapter import AdapterKind
from bridge.rpc.pki import AUTHORITY, CALLERS, KEY_ID, Side, make_one_side
from bridge.rpc.settings import AdapterSettings, load_settings
from bridge.rpc.tls import read_passphrase
from bridge.v1.transaction_pb2 import TrustAnchor, ValidatorInfo

ADAPTER_GROUP = "cargobridge.adapters"
"""Entry-point group in which an installed package offers its AdapterKind, by header profile."""

RELAYERS = ("relayer-1", "relayer-2")
"""Members that may deliver: two, because either authority runs one."""

ISSUER = "kit-carrier"
"""Member whose records the kit issues."""

RECORD_TYPES = ("bill-of-lading", "booking", "transport-event")
"""Types of record that may leave: not all, so that it shows whether the others are held back."""

ADAPTER_FILE = "adapter.yaml"


@dataclass(frozen=True, slots=True)
class TestDeployment:
    """What `make_target` made."""

    __test__ = False

    folder: Path
    target: Path
    """The target.toml."""
    ledger_id: str
    endpoint: str


def installed_adapters() -> dict[str, AdapterKind]:
    """Kinds of adapter that installed packages offer, by program."""
    kinds: list[AdapterKind] = [entry_point.load() for entry_point in entry_points(group=ADAPTER_GROUP)]
    return {kind.program: kind for kind in kinds}


def adapter_of(command: Sequence[str], header_profile: str = "") -> AdapterKind:
    """The kind of adapter a command runs: by header profile when given, else by the program's name.

    Raises DecodeError CONFIGURATION_INVALID when no installed package offers it.
    """
    kinds = installed_adapters()
    names = {Path(word).name for word in command}
    for program, kind in sorted(kinds.items()):
        if kind.profile_id == header_profile or (not header_profile and program in names):
            return kind
    known = ", ".join(f"{program} ({kind.profile_id})" for program, kind in sorted(kinds.items()))
    detail = f"no installed package offers this adapter; known: {known}; name another's with --header-profile"
    raise DecodeError(Reason.CONFIGURATION_INVALID, detail, got=header_profile or " ".join(command))


def make_target(
    folder: Path, kind: AdapterKind, clock: Clock, *, command: Sequence[str] = (), port: int = 0, validators: int = 4
) -> TestDeployment:
    """Fill a folder with a test ledger of that kind and its target.toml; what is there already stays.

    `command` runs the adapter; " serve --config adapter.yaml" is added. Raises BridgeError when something there is not
    usable.
    """
    folder = folder.resolve()
    standard = {record_type_name(number): rules for number, rules in POLICIES["standard"].rules.items()}
    side = Side(
        name="target",
        ledger_id=f"{TEST_PREFIX}{kind.profile_id}-1",
        profile=kind.profile_id,
        record_id_prefix="TESTCB",
        corridor={name: rules for name, rules in standard.items() if name in RECORD_TYPES},
        issuer=(ISSUER, (("Latn", "Conformance Kit Carrier Ltd"),)),
    )
    chosen = make_one_side(folder, side, clock, RELAYERS, port, validators)
    settings = load_settings(folder / ADAPTER_FILE)
    (folder / "anchor.json").write_bytes(encode_anchor_file(genesis_anchor(settings, kind)))
    endpoint = f"127.0.0.1:{chosen}"
    file = folder / TARGET_FILE
    if not file.exists():
        serve = [*(command or [kind.program]), "serve", "--config", ADAPTER_FILE]
        file.write_text(_target_toml(settings.ledger_id, endpoint, serve), encoding="utf-8")
    return TestDeployment(folder, file, settings.ledger_id, endpoint)


def genesis_anchor(settings: AdapterSettings, kind: AdapterKind) -> TrustAnchor:
    """The anchor of a ledger before its first block, from its settings alone."""
    signers = [load_signer(each.key_file, read_passphrase(each.passphrase_file)) for each in settings.validators]
    validators = [
        ValidatorInfo(node_id=each.node_id, public_key=signer.public_key, voting_power=each.voting_power)
        for each, signer in zip(settings.validators, signers, strict=True)
    ]
    form = kind.make_format(settings.ledger_id, validators, signers, MemoryHighWaterMark(), settings.genesis.nanos)
    suite_id, public_key = public_key_from_pem(settings.authority_public_key.read_bytes())
    authority = Authority(settings.ledger_id, suite_id, public_key)
    return encode_anchor(profile(settings.profile), form.genesis(), authority)


def _target_toml(ledger_id: str, endpoint: str, serve: Sequence[str]) -> str:
    """The file, with a comment on every part: people copy it for ledgers of their own."""
    roles = {CALLERS[name]: f"tls/{name}" for name in CALLERS} | {
        "relayer": f"tls/{RELAYERS[0]}",
        "second-relayer": f"tls/{RELAYERS[1]}",
    }
    hook = [sys.executable, "-m", "bridge.cli", "conformance", "target"]
    hooks = {name: [*hook, name, "."] for name in ("reset", "restart", "kill")} | {"serve": list(serve)}
    return "\n".join(
        [
            "# What the conformance kit knows of this ledger. Paths are relative to this file.",
            f"endpoint = {_toml(endpoint)}",
            f"ledger_id = {_toml(ledger_id)}",
            "# The genesis anchor, pinned.",
            'trust_anchor = "anchor.json"',
            "# Who issued the server's certificate; with its key the kit makes wrong callers' certificates too.",
            'tls_ca = "tls/ca.pem"',
            'tls_ca_key = "tls/ca.key"',
            "# Creates and pairs the clients of the kit's malicious counterparties.",
            f"authority_key = {_key(AUTHORITY)}",
            "# Members that deliver, and the issuer whose records are issued.",
            f"relayer_key = {_key(RELAYERS[0], member=True)}",
            f"second_relayer_key = {_key(RELAYERS[1], member=True)}",
            f"seed = {_key(ISSUER, member=True)}",
            "",
            "# Certificate and key by role: STEM.pem and STEM.key.",
            "[identities]",
            *(f"{name} = {_toml(stem)}" for name, stem in sorted(roles.items())),
            "",
            "# Each ends with 0 once the ledger answers again. `serve` is the ledger itself, for `target start`.",
            "[hooks]",
            *(f"{name} = {_toml(words)}" for name, words in hooks.items()),
            "",
        ]
    )


def _key(name: str, *, member: bool = False) -> str:
    fields: Mapping[str, str] = {"key_file": f"keys/{name}.key", "passphrase_file": "keys/passphrase"}
    if member:
        fields = {"member_id": name, "key_id": KEY_ID, **fields}
    return "{ " + ", ".join(f"{field} = {_toml(value)}" for field, value in fields.items()) + " }"


def _toml(value: str | Sequence[str]) -> str:
    """A text or a list of texts; JSON's form of both is TOML's."""
    return json.dumps(value, ensure_ascii=False)
