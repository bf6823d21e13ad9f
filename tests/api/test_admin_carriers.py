"""Accounts at carriers over HTTP: set up, checked, audited; and no secret of one anywhere."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from carrier_mock.model import Api
from numberdesk.carriers.audit_store import DUE_AUDITS
from numberdesk.flows.carriers.confirm_carrier_releases import confirm_carrier_releases
from numberdesk.flows.carriers.note_audits import BeginAudit, begin_audits
from numberdesk.infra import log
from numberdesk.infra.due_work import DueWork, DueWorker, TakeUp
from numberdesk.infra.vault import new_key
from numberdesk.wiring import Services
from testbed.carrier_mock import MockUrls, simulated
from testbed.databases import readable
from testbed.scripted import Answer, Seen, json_reply, scripted
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "the same is done by tests/flows/test_connect_carriers.py, on both engines"

KEY: Final = new_key()
SECRET: Final = "s3cret-t0ken-of-ours-4711"
ACCOUNT: Final = "AC" + "0" * 31 + "7"
OTHER: Final = "AC" + "1" * 32
BAD: Final[list[tuple[dict[str, Any], str]]] = [
    ({"kind": "carrier-pigeon"}, "kind"),
    ({"kind": None}, "kind"),
    ({"name": None}, "name"),
    ({"name": "pool"}, "name"),
    ({"name": "Twilio"}, "name"),
    ({"name": "tw\u0000ilio"}, "name"),
    ({"name": ""}, "name"),
    ({"name": "x" * 33}, "name"),
    ({"options": {"account_sid": ACCOUNT, "sid": "1"}}, "sid"),
    ({"options": {"account_sid": ACCOUNT, "a\nb": "1"}}, "options"),
    ({"options": {}}, "account_sid"),
    ({"options": {"account_sid": "AC123"}}, "account_sid"),
    ({"options": {"account_sid": ACCOUNT + "\n"}}, "account_sid"),
    ({"options": {"account_sid": ACCOUNT, "base_url": "http://8.8.8.8"}}, "base_url"),
    ({"options": {"account_sid": ACCOUNT, "base_url": "https://user:word@carrier.example"}}, "base_url"),
    ({"options": {"account_sid": ACCOUNT, "at_once": "0"}}, "at_once"),
    ({"options": {"account_sid": ACCOUNT, "auth_token": SECRET}}, "auth_token"),
    ({"options": {"account_sid": 7}}, "account_sid"),
    ({"options": "all"}, "options"),
    ({"secrets": {}}, "auth_token"),
    ({"secrets": {"account_sid": ACCOUNT}}, "account_sid"),
    ({"secrets": {"auth_token": SECRET + "\n"}}, "auth_token"),
    ({"secrets": {"auth_token": SECRET * 50}}, "auth_token"),
]
PRICES: Final = [{"number_type": "local", "current_price": "1.15"}]
KNOWN: Final = json_reply(200, {"price_unit": "USD", "phone_number_prices": PRICES})  # all that a check asks for


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated() as running:
        yield running


@pytest.fixture
def carriers(mock: MockUrls) -> MockUrls:
    """A mock as at its beginning."""
    mock.control.reset()
    return mock


def setup_of(url: str, account: str = ACCOUNT, **changes: Any) -> dict[str, Any]:
    return {
        "name": "twilio", "kind": "twilio", "options": {"account_sid": account, "base_url": url},
        "secrets": {"auth_token": SECRET}, **changes,
    }  # fmt: skip


def _dump(services: Services) -> str:
    """Everything that the database holds, and of SQLite every byte of its files."""
    with services.database.read() as tx:
        rows = [str(tx.fetch(f"SELECT * FROM {name}", [])) for name in readable(tx)]  # noqa: S608  our tables
    url = services.settings.database_url
    file = Path(url.removeprefix("sqlite:///"))
    files = file.parent.glob(f"{file.name}*") if url.startswith("sqlite") else []
    return "".join([*rows, *(path.read_bytes().decode("latin-1") for path in files)])


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"{ACCOUNT}:{password}".encode()).decode()


async def _work_off(services: Services, work: DueWork[Any, Any]) -> None:
    while await DueWorker(work, services.writer, services.reader, now=services.now).run_once():
        pass


def _beside(services: Services, story: Callable[[], Any]) -> None:
    """What the worker would do."""

    async def told() -> None:
        try:
            await story()
        finally:
            await services.carriers.close()

    asyncio.run(told())


def test_an_account_is_connected_checked_disabled_and_shown_without_its_secrets(
    other_shop: Callable[..., Shop], carriers: MockUrls
) -> None:
    http = other_shop(credentials_key=KEY).operator().http
    made = http.post("/admin/carriers/", json=setup_of(carriers.url)).json()["data"]
    assert (made["name"], made["status"], made["secrets"], made["problem"]) == (
        "twilio",
        "active",
        ["auth_token"],
        None,
    )
    assert made["options"] == {"account_sid": ACCOUNT, "base_url": carriers.url}
    assert (made["paused_seconds"], made["failures"], made["last_audit"]) == (0, 0, None)
    assert http.get("/admin/carriers/twilio/").json()["data"] == made
    assert http.get("/admin/carriers/").json() == {
        "success": True, "message": "OK", "data": [made], "page": {"next": None},
    }  # fmt: skip
    checked = http.post("/admin/carriers/twilio/check/").json()["data"]
    assert checked["ok"] is True
    assert checked["facts"]["currency"] == "USD"
    disabled = http.patch("/admin/carriers/twilio/", json={"status": "disabled"}).json()["data"]
    assert disabled == {**made, "status": "disabled", "updated_at": disabled["updated_at"]}
    assert http.post("/admin/carriers/twilio/check/").json()["data"]["ok"] is True
    assert http.patch("/admin/carriers/twilio/", json={"status": "active"}).json()["data"]["status"] == "active"


def test_a_check_says_what_is_wrong_and_is_answered_all_the_same(
    other_shop: Callable[..., Shop], carriers: MockUrls
) -> None:
    http = other_shop(credentials_key=KEY).operator().http
    http.post("/admin/carriers/", json=setup_of(carriers.url, secrets={"auth_token": "wrong"}))
    http.post("/admin/carriers/", json=setup_of("http://127.0.0.1:1029", OTHER, name="gone"))
    wrong = http.post("/admin/carriers/twilio/check/")
    assert (wrong.status_code, wrong.json()["data"]["ok"]) == (200, False)
    assert "does not accept the auth token" in wrong.json()["data"]["said"]
    assert http.post("/admin/carriers/gone/check/").json()["data"]["said"].startswith("Twilio cannot be asked")


def test_what_is_left_out_stays_what_is_sent_takes_its_place_and_null_takes_away(
    other_shop: Callable[..., Shop],
) -> None:
    http = other_shop(credentials_key=KEY).operator().http

    with scripted(lambda _: KNOWN) as carrier:
        http.post("/admin/carriers/", json=setup_of(carrier.url))
        http.patch("/admin/carriers/twilio/", json={"options": {"at_once": "5"}})
        http.post("/admin/carriers/twilio/check/")
        changed = http.patch("/admin/carriers/twilio/", json={"secrets": {"auth_token": "another-token"}}).json()[
            "data"
        ]
        assert changed["options"]["at_once"] == "5"
        http.post("/admin/carriers/twilio/check/")
        before, after = (seen.headers["authorization"] for seen in carrier.seen if "/Balance" in seen.path)
    assert before == _basic(SECRET)
    assert after == _basic("another-token")
    moved = {"options": {"at_once": None, "base_url": ""}, "secrets": {"auth_token": "another-token"}}
    gone = http.patch("/admin/carriers/twilio/", json=moved).json()["data"]
    assert gone["options"] == {"account_sid": ACCOUNT}
    missing = http.patch("/admin/carriers/twilio/", json={"secrets": {"auth_token": None}})
    assert (missing.status_code, missing.json()["error"]["details"]["field"]) == (400, "auth_token")


def test_a_carrier_that_is_moved_to_another_address_gets_no_secret_there_that_was_not_given_anew(
    other_shop: Callable[..., Shop],
) -> None:
    http = other_shop(credentials_key=KEY).operator().http
    with scripted(lambda _: KNOWN) as carrier, scripted(lambda _: KNOWN) as elsewhere:
        http.post("/admin/carriers/", json=setup_of(carrier.url))
        for options in ({"base_url": elsewhere.url}, {"base_url": None}, {"base_url": elsewhere.url, "at_once": 5}):
            refused = http.patch("/admin/carriers/twilio/", json={"options": options})
            assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "auth_token")
        http.post("/admin/carriers/twilio/check/")
        assert (len(elsewhere.seen), {seen.headers["authorization"] for seen in carrier.seen}) == (0, {_basic(SECRET)})
        same = http.patch("/admin/carriers/twilio/", json={"options": {"base_url": carrier.url, "at_once": 5}})
        assert same.status_code == 200
        moved = {"options": {"base_url": elsewhere.url}, "secrets": {"auth_token": "another-token"}}
        assert http.patch("/admin/carriers/twilio/", json=moved).status_code == 200
        http.post("/admin/carriers/twilio/check/")
        assert {seen.headers["authorization"] for seen in elsewhere.seen} == {_basic("another-token")}


@pytest.mark.parametrize(("changes", "field"), BAD, ids=[f"{field} {place}" for place, (_, field) in enumerate(BAD)])
@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_bad_input_names_the_field_repeats_no_secret_and_leaves_nothing(
    shop: Shop, changes: dict[str, Any], field: str
) -> None:
    http = shop.operator().http
    answer = http.post("/admin/carriers/", json=setup_of("http://127.0.0.1:1029", **changes))
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)
    assert SECRET not in answer.text
    assert http.get("/admin/carriers/").json()["data"] == []


def test_a_name_stands_for_one_account_once_it_has_numbers(other_shop: Callable[..., Shop], carriers: MockUrls) -> None:
    shop = other_shop(credentials_key=KEY)
    http = shop.operator().http
    http.post("/admin/carriers/", json=setup_of(carriers.url))
    other = {"options": {"account_sid": OTHER}}
    assert http.patch("/admin/carriers/twilio/", json=other).json()["data"]["options"]["account_sid"][2] == "1"
    assert http.patch("/admin/carriers/twilio/", json={"options": {"account_sid": ACCOUNT}}).status_code == 200
    carriers.control.orphans(Api.TWILIO, account=ACCOUNT)
    _beside(shop.services, lambda: shop.services.audit.run("twilio"))
    refused = http.patch("/admin/carriers/twilio/", json=other)
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "account_sid")
    moved = http.post("/admin/carriers/", json={"name": "twilio", "kind": "telnyx", "secrets": {"api_key": SECRET}})
    assert (moved.status_code, moved.json()["error"]["details"]["field"]) == (400, "name")
    twin = http.post("/admin/carriers/", json=setup_of(carriers.url, name="twin"))
    assert (twin.status_code, twin.json()["error"]["details"]["field"]) == (400, "account_sid")
    assert http.get("/admin/carriers/twilio/").json()["data"]["options"]["account_sid"] == ACCOUNT


def test_without_a_key_nothing_is_kept_and_with_another_nothing_is_lost(
    other_shop: Callable[..., Shop], carriers: MockUrls
) -> None:
    keyless = other_shop().operator().http
    refused = keyless.post("/admin/carriers/", json=setup_of(carriers.url))
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "secrets")
    assert "numberdesk carriers new-key" in refused.json()["message"]
    assert keyless.get("/admin/carriers/").json()["data"] == []
    right = other_shop(credentials_key=KEY).operator().http
    right.post("/admin/carriers/", json=setup_of(carriers.url))
    other = other_shop(credentials_key=new_key())
    wrong = other.operator().http
    assert "another key" in wrong.get("/admin/carriers/twilio/").json()["data"]["problem"]
    assert "another key" in wrong.post("/admin/carriers/twilio/check/").json()["data"]["said"]
    kept = wrong.patch("/admin/carriers/twilio/", json={"options": {"at_once": "5"}})
    assert (kept.status_code, kept.json()["error"]["details"]["field"]) == (400, "secrets")
    assert wrong.patch("/admin/carriers/twilio/", json={"status": "disabled"}).status_code == 200
    page = other.customer().http.get("/phone-numbers/available-numbers/US/").json()
    assert (page["success"], page["data"]) == (True, [])
    assert right.post("/admin/carriers/twilio/check/").json()["data"]["ok"] is True
    rotated = other_shop(credentials_key=f"{new_key()},{KEY}").operator().http
    assert rotated.patch("/admin/carriers/twilio/", json={"options": {"at_once": "6"}}).status_code == 200
    assert "another key" in right.get("/admin/carriers/twilio/").json()["data"]["problem"]
    again = right.patch("/admin/carriers/twilio/", json={"secrets": {"auth_token": SECRET}}).json()["data"]
    assert (again["problem"], again["options"]["at_once"], again["status"]) == (None, "6", "disabled")


def test_the_ciphertext_of_another_carrier_is_refused_before_anything_is_sent(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop(credentials_key=KEY)
    http = shop.operator().http
    with scripted(lambda _: KNOWN) as carrier:
        for name, account in (("one", ACCOUNT), ("two", OTHER)):
            http.post("/admin/carriers/", json=setup_of(carrier.url, account, name=name))
        with shop.services.database.write() as tx:
            tx.run("UPDATE carriers SET credentials = (SELECT credentials FROM carriers WHERE name = 'one')", [])
            tx.run("UPDATE carriers SET updated_at = updated_at + 1", [])
        shop.services.carriers.forget()
        assert "those of another carrier" in http.post("/admin/carriers/two/check/").json()["data"]["said"]
        assert carrier.seen == []
        assert http.post("/admin/carriers/one/check/").json()["data"]["ok"] is True


def test_no_answer_log_or_database_has_a_secret_though_the_carrier_repeats_it(
    other_shop: Callable[..., Shop], capfd: pytest.CaptureFixture[str]
) -> None:
    shop = other_shop(credentials_key=KEY, access_log=True)
    log.configure("debug")
    http = shop.operator().http

    def repeat(seen: Seen) -> Answer:
        header = seen.headers["authorization"]
        return json_reply(401, {"message": f"what is {header}? is it {SECRET}?", "code": 20003})

    answers: list[httpx.Response] = []
    with scripted(repeat) as carrier:
        answers += [
            http.post("/admin/carriers/", json=setup_of(carrier.url)),
            http.post("/admin/carriers/", json=setup_of(carrier.url, options={"account_sid": "x"})),
            http.post("/admin/carriers/", json=setup_of(carrier.url, kind="telnyx")),
            http.post("/admin/carriers/", json=setup_of(carrier.url, secrets={SECRET: SECRET})),
            http.patch(
                "/admin/carriers/twilio/", json={"secrets": {"auth_token": SECRET}, "options": {"at_once": "x"}}
            ),
            http.post("/admin/carriers/twilio/check/"),
            http.get("/admin/carriers/"),
        ]
        answers.append(shop.customer().http.get("/phone-numbers/available-numbers/US/"))
        _beside(shop.services, lambda: shop.services.audit.run("twilio"))
        answers.append(http.get("/admin/audits/"))
        assert carrier.seen
    log.configure("error")
    said = capfd.readouterr()
    dump = _dump(shop.services)
    assert "carrier not audited" in said.err
    assert ACCOUNT in dump
    basic = _basic(SECRET).removeprefix("Basic ")
    for text in (*(answer.text + str(answer.headers) for answer in answers), said.out, said.err, dump):
        assert SECRET not in text
        assert basic not in text
        assert KEY not in text


def test_an_audit_is_left_to_the_worker_and_its_findings_to_a_person(
    other_shop: Callable[..., Shop], carriers: MockUrls
) -> None:
    shop = other_shop(credentials_key=KEY)
    services, http = shop.services, shop.operator().http
    http.post("/admin/carriers/", json=setup_of(carriers.url, OTHER))
    orphans = [each.phone_number for each in carriers.control.orphans(Api.TWILIO, account=OTHER, count=3)]
    asked = http.post("/admin/carriers/twilio/audit/")
    assert (asked.status_code, asked.json()["data"]["status"]) == (202, "due")
    assert asked.headers["location"] == "/api/v1/admin/audits"
    _beside(services, lambda: _work_off(services, services.audit.due_work))
    (audit,) = http.get("/admin/audits/").json()["data"]
    assert (audit["status"], audit["owned"], audit["found"]) == ("done", 3, 3)
    found: list[dict[str, Any]] = []
    token: str | None = ""
    while token is not None:
        page = http.get("/admin/findings/", params={"page_size": 2, "page_token": token}).json()
        found += page["data"]
        token = page["page"]["next"]
    assert [(each["phone_number"], each["kind"], each["status"]) for each in found] == [
        (e164, "orphan", "open") for e164 in sorted(orphans)
    ]
    kept, given_back, other = sorted(orphans)
    assert _resolve(http, "keep", kept)["status"] == "kept"
    assert _resolve(http, "release", given_back)["status"] == "releasing"
    assert http.get("/admin/carriers/twilio/").json()["data"]["open_findings"] == 1
    (going,) = http.get("/admin/releases/").json()["data"]
    assert (going["phone_number"], going["tries"]) == (given_back, 0)
    _resolve(http, "release", given_back)
    assert len(http.get("/admin/releases/").json()["data"]) == 1
    giving_back = confirm_carrier_releases(services.writer, services.reader, services.carriers, services.now)
    _beside(services, lambda: _work_off(services, giving_back))
    assert http.get("/admin/releases/").json()["data"] == []
    http.post("/admin/carriers/twilio/audit/")
    _beside(services, lambda: _work_off(services, services.audit.due_work))
    left = {each["phone_number"]: each["status"] for each in http.get("/admin/findings/").json()["data"]}
    assert left == {kept: "kept", other: "open"}
    ended = http.get("/admin/findings/", params={"ended": "true"}).json()["data"]
    assert {each["phone_number"]: each["status"] for each in ended}[given_back] == "ended"
    again = http.post("/admin/findings/keep/", json={"carrier": "twilio", "phone_number": given_back})
    assert again.status_code == 404


def _resolve(http: httpx.Client, report: str, e164: str) -> dict[str, Any]:
    answer = http.post(f"/admin/findings/{report}/", json={"carrier": "twilio", "phone_number": e164})
    assert answer.status_code == 200, answer.text
    resolved: dict[str, Any] = answer.json()["data"]
    return resolved


def test_an_audit_that_is_under_way_is_not_begun_again(other_shop: Callable[..., Shop], carriers: MockUrls) -> None:
    shop = other_shop(credentials_key=KEY)
    services, http = shop.services, shop.operator().http
    http.post("/admin/carriers/", json=setup_of(carriers.url))
    services.writer.apply(begin_audits, BeginAudit("twilio", services.now()))
    asked = http.post("/admin/carriers/twilio/audit/").json()["data"]
    assert (asked["status"], asked["ended_at"]) == ("running", None)
    assert services.writer.apply(DUE_AUDITS.take_up, TakeUp("twilio", services.now(), 1)) == []


def test_what_cannot_be_used_as_it_is_stored_is_told_and_keeps_nothing_else_from_working(
    other_shop: Callable[..., Shop], carriers: MockUrls
) -> None:
    shop = other_shop(credentials_key=KEY)
    http = shop.operator().http
    for name, account in (("odd", OTHER), ("twilio", ACCOUNT)):
        http.post("/admin/carriers/", json=setup_of(carriers.url, account, name=name))
    with shop.services.database.write() as tx:
        tx.run("UPDATE carriers SET options = '{}', updated_at = updated_at + 1 WHERE name = 'odd'", [])
    shop.services.carriers.forget()
    assert "cannot use it as it is set up" in http.post("/admin/carriers/odd/check/").json()["data"]["said"]
    assert http.post("/admin/carriers/twilio/check/").json()["data"]["ok"] is True
    offers = "/phone-numbers/available-numbers/US/"
    assert "odd" in http.get(offers, params={"currency": "USD"}).json()["page"]["incomplete"]
    assert shop.customer().http.get(offers).json()["page"]["incomplete"] is True
