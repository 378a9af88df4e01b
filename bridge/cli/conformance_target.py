"""`cargobridge conformance target`: a test ledger in a folder, made, started, stopped, killed and reset for the kit.

The hooks of the target.toml that `init` makes are these same commands.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.deployment import START_SECONDS, STOP_SECONDS, Program
from bridge.cli.output import JsonOption, finish, print_json, print_line
from bridge.clock import SystemClock
from bridge.conformance.preflight import examine
from bridge.conformance.target import Target
from bridge.errors import CallerNotAllowedError, DecodeError, LedgerUnavailableError, PreconditionError, Reason
from bridge.rpc.settings import MAX_VALIDATORS, load_settings

POLL_SECONDS = 0.05
"""Pause between looks at a program that starts or stops."""

DEFAULT_VALIDATORS = 4

SETTINGS_FILE = "adapter.yaml"

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the test ledger.")]


def init(
    folder: FolderArgument,
    adapter: Annotated[str, typer.Option(help="hk-adapter, sh-adapter, or the command that runs another adapter.")],
    header_profile: Annotated[
        str, typer.Option(help="Header profile of a command whose name is not an installed adapter's.")
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 0,
    validators: Annotated[int, typer.Option(min=1, max=MAX_VALIDATORS, help="Validators of the ledger.")] = (
        DEFAULT_VALIDATORS
    ),
    as_json: JsonOption = False,
) -> None:
    """Make keys, certificates, settings and a target.toml for a test ledger; what is there already stays."""
    from bridge.conformance.deployment import adapter_of, make_target  # noqa: PLC0415 the hooks must start quickly

    words = shlex.split(adapter)
    kind = finish(lambda: adapter_of(words, header_profile))
    command = [_program(words[0]), *words[1:]]
    made = finish(lambda: make_target(folder, kind, SystemClock(), command=command, port=port, validators=validators))
    if as_json:
        print_json({"target": str(made.target), "ledger_id": made.ledger_id, "endpoint": made.endpoint})
        return
    print_line(f"{made.target}: ledger {made.ledger_id} at {made.endpoint}; next:")
    print_line(f"  cargobridge conformance target start {folder}")
    print_line(f"  cargobridge conformance --target {folder} --profile all --html report.html")
    print_line(f"  cargobridge conformance target stop {folder}")


def start(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Start the test ledger in the background and wait until it answers; nothing happens when it runs."""
    target = finish(lambda: Target.load(folder))
    if _pid(target.folder) is None:
        finish(lambda: _start(target))
    _say(target, "running", as_json=as_json)


def stop(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Stop the test ledger in order; nothing happens when it does not run."""
    target = finish(lambda: Target.load(folder))
    finish(lambda: _end(target.folder, signal.SIGTERM))
    _say(target, "stopped", as_json=as_json)


def restart(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Stop the test ledger in order and start it again; ends once it answers."""
    _again(folder, signal.SIGTERM, as_json=as_json)


def kill(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """End the test ledger as a power cut would and start it again; ends once it answers."""
    _again(folder, signal.SIGKILL, as_json=as_json)


def reset(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Throw away everything the test ledger holds and start it anew from its genesis; ends once it answers."""
    _again(folder, signal.SIGKILL, as_json=as_json, forget=True)


def _again(folder: Path, number: signal.Signals, *, as_json: bool, forget: bool = False) -> None:
    target = finish(lambda: Target.load(folder))

    def work() -> None:
        _end(target.folder, number)
        if forget:
            _forget(target)
        _start(target)

    finish(work)
    _say(target, "running", as_json=as_json)


def _forget(target: Target) -> None:
    """Delete the data folder; only of a ledger whose id says that it is a test."""
    settings = load_settings(target.folder / SETTINGS_FILE)
    if settings.ledger_id != target.ledger_id or not settings.data_dir.is_relative_to(target.folder):
        detail = f"{target.folder}: the settings are not those of the target.toml; nothing was deleted"
        raise DecodeError(Reason.CONFIGURATION_INVALID, detail)
    shutil.rmtree(settings.data_dir, ignore_errors=True)


def _start(target: Target) -> None:
    command = target.file.hooks.serve
    if not command:
        detail = f"{target.source}: hooks.serve names no command that runs the ledger"
        raise PreconditionError(Reason.CONFIGURATION_INVALID, detail)
    logs = target.folder / "logs"
    logs.mkdir(exist_ok=True)
    program = Program(command[0], command, logs / "adapter.log", detached=True)
    before = Path.cwd()
    os.chdir(target.folder)
    try:
        program.start()
    finally:
        os.chdir(before)
    if program.process is None:  # narrowed for the type checker; start() always sets it
        raise AssertionError
    _pid_file(target.folder).write_text(f"{program.process.pid}\n")
    deadline = time.monotonic() + START_SECONDS
    while True:
        program.require_running()
        try:
            examine(target, i_know=True)
        except (LedgerUnavailableError, CallerNotAllowedError):  # while it opens its door it may slam it
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return


def _end(folder: Path, number: signal.Signals) -> None:
    """Signal the ledger and wait until it is gone; SIGKILL when it does not go."""
    pid = _pid(folder)
    if pid is None:
        return
    os.kill(pid, number)
    deadline = time.monotonic() + STOP_SECONDS
    while _pid(folder) is not None:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += STOP_SECONDS
        time.sleep(POLL_SECONDS)
    _pid_file(folder).unlink(missing_ok=True)


def _pid(folder: Path) -> int | None:
    """Process id of the running ledger of this folder; None when there is none.

    The id in the file may be another program's by now, so the process must stand in this folder.
    """
    try:
        pid = int(_pid_file(folder).read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.is_dir():
        try:
            ended = status.read_text().rpartition(") ")[2].startswith("Z")
            if ended or Path(f"/proc/{pid}/cwd").resolve() != folder:
                return None
        except OSError:
            return None
    return pid


def _pid_file(folder: Path) -> Path:
    return folder / "adapter.pid"


def _program(name: str) -> str:
    """Path of an installed program: as given, beside this Python, or wherever the shell would find it."""
    if Path(name).name != name:
        return str(Path(name).absolute())
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    return found or name


def _say(target: Target, state: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"ledger_id": target.ledger_id, "endpoint": target.endpoint, "state": state})
    else:
        print_line(f"{target.ledger_id} at {target.endpoint}: {state}")
