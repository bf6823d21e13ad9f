"""The other party of a call is erased once its record is old; what the call cost, and that it is known, stays."""

from __future__ import annotations

import pytest

from numberdesk.core.call_record import Direction
from numberdesk.core.call_reversal import MendedRates
from numberdesk.core.rental import DAY
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.usage.erasure_store import erase_others
from tests.flows.conftest import Shop
from tests.flows.test_rate_decks import DOMINICAN, bring_in, use
from tests.flows.test_record_calls import CENT, Exchange, outcomes
from tests.flows.test_rerate_calls import rerate

DETAIL = 400 * DAY


@pytest.fixture
def exchange(shop: Shop) -> Exchange:
    return Exchange(shop)


def others(shop: Shop) -> list[str]:
    return [row[0] for row in shop.rows("SELECT other FROM calls ORDER BY call_id")]


def tidy(shop: Shop, *, detail: int | None = DETAIL) -> int:
    return shop.writer.apply(clean_up, Cleanup(shop.now, DETAIL, detail)).calls_erased


def test_old_calls_are_erased_and_young_ones_are_not(exchange: Exchange) -> None:
    shop = exchange.shop
    first = exchange.record("c1", other="+13612738000")
    exchange.tell(first, exchange.record("c2", other=""))
    shop.now += DAY
    exchange.tell(exchange.record("c3", other="+13612738001"))
    shop.now += DETAIL - 1
    assert tidy(shop, detail=None) == 0
    assert tidy(shop) == 2
    assert others(shop) == ["erased", "", "+13612738001"]
    shop.now += 1
    assert (tidy(shop), tidy(shop)) == (0, 0)
    shop.now += 1
    assert (tidy(shop), others(shop)) == (1, ["erased", "", "erased"])
    assert outcomes(exchange.tell(first, first._replace(other="+1999"))) == [("duplicate", None), ("duplicate", None)]
    assert outcomes(exchange.tell(first._replace(seconds=9))) == [("conflict", "seconds")]
    shop.verified()


def test_it_goes_on_where_it_stopped(exchange: Exchange) -> None:
    shop = exchange.shop
    exchange.tell(*(exchange.record(f"c{place}", other="+13612738000") for place in range(5)))
    with shop.database.write() as tx:
        assert [erase_others(tx, shop.now + 1, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert others(shop) == ["erased"] * 5


def test_a_call_that_a_deck_priced_keeps_its_rate_in_a_rerate(exchange: Exchange) -> None:
    shop = exchange.shop
    bring_in(shop, {"1809": 20 * CENT})
    choice = use(shop, exchange.account_id)
    assert isinstance(choice.since, int)
    shop.now = choice.since
    exchange.tell(exchange.record("c1", direction=Direction.OUTBOUND, other=DOMINICAN))
    with shop.database.write() as tx:
        erase_others(tx, shop.now + 1, 9)
    rerate(exchange, MendedRates())
    assert exchange.charges() == {"c1": 20 * CENT}
    rerate(exchange, MendedRates(outbound=CENT))
    assert exchange.charges() == {"c1": CENT}
    shop.verified()
