"""The worker process: takes batches of work on its standard input and answers them on its standard output, until that
ends. The first thing it takes is the corridor policy.

Work is plain functions of plain values, named in a table, and travels as length-prefixed marshal data: both ends are
the same program, and nobody else holds the pipe. When the parent dies, however it dies, the pipe ends and so does this.
"""

from __future__ import annotations

import marshal
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from bridge.cargo.policy import CorridorPolicy
from bridge.ledger.examined import PacketTask, examine
from bridge.rpc.checking import DocumentTask, check_task

LENGTH_BYTES = 4
"""Bytes of the big-endian length before each batch and each answer."""

NICENESS = 1
"""The process that answers calls goes first where there are too few cores."""

Work = Callable[[Sequence[Any], CorridorPolicy], Sequence[Any]]


def _packets(tasks: Sequence[Any], _: CorridorPolicy) -> Sequence[Any]:
    return [None if (found := examine(PacketTask(*task))) is None else tuple(found) for task in tasks]


def _documents(tasks: Sequence[Any], policy: CorridorPolicy) -> Sequence[Any]:
    return [tuple(check_task(DocumentTask(*task), policy)) for task in tasks]


WORK: Mapping[str, Work] = {"packets": _packets, "documents": _documents}
"""What a worker can do; each takes a list of tuples and the policy, and answers a list as long."""


def read_frame(stream: BinaryIO) -> Any:
    """The next value; EOFError when the stream has ended."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        raise EOFError
    size = int.from_bytes(head, "big")
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return marshal.loads(data)  # noqa: S302 - from our own parent's pipe


def write_frame(stream: BinaryIO, value: Any) -> None:
    """Send one value."""
    data = marshal.dumps(value)
    stream.write(len(data).to_bytes(LENGTH_BYTES, "big") + data)
    stream.flush()


def main() -> None:
    """Work until the parent closes the pipe; signals to the group are the parent's to obey."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    try:
        policy = CorridorPolicy(read_frame(source))
        while True:
            name, tasks = read_frame(source)
            write_frame(sink, WORK[name](tasks, policy))
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
