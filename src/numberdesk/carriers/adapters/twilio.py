"""Twilio: numbers by its API of 2010-04-01, prices by its pricing API.

Touches: clock.

Our order id is the number's FriendlyName, by which it can be found again. An order is answered at
once: with the number, or with an error code (https://www.twilio.com/docs/api/errors). Prices do not
come with a search; they are asked for per country, side by side with it, and kept for some hours.
https://www.twilio.com/docs/phone-numbers/api
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

from numberdesk.carriers.adapters.connecting import ConnectsNumbers
from numberdesk.carriers.adapters.http_api import (
    Call,
    CarrierHttpApi,
    CarrierKind,
    basic,
    decoded,
    each,
    refusal,
    refused,
)
from numberdesk.carriers.adapters.reading import PageLinks, is_e164
from numberdesk.carriers.adapters.twilio_calls import TwilioCalls
from numberdesk.carriers.adapters.twilio_connections import TwilioConnector
from numberdesk.carriers.adapters.twilio_errors import REASONS
from numberdesk.carriers.adapters.twilio_papers import PAPERS, named_papers, required_papers
from numberdesk.carriers.adapters.twilio_prices import Costs, TwilioPrices
from numberdesk.carriers.adapters.twilio_search import LARGEST_PAGE, question, start_of
from numberdesk.carriers.port import (
    NO_PAPERS,
    AnotherNumber,
    Available,
    AvailablePage,
    CarrierError,
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
from numberdesk.core.errors import InvalidRequest
from numberdesk.infra.http import Http, HttpResponse

FIELDS: Final[tuple[Field, ...]] = (
    Field("account_sid", "the account's SID, which begins with AC", example="AC0123456789abcdef0123456789abcdef"),
    Field("auth_token", "the account's auth token; not needed with an API key", secret=True, required=False),
    Field("api_key_sid", "an API key's SID, which begins with SK, in place of the auth token", required=False),
    Field("api_key_secret", "the API key's secret", secret=True, required=False),
    Field("bundle_sid", "regulatory bundle that numbers are bought with (BU...)", required=False),
    Field("address_sid", "address that numbers are bought with (AD...)", required=False),
    Field("identity_sid", "identity that numbers are bought with (RI...)", required=False),
)

_API: Final = "https://api.twilio.com"
_RESOURCES: Final = {"local": "Local", "mobile": "Mobile", "toll_free": "TollFree", "national": "National"}
_LONGEST_REFERENCE: Final = 64
_ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII)
_NUMBER: Final = re.compile(r"PN[0-9a-fA-F]{32}", re.ASCII)
_PAGES: Final = PageLinks("Page", "PageToken")

_NO_SUCH_AREA: Final = (21451, 21452)
_OK, _MULTIPLE, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _BROKEN = 200, 300, 400, 401, 403, 404, 500


class _Offered(msgspec.Struct):
    phone_number: str
    region: str | None = None
    locality: str | None = None
    capabilities: dict[str, Any] | None = None
    address_requirements: Any = None


class _Offers(msgspec.Struct):
    available_phone_numbers: list[msgspec.Raw]
    next_page_uri: str | None = None


class _Held(msgspec.Struct):
    phone_number: str
    sid: str
    friendly_name: str | None = None


class _HeldList(msgspec.Struct):
    incoming_phone_numbers: list[msgspec.Raw]
    next_page_uri: str | None = None


class _Failure(msgspec.Struct):
    code: int | None = None
    message: str | None = None
    sid: Any = None  # of a number: what has one is no error


class _Balance(msgspec.Struct):
    balance: Any = None
    currency: Any = None


class _Look(NamedTuple):
    """What a look-up of our numbers showed. `unclear` says why it is no proof of absence; "" when it is."""

    numbers: list[_Held]
    unclear: str


class Twilio(TwilioCalls, ConnectsNumbers):
    """One Twilio account. `seconds` is a clock that only goes forward, by which prices grow old."""

    def __init__(self, setup: Setup, http: Http, *, seconds: Callable[[], float] = time.monotonic) -> None:
        account = setup["account_sid"]
        if not _ACCOUNT.fullmatch(account):
            raise InvalidRequest("account_sid", "must be AC and 32 hexadecimal digits")
        self._api = CarrierHttpApi(setup, http, base_url=_API, authorization=_authorization(setup))
        self._prices = TwilioPrices(self._api, seconds)
        self._account = f"/2010-04-01/Accounts/{account}"
        self._numbers = f"{self._account}/IncomingPhoneNumbers.json"
        self._connector = TwilioConnector(self._api, self._account)
        self._papers = {field: setup.get(field) for field in PAPERS}

    @property
    def window(self) -> int:
        """How long absence has to last until it is believed, in microseconds."""
        return self._api.window

    async def search(self, wanted: Wanted) -> AvailablePage:
        """Numbers that can be bought now, of all types side by side where none is asked for. Raises CarrierError."""
        start = start_of(wanted)
        if start is None:
            return AvailablePage(())
        self._prices.ask(wanted.iso_country)
        kinds = (wanted.number_type,) if wanted.number_type else tuple(_RESOURCES)
        found = await asyncio.gather(*(self._offers(kind, start, wanted) for kind in kinds if kind in _RESOURCES))
        pages = [page for page in found if isinstance(page, AvailablePage)]
        missed = next((error for error in found if isinstance(error, CarrierError)), None)
        if missed is not None and not pages:
            raise missed
        numbers = [number for page in pages for number in page.numbers]
        costs = await self._prices.of(wanted.iso_country) if numbers else Costs({})
        return AvailablePage(
            tuple(number._replace(cost=costs.by_type.get(number.number_type)) for number in numbers),
            missed or costs.missed,
            more=any(page.more for page in pages),
        )

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS  # noqa: ARG002  by digits alone
    ) -> Placed | Pending | Refused | NotSent | Unknown:  # fmt: skip
        """Order exactly this number, with one request, under our reference. Raises nothing."""
        form = [("PhoneNumber", e164), ("FriendlyName", reference), *named_papers(papers or self._papers)]
        answer = await self._api.order(Call("POST", self._numbers, form=form))
        return _ordered(answer, e164, reference) if isinstance(answer, HttpResponse) else answer

    async def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:
        """Look for what became of an order, by number and by reference."""
        by_number, by_reference = await asyncio.gather(
            self._look("PhoneNumber", e164), self._look("FriendlyName", reference)
        )
        ours = [held for held in (*by_number.numbers, *by_reference.numbers) if held.phone_number == e164]
        if ours:
            best = next((held for held in ours if held.friendly_name == reference), ours[0])
            return Placed(best.sid, _reference_in(best))
        if any(held.friendly_name == reference for held in by_reference.numbers):
            return Unknown("another number has our reference")
        unclear = by_number.unclear or by_reference.unclear
        return Unknown(unclear) if unclear else Absent()

    async def owned(self, cursor: str | None) -> OwnedPage:
        """A page of the numbers on our account, from a cursor of the page before. Raises CarrierError."""
        query = [("PageSize", str(LARGEST_PAGE)), *_PAGES.query_of(cursor)]
        answer = await self._api.read(Call("GET", self._numbers, query=query))
        if answer.status != _OK:
            raise refused(answer)
        listed = decoded(answer, _HeldList)
        numbers = tuple(
            OwnedNumber(held.phone_number, held.sid, _reference_in(held))
            for held in each(listed.incoming_phone_numbers, _Held)
            if held is not None and is_e164(held.phone_number)
        )
        return OwnedPage(numbers, _PAGES.cursor_in(listed.next_page_uri))

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased | AnotherNumber:
        """Give a number back. Without `number_id` it is looked up by its digits. Safe to repeat; raises nothing."""
        try:
            is_known = number_id is not None and _NUMBER.fullmatch(number_id) is not None
            sid = number_id if is_known else await self._sid_of(e164)
            if sid is None:
                return Released()
            named = await self._number_of(sid) if is_known else e164
            if named not in (None, e164):
                return AnotherNumber(named)
            answer = await self._api.read(Call("DELETE", f"{self._account}/IncomingPhoneNumbers/{sid}.json"))
            gone = answer.status == _NOT_FOUND and await self._sid_of(e164) is None
        except CarrierError as error:
            return NotReleased(str(error))
        return Released() if gone or _OK <= answer.status < _MULTIPLE else NotReleased(str(refused(answer)))

    async def check(self) -> Health:
        """Ask whether Twilio knows the account and, if it does, whether prices can be read. Raises nothing."""
        known = await self._check_account()
        wrong = await self._prices.check() if known.ok else ""
        return known._replace(ok=False, message=wrong) if wrong else known

    async def _check_account(self) -> Health:
        """Ask for the balance, or where an account has none of its own, for its numbers."""
        try:
            answer = await self._api.read(Call("GET", f"{self._account}/Balance.json"))
            if answer.status == _OK:
                told = decoded(answer, _Balance)
                facts = {"balance": _shown(told.balance), "currency": _shown(told.currency)}
                return Health(ok=True, message="Twilio knows the account", facts=facts)
            answer = await self._api.read(Call("GET", self._numbers, query=[("PageSize", "1")]))
        except CarrierError as error:
            return Health(ok=False, message=_advice(error), facts={})
        if answer.status == _OK:
            return Health(ok=True, message="Twilio knows the account, which has no balance of its own", facts={})
        message = f"Twilio does not know the account: check account_sid: {refused(answer).message}"
        return Health(ok=False, message=message, facts={})

    async def _offers(self, kind: str, start: str, wanted: Wanted) -> AvailablePage | CarrierError | None:
        """The numbers of a type; None where there is no such thing, which does not make up for a type that fails.

        Toll-free numbers are nowhere; 404 says that the country has none of a type.
        """
        if kind == "toll_free" and (wanted.region or wanted.locality):
            return None
        query = question(kind, start, wanted)
        country = quote(wanted.iso_country, safe="")
        path = f"{self._account}/AvailablePhoneNumbers/{country}/{_RESOURCES[kind]}.json"
        try:
            answer = await self._api.read(Call("GET", path, query=query))
            if answer.status == _NOT_FOUND:
                return None
            if _code_of(answer) in _NO_SUCH_AREA:
                return AvailablePage(())
            if answer.status != _OK:
                return refused(answer)
            listed = decoded(answer, _Offers)
        except CarrierError as error:
            return error
        full = len(listed.available_phone_numbers) >= min(wanted.limit, LARGEST_PAGE) or bool(listed.next_page_uri)
        offers = each(listed.available_phone_numbers, _Offered)
        return AvailablePage(
            tuple(
                Available(
                    offer.phone_number,
                    kind,
                    offer.region or "",
                    offer.locality or "",
                    _capabilities(offer),
                    cost=None,
                    requires=()
                    if self._papers["bundle_sid"] or self._papers["address_sid"]
                    else required_papers(offer.address_requirements),
                )
                for offer in offers
                if offer is not None and is_e164(offer.phone_number)
            ),
            more=full,
        )

    async def _look(self, parameter: str, value: str) -> _Look:
        """Our numbers by a filter. It is a proof when all of them were shown and each could be read."""
        query = [(parameter, value), ("PageSize", str(LARGEST_PAGE))]
        try:
            answer = await self._api.read(Call("GET", self._numbers, query=query))
            if answer.status != _OK:
                return _Look([], str(refused(answer)))
            listed = decoded(answer, _HeldList)
        except CarrierError as error:
            return _Look([], str(error))
        items = each(listed.incoming_phone_numbers, _Held)
        numbers = [held for held in items if held is not None and _NUMBER.fullmatch(held.sid)]
        if len(numbers) < len(items):
            return _Look(numbers, "a number in the list cannot be read")
        return _Look(numbers, "the list goes on after its largest page" if listed.next_page_uri else "")

    async def _number_of(self, sid: str) -> str | None:
        """Which number of ours has a SID; None when none has. Raises CarrierError when that is not clear."""
        answer = await self._api.read(Call("GET", f"{self._account}/IncomingPhoneNumbers/{sid}.json"))
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            raise refused(answer)
        return decoded(answer, _Held).phone_number

    async def _sid_of(self, e164: str) -> str | None:
        """The SID of a number that is ours, None when it is not. Raises CarrierError when that is not clear."""
        look = await self._look("PhoneNumber", e164)
        for held in look.numbers:
            if held.phone_number == e164:
                return held.sid
        if look.unclear:
            raise CarrierError(Trouble.UNREADABLE, look.unclear)
        return None


def _authorization(setup: Setup) -> str:
    key, secret, token = setup.get("api_key_sid"), setup.get("api_key_secret"), setup.get("auth_token")
    if bool(key) != bool(secret):
        raise InvalidRequest("api_key_secret" if key else "api_key_sid", "is needed as well: a key is both")
    if not key and not token:
        raise InvalidRequest("auth_token", "is required, or an API key in its place")
    return basic(key, secret) if key else basic(setup["account_sid"], token)


def _ordered(answer: HttpResponse, e164: str, reference: str) -> Placed | Refused | Unknown:
    message = str(refused(answer).message)
    failure = _failure_in(answer)
    if failure is not None and not _MULTIPLE <= answer.status < _BAD_REQUEST:
        status = max(answer.status, _BAD_REQUEST)
        return refusal(status, message, REASONS.get(failure.code or 0))
    if _OK <= answer.status < _MULTIPLE:
        try:
            held = decoded(answer, _Held)
        except CarrierError as error:
            return Unknown(str(error))
        if held.phone_number != e164 or not _NUMBER.fullmatch(held.sid):
            return Unknown(f"answered with another number than was ordered: {message}")
        return Placed(held.sid, held.friendly_name or reference)
    return Refused(Reason.ACCOUNT, message) if answer.status in (_UNAUTHORIZED, _FORBIDDEN) else Unknown(message)


def _failure_in(answer: HttpResponse) -> _Failure | None:
    """The error in an answer to an order: it has a code, or words beside a status that is none of success."""
    try:
        failure = decoded(answer, _Failure)
    except CarrierError:
        return None
    said_so = failure.code is not None or (answer.status >= _BAD_REQUEST and failure.message is not None)
    return failure if said_so and failure.sid is None else None


def _code_of(answer: HttpResponse) -> int | None:
    """The error code of a 4xx answer."""
    if not _BAD_REQUEST <= answer.status < _BROKEN:
        return None
    try:
        return decoded(answer, _Failure).code
    except CarrierError:
        return None


def _capabilities(offer: _Offered) -> tuple[str, ...]:
    """Twilio's specification writes their names small, its answers to searches large."""
    return tuple(name.lower() for name, able in (offer.capabilities or {}).items() if able is True)


def _reference_in(held: _Held) -> str:
    name = held.friendly_name or ""
    return name if name.isprintable() and len(name) <= _LONGEST_REFERENCE else ""


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) else ""
    return text[:20] if text.isascii() and text.isprintable() else ""


def _advice(error: CarrierError) -> str:
    if error.trouble is Trouble.CREDENTIALS:
        return f"Twilio does not accept the auth token or API key, or the account is suspended: {error.message}"
    return f"Twilio cannot be asked: {error}"


CARRIER: Final = CarrierKind(FIELDS, Twilio, ("account_sid",), ("inbound",), tuple(PAPERS), registers_addresses=True)
