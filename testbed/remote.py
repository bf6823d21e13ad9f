"""Books with a carrier connected, the same carrier's own books beside them, and a recovery whose clock may jump."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeVar

from carrier_mock.faults import Fault
from carrier_mock.model import Api, Operation
from numberdesk.carriers.port import Setup
from numberdesk.catalog.offers import RemoteOffer
from numberdesk.catalog.remote_search import Known, listing_of_any
from numberdesk.core.carrier_order import CarrierOrder
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import Order
from numberdesk.core.schedule import turn_of
from numberdesk.flows.carriers.audit_carriers import CARRIER_AUDITS
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.flows.catalog.keep_offers import Shown, keep_offers
from numberdesk.infra import clock
from numberdesk.infra.settings import Settings, load_settings
from numberdesk.infra.vault import new_key
from numberdesk.ledger.store import find_wallet
from numberdesk.numbers.carrier_release_store import list_unconfirmed
from numberdesk.orders.carrier_order_store import list_unsettled
from numberdesk.orders.store import list_orders
from numberdesk.verify.books import verify
from numberdesk.wiring import HOUR, Parts, Services, build
from numberdesk.worker import due_workers
from testbed.carrier_mock import Control, MockUrls
from testbed.egress import ALLOWED
from testbed.samples import PRICE
from testbed.stock import Stock, stocked

Result = TypeVar("Result")

CREDENTIALS_KEY: Final = new_key()
SETTINGS: Final = {
    "credentials_key": CREDENTIALS_KEY,
    "quote_lifetime_seconds": "86400",
    "egress_allow": ALLOWED,
}
"""What a service that is to find the carrier again must be started with."""

FAST: Final = {"order_seconds": "1", "read_seconds": "2"}
ACCOUNT: Final = "AC" + "0" * 31 + "1"
MOST_ROUNDS: Final = 60

BEHAVIOURS: Final[dict[str, Fault | None]] = {
    "buys and answers": None,
    "refuses": Fault.TAKEN,
    "buys and times out": Fault.SILENCE,
    "buys and resets": Fault.RESET,
    "never receives": Fault.LOST,
    "answers 500 but bought": Fault.ERROR,
    "answers with another number": Fault.OTHER_NUMBER,
    "answers after our timeout": Fault.SLOW,
}
"""What a carrier does with an order (proof.md 2.2)."""

_LEAST_WAIT: Final = 60 * MICROSECONDS
BOUGHT_ONCE_SENT: Final = frozenset(BEHAVIOURS) - {"refuses", "never receives"}


class MovingClock:
    """The time, which a test may move ahead."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        """Microseconds since the epoch."""
        return clock.now() + self.ahead

    def seconds(self) -> float:
        """The clock that only goes forward: it was moved ahead as far, as if so much time had passed."""
        return time.monotonic() + self.ahead / MICROSECONDS

    def move_to(self, instant: int) -> None:
        """Let it be that time, unless it is later already."""
        self.ahead += max(0, instant - self())


class RemoteBooks(NamedTuple):
    """A database whose accounts may buy of the carrier `twilio`, and that carrier's own books."""

    url: str
    stock: Stock
    simulated: MockUrls

    @property
    def control(self) -> Control:
        """The carrier's own books and faults."""
        return self.simulated.control

    def settings(self) -> Settings:
        """How the service is set up."""
        given: dict[str, Any] = {"database_url": self.url, **SETTINGS}
        return load_settings(**given)

    @contextmanager
    def running(self, moving: MovingClock | None = None) -> Iterator[Services]:
        """The service in this process, its writer started."""
        moving = MovingClock() if moving is None else moving
        services = build(self.settings(), Parts(now=moving, seconds=moving.seconds))
        services.writer.start()
        try:
            yield services
        finally:
            services.close()

    def arm(self, e164: str, behaviour: str) -> None:
        """Have the carrier do so with the next order of a number."""
        fault = BEHAVIOURS[behaviour]
        if fault is not None:
            seconds = 1.5 if fault is Fault.SLOW else None
            self.control.arm(fault, api=Api.TWILIO, operation=Operation.ORDER, phone_number=e164, seconds=seconds)

    def recover(self) -> None:
        """What a worker does in days, in a moment: until no order is open and no number on its way back."""
        clock_ahead = MovingClock()
        with self.running(clock_ahead) as services:
            asyncio.run(until_settled(services, clock_ahead))

    def audit(self) -> list[Order]:
        """Hold the books against themselves and against the carrier's; return all orders."""
        with self.running() as services:
            assert services.reader.read_now(lambda tx: verify(tx, lambda *_: None)).violations == ()
            orders = services.reader.read_now(lambda tx: list_orders(tx, None, limit=1_000_000))
            for account_id in self.stock.account_ids:
                wallet = services.reader.read_now(lambda tx, owner=account_id: find_wallet(tx, owner))  # type: ignore[misc]  # a default in a lambda
                assert wallet is not None
                mine = [order for order in orders if order.account_id == account_id]
                spent = sum(order.prices.total for order in mine if order.state is OrderState.COMPLETED)
                held = sum(order.prices.total for order in mine if order.state is OrderState.ORDERING)
                assert (wallet.posted, wallet.held) == (self.stock.balance - spent, held)
        self._agree(orders)
        return orders

    def _agree(self, orders: Sequence[Order]) -> None:
        """What the carrier sold is what customers rent, each number once."""
        owned = Counter(purchase.phone_number for purchase in self.control.purchases(live=True))
        rented = Counter(order.e164 for order in orders if order.state is OrderState.COMPLETED)
        still_open = {order.e164 for order in orders if order.state is OrderState.ORDERING}
        assert all(count == 1 for count in owned.values()), "the carrier sold a number twice"
        assert all(count == 1 for count in rented.values()), "a number was sold twice"
        assert rented <= owned, "a number that a customer pays for is not there"
        assert set(owned - rented) <= still_open, "a number that the carrier is paid for has no customer"


async def until_settled(services: Services, moving: MovingClock) -> None:
    """Do what a worker does until no order is open but those that wait for a person, the clock moved on each time."""
    try:
        workers = due_workers(services)
        for _ in range(MOST_ROUNDS):
            for worker in workers:
                while worker.work.name != CARRIER_AUDITS and await worker.run_once():
                    pass
            due = _due(services)
            if not due:
                return
            moving.move_to(max(min(due), moving() + _LEAST_WAIT))  # a lease that is over is watched once more
        raise AssertionError(f"not settled: {_open(services)}")
    finally:
        await services.hang_up()


def _open(services: Services) -> list[CarrierOrder]:
    return services.reader.read_now(lambda tx: list_unsettled(tx, parked=None, limit=1000))


def _due(services: Services) -> list[int]:
    going_back = services.reader.read_now(lambda tx: list_unconfirmed(tx, limit=1000))
    turns = [*map(turn_of, _open(services)), *map(turn_of, going_back)]
    return [turn for turn in turns if turn is not None]


def make_remote_books(
    url: str,
    simulated: MockUrls,
    *,
    accounts: int = 2,
    numbers: Sequence[str] = (),
    options: dict[str, str] | None = None,
) -> RemoteBooks:
    """Connect the simulated Twilio, open accounts with money, and have some of its numbers offered."""
    books = RemoteBooks(url, Stock([], [], [], 0), simulated)
    with books.running() as services:
        stock = stocked(services, accounts=accounts, numbers=0)
        values = {
            "account_sid": ACCOUNT, "auth_token": secrets.token_hex(16), "base_url": simulated.twilio_url,
            **(FAST if options is None else options),
        }  # fmt: skip
        setup = CarrierSetup("twilio", "twilio", Setup(values), None, services.now())
        services.writer.apply(set_up_carriers(services.vault, services.egress), setup)
        offer(services, numbers)
    return books._replace(stock=stock)


def offer(services: Services, numbers: Sequence[str], *, setup: int = 0) -> None:
    """Have the carrier's numbers been shown to somebody, at the usual price and a setup price."""
    now = services.now()
    offers = []
    for e164 in numbers:
        listing = listing_of_any(Known.plain(e164))
        assert listing is not None
        priced = listing.priced(Prices("USD", PRICE, 8_500, 94_500, setup))
        offers.append(RemoteOffer("twilio", priced, now, now + 24 * HOUR))
    services.writer.apply(keep_offers, Shown(tuple(offers)))
