"""Files of a development authority: each is made once and kept, so that running the maker again changes nothing."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bridge.clock import Nanos
from bridge.crypto.keys import generate_signer, load_signer, public_key_to_pem, save_signer
from bridge.crypto.ports import Signer
from bridge.errors import DecodeError, Reason
from bridge.rpc.certificates import (
    AUTHORITY_DAYS,
    CERTIFICATE_DAYS,
    KeyPair,
    issue,
    load_pair,
    make_authority,
    validity,
)
from bridge.rpc.tls import read_passphrase, read_private

PASSPHRASE_BYTES = 24
"""Random bytes of a made passphrase: 192 bits, more than the keys it guards."""

SECRET_MODE = 0o600
FOLDER_MODE = 0o700


@dataclass(slots=True)
class Folder:
    """One side's or one program's folder; remembers what was made and what was there already."""

    path: Path
    made: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)

    def sub(self, name: str) -> Folder:
        """A folder inside, reporting to this one."""
        return Folder(self.path / name, self.made, self.kept)

    def keep_or_make(self, name: str, make: Callable[[], bytes], *, secret: bool = False) -> Path:
        """The file `name`: as it is there, or with what `make` answers; written whole or not at all."""
        path = self.path / name
        if path.exists():
            self.kept.append(path)
            return path
        self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        draft.unlink(missing_ok=True)
        mode = SECRET_MODE if secret else 0o644
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        self.made.append(path)
        return path

    def yaml(self, name: str, comment: str, values: Any) -> Path:
        """A configuration file with a comment on top."""
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
        lead = "".join(f"# {line}\n" for line in comment.splitlines())
        return self.keep_or_make(name, (lead + text).encode)


def passphrase_file(folder: Folder) -> Path:
    """The folder's passphrase file."""
    passphrase = f"{secrets.token_urlsafe(PASSPHRASE_BYTES)}\n"
    return folder.keep_or_make("passphrase", passphrase.encode, secret=True)


def signing_key(folder: Folder, name: str, suite_id: str) -> Signer:
    """The signer in `name`.key, made under the folder's passphrase if it is not there; its public key lies by it."""
    passphrase = read_passphrase(passphrase_file(folder))
    path = folder.path / f"{name}.key"
    if path.exists():
        folder.kept.append(path)
        signer: Signer = load_signer(path, passphrase)
        if signer.suite_id != suite_id:
            detail = f"{path}: holds a key of another suite; move it away to have one made"
            raise DecodeError(Reason.CONFIGURATION_INVALID, detail, got=signer.suite_id, expected=suite_id)
    else:
        signer = generate_signer(suite_id)
        save_signer(signer, path, passphrase)
        folder.made.append(path)
    folder.keep_or_make(f"{name}.pub.pem", lambda: public_key_to_pem(suite_id, signer.public_key))
    return signer


def certificate_authority(folder: Folder, name: str, now: Nanos) -> KeyPair:
    """The authority in ca.pem and ca.key, made if it is not there."""
    return _pair(folder, "ca", lambda: make_authority(name, validity(now, AUTHORITY_DAYS)))


def certificate(
    folder: Folder, name: str, authority: KeyPair, spiffe_id: str, now: Nanos, hosts: Sequence[str] = ()
) -> None:
    """The certificate in `name`.pem and `name`.key; `hosts` are names and addresses a server is reached by."""
    addresses = [host for host in hosts if host[:1].isdigit() or ":" in host]
    names = [host for host in hosts if host not in addresses]
    held = validity(now, CERTIFICATE_DAYS)
    _pair(folder, name, lambda: issue(authority, held, uris=[spiffe_id], dns=names, addresses=addresses))


def _pair(folder: Folder, name: str, make: Callable[[], KeyPair]) -> KeyPair:
    """Certificate and key of one name. The certificate is written last: where it stands, its key does too."""
    certificate_path, key_path = folder.path / f"{name}.pem", folder.path / f"{name}.key"
    if certificate_path.exists() and key_path.exists():
        folder.kept += [certificate_path, key_path]
        return load_pair(certificate_path.read_bytes(), read_private(key_path))
    if certificate_path.exists():
        detail = f"{certificate_path}: its key is missing; move the certificate away to have both made"
        raise DecodeError(Reason.CONFIGURATION_INVALID, detail)
    key_path.unlink(missing_ok=True)  # left by a run that was interrupted
    pair = make()
    folder.keep_or_make(f"{name}.key", pair.key_pem, secret=True)
    folder.keep_or_make(f"{name}.pem", pair.certificate_pem)
    return pair
