"""Whether an account may is asked whenever a number is connected; what is connected already stays so."""

from __future__ import annotations

import json

import pytest

from numberdesk.connections.model import ConnectionPermit, DefaultConnection
from numberdesk.core.connection import ConnectionKind, ConnectionState, DefaultScope, ForwardRoute, NativeRoute, Route
from numberdesk.core.errors import Forbidden, InvalidRequest
from numberdesk.flows.connections.allow_connections import Permit, SetDefault, permit_connections, set_defaults
from numberdesk.flows.webhooks.sequence_events import SequenceEvents, sequence_events
from tests.flows.conftest import PRICE, Shop
from tests.flows.hands import assign as given
from tests.flows.hands import restore, take_back, transfer
from tests.flows.switching import POOL, SIP, assign, buy, connection, converge, rental_of, standing, told

FORWARD = ForwardRoute("+13612738809")
TRUNK = NativeRoute("trunk", "TK1")
POSTGRESQL_IN_THE_LONG_RUN = "the flows are the same; the stores run on both in tests/connections"
ROUTES = pytest.mark.parametrize("route", [FORWARD, TRUNK], ids=["forward", "native"])


def allow(shop: Shop, account_id: str, route: Route, *, may: bool = True) -> None:
    kind = ConnectionKind.FORWARD if isinstance(route, ForwardRoute) else ConnectionKind.NATIVE
    permit = ConnectionPermit(account_id, kind, route.object_id if isinstance(route, NativeRoute) else "", shop.now)
    assert shop.writer.apply(permit_connections, Permit(permit, allow=may)) == permit


def withdrawn(shop: Shop, account_id: str, route: Route) -> str:
    """A connection that was made when the account still might."""
    allow(shop, account_id, route)
    made = connection(shop, account_id, route)
    allow(shop, account_id, route, may=False)
    return made


@pytest.fixture
def account(shop: Shop) -> str:
    return shop.account(20 * PRICE)


@ROUTES
def test_a_number_is_not_connected_to_what_its_account_may_use_no_longer(
    shop: Shop, account: str, route: Route
) -> None:
    allow(shop, account, route)
    mine = connection(shop, account, route)
    first = buy(shop, account, connection_id=mine)
    converge(shop)
    allow(shop, account, route, may=False)
    second = buy(shop, account, connection_id=connection(shop, account, SIP))
    before = rental_of(shop, second.id)
    with pytest.raises(Forbidden):
        assign(shop, second, mine)
    assert rental_of(shop, second.id) == before
    assert assign(shop, first, mine) == first
    converge(shop, 7 * 86_400)
    assert standing(shop, first).state is ConnectionState.ACTIVE
    assert shop.acme.switchboard.set[first.e164].route == route
    allow(shop, account, route)
    assert assign(shop, second, mine).connection_id == mine


@ROUTES
@pytest.mark.parametrize("carrier", ["acme", POOL])
def test_a_purchase_goes_on_without_it_and_its_customer_is_told(
    shop: Shop, account: str, route: Route, carrier: str
) -> None:
    rental = buy(shop, account, carrier=carrier, connection_id=withdrawn(shop, account, route))
    assert (rental.connection_id, rental.connection_generation) == (None, 0)
    ((_, payload),) = told(shop, "number.connection_failed")
    assert "may not use that connection" in json.loads(payload)["message"]
    shop.verified()


@ROUTES
def test_a_default_is_not_followed_there(shop: Shop, account: str, route: Route) -> None:
    default = SetDefault(DefaultScope.ACCOUNT, account, withdrawn(shop, account, route), shop.now)
    assert isinstance(shop.writer.apply(set_defaults, default), DefaultConnection)
    for may in (False, True):
        if may:
            allow(shop, account, route)
        rental = buy(shop, account)
        shop.writer.apply(sequence_events(shop.new_id), SequenceEvents(shop.now))
        assert (rental_of(shop, rental.id).connection_id is not None) == may


@ROUTES
def test_a_carrier_is_not_told_of_what_was_withdrawn_before_it_was_told(shop: Shop, account: str, route: Route) -> None:
    allow(shop, account, route)
    mine = connection(shop, account, route)
    rental = buy(shop, account, connection_id=mine)
    allow(shop, account, route, may=False)
    converge(shop)
    assert standing(shop, rental).state is ConnectionState.UNSUPPORTED
    assert "Ask its operator to allow it" in standing(shop, rental).message
    assert shop.acme.switchboard.told == []
    allow(shop, account, route)
    assign(shop, rental, mine)
    converge(shop)
    assert standing(shop, rental).state is ConnectionState.ACTIVE


@ROUTES
def test_the_operators_hands_connect_nothing_there_either(shop: Shop, account: str, route: Route) -> None:
    mine = withdrawn(shop, account, route)
    e164 = shop.number()
    with pytest.raises(InvalidRequest, match="connection_id leads where"):
        given(shop, account, e164, connection_id=mine)
    other = shop.account(PRICE)
    shop.buy(other, e164)
    with pytest.raises(InvalidRequest, match="connection_id leads where"):
        transfer(shop, account, e164, mine)
    allow(shop, account, route)
    moved = transfer(shop, account, e164, mine)
    assert moved.connection_id == mine
    take_back(shop, e164)
    allow(shop, account, route, may=False)
    assert restore(shop, e164).connection_id is None


@ROUTES
def test_what_the_operator_shares_needs_no_leave(shop: Shop, account: str, route: Route) -> None:
    shared = connection(shop, None, route)
    rental = buy(shop, account, connection_id=shared)
    converge(shop)
    assert standing(shop, rental).state is ConnectionState.ACTIVE
