"""Killed with -9 at every point of a purchase at a carrier, whatever the carrier does: bought once, charged once."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from carrier_mock.model import Api
from carrier_mock.running import Config
from numberdesk.carriers.finding_store import list_findings
from numberdesk.core.lifecycle import OrderState
from numberdesk.flows.carriers.audit_carriers import CARRIER_AUDITS
from numberdesk.flows.carriers.confirm_carrier_releases import CARRIER_RELEASES
from numberdesk.flows.carriers.note_audits import AskForAudit, ask_for_audits
from numberdesk.flows.purchase.follow_carrier_orders import CARRIER_ORDERS
from numberdesk.flows.rentals.release_numbers import Release
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWorker, points_of
from numberdesk.wiring import Services
from testbed.carrier_mock import MockUrls, simulated
from testbed.customers import Customers, Wish
from testbed.remote import ACCOUNT, BEHAVIOURS, BOUGHT_ONCE_SENT, SETTINGS, MovingClock, RemoteBooks, make_remote_books
from testbed.service import Service

NUMBER = "+13615550100"

AT_ONCE = ("taken", "begun", "applied", "committed", "resolved", "decided", "sending", "heard")
AFTER_THE_ANSWER = ("heard:taken", "heard:begun", "heard:applied", "heard:committed", "heard:resolved", "settled")
LOOKED_UP = f"{CARRIER_ORDERS}.acted"
IN_A_LOOK_UP = (
    *points_of(CARRIER_ORDERS),
    *(f"{LOOKED_UP}:{point}" for point in ("taken", "begun", "applied", "committed", "settled")),
)
IN_FLIGHT = "in flight"
ENGINES = ("sqlite", "postgresql")
FAILPOINTS = (*AT_ONCE, IN_FLIGHT, *AFTER_THE_ANSWER)
NEVER_SENT = frozenset(AT_ONCE[:-1])
"""Points before the carrier is asked. What was opened there is sent by whoever proves that it was not."""

POINTS_NOW = ("begun", "decided", "sending", "heard", IN_FLIGHT, "heard:applied", "heard:committed", "settled")
LOOK_UP_NOW = (*points_of(CARRIER_ORDERS), f"{LOOKED_UP}:applied", f"{LOOKED_UP}:committed")

CELLS = [(point, behaviour) for point in FAILPOINTS for behaviour in BEHAVIOURS]
LOOKED_UP_CELLS = [(point, behaviour) for point in IN_A_LOOK_UP for behaviour in BEHAVIOURS]


def some(cells: list[tuple[str, str]], points: tuple[str, ...]) -> list[object]:
    """These points now, on one engine or the other, each with another behaviour; everything in the long run."""
    behaviours = list(BEHAVIOURS)
    now = {
        (ENGINES[place % 2], point, behaviours[(place * 3 + 2) % len(behaviours)]) for place, point in enumerate(points)
    }
    everything = [(engine, *cell) for engine in ENGINES for cell in cells]
    return [cell if cell in now else pytest.param(*cell, marks=pytest.mark.long) for cell in everything]


@pytest.fixture(scope="module")
def carriers() -> Iterator[MockUrls]:
    with simulated(Config()) as running:
        yield running


@pytest.fixture
def books(database_url: str, carriers: MockUrls) -> RemoteBooks:
    carriers.control.reset()
    return make_remote_books(database_url, carriers, numbers=[NUMBER])


@pytest.fixture
def patient_books(database_url: str, carriers: MockUrls) -> RemoteBooks:
    """The same, but that an order may take long: what is bought is bought however busy the machine is."""
    carriers.control.reset()
    return make_remote_books(database_url, carriers, numbers=[NUMBER], options={})


def wish(books: RemoteBooks) -> Wish:
    return Wish(books.stock.account_ids[0], books.stock.keys[0], NUMBER, "wish")


def killed_at(books: RemoteBooks, point: str, *, ahead: int = 0) -> Customers:
    """Ask for the number, and have the service die at the point."""
    customers = Customers([wish(books)], count=1)
    with Service(books.url, "testbed.crashing", point, "1", str(ahead), **SETTINGS) as doomed:
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


@pytest.mark.parametrize(("engine", "point", "behaviour"), some(LOOKED_UP_CELLS, LOOK_UP_NOW), indirect=["engine"])
def test_a_look_up_that_is_killed_is_done_again_by_whoever_comes_next(
    books: RemoteBooks, point: str, behaviour: str
) -> None:
    """The service dies when its carrier has answered; the next one, ten minutes later, dies while it looks that up."""
    books.arm(NUMBER, behaviour)
    customers = killed_at(books, "heard")
    with Service(books.url, "testbed.crashing", point, "1", "600", **SETTINGS) as doomed:
        assert doomed.died() == -signal.SIGKILL
    books.recover()
    look(books, customers, behaviour, sent=True)
    ask_until_answered(books, customers)
    look(books, customers, behaviour, sent=True)
    assert books.control.number(NUMBER).bought <= 1


def of_every_engine(kind: str) -> list[object]:
    """A kill at each failpoint of a kind of work: on one engine or the other now, on both in the long run."""
    points = points_of(kind)
    return [
        (engine, point) if place % 2 == which else pytest.param(engine, point, marks=pytest.mark.long)
        for place, point in enumerate(points)
        for which, engine in enumerate(ENGINES)
    ]


def die_at(books: RemoteBooks, point: str, *, ahead: int = 0) -> None:
    """Have a service that nobody asks for anything die at a point of its background work."""
    with Service(books.url, "testbed.crashing", point, "1", str(ahead), **SETTINGS) as doomed:
        assert doomed.died() == -signal.SIGKILL


@pytest.mark.parametrize(("engine", "point"), of_every_engine(CARRIER_RELEASES), indirect=["engine"])
def test_a_release_that_is_killed_is_told_again_until_the_carrier_has_the_number_back(
    patient_books: RemoteBooks, point: str
) -> None:
    books = patient_books
    customers = Customers([wish(books)], count=1)
    with Service(books.url, **SETTINGS) as service:
        customers.ask(service.port)
    assert books.control.number(NUMBER).bought == 1
    with books.running() as services:
        services.writer.apply(services.release_numbers, Release(books.stock.account_ids[0], NUMBER, services.now()))
    die_at(books, point)
    books.recover()
    assert books.control.purchases(live=True) == []
    assert confirmed(books) == [True]


@pytest.mark.parametrize(("engine", "point"), of_every_engine(CARRIER_AUDITS), indirect=["engine"])
def test_an_audit_that_is_killed_is_made_again_and_finds_what_is_there(books: RemoteBooks, point: str) -> None:
    (orphan,) = books.control.orphans(Api.TWILIO, account=ACCOUNT, count=1)
    with books.running() as services:
        services.writer.apply(ask_for_audits, AskForAudit("twilio", services.now()))
    die_at(books, point)
    ahead = MovingClock()
    ahead.move_to(ahead() + 2 * 3600 * 1_000_000)
    with books.running(ahead) as services:
        asyncio.run(audited(services))
        found = services.reader.read_now(lambda tx: list_findings(tx, None, ended=True, limit=10))
    assert [(finding.e164, finding.state.value) for finding in found] == [(orphan.phone_number, "open")]


async def audited(services: Services) -> None:
    """What the worker does with audits that are due."""
    try:
        worker = DueWorker(services.audit.due_work, services.writer, services.reader, now=services.now)
        while await worker.run_once():
            pass
    finally:
        await services.hang_up()


def confirmed(books: RemoteBooks) -> list[bool]:
    """Of all numbers that went back or are on their way, whether the carrier has confirmed it."""
    with books.running() as services:
        return [row[0] is not None for row in services.reader.read_now(_confirmations)]


def _confirmations(tx: Tx) -> list[tuple[int | None]]:
    return tx.fetch("SELECT confirmed_at FROM carrier_releases", [])
