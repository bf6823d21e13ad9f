"""Open a batch of purchases: load what they touch, decide, write the changes as sets.

Touches: database.

A number of the own pool completes here; one of another carrier is left `ordering`, claimed and
held for, until its carrier has answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from numberdesk.catalog.store import find_superseded
from numberdesk.core.lifecycle import HoldState, OrderState
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.core.prices import Former
from numberdesk.core.purchase import Buy, Decision, Loaded, Order, Outcome, Sold, decide
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import REVENUE, Hold, Transfer, wallet_account
from numberdesk.ledger.store import insert_holds, insert_transfers, lock_purses, save_purses
from numberdesk.numbers.model import rental_of
from numberdesk.numbers.store import insert_rentals, lock_lots, place_lots
from numberdesk.orders.store import find_answers, find_orders, insert_answers, insert_orders
from numberdesk.outbox.model import NUMBER_PURCHASED, Event
from numberdesk.outbox.store import insert_events


def open_orders(quote_lifetime: int) -> Callable[[Tx, Sequence[Buy]], list[Decision]]:
    """The write flow, for a quote lifetime in microseconds."""

    def apply(tx: Tx, buys: Sequence[Buy]) -> list[Decision]:
        outcome = decide(_load(tx, buys, quote_lifetime), buys)
        _write(tx, buys, outcome)
        return outcome.decisions

    return apply


def _load(tx: Tx, buys: Sequence[Buy], quote_lifetime: int) -> Loaded:
    purses = lock_purses(tx, [buy.account_id for buy in buys])
    lots = lock_lots(tx, [buy.e164 for buy in buys])
    answers = find_answers(
        tx, [(buy.account_id, buy.idempotency_key) for buy in buys if buy.idempotency_key is not None]
    )
    wanted = [answer.order_id for answer in answers.values() if answer.order_id is not None]
    repriced: dict[str, int] = {}
    for buy in buys:
        lot = lots.get(buy.e164)
        if lot is None:
            continue
        if lot.account_id == buy.account_id and lot.order_id is not None:
            wanted.append(lot.order_id)
        elif lot.prices is not None and not buy.confirmed.agrees_with(lot.prices):
            repriced[buy.e164] = min(buy.now - quote_lifetime, repriced.get(buy.e164, buy.now))
    superseded = {
        e164: tuple(Former(prices, instant + quote_lifetime) for instant, prices in former)
        for e164, former in find_superseded(tx, repriced).items()
    }
    return Loaded(purses, lots, answers, find_orders(tx, wanted), superseded)


def _write(tx: Tx, buys: Sequence[Buy], outcome: Outcome) -> None:
    sold = [decision for decision in outcome.decisions if isinstance(decision, Sold)]
    insert_orders(tx, [decision.order for decision in sold])
    insert_answers(tx, [decision.answer for decision in outcome.decisions if decision.answer is not None])
    if not sold:
        return
    now = buys[-1].now
    insert_holds(tx, [_hold(decision.order) for decision in sold])
    insert_transfers(tx, [transfer for decision in sold for transfer in _transfers(decision)])
    save_purses(tx, {decision.order.account_id: outcome.purses[decision.order.account_id] for decision in sold})
    place_lots(tx, [outcome.lots[decision.order.e164] for decision in sold], now)
    completed = [decision.order for decision in sold if decision.order.state is OrderState.COMPLETED]
    insert_rentals(tx, [rental_of(order) for order in completed])
    insert_events(tx, [_purchased(order) for order in completed])


def _hold(order: Order) -> Hold:
    at_once = order.state is OrderState.COMPLETED
    return Hold(
        order.id,
        order.account_id,
        order.prices.total,
        HoldState.CAPTURED if at_once else HoldState.OPEN,
        order.created_at,
        order.completed_at,
    )


def _transfers(decision: Sold) -> list[Transfer]:
    """The charges of a completed order. Their ids follow from the order's: a second capture cannot be written."""
    order = decision.order
    return [
        Transfer(
            id=f"trf_{order.id.removeprefix('ord_')}_{charge.kind}",
            kind=charge.kind,
            debit=wallet_account(order.account_id),
            credit=REVENUE[charge.kind],
            amount=charge.amount,
            currency=order.prices.currency,
            account_id=order.account_id,
            entry=charge.entry,
            balance_after=charge.balance_after,
            order_id=order.id,
            reference=None,
            created_at=order.created_at,
        )
        for charge in decision.charges
    ]


def _purchased(order: Order) -> Event:
    payload = {
        "phone_number": order.e164,
        "order_id": order.id,
        "id": order.rental_id,
        "price": format_micros(order.prices.monthly),
        "currency": order.prices.currency,
        "purchased_at": iso_seconds(order.completed_at or order.created_at),
    }
    return Event(
        f"evt_{order.id.removeprefix('ord_')}",
        order.account_id,
        NUMBER_PURCHASED,
        msgspec.json.encode(payload).decode(),
        order.created_at,
    )
