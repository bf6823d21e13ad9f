"""A browser without a screen: it keeps cookies, says where it comes from, and sends the forms that a page shows."""

from __future__ import annotations

import ipaddress
import itertools
import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urlencode, urljoin

import httpx

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}


CONNECTIONS: Final = httpx.HTTPTransport(
    verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    limits=httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=2),
)
"""Shared by all browsers, and closed at the end."""


@dataclass
class PageForm:
    """A form of a page: where it goes, and what it holds as it is shown."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    """Reads what tests look at: forms, text, links, controls and their labels, and what a strict page never has."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.marks: list[str] = []
        self._select: str | None = None
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self._open.append(tag)
        if tag == "form":
            self.forms.append(PageForm(given.get("action") or "", given.get("method") or "get"))
        elif tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        elif tag == "select":
            self._select = given.get("name")
        elif tag == "option" and self._select and self.forms and "selected" in given:
            self.forms[-1].fields[self._select] = [given.get("value") or ""]
        elif tag == "input" and self.forms and given.get("name"):
            self._input(given)

    def _input(self, given: dict[str, str | None]) -> None:
        ticked = given.get("type") in ("checkbox", "radio")
        if not ticked or "checked" in given:
            self.forms[-1].fields.setdefault(given["name"] or "", []).append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if "mark" in self._open:
            self.marks.append(data)


class Page:
    """What a browser shows."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.url = answer.url.raw_path.decode()
        self.headers = answer.headers
        self.html = answer.text
        reader = _Reader()
        reader.feed(answer.text)
        self.forms, self.links, self.tags, self.marks = reader.forms, reader.links, reader.tags, reader.marks
        self.text = " ".join(" ".join(reader.words).split())

    def live(self) -> str:
        """What the part of it that follows something asks for."""
        (path,) = [asked for _, given in self.tags if (asked := given.get("hx-get"))]
        return path

    def form(self, action: str) -> PageForm:
        """The form that goes to a path: the one that changes something, where another filters."""
        found = [form for form in self.forms if form.action == action]
        changing = [form for form in found if form.method == "post"]
        return (changing or found)[0]


_PLACES: Final = itertools.count(1)


class Browser:
    """Somebody at the console.

    Each has an address of its own, where the service trusts the proxy that says so: one test's failed tries to sign in
    would slow the next one's otherwise.
    """

    def __init__(self, url: str, **headers: str) -> None:
        self.url = url
        self.address = str(ipaddress.IPv4Address("10.0.0.0") + next(_PLACES))
        sent = {**SAME_ORIGIN, "X-Forwarded-For": self.address, **headers}
        self.http = httpx.Client(base_url=url, headers=sent, follow_redirects=True, timeout=30, transport=CONNECTIONS)

    def get(self, path: str, **query: str) -> Page:
        return Page(self.http.get(path, params=query or None))

    def post(self, path: str, fields: dict[str, Any] | None = None, **more: Any) -> Page:
        headers = {"Origin": self.url}
        if more:
            return Page(self.http.post(path, data=fields or {}, headers=headers, **more))
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return Page(self.http.post(path, content=urlencode(fields or {}, doseq=True), headers=headers))

    def send(self, form: PageForm, **changed: Any) -> Page:
        """Send a form as it is shown, but for what is typed."""
        fields = {name: value for name, value in {**form.fields, **changed}.items() if value is not None}
        if form.method == "get":
            return Page(self.http.get(urljoin(self.url, form.action), params=fields))
        return self.post(form.action, fields)

    def sign_in(self, key: str) -> Page:
        return self.post("/console/sign-in", {"key": key})
