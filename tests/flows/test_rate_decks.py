"""Outbound calls go by the longest prefix of the deck that held when they began, and no price rises without notice."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.rate_deck import DeckChoice, DeckRow, RateDeck
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import DAY
from numberdesk.core.session import OpenSession
from numberdesk.flows.rates.change_decks import (
    AddDeckRows,
    ChooseDeck,
    PublishDeck,
    add_deck_rows,
    choose_decks,
    new_deck,
    publish_decks,
)
from numberdesk.verify.books import verify
from tests.flows.conftest import NOW, PRICE, Shop
from tests.flows.test_record_calls import CENT, SWITCH, Exchange
from tests.flows.test_sessions import open_flow, session_of

ENGINES_TAKE_TURNS = "calls are charged on both by the tests of records"
NOTICE = 30 * DAY
DOMINICAN, TEXAS = "+18095550123", "+13612738000"
ROWS = {"1": CENT, "1809": 20 * CENT}


def bring_in(
    shop: Shop, rows: dict[str, int], *, since: int | None = None, currency: str = "USD", by: tuple[int, int] = (60, 60)
) -> RateDeck:
    """A deck, all at once, by the minute unless told otherwise."""
    begins = shop.now if since is None else since
    deck = new_deck(shop.new_id("rdk"), "retail", currency, since=begins, rows=len(rows), now=shop.now)
    made = tuple(DeckRow(deck.id, prefix, rate, 0, *by) for prefix, rate in rows.items())
    shop.writer.apply(add_deck_rows, AddDeckRows(deck, made))
    published = shop.writer.apply(publish_decks, PublishDeck(deck.id, shop.now, RentTerms()))
    assert isinstance(published, RateDeck)
    return published


def use(shop: Shop, account_id: str, name: str | None = "retail", *, since: int | None = None) -> DeckChoice:
    choice = shop.writer.apply(choose_decks, ChooseDeck(account_id, name, since, shop.now, RentTerms()))
    assert isinstance(choice, DeckChoice)
    return choice


def outbound(exchange: Exchange, call_id: str, other: str, started_at: int | None = None) -> CallRecord:
    begins = exchange.shop.now if started_at is None else started_at
    return exchange.record(
        call_id, 60, direction=Direction.OUTBOUND, other=other, started_at=begins, answered_at=begins
    )


@pytest.fixture
def exchange(shop: Shop) -> Exchange:
    """With a deck that its account uses since now, whose number has no rate for outbound calls."""
    made = Exchange(shop, balance=20 * PRICE)
    bring_in(shop, ROWS)
    choice = use(shop, made.account_id)
    assert choice.since == NOW + NOTICE
    shop.now = choice.since
    return made


def test_the_longest_prefix_wins_and_the_row_says_all_of_the_rate(exchange: Exchange) -> None:
    exchange.tell(outbound(exchange, "dominican", DOMINICAN), outbound(exchange, "texas", TEXAS))
    assert exchange.charges() == {"dominican": 20 * CENT, "texas": CENT}
    exchange.shop.verified()


@pytest.mark.parametrize("other", ["+442079460000", "18095550123", "anonymous", ""])
def test_what_no_prefix_matches_goes_by_the_rate_of_the_rental_and_is_parked_without_one(
    exchange: Exchange, other: str
) -> None:
    (result,) = exchange.tell(outbound(exchange, "c1", other))
    assert (result.outcome, result.reason) == ("parked", "not_priced")


def test_inbound_calls_know_no_deck(exchange: Exchange) -> None:
    exchange.tell(exchange.record("c1", 60, other=DOMINICAN))
    assert exchange.charges() == {"c1": CENT}


def test_a_late_record_goes_by_the_deck_that_held_when_its_call_began(exchange: Exchange) -> None:
    shop, before = exchange.shop, exchange.shop.now
    bring_in(shop, {"1": 5 * CENT}, since=before + NOTICE)
    shop.now = before + NOTICE + DAY
    exchange.tell(outbound(exchange, "now", DOMINICAN), outbound(exchange, "late", DOMINICAN, before))
    use(shop, exchange.account_id, None)
    assert exchange.charges() == {"late": 20 * CENT, "now": 5 * CENT}
    before_any = outbound(exchange, "before", DOMINICAN, NOW + 1)
    (result,) = exchange.tell(before_any)
    assert result.reason == "not_priced"


def test_a_session_holds_by_the_deck(exchange: Exchange) -> None:
    shop = exchange.shop
    asked = OpenSession("ses_1", SWITCH, "c1", "", Direction.OUTBOUND, exchange.e164, DOMINICAN, shop.now)
    session = session_of(shop.writer.apply(open_flow, asked))
    assert (session.per_minute, session.amount) == (20 * CENT, 20 * CENT)


def test_a_price_rises_only_with_notice_and_falls_at_once(exchange: Exchange) -> None:
    shop = exchange.shop
    with pytest.raises(InvalidRequest, match=r"30 days of notice, and \+1809 may cost more"):
        bring_in(shop, {"1": CENT, "1809": 21 * CENT}, since=shop.now + DAY)
    with pytest.raises(InvalidRequest, match="may cost more"):
        bring_in(shop, {"1809": 20 * CENT}, since=shop.now + DAY)
    bring_in(shop, {"1": CENT, "1809": 19 * CENT}, since=shop.now + DAY)
    bring_in(shop, {"1": 9 * CENT}, since=shop.now + NOTICE)
    told = shop.rows("SELECT count(*) FROM events WHERE kind = 'account.rates_changing'")
    assert told == [(3,)]
    shop.verified()


def test_the_same_deck_again_is_the_same_and_another_for_that_instant_is_refused(exchange: Exchange) -> None:
    shop, since = exchange.shop, exchange.shop.now + 2 * NOTICE
    first = bring_in(shop, {"1": CENT}, since=since)
    assert bring_in(shop, {"1": CENT}, since=since) == first
    with pytest.raises(InvalidRequest, match="another deck of this name"):
        bring_in(shop, {"1": 2 * CENT}, since=since)
    with pytest.raises(InvalidRequest, match="currency is USD"):
        bring_in(shop, {"1": CENT}, since=since + 1, currency="EUR")
    with pytest.raises(InvalidRequest, match="in the past"):
        bring_in(shop, {"1": CENT}, since=shop.now - 1)


def test_a_deck_whose_rows_are_not_all_there_counts_for_nothing(shop: Shop) -> None:
    deck = new_deck("rdk_1", "retail", "USD", since=shop.now, rows=2, now=shop.now)
    shop.writer.apply(add_deck_rows, AddDeckRows(deck, (DeckRow(deck.id, "1", CENT, 0, 60, 60),)))
    with pytest.raises(NotFound, match="not all of its rows"):
        shop.writer.apply(publish_decks, PublishDeck(deck.id, shop.now, RentTerms()))
    with pytest.raises(NotFound, match="No deck"):
        use(shop, shop.account())


def test_an_account_that_rents_nothing_uses_a_deck_at_once_and_one_that_does_after_its_notice(shop: Shop) -> None:
    bring_in(shop, ROWS)
    account_id = shop.account(PRICE)
    assert use(shop, account_id) == use(shop, account_id) == DeckChoice(account_id, shop.now, "retail")
    shop.buy(account_id, shop.number())
    with pytest.raises(InvalidRequest, match="must be 30 days ahead"):
        use(shop, account_id, None, since=shop.now + DAY)
    with pytest.raises(InvalidRequest, match="the account pays in EUR"):
        use(shop, shop.account(currency="EUR"))
    with pytest.raises(InvalidRequest, match="uses no deck"):
        use(shop, shop.account(), None)


def test_a_deck_that_lost_a_prefix_or_itself_is_found(exchange: Exchange) -> None:
    shop = exchange.shop
    with shop.database.write() as tx:
        tx.execute(text("DELETE FROM rate_deck_rows WHERE prefix = '1809'"))
        tx.execute(text("UPDATE rate_deck_choices SET name = 'none'"))
    with shop.database.read() as tx:
        violations = verify(tx, lambda _what, _done, _of: None).violations
    assert [(one.invariant, one.table) for one in violations] == [("I12", "rate_decks"), ("I12", "rate_deck_choices")]
