"""How long the balance lets a call be: by the rate that its record will be charged by, wherever that comes from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from numberdesk.carriers.adapters.sip_targets import called_number
from numberdesk.connections.model import ConnectedRental, Connection
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_record import Direction
from numberdesk.core.call_route import RoutedCall
from numberdesk.core.connection import ConnectionKind, NumberFormat
from numberdesk.core.connection_settings import settings_text
from numberdesk.core.lifecycle import RentalState
from numberdesk.core.periods import add_months
from numberdesk.core.purchase import Sold
from numberdesk.core.rating import CallRate, Increments
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import DAY
from numberdesk.core.session import OpenSession, SessionAnswer
from numberdesk.flows.rentals.announce_prices import announce_prices, announcement
from numberdesk.flows.routing.route_calls import RouteCall, route_call, routed_to
from numberdesk.flows.usage.hold_sessions import open_sessions
from numberdesk.flows.usage.record_calls import rate_of, terms_of
from numberdesk.flows.usage.set_usage_terms import SetRate, set_call_terms, set_missing_rates
from numberdesk.usage.store import find_live_span
from tests.flows.conftest import NOW, PRICE, QUOTE_LIFETIME, Shop
from tests.flows.hands import renew
from tests.flows.switching import SIP, buy, connection, rental_of

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


def test_a_number_whose_rent_is_past_due_rings_and_its_calls_are_held_for(shop: Shop) -> None:
    account = shop.account(2 * PRICE - 1)
    rental = buy(shop, account, carrier="pool", connection_id=connection(shop, account, SIP))
    shop.writer.apply(set_call_terms, CallTerms("pool", NOW - QUOTE_LIFETIME - 1, "switch"))
    renew(shop, add_months(NOW, 1))
    assert rental_of(shop, rental.id).state is RentalState.PAST_DUE
    with shop.database.read() as tx:
        routed = route_call(tx, RouteCall(rental.e164, None, with_balance=True, chance=0, now=shop.now))
    assert isinstance(routed, RoutedCall)
    assert [leg.uri for leg in routed.legs] == [f"sip:{rental.e164}@pbx.example.com"]
    command = OpenSession("ses_1", "switch", "c1", "", INBOUND, rental.e164, "", shop.now)
    answer = shop.writer.apply(open_sessions(60), command)
    assert isinstance(answer, SessionAnswer)
    assert answer.allowed


@pytest.mark.parametrize(
    ("e164", "said"),
    [("+4930901820", "30901820"), ("+442079460123", "2079460123"), ("+13612738809", "3612738809")],
)
def test_a_national_number_is_the_same_in_routing_and_at_carriers(e164: str, said: str) -> None:
    national = SIP._replace(number_format=NumberFormat.NATIONAL)
    kept = Connection("con_1", "acc_1", "office", ConnectionKind.SIP, "", settings_text(national), None, 1, 1, 1)
    routed = routed_to(ConnectedRental("rnt_1", "acc_1", e164, "pool", "active", kept, 1), 0)
    assert routed is not None
    assert [leg.uri for leg in routed.legs] == [f"sip:{said}@pbx.example.com"]
    assert called_number(e164, NumberFormat.NATIONAL) == said
