"""A real call: a number is bought and rings, the call is charged, it ends with the money, and rings no more when released.

Kamailio asks the desk with the configuration that docs/routing.md names; SIPp dials and answers. All by SIP, on loopback.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from numberdesk.core.call_charging import CallTerms
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.verify.books import verify
from testbed.real_calls import Exchange, exchange, free_port, missing
from tests.api.conftest import Customer, Shop

POSTGRESQL_IN_THE_LONG_RUN = "what a call is charged is shown on both engines; this is about the way there"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]

CALL_ID: Final = "first+1/2=3&'4'@a.b"
"""As some servers name calls."""

A_SECOND: Final = 1_000
"""Micros: 0.06 a minute, by increments of 1/1."""


@pytest.fixture
def desk(other_shop: Callable[..., Shop]) -> Shop:
    """A service that holds for two seconds of a call at a time, so that every call has to be extended."""
    return other_shop(usage_session_seconds=2)


@pytest.fixture
def calls(desk: Shop, tmp_path: Path) -> Iterator[Exchange]:
    """Kamailio with an operators' key, which tells of all calls to the pool's numbers."""
    server = desk.operator(("routing:read", "usage:write"))
    terms = CallTerms("pool", desk.services.now(), f"operator:{server.account_id}", minimum=1, step=1)
    assert desk.services.writer.apply(set_call_terms, terms) == terms
    with exchange(desk.url, server.key, free_port(), tmp_path) as running:
        yield running


def rented(desk: Shop, calls: Exchange, balance: float) -> tuple[Customer, str]:
    """A customer with a number that was bought with a connection to the phone, and so much money left."""
    customer, number = desk.customer(balance + 1.15), desk.number(inbound=60 * A_SECOND)
    target = {"uri": f"sip:127.0.0.1:{calls.phone}", "transport": "udp"}
    made = customer.http.post("/connections/", json={"name": "Phone", "kind": "sip", "targets": [target]})
    assert made.status_code == 200, made.text
    bought = customer.buy(number, connection_id=made.json()["data"]["id"])
    assert bought.status_code == 200, bought.text
    return customer, number


def listed(customer: Customer, count: int) -> list[dict[str, Any]]:
    """The account's calls, the latest first, as soon as there are so many."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found: list[dict[str, Any]] = customer.http.get("/usage/calls/").json()["data"]
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"there were never {count} calls")


def money(customer: Customer) -> tuple[int, int]:
    """What the account has, and what of it is held, in micros."""
    shown = customer.http.get("/balance/").json()["data"]
    return round(shown["posted"] * 1_000_000), round(shown["held"] * 1_000_000)


def test_a_number_rings_from_its_purchase_to_its_release_and_as_long_as_there_is_money(
    desk: Shop, calls: Exchange
) -> None:
    customer, number = rented(desk, calls, 1)
    calls.dial(number, "hangs_up", CALL_ID, talk_ms=2_100)
    (call,) = listed(customer, 1)
    assert (call["call_id"], call["phone_number"], call["other"]) == (CALL_ID, number, "+13612738000")
    assert call["seconds"] >= 3, "it was longer than was held for at first"
    assert money(customer) == (1_000_000 - call["seconds"] * A_SECOND, 0)

    poor, other = rented(desk, calls, 0.003)
    calls.dial(other, "is_cut_off", "second")
    (cut,) = listed(poor, 1)
    assert (cut["call_id"], cut["seconds"], cut["amount"], money(poor)) == ("second", 3, 0.003, (0, 0))

    assert customer.http.delete(f"/phone-numbers/{number}/release/").status_code == 200
    calls.dial(number, "is_refused", "third")
    assert [one["call_id"] for one in listed(customer, 1)] == [CALL_ID]
    report = desk.services.reader.read_now(lambda tx: verify(tx, lambda _what, _done, _of: None))
    assert report.ok, report
