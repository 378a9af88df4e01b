"""Holds the README to what the programs print: every block that starts with `$ PROGRAM ... --help` must be its output.

Run with --write to bring the blocks up to date.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCK = re.compile(r"(```text\n\$ (?P<command>[a-z-]+(?: [a-z-]+)* --help)\n)(?P<shown>.*?)(```)", re.DOTALL)


def printed(command: str) -> str:
    """What the installed program prints, at a fixed width and without colour."""
    program, *arguments = command.split()
    environment = dict(os.environ, COLUMNS="100", TERM="dumb", NO_COLOR="1", _TYPER_FORCE_DISABLE_TERMINAL="1")
    run = subprocess.run(  # noqa: S603 - our own console scripts
        [str(Path(sys.executable).with_name(program)), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return "\n".join(line.rstrip() for line in run.stdout.strip("\n").splitlines()) + "\n"


def main() -> int:
    """0 when every block is right, 1 otherwise."""
    text = README.read_text(encoding="utf-8")
    found = list(BLOCK.finditer(text))
    if not found:
        print("README.md shows no help text")  # noqa: T201
        return 1
    fresh = BLOCK.sub(lambda match: match[1] + printed(match["command"]) + match[4], text)
    if "--write" in sys.argv:
        README.write_text(fresh, encoding="utf-8")
    elif fresh != text:
        print("README.md shows outdated help text; run docs/check_readme.py --write")  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
