"""The README's commands and programs, run as they stand there, by somebody who has nothing but the page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    command
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if (command := line.partition(" #")[0].strip()) and not command.startswith(". ")
]
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
IN_A_TERMINAL_OF_ITS_OWN = ("hk-adapter serve", "sh-adapter serve", "relayer start")

STOP_SECONDS = 20


def environment() -> dict[str, str]:
    """The virtual environment as it is after `. .venv/bin/activate`."""
    return dict(os.environ, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def done(desk: Path, command: list[str]) -> str:
    run = subprocess.run(command, cwd=desk, env=environment(), capture_output=True, text=True, timeout=90, check=False)
    assert run.returncode == 0, f"{command}: {run.returncode}\n{run.stdout}\n{run.stderr}"
    return run.stdout


def test_every_command_and_program_of_the_readme_works(tmp_path: Path) -> None:
    desk = tmp_path
    (desk / "bridge").symlink_to(ROOT / "bridge")
    assert (len(COMMANDS), len(PROGRAMS)) == (13, 2)
    printed: dict[str, str] = {}
    terminals: list[subprocess.Popen[bytes]] = []
    try:
        for command in COMMANDS:
            if command.startswith(IN_A_TERMINAL_OF_ITS_OWN):
                with (desk / f"{len(terminals)}.log").open("wb") as log:
                    terminals.append(
                        subprocess.Popen(shlex.split(command), cwd=desk, env=environment(), stdout=log, stderr=log)
                    )
            else:
                printed[command.partition(" --as")[0]] = done(desk, shlex.split(command))
        issued, listed = (done(desk, [sys.executable, "-c", program]) for program in PROGRAMS)
        assert [terminal.poll() for terminal in terminals] == [None] * 4
    finally:
        for terminal in reversed(terminals):
            terminal.terminate()
        ended = [terminal.wait(STOP_SECONDS) for terminal in terminals]
    assert ended == [0] * 4
    assert "(accepted as SHCB-" in printed["cargobridge record issue"]
    assert "VHL26110002" in printed["cargobridge record list"]
    assert "disclosed fields" in printed["cargobridge record show"]
    assert "REFUSED" not in printed["cargobridge verify bl.bundle --anchor hk-anchor.json"]
    assert re.fullmatch(r"HKCB-\d{4}-000000002\n", issued)
    assert re.match(r"SHCB-\d{4}-00000000\d HKCB-\d{4}-00000000\d version 1\n", listed)
