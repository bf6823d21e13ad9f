"""How long the balance lets a call be: by the rate that its record will be charged by, wherever that comes from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_record import Direction
from numberdesk.core.purchase import Sold
from numberdesk.core.rating import CallRate, Increments
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import DAY
from numberdesk.flows.rentals.announce_prices import announce_prices, announcement
from numberdesk.flows.usage.record_calls import rate_of, terms_of
from numberdesk.flows.usage.set_usage_terms import SetRate, set_call_terms, set_missing_rates
from numberdesk.usage.store import find_live_span
from tests.flows.conftest import NOW, PRICE, QUOTE_LIFETIME, Shop

INBOUND = Direction.INBOUND
SECOND = Increments(1, 1)


def confirmed(shop: Shop) -> str:
    return bought(shop, inbound=8_000, outbound=9_000)


def set_later(shop: Shop) -> str:
    e164 = bought(shop, inbound=None, outbound=None)
    shop.writer.apply(set_missing_rates, SetRate(e164, INBOUND, 7_000, NOW))
    return e164


def announced(shop: Shop) -> str:
    e164 = bought(shop, inbound=8_000, outbound=9_000)
    ((rental_id,),) = shop.rows("SELECT id FROM rentals")
    usual = RentTerms()
    shop.writer.apply(announce_prices, announcement(rental_id, PRICE, 6_000, None, now=NOW, usual=usual))
    return e164


def by_carrier(shop: Shop) -> str:
    e164 = bought(shop, inbound=8_000, outbound=9_000)
    with shop.database.raw(writing=True) as connection:  # as they were kept before offers said how calls are billed
        connection.exec_driver_sql("UPDATE rentals SET billing = ''")
        connection.commit()
    return e164


def never(shop: Shop) -> str:
    return bought(shop, inbound=None, outbound=None)


def bought(shop: Shop, inbound: int | None, outbound: int | None) -> str:
    shop.writer.apply(set_call_terms, CallTerms("pool", NOW - QUOTE_LIFETIME - 1, None, 300, 1, 1))
    e164 = shop.number(inbound=inbound, outbound=outbound)
    assert isinstance(shop.buy(shop.account(PRICE), e164), Sold)
    return e164


@pytest.mark.parametrize(
    ("rented", "at_first", "in_a_year"),
    [
        (confirmed, 8_000, 8_000),
        (set_later, 7_000, 7_000),
        (announced, 8_000, 6_000),
        (by_carrier, 8_000, 8_000),
        (never, None, None),
    ],
)
def test_one_rentals_rate_is_the_one_by_which_its_calls_are_charged(
    shop: Shop, rented: Callable[[Shop], str], at_first: int | None, in_a_year: int | None
) -> None:
    e164 = rented(shop)
    with shop.database.read() as tx:
        span = find_live_span(tx, e164)
        assert span is not None
        for instant, per_minute in ((NOW, at_first), (NOW + 365 * DAY, in_a_year)):
            wanted = None if per_minute is None else CallRate(per_minute, 300, SECOND)
            assert rate_of(tx, span, INBOUND, instant) == wanted
            assert terms_of(tx, {e164: [span]}).rate_of(span, INBOUND, instant) == wanted
