"""Runs a shipped program with one mutant's fault: `python -m tests.conformance.mutants.serve NAME -- PROGRAM ARG...`.

Everything but the change is the program as it is installed: its console script is loaded, changed, and called.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

from tests.conformance.mutants.catalogue import MUTANTS
from tests.conformance.mutants.mutation import MutationError, apply

EXIT_NOT_APPLIED = 70
"""The program was not started, because the mutant's change does not apply."""


def main(arguments: Sequence[str]) -> None:
    """Change the program and run it; ends with EXIT_NOT_APPLIED when the change does not apply."""
    name, dashes, program, *rest = arguments
    mutant = MUTANTS[name]
    if dashes != "--" or program != mutant.program:
        sys.exit(f"{name} is a mutant of {mutant.program}; usage: serve {name} -- {mutant.program} ARG...")
    (script,) = entry_points(group="console_scripts", name=program)
    run = script.load()
    try:
        apply(mutant.changes)
    except MutationError as error:
        print(f"mutant {name}: {error}", file=sys.stderr)
        sys.exit(EXIT_NOT_APPLIED)
    sys.argv = [program, *rest]
    run()


if __name__ == "__main__":
    main(sys.argv[1:])
