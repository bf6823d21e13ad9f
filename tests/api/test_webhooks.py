"""Webhooks over HTTP: set up, changed, tested, listed, replayed; and the numbered list of events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook

from numberdesk import worker
from numberdesk.accounts.model import CUSTOMER_SCOPES, OPERATOR_SCOPES
from numberdesk.flows.tell_operators import CarrierFailing, tell_failing
from numberdesk.infra.vault import new_key
from testbed.databases import Databases
from testbed.egress import ALLOWED, INSIDE, ODD_HOSTS, listening
from testbed.scripted import Scripted, reply, scripted
from tests.api.conftest import Customer, Shop, _run

POSTGRESQL_IN_THE_LONG_RUN = "what the engines do differently is tested at the flows"
SCOPES = (*CUSTOMER_SCOPES, "webhooks:manage")


@pytest.fixture(scope="module")
def desk(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A service that can keep secrets, and may send to this machine."""
    url = made.prepared(tmp_path_factory.mktemp("webhooks"))
    yield from _run(url, egress_allow=ALLOWED, credentials_key=new_key())


@pytest.fixture
def customer(desk: Shop) -> Customer:
    return desk.customer(scopes=SCOPES)


@pytest.fixture
def receiver() -> Iterator[Scripted]:
    with scripted(lambda _seen: reply(204)) as server:
        yield server


def work(desk: Shop) -> None:
    """What the worker does with events and deliveries now."""

    async def rounds() -> None:
        await worker.number_events(desk.services, lambda: False)
        (deliveries,) = [one for one in worker.due_workers(desk.services) if "webhook" in one.work.name]
        while await deliveries.run_once():
            pass
        await desk.services.webhooks.close()

    asyncio.run(rounds())


def test_a_purchase_arrives_signed_with_the_secret_that_was_shown_once(
    desk: Shop, customer: Customer, receiver: Scripted
) -> None:
    made = customer.http.post("/webhooks/", json={"url": receiver.url, "kinds": ["number.purchased"]})
    assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
    webhook = made.json()["data"]
    shown = customer.http.get(f"/webhooks/{webhook['id']}").json()["data"]
    assert shown == {name: value for name, value in webhook.items() if name != "secret"}
    assert customer.http.get("/webhooks/").json()["data"] == [shown]
    number = desk.number()
    customer.buy(number)
    work(desk)
    (seen,) = receiver.seen
    event = Webhook(webhook["secret"]).verify(seen.body, dict(seen.headers))
    assert (event["type"], event["data"]["phone_number"]) == ("number.purchased", number)
    credited, told = customer.http.get("/events/").json()["data"]
    assert (credited["type"], told) == ("account.credited", event)
    (delivery,) = customer.http.get(f"/webhooks/{webhook['id']}/deliveries/").json()["data"]
    assert (delivery["status"], delivery["answer_status"], delivery["event_id"]) == ("delivered", 204, event["id"])
    again = customer.http.post(f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/replay/")
    assert again.json()["data"]["status"] == "pending"
    work(desk)
    assert {one.headers["webhook-id"] for one in receiver.seen} == {event["id"]}
    assert len(receiver.seen) == 2


def test_while_a_secret_is_rotated_both_verify(customer: Customer, receiver: Scripted) -> None:
    webhook = customer.http.post("/webhooks/", json={"url": receiver.url}).json()["data"]
    rotated = customer.http.post(f"/webhooks/{webhook['id']}/rotate-secret/").json()["data"]
    assert rotated["secret"] != webhook["secret"]
    assert rotated["former_secret_until"] is not None
    tested = customer.http.post(f"/webhooks/{webhook['id']}/test/").json()["data"]
    assert tested == {"delivered": True, "answer_status": 204, "answer": "", "message": "answered 204"}
    (seen,) = receiver.seen
    for secret in (webhook["secret"], rotated["secret"]):
        assert Webhook(secret).verify(seen.body, dict(seen.headers))["type"] == "webhook.test"


def test_a_test_says_what_the_receiver_did_wrong(customer: Customer) -> None:
    with scripted(lambda _seen: reply(500, b"no such queue")) as server:
        webhook = customer.http.post("/webhooks/", json={"url": server.url}).json()["data"]
        tested = customer.http.post(f"/webhooks/{webhook['id']}/test/")
    assert tested.status_code == 200
    assert tested.json()["data"] == {
        "delivered": False, "answer_status": 500, "answer": "no such queue", "message": "answered 500",
    }  # fmt: skip


def test_a_webhook_is_changed_disabled_enabled_and_deleted(customer: Customer, receiver: Scripted) -> None:
    webhook = customer.http.post("/webhooks/", json={"url": receiver.url, "description": "a"}).json()["data"]
    path = f"/webhooks/{webhook['id']}"
    changed = customer.http.patch(path, json={"url": f"{receiver.url}/b", "kinds": ["order.failed"]}).json()["data"]
    assert (changed["url"], changed["kinds"], changed["description"]) == (f"{receiver.url}/b", ["order.failed"], "a")
    resting = customer.http.patch(path, json={"status": "disabled"}).json()["data"]
    assert (resting["status"], resting["disabled_reason"]) == ("disabled", "it was disabled by its owner")
    assert customer.http.post(f"{path}/replay/", json={"since": "2026-01-01T00:00:00Z"}).status_code == 403
    assert customer.http.patch(path, json={"status": "enabled"}).json()["data"]["disabled_at"] is None
    replayed = customer.http.post(f"{path}/replay/", json={"since": "2026-01-01T00:00:00Z"}).json()["data"]
    assert replayed == {"replayed": 0, "left": False}
    assert customer.http.delete(path).status_code == 200
    assert customer.http.get(path).status_code == customer.http.delete(path).status_code == 404
    assert customer.http.get("/webhooks/").json()["data"] == []


def test_an_account_has_ten_webhooks_at_most(customer: Customer, receiver: Scripted) -> None:
    answers = [customer.http.post("/webhooks/", json={"url": receiver.url}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [403]
    assert answers[-1].json()["error"]["details"] == {"limit": 10}


@pytest.mark.parametrize("host", [*INSIDE, *ODD_HOSTS])
def test_no_webhook_leads_inside(shop: Shop, host: str) -> None:
    """The service of all other tests allows nothing inside."""
    with listening() as listener:
        for scheme in ("http", "https"):
            body = {"url": f"{scheme}://{host}:{listener.port}/hook"}
            answer = shop.customer(0, SCOPES).http.post("/webhooks/", json=body)
            assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "url"), answer.text
        assert listener.arrived == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://example.com/", "https://user@example.com/", "https://example.com:22/",
        "https://example.com:5432/", "https://example.com/\r\nHost: x", "http://example.com/", "example.com", "",
        "https://example.com/#part", "https://does-not-exist.invalid/",
    ],
)  # fmt: skip
def test_an_address_that_is_none_of_the_web_is_refused(customer: Customer, url: str) -> None:
    answer = customer.http.post("/webhooks/", json={"url": url})
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "url"), answer.text


def test_what_others_have_is_not_there(desk: Shop, customer: Customer, receiver: Scripted) -> None:
    webhook = customer.http.post("/webhooks/", json={"url": receiver.url, "kinds": ["number.purchased"]}).json()["data"]
    customer.buy(desk.number())
    work(desk)
    (delivery,) = customer.http.get(f"/webhooks/{webhook['id']}/deliveries/").json()["data"]
    stranger, path = desk.customer(scopes=SCOPES), f"/webhooks/{webhook['id']}"
    asked = [
        stranger.http.get(path),
        stranger.http.patch(path, json={"description": "x"}),
        stranger.http.patch(path, json={"url": receiver.url}),
        stranger.http.delete(path),
        stranger.http.post(f"{path}/rotate-secret/"),
        stranger.http.post(f"{path}/test/"),
        stranger.http.get(f"{path}/deliveries/"),
        stranger.http.post(f"{path}/replay/", json={"since": "2026-01-01T00:00:00Z"}),
        stranger.http.post(f"{path}/deliveries/{delivery['id']}/replay/"),
    ]
    assert [answer.status_code for answer in asked] == [404] * len(asked)
    own = stranger.http.post("/webhooks/", json={"url": receiver.url}).json()["data"]
    mixed = stranger.http.post(f"/webhooks/{own['id']}/deliveries/{delivery['id']}/replay/")
    assert mixed.status_code == 404
    assert stranger.http.get("/events/").json()["data"] == stranger.http.get("/webhooks/").json()["data"][1:] == []


def test_events_of_every_account_are_for_operators_alone(desk: Shop, customer: Customer, receiver: Scripted) -> None:
    body = {"url": receiver.url, "all_accounts": True, "kinds": ["number.purchased"]}
    assert customer.http.post("/webhooks/", json=body).status_code == 403
    without = desk.operator(("webhooks:manage",))
    assert without.http.post("/webhooks/", json=body).status_code == 403
    operator = desk.operator((*OPERATOR_SCOPES, "webhooks:manage"))
    assert operator.http.post("/webhooks/", json=body).json()["data"]["all_accounts"] is True
    customer.buy(desk.number())
    work(desk)
    assert [seen.json["account_id"] for seen in receiver.seen] == [customer.account_id]
    assert operator.http.get("/events/").json()["data"] == []


def test_events_of_operators_are_read_and_sent_for_the_scope_admin_alone(
    desk: Shop, customer: Customer, receiver: Scripted
) -> None:
    operator = desk.operator((*OPERATOR_SCOPES, "webhooks:manage"))
    refused = customer.http.post("/webhooks/", json={"url": receiver.url, "kinds": ["order.parked"]})
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "kinds")
    only = {"url": receiver.url, "kinds": ["order.failed"]}
    own = customer.http.post("/webhooks/", json=only).json()["data"]
    changed = customer.http.patch(f"/webhooks/{own['id']}", json={"kinds": ["carrier.failing"]})
    assert (changed.status_code, changed.json()["error"]["details"]["field"]) == (400, "kinds")
    body = {"url": receiver.url, "all_accounts": True, "kinds": ["carrier.failing"]}
    assert operator.http.post("/webhooks/", json=body).status_code == 200
    desk.services.writer.apply(tell_failing, CarrierFailing("acme", "orders", "it is down", desk.services.now()))
    work(desk)
    (seen,) = receiver.seen
    assert (seen.json["type"], seen.json["account_id"], seen.json["number"]) == ("carrier.failing", None, 1)
    assert operator.http.get("/events/?stream=operators").json()["data"] == [seen.json]
    assert customer.http.get("/events/?stream=operators").status_code == 403
    without = desk.operator(("webhooks:manage",))
    assert without.http.get("/events/?stream=operators").status_code == 403


def test_events_are_read_on_from_a_number_and_by_pages(desk: Shop, customer: Customer) -> None:
    for _ in range(4):  # and the first is the top-up
        customer.buy(desk.number())
    work(desk)
    assert [event["number"] for event in customer.http.get("/events/?after=2").json()["data"]] == [3, 4, 5]
    first = customer.http.get("/events/", params={"page_size": 2}).json()
    token = first["page"]["next"]
    second = customer.http.get("/events/", params={"page_size": 9, "page_token": token}).json()
    assert [event["number"] for event in first["data"] + second["data"]] == [1, 2, 3, 4, 5]
    assert second["page"]["next"] is None


def test_a_service_without_a_key_keeps_no_secret_and_says_so(shop: Shop) -> None:
    answer = shop.customer(0, SCOPES).http.post("/webhooks/", json={"url": "https://93.184.216.34/hook"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert "no key to keep secrets with" in answer.json()["message"]


def test_a_key_needs_the_scope(shop: Shop) -> None:
    for path in ("/webhooks/", "/events/"):
        answer = shop.customer(0, CUSTOMER_SCOPES).http.get(path)
        assert answer.json()["error"]["details"] == {"scope": "webhooks:manage"}
