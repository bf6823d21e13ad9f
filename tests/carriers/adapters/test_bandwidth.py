"""The Bandwidth adapter before a scripted server: what it sends, and what it makes of every answer."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from defusedxml.ElementTree import fromstring

from numberdesk.carriers import port
from numberdesk.carriers.adapters.bandwidth import Bandwidth
from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Unknown
from numberdesk.infra.http import HttpClient
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Scripted, Seen, json_reply, reply, scripted, silence
from tests.carriers.adapters.words import FORBIDDEN, OTHER, TAKEN, THROTTLED, close, kind, posts

PASSWORD: Final = "b4nd-s3cret"
OURS: Final = "+19195550142"
NUMBER: Final = "9195550142"
OTHER_NUMBER: Final = "9195550143"
REFERENCE: Final = "ord_1"
THERE: Final = "ord-1"
ACCOUNT: Final = "/accounts/9900012"
HTML: Final = b"<!DOCTYPE html><html><body>Welcome</body></html>"
BOMB: Final = b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><OrderResponse>&c;</OrderResponse>'
OUTSIDE: Final = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><OrderResponse>&b;</OrderResponse>'


def ask(url: str, call: Callable[[Bandwidth], Awaitable[Any]], **more: str) -> Any:
    async def main() -> Any:
        http = HttpClient(egress=LOOPBACK)
        values = {"account_id": "9900012", "username": "api", "password": PASSWORD, "site_id": "743", "base_url": url}
        try:
            return await call(
                Bandwidth(port.Setup({**values, "read_seconds": "1", "order_seconds": "1", **more}), http)
            )
        finally:
            await http.close()

    return asyncio.run(main())


def xml(status: int, *inside: str) -> Answer:
    return close(status, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{"".join(inside)}'.encode())


def tag(name: str, *inside: str) -> str:
    return f"<{name}>{''.join(inside)}</{name}>"


def ordered(
    status: str | None = "RECEIVED",
    number: str = NUMBER,
    *,
    done: str = "",
    failed: str = "",
    code: str = "",
    reference: str = THERE,
    http: int = 201,
) -> Answer:
    """An order as Bandwidth writes it."""
    listed = tag("TelephoneNumberList", tag("TelephoneNumber", number)) if number else ""
    errors = tag("ErrorList", tag("Error", tag("Code", code), tag("Description", "it said so"))) if code else ""
    content = (
        errors,
        tag("FailedNumbers", tag("FullNumber", failed)) if failed else "",
        tag(
            "Order",
            tag("CustomerOrderId", reference),
            tag("id", "34adcd9f"),
            tag("ExistingTelephoneNumberOrderType", listed),
        ),
        "" if status is None else tag("OrderStatus", f"\n {status}\n "),
        tag("CompletedNumbers", tag("TelephoneNumber", tag("FullNumber", done))) if done else "",
    )
    return xml(http, tag("OrderResponse", *content))


def by_status(code: str, http: int = 400) -> Answer:
    """The specification's form for errors."""
    return xml(
        http, tag("ErrorResponse", tag("ResponseStatus", tag("ErrorCode", code), tag("Description", "it said so")))
    )


def found(status: str | None, number: str = NUMBER, **more: Any) -> Answer:
    return ordered(status, number, http=200, **more)


def listing(*references: str, extra: str = "", name: str = "orderId") -> Answer:
    items = [
        tag("OrderIdUserIdDate", tag("CountOfTNs", "1"), tag("CustomerOrderId", one), tag(name, f"id-{at}"))
        for at, one in enumerate(references)
    ]
    return xml(200, tag("ResponseSelectWrapper", tag("ListOrderIdUserIdDate", extra, *items)))


def numbers(*written: str, total: int | None = None, link: str = "") -> Answer:
    count = "" if total is None else tag("TotalCount", str(total))
    links = tag("Links", tag("first", "( a link )"), tag("next", link)) if link else ""
    return xml(
        200, tag("TNs", count, links, tag("TelephoneNumbers", *(tag("TelephoneNumber", one) for one in written)))
    )


def account(**answers: Answer | list[Answer]) -> Callable[[Seen], Answer]:
    """Answers by call. A list is given one after the other, the last for ever."""
    paths = {
        "order": "POST /orders",
        "orders": "GET /orders",
        "first": "GET /orders/id-0",
        "second": "GET /orders/id-1",
        "tn": f"GET /inserviceNumbers/{NUMBER}",
        "list": "GET /inserviceNumbers",
        "disconnect": "POST /disconnects",
        "disconnecting": "GET /disconnects/id-7",
    }
    usual = {"order": ordered(), "orders": listing(), "tn": close(404), "list": numbers(total=0)}
    by_call = {}
    for name, path in paths.items():
        answer = answers.get(name, usual.get(name, close(500)))
        given = answer if isinstance(answer, list) else [answer]
        by_call[path] = itertools.chain(given, itertools.repeat(given[-1]))
    return lambda seen: next(by_call[f"{seen.method} {seen.path.removeprefix(ACCOUNT)}"])


def order(server: Scripted, e164: str = OURS, **more: str) -> Any:
    return ask(server.url, lambda bandwidth: bandwidth.order(e164, REFERENCE), **more)


def find(server: Scripted) -> Any:
    return ask(server.url, lambda bandwidth: bandwidth.find(OURS, REFERENCE))


def owned(server: Scripted, cursor: str | None = None) -> Any:
    return ask(server.url, lambda bandwidth: bandwidth.owned(cursor))


ORDERS: Final[dict[str, tuple[Answer, Any]]] = {
    "received": (ordered(), Pending),
    "in small letters": (ordered("processing"), Pending),
    "without a state": (ordered(None), Pending),
    "without numbers": (ordered(number=""), Pending),
    "complete": (ordered("COMPLETE", done=NUMBER), Placed),
    "complete, as E.164": (ordered("COMPLETE", OURS, done=OURS), Placed),
    "complete without our number": (ordered("COMPLETE"), Unknown),
    "complete with another number": (ordered("COMPLETE", done=OTHER_NUMBER), Unknown),
    "partial with our number": (ordered("PARTIAL", done=NUMBER), Placed),
    "partial without our number": (ordered("PARTIAL", failed=NUMBER, code="5005"), TAKEN),
    "partial without a word about it": (ordered("PARTIAL"), Unknown),
    "failed": (ordered("FAILED", number="", failed=NUMBER, code="5005"), TAKEN),
    "failed otherwise": (ordered("FAILED", code="5003"), OTHER),
    "failed and completed": (ordered("FAILED", done=NUMBER), Unknown),
    "an undocumented state": (ordered("CANCELLED"), Unknown),
    "an error and no state": (ordered(None, code="5005"), TAKEN),
    "another number": (ordered(number=OTHER_NUMBER), Unknown),
    "another reference": (ordered(reference="ord-2"), Unknown),
    "neither number nor reference": (ordered(number="", reference=""), Unknown),
    "another document": (xml(201, tag("SearchResult")), Unknown),
    "with a name space": (
        xml(201, f'<OrderResponse xmlns="urn:x">{tag("CustomerOrderId", THERE)}</OrderResponse>'),
        Pending,
    ),
    "cut": (reply(201, b"<OrderResponse><Order><CustomerOrderId>ord-1"), Unknown),
    "entities": (reply(201, BOMB), Unknown),
    "an entity from outside": (reply(201, OUTSIDE), Unknown),
    "an encoding that is none": (reply(201, b'<?xml version="1.0" encoding="x"?><OrderResponse/>'), Unknown),
    "an encoding of several bytes": (reply(201, b'<?xml version="1.0" encoding="gb18030"?><OrderResponse/>'), Unknown),
    "very many elements": (
        reply(
            201, b"<OrderResponse><CustomerOrderId>ord-1</CustomerOrderId>" + b"<a/>" * 200_001 + b"</OrderResponse>"
        ),
        Unknown,
    ),
    "very deep": (reply(201, b"<OrderResponse>" + b"<a>" * 90_000), Unknown),
    "JSON": (json_reply(201, {"OrderStatus": "RECEIVED"}), Unknown),
    "not available": (ordered(None, code="5005", http=400), TAKEN),
    "a wrong site": (ordered(None, code="5016", http=400), OTHER),
    "provisioning failed": (ordered(None, code="5003", http=400), Unknown),
    "please resubmit": (ordered(None, code="5086", http=400), Unknown),
    "an undocumented code": (ordered(None, code="9999", http=400), OTHER),
    "by a status": (by_status("12345"), OTHER),
    "not available, by a status": (by_status("5005"), TAKEN),
    "please resubmit, by a status": (by_status("5086"), Unknown),
    "not paid": (by_status("5183", 402), FORBIDDEN),
    "a timeout": (by_status("12345", 408), Unknown),
    "an error about another order": (ordered(None, code="5005", reference="ord-2"), Unknown),
    "400 without a code": (ordered(None, http=400), Unknown),
    "plain text": (close(400, b"The order could not be parsed.", Content_Type="text/plain;charset=utf-8"), OTHER),
    "plain text about a number": (
        close(400, b"Telephone number 4354776010 is not available", Content_Type="text/plain"),
        TAKEN,
    ),
    "plain text with 402": (close(402, b"payment required", Content_Type="text/plain"), FORBIDDEN),
    "plain text with 409": (close(409, b"number already taken", Content_Type="text/plain"), Unknown),
    "plain text of several lines": (close(400, b"one\ntwo", Content_Type="text/plain"), Unknown),
    "a page called plain text": (close(400, HTML, Content_Type="text/plain"), Unknown),
    "404": (ordered(None, code="5005", http=404), TAKEN),
    "wrong credentials": (reply(401, HTML), FORBIDDEN),
    "forbidden": (reply(403), FORBIDDEN),
    "409": (ordered(None, code="5005", http=409), Unknown),
    "500": (ordered(None, code="5005", http=500), Unknown),
    "too many requests": (reply(429), THROTTLED),
}


@pytest.mark.parametrize(("answer", "expected"), ORDERS.values(), ids=ORDERS)
def test_an_order_is_sent_once_and_its_answer_is_read_with_care(answer: Answer, expected: Any) -> None:
    with scripted(account(order=answer)) as server:
        word = order(server)
    assert kind(word) == expected
    assert expected is not Placed or word == Placed(NUMBER, REFERENCE)
    assert len(server.seen) == len(posts(server)) == 1
    assert PASSWORD not in str(word)


def test_an_order_names_one_number_our_reference_and_the_site() -> None:
    with scripted(account()) as server:
        order(server, peer_id="303716")
        order(server, site_id="<7&4>")
    full, plain = server.seen
    assert (full.method, full.path, full.query) == ("POST", f"{ACCOUNT}/orders", [])
    assert full.headers["authorization"] == "Basic " + base64.b64encode(f"api:{PASSWORD}".encode()).decode()
    assert (full.headers["content-type"], full.headers["accept"]) == ("application/xml", "application/xml")
    content = fromstring(full.body)
    assert [(element.tag, element.text) for element in content.iter() if not len(element)] == [
        ("CustomerOrderId", THERE),
        ("BackOrderRequested", "false"),
        ("TelephoneNumber", NUMBER),
        ("PartialAllowed", "false"),
        ("SiteId", "743"),
        ("PeerId", "303716"),
    ]
    assert content.find("ExistingTelephoneNumberOrderType/TelephoneNumberList/TelephoneNumber") is not None
    assert (fromstring(plain.body).findtext("SiteId"), fromstring(plain.body).find("PeerId")) == ("<7&4>", None)


@pytest.mark.parametrize("e164", ["+442079460018", "+1919555014", "+191955501423"])
def test_a_number_of_another_plan_is_neither_ordered_nor_looked_up(e164: str) -> None:
    with scripted(account()) as server:
        assert kind(order(server, e164)) == OTHER
        assert kind(ask(server.url, lambda bandwidth: bandwidth.find(e164, REFERENCE))) == Unknown
        assert type(ask(server.url, lambda bandwidth: bandwidth.release(e164, None))) is port.NotReleased
    assert server.seen == []


HERE: Final = close(200)
DONE: Final = found("COMPLETE", done=NUMBER)
FAILED: Final = found("FAILED", number="", failed=NUMBER, code="5005")
FINDINGS: Final[dict[str, tuple[dict[str, Any], Any]]] = {
    "nothing anywhere": ({}, Absent()),
    "no orders, in other ways": ({"orders": close(204)}, Absent()),
    "no orders, with 404": ({"orders": close(404)}, Absent()),
    "no orders, with 404 in XML": ({"orders": xml(404, tag("Links"))}, Absent()),
    "in service by our order": ({"tn": HERE, "orders": listing(THERE), "first": DONE}, Placed(NUMBER, REFERENCE)),
    "the id in capitals": (
        {"tn": HERE, "orders": listing(THERE, name="OrderId"), "first": DONE},
        Placed(NUMBER, REFERENCE),
    ),
    "the list leaves our reference out": (
        {"tn": HERE, "orders": listing(""), "first": DONE},
        Placed(NUMBER, REFERENCE),
    ),
    "in service, and no order of ours": ({"tn": HERE}, Placed(NUMBER, "")),
    "in service, and our order failed": ({"tn": HERE, "orders": listing(THERE), "first": FAILED}, Placed(NUMBER, "")),
    "in service before our order is done": (
        {"tn": HERE, "orders": listing(THERE), "first": found("RECEIVED")},
        Pending,
    ),
    "complete, and not in service yet": ({"orders": listing(THERE), "first": DONE}, Pending),
    "under way": ({"orders": listing(THERE), "first": found("PROCESSING")}, Pending),
    "failed": ({"orders": listing(THERE), "first": FAILED}, TAKEN),
    "failed otherwise": ({"orders": listing(THERE), "first": found("FAILED", code="5012")}, OTHER),
    "failed and then under way": (
        {"orders": listing(THERE, THERE), "first": FAILED, "second": found("RECEIVED")},
        Pending,
    ),
    "failed after it was complete": (
        {"tn": HERE, "orders": listing(THERE, THERE), "first": FAILED, "second": DONE},
        Placed(NUMBER, REFERENCE),
    ),
    "an order for another number": ({"orders": listing(THERE), "first": found("FAILED", OTHER_NUMBER)}, Unknown),
    "complete with another number": (
        {"orders": listing(THERE), "first": found("COMPLETE", done=OTHER_NUMBER)},
        Unknown,
    ),
    "an undocumented state": ({"tn": HERE, "orders": listing(THERE), "first": found("FROZEN")}, Unknown),
    "no state": ({"orders": listing(THERE), "first": found(None)}, Unknown),
    "orders of others": ({"orders": listing("ord-12", "x")}, Absent()),
    "an order that turns out to be another's": (
        {"orders": listing(""), "first": found("FAILED", reference="ord-12")},
        Absent(),
    ),
    "an order without any reference": ({"orders": listing(""), "first": found("FAILED", reference="")}, Unknown),
    "orders of others, and more of them": ({"orders": listing("x", extra=tag("next", "more"))}, Unknown),
    "an order without an id": ({"orders": listing(THERE, name="other")}, Unknown),
    "orders that cannot be read": ({"orders": close(200, HTML)}, Unknown),
    "another document": ({"orders": xml(200, tag("TNs"))}, Unknown),
    "orders are not found, says a web page": ({"orders": close(404, HTML)}, Unknown),
    "an order that cannot be read": ({"orders": listing(THERE), "first": close(200, b"<OrderResponse>")}, Unknown),
    "an order that is not found": ({"orders": listing(THERE), "first": close(404)}, Unknown),
    "a web page says it is not in service": ({"tn": close(404, HTML)}, Absent()),
    "a web page says so of everything": ({"tn": close(404, HTML), "list": close(404, HTML)}, Unknown),
    "a web page says it is in service": ({"tn": close(200, HTML)}, Unknown),
    "XHTML": ({"tn": xml(200, tag("html"))}, Unknown),
    "another number is in service": ({"tn": xml(200, tag("TN", tag("TelephoneNumber", OTHER_NUMBER)))}, Unknown),
    "ours is, in words": ({"tn": xml(200, tag("TN", tag("TelephoneNumber", NUMBER)))}, Placed(NUMBER, "")),
    "no answer to whether it is in service": ({"tn": close(204)}, Unknown),
    "a redirect": ({"tn": close(302, Location="http://127.0.0.1:9/")}, Unknown),
    "500": ({"tn": close(500)}, Unknown),
    "401": ({"orders": close(401)}, Unknown),
    "429": ({"orders": close(429)}, Unknown),
    "nothing": ({"tn": silence}, Unknown),
}


@pytest.mark.parametrize(("answers", "expected"), FINDINGS.values(), ids=FINDINGS)
def test_what_is_in_service_and_our_orders_are_put_together(answers: dict[str, Any], expected: Any) -> None:
    with scripted(account(**answers)) as server:
        word = find(server)
    assert (word if isinstance(expected, Placed | Absent) else kind(word)) == expected
    assert posts(server) == []


def test_a_number_and_our_reference_are_looked_up() -> None:
    with scripted(account(orders=listing(THERE), first=DONE)) as server:
        find(server)
    assert [(seen.path.removeprefix(ACCOUNT), seen.query) for seen in server.seen] == [
        ("/orders", [("page", "1"), ("size", "100"), ("customerOrderId", THERE)]),
        ("/orders/id-0", []),
        (f"/inserviceNumbers/{NUMBER}", []),
    ]
    assert {seen.headers["accept"] for seen in server.seen} == {"application/xml"}


def test_a_look_up_that_shows_very_many_orders_is_not_followed() -> None:
    with scripted(account(orders=listing(*[THERE] * 6))) as server:
        assert kind(find(server)) == Unknown
    assert len(server.seen) == 1


def test_without_a_connection_nothing_is_sent_and_nothing_is_known() -> None:
    nowhere = "http://127.0.0.1:1029"
    assert kind(ask(nowhere, lambda bandwidth: bandwidth.order(OURS, REFERENCE))) == NotSent
    assert kind(ask(nowhere, lambda bandwidth: bandwidth.find(OURS, REFERENCE))) == Unknown
    assert type(ask(nowhere, lambda bandwidth: bandwidth.release(OURS, NUMBER))) is port.NotReleased
