"""TLS material: files checked before use, server credentials that follow them, channel credentials of clients."""

from __future__ import annotations

import stat
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import ValidationInfo, field_validator

from bridge.errors import DecodeError, Reason
from bridge.rpc.watched import WatchedFile
from bridge.rpc.yaml_files import FileModel


class TlsFiles(FileModel):
    """Certificate chain, private key and the authority that the other end's certificate must come from; PEM files.

    The key file must be readable by its owner alone; `passphrase_file` is the file with its passphrase, if it has one.
    """

    certificate: Path
    key: Path
    ca: Path
    passphrase_file: Path | None = None

    @field_validator("certificate", "key", "ca", "passphrase_file")
    @classmethod
    def _there(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        return None if path is None else existing_file(path, info)


def existing_file(path: Path, info: ValidationInfo) -> Path:
    """`path` against the folder of the file it stands in; ValueError when there is no such file."""
    resolved = in_folder(path, info)
    if not resolved.is_file():
        raise ValueError(f"there is no file {resolved}")
    return resolved


def in_folder(path: Path, info: ValidationInfo) -> Path:
    """`path` against the folder of the configuration file it stands in."""
    folder = (info.context or {}).get("folder")
    return path if folder is None else (folder / path).resolve()


def read_private(path: Path) -> bytes:
    """[TLS-1] Content of a secret file that only its owner may read; DecodeError CONFIGURATION_INVALID otherwise."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            detail = f"{path}: others may read this secret; make its mode 0600"
            raise DecodeError(Reason.CONFIGURATION_INVALID, detail, got=oct(mode))
        return path.read_bytes()
    except OSError as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: cannot be read: {error.strerror}") from error


def read_passphrase(path: Path) -> bytes:
    """[TLS-1] The first line of a passphrase file, without its end of line."""
    lines = read_private(path).splitlines()
    if not lines or not lines[0]:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{path}: the first line must be the passphrase")
    return lines[0]


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """[TLS-2] Server credentials that demand a client certificate and follow the files: a renewed one needs no restart.

    A handshake after a change uses the new files; a bad change leaves the last good ones in force.
    """
    watched = WatchedFile(files.certificate, lambda _path: _server_configuration(files))
    return grpc.dynamic_ssl_server_credentials(watched.value(), watched.value, require_client_authentication=True)


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """[TLS-3] Channel credentials of a client that shows its certificate and trusts only `files.ca`."""
    key, chain = _key_pair(files)
    return grpc.ssl_channel_credentials(files.ca.read_bytes(), key, chain)


def _server_configuration(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    key, chain = _key_pair(files)
    return grpc.ssl_server_certificate_configuration([(key, chain)], files.ca.read_bytes())


def _key_pair(files: TlsFiles) -> tuple[bytes, bytes]:
    """Key in clear PEM, as gRPC wants it, and the chain; they must belong together."""
    try:
        passphrase = read_passphrase(files.passphrase_file) if files.passphrase_file else None
        key = load_pem_private_key(read_private(files.key), passphrase)
        chain = files.certificate.read_bytes()
        _require_pair(key, chain)
    except (ValueError, TypeError, OSError) as error:
        raise DecodeError(Reason.CONFIGURATION_INVALID, f"{files.key}: not a usable key: {error}") from error
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), chain


def _require_pair(key: object, chain: bytes) -> None:
    certificate = x509.load_pem_x509_certificate(chain)
    public = getattr(key, "public_key", lambda: None)()
    if public != certificate.public_key():
        raise ValueError("the certificate is for another key")
