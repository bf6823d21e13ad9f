"""Numbers that stand at a carrier already: adopted from a file in the console, and taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from carrier_mock.model import Api
from numberdesk.infra.vault import new_key
from testbed.carrier_mock import MockUrls, simulated
from tests.api.conftest import Shop
from tests.api.test_admin_adoptions import HEADER
from tests.api.test_admin_carriers import ACCOUNT, setup_of
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in
from tests.console.test_csv import rows_of

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the endpoints are tried on both

PATH: Final = "/console/carriers/twilio/adopt"


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated() as running:
        yield running


def send(operator: Browser, text: str, **typed: str) -> Page:
    return operator.post(
        PATH, {"reason": "they were his", **typed}, files={"file": ("a.csv", text.encode(), "text/csv")}
    )


def test_a_file_is_checked_adopted_and_one_number_of_it_taken_back(
    another_desk: Callable[..., Shop], mock: MockUrls
) -> None:
    mock.control.reset()
    desk = another_desk(credentials_key=new_key())
    desk.operator().http.post("/admin/carriers/", json=setup_of(mock.url)).raise_for_status()
    operator, customer = signed_in(desk, desk.operator()), desk.customer()
    number = next(iter(mock.control.orphans(Api.TWILIO, account=ACCOUNT, count=1))).phone_number
    text = HEADER + f"{number},{customer.account_id},1.15\n"
    assert PATH in operator.get("/console/carriers/twilio").links

    async def audited() -> None:
        await desk.services.audit.run("twilio")
        await desk.services.carriers.close()

    asyncio.run(audited())
    assert PATH in operator.get("/console/findings").links
    checked = send(operator, text, dry_run="yes")
    assert (checked.status, "Nothing was changed: this was a check." in checked.text) == (200, True), checked.text
    assert customer.http.get("/phone-numbers/").json()["data"] == []
    bad = send(operator, text + "+13619999999,nobody,x\n")
    assert rows_of(operator, bad)[1][1:] == ["+13619999999", "price must be a number, like 1.15"]
    assert (bad.status, "Bad lines" in bad.text, bad.form(PATH).fields["reason"]) == (400, True, ["they were his"])
    adopted = send(operator, text)
    assert "The numbers are rented or offered now" in adopted.text
    assert len(customer.http.get("/phone-numbers/").json()["data"]) == 1
    page = operator.get(f"/console/all-numbers/{number}")
    form = page.form(f"/console/all-numbers/{number}/unadopt")
    refused = operator.send(form, reason="a mistake", digits="none")
    assert (refused.status, "last four digits" in refused.text) == (400, True)
    back = operator.send(form, reason="a mistake", digits=number[-4:])
    assert "The adoption was taken back." in back.text
    again = operator.send(form, reason="a mistake", digits=number[-4:])
    assert again.status in (404, 409)
    exported = operator.http.get(f"/console/all-numbers/{number}/csv").text.splitlines()
    assert (exported[0][:7], customer.account_id in exported[1]) == ("Account", True)
