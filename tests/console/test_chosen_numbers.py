"""Several numbers at once: said before, done one by one, each with what came of it, and safe to send again."""

from __future__ import annotations

import pytest

from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser, Page
from tests.console.test_connecting import added

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is asked is tried on both elsewhere


def bought(desk: Shop, customer: Customer, count: int) -> dict[str, str]:
    """The rentals of new numbers, by number."""
    return {number: customer.buy(number).json()["data"]["id"] for number in (desk.number() for _ in range(count))}


def chosen(browser: Browser, ids: list[str], do: str, **fields: str) -> Page:
    form = browser.get("/console/numbers", page_size="100").form("/console/numbers/chosen")
    return browser.send(form, chosen=ids, do=do, **fields)


def rental(customer: Customer, number: str) -> dict[str, object]:
    found: dict[str, object] = customer.http.get(f"/phone-numbers/{number}/").json()["data"]
    return found


def test_numbers_are_connected_as_the_confirmation_said_and_twice_changes_nothing(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    mine, connection_id = bought(desk, customer, 3), added(browser)
    (one, two, left), ids = mine, list(mine.values())
    page = chosen(browser, ids[:2], "connect", connection_id=connection_id)
    assert "rings nowhere Front desk" in page.text
    assert (f"/console/numbers/{two}" in page.links, f"/console/numbers/{left}" in page.links) == (True, False)
    assert rental(customer, one)["connection_id"] is None
    form = page.form("/console/numbers/chosen/do")
    assert "2 done." in browser.send(form).text
    assert "2 so already." in browser.send(form).text
    assert [rental(customer, each)["connection_id"] for each in mine] == [connection_id, connection_id, None]
    browser.post(f"/console/numbers/{one}/connection", {"connection_id": ""})
    other = chosen(browser, ids, "connect", connection_id=connection_id).form("/console/numbers/chosen/do")
    browser.post(f"/console/numbers/{left}/connection", {"connection_id": added(browser, "Elsewhere")})
    late = browser.send(other)
    assert ("1 done, 1 so already, 1 not done." in late.text, "changed since you confirmed" in late.text) == (
        True,
        True,
    )


def test_tags_are_added_and_taken_off_beside_those_that_were_there(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    mine = bought(desk, customer, 2)
    one, two = mine
    customer.http.patch(f"/phone-numbers/{one}/", json={"tags": ["old", "vip"], "friendly_name": "Desk"})
    page = chosen(browser, list(mine.values()), "label", add_tags="sales, <b>x</b>", drop_tags="old")
    assert ("Desk · old, vip Desk · vip, sales, <b>x</b>" in page.text, "<b>x" in page.html) == (True, False)
    assert "2 done." in browser.send(page.form("/console/numbers/chosen/do")).text
    assert rental(customer, one)["tags"] == ["vip", "sales", "<b>x</b>"]
    assert (rental(customer, two)["tags"], rental(customer, two)["friendly_name"]) == (["sales", "<b>x</b>"], "")
    refused = browser.send(chosen(browser, [mine[two]], "label", add_tags="x" * 60).form("/console/numbers/chosen/do"))
    assert ("1 not done." in refused.text, "tags" in refused.text) == (True, True)


def test_numbers_are_given_back_when_their_count_is_typed_and_a_rental_that_began_since_is_not(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    mine = bought(desk, customer, 2)
    one, ids = next(iter(mine)), list(mine.values())
    later = browser.send(chosen(browser, ids, "release").form("/console/numbers/chosen/do"), count="2")
    assert "2 done." in later.text
    assert (rental(customer, one)["is_active"], rental(customer, one)["ends_at"] is None) == (True, False)
    form = chosen(browser, ids, "release", at="now").form("/console/numbers/chosen/do")
    wrong = browser.send(form, count="1")
    assert (wrong.status, "must be 2" in wrong.text, rental(customer, one)["is_active"]) == (400, True, True)
    assert "2 done." in browser.send(wrong.form("/console/numbers/chosen/do"), count="2").text
    assert "2 so already." in browser.send(form, count="2").text
    assert [rental(customer, each)["is_active"] for each in mine] == [False, False]


def test_what_is_not_mine_nothing_and_too_many_are_refused(desk: Shop, customer: Customer, browser: Browser) -> None:
    (mine,), theirs = bought(desk, customer, 1).values(), list(bought(desk, desk.customer(), 1).values())
    assert chosen(browser, theirs, "label", add_tags="x").status == 404
    page = chosen(browser, [mine, *theirs], "release", at="now")
    assert ("1 of those chosen" in page.text, "1 number" in page.text) == (True, True)
    both = browser.post(
        "/console/numbers/chosen/do", {"chosen": [f"{theirs[0]}.x"], "do": "release", "at": "now", "count": "1"}
    )
    assert "1 not done." in both.text
    assert chosen(browser, [], "release").status == 400
    many = chosen(browser, [f"rnt_{place}" for place in range(101)], "release")
    assert (many.status, "at most 100" in many.text) == (400, True)
    assert chosen(browser, [mine], "burn").status == 400
    assert chosen(browser, [mine], "label").status == 400
