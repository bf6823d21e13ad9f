"""Bandwidth's XML: read within bounds and without entities, and written.

Touches: nothing.

Its documents write the same element as orderId and OrderId, and wrap texts in blanks, so neither counts.
"""

from __future__ import annotations

from html import escape
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.core.schedule import LONGEST_MESSAGE
from numberdesk.infra.http import HttpResponse

_MOST_TAGS: Final = 200_000  # 5000 numbers with their details have half as many
_WEB_PAGE: Final = "html"
_CALLING_CODE: Final = "+1"
_NATIONAL_LENGTH: Final = 10


def parsed(answer: HttpResponse, root: str) -> Element:
    """The document in an answer, with a root of this name, "" for any but a web page. Raises CarrierError."""
    if answer.body.count(b"<") > _MOST_TAGS:
        raise CarrierError(Trouble.UNREADABLE, f"HTTP {answer.status} with too many elements")
    try:
        document: Element = fromstring(answer.body, forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:
        message = f"HTTP {answer.status} with a body that is not as documented: {type(error).__name__}: {error}"
        raise CarrierError(Trouble.UNREADABLE, message[:LONGEST_MESSAGE]) from None
    if _name(document) == _WEB_PAGE or (root and _name(document) != root.lower()):
        raise CarrierError(
            Trouble.UNREADABLE, f"HTTP {answer.status} with {_name(document)[:40]!r} is not as documented"
        )
    return document


def elements(within: Element, name: str) -> list[Element]:
    """Every element of a name, at any depth."""
    return [element for element in within.iter() if _name(element) == name.lower()]


def texts(within: Element, name: str) -> list[str]:
    """The text of every element of a name, at any depth; without those that have none."""
    found = ((element.text or "").strip() for element in elements(within, name))
    return [text for text in found if text]


def text(within: Element, name: str) -> str:
    """The first text of that name; "" where there is none."""
    return next(iter(texts(within, name)), "")


def numbers(within: Element, name: str) -> frozenset[str]:
    """The ten digits of the telephone numbers in every element of a name."""
    return frozenset(number for one in elements(within, name) for number in all_numbers(one))


def all_numbers(within: Element) -> frozenset[str]:
    """The ten digits of every telephone number, at any depth."""
    found = (*texts(within, "TelephoneNumber"), *texts(within, "FullNumber"))
    return frozenset(number.removeprefix(_CALLING_CODE) for number in found)


def tag(name: str, *inside: str) -> str:
    """An element around what is XML already."""
    return f"<{name}>{''.join(inside)}</{name}>"


def leaf(name: str, content: str) -> str:
    """An element with a text."""
    return tag(name, escape(content))


def document(root: str) -> bytes:
    """A whole document."""
    return f'<?xml version="1.0" encoding="UTF-8"?>{root}'.encode()


def national_of(e164: str) -> str | None:
    """The ten digits of a North American number; None for others, which Bandwidth's account API does not sell."""
    digits = e164.removeprefix(_CALLING_CODE)
    fits = e164.startswith(_CALLING_CODE) and len(digits) == _NATIONAL_LENGTH and digits.isascii() and digits.isdigit()
    return digits if fits else None


def e164_of(number: str) -> str | None:
    """A number as it is written here; None for what is none."""
    if not number.startswith("+"):
        number = _CALLING_CODE + number
        return None if national_of(number) is None else number
    try:
        return parse_e164(number)
    except PhoneError:
        return None


def _name(element: Element) -> str:
    """The name without a namespace, in lower case."""
    return element.tag.rpartition("}")[2].lower()
