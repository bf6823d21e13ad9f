"""The schema's history: one Alembic tree for every engine.

Touches: database, files.

`prepare` is asked at every start and does not load Alembic unless there is something to do: an
empty database gets the schema, an up-to-date one is left alone, any other is refused with the
command that mends it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from numberdesk.infra.db import Database, DatabaseError
from numberdesk.infra.sqlite import HOW_TO_MAKE_ONE

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER: Final = Path(__file__).parent
HEAD: Final = max(path.name for path in (_FOLDER / "versions").glob("[0-9]*.py")).partition("_")[0]
"""The newest revision, which the names of the files begin with; a test compares it with the tree."""


def prepare(database: Database, *, makes_schema: bool = True) -> None:
    """Make an empty database ready, accept a current one.

    Raises DatabaseError for an old or foreign one, for an empty one unless it `makes_schema`, and for a server that
    could lose what it acknowledged or is not the primary.
    """
    database.check()
    with database.raw() as connection:
        # In this order, because another process may be making the schema: what had no tables may have a revision now.
        tables = inspect(connection).get_table_names()
        found = _revision(connection)
    if found == HEAD:
        return
    if found is not None:
        raise DatabaseError(
            f"The database is at revision {found}, this program needs {HEAD}: run numberdesk db upgrade"
        )
    if tables:
        raise DatabaseError("The database holds tables that are not Numberdesk's; take an empty one")
    if not makes_schema:
        raise DatabaseError(f"the database is empty; {HOW_TO_MAKE_ONE}")
    upgrade(database, at_once=True)


def current(database: Database) -> str | None:
    """The revision that the database is at; None when it has no schema of ours."""
    with database.raw() as connection:
        return _revision(connection)


def upgrade(database: Database, revision: str = "head", *, at_once: bool = False) -> list[str]:
    """Bring the database to a revision, each step in a transaction of its own, or all of them in one.

    At once makes a new schema so: nobody who looks meanwhile may take it for an old one. Returns what the operator
    is to be told of what changed.
    """
    from alembic import command  # noqa: PLC0415  a start that has nothing to migrate does not pay for it

    told: list[str] = []
    with database.raw(writing=True) as connection:
        config = alembic_config()
        config.attributes["told"] = told
        config.attributes["connection"] = connection
        config.attributes["at_once"] = at_once
        command.upgrade(config, revision)
        connection.commit()
    return told


def alembic_config() -> Config:
    """Alembic's configuration, without a file."""
    from alembic.config import Config  # noqa: PLC0415  as above

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
