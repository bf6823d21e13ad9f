"""What operators do: accounts and their money, keys, imports, prices, carriers; and webhooks and keys of customers."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the endpoints are tried on both


def opened(operator: Browser, name: str) -> Page:
    page = operator.get("/console/accounts")
    made = operator.send(page.form("/console/accounts"), name=name, currency="USD")
    assert (made.status, "Created." in made.text) == (200, True)
    return made


def base_of(page: Page) -> str:
    return page.url.partition("?")[0]


def secret_of(page: Page) -> str:
    found = re.search(r'class="secret"[^>]*>([^<]+)<', page.html)
    assert found
    return found[1]


def test_from_an_empty_account_to_a_customer_who_has_bought_without_a_terminal(desk: Shop, operator: Browser) -> None:
    account = opened(operator, "Clicks and Sons")
    base = base_of(account)
    funded = operator.send(account.form(f"{base}/top-ups"), amount="20", reference="invoice-1")
    assert "The money is in the wallet." in funded.text, funded.text
    assert "20.00 USD" in funded.text
    key = operator.send(funded.form(f"{base}/keys"), name="Ann")
    number = desk.number()
    customer = Browser(desk.url)
    customer.sign_in(secret_of(key))
    page = customer.get("/console/buy", number=number, price="1.15")
    assert "The number is yours." in customer.send(page.form("/console/buy")).text
    assert "18.85 USD" in operator.get(base).text


def test_money_is_moved_once_by_a_form_however_often_it_is_sent(operator: Browser) -> None:
    account = opened(operator, "Double click")
    base = base_of(account)
    form = account.form(f"{base}/top-ups")
    operator.send(form, amount="7.50")
    again = operator.send(form, amount="7.50")
    assert "7.50 USD" in again.text
    changed = operator.send(form, amount="8")
    assert (changed.status, "idempotency_conflict" in changed.text) == (422, True)
    corrected = operator.send(again.form(f"{base}/adjustments"), amount="-1.25", reference="goodwill")
    assert "6.25 USD" in corrected.text
    wrong = operator.send(corrected.form(f"{base}/top-ups"), amount="lots")
    assert (wrong.status, "amount" in wrong.text) == (400, True)
    assert wrong.form(f"{base}/top-ups").fields["amount"] == ["lots"]


def test_an_account_is_limited_suspended_and_let_go_on(operator: Browser) -> None:
    account = opened(operator, "Slow payer")
    base = base_of(account)
    operator.post(f"{base}/change", {"credit_limit": "5"})
    assert "Credit limit 5.00" in operator.get(base).text
    moved = operator.send(operator.get(base).form(f"{base}/change"), time_zone="Europe/Berlin")
    assert moved.form(f"{base}/change").fields["time_zone"] == ["Europe/Berlin"]
    nowhere = operator.post(f"{base}/change", {"time_zone": "Europe"})
    assert (nowhere.status, "name of a time zone" in nowhere.text) == (400, True)
    suspended = operator.post(f"{base}/change", {"status": "suspended"})
    assert "Let it buy again" in suspended.text
    active = operator.post(f"{base}/change", {"status": "active"})
    assert "Suspend Slow payer" in active.text
    twice = operator.post("/console/accounts", {"name": "Slow payer", "currency": "USD"})
    assert twice.status == 400
    assert operator.post("/console/accounts/acc_none/top-ups", {"amount": "1"}).status == 404


def upload(operator: Browser, text: str, **fields: Any) -> Page:
    """Send a file and follow its page until the import has ended, however long that takes."""
    page = operator.post(
        "/console/inventory/import", fields, files={"file": ("numbers.csv", text.encode(), "text/csv")}
    )
    while "you may leave it" in page.text:
        time.sleep(0.05)
        page = operator.get(page.url)
    return page


def test_a_file_is_checked_then_taken_in_and_its_bad_lines_are_named(desk: Shop, operator: Browser) -> None:
    head = "phone_number,region,monthly_price,currency\n"
    good = head + "+13615559101,TX,1.15,USD\n+13615559102,TX,1.15,USD\n"
    checked = upload(operator, good, dry_run="yes")
    assert "File checked" in checked.text
    assert "Nothing was changed" in checked.text
    assert "+1 361-555-9101" not in operator.get("/console/inventory").text
    bad = upload(operator, good + "nonsense,TX,1.15,USD\n=1+1,\uff1d1,-3,USD\n")
    assert "File not imported" in bad.text
    assert bad.url.startswith("/console/inventory/imports/imp_")
    assert operator.get(bad.url).text == bad.text
    rejects = operator.http.get(f"{bad.url}/rejects")
    assert rejects.headers["content-disposition"] == 'attachment; filename="rejected-lines.csv"'
    lines = [line[:-1] for line in csv.reader(rejects.text.splitlines())]
    assert lines == [head.strip().split(","), ["nonsense", "TX", "1.15", "USD"], ["'=1+1", "'\uff1d1", "-3", "USD"]]
    assert bad.url in operator.get("/console/inventory").links
    assert operator.get("/console/inventory/imports/imp_none").status == 404
    assert "2 bad lines" in bad.text
    assert "4" in bad.text
    skipped = upload(operator, good + "nonsense,TX,1.15,USD\n", skip_bad="yes", dry_run="yes")
    assert "bad 1" in skipped.text
    taken = upload(operator, good)
    assert "File imported" in taken.text
    assert "new 2" in taken.text
    listed = operator.get("/console/inventory", state="available", carrier="pool")
    assert "+1 361-555-9101" in listed.text
    others = upload(operator, good, shown_to="somebody else", dry_run="yes")
    assert (others.status, "shown to somebody else" in others.text) == (403, True)
    empty = b'--x\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--x--\r\n'
    headers = {"Origin": desk.url, "Content-Type": "multipart/form-data; boundary=x"}
    nothing = Page(operator.http.post("/console/inventory/import", content=empty, headers=headers))
    assert (nothing.status, "must be chosen" in nothing.text) == (400, True)
    broken = operator.http.post("/console/inventory/import", content=b"--x\r\nnonsense", headers=headers)
    assert broken.status_code == 400
    assert operator.http.post(
        "/console/inventory/import", content=b"a=b", headers={"Origin": desk.url}
    ).status_code == 415  # fmt: skip


def test_a_large_file_goes_through_in_pieces(operator: Browser) -> None:
    lines = "".join(f"+1361{200_0000 + place},TX,1.15,USD\n" for place in range(30_000))
    page = upload(operator, "phone_number,region,monthly_price,currency\n" + lines, dry_run="yes")
    assert "good 30,000" in page.text


def test_a_file_that_is_announced_too_large_is_refused_before_it_is_read(another_desk: Callable[..., Shop]) -> None:
    desk = another_desk(import_limit_bytes=1024)
    operator = signed_in(desk, desk.operator())
    page = upload(operator, "x" * 100_000)
    assert (page.status, "more than 1,024 bytes" in page.text) == (413, True)
    within = upload(operator, "phone_number\n" + "x" * 2_000)  # as large as its form may be, but not the file
    assert (within.status, "too large" in within.text) == (413, True)


def test_price_rules_and_exchange_rates_are_set_and_removed(operator: Browser) -> None:
    page = operator.get("/console/prices")
    form = page.form("/console/prices")
    made = operator.send(form, prefix="1999", price="2.50", per_minute_price_inbound="0.01")
    assert "The rule is set." in made.text
    assert "1999" in made.text
    wrong = operator.send(form, prefix="1998", price="free")
    assert (wrong.status, "price" in wrong.text) == (400, True)
    assert [f.fields["prefix"] for f in wrong.forms if "prefix" in f.fields] == [["1998"]]
    before = {each.action for each in page.forms}
    (remove,) = [f for f in made.forms if f.action.endswith("/remove") and f.action not in before]
    assert "Removed." in operator.send(remove).text
    rated = operator.post("/console/rates", {"base": "EUR", "quote": "USD", "rate": "1.08"})
    assert "1.08" in rated.text
    assert "Removed." in operator.post("/console/rates/EUR/USD/remove").text


def test_a_webhook_is_added_shown_once_tested_disabled_and_deleted(customer: Customer, browser: Browser) -> None:
    page = browser.get("/console/webhooks")
    made = browser.send(page.form("/console/webhooks"), url="http://127.0.0.1:8080/hooks", kinds=["number.purchased"])
    secret = secret_of(made)
    assert secret.startswith("whsec_")
    (hook,) = customer.http.get("/webhooks/").json()["data"]
    base = f"/console/webhooks/{hook['id']}"
    shown = browser.get(base)
    assert secret not in shown.html
    tested = browser.send(shown.form(f"{base}/test"))
    assert "did not arrive" in tested.text
    disabled = browser.send(shown.form(f"{base}/state"))
    assert "Nothing is sent since" in disabled.text
    assert "Deleted." in browser.send(disabled.form(f"{base}/delete")).text
    refused = browser.send(page.form("/console/webhooks"), url="http://10.0.0.1/")
    assert (refused.status, "url" in refused.text) == (400, True)
    assert refused.form("/console/webhooks").fields["url"] == ["http://10.0.0.1/"]


def test_a_failed_delivery_is_sent_again(desk: Shop, customer: Customer, browser: Browser) -> None:
    from numberdesk import worker  # noqa: PLC0415

    customer.http.post("/webhooks/", json={"url": "http://127.0.0.1:8080/hooks", "kinds": ["number.purchased"]})
    customer.buy(desk.number())
    import asyncio  # noqa: PLC0415

    asyncio.run(worker.number_events(desk.services, lambda: False))
    (hook,) = customer.http.get("/webhooks/").json()["data"]
    page = browser.get(f"/console/webhooks/{hook['id']}")
    assert "number.purchased" in page.text
    (again,) = [form for form in page.forms if "/deliveries/" in form.action and form.action.endswith("/replay")]
    assert "being sent again" in browser.send(again).text


def test_a_key_is_shown_once_and_gives_no_more_than_its_maker_has(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    page = browser.get("/console/keys")
    made = browser.send(page.form("/console/keys"), name="reader", scopes=["numbers:read"])
    text = secret_of(made)
    assert made.headers["cache-control"] == "no-store"
    assert text not in browser.get("/console/keys").html
    reader = Browser(desk.url)
    assert reader.sign_in(text).url == "/console/"
    assert reader.get("/console/money").status == 403
    assert reader.get("/console/keys").status == 403
    refused = browser.post("/console/keys", {"name": "more", "scopes": ["admin"]})
    assert refused.status in (400, 403)
    (key,) = [key for key in customer.http.get("/api-keys/").json()["data"] if key["name"] == "reader"]
    gone = browser.post(f"/console/keys/{key['id']}/revoke")
    assert "was revoked" in gone.text
    assert reader.get("/console/").url.startswith("/console/sign-in")
    assert browser.post("/console/keys", {"name": "late", "expires_at": "2020-01-01T00:00"}).status == 400
