"""The command tree: help without imports, wrong usage with suggestions and code 2, and a summary for every command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from bridge.cli.main import app
from bridge.cli.tree import LazyCommand

HEAVY = ("grpc", "sqlalchemy", "cryptography", "nacl", "google.protobuf")
"""What help must not import: each costs a tenth of a second or more."""

WITHOUT_JSON = {"demo", "plumbing verify-header", "plumbing verify-membership", "plumbing verify-bundle"}
"""A show, and commands whose output is JSON already."""

EXPECTED = {
    "demo",
    "bench",
    "conformance",
    "pki init",
    "pki key",
    "link",
    "act close-packets",
    "act recover-client",
    "act show",
    "act sign",
    "act submit",
    "anchor",
    "record issue",
    "record inspect",
    "record show",
    "record list",
    "record watch",
    "record export",
    "record erase",
    "record exports",
    "verify",
    "id map",
    "id resolve",
    "id list",
    "member register",
    "member list",
    "doctor",
    "fsck",
    "plumbing verify-header",
    "plumbing verify-membership",
    "plumbing verify-bundle",
    "version",
}


def leaves(group: TyperGroup, path: str = "") -> Iterator[tuple[str, LazyCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from leaves(command, f"{path}{name} ")
        else:
            assert isinstance(command, LazyCommand)
            yield path + name, command


LEAVES = dict(leaves(get_command(app)))  # type: ignore[arg-type]


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_every_command_is_there() -> None:
    assert set(LEAVES) == EXPECTED


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_every_command_loads_and_says_what_it_does(path: str) -> None:
    code, out, err = run(*path.split(), "--help")
    assert (code, err) == (0, "")
    assert "Usage: " in out
    assert ("--json" in out) is (path not in WITHOUT_JSON)
    assert len(LEAVES[path].help or "") <= 80


@pytest.mark.parametrize("arguments", [["--help"], ["record", "--help"], ["recrod"], ["record", "isue"]])
def test_help_and_typing_errors_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom bridge.cli.main import app\n"
        f"try:\n    app({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["recrod"], "Did you mean 'record'"),
        (["record", "isue"], "Did you mean 'issue'"),
        (["version", "--jsn"], "--json"),
        (["verify", "bundle"], "Missing option '--anchor'"),
        (["record", "list", "--limit", "0"], "--limit"),
        (["pki", "init", "--validators", "65"], "--validators"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_was_meant(
    arguments: list[str], suggestion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARGOBRIDGE_AS", "nobody.yaml")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert suggestion in err


@pytest.mark.parametrize("arguments", [[], ["record"], ["id"], ["plumbing"]])
def test_without_a_command_there_is_help(arguments: list[str]) -> None:
    _, out, err = run(*arguments)
    assert "Commands:" in out + err


def test_versions_for_people_and_machines() -> None:
    assert run("version")[1].startswith("cargobridge ")
    assert '"api": "bridge.v1"' in run("version", "--json")[1]
