"""`cargobridge conformance`: runs the kit against a ledger, a relayer or a verifier, and tells what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.conformance_text import CaseLines, print_cases, print_summary
from bridge.cli.output import EXIT_REFUSED, finish, run_to_end, usage
from bridge.conformance.case import Mode, cases
from bridge.conformance.expected import ExpectedFailures
from bridge.conformance.ledger_mode import run_ledger_mode
from bridge.conformance.reports import write_reports
from bridge.conformance.results import RunReport
from bridge.conformance.runner import PROFILES, RunOptions, select
from bridge.conformance.target import TARGET_FILE, Target

DEFAULT_SEED = 1
"""Seed of a run that names none: the same run every time."""

ReportOption = Path | None


def conformance(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="Relayer under test, for --mode relayer.")
    ] = None,
    target: Annotated[
        str, typer.Option(help=f"HOST:PORT, a {TARGET_FILE}, or the folder of one (see `conformance target init`).")
    ] = "",
    tls: Annotated[Path | None, typer.Option(help="Certificate authority of a target named by HOST:PORT.")] = None,
    cert: Annotated[Path | None, typer.Option(help="Certificate to show to it.")] = None,
    key: Annotated[Path | None, typer.Option(help="Private key of that certificate.")] = None,
    role: Annotated[str, typer.Option(help="Role of that certificate at the target.")] = "relayer",
    counterparty_profile: Annotated[
        str, typer.Option(help="Meet the target with ledgers of this header profile only; by default of every one.")
    ] = "",
    mode: Annotated[Mode, typer.Option(help="What is under test.")] = Mode.LEDGER,
    entrypoint: Annotated[str, typer.Option(help="Verifier under test, for --mode verifier.")] = "",
    profile: Annotated[str | None, typer.Option(help="core (the default), extended or all.")] = None,
    pattern: Annotated[
        str, typer.Option("-k", metavar="PATTERN", help="Cases by id, wildcard or word; several with commas.")
    ] = "",
    expected_failures: Annotated[
        Path | None, typer.Option(help="File of case ids, wildcards allowed, that are known to fail; they must.")
    ] = None,
    junit: Annotated[ReportOption, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    json: Annotated[ReportOption, typer.Option("--json", metavar="FILE", help="Write the report as JSON.")] = None,
    html: Annotated[ReportOption, typer.Option(metavar="FILE", help="Write one self-contained HTML page.")] = None,
    badge: Annotated[ReportOption, typer.Option(metavar="FILE", help="Write an SVG badge.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every choice the kit makes.")] = DEFAULT_SEED,
    dump: Annotated[Path | None, typer.Option(metavar="DIR", help="Write what each case sent and got.")] = None,
    list_cases: Annotated[bool, typer.Option("--list", help="List the chosen cases and run nothing.")] = False,
    i_know: Annotated[bool, typer.Option("--i-know", help="Run on a ledger whose id has no test- prefix.")] = False,
) -> None:
    """Test a ledger, a relayer or a verifier against the protocol, with a malicious counterparty of the kit's own.

    Ends with 0 only when something ran and nothing failed that was not expected to. For a test ledger to run it
    against, see `cargobridge conformance target --help`.
    """
    chosen = profile or ("all" if list_cases else "core")
    if chosen not in PROFILES:
        usage(f"--profile {chosen}: must be one of {', '.join(PROFILES)}")
    found = select(cases(mode), chosen, pattern)
    if not found:
        usage(f"no case of mode {mode} and profile {chosen} matches {pattern or 'anything'}; --list shows them")
    if list_cases:
        print_cases(found)
        return
    expected = finish(lambda: ExpectedFailures.load(expected_failures)) if expected_failures else ExpectedFailures()
    finish(lambda: expected.require_known(cases(mode)))
    files = {"junit": junit, "json": json, "html": html, "badge": badge}
    for option, path in files.items():
        if path is not None and not path.absolute().parent.is_dir():
            usage(f"--{option} {path}: there is no such folder")
    lines = CaseLines(sys.stdout, sys.stderr)
    options = RunOptions(
        profile=chosen,
        pattern=pattern,
        seed=seed,
        dump=dump,
        expected=expected,
        on_start=lines.started,
        on_result=lines.finished,
    )
    named = (target, (tls, cert, key), role, counterparty_profile)
    report = _run(mode, options, command or (), entrypoint, named, i_know=i_know)
    lines.close()
    try:
        write_reports(report, files)
    except OSError as error:
        usage(f"a report cannot be written: {error}")
    print_summary(report)
    if not report.succeeded:
        raise typer.Exit(EXIT_REFUSED)


def _run(
    mode: Mode,
    options: RunOptions,
    command: Sequence[str],
    entrypoint: str,
    named: tuple[str, Sequence[Path | None], str, str],
    *,
    i_know: bool,
) -> RunReport:
    """The run of one mode; wrong usage when its own options are missing or another's are given."""
    start = ("cargobridge", "conformance", "--mode", str(mode))
    if (mode is Mode.RELAYER) is not bool(command):
        usage(
            "--mode relayer needs the relayer's command after --" if not command else "a command needs --mode relayer"
        )
    if (mode is Mode.VERIFIER) is not bool(entrypoint):
        usage("--mode verifier needs --entrypoint" if not entrypoint else "--entrypoint needs --mode verifier")
    if mode is Mode.RELAYER:
        from bridge.conformance.relayer.mode import run_relayer_mode  # noqa: PLC0415 it starts ledgers of its own

        told = replace(options, replay=(*start, "--", *command))
        return run_to_end(lambda: run_relayer_mode(command, told))
    if mode is Mode.VERIFIER:
        from bridge.conformance.verifier.mode import run_verifier_mode  # noqa: PLC0415 as above

        told = replace(options, replay=(*start, "--entrypoint", entrypoint))
        return run_to_end(lambda: run_verifier_mode(entrypoint, told))
    text, tls, role, facing = named
    if not text:
        usage(f"--target is missing: HOST:PORT, a {TARGET_FILE} or its folder")
    found = _target(text, tls, role)
    replay = _ledger_replay(text, tls, role, i_know=i_know)
    if facing:
        found, replay = finish(lambda: found.facing(facing)), (*replay, "--counterparty-profile", facing)
    told = replace(options, replay=replay)
    return run_to_end(lambda: run_ledger_mode(found, told, i_know=i_know))


def _target(text: str, tls: Sequence[Path | None], role: str) -> Target:
    """What --target and the TLS options name together."""
    path = Path(text)
    if path.is_dir() or path.is_file():
        if any(tls):
            usage("--tls, --cert and --key belong to a target named by HOST:PORT; a target.toml names its own")
        return finish(lambda: Target.load(path))
    if ":" not in text or "/" in text:
        usage(f"--target {text}: there is no such file, and it is not HOST:PORT")
    ca, cert, key = tls
    if ca is None or cert is None or key is None:
        usage("a target named by HOST:PORT needs --tls, --cert and --key: a bridge is reached over mTLS only")
    return finish(lambda: Target.bare(text, ca, cert, key, role))


def _ledger_replay(text: str, tls: Sequence[Path | None], role: str, *, i_know: bool) -> tuple[str, ...]:
    words = ["cargobridge", "conformance", "--target", text]
    for name, path in zip(("--tls", "--cert", "--key"), tls, strict=True):
        words += [name, str(path)] if path is not None else []
    words += ["--role", role] if any(tls) and role != "relayer" else []
    return (*words, "--i-know") if i_know else tuple(words)
