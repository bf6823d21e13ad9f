"""Alembic's entry: runs revisions on the connection it is given.

Touches: number_trigrams.
"""

from alembic import context

from numberdesk.tables import ALSO_ON_SQLITE, metadata, number_trigrams

LONGER = {index.name for table in metadata.tables.values() for index in table.indexes if ALSO_ON_SQLITE in index.info}


def _is_compared(_object: object, name: str | None, type_: str, *_more: object) -> bool:
    """SQLite keeps a virtual table in tables of its own, which nobody describes; and some indexes are longer there."""
    if context.config.attributes["connection"].dialect.name != "sqlite":
        return True
    virtual = type_ == "table" and str(name).startswith(number_trigrams.name)
    return not virtual and not (type_ == "index" and name in LONGER)


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
        include_object=_is_compared,
        told=context.config.attributes.get("told", []),
    )
    with context.begin_transaction():
        context.run_migrations()


run()
