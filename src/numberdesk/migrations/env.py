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
        transactional_ddl=True,  # on SQLite too, where transactions are begun by hand
        transaction_per_migration=not context.config.attributes.get("at_once", False),
        compare_type=True,
        told=context.config.attributes.get("told", []),
    )
    with context.begin_transaction():
        context.run_migrations()


run()
