"""Alembic's entry: migrations run on the connection that the caller opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=context.config.attributes.get("metadata"))
with context.begin_transaction():
    context.run_migrations()
