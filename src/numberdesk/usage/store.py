"""The SQL of calls: records of ever, and the terms by which they are charged.

Touches: calls, usage_sources, usage_rates, call_terms, rentals, orders.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Select, and_, bindparam, func, or_, select, tuple_

from numberdesk.core.billing import billing_of
from numberdesk.core.call_charging import CallState, CallTerms, KeptCall, ParkedReason, RentedSpan
from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.rating import CallRate, Increments, kept_rounding, rounding_of
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_pairs, in_set
from numberdesk.tables import call_terms, calls, orders, rentals, usage_rates, usage_sources

MOST_LISTED: Final = 1_000
"""Parked calls that one transaction takes up."""

MOST_WALKED: Final = 2_000
"""Calls that a page looks at that is asked for one number."""

DAY: Final = 86_400_000_000
"""Microseconds of a day."""

_OF_RECORD: Final = (
    "source", "call_id", "leg", "direction", "e164", "other", "started_at", "answered_at", "ended_at", "seconds",
    "disposition",
)  # fmt: skip
_OF_CHARGE: Final = (
    "state", "reason", "account_id", "rental_id", "currency", "per_minute", "connect", "minimum", "step",
    "rounding", "billed", "amount", "owed", "transfer_id", "owed_transfer_id", "received_at", "charged_at",
)  # fmt: skip
_COLUMNS: Final = ("id", *_OF_RECORD, *_OF_CHARGE)
_INSERT_CALLS: Final = InsertRows(calls, _COLUMNS)
_CHARGE_CALLS: Final = UpdateRows(calls, "id", *_OF_CHARGE)
CALL_COLUMNS: Final = [calls.c[name] for name in _COLUMNS]
"""The columns of a call, of which `call_of` makes one."""

_KNOWN: Final = SelectSet(
    select(*CALL_COLUMNS).where(in_set(calls.c.source, "sources"), in_set(calls.c.call_id, "call_ids")),
    "sources",
    "call_ids",
)
_RECORDED: Final = SelectSet(
    select(calls.c.source, calls.c.call_id, calls.c.leg).where(
        in_set(calls.c.source, "sources"), in_set(calls.c.call_id, "call_ids")
    ),
    "sources",
    "call_ids",
)
_SPANS: Final = select(
    rentals.c.id,
    rentals.c.account_id,
    rentals.c.e164,
    orders.c.carrier,  # the number may be another's by now, or the operator's own
    rentals.c.currency,
    rentals.c.inbound,
    rentals.c.outbound,
    rentals.c.created_at,
    rentals.c.released_at,
    rentals.c.billing,
).join(orders, orders.c.id == rentals.c.order_id)
_SPANS_SINCE: Final = SelectSet(
    _SPANS.where(
        in_set(rentals.c.e164, "numbers"),
        or_(rentals.c.released_at.is_(None), rentals.c.released_at > bindparam("since", type_=BigInteger)),
    ),
    "numbers",
    others=("since",),
)
_LIVE_SPANS: Final = SelectSet(
    _SPANS.where(in_set(rentals.c.e164, "numbers"), rentals.c.released_at.is_(None)), "numbers"
)
_SOURCES: Final = SelectSet(
    select(usage_sources.c.rental_id, usage_sources.c.since, usage_sources.c.source)
    .where(in_pairs(usage_sources.c.account_id, usage_sources.c.rental_id, "rentals"))
    .order_by(usage_sources.c.rental_id, usage_sources.c.since),
    pairs=("rentals",),
)
_RATES: Final = SelectSet(
    select(usage_rates.c.rental_id, usage_rates.c.direction, usage_rates.c.per_minute).where(
        in_pairs(usage_rates.c.account_id, usage_rates.c.rental_id, "rentals")
    ),
    pairs=("rentals",),
)
_TERMS: Final = SelectSet(
    select(*(call_terms.c[name] for name in CallTerms._fields)).order_by(call_terms.c.carrier, call_terms.c.since)
)


def find_calls(tx: Tx, records: Iterable[CallRecord]) -> dict[tuple[str, str, str], KeptCall]:
    """The calls that there are with the keys of some records."""
    wanted = {record.key for record in records}
    found = _KNOWN.run(tx, sources={key[0] for key in wanted}, call_ids={key[1] for key in wanted})
    known = {call.record.key: call for call in map(call_of, found)}
    return {key: call for key, call in known.items() if key in wanted}


def find_recorded(tx: Tx, keys: Iterable[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Those calls that there are records of."""
    wanted = set(keys)
    if not wanted:
        return set()
    found = _RECORDED.run(tx, sources={key[0] for key in wanted}, call_ids={key[1] for key in wanted})
    return wanted & {tuple(row) for row in found}


def insert_calls(tx: Tx, new: Sequence[KeptCall]) -> None:
    """Keep calls."""
    _INSERT_CALLS.run(tx, [(call.id, *_record_row(call.record), *_charge_row(call)) for call in new])


def charge_calls(tx: Tx, changed: Sequence[KeptCall]) -> None:
    """Write what became of calls that were parked."""
    _CHARGE_CALLS.run(tx, [(call.id, *_charge_row(call)) for call in changed])


def find_spans(tx: Tx, records: Sequence[CallRecord]) -> dict[str, list[RentedSpan]]:
    """Who rented the numbers of some calls, from the earliest call on; of each number in the order of their ends."""
    if not records:
        return {}
    numbers_called = {record.e164 for record in records}
    spans: dict[str, list[RentedSpan]] = {}
    rows = _SPANS_SINCE.run(tx, numbers=numbers_called, since=min(record.started_at for record in records))
    for span in sorted(map(_span_of, rows), key=_when_ended):
        spans.setdefault(span.e164, []).append(span)
    return spans


def _when_ended(span: RentedSpan) -> tuple[bool, int]:
    return span.ended_at is None, span.ended_at or 0


def find_live_spans(tx: Tx, numbers_asked: Iterable[str]) -> dict[str, RentedSpan]:
    """The rentals that numbers have now, by number."""
    return {row.e164: _span_of(row) for row in _LIVE_SPANS.run(tx, numbers=numbers_asked)}


def find_live_span(tx: Tx, e164: str) -> RentedSpan | None:
    """The rental that a number has now."""
    return find_live_spans(tx, [e164]).get(e164)


def find_sources(tx: Tx, spans: Iterable[RentedSpan]) -> dict[str, list[tuple[int, str]]]:
    """The sources that were appointed for rentals, oldest first."""
    keys = {(span.account_id, span.rental_id) for span in spans}
    found: dict[str, list[tuple[int, str]]] = {}
    for row in _SOURCES.run(tx, rentals=keys) if keys else ():
        found.setdefault(row.rental_id, []).append((row.since, row.source))
    return found


def find_set_rates(tx: Tx, spans: Iterable[RentedSpan]) -> dict[tuple[str, Direction], int]:
    """Rates that a person set, by rental and direction."""
    keys = {(span.account_id, span.rental_id) for span in spans}
    found = _RATES.run(tx, rentals=keys) if keys else ()
    return {(row.rental_id, Direction(row.direction)): row.per_minute for row in found}


def find_call_terms(tx: Tx) -> dict[str, list[CallTerms]]:
    """The terms of every carrier, oldest first: there are a few rows."""
    found: dict[str, list[CallTerms]] = {}
    for row in _TERMS.run(tx):
        found.setdefault(row.carrier, []).append(CallTerms._make(row))
    return found


def insert_source(tx: Tx, account_id: str, rental_id: str, since: int, source: str) -> None:
    """Appoint the source that charges for a rental."""
    row = {"account_id": account_id, "rental_id": rental_id, "since": since, "source": source}
    tx.execute(usage_sources.insert(), [row])


def insert_set_rate(tx: Tx, account_id: str, rental_id: str, direction: Direction, per_minute: int, now: int) -> None:
    """Keep the rate that a person set for a direction without one."""
    row = {"account_id": account_id, "rental_id": rental_id, "direction": direction.value}
    tx.execute(usage_rates.insert(), [{**row, "per_minute": per_minute, "set_at": now}])


def insert_call_terms(tx: Tx, terms: CallTerms) -> None:
    """Keep the terms of a carrier from an instant on."""
    tx.execute(call_terms.insert(), [terms._asdict()])


def has_charged_call(tx: Tx, account_id: str, rental_id: str) -> bool:
    """Whether a call of a rental was charged."""
    began = select(rentals.c.created_at).where(rentals.c.id == rental_id).scalar_subquery()
    query = select(calls.c.id).where(
        calls.c.account_id == account_id,
        calls.c.started_at >= began,
        calls.c.rental_id == rental_id,
        calls.c.state == CallState.CHARGED.value,
    )
    return tx.execute(query.limit(1)).first() is not None


def last_begun(tx: Tx, account_ids: Collection[str], rental_ids: Collection[str], since: int) -> dict[str, int]:
    """When the last call of each of some rentals began, of those that began at `since` or later."""
    query = (
        select(calls.c.rental_id, func.max(calls.c.started_at).label("last"))
        .where(
            calls.c.account_id.in_(sorted(account_ids)),
            calls.c.started_at >= since,
            calls.c.rental_id.in_(sorted(rental_ids)),
        )
        .group_by(calls.c.rental_id)
    )
    return {row.rental_id: row.last for row in tx.execute(query)}


def list_calls(
    tx: Tx, account_id: str, *, since: int | None, until: int | None, before: tuple[int, str] | None, limit: int
) -> list[KeptCall]:
    """Calls of an account, the latest first: those that began from `since` to before `until`, beyond a place."""
    query = _latest(select(*CALL_COLUMNS), account_id, since, until, before)
    return [call_of(row) for row in tx.execute(query.limit(limit))]


class PagedCalls(NamedTuple):
    """Calls that fit, the latest first. `walked_to` is the place beyond which more may fit, where there may be."""

    items: list[KeptCall]
    walked_to: str | None


def page_calls(
    tx: Tx,
    account_id: str,
    e164: str | None,
    *,
    since: int | None,
    until: int | None,
    before: tuple[int, str] | None,
    limit: int,
    most: int = MOST_WALKED,
) -> PagedCalls:
    """The latest `limit` calls of an account, or those of a number among its `most` calls beyond a place.

    An index of its own would cost every record that comes in; so a page looks at so many, and says how far it came.
    """
    if e164 is None:
        return PagedCalls(list_calls(tx, account_id, since=since, until=until, before=before, limit=limit), None)
    walked = _latest(select(calls.c.id), account_id, since, until, before).limit(most).subquery()
    fitting = select(*CALL_COLUMNS).where(calls.c.id.in_(select(walked.c.id)), calls.c.e164 == e164)
    ordered = fitting.order_by(calls.c.started_at.desc(), calls.c.id.desc()).limit(limit)
    found = [call_of(row) for row in tx.execute(ordered)]
    if len(found) == limit:
        return PagedCalls(found, None)
    last = _latest(select(calls.c.started_at, calls.c.id), account_id, since, until, before)
    row = tx.execute(last.offset(most - 1).limit(1)).first()
    return PagedCalls(found, None if row is None else f"{row.started_at}.{row.id}")


def _latest(
    query: Select[Any], account_id: str, since: int | None, until: int | None, before: tuple[int, str] | None
) -> Select[Any]:
    query = query.where(calls.c.account_id == account_id)
    if since is not None:
        query = query.where(calls.c.started_at >= since)
    if until is not None:
        query = query.where(calls.c.started_at < until)
    if before is not None:
        query = query.where(tuple_(calls.c.started_at, calls.c.id) < before)
    return query.order_by(calls.c.started_at.desc(), calls.c.id.desc())


def list_parked(tx: Tx, *, after: str | None, limit: int, lock: bool = False) -> list[KeptCall]:
    """Parked calls of all accounts, oldest first."""
    query = select(*CALL_COLUMNS).where(calls.c.state == CallState.PARKED.value)
    if after is not None:
        query = query.where(calls.c.id > after)
    query = query.order_by(calls.c.id).limit(limit)
    return [call_of(row) for row in tx.execute(query.with_for_update() if lock else query)]


def count_parked(tx: Tx, source: str, most: int) -> int:
    """How many calls of a source and its feeds are parked; no more than `most` are looked at."""
    mine = or_(calls.c.source == source, and_(calls.c.source > f"{source}/", calls.c.source < f"{source}0"))
    found = select(calls.c.id).where(calls.c.state == CallState.PARKED.value, mine).limit(most)
    return int(tx.execute(select(func.count()).select_from(found.subquery())).scalar_one())


_NOBODY: Final = (None, None, None)
_UNRATED: Final = (None, None, None, None, None)


def _span_of(row: Any) -> RentedSpan:
    span = RentedSpan._make(row)
    return span._replace(billing=billing_of(row.billing))


def _record_row(record: CallRecord) -> tuple[Any, ...]:
    return (*record[:3], str(record.direction), *record[4:])


def _charge_row(call: KeptCall) -> tuple[Any, ...]:
    span, rate = call.span, call.rate
    return (
        str(call.state),
        None if call.reason is None else str(call.reason),
        *(_NOBODY if span is None else (span.account_id, span.rental_id, span.currency)),
        *(
            _UNRATED
            if rate is None
            else (rate.per_minute, rate.connect, *rate.increments, kept_rounding(rate.rounding))
        ),
        call.billed,
        call.amount,
        call.owed,
        call.transfer_id,
        call.owed_transfer_id,
        call.received_at,
        call.charged_at,
    )


def call_of(row: Any) -> KeptCall:
    """The call of a row."""
    span = None
    if row.rental_id is not None:  # as much of it as the call knows
        span = RentedSpan(row.rental_id, row.account_id, row.e164, "", row.currency, None, None, 0, None)
    rate = None
    if row.per_minute is not None:
        by = Increments(row.minimum, row.step)
        rate = CallRate(row.per_minute, row.connect, by, rounding_of(row.rounding))
    record = CallRecord(
        row.source,
        row.call_id,
        row.leg,
        Direction(row.direction),
        row.e164,
        row.other,
        row.started_at,
        row.answered_at,
        row.ended_at,
        row.seconds,
        row.disposition,
    )
    return KeptCall(
        row.id,
        record,
        CallState(row.state),
        None if row.reason is None else ParkedReason(row.reason),
        span,
        rate,
        row.billed,
        row.amount,
        row.received_at,
        row.charged_at,
        row.owed,
        row.transfer_id,
        row.owed_transfer_id,
    )
