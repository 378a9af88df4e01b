"""A counterparty ledger whose keys the kit holds, so that it signs wrong things correctly."""
