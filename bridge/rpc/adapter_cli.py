"""The commands both adapters have: serve, check the configuration, and make the development keys if there are none."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bridge.clock import SystemClock
from bridge.errors import BridgeError, DecodeError, Reason
from bridge.rpc.adapter import AdapterKind, require_settings, serve
from bridge.rpc.logs import configure_logs
from bridge.rpc.pki import make_pki
from bridge.rpc.roles import load_roles
from bridge.rpc.server import require_listen_address
from bridge.rpc.settings import AdapterSettings, load_settings
from bridge.rpc.tls import server_credentials
from bridge.rpc.tuning import tune_interpreter

EXIT_REFUSED = 1
EXIT_USAGE = 2

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The adapter's YAML or TOML file.")]
FolderOption = Annotated[Path, typer.Option("--dir", help="Folder of the development authority; made if needed.")]


def make_app(kind: AdapterKind) -> typer.Typer:
    """The command line of one side's adapter."""
    app = typer.Typer(
        help=f"Serves a trade ledger of profile {kind.profile_id} over gRPC.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.command("serve")
    def _serve(config: ConfigOption) -> None:
        """Serve until SIGTERM or Ctrl-C, then finish and stop."""
        settings = _load(kind, config)
        configure_logs(settings.log_format, settings.log_level)
        _run(kind, settings)

    @app.command("check-config")
    def _check_config(config: ConfigOption) -> None:
        """Say what is wrong with a configuration and its files."""
        settings = _load(kind, config)
        print(f"{config}: ok, ledger {settings.ledger_id}, {len(settings.validators)} validators")  # noqa: T201

    @app.command("init")
    def _init(folder: FolderOption) -> None:
        """Make development files for both sides, as `pki init`."""
        try:
            report = make_pki(folder, SystemClock())
        except BridgeError as error:
            _refuse(kind, error)
        print(report.next_steps())  # noqa: T201

    return app


def _load(kind: AdapterKind, path: Path) -> AdapterSettings:
    """Settings that can be served: everything but the store and the port has been looked at."""
    try:
        settings = load_settings(path)
        require_settings(settings, kind)
        require_listen_address(settings.listen, allow_remote=settings.allow_remote)
        load_roles(settings.roles)
        server_credentials(settings.tls)
    except BridgeError as error:
        _refuse(kind, error)
    return settings


def _run(kind: AdapterKind, settings: AdapterSettings) -> None:
    tune_interpreter()
    try:
        with asyncio.Runner(loop_factory=_loop_factory(settings)) as runner:
            runner.run(serve(settings, kind))
    except BridgeError as error:
        _refuse(kind, error)


def _loop_factory(settings: AdapterSettings) -> type[asyncio.AbstractEventLoop] | None:
    if not settings.uvloop:
        return None
    try:
        import uvloop  # noqa: PLC0415 an optional extra
    except ModuleNotFoundError as error:
        detail = "uvloop: true needs the extra: pip install 'cargobridge[speed]'"
        raise DecodeError(Reason.CONFIGURATION_INVALID, detail) from error
    loop: type[asyncio.AbstractEventLoop] = uvloop.Loop
    return loop


def _refuse(kind: AdapterKind, error: BridgeError) -> NoReturn:
    print(f"{kind.program}: {error}", file=sys.stderr)  # noqa: T201
    usage = error.reason is Reason.CONFIGURATION_INVALID
    raise typer.Exit(EXIT_USAGE if usage else EXIT_REFUSED) from error
