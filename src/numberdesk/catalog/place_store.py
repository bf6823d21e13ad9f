"""The SQL of a country: the places that its numbers are in, and its calling code.

Touches: numbers.

Places are looked up by the spellings that rows have. From one to the next the index leads, past all numbers between,
so what is read is as many entries as there are places.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, ScalarSelect, Select, and_, func, literal_column, select
from sqlalchemy.sql.selectable import NamedFromClause

from numberdesk.catalog.filter_store import AVAILABLE, numbered
from numberdesk.catalog.search_plan import Place, Region
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import BoundQuery, SelectSet, in_set, text, whole
from numberdesk.tables import numbers

_ONE: Final[ColumnElement[int]] = literal_column("1")
_FIRST: Final = "+"
_LAST: Final = "+999999999999999"
_PLACE: Final = ("currency", "number_type", "region", "area_code", "locality")
_REGION: Final = _PLACE[:3]


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


def list_regions(tx: Tx, iso_country: str, area_codes: Sequence[str], most: int) -> list[Region]:
    """The regions of priced numbers of a country, in each currency and type: at most `most` are read.

    The area codes are those that a region has, or not.
    """
    rows = regions_query(iso_country, area_codes, most).rows(tx)
    return [Region._make((*place, bool(has_code))) for *place, has_code in rows]


def list_codes_around(tx: Tx, iso_country: str, regions: Sequence[Region], area_code: str, most: int) -> set[str]:
    """The area codes of some regions that come next after one, and next before it: `most` on each side of each."""
    queries = [codes_query(iso_country, regions, area_code, most, after=after) for after in (True, False)]
    return {row.area_code for query in queries for row in query.rows(tx)}


def calling_code_query(iso_country: str) -> BoundQuery:
    """The statement of `find_calling_code`."""
    return BoundQuery(_first_number(), {"country": iso_country, "after_e164": _FIRST, "until_e164": _LAST})


def places_query(iso_country: str, names: tuple[str, ...], most: int) -> BoundQuery:
    """The statement of `list_places`: from one combination of the named columns the index leads to the next."""
    return BoundQuery(_places(names), {"country": iso_country, "most": most})


def regions_query(iso_country: str, area_codes: Sequence[str], most: int) -> BoundQuery:
    """The statement of `list_regions`."""
    return BoundQuery(_regions(), {"country": iso_country, "area_codes": area_codes, "most": most})


def codes_query(iso_country: str, regions: Sequence[Region], area_code: str, most: int, *, after: bool) -> BoundQuery:
    """The statement of `list_codes_around`, for one side."""
    e164s = tuple(region.e164 for region in regions)
    values = {"country": iso_country, "e164s": e164s, "area_code": area_code, "most": most}
    return BoundQuery(_codes(after=after), values)


@lru_cache
def _places(names: tuple[str, ...]) -> SelectSet:
    here = numbers.alias("here")
    columns = [here.c[name] for name in (*names, "e164", "national")]
    return SelectSet.of(_at_each_step(_steps(names), here, columns))


@lru_cache
def _regions() -> SelectSet:
    here, coded = numbers.alias("here"), numbers.alias("coded")
    same = [coded.c[name] == here.c[name] for name in _REGION]
    coded_too = [coded.c.iso_country == text("country"), *same, in_set(coded.c.area_code, "area_codes")]
    one = select(_ONE).where(*coded_too).limit(_ONE).correlate(here).scalar_subquery()
    # SQLite says EXISTS with a number, PostgreSQL with a truth; this is a number on both.
    has_code = func.coalesce(one, literal_column("0")).label("has_code")
    columns = [*(here.c[name] for name in (*_REGION, "e164")), has_code]
    return SelectSet.of(_at_each_step(_steps(_REGION), here, columns), ["area_codes"])


def _at_each_step(steps: CTE, here: NamedFromClause, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    return select(*columns).join_from(steps, here, here.c.e164 == steps.c.e164)


def _steps(names: tuple[str, ...]) -> CTE:
    """A number of each combination of the named columns, in their order: from one the index leads to the next."""
    country = text("country")
    ahead, here = numbers.alias("ahead"), numbers.alias("there")
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
    return steps.union_all(joined.where(steps.c.step < whole("most")))


@lru_cache
def _codes(*, after: bool) -> SelectSet:
    region, there, here = (numbers.alias(name) for name in ("region", "there", "here"))
    first = select(_next_code(region, text("area_code"), after=after).label("e164"), _ONE.label("step"))
    steps = first.select_from(region).where(in_set(region.c.e164, "e164s")).cte("steps", recursive=True)
    step = select(_next_code(there, there.c.area_code, after=after), steps.c.step + _ONE)
    joined = step.join_from(steps, there, there.c.e164 == steps.c.e164)
    steps = steps.union_all(joined.where(steps.c.step < whole("most")))
    return SelectSet.of(_at_each_step(steps, here, [here.c.area_code]), ["e164s"])


def _next_code(of: NamedFromClause, code: ColumnElement[str], *, after: bool) -> ScalarSelect[str]:
    """A number with the next area code of the region of a row."""
    ahead = numbers.alias("ahead")
    same = [ahead.c[name] == of.c[name] for name in _REGION]
    beyond = ahead.c.area_code > code if after else ahead.c.area_code < code
    order = ahead.c.area_code if after else ahead.c.area_code.desc()
    one = select(ahead.c.e164).where(ahead.c.iso_country == text("country"), *same, beyond).order_by(order)
    return one.limit(_ONE).correlate(of).scalar_subquery()


@lru_cache
def _first_number() -> SelectSet:
    offers = select(numbers.c.e164, numbers.c.national).where(AVAILABLE, *numbered("after_e164", "until_e164"))
    return SelectSet.of(offers.order_by(numbers.c.iso_country, numbers.c.e164).limit(_ONE))


def _calling_code(e164: str, national: str) -> str:
    return e164[1 : -len(national)]
