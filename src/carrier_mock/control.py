"""The control endpoint: faults, settings, what was bought, and changes behind the carriers' backs, as JSON.

Touches: nothing.

It is no carrier's API and asks for no key; the mock listens on loopback only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec

from carrier_mock.books import PENDING
from carrier_mock.control_shapes import (
    Ending,
    NewCall,
    NewCallRecord,
    NewFault,
    NewNumbers,
    NewOrphans,
    NewPort,
    NewSettings,
    NewWay,
    attempt_view,
    call_view,
    deal_view,
    fault_view,
    holding_view,
    order_view,
    settings_view,
)
from carrier_mock.exchange import Request, Response, json_answer
from carrier_mock.faults import Faults
from carrier_mock.holdings import Holdings
from carrier_mock.inventory import Found
from carrier_mock.model import Account, Api, Holding, MadeCall, derived
from carrier_mock.ringing import ring
from carrier_mock.settings import Way
from carrier_mock.telnyx import account_of
from carrier_mock.twilio import is_account_sid
from numberdesk.core.periods import from_datetime
from numberdesk.core.phone import PhoneError, parse_e164

_DONE: Final = {"done": True}
_SOMEBODY: Final = {Api.TWILIO: "AC" + "0" * 32, Api.TELNYX: "key"}
"""Whose numbers are added to when a carrier has no account yet."""

Shape = TypeVar("Shape")


class BadRequestError(ValueError):
    """What was sent to the control endpoint is not as documented; the text says what."""


class Control:
    """Answers what is asked under /control. `reset` begins everything anew."""

    def __init__(self, holdings: Holdings, faults: Faults, reset: Callable[[], None]) -> None:
        self._holdings = holdings
        self._books = holdings.books
        self._faults = faults
        self._reset = reset

    def handle(self, request: Request, now: int, token: str) -> Response:
        """Do what is asked."""
        try:
            parts = request.path.removeprefix("/control").strip("/").split("/")
            done = self._routed(request, parts, now, token)
        except BadRequestError as bad:
            return json_answer(422, {"error": str(bad)})
        return json_answer(404, {"error": "no such thing"}) if done is None else json_answer(200, done)

    def _routed(self, request: Request, parts: list[str], now: int, token: str) -> Any:
        match request.method, *parts:
            case (("GET" | "POST" | "DELETE"), "faults"):
                return self._about_faults(request)
            case "PATCH", "settings":
                return self._set(_read(request, NewSettings))
            case "POST", "orders", order_id:
                return self._end_order(order_id, _read(request, Ending), now)
            case "POST", ("calls" | "call-records"):
                return self._about_calls(request, parts, now, token)
            case "POST", "reset":
                self._reset()
                return _DONE
        return self._about_numbers(request, parts, now, token) or self._seen(request, parts)

    def _about_calls(self, request: Request, parts: list[str], now: int, token: str) -> Any:
        if parts == ["calls"]:
            return ring(self._books, _read(request, NewCall).phone_number)
        return self._call(_read(request, NewCallRecord), now, token)

    def _seen(self, request: Request, parts: list[str]) -> Any:
        match request.method, *parts:
            case "GET", "":
                return self._overview()
            case "GET", "settings":
                return settings_view(self._holdings.settings)
            case "GET", "purchases":
                return [holding_view(each) for each in self._purchases(request)]
            case "GET", "attempts":
                return [attempt_view(each) for each in self._books.attempts if _fits(request, each)]
        return None

    def _about_numbers(self, request: Request, parts: list[str], now: int, token: str) -> Any:
        match request.method, *parts:
            case "POST", "numbers":
                return self._add(_read(request, NewNumbers))
            case "GET", "numbers", e164:
                return deal_view(e164, self._books.deal(e164))
            case "DELETE", "numbers", e164:
                return _DONE if self._holdings.take_away(e164, now) else None
            case "POST", "orphans":
                return self._orphans(_read(request, NewOrphans), now, token)
            case "POST", "ports":
                return _DONE if self._holdings.port_away(_read(request, NewPort).phone_number, now) else None
        return None

    def _overview(self) -> dict[str, Any]:
        held = Counter(holding.api.value for holding in self._books.holdings() if holding.is_live)
        return {
            "settings": settings_view(self._holdings.settings),
            "faults": [fault_view(each) for each in self._faults.armed],
            "struck": {fault.value: times for fault, times in self._faults.struck.items()},
            "numbers": len(self._books.inventory),
            "held": {api.value: held[api.value] for api in Api},
            "pending_orders": len(self._books.pending()),
            "attempts": len(self._books.attempts),
        }

    def _set(self, new: NewSettings) -> dict[str, Any]:
        settings = self._holdings.settings
        self._holdings.settings = settings._replace(
            twilio=_changed(settings.twilio, new.twilio),
            telnyx=_changed(settings.telnyx, new.telnyx),
            order_seconds=settings.order_seconds if new.order_seconds is None else new.order_seconds,
            searched_seconds=settings.searched_seconds if new.searched_seconds is None else new.searched_seconds,
        )
        return settings_view(self._holdings.settings)

    def _about_faults(self, request: Request) -> list[dict[str, Any]]:
        if request.method == "POST":
            self._faults.arm(_read(request, NewFault).armed())
        elif request.method == "DELETE":
            self._faults.clear()
        return [fault_view(each) for each in self._faults.armed]

    def _purchases(self, request: Request) -> Iterator[Holding]:
        live = request.first("live") == "true"
        for holding in self._books.holdings():
            if (holding.is_live or not live) and _fits(request, holding):
                yield holding

    def _end_order(self, order_id: str, ending: Ending, now: int) -> dict[str, Any] | None:
        order = self._books.order(order_id)
        if order is None or order.status != PENDING:
            return None
        self._holdings.end_order(order, succeeds=ending.status == "success", now=now)
        return order_view(self._books.order(order_id) or order)

    def _add(self, new: NewNumbers) -> dict[str, Any]:
        found = [Found(_checked(each.phone_number), each.place()) for each in new.numbers]
        self._holdings.stock(found)
        return {"numbers": len(self._books.inventory)}

    def _orphans(self, new: NewOrphans, now: int, token: str) -> list[dict[str, Any]]:
        account = self._account(new.api, new.account)
        if new.api is Api.TWILIO and not is_account_sid(account.name):
            raise BadRequestError("account must be an AccountSid, AC and 32 hexadecimal digits")
        if new.phone_number is not None:
            wanted = [_checked(new.phone_number)]
        else:
            wanted = [found.e164 for found in islice(self._books.inventory.for_sale(), new.count)]
            if len(wanted) < new.count:
                raise BadRequestError(f"only {len(wanted)} numbers are for sale")
        taken = [e164 for e164 in wanted if self._books.holder(e164) is not None]
        if taken:
            raise BadRequestError(f"{taken[0]} is on an account already")
        given = [
            self._holdings.give(account, e164, new.reference, now=now, token=derived(token, e164)) for e164 in wanted
        ]
        return [holding_view(each) for each in given]

    def _call(self, new: NewCallRecord, now: int, token: str) -> dict[str, Any]:
        holding = self._books.holder(_checked(new.phone_number))
        if holding is None:
            raise BadRequestError("phone_number is on no account")
        lasts = new.seconds * 1_000_000
        began = now - lasts if new.started_at is None else from_datetime(new.started_at.astimezone(UTC))
        call = MadeCall(
            len(self._books.calls) + 1, holding.api, holding.account, holding.e164, new.other, new.direction,
            began // 1_000_000 * 1_000_000, new.seconds, round(new.price * 1_000_000),
            round(new.price_after_seconds * 1_000_000), token,
        )  # fmt: skip
        self._holdings.call(call)
        return call_view(call)

    def _account(self, api: Api, name: str | None) -> Account:
        if name is not None:
            return account_of(name) if api is Api.TELNYX and not name.startswith("key_") else Account(api, name)
        known = self._books.accounts(api)
        if len(known) > 1:
            raise BadRequestError(f"say which account: {', '.join(known)}")
        return Account(api, known[0]) if known else self._account(api, _SOMEBODY[api])


def _changed(way: Way, new: NewWay | None) -> Way:
    if new is None:
        return way
    given = {name: value for name in Way._fields if (value := getattr(new, name)) is not None}
    return way._replace(**given)


def _fits(request: Request, item: Any) -> bool:
    """Whether a purchase or an attempt is one of those that are asked for."""
    api, number, reference = (request.first(name) for name in ("api", "phone_number", "reference"))
    numbers = (item.e164,) if isinstance(item, Holding) else item.numbers
    return api in ("", item.api) and (not number or number in numbers) and reference in ("", item.reference)


def _read(request: Request, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(request.body or b"{}", type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(str(error)) from None


def _checked(e164: str) -> str:
    try:
        return parse_e164(e164)
    except PhoneError as error:
        raise BadRequestError(f"phone_number {error}") from None
