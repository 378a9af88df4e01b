"""Channels of a run: kept while the target runs, left when it was restarted, closed when it begins anew."""

from __future__ import annotations

from typing import cast

import grpc
import pytest

from bridge.conformance import kit as kits
from bridge.conformance.kit import Session
from bridge.conformance.target import Target


class Channel:
    closed = False

    def close(self) -> None:
        self.closed = True


class AnyTarget:
    endpoint = "127.0.0.1:1"

    class file:  # noqa: N801 it stands for a value
        server_name = ""

    def lacks(self, role: str) -> str:
        return ""

    def tls(self, role: str) -> None:
        return None


def test_channels_are_left_after_a_restart_and_closed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Channel] = []

    def open_channel(*_arguments: object, **_options: object) -> grpc.Channel:
        opened.append(Channel())
        return cast("grpc.Channel", opened[-1])

    monkeypatch.setattr(kits, "open_channel", open_channel)
    session = Session(cast("Target", AnyTarget()), 1)
    assert session.channel("relayer") is session.channel("relayer")
    session.leave()
    assert session.channel("relayer") is opened[1]
    assert [each.closed for each in opened] == [False, False]
    session.close()
    assert [each.closed for each in opened] == [True, True]
