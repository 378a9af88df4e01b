"""The target under test: what target.toml says about it, what it lacks for a case, and whether it may be tested at all.

    endpoint = "127.0.0.1:7001"
    ledger_id = "test-hk-1"
    trust_anchor = "anchor.json"
    tls_ca = "tls/ca.pem"
    identities = { relayer = "tls/relayer", platform = "tls/platform", authority = "tls/authority" }
    authority_key = { key_file = "keys/authority.key", passphrase_file = "keys/passphrase" }
    relayer_key = { member_id = "relayer-1", key_id = "k1", key_file = "...", passphrase_file = "..." }
    seed = { member_id = "an-issuer", key_id = "k1", key_file = "...", passphrase_file = "..." }
    hooks = { reset = ["./reset.sh"], restart = ["./restart.sh"], kill = ["./kill.sh"] }

The kit signs wrong headers correctly, creates clients and breaks them: a ledger that somebody uses must never be its
target, hence the prefix.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from bridge.bundle.anchor import MAX_ANCHOR_BYTES, decode_anchor_file
from bridge.conformance.case import Case
from bridge.crypto.keys import load_signer
from bridge.crypto.ports import Signer
from bridge.errors import DecodeError, PreconditionError, Reason
from bridge.rpc.settings import KeySection, LedgerId
from bridge.rpc.tls import TlsFiles, existing_file, in_folder, read_passphrase
from bridge.rpc.yaml_files import FileModel, load_model
from bridge.v1.transaction_pb2 import TrustAnchor

TEST_PREFIX = "test-"
"""What the id of a ledger begins with that nobody relies on."""

TARGET_FILE = "target.toml"
"""Name of the file in a target's folder."""

CAPABILITIES: frozenset[str] = frozenset(
    {"amendment", "bundles", "export-register", "mappings", "pause", "rotation", "watch"}
)
"""What a ledger may leave out and still pass core; a target.toml without `capabilities` declares them all."""

HOOKS = ("reset", "restart", "kill")
"""What the kit may ask of a target's surroundings; each ends with 0 once the ledger answers again."""

ROLE_ALIASES = {"bank": "reader", "regulator": "auditor"}
"""Names of the development authority for roles of the role table."""

_CERTIFICATE_SUFFIXES = (".pem", ".crt")


class Identity(FileModel):
    """Certificate and key that the kit shows under one role."""

    certificate: Path
    key: Path

    @model_validator(mode="before")
    @classmethod
    def _of_stem(cls, value: object, info: ValidationInfo) -> object:
        """A text means two files: STEM.pem (or .crt) and STEM.key."""
        if not isinstance(value, str):
            return value
        stem = in_folder(Path(value), info)
        return {"certificate": _certificate(stem), "key": stem.with_name(f"{stem.name}.key")}

    @field_validator("certificate", "key")
    @classmethod
    def _there(cls, path: Path, info: ValidationInfo) -> Path:
        return existing_file(path, info)


class MemberKey(KeySection):
    """A member and the key it signs with."""

    member_id: str = Field(min_length=1, max_length=63)
    key_id: str = Field(default="k1", min_length=1, max_length=63)


class Hooks(FileModel):
    """Commands, run in the folder of the target.toml."""

    reset: tuple[str, ...] = ()
    """Throw away what the ledger holds and start it anew from its genesis."""
    restart: tuple[str, ...] = ()
    """Stop the ledger in order and start it again."""
    kill: tuple[str, ...] = ()
    """End the ledger as a power cut would, and start it again."""
    serve: tuple[str, ...] = ()
    """The ledger itself, in the foreground; for `conformance target start`, never run by the kit."""


def _identities(value: object, info: ValidationInfo) -> object:
    """A folder means every pair of files in it, by name."""
    if not isinstance(value, str):
        return value
    folder = in_folder(Path(value), info)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    pairs = [path for path in sorted(folder.iterdir()) if path.suffix in _CERTIFICATE_SUFFIXES]
    return {path.stem: str(path.with_suffix("")) for path in pairs if path.with_suffix(".key").is_file()}


class TargetFile(FileModel):
    """The whole file. Relative paths stand against the file's folder; what is not named is not tested with."""

    endpoint: str = Field(pattern=r"^[^:\s]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$")
    ledger_id: LedgerId = ""
    tls_ca: Path
    identities: Annotated[dict[str, Identity], BeforeValidator(_identities)]
    trust_anchor: Path | None = None
    server_name: str = ""
    authority_key: KeySection | None = None
    relayer_key: MemberKey | None = None
    second_relayer_key: MemberKey | None = None
    seed: MemberKey | None = None
    hooks: Hooks = Hooks()
    capabilities: frozenset[str] = CAPABILITIES
    profiles: tuple[str, ...] = Field(default=("cometbft", "chainmaker"), min_length=1)
    tls_ca_key: Path | None = None

    @field_validator("tls_ca", "trust_anchor", "tls_ca_key")
    @classmethod
    def _there(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        return None if path is None else existing_file(path, info)

    @field_validator("identities")
    @classmethod
    def _roles(cls, identities: dict[str, Identity]) -> dict[str, Identity]:
        if not identities:
            raise ValueError("at least one identity is needed, such as relayer")
        return {ROLE_ALIASES.get(name, name): identity for name, identity in identities.items()}

    @field_validator("capabilities")
    @classmethod
    def _known(cls, names: frozenset[str]) -> frozenset[str]:
        if unknown := sorted(names - CAPABILITIES):
            raise ValueError(f"there is no capability {', '.join(unknown)}; known: {', '.join(sorted(CAPABILITIES))}")
        return names


@dataclass(frozen=True, slots=True)
class Target:
    """One ledger under test and what the kit may use of it."""

    file: TargetFile
    folder: Path
    source: str
    """How the target was named on the command line; it goes into replay commands."""
    _signers: dict[str, Signer] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path) -> Target:
        """The target of a target.toml, or of the folder that holds one; DecodeError CONFIGURATION_INVALID otherwise."""
        path = path / TARGET_FILE if path.is_dir() else path
        return cls(load_model(TargetFile, path), path.resolve().parent, str(path))

    @classmethod
    def bare(cls, endpoint: str, ca: Path, certificate: Path, key: Path, role: str) -> Target:
        """A target of which only a door and one identity are known; its ledger id is learned by asking.

        DecodeError CONFIGURATION_INVALID when a file is not there or the endpoint is not host:port.
        """
        fields = {"endpoint": endpoint, "tls_ca": ca, "identities": {role: {"certificate": certificate, "key": key}}}
        try:
            file = TargetFile.model_validate(fields, context={"folder": Path.cwd()})
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise DecodeError(Reason.CONFIGURATION_INVALID, told) from error
        return cls(file, Path.cwd(), endpoint)

    def learned(self, ledger_id: str) -> Target:
        """The target with the id that its ledger says it has."""
        return replace(self, file=self.file.model_copy(update={"ledger_id": ledger_id}))

    def facing(self, profile_id: str) -> Target:
        """The target met by counterparties of one header profile only; DecodeError when it does not take that one."""
        if profile_id not in self.file.profiles:
            detail = f"it takes counterparties of {', '.join(self.file.profiles)}"
            raise DecodeError(Reason.CONFIGURATION_INVALID, detail, got=profile_id)
        return replace(self, file=self.file.model_copy(update={"profiles": (profile_id,)}))

    @property
    def endpoint(self) -> str:
        """Where it answers, host:port."""
        return self.file.endpoint

    @property
    def ledger_id(self) -> str:
        """The ledger's id; empty until it is learned where the target.toml names none."""
        return self.file.ledger_id

    @property
    def roles(self) -> tuple[str, ...]:
        """Identities the kit has certificates for."""
        return tuple(sorted(self.file.identities))

    def tls(self, role: str) -> TlsFiles:
        """TLS files of an identity; DecodeError CONFIGURATION_INVALID when there is none."""
        identity = self.file.identities.get(ROLE_ALIASES.get(role, role))
        if identity is None:
            raise DecodeError(Reason.CONFIGURATION_INVALID, f"the target.toml has no identity {role}")
        return TlsFiles(certificate=identity.certificate, key=identity.key, ca=self.file.tls_ca)

    def anchor(self) -> TrustAnchor | None:
        """The pinned anchor; None when the file names none."""
        if self.file.trust_anchor is None:
            return None
        with self.file.trust_anchor.open("rb") as file:
            return decode_anchor_file(file.read(MAX_ANCHOR_BYTES + 1))

    def signer(self, section: KeySection) -> Signer:
        """The key of a section, decrypted once."""
        name = str(section.key_file)
        if name not in self._signers:
            self._signers[name] = load_signer(section.key_file, read_passphrase(section.passphrase_file))
        return self._signers[name]

    def lacks(self, need: str) -> str:
        """What is missing for a need of a case, as a sentence; empty when nothing is."""
        file = self.file
        if need in HOOKS:
            return "" if getattr(file.hooks, need) else f"the target.toml has no hook {need}"
        keys = {
            "authority_key": file.authority_key,
            "relayer_key": file.relayer_key,
            "second_relayer": file.second_relayer_key,
            "second_relayer_key": file.second_relayer_key,
            "seed": file.seed,
            "tls_ca_key": file.tls_ca_key,
            "trust_anchor": file.trust_anchor,
        }
        if need in keys:
            return "" if keys[need] is not None else f"the target.toml names no {need}"
        return "" if ROLE_ALIASES.get(need, need) in file.identities else f"the target.toml has no identity {need}"

    def undeclared(self, case: Case) -> str:
        """What a case is about and the target does not declare, as a sentence; empty when there is nothing."""
        declared = {f"capability:{name}" for name in self.file.capabilities}
        declared |= {f"profile:{name}" for name in self.file.profiles}
        missing = sorted({need for need in case.needs if ":" in need} - declared)
        return f"the target does not declare {', '.join(missing)}" if missing else ""

    def missing(self, case: Case) -> str:
        """Why a case cannot be run on this target, as a sentence; empty when it can."""
        found = [self.lacks(need) for need in case.needs if ":" not in need]
        return "; ".join(sentence for sentence in found if sentence)


def require_test_ledger(ledger_id: str, *, i_know: bool) -> None:
    """PreconditionError CONFIGURATION_INVALID unless the id has the test prefix or the caller insists."""
    if not ledger_id.startswith(TEST_PREFIX) and not i_know:
        detail = (
            f'the ledger is called {ledger_id}, which does not begin with "{TEST_PREFIX}": the kit freezes clients, '
            "replaces keys and restarts programs, so it runs on test ledgers only; --i-know runs it all the same"
        )
        raise PreconditionError(Reason.CONFIGURATION_INVALID, detail)


def _certificate(stem: Path) -> Path:
    for suffix in _CERTIFICATE_SUFFIXES:
        path = stem.with_name(stem.name + suffix)
        if path.is_file():
            return path
    raise ValueError(f"there is no certificate {stem}{_CERTIFICATE_SUFFIXES[0]}")
