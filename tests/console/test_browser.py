"""A real browser: pages by keys alone and without scripts, and an order that ends while its page is open.

Skipped where there is no Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from carrier_mock.faults import Fault
from carrier_mock.model import Api, Operation
from numberdesk import worker
from numberdesk.cli.demo_rehearsal import SCHEDULE
from numberdesk.wiring import Parts
from testbed.carrier_mock import simulated
from testbed.pictures import FLAGS, chromium
from testbed.remote import SETTINGS, make_remote_books
from tests.api.conftest import Customer, Shop
from tests.console.conftest import signed_in, staged
from tests.console.test_people import PASSWORD, person

pytestmark = [
    pytest.mark.parametrize("engine", ["sqlite"], indirect=True),  # a browser does not see the engine
    pytest.mark.skipif(chromium() is None, reason="there is no chromium here: apt-get install chromium"),
    pytest.mark.slow,
]
CARRIERS: Final = "+12125550307"


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def tab(chrome: Browser, *, scripts: bool = True) -> Iterator[Page]:
    """A tab far from UTC, in which nothing may be blocked or fail."""
    context = chrome.new_context(java_script_enabled=scripts, locale="en-GB", timezone_id="Asia/Kolkata")
    page = context.new_page()
    amiss: list[str] = []
    page.on("console", lambda message: amiss.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: amiss.append(str(error)))
    yield page
    context.close()
    assert amiss == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_number_is_bought_by_the_keyboard_alone(
    desk: Shop,
    customer: Customer,
    chrome: Browser,
    scripts: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    number = desk.number()
    with tab(chrome, scripts=scripts) as page:
        page.goto(f"{desk.url}/console/find?contains={number[-7:]}")
        expect(page.locator("[autofocus]")).to_be_focused()
        for _ in range(3):  # from the email, which has the focus, past the password and its button
            page.keyboard.press("Tab")
        page.keyboard.type(customer.key)
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/find?*")
        page.get_by_role("button", name=f"Buy {number}").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/buy?*")
        page.get_by_role("button", name=re.compile("^Buy .* for 1.15 USD$")).focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/orders/*")
        expect(page.get_by_text("The number is yours.")).to_be_visible()
        placed = page.locator("time").first
        assert placed.get_attribute("title", timeout=1000) is not None
        assert placed.inner_text().endswith(" UTC") is not scripts
    assert customer.balance() == 98.85


def test_a_passkey_is_added_and_signs_in_by_the_keyboard_alone(desk: Shop, customer: Customer, chrome: Browser) -> None:
    url = desk.url.replace("127.0.0.1", "localhost")
    _, email = person(signed_in(desk, customer), "viewer")
    with tab(chrome) as page:
        devices = page.context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        options = {**kind, "isUserVerified": True, "automaticPresenceSimulation": True}
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        page.goto(f"{url}/console/me")
        page.keyboard.type(email)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_label("Name of the new passkey").focus()
        page.keyboard.type("Ann's laptop")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_text("The passkey was added")).to_be_visible()
        expect(page.get_by_role("cell", name="Ann's laptop")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Sign in with a passkey").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/")
        expect(page.get_by_text(email)).to_be_visible()


def test_an_order_that_is_pending_ends_on_its_open_page(
    database_url: str, another_desk: Callable[..., Shop], chrome: Browser
) -> None:
    with simulated() as mock:
        mock.control.add_numbers({"phone_number": CARRIERS})
        books = make_remote_books(database_url, mock, accounts=1, numbers=(CARRIERS,))
        desk = another_desk(**SETTINGS, answer_timeout_seconds=0.7)
        mock.control.arm(Fault.LOST_RESET, api=Api.TWILIO, operation=Operation.ORDER, phone_number=CARRIERS)
        with tab(chrome) as page:
            page.goto(f"{desk.url}/console/buy?number=%2B{CARRIERS[1:]}&price=1.15")
            page.get_by_label("API key").fill(books.stock.keys[0])
            page.get_by_role("button", name="Sign in with the key").click()
            page.get_by_role("button", name=re.compile("^Buy ")).click()
            expect(page.get_by_text("The carrier has not answered yet.")).to_be_visible()
            order_id = page.url.rpartition("/")[2]
            operator = desk.operator()
            operator.http.post(f"/admin/orders/{order_id}/void/")
            expect(page.get_by_text("The order failed and nothing was charged.")).to_be_visible(timeout=10_000)


def test_a_rehearsed_order_is_watched_until_it_is_adopted(database_url: str, chrome: Browser) -> None:
    with staged(database_url, Parts(order_schedule=SCHEDULE)) as desk, tab(chrome) as page:
        customer, key = desk.customer(), desk.operator().key
        end_work = worker.start(desk.services)
        page.goto(f"{desk.url}/console/")
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in with the key").click()
        page.get_by_role("link", name="Rehearsal", exact=True).click()
        page.get_by_role("button", name="Buy a number: Answer 500").click()
        expect(page.get_by_text("The price is held and nothing is charged.")).to_be_visible(timeout=20_000)
        expect(page.get_by_text("Adopted.")).to_be_visible(timeout=20_000)
        expect(page.get_by_text("98.62", exact=True)).to_be_visible()
        expect(page.get_by_text("in order", exact=True)).to_be_visible()
        end_work()
        assert customer.balance() == 98.62


def test_pages_fit_a_narrow_window_and_the_menu_opens_there(desk: Shop, customer: Customer, chrome: Browser) -> None:
    customer.buy(desk.number())
    with tab(chrome) as page:
        page.set_viewport_size({"width": 400, "height": 800})
        page.goto(f"{desk.url}/console/")
        page.get_by_label("API key").fill(customer.key)
        page.get_by_role("button", name="Sign in with the key").click()
        for name in ("Numbers", "Find a number", "Money", "API keys"):
            page.get_by_text("Menu", exact=True).click()
            page.get_by_role("link", name=name, exact=True).first.click()
            expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
