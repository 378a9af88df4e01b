"""Changes to sample documents, made at a path of names and indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Change = Callable[[dict[str, Any]], object]


def put(path: str, value: object) -> Change:
    """A change that sets the value at a path of names and indices."""

    def change(document: dict[str, Any]) -> None:
        *above, last = path.split("/")
        target: Any = document
        for name in above:
            target = target[int(name)] if isinstance(target, list) else target[name]
        target[int(last) if isinstance(target, list) else last] = value

    return change


def drop(path: str) -> Change:
    """A change that removes what is at a path."""

    def change(document: dict[str, Any]) -> None:
        *above, last = path.split("/")
        target: Any = document
        for name in above:
            target = target[int(name)] if isinstance(target, list) else target[name]
        del target[last]

    return change


def both(*changes: Change) -> Change:
    def change(document: dict[str, Any]) -> None:
        for one in changes:
            one(document)

    return change


def to_order(document: dict[str, Any]) -> None:
    document["isToOrder"] = True
    del document["documentParties"]["consignee"]
    document["documentParties"]["notifyParties"] = [{"partyName": "Notify Me Limited"}]
