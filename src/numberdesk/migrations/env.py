"""Alembic's entry: runs revisions on the connection it is given.

Touches: database.
"""

from alembic import context

from numberdesk.tables import metadata


def run() -> None:
    """Run the revisions that the command asked for."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        transaction_per_migration=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
