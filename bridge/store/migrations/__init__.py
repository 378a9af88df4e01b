"""Schema revisions, run by Alembic at start-up."""

REVISIONS: tuple[str, ...] = ("0001", "0002")
"""Every revision this program knows, oldest first; a database at any other was written by a newer program."""
