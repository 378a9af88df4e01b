"""Proof bundles: one file that proves a record offline, and the anchor file its reader pins."""
