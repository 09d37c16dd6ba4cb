"""Alembic runs this: on the connection that it was given, inside the transaction that is already open."""

from __future__ import annotations

from alembic import context

from ringback.journal.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
