"""What must hold of events of operators: one for each parked order, open finding and trouble, and whose is whose.

Touches: accounts, carrier_orders, carrier_troubles, event_kinds, event_streams, events, findings.

Their ids follow from facts by a hash, which no database computes: rows are read page by page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, case, func, or_, select

from numberdesk.core.findings import FindingState
from numberdesk.core.invariants import Checked, Violation, found
from numberdesk.infra.db import Tx
from numberdesk.outbox.event_type import OPERATORS, EventType, serial_of
from numberdesk.outbox.model import CARRIER_FAILING, FINDING_OPENED, KINDS_OF_OPERATORS, ORDER_PARKED
from numberdesk.tables import (
    accounts,
    carrier_orders,
    carrier_troubles,
    event_kinds,
    event_streams,
    events,
    findings,
)
from numberdesk.verify.engine import Check, count_rows, in_key_order, pages, rule

_PAGE: Final = 500


def _told(
    kind: EventType,
    what: str,
    table: Table,
    key: tuple[ColumnElement[Any], ...],
    query: Select[Any],
    facts: Callable[[Any], tuple[str | int, ...]],
) -> Check:
    """The check that each row of a query has its event. The query has the columns of `key`, and `at`."""
    return Check(what, partial(_run_told, kind, what, table, key, query, facts))


def _run_told(
    kind: EventType,
    what: str,
    table: Table,
    key: tuple[ColumnElement[Any], ...],
    query: Select[Any],
    facts: Callable[[Any], tuple[str | int, ...]],
    tx: Tx,
) -> list[Checked]:
    since = _since(tx, kind)
    untold = (
        Violation(
            "I13",
            table.name,
            " ".join(str(row[place]) for place in range(len(key))),
            f"no event {kind.name} tells of it",
        )
        for page in pages(tx, query, key, _PAGE)
        for row in _without_event(tx, kind, [row for row in page if row.at > since], facts)
    )
    return [found("I13", what, count_rows(tx, table), untold)]


def _since(tx: Tx, kind: EventType) -> int:
    """What is as old as this may have had no event, or one that was deleted."""
    began = select(func.max(event_kinds.c.since)).where(event_kinds.c.kind == kind.name)
    pruned = select(func.max(event_streams.c.pruned_until)).where(event_streams.c.account_id == OPERATORS)
    return max(int(tx.execute(query).scalar() or 0) for query in (began, pruned))


def _without_event(
    tx: Tx, kind: EventType, rows: list[Any], facts: Callable[[Any], tuple[str | int, ...]]
) -> Iterator[Any]:
    ids = [kind.id_prefix + serial_of(*facts(row)) for row in rows]
    is_right = (events.c.id.in_(ids), events.c.kind == kind.name)
    there = set(tx.execute(select(events.c.id).where(*is_right)).scalars()) if ids else set()
    yield from (row for row, event_id in zip(rows, ids, strict=True) if event_id not in there)


_of_operators = events.c.kind.in_(KINDS_OF_OPERATORS)
_ASTRAY: Final = (
    select(events.c.id, events.c.kind, events.c.account_id)
    .select_from(events.outerjoin(accounts, accounts.c.id == events.c.account_id))
    .where(
        in_key_order(events.c.id),
        or_(
            case((_of_operators, 1), else_=0) != case((events.c.account_id == OPERATORS, 1), else_=0),
            case((events.c.account_id == OPERATORS, 0), else_=1) > case((accounts.c.id.is_not(None), 1), else_=0),
        ),
    )
)


def _says_astray(row: Any) -> str:
    whose = row.account_id or "operators"
    return f"the event {row.kind} is one of {whose}, whose it cannot be"


CHECKS: Final = (
    rule("I13", "every event is of an account that is there, or of operators", events, _ASTRAY, _says_astray),
    _told(
        ORDER_PARKED,
        "every order that waits for a person is told of",
        carrier_orders,
        (carrier_orders.c.order_id,),
        select(carrier_orders.c.order_id, carrier_orders.c.parked_at.label("at")).where(
            carrier_orders.c.parked_at.is_not(None), carrier_orders.c.settled_at.is_(None)
        ),
        lambda row: (row.order_id, row.at),
    ),
    _told(
        FINDING_OPENED,
        "every finding that is open is told of",
        findings,
        (findings.c.carrier, findings.c.e164, findings.c.kind),
        select(findings.c.carrier, findings.c.e164, findings.c.kind, findings.c.first_seen_at.label("at")).where(
            findings.c.state == FindingState.OPEN.value
        ),
        lambda row: (row.carrier, row.e164, row.kind, row.at),
    ),
    _told(
        CARRIER_FAILING,
        "every trouble with an account at a carrier is told of",
        carrier_troubles,
        (carrier_troubles.c.carrier,),
        select(carrier_troubles.c.carrier, carrier_troubles.c.since.label("at")),
        lambda row: (row.carrier, "account", row.at),
    ),
)
