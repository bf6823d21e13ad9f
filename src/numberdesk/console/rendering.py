"""From values to HTML: the templates, and how money, numbers and times are written.

Touches: files.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import phonenumbers
from markupsafe import Markup, escape
from starlette.responses import Response

from numberdesk.console.paths import filled, value_of
from numberdesk.console.visit import endpoint_named
from numberdesk.core.billing import in_words
from numberdesk.core.compliance import Requirement
from numberdesk.core.errors import NumberdeskError
from numberdesk.core.money import with_two_places
from numberdesk.core.periods import PeriodUnit, Term

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
HTML: Final = "text/html; charset=utf-8"

SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer of the console."""

_NONE: Final = "\N{EN DASH}"
_MINUS: Final = "\N{MINUS SIGN}"

_PAGE: Final = {**SECURITY, "Cache-Control": "no-store"}


def money(amount: Decimal | None, currency: str = "") -> str:
    """An amount with two digits after its point, or as many as it needs, and its thousands apart."""
    if amount is None:
        return _NONE
    whole, _, part = with_two_places(f"{amount:f}").partition(".")
    sign, digits = (_MINUS, whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}.{part}{f' {currency}' if currency else ''}"


def plain(amount: Decimal | None) -> str:
    """An amount as a form has it, to be sent again; empty for none."""
    return "" if amount is None else f"{amount:f}"


@functools.lru_cache(maxsize=4_096)
def phone(e164: str) -> str:
    """A number grouped as people in its country read it, behind its country code."""
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def instant(text: str | None) -> Markup:
    """A time, in UTC; console.js writes it in the reader's zone."""
    if not text:
        return escape(_NONE)
    return Markup('<time datetime="{0}" title="{1} UTC">{1} UTC</time>').format(text, f"{text[:10]} {text[11:16]}")


def period(item: Any) -> str:
    """How long the periods of an offer, order or rental are, as people say it: month, 12 months."""
    if isinstance(item, dict):
        unit, every = item.get("period_unit"), item.get("period_every")
    else:
        unit, every = value_of(item, "period_unit"), value_of(item, "period_every")
    return in_words(Term(PeriodUnit(unit or PeriodUnit.MONTH), int(every or 1)))


def by_period(item: Any) -> str:
    """The same behind a price: a month, every 12 months."""
    said = period(item)
    return f"every {said}" if said[0].isdigit() else f"a {said}"


def marked(e164: str, places: frozenset[int]) -> Markup:
    """A number with some of its digits marked; `places` count digits from 0."""
    out, place = Markup(), -1
    for sign in phone(e164):
        place += sign.isdigit()
        hit = sign.isdigit() and place in places
        out += Markup("<mark>{}</mark>").format(sign) if hit else escape(sign)
    return out


_TONES: Final = {
    "good": "active completed delivered charged available enabled done purchased paid approved",
    "bad": "failed past_due suspended parked open refused rejected expired unsupported drifted",
    "wait": "invited pending claimed running witnessed draft submitted in_review",
}
_TONE_OF: Final = {word: tone for tone, words in _TONES.items() for word in words.split()}


def tone(state: str) -> str:
    """Whether a state is good, bad, or one that waits, which is neither; empty for one that is none of these."""
    return _TONE_OF.get(state, "")


def words(text: str) -> str:
    """A state as people write it."""
    return text.replace("_", " ")


def deed_words(what: str) -> str:
    """What was done, as its endpoint says it; a command by its words."""
    try:
        return endpoint_named(what).summary.partition(";")[0]
    except KeyError:
        return what


_CONNECTION_STATES: Final = {
    "none": ("", "rings nowhere"),
    "pending": ("wait", "being connected"),
    "active": ("good", "connected"),
    "failed": ("bad", "not connected, tried again"),
    "unsupported": ("bad", "cannot be connected so"),
}


def tone_of_connection(state: str) -> str:
    """How good it is that a number stands with its connection like that."""
    return _CONNECTION_STATES[state][0]


def words_of_connection(state: str) -> str:
    """How a number stands with its connection, as people say it."""
    return _CONNECTION_STATES[state][1]


_REQUIREMENTS: Final = {
    Requirement.ADDRESS: "an address",
    Requirement.LOCAL_ADDRESS: "an address in its area",
    Requirement.FOREIGN_ADDRESS: "an address abroad",
    Requirement.DOCUMENTS: "documents",
}


def requirements(names: Iterable[str]) -> str:
    """The papers that a number is sold with, as people say it; what is no such word is left out."""
    return ", ".join(text for name, text in _REQUIREMENTS.items() if name in names)


_FIELDS: Final = {"targets[0].uri": "the address", "targets[1].uri": "the second address", "targets": "the address"}


def field_words(name: str) -> str:
    """What a field is called on a page."""
    return _FIELDS.get(name) or words(name)


def refusal_words(error: NumberdeskError) -> str:
    """What a page says of a refusal: its message, in which a field is called what the page calls it."""
    name = str(error.details.get("field") or "")
    return error.message.replace(name, field_words(name)) if name else error.message


@functools.cache
def asset(name: str) -> str:
    """The address of a static file, which changes with its content."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/console/static/{name}?v={digest}"


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  2 MB, for whoever opens a page

    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(money=money, plain=plain, phone=phone, instant=instant, words=words, tone=tone)
    made.filters.update(deed_words=deed_words, filled=filled, field=value_of)
    made.filters.update(refusal_words=refusal_words)
    made.filters.update(tone_of_connection=tone_of_connection, words_of_connection=words_of_connection)
    made.filters.update(requirements=requirements, period=period, by_period=by_period)
    made.globals.update(asset=asset, marked=marked)
    return made


def render(template: str, **values: Any) -> str:
    """The text of a template with values, each of them escaped."""
    return _environment().get_template(template).render(values)


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page."""
    return page_of(render(template, **values), status)


def page_of(html: str, status: int = 200, cookie: str | None = None) -> Response:
    """A page that is written already."""
    headers = _PAGE if cookie is None else {**_PAGE, "Set-Cookie": cookie}
    return Response(html, status, headers, media_type=HTML)


def told(values: Mapping[str, Any], status: int = 200) -> Response:
    """An answer to a script of ours."""
    return Response(json.dumps(values), status, _PAGE, media_type="application/json")


def redirect(path: str, cookie: str | None = None) -> Response:
    """Go on to a page, asking for it anew. A path that is none, whoever sent it, leads to the first page."""
    plain = path.isascii() and path.isprintable() and " " not in path
    headers = {**_PAGE, "Location": path if plain else "/console/"} | ({} if cookie is None else {"Set-Cookie": cookie})
    return Response(status_code=303, headers=headers)
