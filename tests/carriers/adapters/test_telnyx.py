"""The Telnyx adapter before a scripted server: what it sends, and what it makes of every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from numberdesk.carriers import port
from numberdesk.carriers.adapters.telnyx import FIELDS, Telnyx
from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Unknown
from numberdesk.core.findings import FindingKind
from numberdesk.infra.http import HttpClient
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Scripted, Seen, json_reply, raw, reply, reset, scripted, silence
from tests.carriers.adapters.words import FORBIDDEN, HTML, OTHER, TAKEN, THROTTLED, close, kind, posts

KEY: Final = "KEY0-s3cret"
OURS: Final = "+14155550142"
DIGITS: Final = "14155550142"
REFERENCE: Final = "ord_1"
ID: Final = "1293384261075731499"


def ask(url: str, call: Callable[[Telnyx], Awaitable[Any]], **more: str) -> Any:
    async def main() -> Any:
        http = HttpClient(egress=LOOPBACK)
        values = {"api_key": KEY, "base_url": url, "read_seconds": "1", "order_seconds": "1", **more}
        try:
            return await call(Telnyx(port.Setup(values), http))
        finally:
            await http.close()

    return asyncio.run(main())


def data(content: Any, status: int = 200, **meta: Any) -> Answer:
    return json_reply(status, {"data": content, **({"meta": meta} if meta else {})}, Connection="close")


def error(status: int, *codes: Any) -> Answer:
    return json_reply(
        status, {"errors": [{"code": code, "title": "t", "detail": "d"} for code in codes]}, Connection="close"
    )


def shown(number: Any = OURS, **more: Any) -> dict[str, Any]:
    return {"phone_number": number, "features": [{"name": "SMS"}, {"name": "voice"}, {"name": "hd_voice"}], **more}


def ordered(status: Any = "pending", number: Any = OURS, of_number: Any = "", **more: Any) -> dict[str, Any]:
    numbers = [{"id": "dc8e4d67", "phone_number": number, "status": of_number or status}]
    return {"id": "12ade33a", "status": status, "customer_reference": REFERENCE, "phone_numbers": numbers, **more}


def record(
    status: str = "active", reference: Any = REFERENCE, number: Any = OURS, number_id: Any = ID
) -> dict[str, Any]:
    return {"id": number_id, "phone_number": number, "status": status, "customer_reference": reference}


def account(**answers: Answer) -> Callable[[Seen], Answer]:
    """Answers by method and path, `get_numbers` for GET /phone_numbers and so on."""
    by_call = {
        "GET /available_phone_numbers": answers.get("search", data([shown()])),
        "POST /number_orders": answers.get("order", data(ordered())),
        "GET /phone_numbers": answers.get("numbers", data([], total_pages=0)),
        "GET /number_orders": answers.get("orders", data([], total_pages=0)),
        f"GET /phone_numbers/{ID}": answers.get("one", data(record())),
        f"DELETE /phone_numbers/{ID}": answers.get("delete", data(record("deleted"))),
        "GET /balance": answers.get("balance", reply(500)),
    }
    return lambda seen: by_call[f"{seen.method} {seen.path}"]


def order(server: Scripted, **more: str) -> Any:
    return ask(server.url, lambda telnyx: telnyx.order(OURS, REFERENCE), **more)


def find(server: Scripted) -> Any:
    return ask(server.url, lambda telnyx: telnyx.find(OURS, REFERENCE))


def owned(server: Scripted, cursor: str | None = None) -> Any:
    return ask(server.url, lambda telnyx: telnyx.owned(cursor))


ORDERS: Final[dict[str, tuple[Answer, Any]]] = {
    "pending": (data(ordered()), Pending),
    "in capitals": (data(ordered("PENDING")), Pending),
    "its documents are missing": (data(ordered(of_number="requirement-info-exception")), Pending),
    "done for the number, not for the order": (data(ordered(of_number="success")), Pending),
    "done, and not in the list yet": (data(ordered("success")), Pending),
    "without its reference": (data(ordered(customer_reference=None)), Pending),
    "without its numbers": (data(ordered(phone_numbers=None)), Pending),
    "failure": (data(ordered("failure")), OTHER),
    "cancelled": (data(ordered("cancelled")), OTHER),
    "an undocumented state": (data(ordered("partial_success")), Unknown),
    "pending, and its number in an undocumented one": (data(ordered(of_number="lost")), Unknown),
    "done and failed at once": (data(ordered("success", of_number="failure")), Unknown),
    "another number": (data(ordered(number="+14155550143")), Unknown),
    "another number beside ours": (
        data(ordered(phone_numbers=[{"phone_number": OURS}, {"phone_number": "+1"}])),
        Unknown,
    ),
    "another reference": (data(ordered(customer_reference="ord_2")), Unknown),
    "neither number nor reference": (data(ordered(phone_numbers=[], customer_reference=None)), Unknown),
    "a state of a wrong type": (data(ordered(7)), Unknown),
    "null": (data(None), Unknown),
    "a list": (data([ordered()]), Unknown),
    "cut JSON": (reply(200, b'{"data": {"status": "pend'), Unknown),
    "HTML with 200": (reply(200, HTML), Unknown),
    "no body": (reply(204), Unknown),
    "a redirect": (reply(302, b"", Location="http://127.0.0.1:9/elsewhere"), Unknown),
    "not available any more": (error(422, "85001"), TAKEN),
    "reserved": (error(400, "85006"), TAKEN),
    "a code that says nothing, with 409": (error(409, "10012"), Unknown),
    "a listed code beside it": (error(409, "85001", "10012"), Unknown),
    "taken, with 409": (error(409, "85001"), TAKEN),
    "no funds, and not available": (error(422, "85001", "20100"), FORBIDDEN),
    "409 without a word": (reply(409), Unknown),
    "a redirect with a known code": (error(302, "85001"), Unknown),
    "must be searched for first": (error(422, "85000"), THROTTLED),
    "must be searched for first, with 409": (error(409, "85000"), THROTTLED),
    "no funds": (error(422, "20100"), FORBIDDEN),
    "a code as a number": (error(400, 10016), OTHER),
    "a known code beside an unknown one": (error(400, "10016", "99999"), OTHER),
    "busy": (error(400, "10036"), Unknown),
    "an unexpected error": (error(400, "10007"), Unknown),
    "a known code with a success": (error(200, "85001"), TAKEN),
    "400 from something else": (reply(400, HTML), Unknown),
    "an undocumented 4xx": (error(418, "12345"), OTHER),
    "not paid": (error(402, "12345"), FORBIDDEN),
    "a timeout": (error(408, "12345"), Unknown),
    **{f"later, perhaps: {code}": (error(422, code), THROTTLED) for code in ("85002", "85007", "85008")},
    "wrong credentials": (error(401, "10009"), FORBIDDEN),
    "forbidden": (reply(403), FORBIDDEN),
    "500": (error(500, "85001"), Unknown),
    "too many requests": (reply(429), THROTTLED),
    "nothing": (silence, Unknown),
    "a reset": (reset, Unknown),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH\r\n\r\n"), Unknown),
}


@pytest.mark.parametrize(("answer", "expected"), ORDERS.values(), ids=ORDERS)
def test_an_order_is_sent_once_and_its_answer_is_read_with_care(answer: Answer, expected: Any) -> None:
    with scripted(account(order=answer)) as server:
        word = order(server)
    assert kind(word) == expected
    assert len(posts(server)) == 1
    assert KEY not in str(word)


def test_an_order_names_one_number_our_reference_and_what_the_account_is_set_up_with() -> None:
    more = {field.name: f"{field.name}-1" for field in FIELDS if not field.required}
    with scripted(account(order=data(ordered()))) as server:
        order(server, **more)
        order(server)
        ask(server.url, lambda one: one.order(OURS, REFERENCE, "DE", {"requirement_group_id": "mine"}), **more)
    full, plain, customers = posts(server)
    assert full.headers["authorization"] == f"Bearer {KEY}"
    assert full.json == {
        "phone_numbers": [{"phone_number": OURS, "requirement_group_id": "requirement_group_id-1"}],
        "customer_reference": REFERENCE,
        **{name: f"{name}-1" for name in ("connection_id", "messaging_profile_id", "billing_group_id")},
    }
    assert plain.json == {"phone_numbers": [{"phone_number": OURS}], "customer_reference": REFERENCE}
    assert customers.json["phone_numbers"][0]["requirement_group_id"] == "mine"


def test_a_finished_order_is_placed_under_the_id_that_the_list_of_numbers_has() -> None:
    done = data(ordered("success"))
    with scripted(account(order=done, numbers=data([record(reference=None)]))) as server:
        assert order(server) == Placed(ID, REFERENCE)
    assert ("filter[phone_number]", DIGITS) in server.seen[-1].query
    with scripted(account(order=done, numbers=reply(500))) as server:
        assert kind(order(server)) == Pending
    with scripted(account(order=done, numbers=data([record(reference="x")]))) as server:
        assert order(server) == Placed(ID, "x")


def test_429_hands_on_when_to_come_again() -> None:
    with scripted(account(order=reply(429, b"", Retry_After="7"))) as server:
        assert order(server).retry_after == 7


FINDINGS: Final[dict[str, tuple[Answer, Answer, Any]]] = {
    "nothing anywhere": (data([]), data([]), Absent()),
    "the number is there": (data([record()]), data([]), Placed(ID, REFERENCE)),
    "as we write it, without a plus": (data([record(number=DIGITS)]), data([]), Placed(ID, REFERENCE)),
    "in capitals": (data([record("ACTIVE")]), data([]), Placed(ID, REFERENCE)),
    "it is there by another order": (data([record(reference="x")]), data([]), Placed(ID, "x")),
    "it is there without a reference": (data([record(reference=None)]), data([]), Placed(ID, "")),
    "the same, and our order is done": (
        data([record(reference=None)]),
        data([ordered("success")]),
        Placed(ID, REFERENCE),
    ),
    "the same, and our order failed": (data([record(reference="")]), data([ordered("failure")]), Placed(ID, "")),
    "a record of former times beside it": (data([record("deleted", "x"), record()]), data([]), Placed(ID, REFERENCE)),
    "only longer numbers": (data([record(number=OURS + "7")]), data([]), Absent()),
    "only a record of former times": (data([record("ported-out", "x")]), data([]), Absent()),
    "the number is on its way": (data([record("purchase-pending")]), data([]), Pending),
    "it is ported in": (data([record("port-pending")]), data([]), Unknown),
    "it is there in an undocumented state": (data([record("parked")]), data([]), Unknown),
    "the order is pending": (data([]), data([ordered()]), Pending),
    "the order is done, the number not there": (data([]), data([ordered("success")]), Pending),
    "the order failed": (data([]), data([ordered("failure")]), OTHER),
    "the order and its numbers are deleted": (data([]), data([ordered("deleted")]), OTHER),
    "one order failed, another is done": (data([]), data([ordered("failure"), ordered("success")]), Pending),
    "the order is done, and the number gone again": (data([record("deleted")]), data([ordered("success")]), OTHER),
    "the purchase failed": (data([record("purchase-failed")]), data([]), OTHER),
    "the order is in an undocumented state": (data([]), data([ordered("queued")]), Unknown),
    "the order is for another number": (data([]), data([ordered("failure", "+14155550143")]), Unknown),
    "orders of others": (data([]), data([ordered(customer_reference="ord_12")]), Absent()),
    "orders of others on several pages": (data([]), data([ordered(customer_reference="x")], total_pages=2), Unknown),
    "many full of others, of which nothing is said": (data([record(number="+1")] * 250), data([]), Unknown),
    "numbers on several pages": (data([record(number="+14155550143")], total_pages=2), data([]), Unknown),
    "former records on several pages": (data([record("deleted", "x")], total_pages=2), data([]), Unknown),
    "null for numbers": (data(None), data([]), Unknown),
    "null for orders": (data([]), data(None), Unknown),
    "a number without a state": (data([{"id": ID, "phone_number": OURS}]), data([]), Unknown),
    "an id that leads elsewhere": (data([record(number_id="../balance")]), data([]), Unknown),
    "the list of numbers is not found": (error(404, "10005"), data([]), Unknown),
    "the list of orders is not found": (data([]), error(404, "10005"), Unknown),
    "HTML": (data([]), close(200, HTML), Unknown),
    "no body": (close(204), data([]), Unknown),
    "500": (close(500), data([]), Unknown),
    "401": (data([]), error(401, "10009"), Unknown),
    "429": (data([]), close(429), Unknown),
    "a redirect": (close(301, Location="http://127.0.0.1:9/"), data([]), Unknown),
    "nothing": (data([]), silence, Unknown),
}


@pytest.mark.parametrize(("numbers", "orders", "expected"), FINDINGS.values(), ids=FINDINGS)
def test_number_and_order_are_put_together(numbers: Answer, orders: Answer, expected: Any) -> None:
    with scripted(account(numbers=numbers, orders=orders)) as server:
        word = find(server)
    assert (word if isinstance(expected, Placed | Absent) else kind(word)) == expected


def test_a_number_is_looked_up_by_its_digits_and_orders_by_our_reference() -> None:
    with scripted(account()) as server:
        find(server)
    page = [("page[number]", "1"), ("page[size]", "250")]
    assert [(seen.method, seen.path, seen.query) for seen in server.seen] == [
        ("GET", "/phone_numbers", [("filter[phone_number]", DIGITS), *page]),
        ("GET", "/number_orders", [("filter[customer_reference]", REFERENCE), *page]),
    ]


def test_the_list_of_our_numbers_says_what_left_and_leaves_out_what_is_not_ours() -> None:
    states = ("active", "ported-out", "deleted", "purchase-failed", "port-pending", "port-out-pending", "unheard-of")
    listed = [record(state, None, f"+1415555010{at}", str(at)) for at, state in enumerate(states)]
    with scripted(account(numbers=data([*listed, record(number="12345")], total_pages=3))) as server:
        page = owned(server)
        assert owned(server, "3").cursor is None
    assert page.cursor == "2"
    assert [(number.number_id, number.gone) for number in page.numbers] == [
        ("0", None),
        ("1", FindingKind.PORTED_AWAY),
        ("5", None),
        ("6", None),
    ]
    assert page.numbers[0] == port.OwnedNumber("+14155550100", "0", "")
    assert [seen.query for seen in server.seen] == [
        [("page[number]", number), ("page[size]", "250")] for number in ("1", "3")
    ]


@pytest.mark.parametrize(("size", "cursor"), [(250, "2"), (249, None)])
def test_without_a_word_about_pages_a_full_one_is_not_the_last(size: int, cursor: str | None) -> None:
    with scripted(account(numbers=data([record()] * size))) as server:
        assert owned(server).cursor == cursor


@pytest.mark.parametrize("cursor", ["", "0", "-1", "x", "2&x=1", "٣", "http://127.0.0.1:9/", "9999999"])
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with scripted(account()) as server, pytest.raises(port.CarrierError):
        owned(server, cursor)
    assert server.seen == []


def test_an_empty_page_before_the_last_is_no_end() -> None:
    with scripted(account(numbers=data([], total_pages=2))) as server, pytest.raises(port.CarrierError):
        owned(server)


@pytest.mark.parametrize(
    "answer", [data(None), data([{"id": ID}]), close(200, HTML), close(204), close(500), error(401, "1")]
)
def test_a_list_that_cannot_be_read_is_no_list(answer: Answer) -> None:
    with scripted(account(numbers=answer)) as server, pytest.raises(port.CarrierError):
        owned(server)


def release(server: Scripted, number_id: str | None = ID) -> Any:
    return ask(server.url, lambda telnyx: telnyx.release(OURS, number_id))


HERE: Final = data([record()])
RELEASES: Final[dict[str, tuple[Answer, Answer, Any]]] = {
    "deleted": (data(record("deleted")), HERE, port.Released),
    "deleted without a word": (close(204), HERE, port.Released),
    "HTML": (close(200, HTML), HERE, port.NotReleased),
    "not found, and not there": (error(404, "10005"), data([]), port.Released),
    "not found, and left": (error(404, "10005"), data([record("ported-out")]), port.Released),
    "not found, and there": (error(404, "10005"), HERE, port.NotReleased),
    "not found, and nobody knows": (error(404, "10005"), close(500), port.NotReleased),
    "locked": (error(422, "10035"), HERE, port.NotReleased),
    "401": (error(401, "10009"), HERE, port.NotReleased),
    "429": (close(429), HERE, port.NotReleased),
    "500": (close(500), HERE, port.NotReleased),
    "a redirect": (close(302, Location="http://127.0.0.1:9/"), HERE, port.NotReleased),
    "nothing": (silence, HERE, port.NotReleased),
    "a reset": (reset, HERE, port.NotReleased),
}


@pytest.mark.parametrize(("answer", "numbers", "expected"), RELEASES.values(), ids=RELEASES)
def test_a_number_is_released_when_telnyx_says_so_or_does_not_have_it(
    answer: Answer, numbers: Answer, expected: Any
) -> None:
    with scripted(account(delete=answer, numbers=numbers)) as server:
        assert type(release(server)) is expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (data({**record(), "phone_number": "+12125550199"}), port.AnotherNumber("+12125550199")),
        (close(500), port.NotReleased),
        (data({"id": ID}), port.NotReleased),
    ],
)
def test_a_number_that_the_id_is_not_of_is_never_released(one: Answer, expected: Any) -> None:
    with scripted(account(one=one)) as server:
        word = release(server)
    assert expected in (word, type(word))
    assert {seen.method for seen in server.seen} == {"GET"}


def test_a_number_without_an_id_is_looked_up_and_then_deleted() -> None:
    with scripted(account(numbers=HERE)) as server:
        assert release(server, None) == port.Released()
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("GET", "/phone_numbers"),
        ("DELETE", f"/phone_numbers/{ID}"),
    ]
    with scripted(account()) as server:
        assert release(server, None) == port.Released()
    with scripted(account(numbers=close(500))) as server:
        assert type(release(server, None)) is port.NotReleased


def test_an_id_that_leads_elsewhere_is_not_deleted() -> None:
    with scripted(account()) as server:
        assert type(release(server, "../number_orders")) is port.NotReleased
    assert server.seen == []


CHECKS: Final[dict[str, tuple[Answer, bool, str]]] = {
    "a balance": (data({"balance": "300.00", "currency": "USD", "available_credit": "400.00", "x": 1}), True, "works"),
    "401": (error(401, "10009"), False, "API key is wrong"),
    "403": (close(403), False, "may not read the balance"),
    "404": (close(404), False, "check base_url: HTTP 404"),
    "500": (close(500), False, "failing: HTTP 500"),
    "null": (data(None), False, "unreadable"),
    "HTML": (close(200, HTML), False, "unreadable"),
    "nothing": (silence, False, "unreachable"),
}


@pytest.mark.parametrize(("answer", "ok", "words"), CHECKS.values(), ids=CHECKS)
def test_a_check_says_what_is_wrong(answer: Answer, ok: bool, words: str) -> None:  # noqa: FBT001  a column of the table
    with scripted(account(balance=answer)) as server:
        health = ask(server.url, lambda telnyx: telnyx.check())
    assert health.ok is ok
    assert words in health.message
    assert KEY not in str(health)
    assert health.facts == ({"balance": "300.00", "available_credit": "400.00", "currency": "USD"} if ok else {})


def test_without_a_connection_nothing_is_sent_and_nothing_is_known() -> None:
    nowhere = "http://127.0.0.1:1029"
    assert kind(ask(nowhere, lambda telnyx: telnyx.order(OURS, REFERENCE))) == NotSent
    assert kind(ask(nowhere, lambda telnyx: telnyx.find(OURS, REFERENCE))) == Unknown
    assert type(ask(nowhere, lambda telnyx: telnyx.release(OURS, ID))) is port.NotReleased


def test_a_window_can_be_set() -> None:
    async def window(telnyx: Telnyx) -> int:
        return telnyx.window

    assert ask("http://127.0.0.1:9", window, window_seconds="60") == 60_000_000
    assert ask("http://127.0.0.1:9", window) == port.VISIBILITY_WINDOW
