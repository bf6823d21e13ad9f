"""Adopting the numbers of an account at a carrier over HTTP: as by the command, and safe to send again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest

from carrier_mock.model import Api
from numberdesk.infra.vault import new_key
from testbed.carrier_mock import MockUrls, simulated
from tests.api.conftest import Customer, Shop
from tests.api.test_admin_carriers import ACCOUNT, setup_of

POSTGRESQL_IN_THE_LONG_RUN: Final = "the flow is tested on both engines by tests/flows/test_adopt_numbers.py"
HEADER: Final = "phone_number,account,price\n"


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated() as running:
        yield running


@pytest.fixture
def desk(other_shop: Callable[..., Shop], mock: MockUrls) -> Customer:
    mock.control.reset()
    desk = other_shop(credentials_key=new_key()).operator()
    assert desk.http.post("/admin/carriers/", json=setup_of(mock.url)).status_code == 200
    return desk


def adopt(http: httpx.Client, text: str | bytes, carrier: str = "twilio", kind: str = "text/csv", **query: Any) -> Any:
    path, body = f"/admin/carriers/{carrier}/adopt/", text.encode() if isinstance(text, str) else text
    return http.post(path, content=body, headers={"content-type": kind}, params=query)


def rentals(desk: Customer) -> list[tuple[str, str]]:
    found = desk.http.get("/admin/phone-numbers/").json()["data"]
    return sorted((one["phone_number"], one["account_id"]) for one in found)


def test_a_file_is_checked_adopted_once_and_may_be_sent_again(desk: Customer, mock: MockUrls) -> None:
    here = sorted(each.phone_number for each in mock.control.orphans(Api.TWILIO, account=ACCOUNT, count=3))
    made = desk.http.post("/admin/accounts/", json={"name": "First customer", "currency": "USD"}).json()["data"]
    text = HEADER + f"{here[0]},First customer,1.15\n{here[1]},{made['id']},2\n"
    tried = adopt(desk.http, text, dry_run=True).json()
    assert (tried["message"], tried["data"]["rented"], tried["data"]["saved"]) == ("Adoption checked", 2, False)
    assert rentals(desk) == []
    adopted = adopt(desk.http, text, reason="they were his").json()
    expected = {"carrier": "twilio", "owned": 3, "rented": 2, "offered": 0, "already": 0, "bad": [], "saved": True}
    assert (adopted["message"], adopted["data"]) == ("Numbers adopted", expected)
    again = adopt(desk.http, text).json()["data"]
    assert again == {**expected, "rented": 0, "already": 2}
    assert rentals(desk) == [(here[0], made["id"]), (here[1], made["id"])]
    done = desk.http.get("/admin/interventions/").json()["data"]
    assert [(one["action"], one["reason"], one["made_by"][:4]) for one in done] == [
        ("adopt", "they were his", "key_")
    ] * 2
    bad = HEADER + f"{here[2]},First customer,1.15\n+13619999999,First customer,1.15\n"
    refused = adopt(desk.http, bad)
    assert (refused.status_code, refused.json()["error"]["details"]["bad_lines"]) == (
        400,
        [{"line": 3, "phone_number": "+13619999999", "reason": "phone_number is not on the account at twilio"}],
    )
    assert len(rentals(desk)) == 2
    skipped = adopt(desk.http, bad, skip_bad=True).json()["data"]
    assert (skipped["rented"], len(skipped["bad"]), len(rentals(desk))) == (1, 1, 3)


def test_what_was_adopted_by_mistake_is_taken_back_once(desk: Customer, mock: MockUrls) -> None:
    here = sorted(each.phone_number for each in mock.control.orphans(Api.TWILIO, account=ACCOUNT, count=2))
    assert desk.http.post("/admin/accounts/", json={"name": "First customer", "currency": "USD"}).status_code == 200
    text = f"phone_number,account,price,currency\n{here[0]},First customer,1.15,USD\n{here[1]},sale,1.15,USD\n"
    assert adopt(desk.http, text).json()["data"]["saved"]
    rental, offer = (unadopt(desk.http, e164).json()["data"] for e164 in here)
    assert (rental["rental"]["phone_number"], rental["rental"]["status"]) == (here[0], "released")
    assert rental["offer"] is None
    assert (offer["rental"], offer["offer"]["phone_number"], offer["offer"]["carrier"]) == (None, here[1], "twilio")
    assert rentals(desk) == []
    done = desk.http.get("/admin/interventions/").json()["data"]
    assert (done[0]["action"], done[0]["reason"]) == ("undo_adoption", "by mistake")
    refused = [unadopt(desk.http, e164) for e164 in here] + [unadopt(desk.http, here[0], reason="")]
    assert [answer.status_code for answer in refused] == [404, 404, 400]


def unadopt(http: httpx.Client, e164: str, reason: str = "by mistake") -> httpx.Response:
    return http.post(f"/admin/phone-numbers/{e164}/unadopt/", json={"reason": reason})


def test_what_is_no_file_of_numbers_is_refused_and_names_what_is_wrong(desk: Customer) -> None:
    for sent, status, field in (
        (adopt(desk.http, HEADER, kind="application/json"), 415, None),
        (adopt(desk.http, b"\xff\xfe,"), 400, "file"),
        (adopt(desk.http, "phone_number\n"), 400, "file"),
        (adopt(desk.http, HEADER, reason=""), 400, "reason"),
        (adopt(desk.http, HEADER, reason="x" * 201), 400, "reason"),
        (adopt(desk.http, HEADER, carrier="nobody"), 404, None),
    ):
        error = sent.json()["error"]
        assert (sent.status_code, error.get("details", {}).get("field")) == (status, field), sent.text
