"""A request and what is sent back, as values.

Touches: nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from carrier_mock.faults import Delivery, Twist
from carrier_mock.model import Account, Operation


class Request(NamedTuple):
    """An HTTP request. `path` is decoded and without the query; names of headers are in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""

    def first(self, name: str) -> str:
        """The first value of a parameter in the query, "" without one."""
        return next((value for each, value in self.query if each == name), "")

    def form(self) -> dict[str, str]:
        """The body as form fields; the last of a name counts."""
        text = self.body.decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=1000))


class Response(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


class Plan(NamedTuple):
    """What is sent back, and how: after `wait` seconds, and with `pause` seconds between bytes where it drips."""

    answer: Response
    delivery: Delivery = Delivery.WHOLE
    wait: float = 0.0
    pause: float = 0.0


class Call(NamedTuple):
    """A request that a carrier understood and allows: what it is for, about which numbers, and what does it.

    `refusal` makes the carrier's answer for a fault that refuses; `reference` is of an order.
    """

    account: Account
    operation: Operation
    numbers: tuple[str, ...]
    run: Callable[[Twist], Response]
    reference: str = ""


def parse_target(target: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Path and query of a request's target. Raises ValueError when it is neither."""
    parts = urlsplit(target)
    query = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=1000)
    return unquote(parts.path), tuple(query)


def json_answer(status: int, content: Any, *more: tuple[str, str]) -> Response:
    """An answer with JSON."""
    return Response(status, msgspec.json.encode(content), (("Content-Type", "application/json"), *more))


def credentials(request: Request, scheme: str) -> str:
    """What stands after the scheme in the Authorization header; "" for another scheme or none."""
    name, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if name.lower() == scheme else ""


def user_and_password(request: Request) -> tuple[str, str]:
    """The two of HTTP Basic; "" and "" where they are missing or not to be read."""
    try:
        text = base64.b64decode(credentials(request, "basic"), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    user, _, password = text.partition(":")
    return user, password
