"""Alembic's environment: runs the revisions on the connection it is given, within the transaction that is open there."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    # The caller began the transaction, and ends it.
    transactional_ddl=False,
)
context.run_migrations()
