"""Installs the third ledger as any package is installed: from its own pyproject.toml into a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.light_client.profiles import profile

SOURCE = Path(__file__).parent
RUN_SECONDS = 900
"""Longest that one command may take, in seconds: a whole core run on a machine that is busy with other tests."""


@dataclass(frozen=True)
class Installed:
    """Where the package was installed, and how programs see it."""

    site: Path

    @property
    def adapter(self) -> str:
        return str(self.site / "bin" / "notary-adapter")

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """A program of this Python's environment, with the package in sight."""
        program = Path(sys.executable).with_name(str(words[0]))
        environment = os.environ | {"PYTHONPATH": str(self.site)}
        command = [str(program), *map(str, words[1:])]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )

    def done(self, *words: str | Path) -> str:
        """What a program printed; it must end with 0."""
        ended = self.run(*words)
        assert ended.returncode == 0, f"{words}: {ended.returncode}\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
        return ended.stdout


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package, built and installed without a network and without touching this environment."""
    folder = tmp_path_factory.mktemp("third")
    source = folder / "source"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, *offline, "--target", str(folder / "site"), str(source)], check=True, timeout=300)
    return Installed(folder / "site")


@pytest.fixture(scope="module")
def in_sight(installed: Installed) -> Iterator[None]:
    """The package in sight of this very process, and out of it afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(installed.site))
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "notary_ledger"]:
        del sys.modules[name]
    profile.cache_clear()
