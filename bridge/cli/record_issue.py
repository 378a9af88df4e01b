"""`cargobridge record issue`: documents become signed record versions; every document gets its own answer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.callers import CallerFile, CallerOption, load_caller
from bridge.cli.issuing import Corridor
from bridge.cli.output import EXIT_REFUSED, JsonOption, finish, print_json, print_line, run, usage
from bridge.cli.record_desk import MAX_BATCH_RECORDS, Desk, Outcome, Terms, with_record
from bridge.cli.record_files import Entry, find_files, read_entries, total_bytes
from bridge.cli.record_inspect import finding_as_dict, finding_line
from bridge.cli.seeds import open_seeds, seed_file
from bridge.clock import SystemClock
from bridge.errors import BridgeError, LedgerUnavailableError
from bridge.rpc.clients import CargoRecordsClient
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.cargo_pb2 import LegalBasis, LegalBasisKind

DEFAULT_LEGAL_BASIS = "contract:terms of the issuing platform"
"""Basis where the caller names none: what every issuer on a platform agreed to."""

MAX_LINES = 200
"""Documents listed one by one when nothing is wrong with them; refused ones are always listed."""

POLL_SECONDS = 0.2
"""Pause between looks at records that wait for their acknowledgement."""

_DAY_SECONDS = 86_400
_COMMITTED = "committed"
_ACCEPTED = "accepted"


def issue(
    files: Annotated[list[Path], typer.Argument(help="Documents, folders of them, or JSON lines.")],
    caller: CallerOption,
    amend: Annotated[bool, typer.Option("--amend", help="Issue changed documents as next versions.")] = False,
    void: Annotated[bool, typer.Option("--void", help="Issue each document as the version that voids it.")] = False,
    legal_basis: Annotated[
        str,
        typer.Option(envvar="CARGOBRIDGE_LEGAL_BASIS", help="KIND:CITATION; kinds: statute, contract, foreign-law."),
    ] = DEFAULT_LEGAL_BASIS,
    timeout_days: Annotated[int, typer.Option(min=1, max=365, help="Days the other ledger has to accept.")] = 14,
    wait: Annotated[int, typer.Option(min=0, max=86_400, help="Seconds to wait for the other ledger.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Issue, amend or void records from documents; safe to repeat.

    Each document is answered on its own: issued, amended, voided, standing (it is on the ledger already) or refused.
    Ends with 1 when one was refused, or was not acknowledged within --wait.
    """
    if amend and void:
        usage("--amend and --void exclude each other")
    terms = Terms(timeout_days * _DAY_SECONDS, parse_legal_basis(legal_basis), amend=amend, void=void)
    settings = finish(lambda: load_caller(caller))
    found = finish(lambda: find_files(files))
    work = _Work(settings, terms, found, wait)
    outcomes = run(work.run())
    if as_json:
        print_json({"results": [outcome_as_dict(outcome) for outcome in outcomes], "summary": count(outcomes)})
    else:
        print_outcomes(outcomes)
    late = wait and any(outcome.packet_state == _COMMITTED for outcome in outcomes)
    if late or any(outcome.reason or outcome.packet_state in ("rejected", "expired") for outcome in outcomes):
        raise typer.Exit(EXIT_REFUSED)


def parse_legal_basis(text: str) -> LegalBasis:
    """KIND:CITATION as a LegalBasis; ends the program with a usage error otherwise."""
    kind, _, citation = text.partition(":")
    name = f"LEGAL_BASIS_KIND_{kind.strip().upper().replace('-', '_')}"
    if name not in LegalBasisKind.keys()[1:] or not citation.strip():
        usage("--legal-basis is KIND:CITATION, such as 'statute:PRC Maritime Code ch. IV'")
    return LegalBasis(kind=LegalBasisKind.Value(name), citation=citation.strip())


@dataclass(slots=True)
class _Work:
    """One run over all files."""

    caller: CallerFile
    terms: Terms
    files: Sequence[Path]
    wait: int

    async def run(self) -> list[Outcome]:
        section = self.caller.require_issuer()
        seeds = open_seeds(seed_file(section.key_file, section.member_id))
        async with CargoRecordsClient(self.caller.channel()) as client:
            corridor = await Corridor.fetch(self.caller, client)
            desk = Desk(client, corridor, seeds, self.terms, SystemClock())
            outcomes = await self._issue_all(desk)
            return await wait_for(client, outcomes, self.wait) if self.wait else outcomes

    async def _issue_all(self, desk: Desk) -> list[Outcome]:
        outcomes: list[Outcome] = []
        with _progress(total_bytes(self.files)) as step:
            for batch in _batches(read_entries(self.files)):
                try:
                    outcomes += await desk.submit(batch)
                except LedgerUnavailableError as error:
                    return outcomes + [unanswered(entry, error) for entry in batch]
                step(sum(entry.bytes_read for entry in batch), outcomes)
        return outcomes


def _batches(entries: Iterable[Entry]) -> Iterable[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == MAX_BATCH_RECORDS:
            yield batch
            batch = []
    if batch:
        yield batch


_Step = Callable[[int, Sequence[Outcome]], None]


def _progress(total: int) -> AbstractContextManager[_Step]:
    """A bar on standard error while it is a terminal; what it is given is bytes done and the outcomes so far."""
    if not sys.stderr.isatty():
        return nullcontext(lambda _bytes, _outcomes: None)
    return _Bar(total)


class _Bar(AbstractContextManager[_Step]):
    def __init__(self, total: int) -> None:
        columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.description}"))
        self._progress = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("issuing", total=total)

    def __enter__(self) -> _Step:
        self._progress.start()
        return self._step

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _step(self, done: int, outcomes: Sequence[Outcome]) -> None:
        self._progress.update(self._task, advance=done, description=_summary(outcomes))


async def wait_for(client: CargoRecordsClient, outcomes: Sequence[Outcome], seconds: int) -> list[Outcome]:
    """The outcomes with acknowledgements that came within the time; a record that waits stays "committed"."""
    done = list(outcomes)
    waiting = [place for place, outcome in enumerate(done) if _waits(outcome)]
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while waiting:
        first = waiting[:MAX_BATCH_RECORDS]
        records = await asyncio.gather(*(_look(client, done[place]) for place in first))
        for place, record in zip(first, records, strict=True):
            done[place] = with_record(done[place], record) if record is not None else done[place]
        still = [place for place in first if _waits(done[place])]
        waiting = still + waiting[MAX_BATCH_RECORDS:]
        if loop.time() >= end:
            break
        if still:
            await asyncio.sleep(min(POLL_SECONDS, max(0, end - loop.time())))
    return done


def _waits(outcome: Outcome) -> bool:
    """Whether another look may show more: the other side's id can be there a moment after the acknowledgement."""
    unnamed = outcome.packet_state == _ACCEPTED and not outcome.counterparty_record_id
    return outcome.packet_state == _COMMITTED or unnamed


async def _look(client: CargoRecordsClient, outcome: Outcome) -> api.Record | None:
    """The version as it stands; None while the ledger does not answer, since another look follows."""
    try:
        return await client.get(api.GetRecordRequest(key=outcome.key, version=outcome.version))
    except BridgeError:
        return None


def unanswered(entry: Entry, error: LedgerUnavailableError) -> Outcome:
    """The outcome of a document that was in a call nobody answered; whether it was taken, only asking again tells."""
    detail = f"{error.detail}; stopped here: run the same command again to learn what was taken"
    return Outcome(entry.source, entry.type_name, "unknown", reason=str(error.reason), detail=detail)


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many of each code."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.code] = counts.get(outcome.code, 0) + 1
    return dict(sorted(counts.items()))


def outcome_as_dict(outcome: Outcome) -> dict[str, Any]:
    """One outcome as plain values."""
    names = (
        "source", "record", "code", "version", "local_record_id", "counterparty_record_id", "packet_state",
        "reason", "pointer", "detail",
    )  # fmt: skip
    shown: dict[str, Any] = {name: getattr(outcome, name) for name in names}
    return shown | {"findings": [finding_as_dict(finding) for finding in outcome.findings]}


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """A line a document and what was found in it; of many, only those that need a look."""
    left_out = 0
    for place, outcome in enumerate(outcomes):
        if place >= MAX_LINES and not outcome.refused:
            left_out += 1
            continue
        print_line(_line(outcome))
        for finding in outcome.findings:
            print_line("    " + finding_line(finding))
    if left_out:
        print_line(f"and {left_out} more that were not refused")
    print_line(_summary(outcomes) or "nothing to do")


def _summary(outcomes: Iterable[Outcome]) -> str:
    return ", ".join(f"{number} {code}" for code, number in count(outcomes).items())


def _line(outcome: Outcome) -> str:
    """`issued: bl.json bill-of-lading HKG0012 version 1 as HKCB-2025-000000001 (accepted as SHCB-...)`."""
    head = f"{outcome.code}: {outcome.source} {outcome.record}".rstrip()
    if outcome.reason:
        in_source = outcome.source.endswith(f"#{outcome.pointer}")
        where = f"{outcome.pointer}: " if outcome.pointer and not in_source else ""
        return f"{head}: {where}{outcome.reason}: {outcome.detail}"
    line = f"{head} version {outcome.version} as {outcome.local_record_id}"
    if outcome.packet_state:
        other = f" as {outcome.counterparty_record_id}" if outcome.counterparty_record_id else ""
        line += f" ({outcome.packet_state}{other})"
    return f"{line}: {outcome.detail}" if outcome.detail else line
