"""Every screen with every set of rights, taken from the declarations of screens, and what every page has in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import pytest

from numberdesk.accounts.model import SCOPES, Caller, scopes_out_of_place
from numberdesk.accounts.people import SCOPES_OF
from numberdesk.console.pages.lists import CALLS
from numberdesk.console.screens import SCREENS, Screen, menu_of
from numberdesk.console.site import Console  # noqa: F401  its import declares the screens
from numberdesk.console.visit import endpoint_named, may
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.roles import ROLES_OF, Role
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in, signed_in_person

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is shown does not depend on it

CUSTOMERS: Final = [scope for scope in SCOPES if not scopes_out_of_place(AccountKind.CUSTOMER, [scope])]
OPERATORS: Final = [scope for scope in SCOPES if not scopes_out_of_place(AccountKind.OPERATOR, [scope])]
ROLES: Final = {
    **{f"a customer with {scope}": (AccountKind.CUSTOMER, (scope,), None) for scope in CUSTOMERS},
    **{f"an operator with {scope}": (AccountKind.OPERATOR, (scope,), None) for scope in OPERATORS},
    **{f"the {role} of {kind}s": (kind, tuple(SCOPES_OF[role]), role) for kind in ROLES_OF for role in ROLES_OF[kind]},
}
TURNS: Final = 3
"""Of the screens that one scope does not open, each is tried with every third of them, beside all roles of people."""

ABSENT: Final = {
    "number": "+13614440000",
    "name": "nowhere",
    "base": "EUR",
    "quote": "USD",
}
"""What fills a path's fields; ids are made of their names."""


def path_of(screen: Screen) -> str:
    """The path of a screen, about things that nobody has."""
    return re.sub(r"\{(\w+)\}", lambda found: ABSENT.get(found[1], f"xxx_{found[1]}"), screen.path)


def caller_of(kind: AccountKind, scopes: tuple[str, ...], role: Role | None = None) -> Caller:
    return Caller("acc_x", "key_x", "USD" if kind is AccountKind.CUSTOMER else "", frozenset(scopes), kind, role)


@pytest.mark.parametrize("turns", [TURNS, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("role", ROLES)
def test_a_screen_opens_to_exactly_those_whose_key_may_ask_what_it_shows(desk: Shop, role: str, turns: int) -> None:
    kind, scopes, of_person = ROLES[role]
    account = desk.customer(scopes=scopes) if kind is AccountKind.CUSTOMER else desk.operator(scopes)
    caller = caller_of(kind, scopes, of_person)
    browser = signed_in(desk, account) if of_person is None else signed_in_person(desk, account.account_id, of_person)
    shown = [each for each in SCREENS if not each.only_demo]
    if of_person is None:
        mine = list(ROLES).index(role) % turns
        shown = [each for place, each in enumerate(shown) if may_ask(caller, each) or place % turns == mine]
    opens_to_exactly_those_who_may(browser, caller, shown)


def may_ask(caller: Caller, screen: Screen) -> bool:
    return all(may(caller, name) for name in screen.asks)


def opens_to_exactly_those_who_may(browser: Browser, caller: Caller, screens: Sequence[Screen]) -> None:
    """Every screen, every button of one included, is refused to exactly those who may not ask what it asks."""
    for screen in screens:
        if screen.method == "GET":
            page = browser.get(path_of(screen))
        elif screen.reads_form:
            page = browser.post(path_of(screen), {"digits": "0000", "url": "no address"})
        else:
            page = browser.post(path_of(screen), {"country": "US"}, files={"file": ("a.csv", b"", "text/csv")})
        assert (page.status == 403) is not may_ask(caller, screen), (screen.method, screen.path, page.status, page.text)
        assert page.status in (200, 400, 403, 404, 422), (screen.method, screen.path, page.status)


def test_every_screen_asks_endpoints_that_are_there_and_the_menu_leads_to_screens(engine: str) -> None:
    assert engine
    paths = {screen.path for screen in SCREENS if screen.method == "GET"}
    for screen in SCREENS:
        for name in screen.asks:
            endpoint_named(name)
    for kind, scopes in ((AccountKind.CUSTOMER, tuple(CUSTOMERS)), (AccountKind.OPERATOR, tuple(OPERATORS))):
        caller = caller_of(kind, scopes)
        for items in menu_of(caller, demo=True).values():
            assert {item.path for item in items} <= paths
            assert all(may(caller, item.asks) for item in items)


def pages(browser: Browser) -> list[Page]:
    """Every page without a field in its path."""
    shown = [each for each in SCREENS if each.method == "GET" and "{" not in each.path and not each.only_demo]
    found = []
    for screen in shown:
        if not screen.path.endswith(("/csv", "/buy")):
            page = browser.get(screen.path)
            if page.status != 403:
                found.append(page)
    return found


def test_no_page_has_a_script_or_a_style_of_its_own_nor_anything_from_elsewhere(
    browser: Browser, operator: Browser
) -> None:
    for page in [*pages(browser), *pages(operator), Browser(browser.url).get("/console/sign-in")]:
        for tag, given in page.tags:
            assert not [name for name in given if name.startswith("on") or name == "style"], (page.url, tag, given)
            assert tag != "style"
            assert tag != "script" or given.get("src"), page.url
            for name in ("src", "href", "action"):
                assert (given.get(name) or "/").startswith(("/", "#")), (page.url, tag, given)


def test_every_control_has_a_label_and_every_page_a_heading_and_a_name(browser: Browser, operator: Browser) -> None:
    seen = 0
    for page in [*pages(browser), *pages(operator), Browser(browser.url).get("/console/sign-in")]:
        labels = {given.get("for") for tag, given in page.tags if tag == "label"}
        ids = [given["id"] or "" for _, given in page.tags if given.get("id")]
        assert len(ids) == len(set(ids)), (page.url, sorted(each for each in ids if ids.count(each) > 1))
        for tag, given in page.tags:
            wraps = given.get("type") in ("checkbox", "radio")
            if tag in ("input", "select", "textarea") and given.get("type") != "hidden" and not wraps:
                assert given.get("id") in labels, (page.url, given)
                seen += 1
        assert [tag for tag, _ in page.tags].count("h1") == 1, page.url
        assert "<title>" in page.html
    assert seen > 40


NASTY: Final = '"><script>alert(1)</script>{{7*7}}'


def test_what_people_write_is_shown_as_they_wrote_it_and_never_run(
    desk: Shop, customer: Customer, browser: Browser, operator: Browser
) -> None:
    number = desk.number()
    customer.buy(number)
    page = browser.get(f"/console/numbers/{number}")
    form = page.form(f"/console/numbers/{number}/labels")
    page = browser.send(form, friendly_name=NASTY, agent_id=NASTY, tags="=1+1, <b>x</b>")
    assert (page.status, "Saved." in page.text) == (200, True)
    made = browser.post("/console/keys", {"name": NASTY})
    assert made.status == 200
    account = operator.post("/console/accounts", {"name": f"{NASTY} {number}", "currency": "USD"})
    for shown in (
        page,
        browser.get("/console/numbers"),
        browser.get("/console/keys"),
        account,
        operator.get(f"/console/accounts?x={NASTY}"),
        browser.get("/console/find", contains=NASTY, locality=NASTY),
        browser.get("/console/numbers", region=NASTY, said=NASTY),
        browser.get(f"/console/link?token={NASTY}"),
        browser.get(f"/console/{NASTY}"),
    ):
        assert "<script>alert" not in shown.html, shown.url
    assert NASTY in browser.get("/console/numbers").text  # as it was written, and nothing in it worked out


def test_a_table_as_csv_runs_nothing_in_a_spreadsheet(desk: Shop, customer: Customer, browser: Browser) -> None:
    number = desk.number()
    customer.buy(number)
    for label in ("=HYPERLINK(1)", "+cmd|1", "-2+3", "@SUM(1)", " =1", "＝1+1", "\u00a0=1"):  # noqa: RUF001
        browser.post(f"/console/numbers/{number}/labels", {"friendly_name": label, "auto_renew": "yes", "tags": "=x,b"})
        answer = browser.http.get("/console/numbers/csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["content-disposition"]
        head, line = answer.text.splitlines()
        assert head.startswith("Number,Label,State,")
        cells = line.split(",")
        assert (cells[0], cells[1].strip('"'), cells[-1]) == (number, f"'{label.strip()}", "'=x b")
    assert browser.http.get("/console/calls/csv").text.strip() == ",".join(each.title for each in CALLS.columns)


def test_tables_page_and_their_export_has_all_rows(desk: Shop, customer: Customer, browser: Browser) -> None:
    numbers = [desk.number() for _ in range(27)]
    for number in numbers:
        customer.buy(number)
    first = browser.get("/console/numbers?status=active")
    (follows,) = [link for link in first.links if "page_token" in link]
    second = browser.get(follows)
    shown = [[link for link in page.links if link.startswith("/console/numbers/+")] for page in (first, second)]
    assert (len(shown[0]), len(shown[1])) == (25, 2)
    assert "status=active" in follows
    assert "/console/numbers?status=active" in second.links
    exported = browser.http.get("/console/numbers/csv?status=active").text.splitlines()
    assert len(exported) == 28


def test_errors_are_pages_that_say_what_to_do(browser: Browser) -> None:
    missing = browser.get("/console/nothing")
    assert (missing.status, "no such page" in missing.text) == (404, True)
    assert browser.get("/console/static/../../site.py").status == 404
    assert browser.get("/console/static/nothing.css").status == 404
    wrong = browser.get("/console/numbers", phone_number="twelve")
    assert (wrong.status, "phone number" in wrong.text) == (400, True)
    assert browser.http.put("/console/numbers").status_code == 405
    answer = browser.http.post("/console/keys", json={"name": "x"}, headers={"Origin": browser.url})
    assert answer.status_code == 415
    big = browser.post("/console/keys", {"name": "x" * 100_000})
    assert big.status == 413
    for page in (missing, wrong, big):
        assert "/console/" in page.links


def test_every_list_on_a_page_is_exported_as_csv(
    desk: Shop, customer: Customer, browser: Browser, operator: Browser
) -> None:
    number = desk.number()
    customer.buy(number)
    made = customer.http.post(
        "/connections/", json={"name": "=1+1", "kind": "sip", "targets": [{"uri": "sip:127.0.0.1"}]}
    )
    connection = made.json()["data"]["id"]
    customer.http.post(f"/phone-numbers/{number}/connection/", json={"connection_id": connection})
    customer.http.patch(f"/phone-numbers/{number}/", json={"friendly_name": "=1+1"})
    operator.post("/console/rates", {"base": "GBP", "quote": "USD", "rate": "1.27"})
    for who, page, begins in (
        (browser, f"/console/connections/{connection}", f"{number},'=1+1,"),
        (browser, f"/console/find?contains={desk.number()[-7:]}", "+1"),
        (operator, "/console/prices", "GBP,USD,1.27,"),
        (operator, "/console/health", ""),
    ):
        links = [link for link in who.get(page).links if link.partition("?")[0].endswith("/csv")]
        assert links, page
        files = [who.http.get(link) for link in links]
        assert all(file.headers["content-type"] == "text/csv; charset=utf-8" for file in files), page
        assert any(line.startswith(begins) for file in files for line in file.text.splitlines()), (page, links)
    assert operator.http.get("/console/carriers/csv").text.startswith("Carrier,Kind,State,")
