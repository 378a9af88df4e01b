"""The `relayer` program: start it, and ask a running one for status, pending packets, a trace, clearing or a pause."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bridge.errors import BridgeError, DecodeError
from bridge.rpc.clients import RelayerClient, connect
from bridge.rpc.logs import configure_logs
from bridge.rpc.tls import TlsFiles
from bridge.rpc.tuning import tune_interpreter
from relayer.config import RelayerConfig, load_config
from relayer.program import run

EXIT_REFUSED = 1
EXIT_USAGE = 2

T = TypeVar("T")

PIPE_COLUMNS = 200
"""Width of tables that no terminal wraps: nothing of ours needs more."""

_CONSOLE = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_COLUMNS)

app = typer.Typer(
    help="Carries what one ledger proved to the other; it can only delay.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The relayer's YAML or TOML file.")]
TargetOption = Annotated[str, typer.Option(help="host:port of the running relayer; default: listen of the file.")]
RouteOption = Annotated[str, typer.Option(help="SOURCE>DESTINATION by ledger id; default: every route.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command()
def start(config: ConfigOption) -> None:
    """Run the relayer until SIGTERM or Ctrl-C."""
    settings = _load(config)
    configure_logs(settings.log_format)
    tune_interpreter()
    _finish(run(settings))


@app.command()
def status(config: ConfigOption, target: TargetOption = "", as_json: JsonOption = False) -> None:
    """Both ledgers, both clients and every route, as they are now."""
    answer = _ask(config, target, lambda client: client.status())
    if as_json:
        _print_json(answer)
        return
    table = _table(title=f"relayer {answer.relayer_id}, up {_span(answer.uptime_seconds)}")
    for name in ("route", "client", "trusted / source", "expires in", "pending", "delivered", "acknowledged", "noop"):
        table.add_column(name)
    for route in answer.routes:
        state = "PAUSED" if route.paused else route.client_state
        heights = f"{route.trusted_height} / {route.source_height}"
        counts = (route.pending_count, route.delivered_count, route.acknowledged_count, route.noop_count)
        table.add_row(route.route, state, heights, _span(route.expiry_seconds), *map(str, counts))
    _CONSOLE.print(table)
    for route in answer.routes:
        if route.last_error:
            _CONSOLE.print(f"{route.route}: last error: {route.last_error}", soft_wrap=True, markup=False)


@app.command()
def pending(
    config: ConfigOption, target: TargetOption = "", route: RouteOption = "", as_json: JsonOption = False
) -> None:
    """Packets that wait, oldest first, each with the reason."""
    answer = _ask(config, target, lambda client: client.pending(route, 500))
    if as_json:
        _print_json(answer)
        return
    table = _table("route", "sequence", "port", "age", "reason", "detail")
    for packet in answer.packets:
        age = _span(packet.age_seconds)
        table.add_row(packet.route, str(packet.sequence), packet.port, age, packet.reason, packet.detail)
    _CONSOLE.print(table if answer.packets else "nothing is pending")
    if answer.next_page_token:
        _CONSOLE.print("more are pending than are shown")


@app.command()
def trace(
    ledger_id: Annotated[str, typer.Argument(help="Source ledger of the packet.")],
    sequence: Annotated[int, typer.Argument(min=1, help="Sequence of the packet.")],
    config: ConfigOption,
    target: TargetOption = "",
    as_json: JsonOption = False,
) -> None:
    """The way of one packet, step by step."""
    steps = _ask(config, target, lambda client: client.trace(ledger_id, sequence))
    if as_json:
        print(json.dumps([MessageToDict(step, preserving_proto_field_name=True) for step in steps]))  # noqa: T201
        return
    table = _table("step", "done", "ledger", "height", "detail")
    for step in steps:
        table.add_row(step.step, "yes" if step.done else "no", step.ledger_id, str(step.height or ""), step.detail)
    _CONSOLE.print(table)


@app.command()
def clear(
    config: ConfigOption, target: TargetOption = "", route: RouteOption = "", as_json: JsonOption = False
) -> None:
    """Carry everything pending now, whoever's turn it is."""

    async def follow(client: RelayerClient) -> None:
        async for progress in client.clear(route):
            if as_json:
                _print_json(progress)
            else:
                _print_progress(progress)

    _ask(config, target, follow)


@app.command()
def pause(config: ConfigOption, target: TargetOption = "", route: RouteOption = "") -> None:
    """Stop carrying on a route; what is in flight finishes."""
    routes = _ask(config, target, lambda client: client.set_paused(paused=True, route=route))
    _CONSOLE.print("paused: " + ", ".join(routes))


@app.command()
def resume(config: ConfigOption, target: TargetOption = "", route: RouteOption = "") -> None:
    """Carry again on a paused route."""
    routes = _ask(config, target, lambda client: client.set_paused(paused=False, route=route))
    _CONSOLE.print("resumed: " + ", ".join(routes))


def _table(*columns: str, title: str = "") -> Table:
    return Table(*columns, title=title or None, title_justify="left", box=SIMPLE)


def _span(seconds: int) -> str:
    """Seconds as people say them, in the two largest units."""
    units = (("d", seconds // 86_400), ("h", seconds // 3600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60))
    said = [f"{number} {unit}" for unit, number in units if number]
    return " ".join(said[:2]) or "0 s"


def _print_progress(progress: Any) -> None:
    line = f"{progress.route}: {progress.done_count} of {progress.total_count}"
    if progress.finished:
        line += ", done"
    elif progress.eta_seconds:
        line += f", about {progress.eta_seconds} s left"
    _CONSOLE.print(line)


def _print_json(message: Message) -> None:
    shown = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    print(json.dumps(shown))  # noqa: T201


def _load(path: Path) -> RelayerConfig:
    try:
        return load_config(path)
    except DecodeError as error:
        print(f"relayer: {error}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(EXIT_USAGE) from error


def _ask(config: Path, target: str, question: Any) -> Any:
    """Put one question to the running relayer, under the identity of its own file."""
    settings = _load(config)
    address = target or settings.listen
    if address.endswith(":0"):
        print("relayer: the file lets the system choose the port; name it with --target", file=sys.stderr)  # noqa: T201
        raise typer.Exit(EXIT_USAGE)

    async def ask(tls: TlsFiles) -> Any:
        async with RelayerClient(connect(address, tls)) as client:
            return await question(client)

    return _finish(ask(settings.tls))


def _finish(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except BridgeError as error:
        print(f"relayer: {error}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(EXIT_REFUSED) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(EXIT_REFUSED) from error


def main() -> None:
    """Entry point."""
    app()
