"""Outbound calls go by the longest prefix of the deck that held when they began, and no price rises without notice."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.interventions import Warrant
from numberdesk.core.purchase import Sold
from numberdesk.core.rate_deck import DeckChoice, DeckRow, RateDeck
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import DAY, Rental
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
from numberdesk.flows.rentals.assign_numbers import Assign, assign_numbers, given_prices
from numberdesk.verify.books import verify
from tests.flows.conftest import NOW, PRICE, QUOTE_LIFETIME, Shop
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
    assert use(shop, account_id) == use(shop, account_id) == DeckChoice(account_id, shop.now, "retail", shop.now)
    shop.buy(account_id, shop.number())
    with pytest.raises(InvalidRequest, match="must be 30 days ahead"):
        use(shop, account_id, None, since=shop.now + DAY)
    with pytest.raises(InvalidRequest, match="the account pays in EUR"):
        use(shop, shop.account(currency="EUR"))
    with pytest.raises(InvalidRequest, match="uses no deck"):
        use(shop, shop.account(), None)


CONFIRMED = 9 * CENT


@pytest.fixture
def shown(shop: Shop) -> Exchange:
    """An account that uses a deck since so long that each offer which is still good told it so."""
    made = Exchange(shop, balance=20 * PRICE)
    bring_in(shop, ROWS)
    made.account_id = shop.account(20 * PRICE)
    use(shop, made.account_id)
    shop.now += QUOTE_LIFETIME
    return made


def bought(exchange: Exchange, *, outbound: int | None = CONFIRMED) -> str:
    """The deck of which the order of a number says that it was told, of a number that the exchange goes on with."""
    exchange.e164 = exchange.shop.number(inbound=CENT, outbound=outbound)
    decision = exchange.shop.buy(exchange.account_id, exchange.e164)
    assert isinstance(decision, Sold)
    return decision.order.prices.billing.deck


def charged(exchange: Exchange, call_id: str) -> int:
    exchange.tell(outbound(exchange, call_id, DOMINICAN))
    return exchange.charges()[call_id]


def test_calls_of_a_number_that_was_offered_with_a_deck_go_by_it(shown: Exchange) -> None:
    assert bought(shown) == "retail"
    assert charged(shown, "c1") == 20 * CENT
    shown.shop.verified()


def test_a_confirmed_rate_holds_for_all_destinations_where_the_offer_may_have_been_shown_without_the_deck(
    shown: Exchange,
) -> None:
    shop = shown.shop
    shop.now -= 1
    assert bought(shown) == ""
    assert charged(shown, "c1") == CONFIRMED
    asked = OpenSession("ses_1", SWITCH, "c2", "", Direction.OUTBOUND, shown.e164, DOMINICAN, shop.now)
    assert session_of(shop.writer.apply(open_flow, asked)).per_minute == CONFIRMED
    assert bought(shown, outbound=None) == ""
    assert charged(shown, "c3") == 20 * CENT  # nobody confirmed a rate that the deck would raise


def test_a_confirmed_rate_gives_way_to_a_deck_that_is_announced_again_and_not_before_its_notice(
    shown: Exchange,
) -> None:
    shop = shown.shop
    shop.now -= 1
    bought(shown)
    with pytest.raises(InvalidRequest, match="must be 30 days ahead"):
        use(shop, shown.account_id, since=shop.now + DAY)
    again = use(shop, shown.account_id)
    assert again.since == shop.now + NOTICE
    assert use(shop, shown.account_id) == again
    shop.now = again.since - 1
    assert charged(shown, "before") == CONFIRMED
    shop.now = again.since
    assert charged(shown, "after") == 20 * CENT
    assert shop.rows("SELECT count(*) FROM events WHERE kind = 'account.rates_changing'") == [(2,)]
    shop.verified()


def test_a_deck_that_was_announced_while_a_number_was_rented_counts_for_it_and_not_for_one_bought_meanwhile_unsaid(
    shown: Exchange,
) -> None:
    shop = shown.shop
    shown.account_id = shop.account(20 * PRICE)
    assert bought(shown) == ""
    first, choice = shown.e164, use(shop, shown.account_id)
    shop.now += 1
    assert bought(shown) == ""
    second, shop.now = shown.e164, choice.since
    assert bought(shown) == "retail"
    shown.tell(*(outbound(shown, e164, DOMINICAN)._replace(e164=e164) for e164 in (first, second, shown.e164)))
    assert shown.charges() == {first: 20 * CENT, second: CONFIRMED, shown.e164: 20 * CENT}


def test_an_operator_gives_numbers_by_the_deck_of_their_account(shown: Exchange) -> None:
    shop, e164 = shown.shop, shown.shop.number(inbound=CENT, outbound=CONFIRMED)
    warrant = Warrant(shop.new_id("int"), "root", "it moved here", shop.now)
    prices = given_prices(None, None, None)
    given = Assign(
        shown.account_id, e164, prices, charge=False, connection_id=None, order_id=shop.new_id("ord"), warrant=warrant
    )
    rental = shop.writer.apply(assign_numbers, given)
    assert isinstance(rental, Rental)
    assert rental.prices.billing.deck == "retail"
    shop.verified()


def test_a_deck_that_lost_a_prefix_or_itself_is_found(exchange: Exchange) -> None:
    shop = exchange.shop
    with shop.database.write() as tx:
        tx.execute(text("DELETE FROM rate_deck_rows WHERE prefix = '1809'"))
        tx.execute(text("UPDATE rate_deck_choices SET name = 'none'"))
    with shop.database.read() as tx:
        violations = verify(tx, lambda _what, _done, _of: None).violations
    assert [(one.invariant, one.table) for one in violations] == [("I12", "rate_decks"), ("I12", "rate_deck_choices")]
