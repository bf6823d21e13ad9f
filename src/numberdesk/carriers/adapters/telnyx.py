"""Telnyx: API v2, JSON with a bearer key, orders that it works off after it has answered.

Touches: clock.

What it takes and answers: https://developers.telnyx.com, under Phone Number Orders and Phone Numbers.
Two of its ways shape this module beside those of its search (telnyx_search.py):

- It looks owned numbers up by digits alone: with a plus sign its answer is an empty list.
- An order is pending first, and its number appears in the list of numbers after it succeeded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum, auto
from typing import Annotated, Any, Final

import msgspec

from numberdesk.carriers.adapters.connecting import ConnectsNumbers
from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, CarrierKind, decoded, excerpt, refusal, refused
from numberdesk.carriers.adapters.telnyx_calls import TelnyxCalls
from numberdesk.carriers.adapters.telnyx_connections import TelnyxConnector
from numberdesk.carriers.adapters.telnyx_search import TelnyxPage, TelnyxSearches, answered, checked_id
from numberdesk.carriers.port import (
    NO_PAPERS,
    AnotherNumber,
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
from numberdesk.core.findings import FindingKind
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.infra.http import Http, HttpResponse

FIELDS: Final = (
    Field("api_key", "the API key", secret=True),
    Field("connection_id", "the connection that new numbers belong to", required=False),
    Field("messaging_profile_id", "the messaging profile of new numbers", required=False),
    Field("billing_group_id", "the billing group of new numbers", required=False),
    Field("requirement_group_id", "approved regulatory details that orders are sent with", required=False),
)
"""What an account is set up with."""

_BASE_URL: Final = "https://api.telnyx.com/v2"
_PAPERS: Final = ("requirement_group_id",)
_OF_ORDERS: Final = ("connection_id", "messaging_profile_id", "billing_group_id")
_LARGEST_PAGE: Final = 250
_MOST_PAGES: Final = 100_000
_OK, _BAD_REQUEST, _NOT_FOUND, _CONFLICT = range(200, 300), 400, 404, 409
_UNAUTHORIZED: Final = (401, 403)
_REFUSALS: Final = range(400, 500)

# https://developers.telnyx.com/development/api-fundamentals/api-errors: those after which nothing was ordered.
_REASONS: Final = {
    **dict.fromkeys(("85001", "85006"), Reason.TAKEN),
    # Not searched for lately, one request too many, no more reservations: the number may be there.
    **dict.fromkeys(("85000", "10011", "85002", "85007", "85008"), Reason.THROTTLED),
    # The number, parameters, ids that do not exist; then the account: key, level, state, funds.
    **dict.fromkeys(map(str, (10002, 10004, 10005, 10006, *range(10013, 10018), 10020, 10032, 10033)), Reason.OTHER),
    **dict.fromkeys(map(str, (*range(10022, 10031), 85004, 85005)), Reason.OTHER),
    **dict.fromkeys(map(str, (10009, 10010, 10038, 10039, 20002, 20003, 20006, 20008, 20009)), Reason.ACCOUNT),
    **dict.fromkeys(map(str, (*range(20012, 20018), 20100)), Reason.ACCOUNT),
}


_UNCLEAR: Final = frozenset(("10007", "10036"))  # an unexpected error, a busy resource
_MOST_TELLING: Final = (Reason.ACCOUNT, Reason.TAKEN, Reason.THROTTLED, Reason.OTHER)
"""Which of several reasons counts: without money a number that can be had cannot be bought either."""


class _Went(Enum):
    """How an order stands at Telnyx."""

    RUNNING = auto()
    DONE = auto()
    FAILED = auto()


_MISSING_DETAILS: Final = ("requirement-info-pending", "requirement-info-under-review", "requirement-info-exception")

# https://developers.telnyx.com/docs/numbers/phone-numbers/number-orders: states of orders, and of numbers in pending
# ones. "deleted": all its numbers have left the account.
_WENT: Final = {
    **dict.fromkeys(("pending", "approved", *_MISSING_DETAILS), _Went.RUNNING),
    **dict.fromkeys(("failure", "cancelled", "deleted"), _Went.FAILED),
    "success": _Went.DONE,
}

# States of numbers, in the specification of GET /phone_numbers.
_OURS: Final = ("active", "emergency-only", "port-out-pending")
_COMING: Final = ("purchase-pending", "provision-pending", *_MISSING_DETAILS)
_PORTED_OUT: Final = "ported-out"
_GONE: Final = ("deleted", "purchase-failed", _PORTED_OUT)
_PORTING_IN: Final = ("port-pending", "port-failed")


class _Number(msgspec.Struct):
    id: str
    phone_number: str
    status: str
    customer_reference: str | None = None

    @property
    def state(self) -> str:
        return self.status.lower()


class _Ordered(msgspec.Struct):
    phone_number: str
    status: str | None = None


class _Order(msgspec.Struct):
    status: str
    phone_numbers: list[_Ordered] | None = None
    customer_reference: str | None = None


class _Error(msgspec.Struct):
    code: str | Annotated[int, msgspec.Meta(ge=0, le=999_999)]


class _Errors(msgspec.Struct):
    errors: list[_Error]


class Telnyx(TelnyxCalls, ConnectsNumbers):
    """One account at Telnyx. `seconds` is a clock that only goes forward."""

    def __init__(self, setup: Setup, http: Http, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._api = CarrierHttpApi(setup, http, base_url=_BASE_URL, authorization=f"Bearer {setup['api_key']}")
        self._connector = TelnyxConnector(self._api)
        self._searches = TelnyxSearches(self._api, seconds=seconds)
        self._of_orders = {name: value for name in _OF_ORDERS if (value := setup.get(name))}
        self._papers = {name: value for name in _PAPERS if (value := setup.get(name))}

    @property
    def window(self) -> int:
        """How long absence has to last until it is believed, in microseconds."""
        return self._api.window

    async def search(self, wanted: Wanted) -> AvailablePage:
        """Numbers that can be bought now. Raises CarrierError."""
        return await self._searches.search(wanted)

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS  # noqa: ARG002  by digits alone
    ) -> Placed | Pending | Refused | NotSent | Unknown:  # fmt: skip
        """Order exactly this number, with one request, under our reference. Raises nothing."""
        try:
            if not await self._searches.can_be_ordered(e164):
                return Refused(Reason.TAKEN, "a search for exactly this number does not show it", of_search=True)
        except CarrierError as error:
            return _not_ordered(error)
        number = {"phone_number": e164, **(papers or self._papers)}
        body = {"phone_numbers": [number], "customer_reference": reference, **self._of_orders}
        answer = await self._api.order(Call("POST", "/number_orders", json=body))
        if isinstance(answer, NotSent | Refused):
            return answer
        self._searches.forget(e164)  # ordered, or not to be ordered: before another order it has to be shown again
        if isinstance(answer, Unknown):
            return answer
        return await self._taken(e164, reference, answer) if answer.status in _OK else _refusal(answer)

    async def _taken(self, e164: str, reference: str, answer: HttpResponse) -> Placed | Pending | Refused | Unknown:
        """What an order that was taken has come to. Ids in it are of the order: that of the number is looked up."""
        try:
            order = decoded(answer, TelnyxPage[_Order]).data
        except CarrierError:
            return _refusal(answer)
        if not _is_about(order, e164, reference):
            return Unknown(f"an answer about another order{excerpt(answer)}")
        try:
            numbers = await self._records(e164) if _went(order) is _Went.DONE else []
            word = _put_together(reference, numbers, [order])
        except CarrierError as error:
            return Pending(f"ordered, and not looked up yet: {error}")
        return Unknown("neither an order nor a number") if isinstance(word, Absent) else word

    async def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:
        """Look for what became of an order, by number and by reference. Refused: the carrier says that it failed."""
        try:
            numbers = await self._records(e164)
            word = _put_together(reference, numbers, [])
            if isinstance(word, Placed) and word.reference:
                return word
            return _put_together(reference, numbers, await self._orders(e164, reference))
        except CarrierError as error:
            return Unknown(str(error))

    async def owned(self, cursor: str | None) -> OwnedPage:
        """A page of the numbers on our account, from a cursor of the page before. Raises CarrierError."""
        page = _page_number(cursor)
        found = answered(await self._api.read(Call("GET", "/phone_numbers", _paged(page))), TelnyxPage[list[_Number]])
        goes_on = _goes_on(found, page)
        if goes_on and not found.data:
            raise CarrierError(Trouble.UNREADABLE, f"page {page} is empty, and more are said to follow")
        numbers = [_owned(number) for number in found.data]
        listed = tuple(number for number in numbers if number is not None)
        return OwnedPage(listed, str(page + 1) if goes_on else None)

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased | AnotherNumber:
        """Give a number back. Without `number_id` it is looked up by its digits. Safe to repeat; raises nothing."""
        try:
            known = number_id or _id_of_ours(await self._records(e164))
            if known is None:
                return Released()
            named = e164 if number_id is None else await self._number_of(known)
            if named not in (None, e164):
                return AnotherNumber(named)
            answer = await self._api.read(Call("DELETE", f"/phone_numbers/{checked_id(known)}"))
            if answer.status in _OK:
                if answer.body:
                    decoded(answer, dict[str, Any])
                return Released()
            if answer.status != _NOT_FOUND:
                return NotReleased(f"HTTP {answer.status}{excerpt(answer)}")
            there = _id_of_ours(await self._records(e164))
        except CarrierError as error:
            return NotReleased(str(error))
        # Under another id it is another purchase of the same number, which nobody asked to give back.
        return Released() if there is None else NotReleased(f"not found as {known}, and there as {there}")

    async def check(self) -> Health:
        """Make one harmless request and say in words what is wrong, if anything is. Raises nothing."""
        try:
            answer = await self._api.read(Call("GET", "/balance"))
            if answer.status == _NOT_FOUND:
                return Health(
                    ok=False, message=f"no Telnyx is there; check base_url: {refused(answer).message}", facts={}
                )
            balance = answered(answer, TelnyxPage[dict[str, Any]]).data
        except CarrierError as error:
            wrong = "the API key is wrong, revoked, or may not read the balance: "
            return Health(ok=False, message=f"{wrong if error.trouble is Trouble.CREDENTIALS else ''}{error}", facts={})
        texts = {name: str(balance.get(name, "")) for name in ("balance", "available_credit", "currency")}
        facts = {name: text[:40] for name, text in texts.items() if text and text.isprintable()}
        return Health(ok=True, message="the API key works", facts=facts)

    async def _number_of(self, number_id: str) -> str | None:
        """Which number an id is of; None when of none. Raises CarrierError when that is not clear."""
        answer = await self._api.read(Call("GET", f"/phone_numbers/{checked_id(number_id)}"))
        if answer.status == _NOT_FOUND:
            return None
        return f"+{answered(answer, TelnyxPage[_Number]).data.phone_number.removeprefix('+')}"

    async def _records(self, e164: str) -> list[_Number]:
        """Records of exactly this number, of now and of former times. Raises CarrierError."""
        query = [("filter[phone_number]", e164[1:]), *_paged(1)]
        found = answered(await self._api.read(Call("GET", "/phone_numbers", query)), TelnyxPage[list[_Number]])
        same = [number for number in found.data if number.phone_number.removeprefix("+") == e164[1:]]
        if _goes_on(found, 1) and _id_of_ours(same) is None:
            raise CarrierError(Trouble.UNREADABLE, "a look-up of one number has several pages")
        return same

    async def _orders(self, e164: str, reference: str) -> list[_Order]:
        """Orders under our reference. Raises CarrierError."""
        query = [("filter[customer_reference]", reference), *_paged(1)]
        found = answered(await self._api.read(Call("GET", "/number_orders", query)), TelnyxPage[list[_Order]])
        ours = [order for order in found.data if order.customer_reference == reference]
        if _goes_on(found, 1) and not ours:
            raise CarrierError(Trouble.UNREADABLE, "a look-up of one reference has several pages")
        if not all(_is_about(order, e164, reference) for order in ours):
            raise CarrierError(Trouble.UNREADABLE, "an order for another number has our reference")
        return ours


def _put_together(
    reference: str, numbers: Iterable[_Number], orders: Iterable[_Order]
) -> Placed | Pending | Refused | Absent | Unknown:
    """What the records of a number and the orders under our reference say together. Raises CarrierError."""
    went = {_went(order) for order in orders}
    records = sorted(numbers, key=lambda number: number.state not in _OURS)
    there = next((number for number in records if number.state not in _GONE), None)
    if there is None:
        left = any(number.customer_reference == reference for number in records)
        return _of_orders(went, left=left)
    if there.state in _OURS:
        # A number may be listed without its reference; our order for it says whose it is.
        ordered = reference if _Went.DONE in went else ""
        return Placed(checked_id(there.id), there.customer_reference or ordered)
    message = f"the number is there as {there.state[:40]!r}"
    return Pending(message) if there.state in _COMING else Unknown(message)


def _of_orders(went: AbstractSet[_Went | None], *, left: bool) -> Pending | Refused | Absent | Unknown:
    """What our orders say of a number that is not there. `left`: it was there under our reference."""
    if None in went:
        return Unknown("the order is in a state that is not documented")
    if _Went.RUNNING in went:
        return Pending("ordered")
    if _Went.DONE in went and not left:
        return Pending("ordered, and not in the list of numbers yet")
    if went or left:
        return Refused(Reason.OTHER, "the order failed or was cancelled, or its number has left the account again")
    return Absent()


def _went(order: _Order) -> _Went | None:
    """How an order stands, by its own state and those of its numbers. None where they do not go together."""
    states = {order.status, *(number.status or order.status for number in order.phone_numbers or ())}
    went = {_WENT.get(state.lower()) for state in states}
    if _Went.RUNNING in went and None not in went:
        return _Went.RUNNING
    return went.pop() if len(went) == 1 else None


def _is_about(order: _Order, e164: str, reference: str) -> bool:
    """Whether an order is ours, for exactly this number. Where it names no numbers its reference says enough."""
    numbers = {number.phone_number for number in order.phone_numbers or ()}
    references = {order.customer_reference or ""} - {""}
    return numbers <= {e164} and references <= {reference} and bool(numbers or references)


def _refusal(answer: HttpResponse) -> Refused | Unknown:
    """What an answer to an order means that is no success."""
    message = f"HTTP {answer.status}{excerpt(answer)}"
    if answer.status in _UNAUTHORIZED:
        return Refused(Reason.ACCOUNT, message)
    try:
        codes = [str(error.code) for error in decoded(answer, _Errors).errors]
    except CarrierError:
        return Unknown(message)
    status = (
        _BAD_REQUEST if answer.status in _OK else answer.status
    )  # a code inside a success counts as beside an error
    if not codes or status not in _REFUSALS or not _UNCLEAR.isdisjoint(codes):
        return Unknown(message)
    reasons = {_REASONS[code] for code in codes if code in _REASONS}
    if status == _CONFLICT and not all(code in _REASONS for code in codes):
        return Unknown(message)  # a conflict may be one with an order of ours: only codes that are listed say more
    return refusal(status, message, next((reason for reason in _MOST_TELLING if reason in reasons), None))


def _not_ordered(error: CarrierError) -> Refused | NotSent:
    """What it means for an order that the search before it failed: nothing was ordered."""
    if error.trouble is Trouble.THROTTLED:
        return Refused(Reason.THROTTLED, str(error), error.retry_after, of_search=True)
    if error.trouble is Trouble.CREDENTIALS:
        return Refused(Reason.ACCOUNT, str(error), of_search=True)
    if error.trouble is Trouble.REFUSED:
        return Refused(Reason.OTHER, str(error), of_search=True)
    return NotSent(str(error), error.retry_after, of_search=True)


def _owned(number: _Number) -> OwnedNumber | None:
    """A number of the list; None for what is not ours: deleted, never bought, on its way in, no number at all."""
    if number.state in _PORTING_IN or (number.state in _GONE and number.state != _PORTED_OUT):
        return None
    try:
        e164 = parse_e164("+" + number.phone_number.removeprefix("+"))
    except PhoneError:
        return None
    gone = FindingKind.PORTED_AWAY if number.state == _PORTED_OUT else None
    return OwnedNumber(e164, checked_id(number.id), number.customer_reference or "", gone)


def _id_of_ours(records: Iterable[_Number]) -> str | None:
    """The id under which a number is on our account, whatever its state; None when it is not."""
    there = (number for number in records if number.state not in (*_GONE, *_PORTING_IN))
    first = next(there, None)
    return None if first is None else checked_id(first.id)


def _paged(page: int) -> list[tuple[str, str]]:
    return [("page[number]", str(page)), ("page[size]", str(_LARGEST_PAGE))]


def _page_number(cursor: str | None) -> int:
    """The page that a cursor means. Raises CarrierError."""
    if cursor is None:
        return 1
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= len(str(_MOST_PAGES)) and int(cursor) >= 1):
        raise CarrierError(Trouble.REFUSED, "the cursor is not of this list")
    return int(cursor)


def _goes_on(found: TelnyxPage[list[Any]], page: int) -> bool:
    """Whether a list has more pages; without a word about it, when this one is full."""
    if found.meta is None or found.meta.total_pages is None:
        return len(found.data) >= _LARGEST_PAGE
    return page < found.meta.total_pages


CARRIER: Final = CarrierKind(FIELDS, Telnyx, papers=_PAPERS, registers_addresses=True)
