"""The numbers that are in service at Bandwidth: listed, given back by an order, and asked for as a check."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from defusedxml.ElementTree import fromstring

from numberdesk.carriers import port
from numberdesk.carriers.adapters.bandwidth import Bandwidth
from numberdesk.infra.http import HttpClient
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Scripted, Seen, reset, scripted, silence
from tests.carriers.adapters.words import HTML, close

PASSWORD: Final = "b4nd-s3cret"
OURS: Final = "+19195550142"
NUMBER: Final = "9195550142"
ACCOUNT: Final = "/accounts/9900012"
NEXT: Final = (
    "Link=&lt;https://dashboard.bandwidth.com:443/v1.0/accounts/9/inserviceNumbers?size=500&amp;page={}&gt;;rel=next;"
)


def ask(url: str, call: Callable[[Bandwidth], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        http = HttpClient(egress=LOOPBACK)
        values = {"account_id": "9900012", "username": "api", "password": PASSWORD, "site_id": "743", "base_url": url}
        try:
            return await call(Bandwidth(port.Setup({**values, "read_seconds": "1"}), http))
        finally:
            await http.close()

    return asyncio.run(main())


def tag(name: str, *inside: str) -> str:
    return f"<{name}>{''.join(inside)}</{name}>"


def numbers(*written: str, total: Any = None, link: str = "") -> Answer:
    count = "" if total is None else tag("TotalCount", str(total))
    links = tag("Links", tag("first", "( a link )"), tag("next", link)) if link else ""
    listed = tag("TelephoneNumbers", tag("Count", "1"), *(tag("TelephoneNumber", f" {one}\n") for one in written))
    return close(200, tag("TNs", count, links, listed).encode())


def owned(server: Scripted, cursor: str | None = None) -> port.OwnedPage:
    page: port.OwnedPage = ask(server.url, lambda bandwidth: bandwidth.owned(cursor))
    return page


def test_numbers_in_service_are_ours_by_their_digits_and_short_codes_are_left_out() -> None:
    with scripted(lambda _seen: numbers(NUMBER, "+19195550143", "12345", total=3)) as server:
        page = owned(server)
    assert page == port.OwnedPage(
        (port.OwnedNumber(OURS, NUMBER, ""), port.OwnedNumber("+19195550143", "9195550143", "")), None
    )
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("GET", f"{ACCOUNT}/inserviceNumbers")
    assert seen.query == [("page", "1"), ("size", "500")]


MANY: Final = tuple(f"919{at:07}" for at in range(2_000_000, 2_000_500))
CURSORS: Final[dict[str, tuple[Answer, str | None, str | None]]] = {
    "the only page": (numbers(NUMBER, total=1), None, None),
    "a link": (numbers(NUMBER, total=2, link=NEXT.format(2)), None, "2.1"),
    "a link that names a number": (numbers(NUMBER, total=2, link=NEXT.format("919-5")), "7.9", "919-5.10"),
    "a link without brackets": (numbers(NUMBER, link="/x?page=3"), None, "3.1"),
    "a link from a full page of which nothing is said": (numbers(*MANY, link=NEXT.format(2)), None, "2.500"),
    "no link, and more are there": (numbers(NUMBER, total=3), "2.1", "3.2"),
    "no link, and all were there": (numbers(NUMBER, total=3), "2.2", None),
    "no link, a full page, and no count": (numbers(*MANY), "4.1500", "5.2000"),
    "no link, and no count": (numbers(NUMBER), None, None),
    "no number at all": (close(204), None, None),
    "none, and a count that says so": (numbers(total=0), None, None),
    "an empty last page": (numbers(total=500, link=NEXT.format(3)), "2.500", None),
}


@pytest.mark.parametrize(("answer", "cursor", "expected"), CURSORS.values(), ids=CURSORS)
def test_the_list_goes_on_until_all_were_there(answer: Answer, cursor: str | None, expected: str | None) -> None:
    with scripted(lambda _seen: answer) as server:
        assert owned(server, cursor).cursor == expected
    assert server.seen[0].query[0] == ("page", "1" if cursor is None else cursor.split(".")[0])


BROKEN: Final[dict[str, Answer]] = {
    "it ends too early": numbers(total=3),
    "a link that leads nowhere": numbers(NUMBER, total=2, link="( a link goes here )"),
    "what is no number": numbers(NUMBER, "null-0000", total=2),
    "another document": close(200, tag("SearchResult").encode()),
    "HTML": close(200, HTML),
    "cut": close(200, b"<TNs><TelephoneNumbers>"),
    "404": close(404),
    "401": close(401),
    "429": close(429),
    "500": close(500),
    "a redirect": close(302, Location="http://127.0.0.1:9/"),
    "nothing": silence,
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_list_that_is_not_whole_or_cannot_be_read_is_no_list(answer: Answer) -> None:
    with scripted(lambda _seen: answer) as server, pytest.raises(port.CarrierError) as caught:
        owned(server)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("cursor", ["", "1", ".5", "1.", "1.x", "a b\n.5", "é.5", f"{'1' * 65}.5", "1.-5", "1.٣"])
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with scripted(lambda _seen: numbers()) as server, pytest.raises(port.CarrierError):
        owned(server, cursor)
    assert server.seen == []


def disconnect(status: str, *, order_id: str = "id-7", code: str = "", http: int = 201) -> Answer:
    errors = tag("ErrorList", tag("Error", tag("Code", code), tag("Description", "no")))
    order = tag("orderRequest", tag("CustomerOrderId", "x"), tag("id", order_id))
    state = tag("OrderStatus", status)
    return close(http, tag("DisconnectTelephoneNumberOrderResponse", errors if code else "", order, state).encode())


IN, OUT = close(200), close(404)
RECEIVED: Final = disconnect("RECEIVED")


def account(
    in_service: list[Answer], ordered: list[Answer] | None = None, how_it_stands: Answer = RECEIVED
) -> Callable[[Seen], Answer]:
    """The answers to each question one after the other, the last for ever."""
    shows, takes = (itertools.chain(all_, itertools.repeat(all_[-1])) for all_ in (in_service, ordered or [RECEIVED]))

    def answer(seen: Seen) -> Answer:
        if seen.method == "POST":
            return next(takes)
        return how_it_stands if "/disconnects/" in seen.path else next(shows)

    return answer


def released(server: Scripted, times: int = 1) -> list[Any]:
    async def call(bandwidth: Bandwidth) -> list[Any]:
        return [type(await bandwidth.release(OURS, None)) for _ in range(times)]

    words: list[Any] = ask(server.url, call)
    return words


def calls(server: Scripted) -> list[str]:
    return [f"{seen.method} {seen.path.removeprefix(ACCOUNT)}" for seen in server.seen]


LOOK: Final = f"GET /inserviceNumbers/{NUMBER}"
ORDER: Final = "POST /disconnects"
HOW: Final = "GET /disconnects/id-7"
NOT, DONE = port.NotReleased, port.Released


def test_a_number_that_is_not_in_service_is_released_without_an_order() -> None:
    with scripted(account([OUT])) as server:
        assert released(server) == [DONE]
    assert calls(server) == [LOOK]


def test_a_number_is_released_when_its_disconnect_order_took_it_out_of_service() -> None:
    with scripted(account([IN, IN, OUT])) as server:
        assert released(server, 3) == [NOT, NOT, DONE]
    assert calls(server) == [LOOK, ORDER, LOOK, HOW, LOOK]
    posted = server.seen[1]
    assert (posted.headers["content-type"], posted.headers["accept"]) == ("application/xml", "application/xml")
    content = fromstring(posted.body)
    kind = "DisconnectTelephoneNumberOrder"
    assert (content.tag, content.findtext("CustomerOrderId")) == (kind, f"release-{NUMBER}")
    assert content.findtext(f"{kind}Type/TelephoneNumberList/TelephoneNumber") == NUMBER


def test_while_an_order_is_under_way_no_other_is_sent() -> None:
    with scripted(account([IN])) as server:
        assert released(server, 5) == [NOT] * 5
    assert calls(server).count(ORDER) == 1


@pytest.mark.parametrize(
    "ended",
    [disconnect("COMPLETE", http=200), disconnect("FAILED", code="5006", http=200), disconnect("LOST", http=200), OUT],
)
def test_an_order_that_ended_in_vain_is_followed_by_another_at_the_call_after(ended: Answer) -> None:
    with scripted(account([IN], how_it_stands=ended)) as server:
        assert released(server, 3) == [NOT] * 3
    assert calls(server) == [LOOK, ORDER, LOOK, HOW, LOOK, ORDER]


@pytest.mark.parametrize("unclear", [close(500), close(200, HTML), close(204), silence])
def test_an_order_of_which_nothing_is_known_is_taken_to_be_under_way(unclear: Answer) -> None:
    with scripted(account([IN], how_it_stands=unclear)) as server:
        assert released(server, 3) == [NOT] * 3
    assert calls(server).count(ORDER) == 1


REFUSED: Final[dict[str, Answer]] = {
    "failed at once": disconnect("FAILED", code="5006"),
    "refused": disconnect("", code="5076", http=400),
    "an id that leads elsewhere": disconnect("RECEIVED", order_id="../orders"),
    "another document": close(201, tag("OrderResponse").encode()),
    "HTML": close(200, HTML),
    "no body": close(204),
    "401": close(401),
    "429": close(429),
    "500": close(500),
    "a redirect": close(302, Location="http://127.0.0.1:9/"),
    "nothing": silence,
    "a reset": reset,
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)
def test_an_order_that_was_not_taken_releases_nothing_and_is_sent_again_at_the_next_call(answer: Answer) -> None:
    with scripted(account([IN], [answer])) as server:
        assert released(server, 2) == [NOT] * 2
    assert calls(server) == [LOOK, ORDER, LOOK, ORDER]


@pytest.mark.parametrize("answer", [close(500), close(401), close(200, HTML), close(404, HTML), silence, reset])
def test_without_a_word_on_whether_it_is_in_service_nothing_is_ordered_or_released(answer: Answer) -> None:
    with scripted(account([answer])) as server:
        assert released(server) == [NOT]
    assert ORDER not in calls(server)


CHECKS: Final[dict[str, tuple[Answer, str, dict[str, str]]]] = {
    "a count": (numbers(NUMBER, total=59, link="( a link goes here )"), "work", {"numbers_in_service": "59"}),
    "no count": (numbers(NUMBER), "work", {}),
    "a count that is none": (numbers(NUMBER, total="many"), "work", {}),
    "none": (close(204), "work", {"numbers_in_service": "0"}),
    "401": (close(401), "user name or password is wrong", {}),
    "403": (close(403), "may not read the account", {}),
    "404": (close(404), "no such account", {}),
    "HTML": (close(200, HTML), "unreadable", {}),
    "500": (close(500), "HTTP 500", {}),
    "nothing": (silence, "unreachable", {}),
}


@pytest.mark.parametrize(("answer", "words", "facts"), CHECKS.values(), ids=CHECKS)
def test_a_check_says_what_is_wrong(answer: Answer, words: str, facts: dict[str, str]) -> None:
    with scripted(lambda _seen: answer) as server:
        health = ask(server.url, lambda bandwidth: bandwidth.check())
    assert (health.ok, health.facts) == (words == "work", facts)
    assert words in health.message
    assert PASSWORD not in str(health)
    assert server.seen[0].query == [("page", "1"), ("size", "1")]
