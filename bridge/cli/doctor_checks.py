"""Single checks of files, ports and stores for `cargobridge doctor`; nothing is changed by looking."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from sqlalchemy import make_url

from bridge.clock import NANOS_PER_SECOND, SystemClock
from bridge.crypto.keys import load_signer, public_key_from_pem
from bridge.errors import BridgeError
from bridge.light_client.profiles import profile
from bridge.rpc.identity import caller_of_certificate
from bridge.rpc.roles import load_roles
from bridge.rpc.settings import AdapterSettings, KeySection, load_settings
from bridge.rpc.tls import TlsFiles, read_passphrase, server_credentials
from bridge.store.database import Database
from bridge.store.reader import StoreReader

State = Literal["ok", "warn", "fail"]

CERTIFICATE_WARNING_DAYS = 14
"""Days before a certificate's end at which renewing it should be on somebody's list."""

PORT_SECONDS = 2
"""Longest wait for a port to answer, in seconds."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: its name, how it stands, what was found, and what to do about it."""

    name: str
    state: State
    found: str
    advice: str = ""


def guarded(name: str, look: Callable[[], Check]) -> Check:
    """The check, or a failed one with the error's own words."""
    try:
        return look()
    except BridgeError as error:
        return Check(name, "fail", str(error.reason), error.detail or "see docs/errors.md")
    except OSError as error:
        return Check(name, "fail", type(error).__name__, str(error))


def check_certificate(tls: TlsFiles) -> Check:
    """Identity, dates, and that the key belongs to the certificate."""
    server_credentials(tls)
    pem = tls.certificate.read_bytes()
    identity = caller_of_certificate(pem)
    end = x509.load_pem_x509_certificate(pem).not_valid_after_utc
    left = int(end.timestamp()) - SystemClock().now() // NANOS_PER_SECOND
    days = left // 86_400
    state: State = "fail" if left <= 0 else "warn" if days < CERTIFICATE_WARNING_DAYS else "ok"
    advice = "" if state == "ok" else "renew the certificate"
    return Check("certificate", state, f"{identity.spiffe_id}, {days} days left", advice)


def check_configuration(path: Path) -> list[Check]:
    """An adapter's file and everything it names."""
    try:
        settings = load_settings(path)
    except BridgeError as error:
        return [Check("configuration", "fail", str(path), error.detail)]
    checks = [
        Check("configuration", "ok", f"{path}: {settings.ledger_id}, {settings.profile}"),
        guarded("certificate", lambda: check_certificate(settings.tls)),
        guarded("roles", lambda: _roles(settings)),
        guarded("authority key", lambda: _authority(settings)),
        guarded("node key", lambda: _key("node key", settings.node, settings)),
    ]
    for validator in settings.validators:
        name = f"validator {validator.node_id}"
        checks.append(guarded(name, lambda n=name, v=validator: _key(n, v, settings)))  # type: ignore[misc]
    return [*checks, _port(settings.listen), guarded("store", lambda: _store(settings))]


def _roles(settings: AdapterSettings) -> Check:
    table = load_roles(settings.roles)
    count = len(table.roles_of)
    if not count:
        return Check("roles", "warn", "no identity may call", f"name identities in {settings.roles}")
    return Check("roles", "ok", f"{count} identities, {len(table.denied)} denied")


def _authority(settings: AdapterSettings) -> Check:
    suite_id, _ = public_key_from_pem(settings.authority_public_key.read_bytes())
    return Check("authority key", "ok", suite_id)


def _key(name: str, section: KeySection, settings: AdapterSettings) -> Check:
    signer = load_signer(section.key_file, read_passphrase(section.passphrase_file))
    expected = profile(settings.profile).suite_id
    if signer.suite_id != expected:
        return Check(name, "fail", signer.suite_id, f"{settings.profile} needs a key of {expected}")
    return Check(name, "ok", signer.suite_id)


def _port(listen: str) -> Check:
    """Free to be listened at, or answered by a program that listens already."""
    host, _, port = listen.rpartition(":")
    address = (host.strip("[]"), int(port))
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(PORT_SECONDS)
        if probe.connect_ex(address) == 0:
            return Check("port", "ok", f"{listen} is answered: an adapter or another program runs there")
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return Check("port", "fail", f"{listen}: {error.strerror}", "choose another port or address for `listen`")
    return Check("port", "ok", f"{listen} is free")


def _store(settings: AdapterSettings) -> Check:
    """How high the ledger stands. A database that is not there yet is not made by looking."""
    url = make_url(settings.store_url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return Check("store", "ok", "not made yet; the adapter makes it when it starts")
    database = Database.open(settings.store_url, settings.ledger_id)
    try:
        height = StoreReader(database).latest_height()
    finally:
        database.close()
    return Check("store", "ok", f"{url.get_backend_name()}, {settings.ledger_id} at height {height}")
