"""The servicers: requests in, questions to one ledger, answers out; every rule lives in a room below."""
