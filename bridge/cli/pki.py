"""`cargobridge pki`: a development authority for both sides, and single signing keys."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.output import JsonOption, finish, print_json, print_line, usage
from bridge.clock import SystemClock
from bridge.crypto.keys import generate_signer, public_key_to_pem, save_signer
from bridge.crypto.suites import SUITE_IDS
from bridge.rpc.pki import DEFAULT_VALIDATORS, make_pki
from bridge.rpc.pki_files import PASSPHRASE_BYTES, Folder
from bridge.rpc.settings import MAX_VALIDATORS
from bridge.rpc.tls import read_passphrase


def init(
    folder: Annotated[Path, typer.Option("--dir", help="Folder to fill; what is there already stays.")] = Path(
        "cargobridge-dev"
    ),
    validators: Annotated[int, typer.Option(min=1, max=MAX_VALIDATORS, help="Validators of each ledger.")] = (
        DEFAULT_VALIDATORS
    ),
    hk_port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of hk-adapter; 0 takes a free one.")] = 0,
    sh_port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of sh-adapter; 0 takes a free one.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make certificates with SPIFFE identities, keys, members and configuration for both sides; for development only.

    Running it again keeps everything that is there and adds what is missing.
    """
    report = finish(lambda: make_pki(folder, SystemClock(), {"hk": hk_port, "sh": sh_port}, validators))
    if as_json:
        print_json(
            {
                "folder": str(report.folder),
                "made": [str(path) for path in report.made],
                "kept": [str(path) for path in report.kept],
                "ports": dict(report.ports),
            }
        )
    else:
        print_line(report.next_steps().rstrip())


def key(
    out: Annotated[Path, typer.Argument(help="File for the private key, new; its public half goes beside it.")],
    suite: Annotated[str, typer.Option(help=f"One of {', '.join(SUITE_IDS)}.")] = SUITE_IDS[0],
    passphrase_file: Annotated[
        Path | None, typer.Option(help="File with the passphrase; made beside the key when it is not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make one signing key: encrypted PKCS#8 in a file of mode 0600, and the public key as OUT.pub.pem."""
    if suite not in SUITE_IDS:
        usage(f"--suite {suite}: must be one of {', '.join(SUITE_IDS)}")
    if not out.parent.is_dir():
        usage(f"{out.parent}: there is no such folder")
    finish(lambda: _make_key(out, suite, passphrase_file or out.with_name(f"{out.name}.pass")))
    public = out.with_name(f"{out.name}.pub.pem")
    if as_json:
        print_json({"key": str(out), "public_key": str(public), "suite": suite})
    else:
        print_line(f"{out}: {suite} key; register its public half {public} with `member register --key k1={public}`")


def _make_key(out: Path, suite_id: str, passphrase: Path) -> None:
    folder = Folder(out.parent)
    if not passphrase.exists():
        made = f"{secrets.token_urlsafe(PASSPHRASE_BYTES)}\n".encode()
        Folder(passphrase.parent).keep_or_make(passphrase.name, lambda: made, secret=True)
    signer = generate_signer(suite_id)
    save_signer(signer, out, read_passphrase(passphrase))
    folder.keep_or_make(f"{out.name}.pub.pem", lambda: public_key_to_pem(suite_id, signer.public_key))
