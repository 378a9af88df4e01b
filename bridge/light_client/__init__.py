"""Light clients: pure verification of another ledger's headers and entries."""
