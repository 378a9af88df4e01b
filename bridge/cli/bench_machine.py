"""Looks at this machine and at processes through /proc: cores, CPU time, memory; and pins processes to cores.

Where a figure cannot be had, because this is no Linux, it is left out of the report.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PROC = Path("/proc")
_KIB = 1024
_NANOS_PER_SECOND = 1_000_000_000

_USER_TIME, _SYSTEM_TIME = 11, 12
"""Places of utime and stime in /proc/PID/stat, counted after the command's name."""

_PACKAGES = (
    *("cargobridge", "grpcio", "protobuf", "cryptography", "PyNaCl", "SQLAlchemy", "sqlmodel", "uvloop"),
    "structlog",
)


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process with its children, in bytes: now, and the most a single one of them ever had."""

    resident: int
    peak: int


def describe() -> dict[str, object]:
    """The machine a report was made on."""
    return {
        "processor": _processor(),
        "cores": len(_own_cores()),
        "memory_mib": _total_memory() // (_KIB * _KIB),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "sqlite_mode": "WAL, synchronous=FULL",
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def cores() -> list[int]:
    """Cores this process may run on, or nothing where that cannot be chosen."""
    return _own_cores() if hasattr(os, "sched_setaffinity") else []


def pin(pid: int, chosen: Iterable[int]) -> None:
    """Bind a process and its threads to cores, not its children; what cannot be bound is left as it is."""
    for thread in _names(_PROC / str(pid) / "task"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(int(thread), set(chosen))


def family(pid: int) -> list[int]:
    """A process and everything it started that still runs."""
    found = [pid]
    for parent in found:
        for thread in _names(_PROC / str(parent) / "task"):
            children = _read(_PROC / str(parent) / "task" / thread / "children")
            found += [int(child) for child in children.split() if int(child) not in found]
    return found


def cpu_nanos(pid: int) -> int:
    """CPU time a process, its threads and its children used so far, in nanoseconds."""
    ticks = 0
    for process in family(pid):
        fields = _read(_PROC / str(process) / "stat").rpartition(")")[2].split()
        if fields:
            ticks += int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])
    return ticks * (_NANOS_PER_SECOND // os.sysconf("SC_CLK_TCK"))


def memory(pid: int) -> Memory:
    """Memory of a process with its children."""
    resident, peak = 0, 0
    for process in family(pid):
        fields = dict(line.split(":", 1) for line in _read(_PROC / str(process) / "status").splitlines() if ":" in line)
        resident += _kib(fields, "VmRSS")
        peak = max(peak, _kib(fields, "VmHWM"))
    return Memory(resident, peak)


def folder_bytes(folder: Path) -> int:
    """Bytes of the files directly inside a folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) if folder.is_dir() else 0


def _kib(fields: Mapping[str, str], name: str) -> int:
    return int(fields.get(name, "0 kB").split()[0]) * _KIB


def _own_cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _processor() -> str:
    for line in _read(_PROC / "cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _total_memory() -> int:
    for line in _read(_PROC / "meminfo").splitlines():
        if line.startswith("MemTotal"):
            return int(line.split()[1]) * _KIB
    return 0


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _read(path: Path) -> str:
    """A file of /proc; empty when the process has ended meanwhile."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []
