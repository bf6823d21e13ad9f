"""What a customer is told of a number whose carrier fails, or is not to be asked."""

from __future__ import annotations

import json

import pytest

from numberdesk.connections.livekit import LiveKitTrunks
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_record import Direction
from numberdesk.core.call_route import RefusedCall
from numberdesk.core.connecting import NOT_TAKEN
from numberdesk.core.connection import ForwardRoute
from numberdesk.core.diagnosis import ALL_WELL
from numberdesk.core.errors import WrongSource
from numberdesk.core.rental import Rental
from numberdesk.core.session import OpenSession, SessionAnswer
from numberdesk.flows.connections.diagnose_numbers import Diagnosis, diagnose
from numberdesk.flows.routing.route_calls import RouteCall, route_call, with_session
from numberdesk.flows.routing.try_calls import refusal_of_call
from numberdesk.flows.usage.hold_sessions import open_sessions
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.views.connections import diagnosis_view
from tests.flows.conftest import NOW, PRICE, QUOTE_LIFETIME, Shop
from tests.flows.switching import SIP, VAULT, assign, buy, connection, converge, rental_of, standing, told

FORWARD = ForwardRoute("+13612738809")
POSTGRESQL_IN_THE_LONG_RUN = "the flows are the same; the stores run on both in tests/connections"


@pytest.fixture
def account(shop: Shop) -> str:
    return shop.account(20 * PRICE)


def diagnosed(shop: Shop, rental: Rental, *, may_ask: bool = True) -> Diagnosis:
    found = shop.tell(
        diagnose(
            rental.account_id, rental.e164, None, read=shop.reader, carriers=shop.carriers, vault=VAULT,
            now=lambda: shop.now, may_ask=lambda: may_ask, trunks=LiveKitTrunks(lambda: shop.now),
            refusal_of_call=lambda tx, e164: refusal_of_call(tx, e164, slice_seconds=60, now=shop.now),
        )
    )  # fmt: skip
    assert found is not None
    return found


def test_a_customer_is_not_told_a_failing_carriers_own_words(shop: Shop, account: str) -> None:
    rental = buy(shop, account, connection_id=connection(shop, account))
    shop.acme.connects_fail = 3
    for _ in range(3):
        converge(shop)
        shop.now = standing(shop, rental).next_at or shop.now
    said = standing(shop, rental).message
    assert said == "no answer"
    ((_, payload),) = told(shop, "number.connection_failed")
    found = diagnosed(shop, rental)
    for shown in (json.loads(payload)["message"], diagnosis_view(found).connection.message, found.sentence):
        assert NOT_TAKEN in shown
        assert said not in shown


def test_a_diagnosis_that_may_not_ask_the_carrier_says_so_and_asks_nobody(shop: Shop, account: str) -> None:
    rental = buy(shop, account, connection_id=connection(shop, account))
    converge(shop)
    shop.acme.down = True
    assert "just now; wait a little" in diagnosed(shop, rental, may_ask=False).sentence
    assert "did not tell" in diagnosed(shop, rental).sentence


RESERVED = [
    ("well", "", ALL_WELL),
    ("not priced", "not_priced", "never priced"),
    ("no source", "wrong_source", "Nobody is appointed"),
    ("no money", "no_balance", "does not cover a second"),
    ("suspended", "suspended", "The account is suspended"),
    ("forwarded", "", ALL_WELL),
    ("forwarded, not priced", "not_priced", "never priced"),
    ("damaged", "no_connection", "leads to nothing"),
]


@pytest.mark.parametrize(("case", "refusal", "said"), RESERVED)
def test_what_a_reserved_call_would_be_refused_for_is_what_is_said(
    shop: Shop, case: str, refusal: str, said: str
) -> None:
    account = shop.account(PRICE if case == "no money" else 20 * PRICE)
    forwarded = case.startswith("forwarded")
    e164 = shop.number(inbound=None if case == "not priced" else 8_000, outbound=None if "," in case else 9_000)
    shop.buy(account, e164)
    ((rental_id,),) = shop.rows("SELECT id FROM rentals WHERE e164 = :e164", e164=e164)
    rental = rental_of(shop, rental_id)
    assign(shop, rental, connection(shop, None if forwarded else account, FORWARD if forwarded else SIP))
    if case != "no source":
        shop.writer.apply(set_call_terms, CallTerms("pool", NOW - QUOTE_LIFETIME - 1, "switch"))
    if case == "suspended":
        shop.suspend(account)
    if case == "damaged":
        with shop.database.raw(writing=True) as raw:
            raw.exec_driver_sql("UPDATE connections SET settings = '[]'")
            raw.commit()
    before = shop.rows("SELECT * FROM usage_sessions"), shop.rows("SELECT held FROM wallets")
    assert said in diagnosed(shop, rental).sentence
    assert (shop.rows("SELECT * FROM usage_sessions"), shop.rows("SELECT held FROM wallets")) == before
    assert reserved(shop, e164) == refusal


def reserved(shop: Shop, e164: str) -> str:
    """Why a server that asks and reserves is refused, by the flows that it asks."""
    with shop.database.read() as tx:
        routed = route_call(tx, RouteCall(e164, None, with_balance=False, chance=0, now=shop.now))
    if isinstance(routed, RefusedCall):
        return routed.reason.value
    command = OpenSession("ses_1", "switch", "c1", "", Direction.INBOUND, e164, "", shop.now)
    if isinstance(routed.route, ForwardRoute):
        command = command._replace(forward_to=routed.route.e164, forward_session_id="ses_2")
    try:
        answer = shop.writer.apply(open_sessions(60), command)
    except WrongSource:
        return WrongSource.code
    assert isinstance(answer, SessionAnswer)
    final = with_session(routed, answer)
    return final.reason.value if isinstance(final, RefusedCall) else ""
