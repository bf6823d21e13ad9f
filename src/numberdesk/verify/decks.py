"""What must hold of rate decks: one that is published has all of its rows, and what accounts use is there.

Touches: rate_decks, rate_deck_rows, rate_deck_choices.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import exists, func, select

from numberdesk.tables import rate_deck_choices, rate_deck_rows, rate_decks
from numberdesk.verify.engine import Check, in_key_order, rule

_counted = (
    select(func.count()).where(rate_deck_rows.c.deck_id == rate_decks.c.id).correlate(rate_decks).scalar_subquery()
)
_INCOMPLETE: Final = select(rate_decks.c.id, rate_decks.c.name, rate_decks.c.rows, _counted.label("counted")).where(
    in_key_order(rate_decks.c.id), rate_decks.c.published_at.is_not(None), _counted != rate_decks.c.rows
)
_published = exists().where(
    rate_decks.c.name == rate_deck_choices.c.name,
    rate_decks.c.published_at.is_not(None),
    rate_decks.c.since <= rate_deck_choices.c.since,
)
_UNKNOWN: Final = select(rate_deck_choices.c.account_id, rate_deck_choices.c.name, rate_deck_choices.c.since).where(
    rate_deck_choices.c.name.is_not(None), ~_published
)


def _says_incomplete(row: Any) -> str:
    return f"the deck {row.name} has {row.rows} prefixes, and {row.counted} are there"


def _says_unknown(row: Any) -> str:
    return f"the account uses the deck {row.name} from {row.since} on, and none holds then"


CHECKS: Final[tuple[Check, ...]] = (
    rule("I12", "every rate deck has all of its prefixes", rate_decks, _INCOMPLETE, _says_incomplete),
    rule("I12", "every rate deck that an account uses is there", rate_deck_choices, _UNKNOWN, _says_unknown),
)
