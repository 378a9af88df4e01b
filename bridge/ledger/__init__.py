"""A ledger as the bridge sees it: the deterministic application, its state, and the engine that orders transactions."""
