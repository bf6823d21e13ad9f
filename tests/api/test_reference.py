"""The reference at /docs: every operation is told of, by pages that need no script and no other host."""

from __future__ import annotations

import ast
import functools
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import httpx
import pytest

from numberdesk.api.app import build_app  # noqa: F401  its import declares the endpoints
from numberdesk.api.docs import make_files
from numberdesk.api.reference.marking import code, colored, prose
from numberdesk.api.reference.outline import Outline, fields_of, outline
from numberdesk.api.reference.samples import KEY, ORIGIN, samples
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "pages are the same on both engines"

FILES: Final = make_files()
DOCUMENT: Final = json.loads(FILES["/openapi.json"].content)
PAGES: Final = {path: made.content.decode() for path, made in FILES.items() if made.media_type == "text/html"}
TOLD: Final[Outline] = outline(DOCUMENT)
OPERATIONS: Final = [(topic, operation) for topic in TOLD.topics for operation in topic.operations]


class _Page(HTMLParser):
    """What a page has: ids, links, what it loads, and tags that were not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.attributes |= given.keys()
        self.ids += [given["id"]] if "id" in given else []
        if "href" in given and tag == "a":
            self.links.append(given["href"])
        self.loads += [given[name] for name in ("src", "href") if name in given and tag != "a"]
        if tag not in ("meta", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@functools.cache
def parsed(path: str) -> _Page:
    """A page, taken apart."""
    return _Page(PAGES[path])


def test_every_operation_of_the_document_stands_on_the_page_of_its_resource() -> None:
    shown = {(each.method.lower(), path) for _, each in OPERATIONS for path in (each.path, *each.also)}
    assert shown == {(method, path) for path, operations in DOCUMENT["paths"].items() for method in operations}
    for topic, operation in OPERATIONS:
        assert operation.name in parsed(f"/docs/{topic.slug}").ids


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_well_formed_and_has_no_id_twice(path: str) -> None:
    page = parsed(path)
    assert not page.open
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_page_leads_somewhere(path: str) -> None:
    for link in parsed(path).links:
        page, _, place = link.partition("#")
        assert (page or path) in FILES, link
        assert not place or place in parsed(page or path).ids, link


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_its_style_and_script_from_here_and_has_none_within(path: str) -> None:
    page = parsed(path)
    assert [load.partition("?")[0] for load in page.loads] == ["/docs/reference.css", "/docs/reference.js"]
    assert "style" not in page.attributes
    assert not [name for name in page.attributes if name.startswith("on")]
    assert not re.search(r"<script(?! src=)|<style", PAGES[path])


def test_a_page_has_a_field_of_every_shape_that_it_tells_of() -> None:
    for topic, operation in OPERATIONS:
        page = PAGES[f"/docs/{topic.slug}"]
        for part in (operation.body, *operation.answers):
            for field in part.fields if part is not None else ():
                assert f'<code class="name">{field.name}</code>' in page
                assert prose(field.text) in page


def test_fields_inside_others_come_after_them_and_deeper() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    told = [(field.name, field.depth) for field in fields_of(schemas["OrderView"], schemas)]
    at = told.index(("error", 0))
    assert told[at + 1] == ("code", 1)


def test_limits_are_told_in_words() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    told = {field.name: field for field in fields_of(schemas["BuyBody"], schemas)}
    assert told["price"].required
    assert ("range", "above 0 to 1,000,000") in told["price"].facts
    assert ("step", "0.000001") in told["price"].facts
    assert told["setup_price"].kind == "number or null"
    assert ("range", "from 0 to 1,000,000") in told["setup_price"].facts


def test_what_the_document_says_is_text_and_never_markup() -> None:
    assert prose('<b> "a" `<i>`') == "&lt;b&gt; &quot;a&quot; <code>&lt;i&gt;</code>"
    assert "<i>" not in colored({"<i>": "<i>", "a": [None, 1.5]})
    assert code(f"<i> {KEY}") == f'&lt;i&gt; <span class="my-key">{KEY}</span>'


def test_every_sample_in_python_and_every_body_in_one_is_well_formed() -> None:
    for _, operation in OPERATIONS:
        curl, python, javascript = (sample.text for sample in samples(operation))
        ast.parse(python)
        assert curl.startswith("curl ")
        for text in (curl, python, javascript):
            assert f"{ORIGIN}/api/v1/" in text
            assert KEY in text
            assert "{" not in text.partition(ORIGIN)[2].split("'")[0].split('"')[0].split(" ")[0]


@pytest.mark.parametrize(
    ("place", "command"), [(0, ("sh",)), (1, (sys.executable,)), (2, ("node",))], ids=["curl", "Python", "JavaScript"]
)
def test_the_sample_of_a_purchase_buys(place: int, command: tuple[str, ...], shop: Shop, tmp_path: Path) -> None:
    program = "curl" if place == 0 else command[0]
    if shutil.which(program) is None:
        pytest.skip(f"no {program} on this machine")
    (buy,) = (operation for _, operation in OPERATIONS if operation.name == "buy")
    text = samples(buy)[place].text.replace(KEY, shop.customer(10).key).replace(ORIGIN, shop.url)
    script = tmp_path / "buy.mjs"
    script.write_text(text.replace("+13612738809", shop.number()))
    told = subprocess.run([*command, str(script)], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Phone number purchased successfully" in told


def test_the_search_finds_operations_by_their_fields_and_errors() -> None:
    index = json.loads(FILES["/docs/search.json"].content)
    assert len(index) == len(OPERATIONS)
    (buy,) = (entry for entry in index if entry["to"] == "/docs/numbers#buy")
    assert {"price", "Idempotency-Key", "renews_at"} <= set(buy["fields"])
    assert "price_changed" in buy["errors"]


def test_pages_are_served_with_headers_that_let_nothing_else_in(shop: Shop) -> None:
    with httpx.Client(base_url=shop.url) as client:
        for path in ("/docs", "/docs/numbers", "/docs/admin/accounts", "/docs/errors"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'")
            assert "unsafe" not in policy
        script = client.get(parsed("/docs").loads[1])
        assert script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        assert client.get("/docs/nothing").status_code == 404
        assert client.post("/docs").status_code == 405
