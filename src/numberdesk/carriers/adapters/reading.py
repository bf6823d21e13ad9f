"""Reads what carriers write of numbers, of prices and of further pages, in the forms that several of them share.

Touches: nothing.
"""

from __future__ import annotations

import contextlib
import re
from decimal import Decimal
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from numberdesk.carriers.adapters.http_api import Shape, decoded
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.money import parse_price
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.infra.http import HttpResponse

_OK: Final = 200
_NOTHING: Final = (b"", b"null")
_CURSOR: Final = re.compile(r"([0-9]{1,9})\.([!-~]{0,200})", re.ASCII)


def item_of(item: msgspec.Raw, shape: type[Shape]) -> Shape:
    """One item of a list as a shape. Raises CarrierError."""
    return decoded(HttpResponse(_OK, {}, bytes(item)), shape)


def price_of(raw: msgspec.Raw) -> int | None:
    """Micros of a text or a number, exactly; None where nothing is told. Raises MoneyError or MsgspecError."""
    written = bytes(raw)
    if written in _NOTHING:
        return None
    value: object = msgspec.json.decode(written, type=str if written.startswith(b'"') else Decimal)
    return parse_price(value, zero_allowed=True)


def e164_of(number: str | int) -> str | None:
    """A number written with the plus sign or without; None for one outside E.164."""
    try:
        return parse_e164(f"+{digits_of(number)}")
    except PhoneError:
        return None


def digits_of(number: str | int) -> str:
    """A number without its plus sign."""
    return str(number).removeprefix("+")


def is_e164(text: str) -> bool:
    """Whether a text is a number exactly as we write them."""
    return e164_of(text) == text


class PageLinks(NamedTuple):
    """Lists whose pages have the address of the next one, by the names that a page and its token have in there.

    A cursor of ours is both with a point between them; an address is read and never followed.
    """

    page: str
    token: str

    def query_of(self, cursor: str | None) -> list[tuple[str, str]]:
        """How a page is asked for. Raises CarrierError."""
        if cursor is None:
            return []
        parts = _CURSOR.fullmatch(cursor)
        if parts is None:
            raise CarrierError(Trouble.REFUSED, "the cursor is none of ours")
        return [(self.page, parts[1]), (self.token, parts[2])]

    def cursor_in(self, next_page: str | None) -> str | None:
        """What names the next page; None where there is none. Raises CarrierError."""
        if not next_page:
            return None
        with contextlib.suppress(ValueError):
            query = parse_qs(urlsplit(next_page).query)
            cursor = f"{query.get(self.page, [''])[0]}.{query.get(self.token, [''])[0]}"
            if _CURSOR.fullmatch(cursor):
                return cursor
        raise CarrierError(Trouble.UNREADABLE, "the address of the next page cannot be read")
