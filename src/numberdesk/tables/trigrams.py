"""The index by which numbers are found by digits in their middle, and how far it has been filled.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, Index, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable

from numberdesk.tables.base import metadata, text, whole

AS_VIRTUAL: Final = "sqlite"
"""Under this name the `info` of a table has the statement that makes it on SQLite, where it is a virtual one."""

# Every number, by all runs of three of its E.164 digits. rank is the number as one that sorts like its text
# (catalog/trigrams.py). Rows are added and never change, so a sale or a price does not touch them. On SQLite this is an
# index alone, whose rowid is the rank.
number_trigrams = Table(
    "number_trigrams",
    metadata,
    whole("rank"),
    Column("trigrams", ARRAY(SmallInteger).with_variant(Text(), "sqlite"), nullable=False),
    info={
        AS_VIRTUAL: (
            "CREATE VIRTUAL TABLE number_trigrams USING "
            "fts5(digits, tokenize='trigram', detail=none, content='', columnsize=0)"
        )
    },
)
# The list of what is new is looked through by every search, so it is kept short.
Index(
    "ix_number_trigrams_trigrams",
    number_trigrams.c.trigrams,
    postgresql_using="gin",
    postgresql_with={"gin_pending_list_limit": 1024},
).ddl_if(dialect="postgresql")

# One row while numbers that were there before the index still have to be put into it: all up to after_e164 are in it,
# so many of them by filling. Without a row the index is whole.
trigram_fills = Table(
    "trigram_fills",
    metadata,
    text("filling", primary_key=True),
    text("after_e164"),
    whole("filled"),
    sqlite_with_rowid=False,
)


@compiles(CreateTable, "sqlite")
def _create(element: CreateTable, compiler: Any, **options: Any) -> str:
    return element.element.info.get(AS_VIRTUAL) or str(compiler.visit_create_table(element, **options))
