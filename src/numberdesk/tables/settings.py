"""Emergency addresses and caller names of numbers, and how their carriers stand with them.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table

from numberdesk.core.number_settings import SettingsState
from numberdesk.tables.accounts import accounts
from numberdesk.tables.base import (
    due_checks,
    due_columns,
    due_index,
    metadata,
    one_of,
    optional_text,
    optional_whole,
    text,
    whole,
)
from numberdesk.tables.numbers import rentals

# What is wanted for a rental of a carrier's number: due work, from the first setting on. emergency_address is the
# carrier's id of an address; both are emptied when the rental ends. may_have is 1 while its carrier may have something
# set, which a release has cleared first. look_at is when the carrier is asked whether it still has it so.
number_settings = Table(
    "number_settings",
    metadata,
    text("rental_id", ForeignKey(rentals.c.id), primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("carrier"),
    text("e164"),
    optional_text("carrier_reference"),
    text("emergency_address"),
    text("caller_name"),
    whole("generation"),
    text("state"),
    *due_columns(),
    whole("may_have"),
    optional_whole("settled_at"),
    optional_whole("look_at"),
    one_of("state", SettingsState),
    CheckConstraint("generation > 0 AND may_have >= 0", name="counts"),
    CheckConstraint("(state IN ('pending', 'failed')) = (settled_at IS NULL)", name="settled_or_open"),
    *due_checks("settled_at"),
    sqlite_with_rowid=False,
)
due_index(number_settings, "carrier")
_MAY_HAVE = number_settings.c.may_have == 1
_LOOKED_AT = number_settings.c.look_at.is_not(None)
Index(
    "ix_number_settings_may_have",
    number_settings.c.e164,
    number_settings.c.carrier,
    sqlite_where=_MAY_HAVE,
    postgresql_where=_MAY_HAVE,
)
Index(
    "ix_number_settings_look_at",
    number_settings.c.look_at,
    number_settings.c.rental_id,
    sqlite_where=_LOOKED_AT,
    postgresql_where=_LOOKED_AT,
)
