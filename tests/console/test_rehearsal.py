"""Rehearsals of the demo, from the button to the books: no carrier's mishap charges twice or for nothing."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest

from numberdesk.accounts.people import SCOPES_OF
from numberdesk.cli.demo_rehearsal import SCHEDULE
from numberdesk.console.rehearsal import MISHAPS, Mishap
from numberdesk.console.screens import SCREENS
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.roles import ROLES_OF, Role
from numberdesk.verify.books import verify
from numberdesk.wiring import Parts
from testbed.databases import Databases
from testbed.remote import MovingClock, until_settled
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in, signed_in_person, staged
from tests.console.test_screens import caller_of, opens_to_exactly_those_who_may, path_of
from tests.console.test_signing import is_refused_as_forged

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # a demo's database is a file

PRICE: Final = 1.38
NOBODY: Final = "nobody, it is for sale"


class Theatre(NamedTuple):
    """A service with a stage, its clock, its only customer with money, and an operator at the console."""

    desk: Shop
    clock: MovingClock
    customer: Customer
    operator: Browser

    def settle(self) -> None:
        """Let the worker do all that it can."""
        asyncio.run(until_settled(self.desk.services, self.clock))

    def begin(self, mishap: Mishap) -> Page:
        """Press the button of a mishap; the page of its order, once the carrier has been given up or has answered."""
        self.clock.ahead += 300_000_000  # whatever failed before, the carriers are asked again by now
        page = self.operator.get("/console/rehearsal")
        (form,) = [each for each in page.forms if each.fields.get("mishap") == [mishap]]
        page = self.operator.send(form)
        assert page.status == 200, page.text
        while self.desk.services.placement.under_way:
            time.sleep(0.02)
        return self.state(page)

    def state(self, page: Page) -> Page:
        """The part of a rehearsal's page that changes, as it is now."""
        return self.operator.get(page.url.removesuffix("/state").partition("?")[0] + "/state")

    def wallet(self) -> tuple[float, float]:
        """Posted and held."""
        balance = self.customer.http.get("/balance/").json()["data"]
        return balance["posted"], balance["held"]


@pytest.fixture(scope="module")
def theatre(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """A demo's stage, whose carriers begin with the first rehearsal."""
    clock = MovingClock()
    parts = Parts(now=clock, seconds=clock.seconds, order_schedule=SCHEDULE)
    with staged(made.prepared(tmp_path_factory.mktemp("theatre")), parts) as desk:
        yield Theatre(desk, clock, desk.customer(), signed_in(desk, desk.operator()))


@pytest.mark.parametrize(
    ("mishap", "first", "ended", "who", "charged"),
    [
        (Mishap.ANSWER_LOST, "Pending.", "Adopted.", "we", True),
        (Mishap.LATE, "Pending.", "Adopted.", "we", True),
        (Mishap.ERROR, "Pending.", "Adopted.", "we", True),
        (Mishap.ORDER_LOST, "Pending.", "Voided.", NOBODY, False),
        (Mishap.SOLD, "Refused.", "Refused.", "somebody else", False),
    ],
)
def test_a_mishap_ends_with_a_number_that_is_charged_once_or_with_nothing_charged(
    theatre: Theatre,
    mishap: Mishap,
    first: str,
    ended: str,
    who: str,
    charged: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    posted, held = theatre.wallet()
    page = theatre.begin(mishap)
    assert first in page.text
    assert theatre.wallet() == (posted, held + PRICE if first == "Pending." else held)
    assert ("hx-get" in page.html) is (first == "Pending.")
    theatre.settle()
    page = theatre.state(page)
    assert ended in page.text
    assert f"Who has it {who}" in page.text
    assert f"Sold {int(who != NOBODY)} time" in page.text
    assert theatre.wallet() == (round(posted - PRICE * charged, 2), held)
    assert f"Balance {posted - PRICE * charged:.2f} {posted:.2f} before Held {held:.2f}" in page.text
    assert "Books in order" in page.text
    assert "hx-get" not in page.html
    assert theatre.desk.services.reader.read_now(lambda tx: verify(tx, lambda *_: None)).ok


def test_a_carrier_that_hangs_parks_the_order_until_a_person_decides(theatre: Theatre) -> None:
    posted, held = theatre.wallet()
    page = theatre.begin(Mishap.HANG)
    assert "Pending." in page.text
    theatre.settle()
    parked = theatre.state(page)
    assert "Parked for a person" in parked.text
    assert (parked.html.count("hx-get"), theatre.wallet()) == (1, (posted, held + PRICE))
    here = parked.url.removesuffix("/state")
    shown = theatre.operator.get(here)
    follows = shown.live()
    assert "Decide" not in theatre.operator.get(follows).text, "a button is replaced while somebody may press it"
    refused = theatre.operator.send(shown.form(f"{here}/adopt"))
    assert (refused.status, "does not say that this number is ours" in refused.text) == (502, True), refused.text
    calmed = theatre.operator.send(shown.form("/console/rehearsal/calm"))
    assert "The simulated carriers answer again." in calmed.text
    calm = theatre.operator.get(follows)
    assert ([form.action for form in calm.forms], "rehearsed-deeds" in calm.html) == (
        [f"{here}/{verb}" for verb in ("retry", "adopt", "void")],
        True,
    )
    assert "Decide" not in theatre.operator.get(calm.live()).text
    theatre.clock.ahead += 300_000_000
    theatre.operator.send(calmed.form(f"{here}/retry"))
    theatre.settle()
    ended = theatre.operator.get(calm.live())
    assert [form.action for form in ended.forms] == [f"{here}/call"]
    assert "there is nothing to decide" in ended.text
    assert "Sent 2 times" in ended.text
    assert "Adopted." in ended.text or "Completed." in ended.text
    theatre.clock.ahead += 300_000_000
    rung = theatre.operator.send(theatre.operator.get(here).form(f"{here}/call"))
    assert "The call went nowhere: the number is not connected. 60 seconds are on the carrier's list." in rung.text
    assert (theatre.wallet(), "Books in order" in ended.text) == ((round(posted - PRICE, 2), held), True)


def test_a_form_that_is_sent_twice_begins_one_rehearsal(theatre: Theatre) -> None:
    theatre.clock.ahead += 300_000_000
    page = theatre.operator.get("/console/rehearsal")
    (form,) = [each for each in page.forms if each.fields.get("mishap") == [Mishap.SOLD]]
    assert theatre.operator.send(form).url == theatre.operator.send(form).url
    wrong = theatre.operator.send(form, mishap="flood", form_key="another")
    assert (wrong.status, "must be one of those" in wrong.text) == (400, True)
    assert theatre.operator.get("/console/rehearsal/ord_of_nobody").status == 404


def test_every_mishap_is_offered_with_what_follows(theatre: Theatre) -> None:
    page = theatre.operator.get("/console/rehearsal")
    assert {each.fields["mishap"][0] for each in page.forms if "mishap" in each.fields} == set(Mishap)
    assert all(text.follows in page.text for text in MISHAPS.values())
    assert "/console/rehearsal" in page.links


@pytest.mark.parametrize("role", [*ROLES_OF[AccountKind.OPERATOR], Role.OWNER])
def test_who_may_change_carriers_rehearses_and_other_operators_watch(theatre: Theatre, role: Role) -> None:
    kind = AccountKind.CUSTOMER if role is Role.OWNER else AccountKind.OPERATOR
    account = theatre.desk.customer() if role is Role.OWNER else theatre.desk.operator()
    browser = signed_in_person(theatre.desk, account.account_id, role)
    caller = caller_of(kind, tuple(SCOPES_OF[role]), role)
    opens_to_exactly_those_who_may(browser, caller, [each for each in SCREENS if each.only_demo])


def test_a_forged_request_rehearses_nothing(theatre: Theatre) -> None:
    for screen in SCREENS:
        if screen.only_demo and screen.method != "GET":
            is_refused_as_forged(theatre.operator, path_of(screen), {"Sec-Fetch-Site": "cross-site"})


def test_where_no_demo_runs_there_is_no_rehearsal(operator: Browser) -> None:
    for screen in SCREENS:
        if screen.only_demo:
            path = re.sub(r"\{\w+\}", "ord_x", screen.path)
            answer = operator.get(path) if screen.method == "GET" else operator.post(path, {"mishap": "hang"})
            assert answer.status == 404, screen
    assert "/console/rehearsal" not in operator.get("/console/").links
