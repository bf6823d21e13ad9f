"""Telnyx's number API, version 2, as far as numbers are searched, ordered, found, listed and released by it.

Touches: nothing.

Paths, names and rules are those of team-telnyx/openapi (spec3) and of its guides to search and orders; codes of
errors are from https://developers.telnyx.com/development/api-fundamentals/api-errors. Which status goes with
which code is not documented for orders: here 422, and 409 for a number that the same account has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from carrier_mock import telnyx_shapes as shapes
from carrier_mock import telnyx_voice
from carrier_mock.books import Roll
from carrier_mock.calls import DETAIL_RECORDS, telnyx_calls
from carrier_mock.exchange import Call, Request, Response, credentials, json_answer
from carrier_mock.faults import Fault, Twist
from carrier_mock.holdings import Holdings, No
from carrier_mock.model import Account, Api, Holding, Operation, Order
from carrier_mock.prices import CREDIT
from carrier_mock.telnyx_filters import (
    NUMBERS,
    ORDERS,
    Filters,
    Page,
    TelnyxFilterError,
    read_filters,
    read_page,
    read_search,
    search,
)
from carrier_mock.telnyx_shapes import error
from carrier_mock.telnyx_voice import TelnyxVoice
from carrier_mock.twilio import WRONG

PREFIX: Final = "/v2/"
ROOTS: Final = (
    *("/available_phone_numbers", "/number_orders", "/phone_numbers", "/balance", DETAIL_RECORDS),
    *telnyx_voice.ROOTS,
)
"""How paths begin without the prefix: it is a part of the address that Telnyx's specification and SDK begin with."""

_UNAUTHORIZED: Final = error(
    401, 10009, "Authentication failed", "The required authentication headers were either invalid or not included."
)
_NOT_FOUND: Final = error(404, 10005, "Resource not found", "The requested resource or URL could not be found.")
_NOT_ALLOWED: Final = error(405, 10030, "Method not allowed", "The URL is valid, but the method is not allowed.")
_SAME_AS: Final = {Fault.TAKEN: No.TAKEN, Fault.INVALID: No.INVALID}
_FEWEST_DIGITS: Final = 3
_MOST_NUMBERS: Final = 1000
_LONGEST_REFERENCE: Final = 255

Item = TypeVar("Item", Holding, Order)


class WantedNumber(msgspec.Struct):
    """A number of a new order."""

    phone_number: str
    requirement_group_id: str | None = None
    bundle_id: str | None = None


class NewOrder(msgspec.Struct):
    """The body of a new order."""

    phone_numbers: list[WantedNumber]
    customer_reference: str | None = None
    connection_id: str | None = None
    messaging_profile_id: str | None = None
    billing_group_id: str | None = None


def account_of(key: str) -> Account:
    """The account of an API key, under a name from which the key cannot be read."""
    return Account(Api.TELNYX, f"key_{hashlib.sha256(key.encode()).hexdigest()[:16]}")


class Telnyx:
    """The carrier. A request becomes a Call, or the answer to one that is wrong."""

    api: Final = Api.TELNYX

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._books = holdings.books
        self._voice = TelnyxVoice(holdings)

    def understand(self, request: Request, now: int, token: str) -> Call | Response:
        """What a request is for. `token` makes the ids of what it creates."""
        key = credentials(request, "bearer")
        if key in ("", WRONG):
            return _UNAUTHORIZED
        try:
            return self._routed(request, account_of(key), now, token)
        except TelnyxFilterError as bad:
            return bad.answer

    def refusal(self, fault: Fault, call: Call, seconds: float) -> Response:
        """The answer to a call that a fault does not let happen."""
        if fault in _SAME_AS:
            return _refused(_SAME_AS[fault], is_own=False)
        match fault:
            case Fault.UNAUTHORIZED:
                return _UNAUTHORIZED
            case Fault.THROTTLED:
                detail = "You have exceeded the maximum number of allowed requests."
                return error(429, 10011, "Too many requests", detail, ("Retry-After", f"{seconds:.0f}"))
            case Fault.REFUSED if call.operation is Operation.ORDER:
                return error(403, 20100, "Insufficient Funds", "The account does not have enough money for this order.")
            case Fault.REFUSED:
                return error(403, 10010, "Authorization failed", "You do not have permission to do this.")
        return error(500, 10007, "Unexpected error", "An unexpected error occured.")

    def _routed(self, request: Request, account: Account, now: int, token: str) -> Call | Response:
        handlers: dict[str, Callable[[], Call | Response]] = {}
        match request.path.removeprefix(PREFIX).strip("/").split("/"):
            case ["available_phone_numbers"]:
                handlers["GET"] = lambda: self._search(request, account, now)
            case ["number_orders"]:
                handlers["GET"] = lambda: self._orders(request, account, now)
                handlers["POST"] = lambda: self._order(request, account, now, token)
            case ["number_orders", order_id]:
                handlers["GET"] = lambda: self._one_order(account, order_id)
            case ["detail_records"]:
                mine = self._books.calls_of(account)
                run = lambda _: telnyx_calls(request, mine, now)  # noqa: E731  it goes into a Call
                handlers["GET"] = lambda: Call(account, Operation.CALLS, (), run)
            case ["phone_numbers", *rest]:
                return self._about_numbers(request, account, rest, now)
            case [root, *_] as parts if f"/{root}" in telnyx_voice.ROOTS:
                return self._voice.understand(request, account, parts, now, token)
            case ["balance"]:
                handlers["GET"] = lambda: Call(account, Operation.CHECK, (), lambda _: self._balance(account))
            case _:
                return _NOT_FOUND
        handler = handlers.get(request.method)
        return _NOT_ALLOWED if handler is None else handler()

    def _about_numbers(self, request: Request, account: Account, rest: list[str], now: int) -> Call | Response:
        handlers: dict[str, Callable[[], Call | Response]] = {}
        match rest:
            case []:
                handlers["GET"] = lambda: self._numbers(request, account, now)
            case [number_id]:
                handlers["GET"] = lambda: self._one_number(account, number_id, now)
                handlers["PATCH"] = lambda: self._connect(request, account, number_id)
                handlers["DELETE"] = lambda: self._release(account, number_id, now)
            case [number_id, "actions", "enable_emergency"]:
                handlers["POST"] = lambda: self._emergency(request, account, number_id)
            case [number_id, "voice"]:
                handlers |= dict.fromkeys(("GET", "PATCH"), lambda: self._voice_of(request, account, number_id))
            case _:
                return _NOT_FOUND
        handler = handlers.get(request.method)
        return _NOT_ALLOWED if handler is None else handler()

    def _balance(self, account: Account) -> Response:
        return json_answer(200, {"data": shapes.balance(CREDIT - self._books.spent(account))})

    def _search(self, request: Request, account: Account, now: int) -> Call:
        inventory = self._books.inventory
        wanted = read_search(request, inventory)

        def run(twist: Twist) -> Response:
            exact, near = search(inventory, wanted)
            self._holdings.saw(account, (each.e164 for each in (*exact, *near)), now)
            data = [shapes.for_sale(each, twist.price_times, best_effort=False) for each in exact]
            data += [shapes.for_sale(each, twist.price_times, best_effort=True) for each in near]
            meta = {"total_results": len(data), "best_effort_results": len(near)}
            return json_answer(200, {"data": data, "meta": meta, "metadata": meta})

        return Call(account, Operation.SEARCH, (), run)

    def _order(self, request: Request, account: Account, now: int, token: str) -> Call | Response:
        new = _new_order(request)
        if isinstance(new, Response):
            return new
        numbers = tuple(dict.fromkeys(each.phone_number for each in new.phone_numbers))
        with_papers = all(each.requirement_group_id for each in new.phone_numbers)
        reference = new.customer_reference or ""

        def run(twist: Twist) -> Response:
            mine = any((holder := self._books.holder(each)) and holder.account == account.name for each in numbers)
            word = self._holdings.order(
                account, numbers, reference, with_papers=with_papers, twist=twist, now=now, token=token
            )
            return _refused(word, is_own=mine) if isinstance(word, No) else self._shown(word)

        return Call(account, Operation.ORDER, numbers, run, reference)

    def _shown(self, order: Order) -> Response:
        places = {line.e164: self._books.inventory.place(line.e164) for line in order.lines}
        return json_answer(200, {"data": shapes.order(order, places)})

    def _one_order(self, account: Account, order_id: str) -> Call:
        order = self._books.order(order_id)
        if order is None or order.account != account.name:
            return Call(account, Operation.FIND, (), lambda _: _NOT_FOUND)
        numbers = tuple(line.e164 for line in order.lines)
        return Call(account, Operation.FIND, numbers, lambda _: self._shown(order))

    def _orders(self, request: Request, account: Account, now: int) -> Call:
        given, page = read_filters(request, ORDERS), read_page(request)
        until = now - self._holdings.settings.lag(Api.TELNYX)
        roll, reference = self._books.order_roll(account.name), given.get("customer_reference")
        if not given:
            return Call(account, Operation.LIST, (), lambda _: _page(roll, until, page, shapes.order_in_list))
        fits = _order_test(given)
        if reference is None:
            run = lambda _: _part(list(filter(fits, roll.known(until))), page, shapes.order_in_list)  # noqa: E731  it goes into a Call
            return Call(account, Operation.LIST, (), run)
        orders = self._books.orders_called(account.name, reference)
        found = [each for each in orders if each.at <= until and fits(each)]
        about = tuple(line.e164 for each in orders for line in each.lines)
        return Call(account, Operation.FIND, about, lambda _: _part(found, page, shapes.order_in_list))

    def _numbers(self, request: Request, account: Account, now: int) -> Call | Response:
        given, page = read_filters(request, NUMBERS), read_page(request)
        until = now - self._holdings.settings.lag(Api.TELNYX)
        roll = self._books.roll(account)
        show = self._owned
        if not given:
            return Call(account, Operation.LIST, (), lambda _: _page(roll, until, page, show))
        digits, reference = given.get("phone_number"), given.get("customer_reference")
        fits = self._number_test(given)
        if digits is not None and digits.isascii() and digits.isdigit() and len(digits) < _FEWEST_DIGITS:
            return error(400, 10015, "Bad Request", "filter[phone_number] needs at least three digits.")
        if reference is not None:
            holdings = self._books.called(account, reference)
            found = [each for each in holdings if each.at <= until and fits(each)]
            about = tuple(each.e164 for each in holdings)
            return Call(account, Operation.FIND, about, lambda _: _part(found, page, show))
        if digits is None:
            run = lambda _: _part(list(filter(fits, roll.known(until))), page, show)  # noqa: E731  as above
            return Call(account, Operation.LIST, (), run)
        similar = [each for each in roll.known(until) if digits in each.e164]
        return Call(account, Operation.FIND, (f"+{digits}",), lambda _: _part(list(filter(fits, similar)), page, show))

    def _number_test(self, given: Filters) -> Callable[[Holding], bool]:
        digits, reference, status = given.get("phone_number"), given.get("customer_reference"), given.get("status")
        country, kind = given.get("country_iso_alpha2"), given.get("number_type/eq")
        if digits is not None and not (digits.isascii() and digits.isdigit()):
            return lambda _: False  # documented: other signs give an empty list

        def fits(holding: Holding) -> bool:
            if (digits is not None and digits not in holding.e164) or reference not in (None, holding.reference):
                return False
            if country is None and kind is None and status is None:
                return True
            shown = self._owned(holding)
            in_country = country is None or shown["country_iso_alpha2"] in country.split(",")
            return in_country and kind in (None, shown["phone_number_type"]) and status in (None, shown["status"])

        return fits

    def _one_number(self, account: Account, number_id: str, now: int) -> Call:
        holding = self._holding(account, number_id)
        about = () if holding is None else (holding.e164,)

        def run(_twist: Twist) -> Response:
            if holding is None or holding.at > now - self._holdings.settings.lag(Api.TELNYX):
                return _NOT_FOUND
            return json_answer(200, {"data": self._owned(holding, now=now)})

        return Call(account, Operation.FIND, about, run)

    def _connect(self, request: Request, account: Account, number_id: str) -> Call | Response:
        holding = self._holding(account, number_id)
        if holding is None:
            return _NOT_FOUND
        return self._voice.connect(request, account, holding, lambda: self._owned(holding))

    def _voice_of(self, request: Request, account: Account, number_id: str) -> Call | Response:
        holding = self._holding(account, number_id)
        return _NOT_FOUND if holding is None else self._voice.of_number(request, account, holding)

    def _emergency(self, request: Request, account: Account, number_id: str) -> Call | Response:
        holding = self._holding(account, number_id)
        return _NOT_FOUND if holding is None else self._voice.emergency(request, account, holding)

    def _owned(self, holding: Holding, *, now: int | None = None) -> dict[str, Any]:
        wired = self._books.wires.of(holding.number_id)
        place = self._books.inventory.place(holding.e164)
        shown = shapes.owned(holding, place, wired.get("connection_id"), now=now)
        listed = bool(wired.get("cnam_listing", {}).get("cnam_listing_enabled"))
        return {**shown, **wired.get("emergency", {}), "cnam_listing_enabled": listed}

    def _release(self, account: Account, number_id: str, now: int) -> Call:
        holding = self._holding(account, number_id)
        about = () if holding is None else (holding.e164,)

        def run(_twist: Twist) -> Response:
            if holding is None:
                return _NOT_FOUND
            if self._books.wires.of(number_id).get("emergency", {}).get("emergency_enabled"):
                return error(422, 10027, "Unprocessable Entity", "the number has an emergency address")
            self._holdings.release(holding, now)
            gone = self._books.holding(holding.number_id) or holding
            return json_answer(200, {"data": shapes.deleted(self._owned(gone))})

        return Call(account, Operation.RELEASE, about, run)

    def _holding(self, account: Account, number_id: str) -> Holding | None:
        """A listed number of the account, by its id or by itself."""
        holding = self._books.holder(number_id) if number_id.startswith("+") else self._books.holding(number_id)
        if holding is None or (holding.api, holding.account) != account:
            return None
        return holding if self._books.is_listed(holding) else None


def _new_order(request: Request) -> NewOrder | Response:
    try:
        new = msgspec.json.decode(request.body, type=NewOrder)
    except msgspec.ValidationError as bad:
        return error(422, 10027, "Unprocessable Entity", str(bad)[:200], pointer="/phone_numbers")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return error(400, 10023, "Invalid JSON", "The supplied JSON is invalid.")
    if not 0 < len(new.phone_numbers) <= _MOST_NUMBERS:
        return error(
            422, 10004, "Missing required parameter", "A required parameter was missing.", pointer="/phone_numbers"
        )
    if len(new.customer_reference or "") > _LONGEST_REFERENCE:
        detail = f"The field must be between 0 and {_LONGEST_REFERENCE} characters long."
        return error(422, 10025, "String length out of range", detail, pointer="/customer_reference")
    return new


def _refused(no: No, *, is_own: bool) -> Response:
    match no:
        case No.INVALID:
            detail = "The specified phone number parameter must be in +E.164 format."
            return error(422, 10016, "Phone number must be in +E.164 format", detail, pointer="/phone_numbers")
        case No.NOT_SEARCHED:
            detail = "You must search for the number through our API before attempting to purchase."
            return error(422, 85000, "Must search phone number via search API first", detail)
    detail = "The numbers you are trying to order are no longer available for purchase."
    return error(409 if is_own else 422, 85001, "Phone numbers not available", detail)


def _order_test(given: Filters) -> Callable[[Order], bool]:
    after, before = given.get("created_at/gt"), given.get("created_at/lt")

    def fits(order: Order) -> bool:
        return (
            given.get("customer_reference") in (None, order.reference)
            and given.get("status") in (None, order.status)
            and given.get("phone_numbers_count") in (None, str(len(order.lines)))
            and given.get("requirements_met") in (None, str(not order.papers_missing).lower())
            and (after is None or after < shapes.timestamp(order.at))
            and (before is None or before > shapes.timestamp(order.at))
        )

    return fits


def _page(roll: Roll[Item], until: int, page: Page, show: Callable[[Item], dict[str, Any]]) -> Response:
    """A page of everything. It costs no more at the end of the list than at its beginning."""
    skip = (page.number - 1) * page.size
    return _listed(roll.count(until), roll.page(until, skip=skip, size=page.size), page, show)


def _part(found: list[Item], page: Page, show: Callable[[Item], dict[str, Any]]) -> Response:
    """A page of what was found."""
    skip = (page.number - 1) * page.size
    return _listed(len(found), found[skip : skip + page.size], page, show)


def _listed(total: int, items: list[Item], page: Page, show: Callable[[Item], dict[str, Any]]) -> Response:
    meta = {
        "page_number": page.number,
        "page_size": page.size,
        "total_pages": -(-total // page.size),
        "total_results": total,
    }
    return json_answer(200, {"data": [show(each) for each in items], "meta": meta})
