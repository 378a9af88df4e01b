"""Packets, acknowledgements, clients and acts: the rules two ledgers share, free of state and of I/O."""
