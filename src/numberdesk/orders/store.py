"""The SQL of orders and of the answers stored under idempotency keys.

Touches: orders, idempotency_records, carrier_orders.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, delete, func, literal, literal_column, select, tuple_, union_all

from numberdesk.core.billing import billing_of, kept_billing, kept_term, term_of
from numberdesk.core.errors import Details, NumberdeskError, restored
from numberdesk.core.fingerprint import Fingerprint
from numberdesk.core.lifecycle import OrderOrigin, OrderState
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import IdempotencyRecord, Order
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set, stretch_of
from numberdesk.tables import carrier_orders, idempotency_records, orders

_COLUMNS: Final = (
    orders.c.id,
    orders.c.account_id,
    orders.c.e164,
    orders.c.carrier,
    orders.c.state,
    orders.c.currency,
    orders.c.price,
    orders.c.inbound,
    orders.c.outbound,
    orders.c.setup,
    orders.c.created_at,
    orders.c.completed_at,
    orders.c.renews_at,
    orders.c.attempts,
    orders.c.carrier_reference,
    orders.c.connection_id,
    orders.c.key_id,
    orders.c.counted_at,
    orders.c.origin,
    orders.c.from_rental_id,
    orders.c.profile_id,
    orders.c.term,
    orders.c.billing,
)
_ORIGINS: Final = {origin.value: origin for origin in OrderOrigin}
_BY_ID: Final = SelectSet(select(*_COLUMNS).where(in_set(orders.c.id, "ids")), "ids")
_ANSWERS: Final = SelectSet(
    select(idempotency_records).where(
        in_set(idempotency_records.c.account_id, "ids"), in_set(idempotency_records.c.key, "keys")
    ),
    "ids",
    "keys",
)
_KEYS_OF_ORDERS: Final = SelectSet(
    select(idempotency_records.c.order_id, func.count().label("keys"))
    .where(in_set(idempotency_records.c.order_id, "ids"))
    .group_by(idempotency_records.c.order_id),
    "ids",
)
_FAILURES: Final = SelectSet(
    select(
        carrier_orders.c.order_id,
        carrier_orders.c.error_code,
        carrier_orders.c.error_message,
        carrier_orders.c.error_details,
        carrier_orders.c.settled_at,
    ).where(in_set(carrier_orders.c.order_id, "ids"), carrier_orders.c.error_code.is_not(None)),
    "ids",
)
_SETTLE_ORDERS: Final = UpdateRows(orders, "id", "state", "attempts", "carrier_reference", "completed_at", "renews_at")
_INSERT_ORDERS: Final = InsertRows(
    orders,
    (
        *("id", "account_id", "e164", "carrier", "state", "currency", "price", "inbound", "outbound", "setup"),
        *("attempts", "carrier_reference", "created_at", "completed_at", "renews_at", "connection_id"),
        *("key_id", "counted_at", "origin", "from_rental_id", "profile_id", "term", "billing"),
    ),
)
_INSERT_ANSWERS: Final = InsertRows(
    idempotency_records,
    (
        *("account_id", "key", *Fingerprint._fields, "request_id", "order_id"),
        *("error_code", "error_message", "error_details", "created_at"),
    ),
)


def insert_orders(tx: Tx, new: Sequence[Order]) -> None:
    """Record orders as they are opened, or opened and completed."""
    _INSERT_ORDERS.run(tx, [_order_row(order) for order in new])
    for order in new:
        tx.count("orders", order.state.value)


def find_orders(tx: Tx, ids: Iterable[str]) -> dict[str, Order]:
    """Orders by id."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    return {order.id: order for order in _with_failures(tx, [_order_of(row) for row in _BY_ID.run(tx, ids=wanted)])}


def find_following(tx: Tx, rental_ids: Iterable[str]) -> dict[str, Order]:
    """The orders by which rentals went on elsewhere, or anew, by the rental that went before."""
    query = select(*_COLUMNS).where(orders.c.from_rental_id.in_(sorted(set(rental_ids))))
    return {row.from_rental_id: _order_of(row) for row in tx.execute(query)}


def find_oldest_open(tx: Tx) -> int | None:
    """When the oldest order that is open was made; ids sort by time."""
    query = select(orders.c.created_at).where(_is_in(OrderState.ORDERING)).order_by(orders.c.id).limit(1)
    return tx.execute(query).scalar()


def change_orders(tx: Tx, ended: Sequence[Order]) -> None:
    """Write how orders ended; why one failed stands with its carrier order."""
    rows = [
        (order.id, order.state.value, order.attempts, order.carrier_reference, order.completed_at, order.renews_at)
        for order in ended
    ]
    _SETTLE_ORDERS.run(tx, rows)
    for order in ended:
        tx.count("orders", order.state.value)


def _is_in(state: OrderState) -> ColumnElement[bool]:
    """Spelled out, because a partial index is only used where its condition can be seen."""
    return orders.c.state == literal_column(f"'{state.value}'")


def _newest(account_id: str, state: OrderState, before_id: str | None, limit: int) -> Select[Any]:
    """The newest orders of an account in a state, from before an id."""
    whose = {orders.c.account_id: account_id, orders.c.state: state.value}
    query = select(*_COLUMNS).where(*stretch_of(whose, orders.c.id, before=before_id))
    return query.order_by(orders.c.account_id.desc(), orders.c.state.desc(), orders.c.id.desc()).limit(limit)


def list_orders(
    tx: Tx, account_id: str | None, *, state: OrderState | None = None, before_id: str | None = None, limit: int
) -> list[Order]:
    """Orders, newest first, of one account or of all, in a state or in any, from before the given id.

    Those of an account lie by state in the index. In any state they are the newest of the newest of each.
    """
    if account_id is None:
        query = select(*_COLUMNS) if state is None else select(*_COLUMNS).where(_is_in(state))
        query = query if before_id is None else query.where(orders.c.id < before_id)
        found = tx.execute(query.order_by(orders.c.id.desc()).limit(limit))
    elif state is not None:
        found = tx.execute(_newest(account_id, state, before_id, limit))
    else:
        each = [_newest(account_id, one, before_id, limit).subquery() for one in OrderState]
        newest = union_all(*(select(part) for part in each)).subquery()
        found = tx.execute(select(newest).order_by(newest.c.id.desc()).limit(limit))
    return _with_failures(tx, [_order_of(row) for row in found])


def count_open_orders(tx: Tx, account_ids: Iterable[str]) -> dict[str, int]:
    """How many orders of accounts have not ended; an account without any is left out."""
    query = select(orders.c.account_id, func.count().label("open")).where(
        orders.c.account_id.in_(sorted(account_ids)), orders.c.state == OrderState.ORDERING
    )
    return {row.account_id: row.open for row in tx.execute(query.group_by(orders.c.account_id))}


def find_idempotency_records(tx: Tx, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], IdempotencyRecord]:
    """Stored answers by (account, key)."""
    wanted = set(keys)
    if not wanted:
        return {}
    rows = _ANSWERS.run(tx, ids=[account_id for account_id, _ in wanted], keys=[key for _, key in wanted])
    found = (_answer_of(row) for row in rows)
    return {(answer.account_id, answer.key): answer for answer in found if (answer.account_id, answer.key) in wanted}


def insert_idempotency_records(tx: Tx, new: Sequence[IdempotencyRecord]) -> None:
    """Store final answers under their keys."""
    _INSERT_ANSWERS.run(tx, [_idempotency_row(answer) for answer in new])


def withdraw_idempotency_records(tx: Tx, order_ids: Collection[str]) -> None:
    """Delete the answers that were to be these orders: the same request may begin anew."""
    if not order_ids:
        return
    tx.execute(delete(idempotency_records).where(idempotency_records.c.order_id.in_(sorted(order_ids))))


def forget_answers(tx: Tx, before: int, limit: int) -> int:
    """Delete at most `limit` answers given before an instant, none whose order is open; return how many."""
    still_open = select(orders.c.id).where(_is_in(OrderState.ORDERING))
    old = (
        select(idempotency_records.c.account_id, idempotency_records.c.key)
        .where(idempotency_records.c.created_at < before)
        .where((idempotency_records.c.order_id.is_(None)) | (idempotency_records.c.order_id.not_in(still_open)))
        .order_by(idempotency_records.c.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)  # this is no sorted order, so nothing may be waited for
    )
    return tx.execute(
        delete(idempotency_records).where(tuple_(idempotency_records.c.account_id, idempotency_records.c.key).in_(old))
    ).rowcount


def evict_refusals(tx: Tx, account_ids: Iterable[str], most: int) -> None:
    """Delete the oldest refusals of accounts that have more than `most` stored; answers that are orders stay."""
    for account_id in sorted(set(account_ids)):
        mine = (idempotency_records.c.account_id == account_id, idempotency_records.c.order_id.is_(None))
        order = (idempotency_records.c.created_at.desc(), idempotency_records.c.key.desc())
        edge = tx.execute(
            select(idempotency_records.c.created_at, idempotency_records.c.key)
            .where(*mine)
            .order_by(*order)
            .limit(1)
            .offset(most)
        ).first()
        if edge is not None:
            older = tuple_(idempotency_records.c.created_at, idempotency_records.c.key) <= tuple_(
                literal(edge.created_at), literal(edge.key)
            )
            tx.execute(delete(idempotency_records).where(*mine, older))


def evict_repeats(tx: Tx, order_ids: Collection[str], most: int) -> None:
    """Delete further keys of orders that have many: of each order stay its first key and the newest `most`.

    An order has up to twice as many, so that this happens once in so many times.
    """
    if not order_ids:
        return
    crowded = [row.order_id for row in _KEYS_OF_ORDERS.run(tx, ids=sorted(order_ids)) if row.keys > 2 * most]
    for order_id in crowded:
        age = (idempotency_records.c.created_at, idempotency_records.c.key)
        mine = idempotency_records.c.order_id == order_id
        # Where a clock went back its opener is not the oldest; one that was opened without a key has no opener here.
        opened_at = select(orders.c.created_at).where(orders.c.id == order_id).scalar_subquery()
        by_age = (age[0] == opened_at).desc(), *age
        first = tx.execute(select(idempotency_records.c.key).where(mine).order_by(*by_age).limit(1)).scalar_one()
        newest_first = (idempotency_records.c.created_at.desc(), idempotency_records.c.key.desc())
        edge = tx.execute(select(*age).where(mine).order_by(*newest_first).limit(1).offset(most)).one()
        older = tuple_(*age) <= tuple_(literal(edge.created_at), literal(edge.key))
        tx.execute(delete(idempotency_records).where(mine, older, idempotency_records.c.key != first))


def _order_row(order: Order) -> tuple[Any, ...]:
    """In the order of _INSERT_ORDERS."""
    return (
        order.id,
        order.account_id,
        order.e164,
        order.carrier,
        order.state.value,
        *order.prices[:5],
        order.attempts,
        order.carrier_reference,
        order.created_at,
        order.completed_at,
        order.renews_at,
        order.connection_id,
        order.key_id,
        order.counted_at,
        order.origin.value,
        order.from_rental_id,
        order.profile_id,
        kept_term(order.prices.term),
        kept_billing(order.prices.billing),
    )


def _order_of(row: Any) -> Order:
    return Order(
        id=row.id,
        account_id=row.account_id,
        e164=row.e164,
        carrier=row.carrier,
        state=OrderState(row.state),
        prices=Prices(
            row.currency, row.price, row.inbound, row.outbound, row.setup, term_of(row.term), billing_of(row.billing)
        ),
        created_at=row.created_at,
        completed_at=row.completed_at,
        renews_at=row.renews_at,
        attempts=row.attempts,
        carrier_reference=row.carrier_reference,
        connection_id=row.connection_id,
        key_id=row.key_id,
        counted_at=row.counted_at,
        origin=_ORIGINS[row.origin],
        from_rental_id=row.from_rental_id,
        profile_id=row.profile_id,
    )


def _with_failures(tx: Tx, found: list[Order]) -> list[Order]:
    """The same orders, the failed ones with why: pool orders never fail, so mostly there is nothing to look up."""
    failed = [order.id for order in found if order.state is OrderState.FAILED]
    if not failed:
        return found
    why = {row.order_id: row for row in _FAILURES.run(tx, ids=failed)}
    return [
        order._replace(failure=_error_of(why[order.id]), failed_at=why[order.id].settled_at)
        if order.id in why
        else order
        for order in found
    ]


def _idempotency_row(answer: IdempotencyRecord) -> tuple[Any, ...]:
    """In the order of _INSERT_ANSWERS."""
    return (
        answer.account_id,
        answer.key,
        *answer.fingerprint,
        answer.request_id,
        answer.order_id,
        *error_columns(answer.error),
        answer.created_at,
    )


def _answer_of(row: Any) -> IdempotencyRecord:
    fingerprint = Fingerprint._make(getattr(row, name) for name in Fingerprint._fields)
    error = None if row.error_code is None else _error_of(row)
    return IdempotencyRecord(row.account_id, row.key, fingerprint, row.request_id, row.order_id, error, row.created_at)


def error_columns(error: NumberdeskError | None) -> tuple[str | None, str | None, str | None]:
    """A refusal as it is stored: code, message, details."""
    return (None, None, None) if error is None else (error.code, error.message, _details_text(error.details))


def _error_of(row: Any) -> NumberdeskError:
    return restored(row.error_code, row.error_message, _details_of(row.error_details))


def _details_text(details: Details) -> str:
    """Details as JSON. A decimal becomes ["decimal", text], so that it comes back exactly; a list {"list"}."""
    return json.dumps({name: _kept_detail(value) for name, value in details.items()})


def _kept_detail(value: object) -> object:
    if isinstance(value, list):
        return {"list": value}
    return ["decimal", str(value)] if isinstance(value, Decimal) else value


def _details_of(text: str) -> Details:
    """Details that cannot be read are none: the refusal keeps its code and its sentence. `verify` names the row."""
    try:
        return {name: _detail_of(value) for name, value in json.loads(text).items()}
    except (ValueError, AttributeError, LookupError, ArithmeticError):
        return {}


def _detail_of(value: Any) -> object:
    if isinstance(value, dict):
        return value["list"]
    return Decimal(value[1]) if isinstance(value, list) else value
