"""A third ledger beside the two of the bridge: what a header of it is, how its blocks are made, how it is served."""
