"""Killed with -9 at every point of a purchase at a carrier, whatever the carrier does: bought once, charged once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from numberdesk.carrier_sim.model import Api
from numberdesk.carrier_sim.running import Config
from numberdesk.core.lifecycle import OrderState
from testbed.carrier_sim import Simulated, simulated
from testbed.customers import Customers, Wish
from testbed.remote import BEHAVIOURS, BOUGHT_ONCE_SENT, SETTINGS, RemoteBooks, make_remote_books
from testbed.service import Service

NUMBER = "+13615550100"

AT_ONCE = ("taken", "begun", "applied", "committed", "resolved", "decided", "sending", "heard")
AFTER_THE_ANSWER = ("heard:taken", "heard:begun", "heard:applied", "heard:committed", "heard:resolved", "settled")
IN_THE_CHASE = (
    "taken_up", "looked_up", "looked_up:taken", "looked_up:begun", "looked_up:applied", "looked_up:committed",
    "looked_up:settled",
)  # fmt: skip
IN_FLIGHT = "in flight"
ENGINES = ("sqlite", "postgresql")
POINTS = (*AT_ONCE, IN_FLIGHT, *AFTER_THE_ANSWER)
NEVER_SENT = frozenset(AT_ONCE[:-1])
"""Points before the carrier is asked. What was opened there is sent by whoever proves that it was not."""

POINTS_NOW = ("begun", "decided", "sending", "heard", IN_FLIGHT, "heard:applied", "heard:committed", "settled")
CHASE_NOW = ("taken_up", "looked_up", "looked_up:applied", "looked_up:committed")

CELLS = [(point, behaviour) for point in POINTS for behaviour in BEHAVIOURS]
CHASED = [(point, behaviour) for point in IN_THE_CHASE for behaviour in BEHAVIOURS]


def some(cells: list[tuple[str, str]], points: tuple[str, ...]) -> list[object]:
    """These points now, on one engine or the other, each with another behaviour; everything in the long run."""
    behaviours = list(BEHAVIOURS)
    now = {
        (ENGINES[place % 2], point, behaviours[(place * 3 + 2) % len(behaviours)]) for place, point in enumerate(points)
    }
    everything = [(engine, *cell) for engine in ENGINES for cell in cells]
    return [cell if cell in now else pytest.param(*cell, marks=pytest.mark.long) for cell in everything]


@pytest.fixture(scope="module")
def carriers() -> Iterator[Simulated]:
    with simulated(Config()) as running:
        yield running


@pytest.fixture
def books(database_url: str, carriers: Simulated) -> RemoteBooks:
    carriers.control.reset()
    return make_remote_books(database_url, carriers, numbers=[NUMBER])


def wish(books: RemoteBooks) -> Wish:
    return Wish(books.stock.account_ids[0], books.stock.keys[0], NUMBER, "wish")


def killed_at(books: RemoteBooks, point: str, *, ahead: int = 0) -> Customers:
    """Ask for the number, and have the service die at the point."""
    customers = Customers([wish(books)], count=1)
    with Service(books.url, "-m", "testbed.crashing", point, "1", str(ahead), **SETTINGS) as doomed:
        customers.ask(doomed.port)
        assert doomed.died() == -signal.SIGKILL
    return customers


def killed_in_flight(books: RemoteBooks) -> Customers:
    """Ask for the number, and kill the service as soon as the carrier has the order, or has lost it."""
    books.control.set_carrier(Api.TWILIO, answer_seconds=0.5)
    customers = Customers([wish(books)], count=1)
    with Service(books.url, **SETTINGS) as doomed:
        asking = threading.Thread(target=customers.ask, args=(doomed.port,))
        asking.start()
        for _ in range(1000):
            if books.control.attempts(phone_number=NUMBER):
                break
            time.sleep(0.005)
        doomed.kill()
        asking.join()
    books.control.set_carrier(Api.TWILIO, answer_seconds=0)
    return customers


def ask_until_answered(books: RemoteBooks, customers: Customers) -> None:
    """The customer sends the same request until it is decided; whenever it has to wait, days pass."""
    for _ in range(4):
        with Service(books.url, **SETTINGS) as service:
            customers.ask(service.port)
        books.recover()
        if not customers.open:
            return
    raise AssertionError("no answer")


def look(books: RemoteBooks, customers: Customers, behaviour: str, *, sent: bool) -> None:
    """After the recovery everything agrees, and what was told is true."""
    orders = books.audit()
    assert all(order.state is not OrderState.ORDERING for order in orders), "an order is still open"
    completed = [order for order in orders if order.state is OrderState.COMPLETED]
    if sent and behaviour in BOUGHT_ONCE_SENT:
        assert len(completed) == 1
    assert customers.contradictions == []
    if customers.bought:
        assert len(completed) == 1


@pytest.mark.parametrize(("engine", "point", "behaviour"), some(CELLS, POINTS_NOW), indirect=["engine"])
def test_a_purchase_that_is_killed_is_made_once_or_not_at_all_and_is_answered_when_asked_again(
    books: RemoteBooks, point: str, behaviour: str
) -> None:
    books.arm(NUMBER, behaviour)
    customers = killed_in_flight(books) if point == IN_FLIGHT else killed_at(books, point)
    books.recover()
    sent = bool(books.control.attempts(phone_number=NUMBER))
    assert sent or point in NEVER_SENT
    look(books, customers, behaviour, sent=sent)
    ask_until_answered(books, customers)
    look(books, customers, behaviour, sent=True)
    deal = books.control.number(NUMBER)
    assert deal.bought <= 1


@pytest.mark.parametrize(("engine", "point", "behaviour"), some(CHASED, CHASE_NOW), indirect=["engine"])
def test_a_look_up_that_is_killed_is_done_again_by_whoever_comes_next(
    books: RemoteBooks, point: str, behaviour: str
) -> None:
    """The service dies when its carrier has answered; the next one, ten minutes later, dies while it looks that up."""
    books.arm(NUMBER, behaviour)
    customers = killed_at(books, "heard")
    with Service(books.url, "-m", "testbed.crashing", point, "1", "600", **SETTINGS) as doomed:
        assert doomed.died() == -signal.SIGKILL
    books.recover()
    look(books, customers, behaviour, sent=True)
    ask_until_answered(books, customers)
    look(books, customers, behaviour, sent=True)
    assert books.control.number(NUMBER).bought <= 1
