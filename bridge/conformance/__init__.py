"""The conformance kit: a malicious counterparty, cases with clauses, reports; for any ledger, relayer, verifier."""
