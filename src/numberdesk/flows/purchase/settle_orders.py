"""End orders at carriers, or keep them open: what follows from each outcome, written as sets.

Touches: database.

The request that sent an order and the worker that looked it up end here alike, and may meet: an
order that ended is left as it is. A number that turns out to be ours after its order failed is
given back to its carrier, at the operator's cost, where it carries the id of that order there and
nobody has it in the books; any other is a finding for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from numberdesk.carriers.finding_store import find_kept
from numberdesk.carriers.trouble_store import CarrierTrouble, end_troubles, note_troubles
from numberdesk.core.carrier_order import (
    Absent,
    Again,
    Capture,
    CarrierOrder,
    Keep,
    OrderOutcome,
    OutcomeReport,
    Pending,
    Placed,
    Reason,
    Refused,
    Void,
    answered,
    step,
)
from numberdesk.core.lifecycle import HoldState, OrderState
from numberdesk.core.purchase import Order, SaleNumber, Wallet
from numberdesk.core.schedule import LONGEST_MESSAGE, resting
from numberdesk.core.settlement import Settlement, capture, void
from numberdesk.flows.connections.connect_bought import begin_connections, sift_connections
from numberdesk.flows.keep_wallets import keep_wallets
from numberdesk.flows.purchase.order_records import first_charges, order_failed, purchased, transfers_of
from numberdesk.flows.rentals.begin_rentals import begun
from numberdesk.flows.tell_operators import tell_parked, tell_troubles
from numberdesk.flows.usage.pay_debts import pay_debts
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import insert_transfers, lock_wallets, resolve_holds
from numberdesk.numbers.carrier_release import CarrierRelease, of_finding
from numberdesk.numbers.carrier_release_store import insert_releases, lock_releases
from numberdesk.numbers.rent_store import insert_rent_charges
from numberdesk.numbers.rental_store import insert_rentals
from numberdesk.numbers.store import lock_sale_numbers, save_sale_numbers
from numberdesk.orders.carrier_order_store import Ended, change_carrier_orders, find_carrier_orders, lock_carrier_orders
from numberdesk.orders.store import change_orders, find_orders, withdraw_idempotency_records
from numberdesk.outbox.store import insert_events


class OrderStatus(NamedTuple):
    """How an order stands after an outcome. `again`: one attempt more is to be sent now, by whoever asked.

    `lease_lost`: who looked it up took so long that somebody else has it by now, or has ended it.

    `parked` and `too_late` are set by the outcome that did it and by no later one: that the order waits for a
    person, and that its number came after it had failed and is given back. `unexplained`: the number of this failed
    order is on our account and nothing says that the order brought it there, so that an audit has to show it.
    """

    order: Order
    again: CarrierOrder | None = None
    parked: CarrierOrder | None = None
    too_late: CarrierRelease | None = None
    lease_lost: bool = False
    unexplained: bool = False


@dataclass(slots=True)
class OrderBatch:
    """What the next outcome of a batch sees, and what is to be written at the end."""

    wallets: dict[str, Wallet]
    sale_numbers: dict[str, SaleNumber]
    carrier_orders: dict[str, CarrierOrder]
    orders: dict[str, Order]
    kept: set[tuple[str, str]] = field(default_factory=set)
    settled: list[Settlement] = field(default_factory=list)
    withdrawn: set[str] = field(default_factory=set)
    changed: dict[str, Ended] = field(default_factory=dict)
    too_late: dict[str, CarrierRelease] = field(default_factory=dict)
    troubles: dict[str, CarrierTrouble] = field(default_factory=dict)
    taking: set[str] = field(default_factory=set)
    parked: list[CarrierOrder] = field(default_factory=list)


def settle_orders(tx: Tx, commands: Sequence[OutcomeReport]) -> list[OrderStatus]:
    """The write flow: one status per outcome."""
    books = load_books(tx, [report.order_id for report in commands])
    books.kept = find_kept(tx, [order.e164 for order in books.orders.values() if order.state is OrderState.FAILED])
    statuses = [_settle_under_lease(books, report) for report in commands]
    there = write_books(tx, books)
    return [one if one.order.id not in there else one._replace(too_late=None) for one in statuses]


def load_books(tx: Tx, order_ids: Sequence[str]) -> OrderBatch:
    """All that ending some orders touches, locked: wallets, then numbers, then carrier orders."""
    known = find_carrier_orders(tx, order_ids)
    wallets = lock_wallets(tx, [carrier_order.account_id for carrier_order in known.values()])
    sale_numbers = lock_sale_numbers(tx, [carrier_order.e164 for carrier_order in known.values()])
    carrier_orders = lock_carrier_orders(tx, known)
    return OrderBatch(wallets, sale_numbers, carrier_orders, find_orders(tx, known))


def _settle_under_lease(books: OrderBatch, report: OutcomeReport) -> OrderStatus:
    lease_lost = report.leased_until not in (None, books.carrier_orders[report.order_id].leased_until)
    return _settle(books, report)._replace(lease_lost=lease_lost)


def _settle(books: OrderBatch, report: OutcomeReport) -> OrderStatus:
    order, carrier_order = books.orders[report.order_id], books.carrier_orders[report.order_id]
    _note_trouble(books, order.carrier, report)
    if order.state is not OrderState.ORDERING:
        if order.state is OrderState.FAILED and isinstance(report.outcome, Placed):
            return _placed_too_late(books, order, report.outcome, report.now)
        return OrderStatus(order)
    what = step(carrier_order, report)
    carrier_order = answered(carrier_order, report)
    if isinstance(what, Void):
        return OrderStatus(
            end_order(books, carrier_order._replace(message=_message_of(report.outcome)), what, report.now)
        )
    if isinstance(what, Capture):
        return OrderStatus(end_order(books, carrier_order, what, report.now))
    keep_open(books, what)
    if isinstance(what, Again):
        return OrderStatus(order, what.carrier_order)
    parked = carrier_order.parked_at is None and what.carrier_order.parked_at is not None
    if parked:
        books.parked.append(what.carrier_order)
    return OrderStatus(order, parked=what.carrier_order if parked else None)


def _note_trouble(books: OrderBatch, carrier: str, report: OutcomeReport) -> None:
    """Whether a carrier orders for our account, if the answer to an order tells that. The last answer holds."""
    outcome = report.outcome
    if report.looked_up:
        return
    if isinstance(outcome, Placed | Pending):
        books.taking.add(carrier)
        books.troubles.pop(carrier, None)
    elif isinstance(outcome, Refused) and outcome.reason is Reason.ACCOUNT:
        before = books.troubles.get(carrier)
        since, orders = (report.now, 0) if before is None else (before.since, before.orders)
        said = outcome.message[:LONGEST_MESSAGE]
        books.troubles[carrier] = CarrierTrouble(carrier, said, since, report.now, orders + 1)


def _message_of(outcome: OrderOutcome) -> str:
    """What ended an order that failed."""
    return "absent over the whole window" if isinstance(outcome, Absent | Placed) else outcome.message[:LONGEST_MESSAGE]


def keep_open(books: OrderBatch, what: Keep | Again) -> None:
    """The order stays open."""
    books.carrier_orders[what.carrier_order.order_id] = what.carrier_order
    books.changed[what.carrier_order.order_id] = Ended(what.carrier_order, None)


def end_order(books: OrderBatch, carrier_order: CarrierOrder, what: Capture | Void, now: int) -> Order:
    """Capture or void an open order; the books then have it so."""
    order = books.orders[carrier_order.order_id]._replace(attempts=carrier_order.sends)
    wallet, sale_number = books.wallets[order.account_id], books.sale_numbers[order.e164]
    if isinstance(what, Capture):
        settled = capture(order, wallet, sale_number, what.number_id, now)
    else:
        settled = void(order, wallet, sale_number, what.error, now)
        if not what.final:
            books.withdrawn.add(order.id)
    books.settled.append(settled)
    books.orders[order.id] = settled.order
    books.wallets[order.account_id] = settled.wallet
    books.sale_numbers[order.e164] = settled.sale_number
    over = resting(carrier_order)._replace(parked_at=None, settled_at=now)
    books.carrier_orders[order.id] = over
    books.changed[order.id] = Ended(over, settled.order.failure)
    return settled.order


def _placed_too_late(books: OrderBatch, order: Order, outcome: Placed, now: int) -> OrderStatus:
    """The number of a failed order is on our account after all. It goes back by itself, once, if it is certainly ours.

    That is so only where it carries this order's id there and nobody has it in the books: at a carrier that keeps no
    references it may have been the operator's all along. Then a person decides.
    """
    if books.sale_numbers[order.e164].order_id is not None or order.id in books.too_late:
        return OrderStatus(order)
    if outcome.reference != order.id or (order.carrier, order.e164) in books.kept:
        return OrderStatus(order, unexplained=True)
    serial = order.id.removeprefix("ord_")
    books.too_late[order.id] = of_finding(order.carrier, order.e164, outcome.number_id, serial, now)
    return OrderStatus(order, too_late=books.too_late[order.id])


def write_books(tx: Tx, books: OrderBatch) -> set[str]:
    """Write all that the words changed. Which failed orders' numbers were on their way back before."""
    settled = books.settled
    change_orders(tx, [one.order for one in settled])
    resolve_holds(
        tx,
        {
            one.order.id: (HoldState.CAPTURED, one.order.completed_at or 0)
            if one.order.state is OrderState.COMPLETED
            else (HoldState.VOIDED, one.order.failed_at or 0)
            for one in settled
        },
    )
    insert_transfers(tx, [transfer for one in settled for transfer in transfers_of(one.order, one.charges)])
    changed = {one.order.account_id: books.wallets[one.order.account_id] for one in settled}
    failed_at = max((one.order.failed_at or 0 for one in settled), default=0)
    ended_at = max((one.order.completed_at or one.order.failed_at or 0 for one in settled), default=0)
    keep_wallets(tx, changed | (pay_debts(tx, changed, failed_at) if failed_at else {}), ended_at)
    for one in settled:
        save_sale_numbers(tx, [one.sale_number], one.order.completed_at or one.order.failed_at or 0)
    completed = [one.order for one in settled if one.order.state is OrderState.COMPLETED]
    failed = [one.order for one in settled if one.order.state is OrderState.FAILED]
    bought = sift_connections(tx, begun(tx, completed))
    insert_rentals(tx, bought.rentals)
    insert_rent_charges(tx, first_charges(bought.rentals))
    insert_events(tx, [*(purchased(order) for order in completed), *(order_failed(order) for order in failed)])
    begin_connections(tx, bought, completed, max((order.completed_at or 0 for order in completed), default=0))
    withdraw_idempotency_records(tx, books.withdrawn)
    change_carrier_orders(tx, list(books.changed.values()))
    there = _write_releases(tx, books)
    end_troubles(tx, books.taking)
    tell_parked(tx, books.parked)
    if books.troubles:
        tell_troubles(tx, note_troubles(tx, books.troubles))
    return there


def _write_releases(tx: Tx, books: OrderBatch) -> set[str]:
    if not books.too_late:
        return set()
    there = lock_releases(tx, [one.id for one in books.too_late.values()])
    insert_releases(tx, [one for one in books.too_late.values() if one.id not in there])
    return {order_id for order_id, one in books.too_late.items() if one.id in there}
