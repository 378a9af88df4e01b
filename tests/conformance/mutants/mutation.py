"""Exchanges a piece of a function's source while the program runs it by the same name.

The function object stays what it is and gets another body, so whoever imported it, or keeps it in a table, runs the
changed one. A piece that is not there exactly once is an error: a mutant that changes nothing would prove nothing.
"""

from __future__ import annotations
import __future__

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any


class MutationError(Exception):
    """The change does not apply: the function is not there, or no longer says what is to be exchanged."""


@dataclass(frozen=True, slots=True)
class Change:
    """In the function at `place` ("package.module:function" or "package.module:Class.method") `before` becomes
    `after`.
    """

    place: str
    before: str
    after: str


def apply(changes: Sequence[Change]) -> None:
    """Change the functions for the life of this process; MutationError when that is not possible."""
    for place in dict.fromkeys(change.place for change in changes):
        function = function_at(place)
        function.__code__ = changed_code(function, [change for change in changes if change.place == place])


def changed_code(function: FunctionType, changes: Sequence[Change]) -> CodeType:
    """What the function runs after all these changes to it; the function itself is not touched."""
    place = changes[0].place
    changed = textwrap.dedent(inspect.getsource(function))
    for change in changes:
        found = changed.count(change.before)
        if found != 1:
            raise MutationError(f"{place} has {change.before!r} {found} times instead of once")
        changed = changed.replace(change.before, change.after)
    try:
        tree = ast.parse(changed)
    except SyntaxError as error:
        raise MutationError(f"{place}: the change leaves no Python: {error}") from error
    (definition,) = tree.body
    if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        raise MutationError(f"{place} is no function")
    definition.decorator_list = []
    flags = __future__.annotations.compiler_flag
    names: dict[str, Any] = dict(function.__globals__)
    exec(compile(tree, function.__code__.co_filename, "exec", flags, dont_inherit=True), names)
    code: CodeType = names[definition.name].__code__
    if code.co_freevars != function.__code__.co_freevars:
        raise MutationError(f"{place} has names of an outer function")
    if code.co_varnames[: code.co_argcount] != function.__code__.co_varnames[: function.__code__.co_argcount]:
        raise MutationError(f"{place}: the change alters the arguments")
    return code


def function_at(place: str) -> FunctionType:
    """The function a place names, without what decorators put around it."""
    module, _, path = place.partition(":")
    try:
        found: Any = functools.reduce(_member, path.split("."), import_module(module))
    except (ImportError, AttributeError) as error:
        raise MutationError(f"{place} is not there: {error}") from error
    function = inspect.unwrap(found)
    if not isinstance(function, FunctionType):
        raise MutationError(f"{place} is no function")
    return function


def _member(owner: Any, name: str) -> Any:
    found: Any = inspect.getattr_static(owner, name)
    if isinstance(found, staticmethod | classmethod):
        return found.__func__
    if isinstance(found, property):
        getter: Callable[..., Any] | None = found.fget
        return getter
    return found
