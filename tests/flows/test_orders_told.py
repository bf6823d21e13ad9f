"""What an operator is told of orders: why each one failed, and in the log once what waits for a person."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

import pytest

from numberdesk.carriers.port import Setup
from numberdesk.carriers.store import list_carriers
from numberdesk.carriers.trouble_store import CarrierTrouble, list_troubles
from numberdesk.core.carrier_order import (
    Absent,
    NotSent,
    OrderOutcome,
    Placed,
    Reason,
    Refused,
    Unknown,
)
from numberdesk.core.errors import CarrierUnavailable
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.schedule import LONGEST_MESSAGE
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.flows.purchase.open_orders import open_orders
from numberdesk.flows.purchase.resolve_orders import OrderResolution, ResolveOrder, resolve_orders
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.infra.vault import Vault
from testbed.fake_carriers import Does
from testbed.logs import logged
from tests.flows.carrier_orders import DAY, MINUTE, SECOND, WINDOW, carrier_order_of, heard, opened, settled
from tests.flows.conftest import QUOTE_LIFETIME, Shop

ENGINES_TAKE_TURNS = "what is told follows from the order, alike on both engines"

NO: Final = "carrier did not place an order"
UNCLEAR: Final = "carrier gave no clear answer to an order"


def told(lines: list[MutableMapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [(line["event"], line["outcome"], line["said"]) for line in lines]


@pytest.mark.parametrize(
    ("does", "expected"),
    [
        (Does.BUYS, []),
        (Does.REFUSES, [(NO, "refused", "not available")]),
        (Does.FORBIDS, [(NO, "refused", "an address is needed")]),
        (Does.NOT_SENT, [(NO, "notsent", "connection refused")]),
        (Does.LOSES, [(UNCLEAR, "unknown", "no answer")]),
        (Does.BUYS_SILENTLY, [(UNCLEAR, "unknown", "no answer")]),
        (Does.BUYS_LATER, []),
        (Does.FAILS_LATER, [(NO, "refused", "failed")]),
    ],
)
def test_what_a_carrier_answers_to_an_order_other_than_yes_is_in_the_log(
    shop: Shop, does: Does, expected: list[tuple[str, str, str]]
) -> None:
    shop.acme.decides_after = SECOND
    with logged() as lines:
        buy, _ = opened(shop, does)
        shop.time.pass_by(10, shop.writer)
    assert told(lines) == expected
    for line in lines:
        assert (line["carrier"], line["order_id"], line["attempt"]) == ("acme", buy.order_id, 1)
        assert line["log_level"] == "warning"


def test_a_refusal_that_is_found_at_a_look_up_days_later_is_logged_once(shop: Shop) -> None:
    shop.acme.decides_after = 3 * DAY
    with logged() as lines:
        buy, placement = opened(shop, Does.FAILS_LATER)
        shop.tell(shop.chase_to_the_end(placement))
    assert told(lines) == [(NO, "refused", "failed")]
    assert carrier_order_of(shop, buy).message == "failed"


def test_an_order_that_the_carrier_never_had_is_logged_when_it_is_given_up(shop: Shop) -> None:
    shop.open_orders = open_orders(QUOTE_LIFETIME, wanted_for=MINUTE)
    with logged() as lines:
        buy, placement = opened(shop, Does.LOSES)
        shop.tell(shop.chase_to_the_end(placement))
    assert told(lines) == [(UNCLEAR, "unknown", "no answer"), (NO, "absent", "")]
    assert carrier_order_of(shop, buy).message == "absent over the whole window"


def test_an_order_of_a_carrier_that_is_gone_is_in_the_log(shop: Shop) -> None:
    shop.number(carrier="acme")
    del shop.carriers.carriers["acme"]
    with logged() as lines:
        buy, _ = opened(shop)
    assert told(lines) == [(NO, "notsent", "this carrier is not connected")]
    assert carrier_order_of(shop, buy).message == "this carrier is not connected"


@pytest.mark.parametrize(
    "word",
    [
        NotSent("no connection in time"),
        NotSent("paused", 10),
        NotSent("too many requests wait for this carrier", 1),
        Refused(Reason.THROTTLED, "HTTP 429", 7),
        Refused(Reason.ACCOUNT, "HTTP 401"),
    ],
)
def test_a_customer_is_told_what_is_true_of_every_order_that_a_carrier_did_not_take(
    shop: Shop, word: Refused | NotSent
) -> None:
    buy, _ = opened(shop, Does.NEVER_ENDS)
    settled(shop, heard(shop, buy, word))
    assert shop.rows("SELECT error_code, error_message FROM carrier_orders") == [
        ("carrier_unavailable", "The carrier did not take the order. Nothing was charged; try again later.")
    ]


@pytest.mark.parametrize(
    "word", [Refused(Reason.TAKEN, "gone"), Refused(Reason.OTHER, "Insufficient Funds"), NotSent("no connection")]
)
def test_an_order_that_failed_keeps_what_its_carrier_said(shop: Shop, word: Refused | NotSent) -> None:
    buy, _ = opened(shop, Does.NEVER_ENDS)
    settled(shop, heard(shop, buy, word))
    assert carrier_order_of(shop, buy).message == word.message


def troubles(shop: Shop) -> dict[str, CarrierTrouble]:
    return shop.reader.read_now(list_troubles)


def test_a_carrier_that_refuses_orders_for_the_operators_account_is_noted_until_it_takes_one(shop: Shop) -> None:
    times = []
    for said in ("HTTP 402: no money", "HTTP 401: who are you?"):
        buy, _ = opened(shop, Does.NEVER_ENDS)
        times.append(shop.now)
        (order,) = settled(shop, heard(shop, buy, Refused(Reason.ACCOUNT, said, 1)))
        assert order.failure == CarrierUnavailable(details={"retry_after": 300})
    (trouble,) = troubles(shop).values()
    assert trouble == CarrierTrouble("acme", "HTTP 401: who are you?", times[0], times[1], 2)
    others: tuple[OrderOutcome, ...] = (Refused(Reason.THROTTLED, "429"), Refused(Reason.TAKEN, "gone"), NotSent("x"))
    for word in others:
        buy, _ = opened(shop, Does.NEVER_ENDS)
        settled(shop, heard(shop, buy, word))
    assert troubles(shop) == {"acme": trouble}
    buy, _ = opened(shop, Does.BUYS)
    assert troubles(shop) == {}


def test_a_trouble_is_over_when_its_account_is_set_up_anew(shop: Shop) -> None:
    buy, _ = opened(shop, Does.NEVER_ENDS)
    settled(shop, heard(shop, buy, Refused(Reason.ACCOUNT, "HTTP 401")))
    assert [one.name for one in shop.reader.read_now(list_carriers)] == ["acme"]
    command = CarrierSetup("acme", None, Setup({}), CarrierState.DISABLED, shop.now)
    shop.writer.apply(set_up_carriers(Vault("")), command)
    assert troubles(shop) == {}


def test_only_so_much_is_kept_of_what_a_carrier_said(shop: Shop) -> None:
    buy, _ = opened(shop, Does.NEVER_ENDS)
    settled(shop, heard(shop, buy, Refused(Reason.OTHER, "x" * 1000)))
    assert carrier_order_of(shop, buy).message == "x" * LONGEST_MESSAGE


def test_an_order_that_is_parked_is_an_error_in_the_log_once_and_again_when_it_is_parked_anew(shop: Shop) -> None:
    buy, placement = opened(shop, Does.LOSES)
    shop.acme.down = True

    def parked() -> list[MutableMapping[str, Any]]:
        with logged() as lines:
            shop.tell(shop.chase_to_the_end(placement))
            for word in (Unknown("still down"), Absent()):
                shop.tell(placement.record(buy.order_id, 1, word, WINDOW))
        return lines

    line = {"event": "order parked for a person", "order_id": buy.order_id, "carrier": "acme", "said": "down"}
    assert parked() == [{**line, "log_level": "error"}]
    shop.writer.apply(resolve_orders, ResolveOrder(buy.order_id, OrderResolution.RETRY, WINDOW, shop.now))
    assert parked() == [{**line, "log_level": "error"}]


def test_a_number_that_comes_too_late_is_in_the_log_once(shop: Shop) -> None:
    buy, placement = opened(shop, Does.LOSES)
    shop.writer.apply(resolve_orders, ResolveOrder(buy.order_id, OrderResolution.VOID, WINDOW, shop.now))
    word: OrderOutcome = Placed("PN1", buy.order_id)
    with logged() as lines:
        for _ in range(2):
            shop.tell(placement.record(buy.order_id, 1, word, WINDOW))
        shop.tell(placement.record(buy.order_id, 1, Placed("PN2", "ord_somebody"), WINDOW))
    line = {"event": "number came too late and is given back", "carrier": "acme", "order_id": buy.order_id}
    assert lines[:-1] == [{**line, "number": buy.e164, "number_id": "PN1", "log_level": "warning"}]
    assert lines[-1]["event"] == "number is on the account after its order failed, and stays for a person to judge"


def test_of_two_words_in_one_batch_that_a_number_came_too_late_the_first_tells_it(shop: Shop) -> None:
    buy, _ = opened(shop, Does.LOSES)
    shop.writer.apply(resolve_orders, ResolveOrder(buy.order_id, OrderResolution.VOID, WINDOW, shop.now))
    with shop.database.write() as tx:
        statuses = settle_orders(tx, [heard(shop, buy, Placed("PN1", buy.order_id))] * 2)
    assert [one.too_late is None for one in statuses] == [False, True]
