"""Call records over HTTP: one outcome each, taken once, within bounds; and the list of an account's calls."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from numberdesk.accounts.model import CUSTOMER_SCOPES
from numberdesk.core.rate_deck import DeckRow
from numberdesk.flows.rates.change_decks import (
    AddDeckRows,
    ChooseDeck,
    PublishDeck,
    add_deck_rows,
    choose_decks,
    new_deck,
    publish_decks,
)
from numberdesk.flows.usage.set_usage_terms import AppointSource, appoint_sources
from tests.api.conftest import Customer, Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flow is shown on both engines; this is about HTTP"

NDJSON = {"Content-Type": "application/x-ndjson"}


class Line:
    """A customer with a number whose calls an operator's switch tells of."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.customer = shop.customer(10, (*CUSTOMER_SCOPES, "usage:write"))
        self.switch = shop.operator(("usage:write", "admin"))
        self.number = shop.number(inbound=10_000, outbound=20_000)
        assert self.customer.buy(self.number).status_code == 200
        self.started = datetime.now(UTC) + timedelta(seconds=1)
        self.source = f"operator:{self.switch.account_id}"
        shop.services.writer.apply(appoint_sources, AppointSource(self.number, self.source, shop.services.now()))

    def record(self, call_id: str, **changes: Any) -> dict[str, Any]:
        return {
            "call_id": call_id,
            "direction": "inbound",
            "phone_number": self.number,
            "started_at": self.started.isoformat(),
            "seconds": 61,
            **changes,
        }

    def send(self, *records: Any, by: Customer | None = None) -> httpx.Response:
        return (by or self.switch).http.post("/usage/calls/", json=list(records))


@pytest.fixture
def line(shop: Shop) -> Line:
    return Line(shop)


def outcomes(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["outcome"] for one in answer.json()["data"]]


def test_a_call_is_charged_and_listed_for_its_account(line: Line) -> None:
    sent = line.record("c1", other="+13612738000")
    answer = line.send(sent)
    assert answer.json()["message"] == "1 accepted"
    assert answer.json()["data"] == [
        {
            "outcome": "accepted",
            "call_id": "c1",
            "leg": "",
            "status": "charged",
            "amount": 0.02,
            "field": None,
            "reason": None,
        }
    ]
    assert line.customer.balance() == 10 - 1.15 - 0.02
    (call,) = line.customer.http.get("/usage/calls/").json()["data"]
    assert {name: call[name] for name in ("call_id", "source", "phone_number", "status", "amount", "owed")} == {
        "call_id": "c1",
        "source": line.source,
        "phone_number": line.number,
        "status": "charged",
        "amount": 0.02,
        "owed": 0,
    }
    assert (call["seconds"], call["billed_seconds"], call["increments"], call["rate"]) == (61, 120, "60/60", 0.01)
    (last, *_) = line.customer.http.get("/transactions/").json()["data"]
    assert (last["id"], last["kind"], last["amount"]) == (call["transaction_id"], "usage", -0.02)


def test_one_wrong_record_is_its_own_outcome_and_the_others_go_on(line: Line) -> None:
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answer = line.send(
        line.record("c1"),
        line.record("c2", seconds=-1),
        line.record("c3", started_at=future),
        line.record("c4", phone_number="+13612738888"),
        line.record("c5", seconds="nan"),
        5,
        line.record("c1", seconds=62),
        line.record("c6", secnds=1),
        line.record("c7", seconds=None),
        line.record("c8"),
    )
    assert outcomes(answer) == [
        "accepted", "rejected", "rejected", "parked", "rejected", "rejected", "conflict", "rejected", "parked",
        "accepted",
    ]  # fmt: skip
    assert [(one["field"], one["reason"]) for one in answer.json()["data"]][1:9] == [
        ("seconds", "must not be negative"),
        ("started_at", "is in the future"),
        (None, "not_rented"),
        ("seconds", "must be a number"),
        ("record", "must be a JSON object"),
        ("seconds", "differs from the first record of this call"),
        ("secnds", "is not a field"),
        (None, "no_duration"),
    ]


def test_fields_that_sources_have_of_their_own_are_ignored_however_many(line: Line) -> None:
    others = {f"vendor_{n}": n for n in range(300)}
    assert outcomes(line.send(line.record("c1", billsec=5, cost="0.01", **others))) == ["accepted"]


def test_what_was_sent_twice_is_charged_once_and_one_wrong_among_many_keeps_its_place(line: Line) -> None:
    sent = [line.record(f"c{n}", seconds=-1 if n == 700 else 60) for n in range(1_200)]
    assert outcomes(line.send(*sent)) == ["accepted"] * 700 + ["rejected"] + ["accepted"] * 499
    before = line.customer.balance()
    assert outcomes(line.send(*reversed(sent))) == ["duplicate"] * 499 + ["rejected"] + ["duplicate"] * 700
    assert line.customer.balance() == before


def test_records_are_taken_a_line_each_and_a_cut_line_is_its_own_outcome(line: Line) -> None:
    records = [line.record("c0"), line.record("c1", seconds=float("nan")), line.record("c2")]
    lines = "\n".join(map(json.dumps, records)) + '\n{"call_id": "c3", "dire'
    answer = line.switch.http.post("/usage/calls/", content=lines.encode(), headers=NDJSON)
    assert outcomes(answer) == ["accepted", "rejected", "accepted", "rejected"]
    assert answer.json()["data"][1]["reason"] == "must be a finite number"


def test_names_in_camel_case_are_taken(line: Line) -> None:
    sent = line.record("c1")
    assert outcomes(line.send({"callId" if name == "call_id" else name: sent[name] for name in sent})) == ["accepted"]


def test_a_packed_body_is_unpacked_within_the_limit(line: Line) -> None:
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    good = gzip.compress(json.dumps([line.record("c1")]).encode())
    assert outcomes(line.switch.http.post("/usage/calls/", content=good, headers=packed)) == ["accepted"]
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 60_000
    for content, status, code in (
        (bomb, 413, "body_too_large"),
        (good[:-9], 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
    ):
        answer = line.switch.http.post("/usage/calls/", content=content, headers=packed)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{}", "body must be a JSON array of call records"),
        (b"[nan]", "body must be valid JSON"),
        (b'[{"call_id": "c1"}, {"call_id": "c2", "dire', "body must be valid JSON"),
        (b"[" + b"0," * 10_000 + b"0]", "body must have at most 10,000 records, not 10,001"),
    ],
)
def test_a_body_that_is_wrong_as_a_whole_is_refused(line: Line, content: bytes, says: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = line.switch.http.post("/usage/calls/", content=content, headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (400, says)


def test_a_body_of_another_kind_or_size_is_refused(line: Line, other_shop: Callable[..., Shop]) -> None:
    plain = line.switch.http.post("/usage/calls/", content=b"[]", headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415
    small = Line(other_shop(usage_limit_bytes=1024))
    assert small.send(*(small.record(f"c{n}") for n in range(20))).status_code == 413


def test_a_customers_own_records_are_witnesses_and_say_nothing_of_others_numbers(line: Line) -> None:
    other = Line(line.shop)
    told = line.send(line.record("c1"), line.record("c2", phone_number=other.number), by=line.customer)
    unknown = line.send(line.record("c3", phone_number="+13612738888"), by=line.customer)
    assert [one["status"] for one in told.json()["data"]] == ["witness", "parked"]
    assert told.json()["data"][1] == {**unknown.json()["data"][0], "call_id": "c2"}
    assert line.customer.balance() == other.customer.balance() == 10 - 1.15
    assert other.customer.http.get("/usage/calls/").json()["data"] == []


def test_sending_needs_its_scope(line: Line) -> None:
    refused = line.send(line.record("c1"), by=line.shop.with_key(line.customer.account_id, CUSTOMER_SCOPES))
    assert (refused.status_code, refused.json()["error"]["details"]) == (403, {"scope": "usage:write"})


def test_calls_are_paged_from_the_latest_and_cut_by_time(line: Line) -> None:
    start = datetime.now(UTC) + timedelta(seconds=1)
    times = [start + timedelta(seconds=n % 5) for n in range(7)]
    line.send(*(line.record(f"c{n}", started_at=at.isoformat()) for n, at in enumerate(times)))
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        page = line.customer.http.get("/usage/calls/", params={"page_size": 3, "page_token": token}).json()
        seen += [call["call_id"] for call in page["data"]]
        token = page["page"]["next"]
    assert seen == ["c4", "c3", "c2", "c6", "c1", "c5", "c0"]
    cut = {"since": (start + timedelta(seconds=1)).isoformat(), "until": (start + timedelta(seconds=3)).isoformat()}
    found = line.customer.http.get("/usage/calls/", params=cut).json()["data"]
    assert [call["call_id"] for call in found] == ["c2", "c6", "c1"]
    for name, value in (("since", "yesterday"), ("until", "2026-01-01T00:00:00"), ("page_token", "eA")):
        answer = line.customer.http.get("/usage/calls/", params={name: value})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, name)


def test_operators_see_what_is_parked(line: Line) -> None:
    line.send(line.record("p1", seconds=None))
    seen: dict[str, dict[str, Any]] = {}
    token: str | None = ""
    while token is not None:
        page = line.switch.http.get("/admin/usage/parked/", params={"page_size": 100, "page_token": token}).json()
        seen |= {call["source"] + call["call_id"]: call for call in page["data"]}
        token = page["page"]["next"]
    mine = seen[line.source + "p1"]
    assert (mine["reason"], mine["account_id"], mine["status"]) == ("no_duration", line.customer.account_id, "parked")
    assert line.customer.http.get("/admin/usage/parked/").status_code == 403


def test_what_a_number_lacked_is_set_and_its_parked_calls_are_charged(shop: Shop) -> None:
    line = Line(shop)
    bare = shop.number(inbound=10_000, outbound=None)
    line.customer.buy(bare)
    line.send(line.record("q1", phone_number=bare, direction="outbound", other="+13612738000"))
    path, http, before = "/admin/usage/parked/rate/", line.switch.http, line.customer.balance()
    missing = http.post(path, json={"phone_number": bare, "direction": "outbound", "rate": "0.05"})
    assert missing.json()["data"]["rated"] == 0  # nobody was appointed to charge for it
    done = http.post(path, json={"phone_number": bare, "source": line.source}).json()["data"]
    assert (done["rated"], done["more"]) == (1, False)
    assert line.customer.balance() == pytest.approx(before - 0.1)
    again = http.post(path, json={"phone_number": bare, "rate": "0.06"})
    assert (again.status_code, again.json()["error"]["details"]["field"]) == (400, "rate")
    assert http.post(path, json={}).json()["data"]["rated"] == 0
    for body, field in (
        ({"rate": "0.05"}, "phone_number"),
        ({"phone_number": bare}, "phone_number"),
        ({"phone_number": bare, "source": "two words"}, "source"),
        ({"phone_number": bare, "rate": "-1"}, "rate"),
    ):
        refused = http.post(path, json=body)
        assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, field), body
    assert http.post(path, json={"phone_number": "+13615550000", "source": "x"}).status_code == 404
    assert line.customer.http.post(path, json={}).status_code == 403


def test_operators_see_what_calls_brought_in_by_number_and_month(line: Line) -> None:
    assert outcomes(line.send(line.record("c1"), line.record("c2", seconds=1))) == ["accepted", "accepted"]
    month = line.started.strftime("%Y-%m")
    asked = {"month": month, "account_id": line.customer.account_id}
    answer = line.switch.http.get("/admin/usage/margin/", params=asked).json()
    assert answer["data"] == [
        {
            "month": month,
            "phone_number": line.number,
            "carrier": "pool",
            "currency": "USD",
            "calls": 2,
            "seconds": 62,
            "charged": 0.03,
            "cost": 0,
            "margin": 0.03,
            "calls_without_cost": 2,
        }
    ]
    for wrong in (
        {"month": "2026-13"}, {"month": "9999-12"}, {"page_token": "x"}, {"page_token": "cal_1"},
        {"account_id": "a\x00"}, {"account_id": ""}, {"carrier": "a\x00"}, {"carrier": "nobody"},
    ):  # fmt: skip
        assert line.switch.http.get("/admin/usage/margin/", params=wrong).status_code == 400
    assert line.customer.http.get("/admin/usage/margin/").status_code == 403


def test_operators_see_what_each_source_told_beside_what_was_charged(line: Line) -> None:
    assert outcomes(line.send(line.record("c1"), line.record("c2"))) == ["accepted", "accepted"]
    asked: dict[str, Any] = {"days": 2, "phone_number": line.number, "page_size": 1}
    assert outcomes(line.send(line.record("w1", seconds=30), by=line.customer)) == ["accepted"]
    seen: list[tuple[Any, ...]] = []
    token: str | None = ""
    while token is not None:
        answer = line.switch.http.get("/admin/usage/reconcile/", params={**asked, "page_token": token}).json()
        seen += [(one["source"], one["status"], one["calls"], one["minutes"], one["amount"]) for one in answer["data"]]
        token = answer["page"]["next"]
    assert seen == [
        (f"customer:{line.customer.account_id}", "witness", 1, 0.5, 0),
        (line.source, "charged", 2, 2.03, 0.04),
    ]
    (told, *_) = line.switch.http.get("/admin/usage/reconcile/", params=asked).json()["data"]
    assert (told["day"], told["phone_number"]) == (f"{line.started:%Y-%m-%d}", line.number)
    for wrong in (
        {"days": 0}, {"days": 401}, {"days": "x"}, {"phone_number": "3612738809"}, {"page_token": "x"},
        {"page_token": "MSAyIDM"}, {"page_token": "eCAyIDMgNA"}, {"page_size": 0},
    ):  # fmt: skip
        answer = line.switch.http.get("/admin/usage/reconcile/", params=wrong)
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, next(iter(wrong))), wrong
    assert line.customer.http.get("/admin/usage/reconcile/").status_code == 403


def test_an_account_sees_the_rates_of_its_deck_by_prefix_and_for_a_number(shop: Shop) -> None:
    customer = shop.customer()
    assert customer.http.get("/usage/rates/").json()["data"] == []
    writer, now = shop.services.writer, shop.services.now()
    deck = new_deck(shop.services.new_id("rdk"), "wholesale", "USD", since=now, rows=2, now=now)
    rows = (DeckRow(deck.id, "1", 10_000, 0, 60, 60), DeckRow(deck.id, "1809", 200_000, 150_000, 30, 6))
    writer.apply(add_deck_rows, AddDeckRows(deck, rows))
    writer.apply(publish_decks, PublishDeck(deck.id, now, shop.services.rent_terms))
    writer.apply(choose_decks, ChooseDeck(customer.account_id, "wholesale", now, now, shop.services.rent_terms))
    first = customer.http.get("/usage/rates/?page_size=1").json()
    assert [row["prefix"] for row in first["data"]] == ["1"]
    rest = customer.http.get(f"/usage/rates/?page_size=1&page_token={first['page']['next']}").json()
    assert rest["data"] == [
        {"prefix": "1809", "rate": 0.2, "connect_fee": 0.15, "increments": "30/6", "currency": "USD"}
    ]
    found = customer.http.get("/usage/rates/?number=%2B13612738000").json()["data"]
    assert [row["prefix"] for row in found] == ["1"]


def test_calls_are_listed_of_one_number(line: Line) -> None:
    other = line.shop.number(inbound=10_000)
    line.customer.buy(other)
    line.shop.services.writer.apply(appoint_sources, AppointSource(other, line.source, line.shop.services.now()))
    later = (line.started + timedelta(seconds=1)).isoformat()
    line.send(line.record("c1"), line.record("c2", phone_number=other, started_at=later))
    for written in (f"%2B{other[1:]}", other):
        listed = line.customer.http.get(f"/usage/calls/?phone_number={written}").json()
        assert [call["call_id"] for call in listed["data"]] == ["c2"]
        assert listed["page"] == {"next": None}
    assert line.customer.http.get("/usage/calls/?phone_number=12").status_code == 400
