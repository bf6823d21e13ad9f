"""Orders at carriers, for the tests that follow what becomes of them."""

from __future__ import annotations

from typing import Any, Final

from numberdesk.core.carrier_order import CarrierOrder, Inquiry, OrderOutcome, OutcomeReport
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import Buy, Order
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.infra.due_work import TakeUp
from numberdesk.numbers.carrier_release import CarrierRelease
from numberdesk.numbers.carrier_release_store import DUE_RELEASES
from numberdesk.orders.carrier_order_store import find_carrier_orders
from testbed.fake_carriers import Does
from tests.flows.conftest import PRICE, Shop

SECOND: Final = MICROSECONDS
MINUTE: Final = 60 * SECOND
DAY: Final = 86_400 * SECOND
WINDOW: Final = 15 * MINUTE

BOOKS: Final = (
    "orders", "idempotency_records", "wallets", "holds", "transfers", "numbers", "rentals", "events", "carrier_orders",
    "carrier_releases",
)  # fmt: skip


def opened(shop: Shop, *does: Does, key: str | None = None, account_id: str | None = None) -> tuple[Buy, Placement]:
    """An order whose first sending is over, and what goes on about it."""
    e164 = shop.number(carrier="acme")
    shop.acme.script(e164, *does)
    buy = shop.wants(account_id or shop.account(10 * PRICE), e164, key=key)
    placement = shop.placement()
    shop.tell(shop.purchase(placement, buy, seconds=0))
    shop.time.pass_by(1, shop.writer)
    return buy, placement


def heard(shop: Shop, buy: Buy, word: OrderOutcome, *, attempt: int = 1) -> OutcomeReport:
    """A word about an attempt, heard now."""
    return OutcomeReport(buy.order_id, attempt, word, shop.acme.window, 135 * SECOND, shop.now, inquiry_of(shop))


def inquiry_of(shop: Shop) -> Inquiry:
    """A question that is answered at once."""
    time = shop.process_time
    return Inquiry(time.process, time.elapsed(), time.elapsed())


def settled(shop: Shop, *words: OutcomeReport) -> list[Order]:
    """The orders after some words, heard in one batch."""
    with shop.database.write() as tx:
        return [status.order for status in settle_orders(tx, words)]


def books(shop: Shop) -> list[list[tuple[Any, ...]]]:
    """All that orders touch."""
    return [shop.rows(f"SELECT * FROM {table} ORDER BY 1") for table in BOOKS]  # noqa: S608  the tests' own table names


def carrier_order_of(shop: Shop, buy: Buy) -> CarrierOrder:
    """How an order stands with its carrier."""
    with shop.database.read() as tx:
        return find_carrier_orders(tx, [buy.order_id])[buy.order_id]


def take_up_releases(shop: Shop, now: int, limit: int, *outlasted: tuple[str, int]) -> list[CarrierRelease]:
    """Rows that are due, also those whose leases are surely over."""
    return shop.writer.apply(DUE_RELEASES.take_up, TakeUp("acme", now, limit, outlasted=outlasted))
