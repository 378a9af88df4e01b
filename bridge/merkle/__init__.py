"""Merkle trees as pure functions of digests: RFC 6962 logs and ChainMaker's transaction tree."""
