"""Runs a verifier's command line: three verbs, files in, one verdict a line out (docs/verifier-entrypoint.md).

Whatever a verifier does - it hangs, dies half-way, prints nonsense - is an answer about one vector, and the vectors
after it are asked again.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.conformance.verifier.vectors import BUNDLE, HEADER, Vector
from bridge.errors import DecodeError, Reason

RUN_SECONDS = 30
"""Longest a verifier may take for one file of vectors or one bundle, in seconds; ours takes one or two."""

MAX_RUNS = 10
"""Times a file is asked again after a verifier died over a vector; after so many the rest has no verdict."""

EXIT_UNSUPPORTED = 4
"""How a verifier says that it does not do this verb or this profile."""

UNSUPPORTED = "unsupported"
"""The same as a verdict of one line."""

_ERROR_CHARACTERS = 300
_OWN = "plumbing"
_OWN_VERBS = "verify-{verb}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verifier said about a vector: the JSON it printed, or why there is none."""

    said: Any
    problem: str = ""

    @property
    def unsupported(self) -> bool:
        """Whether it does not do this."""
        return isinstance(self.said, dict) and self.said.get("verdict") == UNSUPPORTED


class Entrypoint:
    """One verifier's command."""

    def __init__(self, command: str, folder: Path) -> None:
        """`{verb}` in the command stands for the verb; without it the verb is the next word.

        Raises DecodeError CONFIGURATION_INVALID for a command that is none.
        """
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise DecodeError(Reason.CONFIGURATION_INVALID, f"the entrypoint cannot be read: {error}") from error
        if not words or shutil.which(words[0]) is None:
            raise DecodeError(Reason.CONFIGURATION_INVALID, f"{command}: there is no such program")
        if not any("{verb}" in word for word in words):
            words.append(_OWN_VERBS if words[-1] == _OWN else "{verb}")
        self._words = words
        self._folder = folder

    def ask_file(self, verb: str, profile_id: str, vectors: Sequence[Vector]) -> list[Answer]:
        """Verdicts on header or membership vectors of one profile, in order."""
        answers: list[Answer] = []
        for run in range(MAX_RUNS):
            left = vectors[len(answers) :]
            if not left:
                break
            path = self._folder / f"{verb}-{profile_id}-{run}.jsonl"
            path.write_bytes(b"".join(vector.data + b"\n" for vector in left))
            options = ["--profile", profile_id] if verb == HEADER else []
            answers += self._ask_lines([*self._command(verb), *options, str(path)], len(left))
        return answers + [Answer(None, "the verifier died too often to be asked")] * (len(vectors) - len(answers))

    def ask_bundle(self, vector: Vector) -> Answer:
        """Verdict on a bundle."""
        bundle, anchor = self._folder / f"{vector.name}.bundle", self._folder / f"{vector.name}.anchor.json"
        bundle.write_bytes(vector.data)
        anchor.write_bytes(vector.anchor)
        code, lines, error = self._run([*self._command(BUNDLE), str(bundle), "--anchor", str(anchor)])
        if code == EXIT_UNSUPPORTED:
            return Answer({"verdict": UNSUPPORTED})
        if len(lines) != 1:
            return Answer(None, f"{len(lines)} lines instead of one; exit code {code}; {error}")
        answer = _read(lines[0])
        accepted = isinstance(answer.said, dict) and answer.said.get("accepted") is True
        if answer.problem or (code == 0) is accepted:
            return answer
        return Answer(None, f"exit code {code} with {lines[0][:_ERROR_CHARACTERS]}")

    def _ask_lines(self, command: Sequence[str], count: int) -> list[Answer]:
        """One run: an answer a line; where it ended early, one more that says how it ended."""
        code, lines, error = self._run(command)
        if code == EXIT_UNSUPPORTED and not lines:
            return [Answer({"verdict": UNSUPPORTED})] * count
        if len(lines) > count:
            return [Answer(None, f"{len(lines)} verdicts on {count} cases")] * count
        answers = [_read(line) for line in lines]
        if len(answers) < count:
            answers.append(Answer(None, f"no verdict; the verifier ended with {code}; {error}"))
        elif code:
            answers[-1] = Answer(None, f"exit code {code} after the last verdict; {error}")
        return answers

    def _command(self, verb: str) -> list[str]:
        return [word.replace("{verb}", verb) for word in self._words]

    def _run(self, command: Sequence[str]) -> tuple[int | None, list[str], str]:
        """Exit code (None when it had to be killed), lines of standard output, and the end of standard error."""
        try:
            done = subprocess.run(  # noqa: S603 the command whose verdicts are asked for, no shell
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=RUN_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            return None, _lines(error.stdout or b""), f"killed after {RUN_SECONDS} s"
        return done.returncode, _lines(done.stdout), done.stderr.decode(errors="replace")[-_ERROR_CHARACTERS:]


def _lines(output: bytes) -> list[str]:
    """Whole lines that were printed; one that was not ended is none."""
    return [line.decode(errors="replace").rstrip("\r") for line in output.split(b"\n")[:-1]]


def _read(line: str) -> Answer:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return Answer(None, f"not JSON: {line[:_ERROR_CHARACTERS]}")
    if not isinstance(said, dict):
        return Answer(None, f"not a JSON object: {line[:_ERROR_CHARACTERS]}")
    return Answer(said)
