"""What operators do with rented numbers in the console: each with a reason, and a confirmation before it."""

from __future__ import annotations

import pytest

from numberdesk.core.roles import Role
from tests.api.conftest import Shop
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in_person

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the endpoints are tried on both

REASON = "=1+1 <b>as agreed</b>"


def confirmation(operator: Browser, number: str, verb: str, **typed: str) -> Page:
    """From a number's page to the confirmation, as a person goes."""
    page = operator.get(f"/console/all-numbers/{number}")
    return operator.send(page.form(f"/console/all-numbers/{number}/{verb}"), reason=REASON, **typed)


def confirmed(operator: Browser, page: Page, **typed: str) -> Page:
    (form,) = [form for form in page.forms if form.action.startswith("/console/all-numbers/")]
    assert form.method == "post"
    return operator.send(form, **typed)


def test_a_number_is_assigned_transferred_taken_back_and_restored_each_after_a_page_that_says_what_it_costs(
    desk: Shop, operator: Browser
) -> None:
    first, second, number = desk.customer(), desk.customer(), desk.number()
    page = confirmation(operator, number, "assign", account_id=first.account_id, charge="yes")
    assert "at 1.15 USD a month" in page.text
    assert "1.15 USD, which leaves 98.85 USD" in page.text
    assert (first.balance(), REASON in page.text) == (100, True)  # nothing is done by looking
    given = confirmed(operator, page)
    assert "The account rents the number now." in given.text
    assert first.balance() == 98.85

    page = confirmation(operator, number, "transfer", account_id=second.account_id)
    assert "at 1.15 USD a month" in page.text
    assert "nothing is charged now" in page.text
    refused = confirmed(operator, page, digits="0000" if number[-4:] != "0000" else "1111")
    assert (refused.status, "last four digits" in refused.text) == (400, True)
    moved = confirmed(operator, refused, digits=number[-4:])
    assert "The other account rents the number now." in moved.text
    late = confirmed(operator, page, digits=number[-4:])  # the confirmation speaks of a rental that ended
    assert (late.status, "meanwhile" in late.text) == (409, True)

    page = confirmation(operator, number, "take-back")
    assert "Nothing is paid back." in page.text
    taken = confirmed(operator, page, digits=number[-4:])
    assert "The number was taken back." in taken.text
    page = confirmation(operator, number, "assign", account_id=second.account_id, price="7")
    assert "at 7.00 USD each period" in page.text  # it rests, and is offered for no period
    page = confirmation(operator, number, "restore")
    assert "nothing is charged before" in page.text
    again = confirmed(operator, page)
    assert "The rental goes on." in again.text
    assert [word in again.text for word in ("assign", "transfer", "take back", "restore")] == [True] * 4
    assert (first.balance(), second.balance()) == (98.85, 100)
    assert number in second.http.get("/phone-numbers/?is_active=true").text
    assert f"/console/all-numbers/{number}" in operator.get("/console/interventions", phone_number=number).links


@pytest.mark.parametrize("price", ["1e99999", "9" * 60, "nan", "-inf", "0"])
def test_a_price_that_is_none_is_refused_before_it_is_written_out_to_an_operator(
    desk: Shop, operator: Browser, price: str
) -> None:
    page = confirmation(operator, desk.number(), "assign", account_id=desk.customer().account_id, price=price)
    assert (page.status, "price must be an amount" in page.text) == (400, True)
    assert len(page.text) < 100_000


def test_who_pays_nothing_now_is_told_so_and_what_cannot_be_assigned_is_said_on_the_numbers_page(
    desk: Shop, operator: Browser
) -> None:
    number, customer = desk.number(), desk.customer()
    page = confirmation(operator, number, "assign", account_id=customer.account_id, price="2.5")
    assert "nothing is charged now" in page.text
    assert "2.50 USD a month" in page.text
    confirmed(operator, page)
    assert customer.balance() == 100
    other = desk.number()
    for typed, status in (
        ({"account_id": "acc_none"}, 404),
        ({"account_id": ""}, 400),
        ({"account_id": customer.account_id, "price": "dear"}, 400),
    ):
        refused = confirmation(operator, other, "assign", **typed)
        assert refused.status == status, refused.text
        assert "There is nothing here" not in refused.text
        assert refused.form(f"/console/all-numbers/{other}/assign").fields["reason"] == [REASON]
    silent = operator.get(f"/console/all-numbers/{other}/assign", account_id=customer.account_id)
    refused = confirmed(operator, silent)
    assert (refused.status, "reason" in refused.text) == (400, True)


def test_rented_numbers_are_found_by_number_and_by_account(desk: Shop, operator: Browser) -> None:
    customer, number, other = desk.customer(), desk.number(), desk.number()
    customer.buy(number)
    desk.customer().buy(other)
    found = operator.get("/console/all-numbers", account_id=customer.account_id)
    assert [link for link in found.links if link.startswith("/console/all-numbers/+")] == [
        f"/console/all-numbers/{number}"
    ]
    assert operator.get("/console/all-numbers", phone_number=number).url == f"/console/all-numbers/{number}"
    assert operator.get("/console/all-numbers", phone_number="twelve").status == 400
    assert operator.get("/console/all-numbers", phone_number="+13619999999").status == 404


def test_who_may_only_look_is_offered_no_interventions(desk: Shop) -> None:
    number, support = desk.number(), signed_in_person(desk, desk.operator().account_id, Role.SUPPORT)
    page = support.get(f"/console/all-numbers/{number}")
    assert (page.status, "What can be done" in page.text) == (200, False)
    assert support.post(f"/console/all-numbers/{number}/take-back", {"reason": "x"}).status == 403
