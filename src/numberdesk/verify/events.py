"""What must hold of events: one for each business change, none without it, as the table of event types says.

Touches: balance_alerts, calls, event_kinds, event_streams, events, orders, receivables, rentals, rent_charges,
rent_notices, rent_prices, transfers.

Old events are deleted: the mark of their account's stream says until when the deleted ones were made.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, and_, case, func, not_, or_, select

from numberdesk.core.invariants import differing
from numberdesk.core.lifecycle import OrderOrigin
from numberdesk.outbox.model import EVENT_TYPES, EventType
from numberdesk.tables import (
    balance_alerts,
    calls,
    event_kinds,
    event_streams,
    events,
    orders,
    receivables,
    rent_charges,
    rent_notices,
    rent_prices,
    rentals,
    transfers,
)
from numberdesk.verify.engine import Check, in_key_order, rule

_SOURCES: Final = {
    "orders": (orders, "ord_"),
    "rentals": (rentals, "rnt_"),
    "receivables": (receivables, "rcv_"),
    "balance_alerts": (balance_alerts, "alr_"),
    "rent_charges": (rent_charges, "rch_"),
    "rent_notices": (rent_notices, "rno_"),
    "rent_prices": (rent_prices, "rpc_"),
    "transfers": (transfers, "trf_"),
    "calls": (calls, "cal_"),
}
"""The tables that events tell of, and how their ids begin."""


def _is_told(kind: EventType) -> ColumnElement[bool]:
    """Whether a row is in the state that an event of the type tells of."""
    column = _SOURCES[kind.table][0].c[kind.column]
    if kind.table == "transfers":
        return transfers.c.credit == func.coalesce("wallet:" + transfers.c.account_id, "")
    there = column.is_not(None) if kind.value is None else column == kind.value
    if kind.table != "orders":
        return there
    bought = orders.c.origin == OrderOrigin.PURCHASE
    return and_(there, bought if kind.bought else not_(bought))


def _untold(kind: EventType) -> Check:
    """The check that each row in that state has its event."""
    table, prefix = _SOURCES[kind.table]
    since = select(event_kinds.c.since).where(event_kinds.c.kind == kind.name).scalar_subquery()
    event_id = kind.id_prefix + func.substr(table.c.id, len(prefix) + 1)
    began_at = table.c.get("created_at", table.c.get("opened_at"))
    broken = (
        select(table.c.id, table.c.get("e164", table.c.id).label("about"), events.c.kind)
        .select_from(
            table.outerjoin(events, events.c.id == event_id).outerjoin(
                event_streams, event_streams.c.account_id == table.c.account_id
            )
        )
        .where(
            in_key_order(table.c.id),
            _is_told(kind),
            events.c.kind.is_distinct_from(kind.name),
            or_(events.c.id.is_not(None), began_at > func.coalesce(event_streams.c.pruned_until, 0)),
            or_(events.c.id.is_not(None), began_at > func.coalesce(since, 0)),
        )
    )
    what = f"every change that is told by {kind.name} is told by one event"
    return rule("I13", what, table, broken, partial(_says_untold, kind.name))


def _says_untold(kind: str, row: Any) -> str:
    there = "" if row.kind is None else f": the event in its place is {row.kind}"
    return f"no event {kind} tells of {row.about}{there}"


def _row_id(table: str) -> ColumnElement[str]:
    """The id of the row of the table that an event tells of. It follows from the event's, so none is told twice."""
    prefix = _SOURCES[table][1]
    return case(
        *(
            (events.c.kind == kind.name, prefix + func.substr(events.c.id, len(kind.id_prefix) + 1))
            for kind in EVENT_TYPES
            if kind.table == table
        ),
        else_="",
    )


def _with_rows() -> FromClause:
    """Events, each beside the row that it tells of."""
    joined: FromClause = events
    for name, (table, _) in _SOURCES.items():
        joined = joined.outerjoin(table, table.c.id == _row_id(name))
    return joined


def _of_its_row(column: str) -> ColumnElement[Any]:
    """A column of that row, empty where its table has none of the name."""
    return func.coalesce(*(table.c[column] for table, _ in _SOURCES.values() if column in table.c))


def _in_payload(value: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether this stands in the payload between quotes: no engine need read JSON, which may be damaged."""
    return events.c.payload.contains('"' + value + '"')  # an underline in an id stands for any sign, which does no harm


_OF_NO_ROW: Final = [kind.name for kind in EVENT_TYPES if not kind.table]
"""Kinds that tell of what no row keeps."""

_names_all = and_(
    _in_payload(func.coalesce(_of_its_row("e164"), _of_its_row("id"))),  # what an account owes is of no number
    _in_payload(_of_its_row("id")),
)
_UNFOUNDED: Final = (
    select(
        events.c.id,
        events.c.kind,
        events.c.account_id,
        _of_its_row("id").label("row_id"),
        _of_its_row("state").label("row_state"),
        _of_its_row("account_id").label("row_account"),
        case((_names_all, 1), else_=0).label("names_all"),
    )
    .select_from(_with_rows())
    .where(
        in_key_order(events.c.id),
        events.c.kind.not_in(_OF_NO_ROW),
        or_(
            _of_its_row("account_id").is_distinct_from(events.c.account_id),
            *(and_(events.c.kind == kind.name, not_(_is_told(kind))) for kind in EVENT_TYPES if kind.table),
            not_(_names_all),
        ),
    )
)


def _says_unfounded(row: Any) -> str:
    if row.row_id is None:
        return f"the event {row.kind} tells of nothing that exists"
    differs = differing(("account", row.account_id, row.row_account))
    says = f"the event {row.kind} tells of {row.row_id}, which is {row.row_state}"
    says += f"; its {differs}" if differs else ""
    return says if row.names_all else says + f"; its payload does not name {row.row_id} and the number"


_counted = (
    select(
        events.c.account_id,
        func.count().label("held"),
        func.min(events.c.number).label("first"),
        func.max(events.c.number).label("last"),
    )
    .where(events.c.number.is_not(None))
    .group_by(events.c.account_id)
    .subquery("counted")
)
_GAPS: Final = (
    select(
        event_streams.c.account_id,
        event_streams.c.pruned_to,
        event_streams.c.last_number,
        func.coalesce(_counted.c.held, 0).label("held"),
        _counted.c.first,
        _counted.c.last,
    )
    .select_from(event_streams.outerjoin(_counted, _counted.c.account_id == event_streams.c.account_id))
    .where(
        or_(
            func.coalesce(_counted.c.held, 0) != event_streams.c.last_number - event_streams.c.pruned_to,
            _counted.c.first != event_streams.c.pruned_to + 1,
            _counted.c.last != event_streams.c.last_number,
        )
    )
)
_STRAY: Final = (
    select(events.c.id, events.c.account_id, events.c.number)
    .select_from(events.outerjoin(event_streams, event_streams.c.account_id == events.c.account_id))
    .where(events.c.number.is_not(None), event_streams.c.account_id.is_(None))
)


def _says_gap(row: Any) -> str:
    held = f"there are {row.held} events"
    held += f" with numbers from {row.first} to {row.last}" if row.held else ""
    return f"its events should have the numbers from {row.pruned_to + 1} to {row.last_number}, but {held}"


def _says_stray(row: Any) -> str:
    return f"it has the number {row.number}, and nothing says which numbers {row.account_id} has given"


CHECKS: Final = (
    *(_untold(kind) for kind in EVENT_TYPES if kind.table and not kind.on_demand),
    rule("I13", "every event tells of a change that was made", events, _UNFOUNDED, _says_unfounded),
    rule("I13", "the numbers of an account's events have no gap", event_streams, _GAPS, _says_gap),
    rule("I13", "every number of an event was given by its account's stream", events, _STRAY, _says_stray),
)
