"""The configuration of an adapter: one schema for both sides, from YAML or TOML, refused with file, line and field."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from bridge.cargo.policies import POLICIES
from bridge.cargo.policy import CorridorPolicy
from bridge.cargo.record_ids import require_prefix
from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import BridgeError
from bridge.protocol.paths import require_ledger_id
from bridge.rpc import limits
from bridge.rpc.logs import LogFormat
from bridge.rpc.tls import TlsFiles, existing_file, in_folder
from bridge.rpc.workers import MAX_WORKERS
from bridge.rpc.yaml_files import FileModel, load_model

MAX_VALIDATORS = 64
"""Most validators of an embedded ledger."""

DEFAULT_VOTING_POWER = 1
"""Voting power of a validator that names none; on a ledger that counts heads it is the only one allowed."""


DEFAULT_WORKERS = 2
"""Worker processes of an adapter: they check signatures and disclosures of large batches beside the one that executes;
on two cores more gain nothing, and 0 leaves the work to threads."""


def _ledger_id(text: str) -> str:
    try:
        return require_ledger_id(text)
    except BridgeError as error:
        raise ValueError("2 to 50 characters of A-Z a-z 0-9 . _ -, beginning with a letter or digit") from error


def _record_prefix(text: str) -> str:
    try:
        return require_prefix(text)
    except BridgeError as error:
        raise ValueError("2 to 8 characters of A-Z 0-9, beginning with a letter, such as HKCB") from error


LedgerId = Annotated[str, AfterValidator(_ledger_id)]
RecordPrefix = Annotated[str, AfterValidator(_record_prefix)]


class KeySection(FileModel):
    """An encrypted private key file (PKCS#8, mode 0600) and the file with its passphrase."""

    key_file: Path
    passphrase_file: Path

    @field_validator("key_file", "passphrase_file")
    @classmethod
    def _there(cls, path: Path, info: ValidationInfo) -> Path:
        return existing_file(path, info)


class NodeSection(KeySection):
    """The member under which this adapter submits what platforms and authorities hand to it."""

    member_id: str = Field(min_length=1, max_length=63)
    key_id: str = Field(min_length=1, max_length=63)


class ValidatorSection(KeySection):
    """One validator of the embedded ledger."""

    node_id: str = Field(min_length=1, max_length=64)
    voting_power: int = Field(default=DEFAULT_VOTING_POWER, ge=1, le=2**40)


class GenesisSection(FileModel):
    """What the ledger begins with; never changed afterwards.

    `time` is RFC 3339 with whole seconds in UTC; `members` are files of SignedMember bytes.
    """

    time: datetime
    members: tuple[Path, ...] = Field(min_length=1)

    @field_validator("time")
    @classmethod
    def _utc(cls, time: datetime) -> datetime:
        if time.tzinfo is None or time.utcoffset() or time.microsecond or time.year < 1970:
            raise ValueError("must be whole seconds in UTC, such as 2025-01-01T00:00:00Z")
        return time

    @field_validator("members")
    @classmethod
    def _there(cls, paths: tuple[Path, ...], info: ValidationInfo) -> tuple[Path, ...]:
        return tuple(existing_file(path, info) for path in paths)

    @property
    def nanos(self) -> Nanos:
        """The time in nanoseconds since the epoch."""
        return Nanos(int(self.time.timestamp()) * NANOS_PER_SECOND)


class LimitsSection(FileModel):
    """Limits a deployment may lower; none may be raised above what the programs were built for."""

    deadline_seconds: int = Field(default=limits.DEFAULT_DEADLINE_SECONDS, ge=1, le=limits.DEFAULT_DEADLINE_SECONDS)
    message_bytes: int = Field(default=limits.MAX_MESSAGE_BYTES, ge=64 * 1024, le=limits.MAX_MESSAGE_BYTES)
    calls_in_flight: int = Field(default=limits.MAX_CALLS_IN_FLIGHT, ge=1, le=limits.MAX_CALLS_IN_FLIGHT)
    calls_per_caller: int = Field(default=limits.MAX_CALLS_PER_CALLER, ge=1, le=limits.MAX_CALLS_PER_CALLER)
    watches_per_caller: int = Field(default=limits.MAX_WATCHES_PER_CALLER, ge=1, le=limits.MAX_WATCHES_PER_CALLER)
    drain_seconds: int = Field(default=limits.DRAIN_SECONDS, ge=0, le=60)
    max_timeout_seconds: int = Field(default=365 * 86_400, ge=1, le=365 * 86_400)


class AdapterSettings(FileModel):
    """The whole file. Relative paths stand against the file's folder."""

    ledger_id: LedgerId
    profile: str
    listen: str
    allow_remote: bool = False
    reflection: bool = False
    tls: TlsFiles
    roles: Path
    data_dir: Path
    store: str = ""
    node: NodeSection
    authority_public_key: Path
    validators: tuple[ValidatorSection, ...] = Field(min_length=1, max_length=MAX_VALIDATORS)
    genesis: GenesisSection
    record_id_prefix: RecordPrefix
    corridor: str | dict[str, tuple[str, ...]] = "standard"
    limits: LimitsSection = LimitsSection()
    log_format: LogFormat = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    uvloop: bool = False
    workers: int = Field(default=DEFAULT_WORKERS, ge=0, le=MAX_WORKERS)

    @field_validator("roles", "authority_public_key")
    @classmethod
    def _there(cls, path: Path, info: ValidationInfo) -> Path:
        return existing_file(path, info)

    @field_validator("data_dir")
    @classmethod
    def _resolved(cls, path: Path, info: ValidationInfo) -> Path:
        return in_folder(path, info)

    @field_validator("corridor")
    @classmethod
    def _rules(cls, corridor: str | dict[str, tuple[str, ...]]) -> str | dict[str, tuple[str, ...]]:
        if isinstance(corridor, str):
            if corridor not in POLICIES:
                raise ValueError(f"must be one of {', '.join(sorted(POLICIES))}, or rules by record type")
        else:
            try:
                CorridorPolicy.from_names(corridor)
            except BridgeError as error:
                raise ValueError(str(error)) from error
        return corridor

    @model_validator(mode="after")
    def _distinct(self) -> AdapterSettings:
        nodes = [validator.node_id for validator in self.validators]
        if len(set(nodes)) != len(nodes):
            raise ValueError("validators: every node_id must be another")
        return self

    @property
    def policy(self) -> CorridorPolicy:
        """What may leave this ledger."""
        return POLICIES[self.corridor] if isinstance(self.corridor, str) else CorridorPolicy.from_names(self.corridor)

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store; a file in the data folder unless the file says otherwise."""
        return self.store or f"sqlite:///{self.data_dir / 'ledger.db'}"


def load_settings(path: Path) -> AdapterSettings:
    """[CFG-2] The adapter's settings in the file at `path`; DecodeError CONFIGURATION_INVALID otherwise."""
    return load_model(AdapterSettings, path)
