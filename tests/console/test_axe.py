"""What axe finds on every screen of both roles, and whether the keyboard alone reaches what can be done there.

Skipped where there is no Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from numberdesk.console.screens import SCREENS
from numberdesk.console.site import Console  # noqa: F401  its import declares the screens
from testbed.pictures import FLAGS, PAGES, bring_in_deck, chromium, demo, fill, rehearse, signed_in

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="there is no chromium here: apt-get install chromium"),
    pytest.mark.slow,
]

AXE: Final = Path(__file__).parent / "vendor" / "axe" / "axe.min.js"
GRAVE: Final = ("serious", "critical")
WAYS: Final[tuple[tuple[Literal["light", "dark"], int], ...]] = (
    ("light", 1400), ("dark", 400), ("dark", 1400), ("light", 400),
)  # fmt: skip
MORE: Final = {
    "customer": ("/console/numbers/chosen?number=%2B13612738809&do=connect", "/console/statements/{month}/print"),
    "operator": (
        "/console/all-numbers/+14155550101/assign?account_id={account}&reason=as+agreed",
        "/console/all-numbers/+13612738809/transfer?account_id={account}&reason=as+agreed",
        "/console/all-numbers/+13612738809/restore?reason=as+agreed",
        "/console/accounts/{account}/statements/{month}",
        "/console/accounts/{account}/statements/{month}/print",
        "{import}",
    ),
}
"""Screens that nobody takes pictures of."""

NO_PAGES: Final = frozenset(
    [
        "/console/numbers/{number}/connection",
        "/console/orders/{order_id}/state",
        "/console/rehearsal/{order_id}/state",
        "/console/inventory/imports/{import_id}/state",
        "/console/inventory/imports/{import_id}/rejects",
    ]
)
"""Parts that stand on pages that are looked at, and a file."""


MARK: Final = """() => {
  const used = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const shown = (each) => each.checkVisibility({visibilityProperty: true}) && !each.disabled;
  const found = [...document.querySelectorAll(used)].filter(shown).filter((each) => each.type !== "radio");
  found.forEach((each, place) => { each.dataset.place = place; });
  return found.length;
}"""
"""Numbers what can be used on a page, and counts it. Of radio buttons one has the focus; arrows reach the rest."""

FOCUSED: Final = "Number(document.activeElement.dataset.place ?? -1)"

RUN_AXE: Final = (
    """axe.run(document, {resultTypes: ["violations"], selectors: false}).then((found) => found.violations)"""
)
PARKED: Final = "/console/rehearsal/{rehearsal}"
"""What this shows takes its time to be parked, so it is looked at last."""


class Walk:
    """A demo, in which a customer and an operator look at every screen, each in one tab."""

    def __init__(self, browser: Browser, url: str, people: dict[str, BrowserContext], ids: dict[str, str]) -> None:
        self.url, self._people, self._ids = url, {**people, "nobody": browser.new_context()}, ids
        self._tabs: dict[str, Page] = {}
        self._axe = f"{AXE.read_text()}\n;0"  # the number, or all that it makes would be sent back

    def open(self, who: str, path: str, scheme: Literal["light", "dark"], width: int) -> Page:
        """Show a screen in somebody's tab: a new tab would be a new process, which reads axe anew."""
        if who not in self._tabs:
            self._tabs[who] = self._people[who].new_page()
        page = self._tabs[who]
        page.set_viewport_size({"width": width, "height": 760})
        page.emulate_media(color_scheme=scheme)
        page.goto(self.url + path.format(**self._ids))
        if path == PARKED:
            page.get_by_text("Parked for a person").wait_for(timeout=60_000)
        return page

    def grave(self, page: Page) -> list[str]:
        """What is grave on a page, each with the first element that has it."""
        page.evaluate(self._axe)
        found: list[dict[str, Any]] = page.evaluate(RUN_AXE)
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:160]} {each['nodes'][0]['failureSummary'][:300]}"
            for each in found
            if each["impact"] in GRAVE
        ]


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with demo() as served, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        ids = fill(served)
        people = {who: signed_in(browser, link) for who, link in zip(PAGES, served.links, strict=True)}
        ids["rehearsal"] = rehearse(people["operator"], served.url)
        ids["import"] = imported(people["operator"], served.url)
        bring_in_deck(people["operator"], served.url)
        yield Walk(browser, served.url, people, ids)
        browser.close()


def pages() -> list[tuple[str, str]]:
    """Who looks at what."""
    found = [(who, path) for who in PAGES for path in (*PAGES[who], *MORE[who])]
    found += [("nobody", "/console/sign-in"), ("nobody", "/console/link?token=x")]
    return sorted(found, key=lambda one: one[1] == PARKED)


def imported(operator: BrowserContext, url: str) -> str:
    """The path of an import with a bad line."""
    page = operator.new_page()
    page.goto(f"{url}/console/inventory")
    page.get_by_text("Import a file").click()
    lines = b"phone_number\nnonsense\n"
    page.set_input_files("input[type=file]", {"name": "a.csv", "mimeType": "text/csv", "buffer": lines})
    page.locator("form:has(input[type=file]) button").first.click()
    page.wait_for_url("**/console/inventory/imports/*")
    page.close()
    return page.url.removeprefix(url)


def test_every_screen_is_looked_at() -> None:
    looked_at = [path.partition("?")[0].rstrip("/") for _, path in pages()]
    looked_at.append("/console/inventory/imports/x")  # what {import} stands for
    for screen in SCREENS:
        if screen.method == "GET" and not screen.path.endswith("/csv") and screen.path not in NO_PAGES:
            pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", screen.path))
            assert any(pattern.fullmatch(path) for path in looked_at), screen.path


def test_axe_finds_what_is_grave(walk: Walk) -> None:
    page = walk.open("nobody", "/console/sign-in", "light", 1400)
    page.evaluate("document.querySelector('label').remove(); document.body.append(document.createElement('button'))")
    assert {each.partition(":")[0] for each in walk.grave(page)} >= {"label", "button-name"}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("who", [*PAGES, "nobody"])
@pytest.mark.parametrize(
    "ways",
    [WAYS, *(pytest.param([way], marks=pytest.mark.long) for way in WAYS)],
    ids=["by turns", *(f"{scheme}-{width}" for scheme, width in WAYS)],
)
def test_axe_finds_nothing_grave_on_any_screen(
    walk: Walk, ways: Sequence[tuple[Literal["light", "dark"], int]], who: str
) -> None:
    grave = []
    for place, (whose, path) in enumerate(pages()):
        if whose == who:
            page = walk.open(who, path, *ways[place % len(ways)])
            grave += [f"{path}: {each}" for each in walk.grave(page)]
    assert grave == []


@pytest.mark.timeout(400)
@pytest.mark.long
@pytest.mark.parametrize("who", [*PAGES])
def test_tab_reaches_everything_that_can_be_used_on_every_screen(walk: Walk, who: str) -> None:
    for whose, path in pages():
        if whose == who:
            page = walk.open(who, path, "light", 1400)
            wanted = page.evaluate(MARK)
            reached = {page.evaluate(FOCUSED)}
            for _ in range(3 * wanted + 40):  # a field of a date takes several
                if len(reached - {-1}) == wanted:
                    break
                page.keyboard.press("Tab")
                reached.add(page.evaluate(FOCUSED))
            missed = [page.locator(f"[data-place='{each}']").inner_html() for each in set(range(wanted)) - reached]
            assert missed == [], path


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus."""
    for _ in range(150):
        if wanted.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} is not reached by Tab")


def test_an_account_is_opened_and_suspended_by_tab_and_enter_alone(walk: Walk) -> None:
    page = walk.open("operator", "/console/", "light", 1400)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to(page, page.locator("nav.menu a[href='/console/accounts']:visible"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/accounts")
    new = page.locator("details", has=page.locator("form[action='/console/accounts'][method=post]"))
    tab_to(page, new.locator("summary"))
    page.keyboard.press("Enter")
    tab_to(page, new.locator("input[name=name]"))
    page.keyboard.type("By the keyboard")
    tab_to(page, new.locator("input[name=currency]"))
    page.keyboard.type("USD")
    tab_to(page, new.locator("button"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/accounts/acc_*")
    suspend = page.locator("details", has=page.locator("input[value=suspended]"))
    tab_to(page, suspend.locator("summary"))
    page.keyboard.press("Enter")
    tab_to(page, suspend.get_by_role("button"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Let it buy again")).to_be_visible()


def test_a_carrier_is_connected_by_tab_and_enter_alone_and_its_words_are_said(walk: Walk) -> None:
    page = walk.open("operator", "/console/carriers", "light", 1400)
    tab_to(page, page.get_by_role("link", name="Connect a carrier"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/carrier-kinds")
    tab_to(page, page.get_by_role("link", name="Telnyx"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/carrier-kinds/telnyx")
    tab_to(page, page.get_by_label("Name"))
    page.keyboard.type("by-keyboard")  # over the name that it proposes, which Tab has selected
    tab_to(page, page.get_by_label("Api key"))
    page.keyboard.type("a-key-of-nobody")
    tab_to(page, page.locator("summary", has_text="How it is asked"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Base url"))
    page.keyboard.type("http://127.0.0.1:1029")
    tab_to(page, page.get_by_role("button", name="Connect and check"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("127.0.0.1:1029: no connection")
    expect(page.get_by_role("heading", level=1)).to_have_text("by-keyboard")
    assert walk.grave(page) == []
