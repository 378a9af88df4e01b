"""Alembic's entry point: runs the revisions on the connection that `bridge.store.migrate` hands over."""

from alembic import context
from sqlmodel import SQLModel

import bridge.store.tables  # noqa: F401 - fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
