"""The one test function that becomes a test for every case; collected with the plugin `bridge.conformance.plugin`."""

from __future__ import annotations

import pytest

from bridge.conformance.case import Case
from bridge.conformance.ledger_mode import LedgerBench
from bridge.conformance.plugin import OPTIONS, run_as_test


def test_case(conformance_case: Case, conformance_bench: LedgerBench, request: pytest.FixtureRequest) -> None:
    """One case of the kit."""
    run_as_test(conformance_case, conformance_bench, request.config.stash[OPTIONS])
