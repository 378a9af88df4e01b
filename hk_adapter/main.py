"""The `hk-adapter` program."""

from __future__ import annotations

from bridge.rpc.adapter_cli import make_app
from hk_adapter.config import KIND

app = make_app(KIND)


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
