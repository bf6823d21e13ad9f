"""Vonage: a number is named by its country and digits and keeps no reference, so that it is its own only proof.

Touches: nothing.

Source: the official specification of the Numbers API, versions 1.0.20 (2021) and 1.1.0
(https://developer.vonage.com/en/api/numbers). The first wants the key and the secret in the query; both
go in the Authorization header here, as the second documents, because URLs end up in logs.

Every order has to name the country of its number. A search that this process made tells it, else the offer
that was ordered; else it follows from public numbering data, which knows no toll-free numbers of Canada.
Vonage refuses an order that names the wrong country.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

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
from numberdesk.carriers.adapters.reading import digits_of, e164_of, item_of, price_of
from numberdesk.carriers.adapters.vonage_connections import VonageConnector
from numberdesk.carriers.adapters.vonage_labels import reason_of
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
from numberdesk.infra.numbering import country_of

FIELDS: Final[tuple[Field, ...]] = (
    Field("api_key", "API key of the account, from its dashboard", example="abcd1234"),
    Field("api_secret", "API secret of the account, from the same page", secret=True),
)

_HOST: Final = "https://rest.nexmo.com"
_PAGE: Final = 100  # what a page holds at most
_MOST_PAGES: Final = 5  # of one search, one after the other: its throttle is said to let one through a second
_MOST_REMEMBERED: Final = 10_000  # countries of numbers that searches told
_STARTS, _CONTAINS, _ENDS = "0", "1", "2"
_OK, _BAD_REQUEST, _NOT_FOUND, _ACTION_FAILED = 200, 400, 404, 420  # also as texts, in an answer's error-code
_CREDENTIALS: Final = (401, 403)
_CURRENCY: Final = "EUR"  # of every price
_NORTH_AMERICA: Final = "1"
_FEATURES: Final = ("SMS,MMS,VOICE", "SMS,VOICE", "SMS,MMS", "VOICE,MMS", "SMS", "VOICE", "MMS")  # all it can be asked
_CAPABILITIES: Final = ("voice", "sms", "mms")
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_CURSOR: Final = re.compile(r"([1-9][0-9]{0,5}):([0-9]{1,8})", re.ASCII)

_STATUS: Final = re.compile(r"[1-5][0-9]{2}", re.ASCII)

_LANDLINE, _MOBILE, _TOLL_FREE = "landline", "mobile-lvn", "landline-toll-free"
_ASKED_TYPES: Final = {"local": _LANDLINE, "national": _LANDLINE, "mobile": _MOBILE, "toll_free": _TOLL_FREE}
_TOLD_TYPES: Final = {_MOBILE: "mobile", _TOLL_FREE: "toll_free"}
"""What it tells for certain: a landline is local or national. In North America nearly all are called mobile."""


class _Status(msgspec.Struct):
    """The answer to an order or a cancellation. Neither names the number."""

    code: str | int = msgspec.field(name="error-code")
    label: str = msgspec.field(name="error-code-label", default="")


class _Problem(msgspec.Struct):
    """An error in the form of Vonage's newer interfaces."""

    title: str
    detail: str = ""


class _Offered(msgspec.Struct):
    """A number that can be bought. Only the number itself has to be as documented."""

    msisdn: str | int
    country: Any = None
    type: Any = None
    features: Any = None
    cost: msgspec.Raw = msgspec.Raw()
    initial_price: msgspec.Raw = msgspec.field(name="initialPrice", default=msgspec.Raw())


class _Owned(msgspec.Struct):
    msisdn: str | int
    country: Any = None


class _List(msgspec.Struct):
    """A part of a list. Its items are read one by one."""

    numbers: list[msgspec.Raw] = []
    count: int | None = None

    def is_last(self, seen: int, asked: int) -> bool:
        """Whether nothing comes after this page; `seen` are all numbers up to its end."""
        return len(self.numbers) < asked if self.count is None else seen >= self.count


class _Balance(msgspec.Struct):
    value: Decimal


class Vonage(ConnectsNumbers):
    """An account at Vonage."""

    def __init__(self, setup: Setup, http: Http) -> None:
        self._api = CarrierHttpApi(
            setup, http, base_url=_HOST, authorization=basic(setup["api_key"], setup["api_secret"])
        )
        self._countries: dict[str, str] = {}
        self._connector = VonageConnector(self._api)

    @property
    def window(self) -> int:
        """How long absence has to last until it is believed, in microseconds."""
        return self._api.window

    async def search(self, wanted: Wanted) -> AvailablePage:
        """Numbers that can be bought now, from as many pages as the limit asks for. Raises CarrierError.

        One pattern can be looked for: the longest of prefix, suffix and digits anywhere goes down. A later
        page that fails leaves the earlier ones.
        """
        query = _query(wanted)
        if query is None:
            return AvailablePage(())
        limit = max(1, min(wanted.limit, _PAGE * _MOST_PAGES))
        pages = -(-limit // _PAGE)
        size = -(-limit // pages)
        found: dict[str, Available] = {}
        missed: CarrierError | None = None
        last, seen = False, 0
        for index in range(1, pages + 1):
            try:
                page = await self._page("/number/search", query, index, size)
            except CarrierError as error:
                if index == 1:
                    raise
                missed = error
                break
            seen += len(page.numbers)
            found.update((one.e164, one) for item in page.numbers if (one := self._available(item, wanted)) is not None)
            last = page.is_last(seen, size)
            if last or not page.numbers:
                break
        return AvailablePage(tuple(found.values()), missed, more=missed is None and not last)

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS  # noqa: ARG002  it has no place for them
    ) -> Placed | Pending | Refused | NotSent | Unknown:  # fmt: skip
        """Order exactly this number, with one request. Vonage has no place for the reference. Raises nothing."""
        digits = e164.removeprefix("+")
        country = self._countries.get(e164) or iso_country or country_of(e164)
        if not country:
            return NotSent("the country of the number is not known")
        form = (("country", country), ("msisdn", digits))
        answer = await self._api.order(Call("POST", "/number/buy", form=form))
        return _outcome(answer, _number_id(country, digits)) if isinstance(answer, HttpResponse) else answer

    async def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:  # noqa: ARG002  as above
        """Look for the number on the account. Raises nothing."""
        digits = e164.removeprefix("+")
        try:
            country = await self._country_of_owned(digits)
        except CarrierError as error:
            return Unknown(str(error))
        return Absent() if country is None else Placed(_number_id(country, digits))

    async def owned(self, cursor: str | None) -> OwnedPage:
        """A page of the numbers on the account. Raises CarrierError.

        The cursor is the index of a page and how many numbers came before it: a server that gives smaller
        pages than asked for must not be taken for one that is done.
        """
        index, before = _position(cursor)
        page = await self._page("/account/numbers", [], index, _PAGE)
        rows = [row for item in page.numbers if (row := _owned_row(item)) is not None]
        seen = before + len(page.numbers)
        if page.is_last(seen, _PAGE):
            return OwnedPage(tuple(rows), None)
        if not page.numbers:
            raise CarrierError(Trouble.UNREADABLE, "the list of its numbers ends before its own count")
        return OwnedPage(tuple(rows), f"{index + 1}:{seen}")

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased:
        """Give a number back. Safe to repeat; raises nothing.

        The specification does not tell why a cancellation failed: whether the number is (still) on the account
        is looked up then, and so is its country.
        """
        digits = e164.removeprefix("+")
        try:
            country = _country_in(number_id, digits) or self._countries.get(e164) or country_of(e164)
            message = await self._cancelled(country, digits) if country else "its country is not known"
            if message is None:
                return Released()
            listed = await self._country_of_owned(digits)
            if listed not in (None, "", country):
                message = await self._cancelled(listed, digits)
        except CarrierError as error:
            return NotReleased(str(error))
        return Released() if listed is None or message is None else NotReleased(message)

    async def check(self) -> Health:
        """Ask for the balance (https://developer.vonage.com/en/api/account). Raises nothing."""
        try:
            answer = await self._api.read(Call("GET", "/account/get-balance"))
            if answer.status == _NOT_FOUND:
                return Health(
                    ok=False, message=f"no Vonage is there; check base_url: {refused(answer).message}", facts={}
                )
            if answer.status != _OK:
                raise refused(answer)
            balance = decoded(answer, _Balance).value
        except CarrierError as error:
            wrong = error.trouble is Trouble.CREDENTIALS
            advice = f"api_key or api_secret is wrong, or the account is suspended: {error.message}"
            return Health(ok=False, message=advice if wrong else str(error), facts={})
        return Health(ok=True, message="the account answers", facts={"balance": f"{balance!s:.30} {_CURRENCY}"})

    async def _cancelled(self, country: str, digits: str) -> str | None:
        """Cancel a number. What was said, when it failed; None when it is done. Raises CarrierError."""
        form = (("country", country), ("msisdn", digits))
        answer = await self._api.read(Call("POST", "/number/cancel", form=form))
        if answer.status not in (_OK, _ACTION_FAILED):
            raise refused(answer)
        done = answer.status == _OK and str(decoded(answer, _Status).code) == str(_OK)
        return None if done else f"HTTP {answer.status}{excerpt(answer)}"

    async def _country_of_owned(self, digits: str) -> str | None:
        """The country that a number on the account is listed under, "" without one. None when it is not listed.

        Raises CarrierError when that is not certain, also for numbers that do not begin as asked for.
        """
        pattern = [("pattern", digits), ("search_pattern", _STARTS)]
        page = await self._page("/account/numbers", pattern, 1, _PAGE)
        listed = {digits_of(row.msisdn): row.country for row in (item_of(item, _Owned) for item in page.numbers)}
        if digits in listed:
            return _country(listed[digits])
        if not page.is_last(len(page.numbers), _PAGE) or not all(number.startswith(digits) for number in listed):
            raise CarrierError(Trouble.UNREADABLE, "it lists numbers that were not asked for")
        return None

    async def _page(self, path: str, query: list[tuple[str, str]], index: int, size: int) -> _List:
        """A page of a list. One without numbers comes as an empty object (https://github.com/Vonage/vonage-cli/issues/51).

        Raises CarrierError, also for an object that holds something else and no numbers.
        """
        paging = [("size", str(size)), ("index", str(index))]
        answer = await self._api.read(Call("GET", path, query=[*query, *paging]))
        if answer.status != _OK:
            raise refused(answer)
        names = decoded(answer, dict[str, msgspec.Raw]).keys()
        if "numbers" not in names and names - {"count"}:
            raise CarrierError(Trouble.UNREADABLE, f"HTTP {answer.status} without numbers{excerpt(answer)}")
        return decoded(answer, _List)

    def _available(self, item: msgspec.Raw, wanted: Wanted) -> Available | None:
        """A number of a search, whose country is remembered; None for one that cannot be read."""
        try:
            offered = item_of(item, _Offered)
        except CarrierError:
            return None
        if (e164 := e164_of(offered.msisdn)) is None:
            return None
        if country := _country(offered.country):
            self._countries[e164] = country
            if len(self._countries) > _MOST_REMEMBERED:
                del self._countries[next(iter(self._countries))]
        told = _TOLD_TYPES if wanted.calling_code != _NORTH_AMERICA else {_TOLL_FREE: "toll_free"}
        number_type = told.get(offered.type, "") if isinstance(offered.type, str) else ""
        features = offered.features if isinstance(offered.features, list) else []
        can = {name for feature in features if isinstance(feature, str) for name in feature.casefold().split(",")}
        capabilities = tuple(name for name in _CAPABILITIES if name in can)
        return Available(e164, number_type, "", "", capabilities, _cost(offered))


def _outcome(answer: HttpResponse, number_id: str) -> Placed | Refused | Unknown:
    """What the answer to an order means. A code inside a 200 counts as that status.

    420 is said of a number that somebody else has, that is ours already, of another country, and without credit,
    nearly always as "method failed" (https://github.com/Vonage/vonage-php-sdk-core, tests of purchases), which says
    none of these. This request bought nothing then; whether one before it did is asked by who knows of one.
    """
    message = f"HTTP {answer.status}{excerpt(answer)}"
    if answer.status in _CREDENTIALS:
        return Refused(Reason.ACCOUNT, message)
    try:
        status = _status_of(answer)
    except CarrierError as error:
        return Unknown(f"{error.message}{excerpt(answer)}")
    code = str(status.code)
    if answer.status == _OK and code == str(_OK):
        return Placed(number_id)
    if answer.status == _OK and _STATUS.fullmatch(code):
        return refusal(int(code), message, reason_of(int(code), status.label.casefold()))
    if code == str(_OK):
        return Unknown(message)
    return refusal(answer.status, message, reason_of(answer.status, status.label.casefold()))


def _status_of(answer: HttpResponse) -> _Status:
    """What an answer says of itself, in either form. Raises CarrierError."""
    try:
        return decoded(answer, _Status)
    except CarrierError:
        if answer.status < _BAD_REQUEST:
            raise
        problem = decoded(answer, _Problem)
        return _Status(answer.status, f"{problem.title} {problem.detail}")


def _query(wanted: Wanted) -> list[tuple[str, str]] | None:
    """What is asked for; None where the area code and the first digits cannot both begin a number."""
    short, long = sorted((wanted.area_code, wanted.starts_with), key=len)
    if not long.startswith(short):
        return None
    query = [("country", wanted.iso_country)]
    in_north_america = wanted.calling_code == _NORTH_AMERICA
    if wanted.number_type in _ASKED_TYPES and (not in_north_america or wanted.number_type == "toll_free"):
        query.append(("type", _ASKED_TYPES[wanted.number_type]))
    patterns = ((long, _STARTS), (wanted.ends_with, _ENDS), (wanted.contains, _CONTAINS))
    digits, strategy = max(patterns, key=lambda pattern: len(pattern[0]))
    if digits:
        digits = wanted.calling_code + digits if strategy == _STARTS else digits
        query += [("pattern", digits), ("search_pattern", strategy)]
    able = {name.upper() for name in wanted.capabilities}
    return query + [("features", features) for features in _FEATURES if able.issuperset(features.split(","))][:1]


def _cost(offered: _Offered) -> Cost | None:
    """The monthly rent and the fee at the beginning; None when one cannot be read or neither is told."""
    try:
        monthly, setup = price_of(offered.cost), price_of(offered.initial_price)
    except (MoneyError, msgspec.MsgspecError):
        return None
    return Cost(_CURRENCY, monthly, setup=setup) if (monthly, setup) != (None, None) else None


def _owned_row(item: msgspec.Raw) -> OwnedNumber | None:
    """A number on the account; None for one outside E.164. Raises CarrierError for anything else."""
    owned = item_of(item, _Owned)
    e164 = e164_of(owned.msisdn)
    number_id = _number_id(_country(owned.country), digits_of(owned.msisdn))
    return None if e164 is None else OwnedNumber(e164, number_id, "")


def _number_id(country: str, digits: str) -> str:
    """What names a number here: its country and digits, as every request has to tell them."""
    return f"{country}:{digits}" if country else digits


def _country_in(number_id: str | None, digits: str) -> str:
    country, _, number = (number_id or "").partition(":")
    return _country(country) if number == digits else ""


def _country(value: object) -> str:
    return value if isinstance(value, str) and _COUNTRY.fullmatch(value) else ""


def _position(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return 1, 0
    if (written := _CURSOR.fullmatch(cursor)) is None:
        raise CarrierError(Trouble.REFUSED, "the cursor is not one of this list")
    return int(written[1]), int(written[2])


CARRIER: Final = CarrierKind(FIELDS, Vonage, ("api_key",))
