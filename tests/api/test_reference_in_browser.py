"""The reference in a real browser: the key stays, Send sends, search finds, and nothing is asked of another host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pytest

from testbed.browser import CHROMIUM, WHY_SKIPPED, Browser
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "pages are the same on both engines"

pytestmark = pytest.mark.skipif(not CHROMIUM, reason=WHY_SKIPPED)

FORM: Final = "document.getElementById('{}').querySelector('.try form')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Browser]:
    """The browser, which must not have asked others for anything, nor complained, when a test ends."""
    browser.look(width=1400)
    browser.asked.clear()
    browser.said.clear()
    yield browser
    assert browser.asked
    assert not [address for address in browser.asked if not address.startswith(shop.url)]
    assert not browser.said


def _give_key(page: Browser, key: str) -> None:
    page.run("document.getElementById('key').focus()")
    page.write(key)


def _outcome(page: Browser, operation: str) -> str:
    return str(page.until(f"{FORM.format(operation)}.querySelector('.outcome pre')?.textContent"))


def test_send_buys_a_number_with_the_readers_key(page: Browser, shop: Shop) -> None:
    customer, number = shop.customer(10), shop.number()
    page.open(f"{shop.url}/docs/numbers#buy")
    _give_key(page, customer.key)
    body = json.dumps({"phone_number": number, "price": 1.15})
    page.run(f"{FORM.format('buy')}.querySelector('textarea').value = {json.dumps(body)}")
    page.run(f"{FORM.format('buy')}.closest('details').open = true")
    page.run(f"{FORM.format('buy')}.querySelector('button').click()")
    assert json.loads(_outcome(page, "buy"))["data"]["phone_number"] == number
    assert customer.balance() == 8.85


def test_send_puts_parameters_where_they_belong(page: Browser, shop: Shop) -> None:
    customer, number = shop.customer(10), shop.number(region="TX")
    customer.buy(number)
    page.open(f"{shop.url}/docs/numbers")
    _give_key(page, customer.key)
    page.run(f"{FORM.format('get_number')}.querySelector('[data-name=number]').value = '{number}'")
    page.run(f"{FORM.format('get_number')}.requestSubmit()")
    assert json.loads(_outcome(page, "get_number"))["data"]["region"] == "TX"
    page.run(f"{FORM.format('list_numbers')}.querySelector('[data-name=page_size]').value = '0'")
    page.run(f"{FORM.format('list_numbers')}.requestSubmit()")
    assert json.loads(_outcome(page, "list_numbers"))["error"]["details"]["field"] == "page_size"
    page.said.clear()  # the browser notes the 400


def test_without_a_key_nothing_is_sent_and_the_page_says_what_to_do(page: Browser, shop: Shop) -> None:
    page.open(f"{shop.url}/docs/billing")
    page.run(f"{FORM.format('balance')}.requestSubmit()")
    assert page.run(f"{FORM.format('balance')}.querySelector('.outcome').textContent").startswith("Put your key")
    assert page.run("document.activeElement.id") == "key"
    assert not [address for address in page.asked if "/api/" in address]


def test_the_key_stays_while_one_reads_on_and_is_kept_nowhere(page: Browser, shop: Shop) -> None:
    page.open(f"{shop.url}/docs/numbers")
    _give_key(page, "nd_test_of_mine")
    assert page.run("document.querySelector('#buy pre').textContent.includes('nd_test_of_mine')")
    page.run("document.querySelector('.navigation a[href=\"/docs/webhooks\"]').click()")
    page.until("document.title.startsWith('Webhooks')")
    assert page.run("location.pathname") == "/docs/webhooks"
    assert page.run("document.querySelector('#webhooks pre').textContent.includes('nd_test_of_mine')")
    assert page.run("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    page.run("history.back()")
    page.until("document.title.startsWith('Numbers')")
    page.open(f"{shop.url}/docs/numbers?again")
    assert page.run("document.querySelector('#buy pre').textContent.includes('YOUR_API_KEY')")


def test_the_keyboard_alone_searches_and_follows(page: Browser, shop: Shop) -> None:
    page.open(f"{shop.url}/docs")
    page.press("/", "/")
    page.write("price_changed")
    page.until("document.querySelector('#found a')")
    page.press("ArrowDown")
    assert page.run("document.activeElement.getAttribute('href')") == "/docs/numbers#buy"
    page.press("Enter", "\r")
    page.until("location.hash === '#buy' && document.title.startsWith('Numbers')")
    page.until("document.querySelector('.navigation [aria-current=true]')?.hash === '#buy'")
    assert page.run("document.getElementById('found').hidden")


def test_a_language_that_was_chosen_is_that_of_every_sample(page: Browser, shop: Shop) -> None:
    page.open(f"{shop.url}/docs/numbers")
    page.run("document.getElementById('buy.sample-1').click()")
    assert page.run("document.getElementById('release_number.sample-1').checked")
    shown = "[...document.querySelectorAll('#release_number .tabs pre')].find(pre => pre.offsetParent).textContent"
    assert page.run(shown).startswith("import requests")
    assert shop.url in page.run(shown)


@pytest.mark.parametrize("width", [400, 800, 1400])
def test_no_page_is_wider_than_the_window(width: int, page: Browser, shop: Shop) -> None:
    page.look(width=width)
    for path in ("/docs", "/docs/numbers", "/docs/admin/carriers", "/docs/errors"):
        page.open(shop.url + path)
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), path


def test_without_a_script_all_can_be_read_and_a_language_chosen(page: Browser, shop: Shop) -> None:
    page.look(width=400, script=False)
    page.open(f"{shop.url}/docs/numbers#buy")
    assert page.run("document.querySelector('#buy .try').hidden")
    assert page.run("document.querySelector('.search').hidden")
    page.run("document.querySelector('label[for=\"buy.sample-1\"]').click()")
    shown = "[...document.querySelectorAll('#buy .tabs pre')].find(pre => pre.offsetParent).textContent"
    assert page.run(shown).startswith("import requests")
    page.run("document.querySelector('label[for=menu]').click()")
    assert page.run("document.querySelector('.navigation a[href=\"/docs/orders\"]').offsetParent !== null")
