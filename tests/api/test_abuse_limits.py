"""What one customer may take: requests in a second, and numbers only for money."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.api.limits import KEYS_OF_AN_ACCOUNT, RateLimit, RateLimits
from numberdesk.core.errors import RateLimited
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN = "the bounds stand before the database"


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _allowed(limit: RateLimit, key: str, requests: int) -> int:
    allowed = 0
    for _ in range(requests):
        try:
            limit.spend(key)
        except RateLimited:
            continue
        allowed += 1
    return allowed


def _wait(limit: RateLimit, key: str) -> int:
    """Seconds that a refusal asks for."""
    with pytest.raises(RateLimited) as refused:
        limit.spend(key)
    seconds = refused.value.details["retry_after"]
    assert isinstance(seconds, int)
    return seconds


@given(st.floats(0.01, 100), st.lists(st.tuples(st.floats(0, 5), st.integers(1, 30)), max_size=20))
def test_in_no_stretch_of_time_a_key_gets_more_than_its_rate_and_one_burst(
    rate: float, steps: list[tuple[float, int]]
) -> None:
    clock = Clock()
    limit, burst = RateLimit(rate, clock), max(1.0, rate)
    begin, served = clock.now, 0
    for pause, requests in steps:
        clock.now += pause
        served += _allowed(limit, "key_1", requests)
        assert served <= burst + (clock.now - begin) * rate + 0.001


@given(st.floats(0.01, 1_000), st.integers(0, 50))
def test_whoever_waits_as_long_as_it_is_told_is_served(rate: float, more: int) -> None:
    clock = Clock()
    limit = RateLimit(rate, clock)
    _allowed(limit, "key_1", int(max(1.0, rate)) + 1 + more)
    seconds = _wait(limit, "key_1")
    assert seconds >= 1
    clock.now += seconds
    limit.spend("key_1")


def test_each_key_has_a_limit_of_its_own_and_0_is_none() -> None:
    clock = Clock()
    limit = RateLimit(2, clock)
    assert [_allowed(limit, key, 10) for key in ("key_1", "key_2", "key_1")] == [2, 2, 0]
    clock.now += 0.5
    assert _allowed(limit, "key_1", 10) == 1
    assert _allowed(RateLimit(0, clock), "key_1", 10_000) == 10_000


@given(st.floats(0.01, 100), st.lists(st.tuples(st.floats(0, 5), st.integers(1, 30)), max_size=20))
def test_however_many_keys_an_account_makes_it_gets_no_more_than_some_keys_do(
    rate: float, steps: list[tuple[float, int]]
) -> None:
    """Every request with a key of its own, whose bucket is full; a neighbour is served as if nothing were."""
    clock = Clock()
    limits, share = RateLimits(rate, clock), KEYS_OF_AN_ACCOUNT * max(1.0, rate)
    begin, served, key = clock.now, 0, 0
    for pause, requests in steps:
        clock.now += pause
        for _ in range(requests):
            key += 1
            with contextlib.suppress(RateLimited):
                limits.spend("acc_1", f"key_{key}")
                served += 1
        assert served <= share + (clock.now - begin) * rate * KEYS_OF_AN_ACCOUNT + 0.001
        assert served >= min(key, KEYS_OF_AN_ACCOUNT)
    limits.spend("acc_2", "key_of_another")


def test_a_key_that_is_over_its_limit_takes_nothing_from_its_accounts_other_keys() -> None:
    limits = RateLimits(1, Clock())
    for _ in range(100):
        with contextlib.suppress(RateLimited):
            limits.spend("acc_1", "mad")
    for place in range(KEYS_OF_AN_ACCOUNT - 1):
        limits.spend("acc_1", f"key_{place}")


def test_what_is_remembered_of_keys_is_bounded_and_those_in_use_are_kept() -> None:
    limit = RateLimit(1, Clock())
    for place in range(25_000):
        limit.spend(f"key_{place}")
        if place % 5_000 == 0:
            assert _allowed(limit, "busy", 1) == (place == 0)
    assert len(limit._buckets) <= 10_000


def test_over_its_limit_a_key_is_told_when_to_come_again_whatever_it_asks(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop(rate_limit=0.01)
    customer, number = shop.customer(), shop.number()
    assert customer.http.get("/balance/").status_code == 200
    for answer in (
        customer.buy(number),
        customer.http.post("/phone-numbers/buy/", content=b" " * 60_000, headers={"Content-Type": "application/json"}),
        customer.http.get("/phone-numbers/available-numbers/US/?contains=99"),
        customer.http.delete(f"/phone-numbers/{number}/release/"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
        assert 0 < int(answer.headers["retry-after"]) <= 100
        assert answer.json()["error"]["details"] == {"retry_after": int(answer.headers["retry-after"])}
    other_key = shop.with_key(customer.account_id)
    assert other_key.http.get("/orders/").json()["data"] == []


def test_a_customer_who_makes_keys_gets_no_more_for_it_than_some_of_them(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop(rate_limit=0.01)
    customer, neighbour = shop.customer(), shop.customer()
    keys = [customer, *(shop.with_key(customer.account_id) for _ in range(KEYS_OF_AN_ACCOUNT + 2))]
    answers = [key.http.get("/balance/") for key in keys]
    assert [answer.status_code for answer in answers] == [200] * KEYS_OF_AN_ACCOUNT + [429] * 3
    assert 0 < int(answers[-1].headers["retry-after"]) <= 10
    assert neighbour.http.get("/balance/").status_code == 200


def test_what_a_key_may_not_do_is_counted_too(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop(rate_limit=0.01)
    customer = shop.customer()
    assert [customer.http.get("/admin/accounts/").status_code for _ in range(2)] == [403, 429]


def test_without_money_nothing_is_reserved_however_often_it_is_asked_for(shop: Shop) -> None:
    poor, numbers = shop.customer(0), [shop.number(area_code="989") for _ in range(20)]
    for number in numbers:
        assert [poor.buy(number).status_code for _ in range(3)] == [402] * 3
    assert poor.http.get("/balance/").json()["data"]["held"] == 0
    assert poor.http.get("/orders/?status=open").json()["data"] == []
    offered = shop.customer().http.get(
        "/phone-numbers/available-numbers/US/", params={"area_code": "989", "page_size": 100}
    )
    assert [item["phone_number"] for item in offered.json()["data"]] == numbers


def test_whoever_takes_all_numbers_of_an_area_pays_for_each_and_stops_when_the_money_ends(shop: Shop) -> None:
    greedy, numbers = shop.customer(11.5), [shop.number(area_code="979") for _ in range(15)]
    statuses = [greedy.buy(number).status_code for number in numbers]
    assert statuses == [200] * 10 + [402] * 5
    assert greedy.balance() == 0
    assert [shop.customer().buy(number).status_code for number in numbers[10:]] == [200] * 5
