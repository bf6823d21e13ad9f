"""Bodies, headers and searches made to hurt: refused in bounded work, and nothing is done.

What one connection lets in byte by byte is in test_connection.py and test_request_head.py, wrong values of fields are
in test_bad_input.py; here is the rest, against the whole service.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from numberdesk.api.routing import PathIndex
from tests.api.conftest import Customer, Shop

ENGINES_TAKE_TURNS = "what is wrong in a request is seen before the database is asked"

JSON = {"Content-Type": "application/json"}
MIB = 2**20


def _check_untouched(customer: Customer, answer: httpx.Response, statuses: tuple[int, ...]) -> None:
    assert answer.status_code in statuses, answer.text
    assert answer.json()["success"] is False
    assert len(answer.content) < 2_000
    assert customer.balance() == 100
    assert customer.http.get("/orders/").json()["data"] == []


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("closed", [True, False])
def test_a_hundred_thousand_levels_of_json_are_400_even_where_long_bodies_are_allowed(
    other_shop: Callable[..., Shop],
    opening: str,
    closed: bool,  # noqa: FBT001  one of two cases
) -> None:
    shop = other_shop(body_limit_bytes=4 * MIB)
    customer = shop.customer()
    nested = opening * 100_000 + "1" + ({"[": "]"}.get(opening, "}") * 100_000 if closed else "")
    for document in (nested, f'{{"phone_number": "{shop.number()}", "price": 1.15, "x": {nested}}}'):
        answer = customer.http.post("/phone-numbers/buy/", content=document, headers=JSON)
        _check_untouched(customer, answer, (400,))


def test_a_gzip_bomb_is_not_unpacked(shop: Shop) -> None:
    customer = shop.customer()
    bomb = gzip.compress(b" " * (32 * MIB))
    assert len(bomb) < 40_000
    for headers in (
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "gzip, gzip"},
        {},
        {"Content-Type": "application/gzip"},
    ):
        answer = customer.http.post("/phone-numbers/buy/", content=bomb, headers={**JSON, **headers})
        _check_untouched(customer, answer, (400, 415))


def test_a_form_is_not_read_for_fields(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    fields = {"phone_number": number, "price": "1.15"}
    for given in ({"files": {name: (None, value) for name, value in fields.items()}}, {"data": fields}):
        sent: Any = given
        _check_untouched(customer, customer.http.post("/phone-numbers/buy/", **sent), (415,))


def test_an_endless_chunked_body_is_answered_413_and_cut(shop: Shop) -> None:
    customer = shop.customer()
    head = (
        "POST /api/v1/phone-numbers/buy/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"X-Api-Key: {customer.key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", shop.port), timeout=20) as connection:
        connection.sendall(head.encode() + 2 * chunk)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")
        with pytest.raises(ConnectionError):
            _send_for_ever(connection, chunk)
    assert customer.balance() == 100


def _send_for_ever(connection: socket.socket, data: bytes) -> None:
    while True:
        connection.sendall(data)


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"])
def test_a_method_in_a_header_or_a_parameter_is_not_the_method(shop: Shop, name: str) -> None:
    customer, number = shop.customer(), shop.number()
    customer.buy(number)
    plain = customer.http.get(f"/phone-numbers/{number}/")
    assert customer.http.get(f"/phone-numbers/{number}/", headers={name: "PATCH"}).content == plain.content
    assert customer.http.get(f"/phone-numbers/{number}/", params={name: "DELETE"}).status_code == 400
    for given in ({"headers": {name: "PATCH"}}, {"params": {name: "DELETE"}}):
        sent: Any = given
        assert customer.http.post(f"/phone-numbers/{number}/release/", **sent).status_code == 405
    assert customer.http.get(f"/phone-numbers/{number}/").content == plain.content


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Original-URL": "/api/v1/admin/accounts"},
        {"X-Rewrite-URL": "/api/v1/admin/accounts"},
        {"X-Forwarded-Prefix": "/api/v1/admin"},
        {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1;host=internal;proto=https"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
        {"Authorization": "Basic YWRtaW46YWRtaW4=", "Cookie": "admin=1"},
        {"X-User": "admin", "X-Scopes": "admin"},
    ],
    ids=",".join,
)
def test_headers_that_mean_something_to_proxies_mean_nothing_here(shop: Shop, headers: dict[str, str]) -> None:
    customer = shop.customer()
    for path in ("/balance/", "/admin/accounts/"):
        plain, asked = customer.http.get(path), customer.http.get(path, headers=headers)
        assert (asked.status_code, asked.json().get("data")) == (plain.status_code, plain.json().get("data"))
        assert "evil.example" not in asked.text + str(asked.headers)


def test_two_hundred_headers_are_431(shop: Shop) -> None:
    customer = shop.customer()
    answer = customer.http.get("/balance/", headers=[(f"X-{place}", "a") for place in range(200)])
    assert (answer.status_code, answer.json()["error"]["code"]) == (431, "headers_too_large")


class WatchedPath(str):
    """A path that notes how much of it is copied."""

    __slots__ = ("copied",)

    def __getitem__(self, part: Any) -> str:
        found = super().__getitem__(part)
        self.copied = getattr(self, "copied", 0) + len(found)
        return found


class Answerer:
    """Notes which number it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        self.asked.append(scope.get("path_params", {}).get("number"))


def test_of_a_path_of_thousands_of_parts_no_more_is_copied_than_routes_begin_with() -> None:
    answers = Answerer()
    index = PathIndex(Router([Route("/numbers/{number:str}/calls", answers)], default=answers))
    for path in ("/numbers/1/calls", "/numbers/12/calls", "/numbers" + "/1" * 8_000):
        watched = WatchedPath(path)
        asyncio.run(index({"type": "http", "method": "GET", "path": watched}, no_body, no_answer))
        assert watched.copied <= len("/numbers/") + 1
    assert answers.asked == ["1", "12", None]


async def no_body() -> Message:
    return {"type": "http.request"}


async def no_answer(_message: Message) -> None:
    """Nobody listens."""


EVIL_TEXTS = [
    "%", "%%%%", "_", "____", "*", "**********", "?", "7", "'", "''", '"', "\\", "\\%", "[0-9]", "^", "$", "^$",
    "1' OR '1'='1", "1); DROP TABLE numbers; --", "1 UNION SELECT hash FROM api_keys", "1/**/OR/**/1=1", "sleep(10)",
    "\u0661\u0662\u0663", "\uff11\uff12", "\u00b2\u00b3", "\x00", "\u202e", "\U0001f600", "7" * 10_000, "%" * 4_000,
    "*7" * 16, "%7" * 16, "$(id)", "{{7*7}}", "../../etc/passwd", "\r\nX-Injected: 1",
]  # fmt: skip
SEARCHED = ["starts_with", "ends_with", "contains", "pattern", "excludes", "area_code", "region", "locality", "sort",
            "capabilities", "number_type", "match_on", "max_price", "page_size", "page_token"]  # fmt: skip


@pytest.mark.parametrize("field", SEARCHED)
def test_whatever_a_search_is_given_it_answers_or_refuses_by_name(shop: Shop, field: str) -> None:
    customer = shop.customer()
    shop.number()
    for text in EVIL_TEXTS:
        answer = customer.http.get(f"/phone-numbers/available-numbers/US/?{field}={quote(text)}")
        assert answer.status_code in (200, 400), (text, answer.text)
        if answer.status_code == 400:
            error = answer.json()["error"]
            assert (error["code"], error["details"]["field"]) == ("invalid_request", field), text
            assert len(answer.content) < 1_000
        assert "x-injected" not in answer.headers
    # sort, types and the like are words of a list: nothing else gets through to be ordered by
    refused = customer.http.get(f"/phone-numbers/available-numbers/US/?{field}=api_keys%27")
    assert refused.status_code == 400 or field in ("region", "locality")
    assert customer.http.get("/phone-numbers/available-numbers/US/").json()["data"]


@pytest.mark.parametrize("name", ["offset", "page", "skip", "start", "limit", "from"])
def test_there_is_no_offset_to_count_to(shop: Shop, name: str) -> None:
    customer = shop.customer()
    shop.number()
    for path in ("/phone-numbers/available-numbers/US/", "/transactions/", "/orders/", "/phone-numbers/"):
        asked = customer.http.get(path, params={name: 10**9})
        instant = (path, name) == ("/transactions/", "from")  # another name of `since` there
        field = asked.json()["error"]["details"]["field"]
        assert (asked.status_code, field) == (400, "since" if instant else name)
