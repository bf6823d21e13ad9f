"""The index of trigrams knows how easy a number is to remember, and the index by ending the score.

Touches: database.

The former is emptied and filled anew by the worker, beside sales; until it is done searches walk. The latter is made
here: ten million numbers take a minute.
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    state = ", state" if on_sqlite else ""
    op.execute("DROP INDEX ix_numbers_sale_suffix")
    op.execute(
        f"CREATE INDEX ix_numbers_sale_suffix ON numbers (iso_country, reversed, memorability{state}) "
        "WHERE state = 'available'"
    )
    if on_sqlite:
        op.execute("INSERT INTO number_trigrams (number_trigrams) VALUES ('delete-all')")
    else:
        op.execute("TRUNCATE number_trigrams")
    op.execute("DELETE FROM trigram_fills")
    if op.get_bind().execute(sa.text("SELECT 1 FROM numbers LIMIT 1")).first() is None:
        return
    op.execute("INSERT INTO trigram_fills (filling, after_e164, filled) VALUES ('numbers', '', 0)")
    told = op.get_context().opts.get("told", [])
    if not any("search index filled" in text for text in told):
        told.append(
            "until the worker has filled the search index anew, which it tells in the log as `search index filled`, "
            "searches for digits in the middle of a number are as slow as without it"
        )
