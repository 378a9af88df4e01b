"""The caller's file: which adapter to call, with which certificate, and which member keys this caller may sign with.

target: 127.0.0.1:7001
ledger_id: hk-trade-1
tls: {certificate: platform.crt, key: platform.key, ca: ca.crt}
issuer: {member_id: victoria-harbour, key_id: k1, key_file: issuer.pem, passphrase_file: issuer.pass}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import grpc
import typer
from pydantic import Field, ValidationInfo, field_validator

from bridge.crypto.keys import load_signer
from bridge.crypto.ports import Signer
from bridge.errors import DecodeError, Reason
from bridge.rpc.clients import connect
from bridge.rpc.tls import TlsFiles, existing_file, read_passphrase
from bridge.rpc.yaml_files import FileModel, load_model

CallerOption = Annotated[
    Path,
    typer.Option(
        "--as", envvar="CARGOBRIDGE_AS", help="The caller's file: adapter, certificate, keys (made by `pki init`)."
    ),
]


class MemberKeySection(FileModel):
    """One member key to sign with."""

    member_id: str = Field(min_length=1, max_length=63)
    key_id: str = Field(min_length=1, max_length=63)
    key_file: Path
    passphrase_file: Path

    @field_validator("key_file", "passphrase_file")
    @classmethod
    def _there(cls, path: Path, info: ValidationInfo) -> Path:
        return existing_file(path, info)

    def signer(self) -> Signer:
        """The key itself, decrypted."""
        return load_signer(self.key_file, read_passphrase(self.passphrase_file))


class CallerFile(FileModel):
    """The whole file."""

    target: str = Field(pattern=r"^[^:\s]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$")
    ledger_id: str
    tls: TlsFiles
    issuer: MemberKeySection | None = None
    authority: MemberKeySection | None = None

    def channel(self) -> grpc.aio.Channel:
        """A channel to the adapter under the caller's certificate."""
        return connect(self.target, self.tls)

    def require_issuer(self) -> MemberKeySection:
        """The issuer's key section; DecodeError CONFIGURATION_INVALID when the file has none."""
        if self.issuer is None:
            raise DecodeError(Reason.CONFIGURATION_INVALID, "the caller's file names no issuer key")
        return self.issuer

    def require_authority(self) -> MemberKeySection:
        """The authority's key section; DecodeError CONFIGURATION_INVALID when the file has none."""
        if self.authority is None:
            raise DecodeError(Reason.CONFIGURATION_INVALID, "the caller's file names no authority key")
        return self.authority


def load_caller(path: Path) -> CallerFile:
    """The file at `path`; DecodeError CONFIGURATION_INVALID naming file, line and field otherwise."""
    return load_model(CallerFile, path)
