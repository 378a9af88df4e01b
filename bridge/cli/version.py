"""`cargobridge version`: what is installed here."""

from __future__ import annotations

import importlib.metadata
import platform

from bridge.cli.output import JsonOption, print_json


def version(as_json: JsonOption = False) -> None:
    """Print the versions of this program, its contract and its Python."""
    found = {
        "cargobridge": importlib.metadata.version("cargobridge"),
        "api": "bridge.v1",
        "python": platform.python_version(),
    }
    if as_json:
        print_json(found)
    else:
        print("\n".join(f"{name} {number}" for name, number in found.items()))  # noqa: T201
