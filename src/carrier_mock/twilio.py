"""Twilio's number API and pricing API, as far as numbers are searched, bought, found, listed and released by them.

Touches: nothing.

Paths, names and rules are those of twilio/twilio-oai (api v2010, pricing v1). A 4xx that the specification
leaves out has the code of Twilio's error dictionary (https://www.twilio.com/docs/api/errors).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from carrier_mock import twilio_shapes as shapes
from carrier_mock.calls import twilio_calls
from carrier_mock.digits import Match, partial
from carrier_mock.exchange import Call, Request, Response, json_answer, user_and_password
from carrier_mock.faults import Fault, Twist
from carrier_mock.holdings import Holdings, No
from carrier_mock.inventory import Query
from carrier_mock.model import Account, Api, Holding, Operation
from carrier_mock.prices import CREDIT
from carrier_mock.twilio_search import TwilioFilterError, read_filters
from carrier_mock.twilio_shapes import error, not_found
from carrier_mock.twilio_voice import TwilioVoice

PREFIXES: Final = ("/2010-04-01/", "/v1/")
WRONG: Final = "wrong"
"""The password, and the API key, that is answered 401."""

_ACCOUNT_SID: Final = re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII)
_KEY_SID: Final = re.compile(r"SK[0-9a-fA-F]{32}", re.ASCII)
_TOKEN: Final = re.compile(r"PAPN[0-9a-f]{32}", re.ASCII)
_UNAUTHORIZED: Final = error(401, 20003, "Authenticate", ("WWW-Authenticate", 'Basic realm="Twilio API"'))
_NOT_ALLOWED: Final = error(405, 20004, "Method not allowed")
_USUAL_PAGE, _LONGEST_PAGE = 50, 1000
_LONGEST_NAME: Final = 64
_LONGEST_COUNT: Final = 9
_FORM: Final = "application/x-www-form-urlencoded"


def is_account_sid(name: str) -> bool:
    """Whether this has the form of an AccountSid."""
    return _ACCOUNT_SID.fullmatch(name) is not None


class Twilio:
    """The carrier. A request becomes a Call, or the answer to one that is wrong."""

    api: Final = Api.TWILIO

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._books = holdings.books
        self._voice = TwilioVoice(holdings)

    def understand(self, request: Request, now: int, token: str) -> Call | Response:
        """What a request is for. `token` makes the ids of what it creates."""
        user, password = user_and_password(request)
        is_account = is_account_sid(user)
        if not (is_account or _KEY_SID.fullmatch(user)) or password in ("", WRONG):
            return _UNAUTHORIZED
        match request.path.strip("/").removesuffix(".json").split("/"):
            case ["v1", "Trunks", *rest]:
                return self._voice.understand(request, Account(Api.TWILIO, user), rest, now, token)
            case ["v1", product, "Countries", country]:
                return self._pricing(request, Account(Api.TWILIO, user), product, country)
            case ["2010-04-01", "Accounts", sid, *rest] if is_account_sid(sid):
                if is_account and sid != user:
                    return _UNAUTHORIZED
                return self._of_account(request, Account(Api.TWILIO, sid), rest, now, token)
        return not_found(request.path)

    def refusal(self, fault: Fault, call: Call, seconds: float) -> Response:
        """The answer to a call that a fault does not let happen."""
        number = ", ".join(call.numbers)
        match fault:
            case Fault.TAKEN:
                return error(400, 21422, f"{number} is not available")
            case Fault.INVALID:
                return error(400, 21421, f"{number} is not valid")
            case Fault.UNAUTHORIZED:
                return _UNAUTHORIZED
            case Fault.THROTTLED:
                return error(429, 20429, "Too Many Requests", ("Retry-After", f"{seconds:.0f}"))
            case Fault.REFUSED:
                return error(400, 21631, "Phone Number Requires an Address but the 'AddressSid' parameter was empty")
        return error(500, 20500, "An internal server error has occurred")

    def _of_account(self, request: Request, account: Account, rest: list[str], now: int, token: str) -> Call | Response:
        handlers: dict[str, Callable[[], Call | Response]] = {}
        match rest:
            case []:
                answer = json_answer(200, shapes.account(account.name))
                handlers["GET"] = lambda: Call(account, Operation.CHECK, (), lambda _: answer)
            case ["Balance"]:
                handlers["GET"] = lambda: Call(account, Operation.CHECK, (), lambda _: self._balance(account))
            case ["AvailablePhoneNumbers", country, kind] if kind in shapes.TYPES:
                handlers["GET"] = lambda: self._search(request, account, country, kind)
            case ["Calls"]:
                mine = self._books.calls_of(account)
                run = lambda _: twilio_calls(request, account, mine, now)  # noqa: E731  it goes into a Call
                handlers["GET"] = lambda: Call(account, Operation.CALLS, (), run)
            case ["IncomingPhoneNumbers"]:
                handlers["GET"] = lambda: self._list(request, account, now)
                handlers["POST"] = lambda: self._buy(request, account, now, token)
            case ["IncomingPhoneNumbers", sid]:
                handlers["GET"] = lambda: self._one(request, account, sid, now)
                handlers["POST"] = lambda: self._update(request, account, sid)
                handlers["DELETE"] = lambda: self._release(request, account, sid, now)
            case _:
                return not_found(request.path)
        handler = handlers.get(request.method)
        return _NOT_ALLOWED if handler is None else handler()

    def _balance(self, account: Account) -> Response:
        return json_answer(200, shapes.balance(account, CREDIT - self._books.spent(account)))

    def _pricing(self, request: Request, account: Account, product: str, country: str) -> Call | Response:
        write = {"PhoneNumbers": shapes.number_prices, "Voice": shapes.voice_prices}.get(product)
        inventory = self._books.inventory
        if write is None or not inventory.offers(country):
            return not_found(request.path)
        if request.method != "GET":
            return _NOT_ALLOWED
        run = lambda twist: json_answer(200, write(country, inventory, twist.price_times))  # noqa: E731  it goes into a Call
        return Call(account, Operation.PRICING, (), run)

    def _search(self, request: Request, account: Account, country: str, kind: str) -> Call | Response:
        number_type = shapes.TYPES[kind]
        inventory = self._books.inventory
        try:
            filters = read_filters(request, inventory)
        except TwilioFilterError as bad:
            return error(400, 20001, str(bad))
        named = filters.named and number_type is not None
        if number_type not in inventory.offers(country) and not named:
            return not_found(request.path)
        query = Query(country, number_type, filters.match, named, filters.wants)

        def run(_twist: Twist) -> Response:
            found = [] if number_type is None else inventory.search(query, _page_size(request))
            items = [shapes.for_sale(each) for each in found]
            return json_answer(200, {"available_phone_numbers": items, "uri": _uri(request, request.query)})

        return Call(account, Operation.SEARCH, (), run)

    def _buy(self, request: Request, account: Account, now: int, token: str) -> Call | Response:
        if request.headers.get("content-type", _FORM).partition(";")[0].strip().lower() != _FORM:
            return error(415, 20001, f"Content-Type must be {_FORM}")
        form = request.form()
        name = form.get("FriendlyName", "")
        if len(name) > _LONGEST_NAME:
            return error(400, 20001, f"FriendlyName must have at most {_LONGEST_NAME} characters")
        number = form.get("PhoneNumber") or self._any_in(form.get("AreaCode", ""))
        if isinstance(number, Response):
            return number

        def run(twist: Twist) -> Response:
            with_address = bool(form.get("AddressSid") or form.get("BundleSid"))
            word = self._holdings.buy(
                account, number, name, with_address=with_address, twist=twist, now=now, token=token
            )
            if isinstance(word, No):
                return _refused(word, number)
            return json_answer(201, self._shown(word))

        return Call(account, Operation.ORDER, (number,), run, name)

    def _any_in(self, area_code: str) -> str | Response:
        """A number of an area code, for a buyer who wants any."""
        if not area_code:
            return error(400, 21421, "PhoneNumber or AreaCode is required")
        if not (area_code.isascii() and area_code.isdigit() and len(area_code) == 3):  # noqa: PLR2004  digits of an area code
            return error(400, 21451, f"{area_code} is not a valid area code")
        if area_code == "500":
            return "+15005550006"  # as with Twilio's test credentials
        query = Query(
            None, None, Match(), wants=lambda place: place.area_code == area_code and place.calling_code == "1"
        )
        found = self._books.inventory.search(query, 1)
        return found[0].e164 if found else error(400, 21452, f"No phone numbers found in area code {area_code}")

    def _list(self, request: Request, account: Account, now: int) -> Call:
        number, name = request.first("PhoneNumber"), request.first("FriendlyName")
        until = now - self._holdings.settings.lag(Api.TWILIO)
        if not number and not name:
            return Call(account, Operation.LIST, (), lambda _: self._page(request, account, until))
        digits = "".join(sign for sign in number if sign.isascii() and sign.isdigit())
        about = (f"+{digits}", *(each.e164 for each in (self._books.called(account, name) if name else ())))

        def run(_twist: Twist) -> Response:
            found = self._found(account, number, name, until)
            start, before, size = _position(request)
            left = found[start:] if before is None else [each for each in found if each.number < before]
            return self._as_page(request, left[: size + 1])

        return Call(account, Operation.FIND, about, run)

    def _found(self, account: Account, number: str, name: str, until: int) -> list[Holding]:
        if name:
            found = [each for each in self._books.called(account, name) if each.at <= until]
            if not found and name[0] in "(+":  # the name of a number that nobody named
                known = self._books.roll(account).known(until)
                found = [each for each in known if not each.reference and shapes.friendly(each.e164) == name]
        else:
            found = self._books.roll(account).known(until)
        part = partial(number)
        if part.digits:
            found = [each for each in found if part.digits in each.e164]
        fits = part.fits
        return found if fits is None else [each for each in found if fits(each.e164[1:])]

    def _page(self, request: Request, account: Account, until: int) -> Response:
        start, before, size = _position(request)
        roll = self._books.roll(account)
        skip = start if before is None else 0
        return self._as_page(request, roll.page(until, skip=skip, before=before, size=size + 1))

    def _as_page(self, request: Request, holdings: list[Holding]) -> Response:
        """A page; one holding more than it has room for tells that there is another."""
        size, page = _page_size(request), _whole(request.first("Page"), 0)
        shown = holdings[:size]
        own = tuple(pair for pair in request.query if pair[0] not in ("Page", "PageToken", "PageSize"))
        sized = (*own, ("PageSize", str(size)))
        following = None
        if len(holdings) > size:
            after = ("PageToken", f"PAPN{shown[-1].number:032x}")
            following = _uri(request, (*sized, ("Page", str(page + 1)), after))
        body = {
            "incoming_phone_numbers": [self._shown(each) for each in shown],
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": max(0, page * size + len(shown) - 1),
            "uri": _uri(request, request.query),
            "first_page_uri": _uri(request, (*sized, ("Page", "0"))),
            "previous_page_uri": _uri(request, (*sized, ("Page", str(page - 1)))) if page else None,
            "next_page_uri": following,
        }
        return json_answer(200, body)

    def _one(self, request: Request, account: Account, sid: str, now: int) -> Call:
        holding = self._holding(account, sid)
        about = () if holding is None else (holding.e164,)

        def run(_twist: Twist) -> Response:
            if holding is None or holding.at > now - self._holdings.settings.lag(Api.TWILIO):
                return not_found(request.path)
            return json_answer(200, self._shown(holding))

        return Call(account, Operation.FIND, about, run)

    def _release(self, request: Request, account: Account, sid: str, now: int) -> Call:
        holding = self._holding(account, sid)
        about = () if holding is None else (holding.e164,)

        def run(_twist: Twist) -> Response:
            if holding is None:
                return not_found(request.path)
            if self._books.wires.of(sid).get("emergency_address_sid"):
                return error(409, 20409, "The number has an emergency address, which must be removed first")
            self._holdings.release(holding, now)
            return Response(204, headers=())

        return Call(account, Operation.RELEASE, about, run)

    def _update(self, request: Request, account: Account, sid: str) -> Call | Response:
        holding = self._holding(account, sid)
        if holding is None:
            return not_found(request.path)
        settings = self._voice.settings(account, request.form())
        if isinstance(settings, Response):
            return settings

        def run(_twist: Twist) -> Response:
            self._holdings.wire(holding, settings)
            return json_answer(200, self._shown(holding))

        return Call(account, Operation.CONNECT, (holding.e164,), run)

    def _shown(self, holding: Holding) -> dict[str, Any]:
        return shapes.owned(holding, self._books.inventory.place(holding.e164), self._books.wires.of(holding.number_id))

    def _holding(self, account: Account, sid: str) -> Holding | None:
        holding = self._books.holding(sid)
        mine = holding is not None and holding.is_live and (holding.api, holding.account) == account
        return holding if mine else None


def _refused(no: No, number: str) -> Response:
    match no:
        case No.INVALID:
            return error(400, 21421, f"{number} is not valid")
        case No.NO_ADDRESS:
            return error(400, 21631, "Phone Number Requires an Address but the 'AddressSid' parameter was empty")
    return error(400, 21422, f"{number} is not available")


def _uri(request: Request, query: tuple[tuple[str, str], ...]) -> str:
    return f"{request.path}?{urlencode(query)}" if query else request.path


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_COUNT else otherwise


def _page_size(request: Request) -> int:
    return min(_LONGEST_PAGE, max(1, _whole(request.first("PageSize"), _USUAL_PAGE)))


def _position(request: Request) -> tuple[int, int | None, int]:
    """How many to skip, the number of the last one seen, and the size of a page.

    Only the token of `next_page_uri` is sure not to skip or repeat a number when others come and go.
    """
    size, token = _page_size(request), request.first("PageToken")
    before = int(token[4:], 16) if _TOKEN.fullmatch(token) else None
    return _whole(request.first("Page"), 0) * size, before, size
