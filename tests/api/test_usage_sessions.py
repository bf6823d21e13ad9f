"""Prepaid sessions over HTTP: allowed or denied in words, extended, ended in one charge."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Shop
from tests.api.test_usage import Line

POSTGRESQL_IN_THE_LONG_RUN = "the flows are shown on both engines; this is about HTTP"


@pytest.fixture
def line(shop: Shop) -> Line:
    return Line(shop)


def ask(line: Line, call_id: str = "c1", **changes: Any) -> Any:
    body = {"call_id": call_id, "number": line.number, "direction": "inbound", "other": "+13612738000", **changes}
    return line.switch.http.post("/usage/sessions/", json=body)


def test_a_call_is_allowed_extended_ended_and_charged(line: Line) -> None:
    opened = ask(line).json()["data"]
    shown = ("allowed", "reason", "max_seconds", "held", "currency", "status", "phone_number", "call_id", "leg")
    assert [opened[name] for name in shown] == [True, None, 60, 0.01, "USD", "open", line.number, "c1", ""]
    path = f"/usage/sessions/{opened['session_id']}"
    assert line.customer.http.get("/balance/").json()["data"]["held"] == 0.01
    extended, again = (
        line.switch.http.post(f"{path}/extend/", params={"max_seconds": 60}).json()["data"] for _ in range(2)
    )
    assert extended == again
    assert (extended["allowed"], extended["max_seconds"], extended["held"]) == (True, 120, 0.02)
    assert extended["expires_at"] > opened["expires_at"]
    for outcome in ("accepted", "duplicate"):
        ended = line.switch.http.post(f"{path}/end/", json={"seconds": 61})
        assert (ended.status_code, ended.json()["message"]) == (200, f"The call is {outcome}")
        assert ended.json()["data"] == {
            "session_id": opened["session_id"],
            "outcome": outcome,
            "call_id": "c1",
            "leg": "",
            "status": "charged",
            "amount": 0.02,
            "field": None,
            "reason": None,
        }
    again = ask(line).json()
    assert (again["data"]["allowed"], again["data"]["reason"], again["message"]) == (False, "ended", "Denied: ended")
    late = line.switch.http.post(f"{path}/extend/")
    assert (late.status_code, late.json()["error"]) == (409, {"code": "session_ended", "details": {"status": "ended"}})
    balance = line.customer.http.get("/balance/").json()["data"]
    assert (balance["held"], balance["posted"]) == (0, 10 - 1.15 - 0.02)
    (call,) = line.customer.http.get("/usage/calls/").json()["data"]
    assert (call["call_id"], call["seconds"], call["other"]) == ("c1", 61, "+13612738000")


def test_a_denied_call_says_why_and_holds_nothing(line: Line) -> None:
    answer = ask(line, number="+13612738888")
    assert (answer.status_code, answer.json()["message"]) == (200, "Denied: not_in_service")
    data = answer.json()["data"]
    assert (data["allowed"], data["reason"], data["session_id"], data["max_seconds"]) == (
        False,
        "not_in_service",
        None,
        None,
    )


def test_the_same_call_is_the_same_session_and_another_number_a_conflict(line: Line) -> None:
    first = ask(line).json()["data"]
    assert ask(line).json()["data"] == first
    other = ask(line, number="+13612738888")
    assert (other.status_code, other.json()["error"]) == (
        422,
        {"code": "idempotency_conflict", "details": {"field": "phone_number"}},
    )


def test_a_key_of_another_source_opens_no_session_and_finds_none(line: Line) -> None:
    body = {"call_id": "c1", "phone_number": line.number, "direction": "inbound"}
    refused = line.customer.http.post("/usage/sessions/", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "wrong_source")
    session_id = ask(line).json()["data"]["session_id"]
    for request in ("extend", "end"):
        given = {"json": {"seconds": 5}} if request == "end" else {}
        answer = line.customer.http.post(f"/usage/sessions/{session_id}/{request}/", **given)  # type: ignore[arg-type]  # no body, or one
        unknown = line.switch.http.post(f"/usage/sessions/ses_none/{request}/", **given)  # type: ignore[arg-type]  # as above
        assert (answer.status_code, unknown.status_code) == (404, 404)
        assert answer.json()["message"] == unknown.json()["message"]


def test_another_customers_number_is_like_one_that_nobody_rents(line: Line) -> None:
    other = Line(line.shop)
    body = {"call_id": "c1", "phone_number": other.number, "direction": "inbound"}
    answers = [
        line.customer.http.post("/usage/sessions/", json=body | {"phone_number": number}).json()
        for number in (other.number, "+13612738888")
    ]
    assert answers[0] == answers[1]


def test_sessions_need_their_scope(line: Line) -> None:
    customer = line.shop.with_key(line.customer.account_id, ("billing:read",))
    refused = customer.http.post("/usage/sessions/ses_1/extend/")
    assert (refused.status_code, refused.json()["error"]["details"]) == (403, {"scope": "usage:write"})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"call_id": ""}, "call_id"),
        ({"call_id": "a b"}, "call_id"),
        ({"call_id": "x" * 129}, "call_id"),
        ({"call_id": None}, "call_id"),
        ({"number": "12"}, "phone_number"),
        ({"direction": "sideways"}, "direction"),
        ({"other": "a\nb"}, "other"),
        ({"leg": "x" * 33}, "leg"),
        ({"phone_number": "+13612738801"}, "phone_number"),
        ({"secnds": 5}, "secnds"),
    ],
)
def test_what_is_wrong_with_an_opening_is_named(line: Line, changes: dict[str, Any], field: str) -> None:
    answer = ask(line, **changes)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)


@pytest.mark.parametrize("seconds", [-1, 172_801, 1.5, "60", None, True])
def test_an_end_says_whole_seconds_within_bounds(line: Line, seconds: Any) -> None:
    answer = line.switch.http.post("/usage/sessions/ses_1/end/", json={"seconds": seconds})
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "seconds")
