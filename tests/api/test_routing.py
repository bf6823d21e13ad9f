"""Servers ask where calls go: by their own names, with HTTP Basic, for their own numbers, cached or reserving."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import jsonschema_rs
import pytest

from numberdesk.connections.model import Connection
from numberdesk.connections.store import insert_connections
from numberdesk.core.call_charging import CUSTOMERS
from numberdesk.core.connection import (
    ConnectionKind,
    ForwardRoute,
    NumberFormat,
    Route,
    SipRoute,
    SipTarget,
    SipTransport,
)
from numberdesk.core.connection_settings import kind_of, settings_text
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.periods import MICROSECONDS, iso_seconds
from numberdesk.flows.accounts.change_accounts import AccountChange, change_accounts
from numberdesk.flows.usage.set_usage_terms import AppointSource, appoint_sources
from numberdesk.infra.db import Tx
from numberdesk.numbers.rental_store import connect_rentals, find_rentals
from tests.api.conftest import Customer, Shop
from tests.api.described import DOCUMENT

POSTGRESQL_IN_THE_LONG_RUN = "the store is shown on both engines; this is about HTTP and formats"

SIP = SipRoute((SipTarget("sip:pbx.example.com", transport=SipTransport.TCP),), NumberFormat.PLAIN)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Desk:
    """A customer with a number at a unit a minute that is connected, and an operator's server that asks for it."""

    def __init__(
        self, shop: Shop, route: Route | None = SIP, balance: float = 10, inbound: int | None = 1_000_000, **rate: Any
    ) -> None:
        self.shop = shop
        self.customer = shop.customer(balance + 1.15)
        self.number = shop.number(inbound=inbound, **rate)
        bought = self.customer.buy(self.number)
        assert bought.status_code == 200
        self.rental_id = str(bought.json()["data"]["id"])
        self.server = shop.operator(("routing:read", "usage:write"))
        if route is not None:
            self.connect(route)

    def connect(self, route: Route) -> None:
        self.connect_as(kind_of(route), settings_text(route))

    def connect_as(self, kind: ConnectionKind, kept: str) -> None:
        services = self.shop.services
        made = Connection(
            services.new_id("con"), self.customer.account_id, "PBX", kind, "", kept, None, 1, services.now(), 1
        )
        services.writer.apply(connected, (made, self.rental_id))

    def ask(self, form: str = "json", **asked: Any) -> httpx.Response:
        by: Customer = asked.pop("by", self.server)
        return by.http.get(f"/routing/{form}/", params={"to": self.number, **asked})

    def data(self, **asked: Any) -> Any:
        answer = self.ask(**asked)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


def connected(tx: Tx, commands: Sequence[tuple[Connection, str]]) -> list[None]:
    """The write flow of a connection that is set up and its number's."""
    for made, rental_id in commands:
        insert_connections(tx, [made])
        (rental,) = find_rentals(tx, [rental_id])
        connect_rentals(tx, [rental._replace(connection_id=made.id, connection_generation=1)])
    return [None for _ in commands]


@pytest.fixture(scope="module")
def desk(shop: Shop) -> Desk:
    return Desk(shop)


def test_a_call_goes_where_its_number_is_connected(desk: Desk) -> None:
    data = desk.data()
    assert (data["allowed"], data["reason"], data["phone_number"], data["kind"]) == (True, None, desk.number, "sip")
    assert (data["account_id"], data["rental_id"]) == (desk.customer.account_id, desk.rental_id)
    assert [one["uri"] for one in data["targets"]] == [f"sip:{desk.number[1:]}@pbx.example.com;transport=tcp"]
    assert (data["max_seconds"], data["session_id"]) == (600, None)


def test_an_unescaped_plus_a_space_and_none_are_one_number(desk: Desk) -> None:
    digits = desk.number[1:]
    for to in (f"+{digits}", f"%2B{digits}", f"%20{digits}", digits):
        answer = desk.server.http.get(f"/routing/json?to={to}")
        assert answer.json()["data"]["phone_number"] == desk.number


@pytest.mark.parametrize("form", ["json", "freeswitch", "kamailio", "asterisk", "twiml", "jambonz"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_server_is_answered_in_its_format_by_either_method(desk: Desk, form: str, method: str) -> None:
    asked: dict[str, Any] = {"params": {"to": desk.number}} if method == "GET" else {"data": {"to": desk.number}}
    answer = desk.server.http.request(method, f"/routing/{form}/", **asked)
    kinds = {"freeswitch": "text/xml", "twiml": "text/xml", "asterisk": "text/plain"}
    assert answer.headers["content-type"].partition(";")[0] == kinds.get(form, "application/json")
    assert "pbx.example.com" in answer.text


@pytest.mark.parametrize("form", ["json", "freeswitch", "kamailio", "asterisk", "twiml", "jambonz"])
@pytest.mark.parametrize("to", ["", "+13612738888"])
def test_what_each_server_is_answered_is_in_the_document(desk: Desk, form: str, to: str) -> None:
    answer = desk.ask(form, to=to or desk.number)
    described = DOCUMENT["paths"]["/api/v1/routing/{form}"]["get"]["responses"][str(answer.status_code)]["content"]
    content = described[answer.headers["content-type"].partition(";")[0]]
    value = answer.json() if "json" in answer.headers["content-type"] else answer.text
    jsonschema_rs.validator_for({**content["schema"], "components": DOCUMENT["components"]}).validate(value)


OWN_NAMES = [
    ("freeswitch", {"Hunt-Destination-Number": "{n}", "Caller-Destination-Number": "100", "section": "dialplan"}),
    ("freeswitch", {"Caller-Destination-Number": "{n}", "variable_sip_from_host": "x", "Hunt-Context": "default"}),
    ("kamailio", {"rU": "{n}", "fU": "anonymous", "ci": "a@b"}),
    ("asterisk", {"exten": "{n}", "uniqueid": "1.2"}),
    ("twiml", {"To": "{n}", "From": "+13612738000", "CallSid": "CA1", "CallStatus": "ringing", "ApiVersion": "2010"}),
    ("jambonz", {"to": "{n}", "from": "x", "call_sid": "y", "sip_status": "100", "trace_id": "z"}),
]


@pytest.mark.parametrize(("form", "fields"), OWN_NAMES)
def test_each_servers_own_names_are_taken_and_its_others_ignored(desk: Desk, form: str, fields: dict[str, str]) -> None:
    sent = {name: value.format(n=desk.number) for name, value in fields.items()}
    answer = desk.server.http.post(f"/routing/{form}/", data=sent)
    assert (answer.status_code, "pbx.example.com" in answer.text) == (200, True), answer.text
    if "Hunt-Context" in fields:
        assert ET.fromstring(answer.text).find("./section/context[@name='default']") is not None  # noqa: S314  our own


def test_jambonz_posts_json(desk: Desk) -> None:
    sent = {"to": desk.number, "call_sid": "c", "sip": {"headers": {}}, "attempt": 1}
    assert "pbx.example.com" in desk.server.http.post("/routing/jambonz/", json=sent).text


def test_calls_that_go_nowhere_say_why(shop: Shop, desk: Desk) -> None:
    assert desk.data(to="+13612738888")["reason"] == "not_in_service"
    assert desk.data(to="<script>")["reason"] == "not_in_service"
    assert Desk(shop, None).data()["reason"] == "no_connection"
    assert Desk(shop, balance=0).data()["reason"] == "no_balance"
    other = Desk(shop)
    shop.services.writer.apply(
        change_accounts, AccountChange(other.customer.account_id, shop.services.now(), state=AccountState.SUSPENDED)
    )
    assert other.data()["reason"] == "suspended"
    released = Desk(shop)
    assert released.customer.http.delete(f"/phone-numbers/{released.number}/release/").status_code == 200
    assert released.data() == {**desk.data(to="+13612738888")}
    refused = released.ask("kamailio")
    assert (refused.status_code, refused.json()["reason"]) == (404, "not_in_service")


def test_a_customers_key_asks_for_his_own_numbers_alone(shop: Shop, desk: Desk) -> None:
    assert desk.data(by=desk.customer)["allowed"]
    stranger = shop.customer(5)
    assert desk.data(by=stranger) == desk.data(by=stranger, to="+13612738888")


def test_basic_takes_any_user_with_the_key_as_password_and_challenges(desk: Desk) -> None:
    http = desk.shop.client()
    first = http.get("/routing/json/", params={"to": desk.number})
    assert (first.status_code, first.headers["www-authenticate"]) == (401, 'Basic realm="numberdesk"')
    for user, key, status in (("any", desk.server.key, 200), ("", desk.server.key, 200), ("any", "wrong", 401)):
        token = base64.b64encode(f"{user}:{key}".encode()).decode()
        answer = http.get("/routing/json/", params={"to": desk.number}, headers={"Authorization": f"Basic {token}"})
        assert answer.status_code == status
        elsewhere = http.get("/balance/", headers={"Authorization": f"Basic {token}"})
        assert elsewhere.status_code == 401
        assert not elsewhere.headers["www-authenticate"].startswith("Basic")


def test_asking_needs_its_scope_and_reserving_another(desk: Desk) -> None:
    none = desk.shop.with_key(desk.customer.account_id, ("numbers:read",))
    reads = desk.shop.with_key(desk.customer.account_id, ("routing:read",))
    cases: tuple[tuple[Customer, dict[str, Any], str], ...] = (
        (none, {}, "routing:read"),
        (reads, {"reserve": 1, "call_id": "c"}, "usage:write"),
    )
    for by, asked, scope in cases:
        answer = desk.ask(by=by, **asked)
        assert (answer.status_code, answer.json()["error"]["details"]) == (403, {"scope": scope})


def test_reserving_opens_the_calls_session_once_and_head_never_does(shop: Shop) -> None:
    desk = Desk(shop)
    source = f"operator:{desk.server.account_id}"
    shop.services.writer.apply(appoint_sources, AppointSource(desk.number, source, shop.services.now()))
    asked: dict[str, Any] = {"reserve": 1, "call_id": "c1", "from": "+13612738000"}

    def held() -> float:
        return float(desk.customer.http.get("/balance/").json()["data"]["held"])

    head = desk.server.http.head("/routing/json/", params={"to": desk.number, **asked})
    assert (head.status_code, held()) == (200, 0)
    first = desk.data(**asked)
    assert (first["max_seconds"], held()) == (60, 1)
    assert desk.data(**asked)["session_id"] == first["session_id"]
    assert first["expires_at"]
    assert held() == 1
    ended = desk.server.http.post(f"/usage/sessions/{first['session_id']}/end/", json={"seconds": 30})
    assert ended.json()["data"]["amount"] == 1
    assert desk.data(**asked)["reason"] == "ended"
    poor = Desk(shop, balance=0)
    shop.services.writer.apply(
        appoint_sources, AppointSource(poor.number, f"operator:{desk.server.account_id}", shop.services.now())
    )
    assert desk.data(**asked | {"to": poor.number, "call_id": "c2"})["reason"] == "no_balance"


def test_a_forwarded_call_is_held_for_on_both_legs_and_its_records_charge_both(shop: Shop) -> None:
    desk = Desk(shop, ForwardRoute("+13612738000"), outbound=3_000_000)
    source = f"operator:{desk.server.account_id}"
    shop.services.writer.apply(appoint_sources, AppointSource(desk.number, source, shop.services.now()))

    def money(name: str) -> float:
        return float(desk.customer.http.get("/balance/").json()["data"][name])

    before = money("available")
    assert desk.data()["max_seconds"] == 120  # of ten, at one and three a minute, whole minutes
    found = desk.data(reserve=1, call_id="c1")
    assert (found["max_seconds"], found["forward_to"], money("held")) == (60, "+13612738000", 4)
    assert None not in (found["session_id"], found["forward_session_id"])
    again = desk.data(reserve=1, call_id="c1")
    assert (again["forward_session_id"], money("held")) == (found["forward_session_id"], 4)
    at = {
        "started_at": iso_seconds(shop.services.now() + MICROSECONDS),
        "seconds": 30,
        "call_id": "c1",
        "phone_number": desk.number,
    }
    legs = [
        {**at, "direction": "inbound", "other": "+13612738001"},
        {**at, "direction": "outbound", "other": "+13612738000", "leg": "forward"},
    ]
    told = desk.server.http.post("/usage/calls/", json=legs)
    assert told.status_code == 200, told.text
    assert (money("held"), before - money("available")) == (0, 4)
    assert desk.data(reserve=1, call_id="c1")["reason"] == "ended"


def test_a_source_that_does_not_charge_reserves_nothing(desk: Desk) -> None:
    answer = desk.ask(reserve=1, call_id="c1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "wrong_source")
    assert CUSTOMERS not in answer.text


def test_answers_are_cached_only_where_no_balance_is_in_them(desk: Desk) -> None:
    cached, never = "private, max-age=5, stale-if-error=3600", "private, no-store"
    for asked, expected in (
        ({"limit": 0}, cached),
        ({"to": "+13612738888"}, cached),
        ({}, never),
        ({"to": "+13612738888", "reserve": 1, "call_id": "c"}, never),
    ):
        answer = desk.ask(**asked)
        assert answer.headers["cache-control"] == expected
        assert "Authorization" in answer.headers["vary"]
    assert desk.data(limit=0)["max_seconds"] is None


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"to": ""}, "to"),
        ({"to": " "}, "to"),
        ({"reserve": "maybe"}, "reserve"),
        ({"reserve": "1"}, "call_id"),
        ({"reserve": "1", "call_id": "a b"}, "call_id"),
        ({"limits": "0"}, "limits"),
        ({"reserved": "1"}, "reserved"),
        ({"callId": "a", "call_id": "b"}, "call_id"),
        ({"context": '"><x'}, "context"),
        ({"profile": "a/b"}, "profile"),
    ],
)
def test_what_is_wrong_with_a_question_is_named(desk: Desk, asked: dict[str, str], field: str) -> None:
    answer = desk.ask("freeswitch", **asked)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)


def test_a_slip_is_found_behind_hundreds_of_names_that_are_too_long_for_one(desk: Desk) -> None:
    theirs = {f"variable_{place:03d}": "x" for place in range(300)}
    answer = desk.ask("freeswitch", **theirs, limits="0")
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "limits")


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"to=%ff", FORM, 400),
        (b"&".join(b"a%d=1" % n for n in range(1_100)), FORM, 400),
        (b"[]", {"Content-Type": "application/json"}, 400),
        (b"<to/>", {"Content-Type": "text/xml"}, 415),
        (b"to=" + b"1" * 70_000, FORM, 413),
        (b"", {}, 400),
    ],
)
def test_bodies_that_are_no_question_are_refused(
    desk: Desk, content: bytes, headers: dict[str, str], status: int
) -> None:
    assert desk.server.http.post("/routing/freeswitch/", content=content, headers=headers).status_code == status


def test_nothing_that_was_sent_is_written_back(desk: Desk) -> None:
    hostile = '"><action application="system" data="id"/>'
    for form in ("freeswitch", "twiml", "kamailio", "asterisk", "jambonz", "json"):
        answer = desk.ask(form, **{"from": hostile, "call_id": hostile, "other": hostile})
        assert ("system" in answer.text, answer.status_code) == (False, 200)


def test_an_unknown_server_is_not_found(desk: Desk) -> None:
    assert desk.ask("opensips").status_code == 404


def test_settings_that_are_damaged_lead_nowhere(shop: Shop) -> None:
    desk = Desk(shop, None)
    desk.connect_as(ConnectionKind.SIP, "{}")
    assert desk.data()["reason"] == "no_connection"
