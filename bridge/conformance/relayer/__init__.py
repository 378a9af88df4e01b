"""A relayer under test between two simulated ledgers: real blocks behind real doors that can be made to fail."""
