"""The relayer's configuration file: which two ledgers, as which member, in which turn."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bridge.rpc.logs import LogFormat
from bridge.rpc.tls import TlsFiles, existing_file
from bridge.rpc.yaml_files import FileModel, load_model

DEFAULT_FALLBACK_SECONDS = 2.0
"""After this the other's turn is taken over: long against a healthy delivery, short for a reader who waits."""


class LedgerSection(FileModel):
    """One ledger's door and the member key to submit with there."""

    ledger_id: str = Field(min_length=2, max_length=50)
    target: str = Field(pattern=r"^[^:\s]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$")
    tls: TlsFiles
    member_id: str
    key_id: str
    key_file: Path
    passphrase_file: Path

    @field_validator("key_file", "passphrase_file")
    @classmethod
    def _there(cls, path: Path, info: ValidationInfo) -> Path:
        return existing_file(path, info)


class TurnSection(FileModel):
    """Place among the relayers that serve the same two ledgers."""

    index: int = Field(ge=0)
    count: int = Field(ge=1, le=16)

    @model_validator(mode="after")
    def _below_count(self) -> TurnSection:
        if self.index >= self.count:
            raise ValueError("index must be below count: the first of two relayers has index 0, the second 1")
        return self


class RelayerConfig(FileModel):
    """The whole file."""

    relayer_id: str = Field(min_length=2, max_length=63)
    listen: str = "127.0.0.1:0"
    allow_remote: bool = False
    reflection: bool = False
    tls: TlsFiles
    roles: Path
    ledgers: tuple[LedgerSection, LedgerSection]
    turn: TurnSection = TurnSection(index=0, count=1)
    fallback_delay_seconds: float = Field(default=DEFAULT_FALLBACK_SECONDS, ge=0.1, le=3600)
    log_format: LogFormat = "auto"

    @field_validator("roles")
    @classmethod
    def _there(cls, path: Path, info: ValidationInfo) -> Path:
        return existing_file(path, info)

    @model_validator(mode="after")
    def _two_ledgers(self) -> RelayerConfig:
        if self.ledgers[0].ledger_id == self.ledgers[1].ledger_id:
            raise ValueError("the two ledgers must differ")
        return self


def load_config(path: Path) -> RelayerConfig:
    """The file at `path`; DecodeError CONFIGURATION_INVALID naming file, line and field otherwise."""
    return load_model(RelayerConfig, path)
