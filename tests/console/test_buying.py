"""Find a number, confirm, buy: once for each confirmation, at the price that was shown, and told honestly."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import pytest

from carrier_mock.faults import Fault
from carrier_mock.model import Api, Operation
from numberdesk.accounts.model import OPERATOR_SCOPES
from numberdesk.core.purchase import Wallet
from numberdesk.ledger.store import find_wallet
from testbed.carrier_mock import simulated
from testbed.remote import SETTINGS, make_remote_books
from tests.api.conftest import Customer, Shop
from tests.api.test_admin_orders import park
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the purchase is tried on both elsewhere


def wallet(desk: Shop, customer: Customer) -> Wallet:
    found = desk.services.reader.read_now(lambda tx: find_wallet(tx, customer.account_id))
    assert found
    return found


def confirmation(browser: Browser, number: str) -> Page:
    """From the search to the confirmation, as a person goes."""
    found = browser.get("/console/find", country="US", contains=number[-7:])
    (form,) = [form for form in found.forms if form.fields.get("number") == [number]]
    page = browser.send(form)
    assert page.status == 200, page.text
    return page


def test_a_number_is_found_with_its_digits_marked_and_bought_at_the_price_that_was_shown(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number = desk.number(setup=500_000)
    found = browser.get("/console/find", ends_with=number[-4:])
    assert "".join(found.marks) == number[-4:]
    page = confirmation(browser, number)
    assert "To pay now 1.65 USD" in page.text
    assert "Available after 98.35" in page.text
    assert wallet(desk, customer).posted == 100_000_000
    order = browser.send(page.form("/console/buy"))
    assert order.url.startswith("/console/orders/")
    assert "The number is yours." in order.text
    assert wallet(desk, customer).posted == 98_350_000
    assert f"/console/numbers/{number}" in browser.get("/console/numbers").links
    overview = browser.get("/console/").text
    assert "98.35 USD" in overview
    assert "Spent in 30 days 1.65" in overview


def test_double_clicks_the_back_button_and_other_tabs_buy_once(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number = desk.number()
    page, other_tab = confirmation(browser, number), confirmation(browser, number)
    form = page.form("/console/buy")
    first, again = browser.send(form), browser.send(form)
    assert first.url == again.url
    from_the_other = browser.send(other_tab.form("/console/buy"))
    assert from_the_other.status == 200
    assert wallet(desk, customer).entries == 2
    browser.post(
        f"/console/numbers/{customer.http.get(f'/phone-numbers/{number}/').json()['data']['id']}/release",
        {"at": "now", "digits": number[-4:]},
    )
    assert browser.send(form).url == first.url  # the same confirmation again, after the number was given back
    assert wallet(desk, customer).entries == 2


def test_a_price_that_changed_since_the_list_is_told_and_nothing_is_charged(
    another_desk: Callable[..., Shop],
) -> None:
    desk = another_desk(quote_lifetime_seconds=0)
    customer = desk.customer()
    browser, number = signed_in(desk, customer), desk.number()
    page = confirmation(browser, number)
    from testbed.samples import listing_of  # noqa: PLC0415

    desk.list([listing_of(number, area_code="361", price=2_000_000)])
    changed = browser.send(page.form("/console/buy"))
    assert changed.status == 409
    assert "Between the list and now there changed: the price. Nothing was charged." in changed.text
    assert "1.15 2.00" in changed.text
    assert wallet(desk, customer).posted == 100_000_000
    assert "yours" in browser.send(changed.form("/console/buy")).text
    assert wallet(desk, customer).posted == 98_000_000


def test_what_cannot_be_bought_says_why_and_what_to_do(desk: Shop, customer: Customer, browser: Browser) -> None:
    number = desk.number()
    page = confirmation(browser, number)
    desk.customer().buy(number)
    taken = browser.send(page.form("/console/buy"))
    assert taken.status in (404, 409)
    assert "Saved" not in taken.text
    poor = signed_in(desk, desk.customer(balance=0.5))
    shown = confirmation(poor, desk.number())
    assert "0.65 USD is missing" in shown.text
    refused = poor.send(shown.form("/console/buy"))
    assert (refused.status, "insufficient_balance" in refused.text) == (402, True)
    odd = browser.get("/console/buy", number=number, price="free")
    assert odd.status == 400
    assert wallet(desk, customer).posted == 100_000_000


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"contains": "1"}, "contains"),
        ({"country": "XX1"}, ""),
        ({"max_price": "cheap"}, "max price"),
        ({"area_code": "x"}, "area code"),
        ({"page_token": "nonsense"}, "page token"),
    ],
)
def test_a_search_that_cannot_be_read_names_the_field_and_keeps_what_was_typed(
    browser: Browser, query: dict[str, str], says: str
) -> None:
    page = browser.get("/console/find", **query)
    assert page.status == 400
    assert says in page.text
    form = page.form("/console/find")
    assert all(form.fields[name] == [value] for name, value in query.items() if name != "page_token")


def test_a_number_is_given_back_by_its_last_four_digits_and_not_by_others(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number = desk.number()
    rental = customer.buy(number).json()["data"]["id"]
    page = browser.get(f"/console/numbers/{number}")
    form = page.form(f"/console/numbers/{rental}/release")
    wrong = browser.send(form, digits=f"{(int(number[-4:]) + 1) % 10_000:04}", at="now")
    assert (wrong.status, "last four digits" in wrong.text) == (400, True)
    later = browser.send(form, digits=number[-4:])
    assert "will be given back when its paid month ends" in later.text
    assert customer.http.get(f"/phone-numbers/{number}/").json()["data"]["is_active"]
    kept = later.form(f"/console/numbers/{number}/labels")
    browser.send(kept, auto_renew="yes")
    assert customer.http.get(f"/phone-numbers/{number}/").json()["data"]["ends_at"] is None
    gone = browser.send(form, digits=number[-4:], at="now")
    assert "was given back" in gone.text
    assert not customer.http.get(f"/phone-numbers/{number}/").json()["data"]["is_active"]


CARRIERS: Final = "+12125550307"


def test_an_order_that_is_pending_is_neither_and_an_operator_decides_about_it_when_it_is_parked(
    database_url: str, another_desk: Callable[..., Shop]
) -> None:
    with simulated() as mock:
        mock.control.add_numbers({"phone_number": CARRIERS})
        books = make_remote_books(database_url, mock, accounts=1, numbers=(CARRIERS,))
        desk = another_desk(**SETTINGS, answer_timeout_seconds=0.7)
        customer = Browser(desk.url)
        customer.sign_in(books.stock.keys[0])
        mock.control.arm(Fault.LOST_RESET, api=Api.TWILIO, operation=Operation.ORDER, phone_number=CARRIERS)
        page = customer.get("/console/buy", number=CARRIERS, price="1.15")
        order = customer.send(page.form("/console/buy"))
        order_id = order.url.rpartition("/")[2]
        assert "Pending." in order.text
        assert "nothing is charged" in order.text
        assert 'class="state wait"' in order.html
        assert f'hx-get="/console/orders/{order_id}/state"' in order.html
        assert '<noscript><meta http-equiv="refresh"' in order.html
        again = customer.send(page.form("/console/buy"))
        assert again.url == order.url
        assert "Orders that are pending" in customer.get("/console/").text
        park(desk.services, order_id)
        operator = signed_in(desk, desk.operator(OPERATOR_SCOPES))
        assert f"/console/all-orders/{order_id}" in operator.get("/console/").links
        parked = operator.get(f"/console/all-orders/{order_id}")
        assert "Parked since" in parked.text
        refused = operator.send(parked.form(f"/console/all-orders/{order_id}/adopt"))
        assert refused.status in (404, 409, 502), refused.text
        voided = operator.send(parked.form(f"/console/all-orders/{order_id}/void"))
        assert "Nothing was charged" in voided.text
        ended = customer.get(f"/console/orders/{order_id}/state")
        assert "The order failed and nothing was charged." in ended.text
        assert "hx-get" not in ended.html
        late = operator.send(parked.form(f"/console/all-orders/{order_id}/retry"))
        assert late.status == 409
        assert customer.get("/console/").text.count("0.00") >= 1


@pytest.mark.parametrize("ended", ["void", "adopt"])
def test_a_page_of_an_order_that_ended_meanwhile_decides_nothing_and_shows_how_it_ended(
    database_url: str, another_desk: Callable[..., Shop], ended: str
) -> None:
    with simulated() as mock:
        mock.control.add_numbers({"phone_number": CARRIERS})
        books = make_remote_books(database_url, mock, accounts=1, numbers=(CARRIERS,))
        desk = another_desk(**SETTINGS, answer_timeout_seconds=0.7)
        customer = desk.with_key(books.stock.account_ids[0])
        bought = Fault.RESET if ended == "adopt" else Fault.LOST_RESET
        mock.control.arm(bought, api=Api.TWILIO, operation=Operation.ORDER, phone_number=CARRIERS)
        order_id = customer.buy(CARRIERS).json()["data"]["order_id"]
        park(desk.services, order_id)
        path = f"/console/all-orders/{order_id}"
        operator = signed_in(desk, desk.operator(OPERATOR_SCOPES))
        stale = operator.get(path)
        done = operator.send(operator.get(path).form(f"{path}/{ended}"))
        assert done.status == 200, done.text
        before = (customer.http.get("/balance/").json(), customer.http.get("/phone-numbers/").json()["data"])
        for verb in ("adopt", "void", "retry"):
            late = operator.send(stale.form(f"{path}/{verb}"))
            assert late.status == 409, (verb, late.text)
            assert ("completed" if ended == "adopt" else "failed") in late.text
            assert not [form for form in late.forms if form.action.startswith(path)]  # nothing more to decide
        after = (customer.http.get("/balance/").json(), customer.http.get("/phone-numbers/").json()["data"])
        assert [after[0]["data"], after[1]] == [before[0]["data"], before[1]]
        assert after[0]["data"]["held"] == 0


def test_money_is_written_with_all_the_digits_it_has(engine: str) -> None:
    from numberdesk.console.rendering import money  # noqa: PLC0415

    assert engine
    shown = {"0": "0.00", "1.1": "1.10", "0.0085": "0.0085", "1234567.5": "1,234,567.50", "-1.15": "\N{MINUS SIGN}1.15"}
    assert {text: money(Decimal(text)) for text in shown} == shown
    assert money(Decimal("-0.5"), "USD") == "\N{MINUS SIGN}0.50 USD"
    assert money(None) == "\N{EN DASH}"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"price": price} for price in ("1e9999999", "1e5000", "9" * 60, "-1", "0", "nan", "")),
        {"setup_price": "1.0000001"},
        {"per_minute_price_inbound": "1e9999999"},
    ],
)
def test_a_price_that_is_none_is_refused_before_it_is_written_out(browser: Browser, wrong: dict[str, str]) -> None:
    quoted = {"number": "+13612738809", "price": "1", **wrong}
    for page in (browser.get("/console/buy", **quoted), browser.post("/console/buy", quoted)):
        assert page.status == 400
        assert "must be a price" in page.text
