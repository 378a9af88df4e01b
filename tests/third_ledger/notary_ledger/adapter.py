"""The `notary-adapter` program: everything but the block format is the bridge's."""

from __future__ import annotations

from notary_ledger.block_format import NotaryFormat
from notary_ledger.profile import PROFILE_ID

from bridge.rpc.adapter import AdapterKind
from bridge.rpc.adapter_cli import make_app

KIND = AdapterKind(program="notary-adapter", profile_id=PROFILE_ID, country="SG", make_format=NotaryFormat)
"""Registered under `cargobridge.adapters`."""

app = make_app(KIND)


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
