"""Plivo: a number is named by its digits and keeps no reference, so that it is itself the only proof of an order.

Touches: nothing.

Sources, read in stored copies: https://www.plivo.com/docs/numbers/phone-numbers (search, buy),
https://www.plivo.com/docs/numbers/api/account-phone-number (numbers on the account),
https://plivo.com/docs/numbers/api/response (statuses), and the fixtures of the official SDK
(https://github.com/plivo/plivo-python). Paths end in a slash, numbers are digits without a plus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from numberdesk.carriers.adapters.connecting import ConnectsNumbers
from numberdesk.carriers.adapters.http_api import (
    Call,
    CarrierHttpApi,
    CarrierKind,
    basic,
    decoded,
    excerpt,
    refusal,
    refused,
)
from numberdesk.carriers.adapters.plivo_calls import PlivoCalls
from numberdesk.carriers.adapters.plivo_connections import PlivoConnector
from numberdesk.carriers.adapters.plivo_words import reason_of
from numberdesk.carriers.adapters.reading import digits_of, e164_of, item_of, price_of
from numberdesk.carriers.port import (
    NO_PAPERS,
    Available,
    AvailablePage,
    CarrierError,
    Cost,
    Field,
    Health,
    NotReleased,
    OwnedNumber,
    OwnedPage,
    Released,
    Setup,
    Trouble,
    Wanted,
)
from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Reason, Refused, Unknown
from numberdesk.core.money import MoneyError
from numberdesk.infra.http import Http, HttpResponse

FIELDS: Final[tuple[Field, ...]] = (
    Field("auth_id", "Auth ID of the account, from the overview page of its console", example="MAXXXXXXXXXXXXXXXXXX"),
    Field("auth_token", "Auth Token of the account, from the same page", secret=True),
    Field("app_id", "application that numbers are linked to; without it the account's default", required=False),
    Field(
        "compliance_application_id", "approved compliance application, for countries that ask for one", required=False
    ),
)

Shape = TypeVar("Shape")

_HOST: Final = "https://api.plivo.com"
_PAGE: Final = 20  # what a page holds at most
_MOST_PAGES: Final = 10  # of one search
_LONGEST_OFFSET: Final = 7
_LONGEST_NAME: Final = 100
_OK, _NOT_FOUND = 200, 404
_SUCCESSES: Final = range(200, 300)
_CREDENTIALS: Final = (401, 403)
_CURRENCY: Final = "USD"  # of every rate

_FIXED: Final = "fixed"
_ASKED_TYPES: Final = {"local": _FIXED, "national": "national", "mobile": "mobile", "toll_free": "tollfree"}
"""What to ask for. Fixed are the local ones and those that are neither local nor national."""
_TOLD_TYPES: Final = {
    _FIXED: "local",
    "local": "local",
    "national": "national",
    "mobile": "mobile",
    "tollfree": "toll_free",
}
_SERVICES: Final = (("voice", "sms", "mms"), ("mms",), ("voice", "sms"), ("sms",), ("voice",))
"""The sets that can be asked for, the most selective first."""


class _Bought(msgspec.Struct):
    """A number in the answer to an order. A second one comes along with high availability, which is never asked for."""

    number: str | int
    status: str | None = None
    fallback_number: str | int | None = None


class _Order(msgspec.Struct):
    status: str
    numbers: list[_Bought]


class _Refusal(msgspec.Struct):
    error: Any

    @property
    def words(self) -> str:
        return str(self.error).casefold()


class _Meta(msgspec.Struct):
    total_count: int | None = None


class _Page(msgspec.Struct):
    """A part of a list. Its items are read one by one."""

    objects: list[msgspec.Raw]
    meta: _Meta | None = None

    def reaches(self, offset: int) -> bool:
        """Whether the whole list may go on at an offset."""
        total = self.meta.total_count if self.meta else None
        return bool(self.objects) if total is None else offset < total

    def is_last(self, offset: int, asked: int) -> bool:
        """Whether nothing comes after this page."""
        total = self.meta.total_count if self.meta else None
        return len(self.objects) < asked if total is None else offset + len(self.objects) >= total


class _Offered(msgspec.Struct):
    """A number that can be bought. Only the number itself has to be as documented."""

    number: str | int
    type: Any = None
    sub_type: Any = None
    city: Any = None
    voice_enabled: Any = None
    sms_enabled: Any = None
    mms_enabled: Any = None
    setup_rate: msgspec.Raw = msgspec.Raw()
    monthly_rental_rate: msgspec.Raw = msgspec.Raw()
    voice_rate: msgspec.Raw = msgspec.Raw()


class _Owned(msgspec.Struct):
    number: str | int


class _AccountState(msgspec.Struct):
    name: Any = None
    billing_mode: Any = None
    cash_credits: Any = None


class Plivo(PlivoCalls, ConnectsNumbers):
    """An account at Plivo."""

    def __init__(self, setup: Setup, http: Http) -> None:
        auth_id = setup["auth_id"]
        self._api = CarrierHttpApi(setup, http, base_url=_HOST, authorization=basic(auth_id, setup["auth_token"]))
        self._account = f"/v1/Account/{quote(auth_id, safe='')}/"
        self._connector = PlivoConnector(self._api, self._account)
        options = {name: setup.get(name) for name in ("app_id", "compliance_application_id")}
        self._options = {name: value for name, value in options.items() if value}

    @property
    def window(self) -> int:
        """How long absence has to last until it is believed, in microseconds."""
        return self._api.window

    async def search(self, wanted: Wanted) -> AvailablePage:
        """Numbers that can be bought now, from as many pages as the limit asks for. Raises CarrierError.

        The digits go down as a prefix of the national number, all that Plivo can look for. Regions are
        left out: those it knows are names, not codes. A later page that fails leaves the others.
        """
        prefix = _prefix(wanted)
        if prefix is None:
            return AvailablePage(())
        query = _query(wanted, prefix)
        limit = max(1, min(wanted.limit, _PAGE * _MOST_PAGES))
        parts = [(offset, min(_PAGE, limit - offset)) for offset in range(0, limit, _PAGE)]
        first = await self._page("PhoneNumber/", query, *parts[0])
        parts = [part for part in parts if part[0] == 0 or first.reaches(part[0])]
        more = await asyncio.gather(*(self._further(query, *part) for part in parts[1:]))
        pages = [page for page in (first, *more) if isinstance(page, _Page)]
        missed = next((error for error in more if isinstance(error, CarrierError)), None)
        offered = (_available(item) for page in pages for item in page.objects)
        found = {one.e164: one for one in offered if one is not None}
        goes_on = missed is None and not pages[-1].is_last(*parts[-1])
        return AvailablePage(tuple(found.values()), missed, more=goes_on)

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS  # noqa: ARG002  it has no place for them
    ) -> Placed | Pending | Refused | NotSent | Unknown:  # fmt: skip
        """Order exactly this number, with one request. Plivo has no place for the reference. Raises nothing."""
        digits = e164.removeprefix("+")
        answer = await self._api.order(
            Call("POST", f"{self._account}PhoneNumber/{digits}/", json={**self._options, **papers})
        )
        return _outcome(answer, digits) if isinstance(answer, HttpResponse) else answer

    async def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:  # noqa: ARG002  as above
        """Look for the number on the account. Raises nothing.

        Absent takes two answers that agree: there is no such number, and the list of the account has none
        that begins so. The first alone might come from something on the way that knows no such path.
        """
        digits = e164.removeprefix("+")
        try:
            return Placed(digits) if await self._is_owned(digits) else Absent()
        except CarrierError as error:
            return Unknown(str(error))

    async def owned(self, cursor: str | None) -> OwnedPage:
        """A page of the numbers on the account; the cursor is an offset. Raises CarrierError."""
        offset = _offset(cursor)
        page = await self._page("Number/", (), offset, _PAGE)
        numbers = (e164_of(item_of(item, _Owned).number) for item in page.objects)
        rows = tuple(OwnedNumber(e164, e164.removeprefix("+"), "") for e164 in numbers if e164 is not None)
        if page.is_last(offset, _PAGE):
            return OwnedPage(rows, None)
        if not page.objects:
            raise CarrierError(Trouble.UNREADABLE, "the list of its numbers ends before its own count")
        return OwnedPage(rows, str(offset + len(page.objects)))

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased:  # noqa: ARG002  the digits, again
        """Give a number back: DELETE by its digits, which are its name here. Safe to repeat; raises nothing."""
        digits = e164.removeprefix("+")
        try:
            answer = await self._api.read(Call("DELETE", f"{self._account}Number/{digits}/"))
            if answer.status in _SUCCESSES:
                if answer.body:
                    decoded(answer, dict[str, Any])  # and not a page of somebody in between
                return Released()
            if answer.status == _NOT_FOUND and not await self._is_owned(digits):
                return Released()
        except CarrierError as error:
            return NotReleased(str(error))
        return NotReleased(f"HTTP {answer.status}{excerpt(answer)}")

    async def check(self) -> Health:
        """Ask for the account. Raises nothing."""
        try:
            answer = await self._api.read(Call("GET", self._account))
            if answer.status != _OK:
                raise refused(answer)
            account = decoded(answer, _AccountState)
            if account == _AccountState():
                raise _no_account(answer)
        except CarrierError as error:
            return Health(ok=False, message=_advice(error), facts={})
        told = {"balance": account.cash_credits, "billing_mode": account.billing_mode, "name": account.name}
        facts = {name: text for name, value in told.items() if (text := _name(value))}
        return Health(ok=True, message="the account answers", facts=facts)

    async def _is_owned(self, digits: str) -> bool:
        """Whether the account has exactly this number. Raises CarrierError when that is not certain."""
        answer = await self._api.read(Call("GET", f"{self._account}Number/{digits}/"))
        if answer.status == _OK:
            if digits_of(decoded(answer, _Owned).number) != digits:
                raise CarrierError(Trouble.UNREADABLE, "it answered with another number")
            return True
        if answer.status != _NOT_FOUND:
            raise refused(answer)
        page = await self._page("Number/", (("number_startswith", digits),), 0, _PAGE)
        listed = [digits_of(item_of(item, _Owned).number) for item in page.objects]
        if digits in listed:
            return True
        if not page.is_last(0, _PAGE) or not all(number.startswith(digits) for number in listed):
            raise CarrierError(Trouble.UNREADABLE, "it lists numbers that were not asked for")
        return False

    async def _further(self, query: Iterable[tuple[str, str]], offset: int, limit: int) -> _Page | CarrierError:
        try:
            return await self._page("PhoneNumber/", query, offset, limit)
        except CarrierError as error:
            return error

    async def _page(self, path: str, query: Iterable[tuple[str, str]], offset: int, limit: int) -> _Page:
        paging = (("limit", str(limit)), ("offset", str(offset)))
        answer = await self._api.read(Call("GET", f"{self._account}{path}", query=(*query, *paging)))
        if answer.status != _OK:
            raise refused(answer)
        return decoded(answer, _Page)


def _no_account(answer: HttpResponse) -> CarrierError:
    return CarrierError(Trouble.UNREADABLE, f"HTTP {answer.status} without an account{excerpt(answer)}")


def _outcome(answer: HttpResponse, digits: str) -> Placed | Pending | Refused | Unknown:
    """What the answer to an order means.

    A number that is not for sale, to us or at all, is "not found" (https://github.com/plivo/plivo-node/issues/144).
    """
    message = f"HTTP {answer.status}{excerpt(answer)}"
    if answer.status in _CREDENTIALS:
        return Refused(Reason.ACCOUNT, message)
    try:
        if answer.status in _SUCCESSES:
            return _bought(decoded(answer, _Order), digits, message)
        return refusal(answer.status, message, reason_of(answer.status, decoded(answer, _Refusal).words))
    except CarrierError as error:
        return Unknown(f"{error.message}{excerpt(answer)}")


def _bought(order: _Order, digits: str, message: str) -> Placed | Pending | Unknown:
    """An order that was taken. Where documents are still to be shown, the order is fulfilled and its number pending."""
    named = [number for bought in order.numbers for number in (bought.number, bought.fallback_number) if number]
    if not named or any(digits_of(number) != digits for number in named):
        return Unknown(f"not just our number in the answer: {message}")
    states = {order.status.casefold(), *((bought.status or "").casefold() for bought in order.numbers)}
    if states == {"fulfilled", "success"}:
        return Placed(digits)
    if states <= {"fulfilled", "success", "pending"} and "pending" in states:
        return Pending("pending")
    return Unknown(message)


def _prefix(wanted: Wanted) -> str | None:
    """The beginning of the national number; None where the area code and the digits cannot both be it."""
    short, long = sorted((wanted.area_code, wanted.starts_with), key=len)
    return long if long.startswith(short) else None


def _query(wanted: Wanted, prefix: str) -> list[tuple[str, str]]:
    number_type = _ASKED_TYPES.get(wanted.number_type or "", "")
    city = wanted.locality if wanted.number_type in (None, "local") else ""
    if city:  # the filter is documented for this type alone, and others have no city
        number_type = "local"
    capabilities = set(wanted.capabilities)
    services = next((",".join(names) for names in _SERVICES if capabilities.issuperset(names)), "")
    pairs = (
        ("country_iso", wanted.iso_country),
        ("type", number_type),
        ("pattern", prefix),
        ("city", city),
        ("services", services),
    )
    return [(name, value) for name, value in pairs if value]


def _available(item: msgspec.Raw) -> Available | None:
    """A number of a search; None for one that cannot be read."""
    try:
        offered = item_of(item, _Offered)
    except CarrierError:
        return None
    e164 = e164_of(offered.number)
    if e164 is None:
        return None
    can = {"voice": offered.voice_enabled, "sms": offered.sms_enabled, "mms": offered.mms_enabled}
    return Available(
        e164,
        _TOLD_TYPES.get(_name(offered.sub_type).casefold()) or _TOLD_TYPES.get(_name(offered.type).casefold(), ""),
        "",  # what it calls a region is a country, or a city and a country
        city.title() if (city := _name(offered.city)).isupper() else city,
        tuple(name for name, enabled in can.items() if str(enabled).casefold() == "true"),
        _cost(offered),
    )


def _cost(offered: _Offered) -> Cost | None:
    """What the number costs; None when a rate cannot be read or what it costs to set up is not told.

    The rate for voice is that of calls received.
    """
    try:
        monthly, inbound, setup = map(price_of, (offered.monthly_rental_rate, offered.voice_rate, offered.setup_rate))
    except (MoneyError, msgspec.MsgspecError):
        return None
    return None if setup is None else Cost(_CURRENCY, monthly, inbound=inbound, setup=setup)


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= _LONGEST_OFFSET):
        raise CarrierError(Trouble.REFUSED, "the cursor is not one of this list")
    return int(cursor)


def _name(value: object) -> str:
    """A text of the carrier as it may be shown; "" for anything else."""
    return value if isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_NAME else ""


def _advice(error: CarrierError) -> str:
    if error.trouble is Trouble.CREDENTIALS:
        return f"auth_id or auth_token is wrong, or the account is suspended: {error.message}"
    if error.trouble is Trouble.REFUSED:
        return f"there is no account of this auth_id, or no Plivo at base_url: {error.message}"
    return str(error)


CARRIER: Final = CarrierKind(FIELDS, Plivo, ("auth_id",), ("inbound",), ("compliance_application_id",))
