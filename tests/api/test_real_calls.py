"""Real calls: a bought number rings, is charged by the second, is cut off with the money, and is silent once released.

Kamailio asks the service with the configuration that docs/routing.md names; SIPp dials and answers. All on loopback.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from numberdesk.api.app import build_app
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.money import MICROS
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.verify.books import verify
from numberdesk.wiring import Services
from testbed.asked import Asked, written_down
from testbed.databases import Databases
from testbed.egress import ALLOWED
from testbed.real_calls import Exchange, exchange, missing
from tests.api.conftest import Customer, Shop, _run

POSTGRESQL_IN_THE_LONG_RUN = "what a call is charged is shown on both engines; this is about the way there"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]

A_SECOND: Final = 1_000
"""What a second costs in micros, by increments of 1/1."""

ROUTE: Final = "/api/v1/routing/kamailio"
SESSIONS: Final = "/api/v1/usage/sessions/"
HELD_FOR: Final = 4
"""Seconds that money is held for at a time, so that every call here has to be extended."""

ODD_CALL_ID: Final = "a+b/2=3&reserve=0&'4'@c.d"
"""Callers choose it: it is kept as it is, and means nothing."""


@pytest.fixture(scope="module")
def heard() -> list[Asked]:
    """All that the desk is asked over HTTP, in its order."""
    return []


@pytest.fixture(scope="module")
def desk(made: Databases, tmp_path_factory: pytest.TempPathFactory, heard: list[Asked]) -> Iterator[Shop]:
    url = made.prepared(tmp_path_factory.mktemp("desk"))

    def listening(services: Services) -> Any:
        return written_down(build_app(services), heard)

    yield from _run(url, listening, egress_allow=ALLOWED, usage_session_seconds=HELD_FOR)


@pytest.fixture
def asked(heard: list[Asked]) -> Callable[[], list[Asked]]:
    """What Kamailio has asked since the test began; `pytest -rP` shows it."""
    before = len(heard)

    def trace() -> list[Asked]:
        found = [one for one in heard[before:] if one.path.startswith((ROUTE, SESSIONS))]
        print(*(f"{one.method} {one.path} {one.body} -> {one.status}" for one in found), sep="\n")  # noqa: T201  it is shown
        return found

    return trace


@pytest.fixture(scope="module")
def calls(desk: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Kamailio with an operators' key, whose account tells of all calls to the pool's numbers."""
    server = desk.operator(("routing:read", "usage:write"))
    terms = CallTerms("pool", desk.services.now(), f"operator:{server.account_id}", minimum=1, step=1)
    assert desk.services.writer.apply(set_call_terms, terms) == terms
    with exchange(desk.url, server.key, tmp_path_factory.mktemp("calls")) as running:
        yield running


def question(number: str, call_id: str) -> dict[str, Any]:
    """What Kamailio asks of a call."""
    return {"reserve": True, "to": number, "from": "+13612738000", "call_id": call_id}


def rented(desk: Shop, phone: int, balance: int) -> tuple[Customer, str]:
    """A customer with a number that was bought with a connection to a phone, and so many micros left."""
    customer, number = desk.customer(balance / MICROS + 1.15), desk.number(inbound=60 * A_SECOND)
    target = {"uri": f"sip:127.0.0.1:{phone}", "transport": "udp"}
    made = customer.http.post("/connections/", json={"name": "Phone", "kind": "sip", "targets": [target]})
    bought = customer.buy(number, connection_id=made.json()["data"]["id"])
    assert bought.status_code == 200, bought.text
    return customer, number


def told(customer: Customer) -> dict[str, Any]:
    """The account's only call, as soon as Kamailio has told how long it was."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found: list[dict[str, Any]] = customer.http.get("/usage/calls/").json()["data"]
        if found:
            (call,) = found
            return call
        time.sleep(0.05)
    raise AssertionError("the call was never told of")


def money(desk: Shop, customer: Customer) -> tuple[int, int]:
    """What the account has and what of it is held, in micros; all invariants of the books hold."""
    report = desk.services.reader.read_now(lambda tx: verify(tx, lambda _what, _done, _of: None))
    assert report.ok, report
    shown = customer.http.get("/balance/").json()["data"]
    return micros(shown["posted"]), micros(shown["held"])


def micros(amount: float) -> int:
    return round(amount * MICROS)


def test_a_bought_number_rings_until_it_is_released_and_its_call_is_charged_by_the_second(
    desk: Shop, calls: Exchange, asked: Callable[[], list[Asked]]
) -> None:
    customer, number = rented(desk, calls.phone, MICROS)
    calls.dial(number, "hangs_up", ODD_CALL_ID, talk_ms=1_000 * HELD_FOR + 100)
    call = told(customer)
    assert (call["call_id"], call["phone_number"], call["other"]) == (ODD_CALL_ID, number, "+13612738000")
    assert call["seconds"] > HELD_FOR
    charge = call["seconds"] * A_SECOND
    assert (micros(call["amount"]), money(desk, customer)) == (charge, (MICROS - charge, 0))
    (month,) = customer.http.get("/statements/").json()["data"]
    line = customer.http.get(f"/statements/{month['month']}/").json()["data"]["lines"][-1]
    assert (line["kind"], micros(line["amount"]), line["calls"][0]["seconds"]) == ("usage", -charge, call["seconds"])

    assert customer.http.delete(f"/phone-numbers/{number}/release/").status_code == 200
    calls.dial(number, "is_refused", "after-release")
    assert told(customer) == call

    first, *more, end, last = asked()
    print(line)  # noqa: T201  the statement's line, shown below what was asked
    assert first == Asked("POST", ROUTE, question(number, ODD_CALL_ID), 200)
    session = end.path.removesuffix("/end")
    assert {(one.path, one.status) for one in more} == {(f"{session}/extend", 200)}
    assert end == Asked("POST", f"{session}/end", {"seconds": call["seconds"]}, 200)
    assert last == Asked("POST", ROUTE, question(number, "after-release"), 404)


def test_a_call_is_cut_off_where_the_money_ends_and_not_a_second_is_owed(
    desk: Shop, calls: Exchange, asked: Callable[[], list[Asked]]
) -> None:
    seconds = HELD_FOR + 1
    customer, number = rented(desk, calls.phone, seconds * A_SECOND)
    calls.dial(number, "is_cut_off", "cut-off")
    call = told(customer)
    assert (call["seconds"], micros(call["amount"]), call["owed"]) == (seconds, seconds * A_SECOND, 0)
    assert money(desk, customer) == (0, 0)
    first, *more, end = asked()
    assert (first.body, end.body) == (question(number, "cut-off"), {"seconds": seconds})
    assert {one.status for one in (first, *more, end)} == {200}  # the key goes with the first question, none is a 401


def test_a_call_that_nobody_takes_costs_nothing(desk: Shop, calls: Exchange) -> None:
    customer, number = rented(desk, calls.engaged, MICROS)
    calls.dial(number, "finds_it_engaged", "engaged")
    call = told(customer)
    assert (call["seconds"], call["amount"], money(desk, customer)) == (0, 0, (MICROS, 0))
