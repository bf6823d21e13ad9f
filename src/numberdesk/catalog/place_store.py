"""The SQL of a country: the places that its numbers are in, and its calling code.

Touches: numbers.

Places are looked up by the spellings that rows have.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from sqlalchemy import ColumnElement, and_, func, literal_column, select

from numberdesk.catalog.filter_store import AVAILABLE, numbered
from numberdesk.catalog.search_plan import Place
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import BoundQuery, SelectSet, text, whole
from numberdesk.tables import numbers

_ONE: Final[ColumnElement[int]] = literal_column("1")
_FIRST: Final = "+"
_LAST: Final = "+999999999999999"
_PLACE: Final = ("currency", "number_type", "region", "area_code", "locality")


def find_calling_code(tx: Tx, iso_country: str) -> str | None:
    """The digits that stand before the national numbers of a country; None when it has no number for sale."""
    rows = calling_code_query(iso_country).rows(tx)
    return _calling_code(rows[0].e164, rows[0].national) if rows else None


def list_places(tx: Tx, iso_country: str, *, with_localities: bool, most: int) -> tuple[list[Place], bool]:
    """The places that priced numbers of a country are in, and whether that is all: at most `most` are read."""
    names = _PLACE if with_localities else _PLACE[:-1]
    rows = places_query(iso_country, names, most + 1).rows(tx)
    locality = () if with_localities else ("",)
    found = [Place._make((*place, *locality, _calling_code(e164, national))) for *place, e164, national in rows[:most]]
    return found, len(rows) <= most


def calling_code_query(iso_country: str) -> BoundQuery:
    """The statement of `find_calling_code`."""
    return BoundQuery(_first_number(), {"country": iso_country, "after_e164": _FIRST, "until_e164": _LAST})


def places_query(iso_country: str, names: tuple[str, ...], most: int) -> BoundQuery:
    """The statement of `list_places`: from one combination of the named columns the index leads to the next."""
    return BoundQuery(_places(names), {"country": iso_country, "most": most})


@lru_cache
def _places(names: tuple[str, ...]) -> SelectSet:
    country = text("country")
    ahead, here = numbers.alias("ahead"), numbers.alias("here")
    priced = and_(ahead.c.iso_country == country, ahead.c.currency > literal_column("''"))
    first = select(ahead.c.e164).where(priced).order_by(*(ahead.c[name] for name in names)).limit(_ONE)
    steps = select(first.scalar_subquery().label("e164"), _ONE.label("step")).cte("steps", recursive=True)
    nexts = []
    for depth in reversed(range(len(names))):
        same = [ahead.c[name] == here.c[name] for name in names[:depth]]
        more = ahead.c[names[depth]] > here.c[names[depth]]
        order = [ahead.c[name] for name in names[depth:]]
        one = select(ahead.c.e164).where(ahead.c.iso_country == country, *same, more).order_by(*order)
        nexts.append(one.limit(_ONE).correlate(here).scalar_subquery())
    step = select(func.coalesce(*nexts), steps.c.step + _ONE)
    joined = step.join_from(steps, here, here.c.e164 == steps.c.e164)
    steps = steps.union_all(joined.where(steps.c.step < whole("most")))
    columns = [here.c[name] for name in (*names, "e164", "national")]
    return SelectSet.of(select(*columns).join_from(steps, here, here.c.e164 == steps.c.e164))


@lru_cache
def _first_number() -> SelectSet:
    offers = select(numbers.c.e164, numbers.c.national).where(AVAILABLE, *numbered("after_e164", "until_e164"))
    return SelectSet.of(offers.order_by(numbers.c.iso_country, numbers.c.e164).limit(_ONE))


def _calling_code(e164: str, national: str) -> str:
    return e164[1 : -len(national)]
