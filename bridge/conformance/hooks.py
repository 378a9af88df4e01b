"""Runs a hook of the target and waits until the ledger answers again."""

from __future__ import annotations

import subprocess

from bridge.conformance.checks import NotRun
from bridge.conformance.target import Target

HOOK_SECONDS = 60
"""Longest a hook may take, in seconds: stop with its drain, a cold start on a busy machine, and some."""

_TAIL_CHARACTERS = 400


def run_hook(target: Target, name: str) -> None:
    """Run it in the target's folder; NotRun when there is none or it fails: then the surroundings are at fault."""
    command: tuple[str, ...] = getattr(target.file.hooks, name)
    if not command:
        raise NotRun(f"the target.toml has no hook {name}")
    try:
        done = subprocess.run(  # noqa: S603 the operator's own command
            command, cwd=target.folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=HOOK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotRun(f"the hook {name} did not end well: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace")[-_TAIL_CHARACTERS:]
        raise NotRun(f"the hook {name} ended with {done.returncode}: {' '.join(said.split())}")
