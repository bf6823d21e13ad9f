"""Every table has its CSV, also one that shows what came of a single deed; and no file runs in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Final

import pytest

import numberdesk.console
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser, Page

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is shown does not depend on it

WITHOUT: Final = {
    ("buy.html", "sum"): "a sum, shown before anything is bought; the order has it",
    ("chart.html", "{{ one.title }} as a table"): "the page exports all its charts as one file",
    ("chosen.html", "What will be done"): "a question; what came of it is exported",
    ("myself.html", "Sessions"): "one's own sessions, to be ended here",
    ("myself.html", "Passkeys"): "one's own passkeys, to be named here",
    ("rehearsal.html", "What goes wrong"): "buttons with their explanation, in a demo alone",
    ("rehearsal.html", "Rehearsed"): "links to what was tried, in a demo alone; All orders exports them",
}
"""Tables that nobody wants in a spreadsheet, each with the reason."""

TABLE: Final = re.compile(r'(?:aria-label="([^"]*)"[^>]*>\s*)?<table(?: class="(sum)")?')
PANEL: Final = '<div class="panel">'
EXPORT: Final = re.compile(r'/csv["?]|/rejects"|parts\.pages\(|parts\.export\(|"\{\{ csv \}\}"')


def test_every_table_of_the_templates_has_its_csv(engine: str) -> None:
    assert engine
    folder = Path(numberdesk.console.__file__).parent / "templates"
    without, seen = set(), 0
    for path in sorted(folder.rglob("*.html")):
        text = path.read_text()
        for each in TABLE.finditer(text):
            seen += 1
            begins = text.rfind(PANEL, 0, each.start())  # a link may stand above its table
            ends = text.find(PANEL, each.end())
            if not EXPORT.search(text, max(begins, 0), ends if ends >= 0 else len(text)):
                without.add((path.name, each[1] or each[2] or ""))
    assert without == WITHOUT.keys()
    assert seen > 25


def rows_of(browser: Browser, page: Page) -> list[list[str]]:
    """The rows of a page's own file."""
    (form,) = [form for form in page.forms if form.action == "/console/shown/csv"]
    file = browser.send(form)
    assert (file.status, file.headers["content-type"]) == (200, "text/csv; charset=utf-8"), file.text
    assert file.headers["content-disposition"].startswith('attachment; filename="')
    return list(csv.reader(io.StringIO(file.html)))


def test_what_was_done_to_several_numbers_is_exported(desk: Shop, customer: Customer, browser: Browser) -> None:
    numbers = [desk.number(), desk.number()]
    rentals = [customer.buy(number) for number in numbers]
    assert rentals
    ids = [each["id"] for each in customer.http.get("/phone-numbers/").json()["data"]]
    page = browser.http.get("/console/numbers/chosen", params={"chosen": ids, "do": "label", "friendly_name": "=1+1"})
    done = browser.send(Page(page).form("/console/numbers/chosen/do"))
    head, *rows = rows_of(browser, done)
    assert head == ["Number", "Outcome", "What came of it"]
    assert sorted(rows) == [[number, "done", "'=1+1"] for number in sorted(numbers)]


def test_a_file_of_a_page_is_made_safe_whatever_was_sent_and_nothing_else_is_taken(browser: Browser) -> None:
    def sent(rows: object) -> Page:
        return browser.post("/console/shown/csv", {"rows": rows if isinstance(rows, str) else json.dumps(rows)})

    made = sent({"name": "mine", "heads": ["=A", "B"], "rows": [["@x", "-1"], ['a"b', "\t=1"]]})
    assert list(csv.reader(io.StringIO(made.html))) == [["'=A", "B"], ["'@x", "-1"], ['a"b', "'\t=1"]]
    for wrong in (
        "",
        "{",
        "[" * 20_000,
        {"name": "x", "heads": [], "rows": [[{}]]},
        {"name": 'x"\r\nSet-Cookie: a=b', "heads": [], "rows": []},
        {"name": "../x", "heads": [], "rows": []},
    ):
        refused = sent(wrong)
        assert (refused.status, "rows" in refused.text) == (400, True), wrong
    forged = browser.http.post("/console/shown/csv", data={"rows": "{}"}, headers={"Origin": "https://evil.example"})
    assert forged.status_code == 403
