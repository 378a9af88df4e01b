"""Every mutant by its name."""

from __future__ import annotations

from tests.conformance.mutants.doors import DOORS
from tests.conformance.mutants.mutant import Mutant
from tests.conformance.mutants.packets import PACKETS
from tests.conformance.mutants.programs import RELAYERS, VERIFIERS
from tests.conformance.mutants.records import RECORDS
from tests.conformance.mutants.trust import TRUST

LEDGERS: tuple[Mutant, ...] = (*TRUST, *PACKETS, *RECORDS, *DOORS)
"""Broken adapters."""

MUTANTS: dict[str, Mutant] = {mutant.name: mutant for mutant in (*LEDGERS, *RELAYERS, *VERIFIERS)}
"""All of them."""
