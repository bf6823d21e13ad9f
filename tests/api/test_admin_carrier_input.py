"""What operators send about carriers over HTTP by mistake or to do harm: refused by name, what works is not harmed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

from numberdesk.core.periods import iso_seconds
from numberdesk.infra.vault import new_key
from testbed.egress import INSIDE, ODD_HOSTS, listening
from testbed.scripted import json_reply, scripted
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "what is wrong in a request is seen before the database is asked"

KEY: Final = new_key()
SECRET: Final = "s3cret-t0ken-of-ours-4711"
ACCOUNT: Final = "AC" + "0" * 31 + "7"


def _setup(url: str, secret: str = SECRET) -> dict[str, Any]:
    return {
        "name": "twilio", "kind": "twilio", "options": {"account_sid": ACCOUNT, "base_url": url},
        "secrets": {"auth_token": secret},
    }  # fmt: skip


def test_lists_of_a_carrier_that_is_not_connected_are_refused(other_shop: Callable[..., Shop]) -> None:
    http = other_shop(credentials_key=KEY).operator().http
    assert http.post("/admin/carriers/", json=_setup("http://127.0.0.1:1029")).status_code == 200
    for path in ("/admin/findings/", "/admin/price-rules/", "/admin/inventory/"):
        for name in ("nope", "", "Twilio"):
            refused = http.get(path, params={"carrier": name})
            assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "carrier"), path
        for known in ("pool", "twilio"):
            assert http.get(path, params={"carrier": known}).json()["data"] == []


def test_options_may_be_whole_numbers_and_nothing_else_but_text(other_shop: Callable[..., Shop]) -> None:
    http = other_shop(credentials_key=KEY).operator().http
    http.post("/admin/carriers/", json=_setup("http://127.0.0.1:1029"))
    changed = http.patch("/admin/carriers/twilio/", json={"options": {"at_once": 10}})
    assert (changed.status_code, changed.json()["data"]["options"]["at_once"]) == (200, "10")
    for value, field in (
        (0, "at_once"), (-1, "at_once"), (10**30, "at_once"), (1.5, "options"), (True, "options"), ([10], "options"),
    ):  # fmt: skip
        refused = http.patch("/admin/carriers/twilio/", json={"options": {"at_once": value}})
        assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, field), value
    secret = http.patch("/admin/carriers/twilio/", json={"secrets": {"auth_token": 4711}})
    assert (secret.status_code, secret.json()["error"]["details"]["field"]) == (400, "secrets")
    assert http.get("/admin/carriers/twilio/").json()["data"] == changed.json()["data"]


def test_connecting_under_a_name_that_is_there_is_refused_and_the_account_keeps_its_secrets(
    other_shop: Callable[..., Shop],
) -> None:
    http = other_shop(credentials_key=KEY).operator().http
    with scripted(lambda _: json_reply(200, {"balance": "1", "currency": "USD"})) as carrier:
        made = http.post("/admin/carriers/", json=_setup(carrier.url)).json()
        again = http.post("/admin/carriers/", json=_setup(carrier.url, "of-another-account"))
        assert (again.status_code, again.json()["error"]["details"]["field"]) == (400, "name")
        assert "PATCH" in again.json()["message"]
        http.post("/admin/carriers/twilio/check/")
        sent = base64.b64decode(carrier.seen[0].headers["authorization"].removeprefix("Basic "))
    assert sent == f"{ACCOUNT}:{SECRET}".encode()
    assert made["message"] == "Carrier connected"
    assert http.get("/admin/carriers/twilio/").json()["data"] == made["data"]


def test_a_carrier_that_fails_again_and_again_is_shown_as_left_alone_by_searches_only(
    other_shop: Callable[..., Shop],
) -> None:
    shop = other_shop(credentials_key=KEY)
    http, customer = shop.operator().http, shop.customer()
    http.post("/admin/carriers/", json=_setup("http://127.0.0.1:1029"))
    for area_code in range(201, 206):
        page = customer.http.get(f"/phone-numbers/available-numbers/US/?area_code={area_code}").json()
        assert page["page"] == {"next": None, "incomplete": True}
    (seen,) = http.get("/admin/carriers/").json()["data"]
    assert 0 < seen["search_paused_seconds"] <= 10
    assert (seen["failures"], seen["paused_seconds"], seen["failures_since"]) == (
        0,
        0,
        None,
    )  # orders are another thing
    assert seen["created_at"] <= seen["search_failures_since"] <= iso_seconds(shop.services.now())


def test_a_carrier_is_not_moved_to_an_address_inside_and_no_secret_of_it_arrives_there(
    other_shop: Callable[..., Shop],
) -> None:
    """With all secrets given anew, as a new address needs, and checked afterwards all the same."""
    http = other_shop(credentials_key=KEY, egress_allow="").operator().http
    before = http.post("/admin/carriers/", json=_setup("https://8.8.8.8")).json()["data"]
    with listening() as listener:
        places = (*INSIDE, *ODD_HOSTS)
        for url in [f"{scheme}://{host}:{listener.port}" for scheme in ("https", "http") for host in places]:
            body = {"options": {"base_url": url}, "secrets": {"auth_token": SECRET}}
            for answer in (
                http.patch("/admin/carriers/twilio/", json=body),
                http.post("/admin/carriers/", json={**_setup(url), "name": "another"}),
            ):
                assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "base_url"), url
                assert answer.json()["message"].startswith("base_url must ")
                assert SECRET not in answer.text
        assert listener.arrived == []
    assert http.get("/admin/carriers/").json()["data"] == [before]


def test_an_address_that_was_allowed_once_is_asked_nothing_when_it_is_not_any_more(
    other_shop: Callable[..., Shop],
) -> None:
    with scripted(lambda _: json_reply(200, {"balance": "1", "currency": "USD"})) as carrier:
        http = other_shop(credentials_key=KEY).operator().http
        assert http.post("/admin/carriers/", json=_setup(carrier.url)).status_code == 200
        closed = other_shop(credentials_key=KEY, egress_allow="").operator().http
        said = closed.post("/admin/carriers/twilio/check/").json()["data"]
        assert said["ok"] is False
        assert "requests to it are not sent" in said["said"]
        assert "NUMBERDESK_EGRESS_ALLOW" in said["said"]
        assert carrier.seen == []
        changed = closed.patch("/admin/carriers/twilio/", json={"options": {"at_once": "3"}})
        assert changed.status_code == 200
