"""A million records come to the same in any order, in any batches, however often each is told."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from math import ceil
from typing import Final

import pytest

from numberdesk.core.call_charging import RecordOutcome
from numberdesk.core.call_record import CallRecord
from numberdesk.core.money import MICROS
from numberdesk.flows.usage.record_calls import MOST_RECORDS
from tests.flows.conftest import Shop
from tests.flows.test_record_calls import CENT, Exchange

RENTERS: Final = 20
POOR: Final = 5
"""So many of the renters cannot pay for all of their calls."""

PAGE: Final = 10_000
HOW_MANY = pytest.mark.parametrize(
    "how_many", [pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(3 * 3600)])]
)


class Crowd:
    """An exchange whose calls are known by their places, so that a million of them need no room."""

    def __init__(self, shop: Shop, how_many: int) -> None:
        self.exchange = Exchange(shop, balance=0, by=(30, 6))
        self.how_many = how_many
        renters = [self.exchange.renter(0) for _ in range(RENTERS)]
        self.accounts, self._numbers = zip(*renters, strict=True)
        self._start = shop.now
        self.told: Counter[RecordOutcome] = Counter()
        for place, account_id in enumerate(self.accounts):
            shop.top_up(account_id, MICROS if place < POOR else how_many * 5 * CENT)

    def record(self, place: int) -> CallRecord:
        """One of the calls."""
        began = self._start + place
        return self.exchange.record(
            f"c{place:07d}", seconds_of(place), e164=self._numbers[place % RENTERS], started_at=began, answered_at=began
        )

    def tell(self, places: Iterator[int], sizes: Iterator[int]) -> None:
        """Tell of calls in batches of these sizes."""
        while batch := tuple(map(self.record, islice(places, next(sizes)))):
            self.told.update(result.outcome for result in self.exchange.tell(*batch))

    def charges(self) -> Iterator[Sequence[tuple[str, int]]]:
        """What each call was charged, in the order of their names, page by page."""
        last = ""
        query = (
            "SELECT call_id, amount FROM calls WHERE source = 'switch' AND call_id > :last ORDER BY call_id LIMIT :page"
        )
        while page := self.exchange.shop.rows(query, last=last, page=PAGE):
            yield [(row[0], row[1]) for row in page]
            last = page[-1][0]

    def lefts(self) -> list[int]:
        """Wallet less receivable, by account."""
        return [self.exchange.left(account_id) for account_id in self.accounts]


def seconds_of(place: int) -> int:
    return place * 7 % 301


def right_amount(seconds: int) -> int:
    """A cent a minute by 30/6, in exact fractions."""
    billed = 0 if not seconds else 30 + max(0, ceil(Fraction(seconds - 30, 6))) * 6
    return ceil(Fraction(billed * CENT, 60))


def any_sizes(chance: random.Random) -> Iterator[int]:
    while True:
        yield chance.randint(1, MOST_RECORDS)


def whole() -> Iterator[int]:
    while True:
        yield MOST_RECORDS


@HOW_MANY
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # a million on each would take an hour
def test_a_million_records_cost_the_same_in_any_order_batches_and_repeats(
    shop: Shop, other_shop: Shop, how_many: int
) -> None:
    """The first hears them in order, and all of them again; the second shuffled, a third of them twice or more."""
    first, second = Crowd(shop, how_many), Crowd(other_shop, how_many)
    first.tell(iter(range(how_many)), whole())
    assert first.told == {RecordOutcome.ACCEPTED: how_many}
    lefts = first.lefts()
    first.tell(iter(range(how_many)), whole())
    assert first.told == {RecordOutcome.ACCEPTED: how_many, RecordOutcome.DUPLICATE: how_many}
    assert first.lefts() == lefts

    chance = random.Random(1)
    places = [*range(how_many), *(chance.randrange(how_many) for _ in range(how_many // 3))]
    chance.shuffle(places)
    second.tell(iter(places), any_sizes(chance))
    assert second.told == {RecordOutcome.ACCEPTED: how_many, RecordOutcome.DUPLICATE: how_many // 3}

    spent = [0] * RENTERS
    seen = 0
    for page, same in zip(first.charges(), second.charges(), strict=True):
        assert page == same
        assert page == [(f"c{place:07d}", right_amount(seconds_of(place))) for place in range(seen, seen + len(page))]
        for place, (_, amount) in enumerate(page, seen):
            spent[place % RENTERS] += amount
        seen += len(page)
    assert seen == how_many
    topped = [MICROS if place < POOR else how_many * 5 * CENT for place in range(RENTERS)]
    assert second.lefts() == lefts == [top - cost for top, cost in zip(topped, spent, strict=True)]
    assert [left < 0 for left in lefts] == [True] * POOR + [False] * (RENTERS - POOR)
    shop.verified()
    other_shop.verified()
