"""Find where a call to a rented number goes: a read, beside which nothing is written.

Touches: database.
"""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.connections.model import ConnectedRental
from numberdesk.connections.store import find_connected_rental
from numberdesk.core.call_record import Direction
from numberdesk.core.call_route import CallAnswer, RefusedCall, RoutedCall, RoutingRefusal, affordable, legs_of
from numberdesk.core.connection import CarrierRoute, ForwardRoute, NativeRoute, NumberFormat, SipRoute, carrier_route
from numberdesk.core.connection_settings import route_from
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.rating import CallRate
from numberdesk.core.session import SessionAnswer
from numberdesk.flows.usage.record_calls import rate_of, terms_of
from numberdesk.infra.db import Tx
from numberdesk.infra.numbering import calling_code, country_of
from numberdesk.ledger.store import find_wallet
from numberdesk.usage.store import find_live_span


class RouteCall(NamedTuple):
    """A server asks at `now` where a call to a number goes. `account_id` is whose numbers it may ask for, None for all.

    `with_balance`: how long the balance lets the call be. `chance` is a large number, by which equal targets share.
    """

    e164: str | None
    account_id: str | None
    with_balance: bool
    chance: int
    now: int


def route_call(tx: Tx, asked: RouteCall) -> CallAnswer:
    """The answer, decided over what stands in the books now."""
    rental = None if asked.e164 is None else find_connected_rental(tx, asked.e164)
    if rental is None or asked.account_id not in (None, rental.account_id):
        return RefusedCall(RoutingRefusal.NOT_IN_SERVICE)
    wallet = find_wallet(tx, rental.account_id)
    if wallet is None or wallet.state is not AccountState.ACTIVE:
        return _refused(RoutingRefusal.SUSPENDED, rental)
    routed = routed_to(rental, asked.chance)
    if routed is None:
        return _refused(RoutingRefusal.NO_CONNECTION, rental)
    if not asked.with_balance:
        return routed
    span = find_live_span(tx, rental.e164)
    rates: list[CallRate | None] = []
    if span is not None:
        begins = max(asked.now, span.began_at)
        rates.append(rate_of(tx, span, Direction.INBOUND, begins))
        if isinstance(routed.route, ForwardRoute):  # its second leg is this account's call, too
            called = routed.route.e164
            terms = terms_of(tx, {span.e164: [span]}, [called])
            rates.append(terms.rate_of(span, Direction.OUTBOUND, begins, called))
    seconds = affordable(wallet.available, *rates)
    return _refused(RoutingRefusal.NO_BALANCE, rental) if seconds == 0 else routed._replace(max_seconds=seconds)


def routed_to(rental: ConnectedRental, chance: int) -> RoutedCall | None:
    """Where the calls of a rental go; None where they go to nothing that a server of one's own can reach."""
    route = _route(rental)
    if route is None or isinstance(route, NativeRoute):
        return None
    national = isinstance(route, SipRoute) and route.number_format is NumberFormat.NATIONAL
    code = calling_code(country_of(rental.e164)) if national else ""
    legs = legs_of(route, rental.e164, chance, code)
    if isinstance(route, SipRoute) and not legs:
        return None
    return RoutedCall(rental.e164, rental.account_id, rental.rental_id, route, legs)


def with_session(routed: RoutedCall, answer: SessionAnswer) -> CallAnswer:
    """The same, once it was asked whether the call may begin."""
    session = answer.session
    if answer.denial is not None or session is None:
        reason = RoutingRefusal.NO_BALANCE if answer.denial is None else RoutingRefusal(answer.denial.value)
        return RefusedCall(reason, routed.e164, routed.account_id, routed.rental_id)
    routed = routed._replace(max_seconds=session.granted, session_id=session.id, expires_at=session.expires_at)
    onward = answer.onward
    if onward is None:
        return routed
    granted, expires_at = min(session.granted, onward.granted), min(session.expires_at, onward.expires_at)
    return routed._replace(max_seconds=granted, expires_at=expires_at, forward_session_id=onward.id)


def _route(rental: ConnectedRental) -> CarrierRoute | None:
    """The route without its secrets, which nobody is told. None without one, and for settings that are damaged."""
    connection = rental.connection
    if connection is None or not connection.is_for(rental.account_id):
        return None
    try:
        return carrier_route(route_from(connection.kind, connection.settings, {}))
    except ValueError:
        return None


def _refused(reason: RoutingRefusal, rental: ConnectedRental) -> RefusedCall:
    return RefusedCall(reason, rental.e164, rental.account_id, rental.rental_id)
