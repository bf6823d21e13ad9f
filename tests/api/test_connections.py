"""Connections over HTTP: set up, tried, given to numbers, diagnosed; and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest

from numberdesk import worker
from numberdesk.api.routes.number_connections import LOOKS_AT_ONCE
from numberdesk.connections.model import ConnectionPermit
from numberdesk.connections.rental_connection_store import insert_rental_connections
from numberdesk.core.connecting import RentalConnection
from numberdesk.core.connection import ConnectionKind, ConnectionState, DefaultScope
from numberdesk.flows.connections.allow_connections import Permit, SetDefault, permit_connections, set_defaults
from numberdesk.infra.vault import new_key
from testbed.databases import Databases
from testbed.egress import ALLOWED, INSIDE, ODD_HOSTS
from testbed.scripted import raw, reply, scripted
from tests.api.conftest import Customer, Shop, _run

JSON = {"Content-Type": "application/json"}
POSTGRESQL_IN_THE_LONG_RUN = "what the engines do differently is tested at the flows"


@pytest.fixture(scope="module")
def desk(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A service that can keep secrets, and may try connections on this machine."""
    url = made.prepared(tmp_path_factory.mktemp("connections"))
    yield from _run(url, egress_allow=ALLOWED, credentials_key=new_key())


@pytest.fixture(scope="module")
def public(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One without a key for secrets, whose customers may connect to public addresses only."""
    yield from _run(made.prepared(tmp_path_factory.mktemp("public")))


@pytest.fixture
def customer(desk: Shop) -> Customer:
    return desk.customer()


LIVEKIT: Final = {
    "targets": [{"uri": "sip:203.0.114.7"}],
    "server_url": "https://203.0.114.7",
    "api_key": "APIacme",
    "api_secret": "hush-hush",
    "trunk_id": "ST_front",
}


def made(customer: Customer, **body: Any) -> dict[str, Any]:
    answer = customer.http.post("/connections/", json={"name": "office", **body})
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()["data"]
    return shown


def refused(customer: Customer, **body: Any) -> str:
    answer = customer.http.post("/connections/", json={"name": "office", **body})
    assert answer.status_code == 400, answer.text
    field: str = answer.json()["error"]["details"]["field"]
    return field


@pytest.fixture
def sip_server() -> Iterator[int]:
    """Answers OPTIONS over UDP and TCP at one port."""
    answer = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", port))

    def by_datagram() -> None:
        with datagrams:
            request, sender = datagrams.recvfrom(4096)
            assert request.startswith(b"OPTIONS sip:127.0.0.1:")
            datagrams.sendto(answer, sender)

    def by_stream() -> None:
        with listener:
            stream, _ = listener.accept()
        with stream:
            assert stream.recv(4096).startswith(b"OPTIONS sip:127.0.0.1:")
            stream.sendall(answer)

    threads = [threading.Thread(target=each) for each in (by_datagram, by_stream)]
    for thread in threads:
        thread.start()
    yield port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:  # whoever still waits is let go
        last.sendto(b"OPTIONS sip:127.0.0.1:", ("127.0.0.1", port))
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(b"OPTIONS sip:127.0.0.1:")
    for thread in threads:
        thread.join(10)


def test_a_connection_to_a_livekit_trunk_is_set_up_changed_and_tried_and_its_secret_is_never_shown(
    customer: Customer,
) -> None:
    there = {"targets": [{"uri": "sip:127.0.0.1:47999"}], "server_url": "ws://127.0.0.1:47999"}
    connection = made(customer, kind="livekit", **{**LIVEKIT, **there})
    path = f"/connections/{connection['id']}/"
    assert (connection["kind"], connection["server_url"]) == ("livekit", "http://127.0.0.1:47999")
    assert (connection["api_key"], connection["trunk_id"]) == ("APIacme", "ST_front")
    assert (connection["has_password"], connection["number_format"]) == (True, "e164")
    assert any("are put into it from here" in step for step in connection["steps"])
    changed = customer.http.patch(path, json={"trunk_id": "ST_other"})
    assert changed.json()["data"]["trunk_id"] == "ST_other"
    tried = customer.http.post(f"{path}test/")
    places = [one["place"] for one in tried.json()["data"]["places"]]
    assert places == ["sip:127.0.0.1:47999 by udp", "trunk ST_other of http://127.0.0.1:47999"]
    assert not tried.json()["data"]["reached"]
    for answer in (customer.http.get(path), customer.http.get("/connections/"), changed, tried):
        assert "hush" not in answer.text


def test_another_server_gets_no_token_of_a_secret_that_was_kept_for_the_one_before(customer: Customer) -> None:
    there = {"targets": [{"uri": "sip:127.0.0.1:47999"}], "server_url": "http://127.0.0.1:47999"}
    path = f"/connections/{made(customer, kind='livekit', **{**LIVEKIT, **there})['id']}/"
    elsewhere = {"server_url": "http://127.0.0.1:47998"}
    refused = customer.http.patch(path, json=elsewhere)
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "api_secret")
    assert customer.http.get(path).json()["data"]["server_url"] == there["server_url"]
    assert customer.http.patch(path, json={"server_url": "WS://127.0.0.1:47999/"}).status_code == 200
    changed = customer.http.patch(path, json={**elsewhere, "api_secret": "another-secret"})
    assert (changed.status_code, changed.json()["data"]["server_url"]) == (200, elsewhere["server_url"])


def test_a_preset_fills_a_connection_in_and_a_password_is_never_shown(desk: Shop, customer: Customer) -> None:
    connection = made(
        customer,
        preset="livekit",
        preset_values={"subdomain": "acme-4f2k"},
        username="desk",
        password="hush-hush",
    )
    assert connection["targets"][0]["uri"] == "sip:acme-4f2k.sip.livekit.cloud"
    assert (connection["kind"], connection["number_format"], connection["has_password"]) == ("sip", "e164", True)
    assert any("dispatch rule" in step for step in connection["steps"])
    for answer in (
        customer.http.get(f"/connections/{connection['id']}/"),
        customer.http.get("/connections/"),
        customer.http.patch(f"/connections/{connection['id']}/", json={"number_format": "plain"}),
    ):
        assert answer.status_code == 200
        assert "hush" not in answer.text
    with desk.services.database.read() as tx:
        ((secrets,),) = tx.fetch(f"SELECT secrets FROM connections WHERE id = '{connection['id']}'", [])  # noqa: S608  own
    assert "hush" not in secrets
    changed = customer.http.get(f"/connections/{connection['id']}/").json()["data"]
    assert (changed["number_format"], changed["has_password"], changed["username"]) == ("plain", True, "desk")
    names = [preset["name"] for preset in customer.http.get("/connection-presets/").json()["data"]]
    expected = ["livekit", "vapi", "retell", "elevenlabs", "ultravox", "vogent", "openai", "xai", "twilio", "sbc"]
    assert names == expected


def test_a_number_is_bought_connected_changed_diagnosed_and_the_connection_is_kept_while_it_is_used(
    desk: Shop, customer: Customer
) -> None:
    connection = made(customer, kind="webhook", url="http://127.0.0.1:8080/voice")
    number, path = desk.number(), f"/connections/{connection['id']}/"
    bought = customer.http.post(
        "/phone-numbers/buy/", json={"phone_number": number, "price": 1.15, "connection_id": connection["id"]}
    )
    assert bought.status_code == 200, bought.text
    mine = f"/phone-numbers/{number}/connection/"
    assert customer.http.get(mine).json()["data"]["status"] == "active"
    assert customer.http.get(f"/phone-numbers/{number}/").json()["data"]["connection_id"] == connection["id"]
    kinds = [event["type"] for event in events(desk, customer)]
    assert kinds == ["number.purchased", "number.connected"]
    diagnose = f"/phone-numbers/{number}/diagnose/"
    assert "have the operator appoint a source" in customer.http.get(diagnose).json()["data"]["sentence"]
    appointed = {"phone_number": number, "source": "switch"}
    assert desk.operator().http.post("/admin/usage/parked/rate/", json=appointed).status_code == 200
    assert customer.http.get(diagnose).json()["data"]["sentence"].startswith("Nothing is wrong")
    in_use = customer.http.delete(path)
    assert (in_use.status_code, in_use.json()["error"]["code"]) == (409, "connection_in_use")
    assert in_use.json()["error"]["details"] == {"numbers": 1}
    gone = customer.http.post(mine, json={"connection_id": None})
    assert gone.json()["data"]["status"] == "none"
    diagnosed = customer.http.get(f"/phone-numbers/{number}/diagnose/").json()["data"]
    assert diagnosed["sentence"] == "The number is connected to nothing: give it a connection."
    assert customer.http.delete(path).status_code == 200
    assert customer.http.get(path).status_code == 404
    again = customer.http.post(mine, json={"connection_id": connection["id"]})
    assert (again.status_code, again.json()["error"]["details"]["field"]) == (400, "connection_id")


def events(desk: Shop, customer: Customer) -> list[dict[str, Any]]:
    asyncio.run(worker.number_events(desk.services, lambda: False))
    found: list[dict[str, Any]] = customer.http.get("/events/").json()["data"]
    return [event for event in found if event["type"] != "account.credited"]


def test_carriers_are_asked_for_an_accounts_diagnoses_at_a_bounded_pace(desk: Shop, customer: Customer) -> None:
    number, connection = desk.number(), made(customer, kind="webhook", url="http://127.0.0.1:8080/voice")
    body = {"phone_number": number, "price": 1.15, "connection_id": connection["id"]}
    rental_id = customer.http.post("/phone-numbers/buy/", json=body).json()["data"]["id"]
    at_a_carrier = RentalConnection(
        rental_id, customer.account_id, "gone", number, None, ConnectionState.ACTIVE, None, settled_at=1
    )
    with desk.services.database.write() as tx:
        insert_rental_connections(tx, [at_a_carrier])

    def sentence() -> str:
        found: str = customer.http.get(f"/phone-numbers/{number}/diagnose/").json()["data"]["sentence"]
        return found

    asked, let_be = "its operator has to look", "wait a little"
    assert asked in sentence()
    assert any(let_be in sentence() for _ in range(5 * LOOKS_AT_ONCE))


def test_a_number_is_connected_to_no_id_that_is_none(desk: Shop, customer: Customer) -> None:
    mine = desk.number()
    assert customer.buy(mine).status_code == 200
    for wrong in ("con_nobodys", "con_\x00", "", "\ud800"):
        sent = json.dumps({"connection_id": wrong})
        answer = customer.http.post(f"/phone-numbers/{mine}/connection/", content=sent, headers=JSON)
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "connection_id")


def test_a_purchase_with_a_connection_is_the_same_purchase_and_no_id_is_refused_before_it(
    desk: Shop, customer: Customer
) -> None:
    number, connection = desk.number(), made(customer, kind="webhook", url="http://127.0.0.1:8080/voice")
    body = {"phone_number": number, "price": 1.15}
    for wrong in ("rnt_1", "con_", "con_" + "a" * 65, "con_1\n"):
        answer = customer.http.post("/phone-numbers/buy/", json={**body, "connection_id": wrong})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "connection_id")
    assert customer.balance() == 100
    key = {"Idempotency-Key": "one"}
    first = customer.http.post("/phone-numbers/buy/", json={**body, "connection_id": "con_nobodys"}, headers=key)
    again = customer.http.post("/phone-numbers/buy/", json={**body, "connection_id": connection["id"]}, headers=key)
    assert (first.status_code, first.json()["data"]) == (200, again.json()["data"])
    assert customer.balance() == pytest.approx(98.85)
    kinds = [event["type"] for event in events(desk, customer)]
    assert kinds == ["number.purchased", "number.connection_failed"]


def test_others_connections_are_not_there_and_the_operators_are_for_all_and_changed_by_none(
    desk: Shop, customer: Customer
) -> None:
    url = "http://127.0.0.1:8080/inside/?token=s3cret"
    mine, other = made(customer, kind="webhook", url=url), desk.customer()
    path = f"/connections/{mine['id']}/"
    for answer in (
        other.http.get(path),
        other.http.patch(path, json={"name": "theirs"}),
        other.http.delete(path),
        other.http.post(f"{path}test/"),
    ):
        assert answer.status_code == 404
    with desk.services.database.raw(writing=True) as connection:
        connection.exec_driver_sql(f"UPDATE connections SET account_id = NULL WHERE id = '{mine['id']}'")  # noqa: S608  own
        connection.commit()
    shown = other.http.get(path).json()["data"]
    assert (shown["shared"], shown["name"], shown["kind"]) == (True, mine["name"], "webhook")
    assert (shown["hosts"], shown["url"]) == (["127.0.0.1"], None)
    tried = other.http.post(f"{path}test/").json()["data"]
    assert [one["place"] for one in tried["places"]] == ["127.0.0.1"]
    for answer in (other.http.get("/connections/"), other.http.get(path), other.http.post(f"{path}test/")):
        assert "s3cret" not in answer.text
        assert "inside" not in answer.text
    assert other.http.patch(path, json={"name": "theirs"}).status_code == 403
    assert other.http.delete(path).status_code == 403
    default = SetDefault(DefaultScope.ACCOUNT, other.account_id, mine["id"], desk.services.now())
    desk.services.writer.apply(set_defaults, default)
    number = desk.number()
    other.buy(number)
    events(desk, other)
    assert other.http.get(f"/phone-numbers/{number}/").json()["data"]["connection_id"] == mine["id"]


def test_forwarding_and_a_carriers_own_objects_are_for_whom_the_operator_allows_them(
    desk: Shop, customer: Customer
) -> None:
    forward = {"name": "home", "kind": "forward", "forward_to": "+13612738809"}
    native = {"name": "trunk", "kind": "native", "object_kind": "trunk", "object_id": "TK1"}
    for body in (forward, native):
        assert customer.http.post("/connections/", json=body).status_code == 403
    for kind, object_id in ((ConnectionKind.FORWARD, ""), (ConnectionKind.NATIVE, "TK1")):
        permit = ConnectionPermit(customer.account_id, kind, object_id, desk.services.now())
        desk.services.writer.apply(permit_connections, Permit(permit, allow=True))
    for body in (forward, native):
        assert customer.http.post("/connections/", json=body).status_code == 200
    assert customer.http.post("/connections/", json={**native, "object_id": "TK2"}).status_code == 403
    trunk = customer.http.get("/connections/").json()["data"][-1]
    assert customer.http.patch(f"/connections/{trunk['id']}/", json={"object_id": "TK2"}).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "sip", "targets": [{"uri": "sip:user:pass@example.com"}]}, "targets[0].uri"),
        ({"kind": "sip", "targets": [{"uri": "http://example.com"}]}, "targets[0].uri"),
        ({"kind": "sip", "targets": [{"uri": "sip:example.com\r\nEvil: yes"}]}, "targets[0].uri"),
        ({"kind": "sip", "targets": [{"uri": "sip:example.com;transport=tls"}]}, "targets[0].uri"),
        ({"kind": "sip", "targets": [{"uri": "sip:example.com:99999"}]}, "targets[0].uri"),
        ({"kind": "sip", "targets": [{"uri": "sip:example.com:5432"}]}, "targets[0].uri"),
        ({"kind": "sip", "targets": [{"uri": "sip:example.com", "priority": -1}]}, "targets[0].priority"),
        ({"kind": "sip", "targets": []}, "targets"),
        ({"kind": "sip"}, "targets"),
        ({"kind": "sip", "targets": [{"uri": "example.com"}], "username": "a"}, "password"),
        ({"kind": "sip", "targets": [{"uri": "example.com"}], "url": "https://example.com"}, "url"),
        ({"kind": "webhook"}, "url"),
        ({"kind": "webhook", "url": "https://user:pass@example.com/"}, "url"),
        ({"kind": "webhook", "url": "ftp://example.com/"}, "url"),
        ({"kind": "webhook", "url": "https://example.com/", "method": "PUT"}, "method"),
        ({"kind": "native", "object_kind": "trunk", "object_id": "a b"}, "object_id"),
        ({"kind": "forward", "forward_to": "12"}, "forward_to"),
        ({"kind": "livekit"}, "targets"),
        ({"kind": "livekit", **LIVEKIT, "server_url": "https://acme.livekit.cloud/path"}, "server_url"),
        ({"kind": "livekit", **LIVEKIT, "server_url": "https://10.0.0.1"}, "server_url"),
        ({"kind": "livekit", **LIVEKIT, "server_url": "https://me:secret@acme.livekit.cloud"}, "server_url"),
        ({"kind": "livekit", **LIVEKIT, "trunk_id": "ST/front"}, "trunk_id"),
        ({"kind": "livekit", **LIVEKIT, "api_key": ""}, "api_key"),
        ({"kind": "livekit", **LIVEKIT, "api_secret": ""}, "api_secret"),
        ({"kind": "livekit", **LIVEKIT, "number_format": "plain"}, "number_format"),
        ({"kind": "carrier pigeon"}, "kind"),
        ({}, "kind"),
        ({"preset": "livekit"}, "preset_values"),
        ({"preset": "retell", "preset_values": {"x": "y"}}, "preset_values"),
        ({"preset": "nobody"}, "preset"),
        ({"preset": "retell", "kind": "webhook"}, "kind"),
    ],
)
def test_what_cannot_be_a_connection_is_refused_by_its_field(public: Shop, body: dict[str, Any], field: str) -> None:
    assert refused(public.customer(), **body) == field


def test_another_name_is_checked_as_the_first_one(customer: Customer) -> None:
    path = f"/connections/{made(customer, kind='sip', targets=[{'uri': 'sip:203.0.114.7'}])['id']}/"
    for name in ("", "a\nb", "x" * 101):
        answer = customer.http.patch(path, json={"name": name})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "name")
    assert customer.http.patch(path, json={"name": "b"}).json()["data"]["name"] == "b"


def test_no_connection_leads_inside(public: Shop) -> None:
    customer = public.customer()
    for host in (*INSIDE, *ODD_HOSTS):
        assert refused(customer, kind="sip", targets=[{"uri": f"sip:{host}:5080"}]).startswith("targets"), host
    for host in INSIDE[:6]:
        assert refused(customer, kind="webhook", url=f"https://{host}/") == "url"
        assert (
            refused(customer, kind="webhook", url="https://1.1.1.1/", fallback_url=f"https://{host}/") == "fallback_url"
        )
    answer = customer.http.post(
        "/connections/", json={"name": "a", "preset": "retell", "username": "a", "password": "b"}
    )
    assert (answer.status_code, "no key to keep secrets" in answer.text) == (403, True)


def test_a_test_says_what_came_back(customer: Customer, sip_server: int) -> None:
    targets = [{"uri": f"sip:127.0.0.1:{sip_server}", "transport": each} for each in ("udp", "tcp")]
    tried = customer.http.post(f"/connections/{made(customer, kind='sip', targets=targets)['id']}/test/").json()["data"]
    assert tried["reached"] is True
    assert [place["said"].startswith("answered 200 OK after ") for place in tried["places"]] == [True, True]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    nobody = [{"uri": f"sip:127.0.0.1:{port}", "transport": "tcp"}, {"uri": "sip:nobody.invalid"}]
    tried = customer.http.post(f"/connections/{made(customer, kind='sip', targets=nobody)['id']}/test/").json()["data"]
    assert tried["places"][0]["said"] == "nothing listens there"
    assert "name" in tried["places"][1]["said"]
    with scripted(lambda _seen: reply(204)) as server:
        hook = made(customer, kind="webhook", url=server.url)
        tried = customer.http.post(f"/connections/{hook['id']}/test/").json()["data"]
    assert tried == {"reached": True, "places": [{"place": server.url, "reached": True, "said": "answered 204"}]}


def test_something_that_speaks_without_end_is_cut_off(customer: Customer) -> None:
    with scripted(lambda _seen: raw(b"x" * 200_000)) as server:
        host = server.url.removeprefix("http://").rstrip("/")
        connection = made(customer, kind="sip", targets=[{"uri": f"sip:{host}", "transport": "tcp"}])
        tried = customer.http.post(f"/connections/{connection['id']}/test/")
    assert (tried.status_code, tried.json()["data"]["places"][0]["reached"]) == (200, False)


def test_something_that_does_not_speak_sip_is_told_as_such(customer: Customer) -> None:
    with scripted(lambda _seen: reply(200)) as server:
        host = server.url.removeprefix("http://").rstrip("/")
        connection = made(customer, kind="sip", targets=[{"uri": f"sip:{host}", "transport": "tcp"}])
        tried = customer.http.post(f"/connections/{connection['id']}/test/").json()["data"]
    assert tried["places"][0]["said"] == "something answered that is not SIP"
