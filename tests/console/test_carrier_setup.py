"""Accounts at carriers in the console: connected and changed by a form of the adapter's own fields, secrets unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from numberdesk.carriers.registry import KINDS
from numberdesk.core.roles import Role
from numberdesk.infra.vault import new_key
from testbed.carrier_mock import MockUrls, simulated
from tests.api.conftest import Shop
from tests.api.test_admin_carriers import ACCOUNT, SECRET, setup_of
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in, signed_in_person
from tests.console.test_kept_forms import entered, sent_too_late

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the endpoints are tried on both

NEW: Final = "/console/carrier-kinds/twilio"
SETTINGS: Final = "/console/carriers/twilio/settings"


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated() as running:
        yield running


@pytest.fixture
def carrier_desk(another_desk: Callable[..., Shop]) -> Shop:
    return another_desk(credentials_key=new_key())


def typed(url: str, **changes: str | None) -> dict[str, Any]:
    wanted = {"name": "twilio", "option.account_sid": ACCOUNT, "option.base_url": url, "secret.auth_token": SECRET}
    return {**wanted, **changes}


def connected(desk: Shop, url: str) -> tuple[Browser, Page]:
    """An operator's browser, and what it shows after an account was connected."""
    operator = signed_in(desk, desk.operator())
    page = operator.send(operator.get(NEW).form(NEW), **typed(url))
    assert (page.status, "Connected." in page.text) == (200, True), page.text
    return operator, page


def test_every_kind_of_carrier_has_a_form_of_its_adapters_own_fields_with_its_secrets_as_passwords(
    operator: Browser,
) -> None:
    links = operator.get("/console/carrier-kinds").links
    assert "/console/carrier-kinds" in operator.get("/console/carriers").links
    for kind, known in KINDS.items():
        path = f"/console/carrier-kinds/{kind}"
        page = operator.get(path)
        inputs = {given.get("name"): given for tag, given in page.tags if tag == "input"}
        assert path in links
        for field in known.all_fields:
            shown = inputs[f"{'secret' if field.secret else 'option'}.{field.name}"]
            assert (shown.get("type") == "password", "required" in shown) == (field.secret, field.required), field
            assert field.meaning in page.text
    assert operator.get("/console/carrier-kinds/pigeon").status == 404


def test_an_account_is_connected_and_what_its_carrier_says_of_it_stands_on_its_page(
    carrier_desk: Shop, mock: MockUrls
) -> None:
    operator, page = connected(carrier_desk, mock.url)
    (checked,) = [given for _, given in page.tags if "note" in (given.get("class") or "")]
    assert checked["class"] == "note good"
    (prices,) = [link for link in page.links if link.startswith("/console/prices?")]
    assert operator.get(prices).form("/console/prices").fields["carrier"] == ["twilio"]
    assert SECRET not in page.html + operator.get(SETTINGS).html
    (done,) = [
        each
        for each in carrier_desk.operator().http.get("/admin/actions/").json()["data"]
        if each["what"] == "POST /admin/carriers"
    ]
    assert (done["via"], done["details"]["kind"], SECRET in str(done)) == ("console", "twilio", False)
    assert list(done["details"]["secrets"]) == ["auth_token"]


def test_a_check_that_fails_keeps_the_account_and_leads_back_to_its_settings(
    carrier_desk: Shop, mock: MockUrls
) -> None:
    operator = signed_in(carrier_desk, carrier_desk.operator())
    page = operator.send(operator.get(NEW).form(NEW), **typed(mock.url, **{"secret.auth_token": "wrong"}))
    assert (page.status, "note bad" in page.html, SETTINGS in page.links) == (200, True, True), page.text
    fixed = operator.send(operator.get(SETTINGS).form(SETTINGS), **{"secret.auth_token": SECRET})
    assert ("Saved." in fixed.text, "note good" in fixed.html) == (True, True), fixed.text


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("option.account_sid", "AC123", "account_sid"),
        ("option.at_once", "0", "at_once"),
        ("option.base_url", "http://10.0.0.1", "base_url"),
        ("name", "Not A Name", "name"),
    ],
)
def test_a_refusal_names_its_field_and_keeps_what_was_typed_but_for_secrets(
    carrier_desk: Shop, field: str, value: str, named: str
) -> None:
    operator = signed_in(carrier_desk, carrier_desk.operator())
    page = operator.send(operator.get(NEW).form(NEW), **typed("http://127.0.0.1:1029", **{field: value}))
    assert (page.status, SECRET in page.html) == (400, False)
    (wrong,) = [given for _, given in page.tags if given.get("aria-invalid")]
    assert (wrong["id"], wrong["value"]) == (f"field-{named}", value)
    assert named.replace("_", " ") in page.text
    again = page.form(NEW).fields
    assert (again["secret.auth_token"], again[field]) == ([""], [value])
    assert carrier_desk.operator().http.get("/admin/carriers/").json()["data"] == []


def test_settings_change_where_the_form_was_changed_and_secrets_stay_until_others_are_typed(
    carrier_desk: Shop, mock: MockUrls
) -> None:
    operator, _ = connected(carrier_desk, mock.url)
    http = carrier_desk.operator().http
    form = operator.get(SETTINGS).form(SETTINGS)
    http.patch("/admin/carriers/twilio/", json={"options": {"read_seconds": "7"}})  # in another tab
    saved = operator.send(form, **{"option.at_once": "5"})
    assert ("Saved." in saved.text, "note good" in saved.html) == (True, True), saved.text
    options = {"account_sid": ACCOUNT, "base_url": mock.url, "at_once": "5", "read_seconds": "7"}
    assert http.get("/admin/carriers/twilio/").json()["data"]["options"] == options
    gone = operator.send(operator.get(SETTINGS).form(SETTINGS), **{"option.at_once": ""})
    assert "Saved." in gone.text
    assert "at_once" not in http.get("/admin/carriers/twilio/").json()["data"]["options"]


def test_another_address_wants_every_secret_anew_and_asks_nobody_before(carrier_desk: Shop, mock: MockUrls) -> None:
    operator, _ = connected(carrier_desk, mock.url)
    form = operator.get(SETTINGS).form(SETTINGS)
    moved = "http://127.0.0.1:1029"
    refused = operator.send(form, **{"option.base_url": moved})
    assert (refused.status, "auth token must be given anew" in refused.text) == (400, True), refused.text
    assert refused.form(SETTINGS).fields["option.base_url"] == [moved]
    there = operator.send(refused.form(SETTINGS), **{"secret.auth_token": "another-token"})
    assert ("Saved." in there.text, "note bad" in there.html) == (True, True), there.text


def test_a_secret_that_is_not_needed_any_more_is_taken_away(carrier_desk: Shop, mock: MockUrls) -> None:
    operator, _ = connected(carrier_desk, mock.url)
    form = operator.get(SETTINGS).form(SETTINGS)
    key = {"option.api_key_sid": "SK" + "1" * 32, "secret.api_key_secret": "key-secret-0815"}
    operator.send(form, **key, **{"without.auth_token": "yes"})
    account = carrier_desk.operator().http.get("/admin/carriers/twilio/").json()["data"]
    assert account["secrets"] == ["api_key_secret"]
    refused = operator.send(operator.get(SETTINGS).form(SETTINGS), **{"without.api_key_secret": "yes"})
    assert (refused.status, refused.form(SETTINGS).fields["without.api_key_secret"]) == (400, ["yes"])


def test_a_name_that_stands_for_an_account_takes_no_other_secrets(carrier_desk: Shop, mock: MockUrls) -> None:
    operator, _ = connected(carrier_desk, mock.url)
    again = operator.send(operator.get(NEW).form(NEW), **typed("http://127.0.0.1:1029"))
    assert (again.status, "stands for an account already" in again.text) == (400, True)
    stands = carrier_desk.operator().http.get("/admin/carriers/twilio/").json()["data"]
    assert stands["options"]["base_url"] == mock.url


def test_without_a_key_for_credentials_the_form_says_so_before_a_secret_is_typed(
    another_desk: Callable[..., Shop],
) -> None:
    desk = another_desk()
    operator = signed_in(desk, desk.operator())
    page = operator.get(NEW)
    assert (page.status, "NUMBERDESK_CREDENTIALS_KEY" in page.text) == (200, True)
    refused = operator.send(page.form(NEW), **typed("http://127.0.0.1:1029"))
    assert (refused.status, "cannot be kept" in refused.text) == (400, True)


def test_those_who_only_look_see_carriers_and_no_way_to_change_them(carrier_desk: Shop, mock: MockUrls) -> None:
    admin = carrier_desk.operator()
    admin.http.post("/admin/carriers/", json=setup_of(mock.url)).raise_for_status()
    for role in (Role.SUPPORT, Role.FINANCE):
        browser = signed_in_person(carrier_desk, admin.account_id, role)
        links = [*browser.get("/console/carriers").links, *browser.get("/console/carriers/twilio").links]
        assert not {NEW, SETTINGS, "/console/carrier-kinds"} & set(links)
        assert [browser.get(path).status for path in (NEW, SETTINGS, "/console/carrier-kinds")] == [403] * 3
        assert browser.post(SETTINGS, {"option.at_once": "1"}).status == 403


def test_secrets_of_a_form_that_was_sent_after_the_session_are_kept_nowhere(carrier_desk: Shop) -> None:
    admin = carrier_desk.operator()
    operator = signed_in(carrier_desk, admin)
    door = sent_too_late(operator, operator.get(NEW), NEW, **typed("http://127.0.0.1:1029", name="mine"))
    assert SECRET not in door.html
    back = entered(operator, door, admin).form(NEW).fields
    assert (back["name"], back["option.account_sid"], back["secret.auth_token"]) == (["mine"], [ACCOUNT], [""])
