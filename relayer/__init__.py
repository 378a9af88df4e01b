"""The relayer: carries what one ledger proved to the other; holds no truth, and can only delay."""
