"""SignalWire: numbers of the United States and Canada by its REST API.

Touches: nothing.

An order takes a number and nothing else: a number can be named only afterwards, so there is no
reference of ours, and what is on the account is the only proof. Its answers to a search differ from
its own specification (`e164` for `number`, a list of capabilities for an object), so both are read.
https://signalwire.com/docs/apis/rest/phone-numbers/list-phone-numbers
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from numberdesk.carriers.adapters.connecting import ConnectsNumbers
from numberdesk.carriers.adapters.http_api import (
    UNDECIDED,
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
from numberdesk.carriers.adapters.refusal_words import reason_in
from numberdesk.carriers.adapters.signalwire_calls import SignalWireCalls
from numberdesk.carriers.adapters.signalwire_connections import SignalWireConnector
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
    Field("space", "the space's name, which stands before .signalwire.com", example="example"),
    Field("project_id", "the project's id", example="3fa85f64-5717-4562-b3fc-2c963f66afa6"),
    Field("api_token", "an API token with the scope Numbers", secret=True),
)

_PATH: Final = "/api/relay/rest/phone_numbers"
_COUNTRIES: Final = ("US", "CA")
_KINDS: Final = {"local": "local", "toll_free": "toll-free"}
_MOST_OFFERS: Final = 100
_LARGEST_PAGE: Final = 1000
_AREA_CODE_LENGTH: Final = 3
_FEWEST_DIGITS, _MOST_DIGITS = 3, 7
_LABEL: Final = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?", re.ASCII)
_ID: Final = re.compile(r"[0-9a-zA-Z-]{1,64}", re.ASCII)
_PAGES: Final = PageLinks("page_number", "page_token")
_OK, _MULTIPLE, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _INVALID = 200, 300, 401, 403, 404, 422


class _Offered(msgspec.Struct):
    number: str | None = None
    e164: str | None = None
    region: str | None = None
    city: str | None = None
    capabilities: dict[str, Any] | list[Any] | None = None


class _Offers(msgspec.Struct):
    data: list[msgspec.Raw] | None


class _Held(msgspec.Struct):
    id: str
    number: str


class _Links(msgspec.Struct):
    next: str | None = None


class _HeldList(msgspec.Struct):
    data: list[msgspec.Raw]
    links: _Links | None = None

    @property
    def next_page(self) -> str | None:
        return None if self.links is None else self.links.next


class _Failure(msgspec.Struct):
    """An error as it comes in three forms: a text, a list of errors, and an error's own members."""

    error: Any = None
    errors: list[dict[str, Any]] | None = None
    code: Any = None
    title: Any = None
    detail: Any = None
    message: Any = None

    @property
    def is_one(self) -> bool:
        """Whether it is an error at all."""
        return self.errors is not None or bool(self.words)

    @property
    def words(self) -> str:
        """All it says, in lower case, with blanks for underscores; "" where it is no error."""
        parts = [self.error, self.code, self.title, self.detail, self.message]
        parts += [error.get(name) for error in self.errors or [] for name in ("code", "title", "detail", "message")]
        return " ".join(part.casefold().replace("_", " ") for part in parts if isinstance(part, str))


class SignalWire(SignalWireCalls, ConnectsNumbers):
    """One SignalWire project."""

    def __init__(self, setup: Setup, http: Http) -> None:
        if not _LABEL.fullmatch(setup["space"]):
            raise InvalidRequest("space", "must be the name before .signalwire.com: letters, digits and hyphens")
        if ":" in setup["project_id"]:
            raise InvalidRequest("project_id", "must have no colon")
        authorization = basic(setup["project_id"], setup["api_token"])
        base_url = f"https://{setup['space'].lower()}.signalwire.com"
        self._api = CarrierHttpApi(setup, http, base_url=base_url, authorization=authorization)
        self._connector = SignalWireConnector(self._api)

    @property
    def window(self) -> int:
        """How long absence has to last until it is believed, in microseconds."""
        return self._api.window

    async def search(self, wanted: Wanted) -> AvailablePage:
        """Numbers that can be bought now, of both types side by side where none is asked for. Raises CarrierError."""
        longer, shorter = sorted((wanted.starts_with, wanted.area_code), key=len, reverse=True)
        if wanted.iso_country not in _COUNTRIES or not longer.startswith(shorter):
            return AvailablePage(())
        kinds = [kind for kind in _KINDS if wanted.number_type in (None, kind)]
        if wanted.region or wanted.locality:
            kinds = [kind for kind in kinds if kind != "toll_free"]  # toll-free numbers are nowhere
        found = await asyncio.gather(*(self._offers(kind, longer, wanted) for kind in kinds))
        pages = [page for page in found if isinstance(page, AvailablePage)]
        missed = next((error for error in found if isinstance(error, CarrierError)), None)
        if missed is not None and not pages:
            raise missed
        numbers = tuple(number for page in pages for number in page.numbers)
        return AvailablePage(numbers, missed, more=any(page.more for page in pages), by_country=False)

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS  # noqa: ARG002  by digits alone; its orders take none
    ) -> Placed | Pending | Refused | NotSent | Unknown:  # fmt: skip
        """Order exactly this number, with one request. Raises nothing."""
        answer = await self._api.order(Call("POST", _PATH, json={"number": e164}))
        return _ordered(answer, e164) if isinstance(answer, HttpResponse) else answer

    async def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:  # noqa: ARG002  it keeps no reference
        """Look whether the number is ours: by a filter on substrings, with the plus sign and without."""
        looks = await asyncio.gather(self._look(e164), self._look(e164.removeprefix("+")))
        for look in looks:
            if isinstance(look, _Held):
                return Placed(look.id)
        unclear = [str(look) for look in looks if look is not None]
        return Unknown(unclear[0]) if unclear else Absent()

    async def owned(self, cursor: str | None) -> OwnedPage:
        """A page of the numbers on our account, from a cursor of the page before. Raises CarrierError."""
        listed = await self._listed([("page_size", str(_LARGEST_PAGE)), *_PAGES.query_of(cursor)])
        numbers = tuple(
            OwnedNumber(held.number, held.id, reference="")
            for held in each(listed.data, _Held)
            if held is not None and is_e164(held.number)
        )
        return OwnedPage(numbers, _PAGES.cursor_in(listed.next_page))

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased | AnotherNumber:
        """Give a number back. Without `number_id` it is looked up by its digits. Safe to repeat; raises nothing."""
        try:
            if number_id is None or not _ID.fullmatch(number_id):
                held = await self._held(e164)
                if held is None:
                    return Released()
                number_id = held.id
            elif (named := await self._number_of(number_id)) not in (None, e164):
                return AnotherNumber(named)
            answer = await self._api.read(Call("DELETE", f"{_PATH}/{number_id}"))
            gone = answer.status == _NOT_FOUND and await self._held(e164) is None
        except CarrierError as error:
            return NotReleased(str(error))
        return Released() if gone or _OK <= answer.status < _MULTIPLE else NotReleased(str(refused(answer)))

    async def check(self) -> Health:
        """Ask for one number of the account. Raises nothing."""
        try:
            await self._listed([("page_size", "1")])
        except CarrierError as error:
            return Health(ok=False, message=_advice(error), facts={})
        return Health(ok=True, message="SignalWire knows the project, and the token may list its numbers", facts={})

    async def _offers(self, kind: str, start: str, wanted: Wanted) -> AvailablePage | CarrierError:
        query = _question(kind, start, wanted)
        try:
            answer = await self._api.read(Call("GET", f"{_PATH}/search", query=query))
            if answer.status != _OK:
                return refused(answer)
            items = decoded(answer, _Offers).data or []
        except CarrierError as error:
            return error
        offers = [_available(offer, kind) for offer in each(items, _Offered) if offer is not None]
        return AvailablePage(
            tuple(offer for offer in offers if is_e164(offer.e164)),
            more=len(items) >= min(wanted.limit, _MOST_OFFERS),
        )

    async def _look(self, number: str) -> _Held | CarrierError | None:
        try:
            return await self._held(number)
        except CarrierError as error:
            return error

    async def _number_of(self, number_id: str) -> str | None:
        """Which number of ours has an id; None when none has. Raises CarrierError when that is not clear."""
        answer = await self._api.read(Call("GET", f"{_PATH}/{number_id}"))
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            raise refused(answer)
        return f"+{decoded(answer, _Held).number.removeprefix('+')}"

    async def _held(self, number: str) -> _Held | None:
        """The number if it is ours, None if not; by its digits. Raises CarrierError when that is not clear."""
        listed = await self._listed([("filter_number", number), ("page_size", str(_LARGEST_PAGE))])
        items = each(listed.data, _Held)
        for held in items:
            if held is not None and held.number.removeprefix("+") == number.removeprefix("+"):
                if not _ID.fullmatch(held.id):
                    raise CarrierError(Trouble.UNREADABLE, "the number is there, and its id cannot be read")
                return held
        if None in items:
            raise CarrierError(Trouble.UNREADABLE, "a number in the list cannot be read")
        if listed.next_page:
            raise CarrierError(Trouble.UNREADABLE, "the list goes on after its largest page")
        return None

    async def _listed(self, query: list[tuple[str, str]]) -> _HeldList:
        answer = await self._api.read(Call("GET", _PATH, query=query))
        if answer.status != _OK:
            raise refused(answer)
        return decoded(answer, _HeldList)


def _question(kind: str, start: str, wanted: Wanted) -> list[tuple[str, str]]:
    """What can be asked for: an area code or a place, and the digits that leave the fewest numbers.

    It is not said whether a start is meant of the whole number or of what follows the area code: so
    an area code is asked for as such, and digits after it as ones that appear somewhere.
    """
    area = start[:_AREA_CODE_LENGTH] if len(start) >= _AREA_CODE_LENGTH else ""
    digits = _digits(wanted, start[len(area) :])
    region = wanted.region if not area and len(wanted.region) == len("CA") else ""
    city = wanted.locality if region and not digits else ""
    query = {"number_type": _KINDS[kind], "max_results": str(max(1, min(wanted.limit, _MOST_OFFERS)))}
    query |= {"areacode": area, "region": region, "city": city, **digits}
    return [(name, value) for name, value in query.items() if value]


def _digits(wanted: Wanted, after_area: str) -> dict[str, str]:
    """The one condition on digits that can be sent: 3 to 7 of them."""
    choices = [
        ("contains", after_area[:_MOST_DIGITS]),
        ("contains", wanted.contains[-_MOST_DIGITS:]),
        ("ends_with", wanted.ends_with[-_MOST_DIGITS:]),
    ]
    name, digits = max(choices, key=lambda choice: len(choice[1]))
    return {name: digits} if len(digits) >= _FEWEST_DIGITS else {}


def _available(offer: _Offered, kind: str) -> Available:
    able = offer.capabilities or []
    names = [name for name, is_able in able.items() if is_able is True] if isinstance(able, dict) else able
    capabilities = tuple(name.lower() for name in names if isinstance(name, str))
    return Available(
        offer.number or offer.e164 or "", kind, offer.region or "", offer.city or "", capabilities, cost=None
    )


def _ordered(answer: HttpResponse, e164: str) -> Placed | Refused | Unknown:
    message = refused(answer).message
    try:
        if _OK <= answer.status < _MULTIPLE:
            held = decoded(answer, _Held)
            if held.number == e164 and _ID.fullmatch(held.id):
                return Placed(held.id)
            return Unknown(f"answered with another number than was ordered: {message}")
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            return Refused(Reason.ACCOUNT, message)
        failure = decoded(answer, _Failure)
    except CarrierError as error:
        return Unknown(str(error))
    known = _reason(answer.status, failure.words)
    return refusal(answer.status, message, known) if failure.is_one else Unknown(message)


def _reason(status: int, words: str) -> Reason | None:
    """Codes are not documented: only its words tell that somebody has the number. Money is the account's."""
    told = None if status in UNDECIDED else reason_in(words)
    return None if told is Reason.TAKEN and status != _INVALID else told


def _advice(error: CarrierError) -> str:
    if error.trouble is Trouble.CREDENTIALS:
        wrong = "SignalWire does not accept the project id and token, or the token lacks the scope Numbers"
        return f"{wrong}: {error.message}"
    if error.trouble is Trouble.UNREACHABLE:
        return f"SignalWire cannot be reached; check the space's name: {error.message}"
    return f"SignalWire cannot be asked: {error}"


CARRIER: Final = CarrierKind(FIELDS, SignalWire, ("space", "project_id"), registers_addresses=True)
