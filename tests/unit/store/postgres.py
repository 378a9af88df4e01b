"""A private PostgreSQL cluster for tests, started when its programs are found and a user can be had that may run it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg


class NoPostgresError(Exception):
    """Why there is no PostgreSQL here."""


class Cluster:
    """A cluster in a folder of its own, reached over a Unix socket, gone when closed."""

    def __init__(self) -> None:
        self._programs = _find_programs()
        self._prefix, owner = _unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir=None))
        try:
            self._folder.chmod(0o755)
            for name in ("data", "socket"):
                (self._folder / name).mkdir(mode=0o700)
                if owner is not None:
                    os.chown(self._folder / name, owner.pw_uid, owner.pw_gid)
            data = str(self._folder / "data")
            self._run("initdb", "-D", data, "-U", "bridge", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
            options = f"-c listen_addresses='' -c unix_socket_directories={self._folder / 'socket'} -c fsync=off"
            self._run("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(self._folder / "data" / "log"), "start")
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def new_database(self) -> str:
        """URL of an empty database: always the same one, emptied, because making another takes longer than a test."""
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public")
        return f"postgresql://bridge@/postgres?host={self._folder / 'socket'}"

    def disconnect_everybody(self) -> None:
        """Cut every connection, as a restart of the server would."""
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def close(self) -> None:
        """Stop the server and remove everything."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _conninfo(self, database: str) -> str:
        return f"host={self._folder / 'socket'} user=bridge dbname={database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._programs / program), *arguments]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, cwd="/", timeout=60
        )
        if done.returncode:
            raise NoPostgresError(f"{program}: {done.stderr.decode(errors='replace').strip()[-300:]}")


def _find_programs() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise NoPostgresError("initdb and pg_ctl are not installed")


def _unprivileged() -> tuple[list[str], pwd.struct_passwd | None]:
    """Command prefix and user to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return [], None
    program = shutil.which("setpriv")
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        if program:
            return [program, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"], user
    raise NoPostgresError("running as root, and setpriv or an unprivileged user is missing")
