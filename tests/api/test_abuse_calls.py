"""Abuse of what takes call records (T57): slow senders, bodies that are more than they look, times that are none."""

from __future__ import annotations

import gzip
import json
import socket
from contextlib import ExitStack

import pytest

from numberdesk.api.turns import AT_ONCE
from numberdesk.cli.call_files import mapping_text
from numberdesk.core.call_forms import CallForm
from tests.api.conftest import Customer, Shop
from tests.api.test_usage_feeds import FORM, JSON, Feed

POSTGRESQL_IN_THE_LONG_RUN = "no record gets as far as the database"

SOME_MEGABYTES = 4_000_000


@pytest.fixture
def feed(shop: Shop) -> Feed:
    return Feed(shop)


def begun(shop: Shop, customer: Customer, path: str) -> socket.socket:
    """A request whose body has one byte more to come."""
    connection = socket.create_connection(("127.0.0.1", shop.port), timeout=20)
    head = f"POST /api/v1{path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {customer.key}\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: 2\r\n\r\n[".encode())
    return connection


@pytest.mark.parametrize("path", ["/usage/calls/", "/usage/in/other/"])
def test_who_sends_records_slowly_keeps_nobody_elses_waiting(feed: Feed, path: str) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(begun(feed.shop, feed.customer, path)) for _ in range(AT_ONCE)]
        assert feed.post(feed.cdr(), JSON).json()["data"][0]["outcome"] == "accepted"
        for connection in slow:
            connection.sendall(b"]")
            assert b"HTTP/1.1 408" not in connection.recv(4096)


def test_a_feed_takes_no_more_records_at_once_than_anybody(feed: Feed) -> None:
    feed.keep("retell", CallForm.MAPPING, mapping_text("retell"))
    packed = gzip.compress(b"[" + b"0," * (SOME_MEGABYTES // 2) + b"0]")
    answer = feed.post(packed, JSON | {"Content-Encoding": "gzip"}, "retell")
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "body")


def test_empty_lines_without_end_are_no_records(feed: Feed) -> None:
    packed = gzip.compress(b"\n" * SOME_MEGABYTES)
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    answer = feed.switch.http.post("/usage/calls/", content=packed, headers=headers)
    assert (answer.status_code, answer.json()["data"]) == (200, [])


@pytest.mark.parametrize(
    "time",
    ["0001-01-01T00:00:00Z", "Fri, 20 Mar 99999999999999999999 14:31:36 +0000", "1 Jan 2026 1:1:1 +9999999999999"],
)
def test_a_time_that_no_calendar_has_refuses_its_record_alone(feed: Feed, time: str) -> None:
    form = "&".join(f"{name}={value}" for name, value in feed.callback(Timestamp=time).items()).replace("+", "%2B")
    answer = feed.post(form, FORM)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("uuid", ["\ud800", ["a"], {"a": 1}])
def test_an_id_that_cannot_be_told_again_breaks_no_answer(feed: Feed, uuid: object) -> None:
    cdr = json.dumps({"variables": {"uuid": uuid, "originating_leg_uuid": "another"}})
    answer = feed.post(cdr, JSON)
    assert (answer.status_code, answer.json()["data"][0]["outcome"]) == (200, "ignored")
