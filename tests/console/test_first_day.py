"""A new operator's first day in a browser: a number is sold, rings and is billed, with no terminal but the two links.

Skipped where there is no Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from testbed.pictures import FLAGS, chromium, demo, signed_in

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="there is no chromium here: apt-get install chromium"),
    pytest.mark.long,  # the demo reads its carriers' calls every minute
    pytest.mark.timeout(300),
]


class Clicks:
    """Clicks on a page, counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.many = page, 1  # to sign in by the link
        page.set_default_timeout(10_000)

    def link(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()
        self.many += 1

    def button(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()
        self.many += 1


def test_from_two_links_to_a_number_that_was_sold_has_rung_and_is_billed_in_fifteen_clicks() -> None:
    with demo() as served, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        customers, operators = (signed_in(browser, link) for link in served.links)
        operator, customer = Clicks(operators.new_page()), Clicks(customers.new_page())
        operator.page.goto(f"{served.url}/console/")
        customer.page.goto(f"{served.url}/console/")

        operator.link("Rehearsal")
        operator.button("Buy a number: Lose the answer")
        expect(operator.page.get_by_role("button", name="Call the number")).to_be_visible(timeout=60_000)

        customer.link("Connections")
        customer.link("New connection")
        customer.page.get_by_role("link").filter(has_text="LiveKit").first.click()
        customer.many += 1
        customer.page.locator("input[name$=subdomain]").fill("acme-4f2k")
        customer.button("Add the connection")
        customer.link("Numbers")
        customer.page.locator("td.phone a").first.click()
        customer.many += 1
        number = customer.page.get_by_role("heading", level=1).inner_text()
        customer.page.locator("select[name=connection_id]").select_option(index=1)
        customer.many += 1
        customer.button("Save")

        operator.button("Call the number")
        customer.link("Calls")
        charged = customer.page.locator("tr", has=customer.page.locator("td.phone", has_text=number))
        for _ in range(60):  # the demo reads its carriers' calls every minute
            if charged.count():
                break
            customer.page.wait_for_timeout(2_000)
            customer.page.reload()
        expect(charged.first).to_contain_text("charged")
        customer.link("Money")
        expect(customer.page.locator("tbody")).to_contain_text(number)
        assert operator.many + customer.many == 15
        browser.close()
