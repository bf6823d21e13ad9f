"""What each source told of numbers, day by day, beside what was charged."""

from __future__ import annotations

import pytest

from numberdesk.core.call_charging import CallState, SourceSum
from numberdesk.core.errors import InvalidRequest
from numberdesk.flows.usage.compare_sources import compare_sources
from tests.flows.conftest import Shop
from tests.flows.test_record_calls import CENT, SWITCH, Exchange

DAY = 86_400_000_000
NOBODYS = "+13612738888"
Place = tuple[int, str, str, str]


@pytest.fixture
def exchange(shop: Shop) -> Exchange:
    shop.now = shop.now // DAY * DAY + DAY // 2
    return Exchange(shop)


def compared(exchange: Exchange, days: int = 7, *, size: int = 99, e164: str | None = None) -> list[SourceSum]:
    """All pages."""
    found: list[SourceSum] = []
    after: Place | None = None
    while True:
        with exchange.shop.database.read() as tx:
            some = compare_sources(tx, exchange.shop.now, days, e164=e164, after=after, limit=size)
        found += some
        if len(some) < size:
            return found
        after = (some[-1].day, some[-1].e164, some[-1].source, str(some[-1].state))


def test_each_source_is_summed_by_day_and_number_and_what_nobody_rented_is_there_too(exchange: Exchange) -> None:
    shop, first = exchange.shop, exchange.shop.now // DAY * DAY
    _, other = exchange.renter()
    exchange.tell(exchange.record("c1"), exchange.record("c2", 30), exchange.record("w1", 61, source="carrier"))
    exchange.tell(exchange.record("n1", e164=NOBODYS), exchange.record("o1", e164=other))
    shop.now += DAY
    exchange.tell(exchange.record("c3"))
    told = compared(exchange)
    assert sorted(told) == told
    assert set(told) == {
        SourceSum(first, exchange.e164, SWITCH, CallState.CHARGED, 2, 90, 3 * CENT // 2),
        SourceSum(first, exchange.e164, "carrier", CallState.WITNESS, 1, 61, 0),
        SourceSum(first, other, SWITCH, CallState.CHARGED, 1, 60, CENT),
        SourceSum(first, NOBODYS, SWITCH, CallState.PARKED, 1, 60, 0),
        SourceSum(first + DAY, exchange.e164, SWITCH, CallState.CHARGED, 1, 60, CENT),
    }
    for size in (1, 2, 3):
        assert compared(exchange, size=size) == told
    for e164 in (exchange.e164, other, NOBODYS):
        assert compared(exchange, e164=e164, size=1) == [one for one in told if one.e164 == e164]


def test_days_are_whole_and_the_last_of_them_is_today(exchange: Exchange) -> None:
    shop, today = exchange.shop, exchange.shop.now // DAY * DAY + DAY
    shop.now = today - 1
    exchange.tell(exchange.record("yesterday"))
    shop.now = today
    exchange.tell(exchange.record("midnight"))
    shop.now = today + DAY - 1
    assert [one.day for one in compared(exchange, 1)] == [today]
    assert [one.day for one in compared(exchange, 2)] == [today - DAY, today]


def test_more_calls_than_are_looked_at_are_refused_rather_than_summed_in_part(exchange: Exchange) -> None:
    account_id, other = exchange.renter()
    exchange.tell(*(exchange.record(f"c{place}") for place in range(3)), exchange.record("o1", e164=other))
    exchange.tell(exchange.record("n1", e164=NOBODYS))
    with exchange.shop.database.read() as tx:
        with pytest.raises(InvalidRequest, match="days are too many: more than 4 calls began in them"):
            compare_sources(tx, exchange.shop.now, 1, limit=9, most=4)
        assert len(compare_sources(tx, exchange.shop.now, 1, limit=9, most=5)) == 3
        assert len(compare_sources(tx, exchange.shop.now, 1, limit=9, most=None)) == 3
        (one,) = compare_sources(tx, exchange.shop.now, 1, e164=other, limit=9, most=2)
    assert (one.e164, one.calls) == (other, 1)
    assert account_id != exchange.account_id
