"""What a refusal proves, and what it does not: after an earlier attempt, and of a number that is there all the same."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from numberdesk.carriers.adapters.plivo import Plivo
from numberdesk.carriers.adapters.signalwire import SignalWire
from numberdesk.carriers.adapters.vonage import Vonage
from numberdesk.carriers.port import Setup
from numberdesk.core.carrier_order import Placed, Reason, Refused
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.purchase import Buy, Order
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.infra.http import HttpClient
from numberdesk.orders.store import find_orders
from numberdesk.tables import findings
from testbed.egress import LOOPBACK
from testbed.fake_carriers import Does
from testbed.scripted import Answer, Seen, json_reply, scripted
from tests.flows.audits import auditing
from tests.flows.carrier_orders import MINUTE, WINDOW, carrier_order_of, heard, opened, settled
from tests.flows.conftest import Shop

ENGINES_TAKE_TURNS: Final = "what a refusal means is decided without the database"

NO: Final = {"taken": Does.REFUSES, "of its own": Does.FORBIDS, "402 or 21404": Does.UNPAID, "429": Does.THROTTLES}


def order_of(shop: Shop, buy: Buy) -> Order:
    with shop.database.read() as tx:
        return find_orders(tx, [buy.order_id])[buy.order_id]


@pytest.mark.parametrize("no", NO.values(), ids=NO)
def test_a_second_attempt_that_is_refused_ends_nothing_because_the_first_had_bought_in_silence(
    shop: Shop, no: Does
) -> None:
    shop.acme.lag = WINDOW + 3 * MINUTE
    buy, placement = opened(shop, Does.BUYS_SILENTLY, no)
    shop.tell(shop.chase_to_the_end(placement))
    order = order_of(shop, buy)
    assert (order.state, order.attempts, len(shop.acme.orders)) == (OrderState.COMPLETED, 2, 2)
    assert len(shop.acme.executed) == 1
    shop.audit()


@pytest.mark.parametrize("no", NO.values(), ids=NO)
def test_a_second_attempt_that_is_refused_is_given_up_when_nothing_is_there_over_the_window(
    shop: Shop, no: Does
) -> None:
    buy, placement = opened(shop, Does.LOSES, no)
    shop.tell(shop.chase_to_the_end(placement))
    order = order_of(shop, buy)
    assert (order.state, order.attempts, len(shop.acme.orders)) == (OrderState.FAILED, 2, 2)
    said = carrier_order_of(shop, buy)
    assert said.message == "absent over the whole window"
    assert said.order_message.startswith("no answer; attempt 2: ")
    shop.audit()


def operators_own(shop: Shop) -> tuple[Buy, Placement]:
    """An order that its carrier refused, for a number that the operator has there since long ago."""
    shop.acme.keeps_references = False
    buy, placement = opened(shop, Does.REFUSES)
    shop.acme.own([buy.e164])
    assert order_of(shop, buy).state is OrderState.FAILED
    return buy, placement


def test_a_number_the_operator_had_before_does_not_go_back_but_is_for_a_person_to_judge(shop: Shop) -> None:
    buy, placement = operators_own(shop)
    shop.tell(placement.record(buy.order_id, 1, Placed("PN1", None), WINDOW))
    assert shop.rows("SELECT id FROM carrier_releases") == []
    shop.tell(shop.work_off(auditing(shop).due_work))
    shop.tell(shop.give_back())
    [(kind, state)] = shop.rows("SELECT kind, state FROM findings")
    assert (kind, state) == (FindingKind.ORPHAN.value, FindingState.OPEN.value)
    assert buy.e164 in shop.acme.ours
    shop.audit()


def test_a_number_that_carries_the_id_of_a_failed_order_goes_back_unless_a_person_keeps_it(shop: Shop) -> None:
    shop.acme.keeps_references = True
    kept, other = (opened(shop, Does.REFUSES)[0] for _ in range(2))
    with shop.database.write() as tx:
        tx.execute(
            findings.insert().values(
                carrier="acme", e164=kept.e164, kind="orphan", state="kept", carrier_reference="PN1",
                order_reference="", message="", first_seen_at=1, last_seen_at=1,
            )
        )  # fmt: skip
    for buy in (kept, other):
        settled(shop, heard(shop, buy, Placed("PN1", buy.order_id)))
    assert shop.rows("SELECT e164 FROM carrier_releases") == [(other.e164,)]


@pytest.mark.parametrize(("reference", "gone"), [(None, False), ("", False), ("ord_somebody", False), ("ours", True)])
def test_only_a_number_with_the_id_of_its_failed_order_goes_back_by_itself(
    shop: Shop,
    reference: str | None,
    gone: bool,  # noqa: FBT001  a case
) -> None:
    buy, _ = opened(shop, Does.REFUSES)
    settled(shop, heard(shop, buy, Placed("PN1", buy.order_id if reference == "ours" else reference)))
    assert bool(shop.rows("SELECT id FROM carrier_releases")) is gone


ADAPTERS: Final[dict[str, Any]] = {"plivo": Plivo, "vonage": Vonage, "signalwire": SignalWire}


def owned_at(kind: str) -> Answer:
    """What a carrier without references answers to everything about a number that the operator has there."""
    if kind == "plivo":
        return json_reply(200, {"number": "14155550142", "objects": [], "api_id": "x"})
    if kind == "signalwire":
        return json_reply(200, {"data": [{"id": "no-1", "number": "+14155550142"}], "links": {}})
    return json_reply(200, {"count": 1, "numbers": [{"country": "US", "msisdn": "14155550142"}]})


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("plivo", {"auth_id": "MAXXXXXXXXXXXXXXXXXX", "auth_token": "s"}),
        ("vonage", {"api_key": "k", "api_secret": "s"}),
        ("signalwire", {"space": "acme", "project_id": "p", "api_token": "s"}),
    ],
)
def test_the_operators_own_number_at_a_carrier_without_references_is_never_asked_back(
    shop: Shop, kind: str, values: dict[str, str]
) -> None:
    refusal = {
        "plivo": json_reply(400, {"error": "number is already rented"}),
        "signalwire": json_reply(422, {"errors": [{"detail": "Number has already been taken"}]}),
        "vonage": json_reply(420, {"error-code": "420", "error-code-label": "you may already own this number"}),
    }[kind]

    def answer(seen: Seen) -> Answer:
        return refusal if seen.method == "POST" else owned_at(kind)

    async def story(url: str) -> tuple[object, object]:
        http = HttpClient(egress=LOOPBACK)
        try:
            carrier = ADAPTERS[kind](Setup({**values, "base_url": url}), http)
            return await carrier.order("+14155550142", "ord_1"), await carrier.find("+14155550142", "ord_1")
        finally:
            await http.close()

    with scripted(answer) as server:
        refused, found = asyncio.run(story(server.url))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.TAKEN
    assert isinstance(found, Placed)
    assert found.reference is None
    buy, _ = opened(shop, Does.NEVER_ENDS)
    settled(shop, heard(shop, buy, refused))
    settled(shop, heard(shop, buy, found))
    assert order_of(shop, buy).state is OrderState.FAILED
    assert shop.rows("SELECT id FROM carrier_releases") == []
