"""`python -m bridge.cli` is `cargobridge`."""

from bridge.cli.main import main

main()
