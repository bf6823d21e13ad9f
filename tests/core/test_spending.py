"""Caps on purchases: who is refused, by which cap, and what counts towards it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from numberdesk.core.errors import InsufficientBalance, SpendLimit
from numberdesk.core.lifecycle import AccountState, NumberState
from numberdesk.core.periods import from_datetime, to_datetime
from numberdesk.core.prices import Confirmation, Prices
from numberdesk.core.purchase import POOL, Buy, Loaded, Refusal, Replayed, SaleNumber, Sold, Wallet, decide
from numberdesk.core.spending import DAY, SpendCaps, SpentOn, by_owner, day_of, month_begin

NOW = from_datetime(to_datetime(0).replace(year=2026, month=3, day=20, hour=12))
PRICE = 1_000_000
PURSE = Wallet("acc_1", AccountState.ACTIVE, "USD", 100 * PRICE, 0, 0, 1, capped=1)
NUMBERS = {
    f"+1361555{serial:04}": SaleNumber(
        f"+1361555{serial:04}", POOL, NumberState.AVAILABLE, Prices("USD", PRICE, None, None, 0), None, None
    )
    for serial in range(100)
}


def buys(count: int, *, now: int = NOW, key_id: str | None = "key_1", key: str | None = None) -> list[Buy]:
    return [
        Buy("acc_1", e164, Confirmation(PRICE), key, "req_1", f"ord_{place}", now, key_id=key_id)
        for place, e164 in enumerate(list(NUMBERS)[:count])
    ]


def desk(caps: dict[str, SpendCaps], spent: dict[str, dict[int, int]] | None = None, wallet: Wallet = PURSE) -> Loaded:
    return Loaded({"acc_1": wallet}, NUMBERS, caps=caps, spent=spent or {})


def refusal(loaded: Loaded, buy: Buy) -> SpendLimit:
    (decision,) = decide(loaded, [buy]).decisions
    assert isinstance(decision, Refusal)
    assert isinstance(decision.error, SpendLimit)
    return decision.error


@pytest.mark.parametrize("owner", ["acc_1", "key_1"])
@pytest.mark.parametrize(
    ("caps", "sold"),
    [
        (SpendCaps(), 5),
        (SpendCaps(per_purchase=PRICE), 5),
        (SpendCaps(per_purchase=PRICE - 1), 0),
        (SpendCaps(per_day=3 * PRICE), 3),
        (SpendCaps(per_day=3 * PRICE - 1), 2),
        (SpendCaps(per_month=4 * PRICE), 4),
        (SpendCaps(per_day=4 * PRICE, per_month=2 * PRICE), 2),
        (SpendCaps(per_day=0), 0),
    ],
)
def test_a_batch_buys_as_much_as_a_cap_leaves(owner: str, caps: SpendCaps, sold: int) -> None:
    decisions = decide(desk({owner: caps}), buys(5)).decisions
    assert [isinstance(one, Sold) for one in decisions] == [True] * sold + [False] * (5 - sold)


def test_the_cap_of_another_key_is_none() -> None:
    decisions = decide(desk({"key_2": SpendCaps(per_day=0)}), buys(2)).decisions
    assert all(isinstance(one, Sold) for one in decisions)
    unkeyed = decide(desk({"key_1": SpendCaps(per_day=0)}), buys(2, key_id=None)).decisions
    assert all(isinstance(one, Sold) for one in unkeyed)


@pytest.mark.parametrize(
    ("spent_at", "caps", "refused"),
    [
        (NOW - DAY, SpendCaps(per_day=PRICE), False),
        (NOW, SpendCaps(per_day=PRICE), True),
        (NOW - DAY, SpendCaps(per_month=PRICE), True),
        (month_begin(NOW), SpendCaps(per_month=PRICE), True),
        (month_begin(NOW) - 1, SpendCaps(per_month=PRICE), False),
        (NOW + DAY, SpendCaps(per_day=PRICE), True),  # a clock was ahead
    ],
)
def test_what_was_spent_in_the_day_or_month_counts(spent_at: int, caps: SpendCaps, *, refused: bool) -> None:
    loaded = desk({"acc_1": caps}, {"acc_1": {day_of(spent_at): PRICE}})
    (decision,) = decide(loaded, buys(1)).decisions
    assert isinstance(decision, Refusal) is refused


def test_a_refusal_says_which_cap_and_until_when() -> None:
    loaded = desk({"acc_1": SpendCaps(per_day=2 * PRICE)}, {"acc_1": {day_of(NOW): 3 * PRICE // 2}})
    assert refusal(loaded, buys(1)[0]).details == {
        "limit": "per_day",
        "of": "account",
        "cap": Decimal(2),
        "spent": Decimal("1.5"),
        "needed": Decimal(1),
        "currency": "USD",
        "until": "2026-03-21T00:00:00Z",
    }
    month = refusal(desk({"key_1": SpendCaps(per_month=0)}), buys(1)[0]).details
    assert (month["of"], month["until"]) == ("key", "2026-04-01T00:00:00Z")
    assert "until" not in refusal(desk({"key_1": SpendCaps(per_purchase=0)}), buys(1)[0]).details


def test_a_cap_is_told_before_a_wallet_that_is_empty_which_money_would_not_change() -> None:
    poor = PURSE._replace(posted=0)
    assert refusal(desk({"acc_1": SpendCaps(per_day=0)}, wallet=poor), buys(1)[0]).code == "spend_limit"
    (decision,) = decide(desk({}, wallet=poor), buys(1)).decisions
    assert isinstance(decision, Refusal)
    assert isinstance(decision.error, InsufficientBalance)


def test_a_buy_that_was_done_is_answered_again_when_nothing_more_may_be_spent() -> None:
    loaded = desk({"acc_1": SpendCaps(per_day=PRICE)})
    (buy,) = buys(1, key="k")
    first, again, other = decide(loaded, [buy, buy, buys(2)[1]]).decisions
    assert isinstance(first, Sold)
    assert isinstance(again, Replayed)
    assert isinstance(other, Refusal)


def test_only_orders_of_accounts_that_are_capped_count() -> None:
    (sold,) = decide(desk({"acc_1": SpendCaps(per_day=PRICE)}), buys(1)).decisions
    (free,) = decide(desk({}, wallet=PURSE._replace(capped=0)), buys(1)).decisions
    assert isinstance(sold, Sold)
    assert isinstance(free, Sold)
    assert (sold.order.key_id, sold.order.counted_at) == ("key_1", NOW)
    assert (free.order.key_id, free.order.counted_at) == ("key_1", None)


def test_a_day_that_begins_within_a_batch_begins_with_nothing_spent() -> None:
    midnight = (day_of(NOW) + 1) * DAY
    before, after = buys(1, now=midnight - 1)[0], buys(2, now=midnight)[1]
    decisions = decide(desk({"acc_1": SpendCaps(per_day=PRICE)}), [before, after]).decisions
    assert all(isinstance(one, Sold) for one in decisions)


def test_what_a_key_spends_its_account_spends() -> None:
    spent = by_owner([SpentOn("acc_1", "key_1", 3, 5), SpentOn("acc_1", "key_2", 3, 7), SpentOn("acc_1", None, 4, 1)])
    assert spent == {"acc_1": {3: 12, 4: 1}, "key_1": {3: 5}, "key_2": {3: 7}}


@pytest.mark.parametrize(
    ("mine", "accounts", "looser"),
    [
        (SpendCaps(), SpendCaps(1, 1, 1), None),
        (SpendCaps(1, 1, 1), SpendCaps(1, 1, 1), None),
        (SpendCaps(2), SpendCaps(1), "per_purchase"),
        (SpendCaps(per_day=2), SpendCaps(per_day=1), "per_day"),
        (SpendCaps(per_month=2), SpendCaps(per_day=1), None),
    ],
)
def test_a_cap_that_lets_more_be_spent_is_looser(mine: SpendCaps, accounts: SpendCaps, looser: str | None) -> None:
    assert mine.looser_than(accounts) == looser
