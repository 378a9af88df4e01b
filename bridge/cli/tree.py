"""A tree of commands whose modules are imported when they are run: help and usage errors need none of them.

Importing gRPC, SQLAlchemy and the protocol takes most of a second; nobody should wait for that to read a help page.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

SETTINGS: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}
"""How every command is made: plain help, and errors of ours as Python prints them."""


class LazyCommand(TyperCommand):
    """A command known by its name and one line of help; the function behind it is imported when it is called."""

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name=name, help=summary, rich_markup_mode=None)
        self.target = target

    def load(self) -> Any:
        """The command itself: `target` is "module:function"."""
        module, _, function = self.target.partition(":")
        app = typer.Typer(**SETTINGS)
        app.command(self.name)(getattr(import_module(module), function))
        return get_command(app)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself; what runs next is that one."""
        return self.load().make_context(info_name, args, parent=parent, **extra)


class CommandWithGroup(LazyCommand):
    """A lazy command under whose name there is also a group of further ones: `NAME GROUP ...` goes to the group."""

    def __init__(self, name: str, target: str, summary: str, inner: TyperGroup) -> None:
        super().__init__(name, target, summary)
        self.inner = inner

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The group's context when its name comes first, else the command's own."""
        if args[:1] == [self.inner.name]:
            return self.inner.make_context(f"{info_name} {self.inner.name}", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)


def commands(entries: Mapping[str, tuple[str, str] | TyperGroup | LazyCommand]) -> dict[str, Any]:
    """Commands by name from (target, summary) pairs and groups; one whose module is not installed is left out."""
    made: dict[str, Any] = {}
    for name, entry in entries.items():
        if isinstance(entry, TyperGroup | LazyCommand):
            made[name] = entry
        elif find_spec(entry[0].partition(":")[0]) is not None:
            made[name] = LazyCommand(name, *entry)
    return made


def group(name: str, summary: str, entries: Mapping[str, tuple[str, str]]) -> TyperGroup:
    """Commands under one noun."""
    return TyperGroup(name=name, help=summary, commands=commands(entries), no_args_is_help=True, rich_markup_mode=None)
