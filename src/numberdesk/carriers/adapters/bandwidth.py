"""Bandwidth: numbers of the United States and Canada over its XML API, orders that it works off after it has answered.

Touches: nothing.

What it takes and answers: https://dev.bandwidth.com/apis/numbers. Numbers have ten digits there. Our
reference is the CustomerOrderId, which may have dashes and no underscores. Whether a number is in
service says who has it; whose order it was, only the orders say. A number is given back by an order
too, and is ours until it is no longer in service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qs, quote

from numberdesk.carriers.adapters.bandwidth_connections import BandwidthConnector
from numberdesk.carriers.adapters.bandwidth_locations import BandwidthApi, BandwidthLocations
from numberdesk.carriers.adapters.bandwidth_orders import (
    RUNNING,
    BandwidthOrder,
    customer_order_id,
    message_in,
    order_of,
    put_together,
    refused_order,
    taken,
)
from numberdesk.carriers.adapters.bandwidth_search import XML, search
from numberdesk.carriers.adapters.bandwidth_xml import (
    all_numbers,
    document,
    e164_of,
    elements,
    leaf,
    national_of,
    parsed,
    tag,
    text,
    texts,
)
from numberdesk.carriers.adapters.connecting import ConnectsNumbers
from numberdesk.carriers.adapters.http_api import (
    Call,
    CarrierHttpApi,
    CarrierKind,
    basic,
    excerpt,
    plain_refusal,
    refusal,
    refused,
)
from numberdesk.carriers.adapters.refusal_words import reason_in
from numberdesk.carriers.port import (
    NO_PAPERS,
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
from numberdesk.infra.http import Http, HttpResponse

FIELDS: Final = (
    Field("account_id", "the account", example="9900012"),
    Field("username", "the name of an API user"),
    Field("password", "its password", secret=True),
    Field("site_id", "the site (sub-account) that new numbers belong to", example="743"),
    Field("peer_id", "the SIP peer (location) of new numbers, else the site's own", required=False, example="303716"),
)
"""What an account is set up with."""

_BASE_URL: Final = "https://dashboard.bandwidth.com/api/v1"
_POSTED: Final = {**XML, "Content-Type": "application/xml"}
_PAGE_SIZE: Final = 500  # the specification names no largest; its default is 300, and it was seen to serve 500
_MOST_ORDERS: Final = 5
_MOST_LISTED: Final = 100
_MOST_DISCONNECTS: Final = 10_000
_LONGEST_TOKEN: Final = 64
_MOST_COUNT_DIGITS: Final = 12
_SHORT_CODE: Final = 6
_OK, _NO_CONTENT, _BAD_REQUEST, _NOT_FOUND = 200, 204, 400, 404
_DISCONNECT: Final = "DisconnectTelephoneNumberOrder"
_SUCCESS: Final = range(200, 300)
_UNAUTHORIZED: Final = (401, 403)
_WRONG: Final = {
    Trouble.CREDENTIALS: "the user name or password is wrong, or the user may not read the account: ",
    Trouble.REFUSED: "there may be no such account: ",
}


class _Listed(NamedTuple):
    """A page of numbers in service, and how many there are in all; None where that is not said."""

    written: list[str]
    total: int | None
    next_link: str


class Bandwidth(ConnectsNumbers):
    """One account at Bandwidth."""

    def __init__(self, setup: Setup, http: Http) -> None:
        authorization = basic(setup["username"], setup["password"])
        self._api = CarrierHttpApi(setup, http, base_url=_BASE_URL, authorization=authorization)
        self._account_id = setup["account_id"]
        self._site = leaf("SiteId", setup["site_id"])
        peer_id = setup.get("peer_id")
        self._peer = leaf("PeerId", peer_id) if peer_id else ""
        self._disconnects: dict[str, str] = {}
        bandwidth = BandwidthApi(self._api, self._account_id)
        self._connector = BandwidthConnector(bandwidth, BandwidthLocations(bandwidth, setup["site_id"], peer_id))

    @property
    def window(self) -> int:
        """How long absence has to last until it is believed, in microseconds."""
        return self._api.window

    async def search(self, wanted: Wanted) -> AvailablePage:
        """Numbers that can be bought now. Raises CarrierError."""
        return await search(self._api, self._account_id, wanted)

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS  # noqa: ARG002  by digits alone; its orders take none
    ) -> Placed | Pending | Refused | NotSent | Unknown:  # fmt: skip
        """Order exactly this number, with one request, under our reference. Raises nothing."""
        number = national_of(e164)
        if number is None:
            return Refused(Reason.OTHER, "Bandwidth has numbers of the North American plan only")
        wanted = tag("TelephoneNumberList", leaf("TelephoneNumber", number))
        body = tag(
            "Order",
            leaf("CustomerOrderId", customer_order_id(reference)),
            leaf("BackOrderRequested", "false"),
            tag("ExistingTelephoneNumberOrderType", wanted),
            leaf("PartialAllowed", "false"),
            self._site,
            self._peer,
        )
        answer = await self._api.order(Call("POST", self._path("orders"), body=document(body), headers=_POSTED))
        return _outcome(answer, number, reference) if isinstance(answer, HttpResponse) else answer

    async def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:
        """Look for what became of an order, by number and by reference. Refused: the carrier says that it failed."""
        number = national_of(e164)
        if number is None:
            return Unknown("Bandwidth has numbers of the North American plan only")
        try:
            orders = await self._orders(reference)
            in_service = await self._is_in_service(number)
        except CarrierError as error:
            return Unknown(str(error))
        return put_together(number, reference, orders, in_service=in_service)

    async def owned(self, cursor: str | None) -> OwnedPage:
        """A page of the numbers on our account, from a cursor of the page before. Raises CarrierError."""
        page, seen = _place(cursor)
        found = await self._in_service(page, _PAGE_SIZE)
        seen += len(found.written)
        goes_on = len(found.written) >= _PAGE_SIZE if found.total is None else seen < found.total
        next_page = _page_of_link(found.next_link) or (str(int(page) + 1) if goes_on and page.isdigit() else None)
        if goes_on and (next_page is None or not found.written):
            raise CarrierError(Trouble.UNREADABLE, "the list of numbers ends before it is whole")
        listed = tuple(_owned(number) for number in found.written if len(number) > _SHORT_CODE)
        return OwnedPage(listed, f"{next_page}.{seen}" if found.written and next_page else None)

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased:  # noqa: ARG002  the id is the number
        """Order that a number is disconnected, unless that is under way. Released when it is not in service any more.

        Orders can be listed, but not by number: those of this process are remembered, so that one that
        is worked on is not followed by another. Each carries a CustomerOrderId that names the number.
        """
        number = national_of(e164)
        if number is None:
            return NotReleased("Bandwidth has numbers of the North American plan only")
        try:
            if not await self._is_in_service(number):
                self._disconnects.pop(number, None)
                return Released()
            known = self._disconnects.get(number)
            return await (self._disconnect(number) if known is None else self._disconnecting(number, known))
        except CarrierError as error:
            return NotReleased(str(error))

    async def check(self) -> Health:
        """Make one harmless request and say in words what is wrong, if anything is. Raises nothing."""
        try:
            found = await self._in_service("1", 1)
        except CarrierError as error:
            return Health(ok=False, message=f"{_WRONG.get(error.trouble, '')}{error}", facts={})
        facts = {} if found.total is None else {"numbers_in_service": str(found.total)}
        return Health(ok=True, message="user and account work", facts=facts)

    def _path(self, *parts: str) -> str:
        return "/".join(("/accounts", *(quote(part, safe="") for part in (self._account_id, *parts))))

    async def _read(self, *parts: str, query: Iterable[tuple[str, str]] = ()) -> HttpResponse:
        return await self._api.read(Call("GET", self._path(*parts), tuple(query), headers=XML))

    async def _is_in_service(self, number: str) -> bool:
        """Whether the number is on our account. The answer is a status: 200 or 404. Raises CarrierError."""
        answer = await self._read("inserviceNumbers", number)
        if answer.status == _NOT_FOUND:
            if answer.body.strip():
                # A page that says "not found" may be that of anything between us; who answers lists shows them.
                await self._in_service("1", 1)
            return False
        if answer.status != _OK:
            raise refused(answer)
        if answer.body.strip() and all_numbers(parsed(answer, "")) - {number}:
            raise CarrierError(Trouble.UNREADABLE, "an answer about another number")
        return True

    async def _in_service(self, page: str, size: int) -> _Listed:
        """Numbers on our account, a page of them. Raises CarrierError."""
        answer = await self._read("inserviceNumbers", query=(("page", page), ("size", str(size))))
        if answer.status == _NO_CONTENT:
            return _Listed([], 0, "")
        if answer.status != _OK:
            raise refused(answer)
        found = parsed(answer, "TNs")
        total = text(found, "TotalCount")
        written = [
            number for listed in elements(found, "TelephoneNumbers") for number in texts(listed, "TelephoneNumber")
        ]
        return _Listed(written, int(total) if _is_count(total) else None, text(found, "next"))

    async def _orders(self, reference: str) -> list[BandwidthOrder]:
        """Orders under our reference. Raises CarrierError."""
        wanted = customer_order_id(reference)
        query = (("page", "1"), ("size", str(_MOST_LISTED)), ("customerOrderId", wanted))
        answer = await self._read("orders", query=query)
        if answer.status == _NO_CONTENT or (answer.status == _NOT_FOUND and not answer.body.strip()):
            return []
        if answer.status not in (_OK, _NOT_FOUND):
            raise refused(answer)
        found = parsed(answer, "ResponseSelectWrapper" if answer.status == _OK else "")
        listed = [(text(one, "orderId"), text(one, "CustomerOrderId")) for one in elements(found, "OrderIdUserIdDate")]
        ours = [(order_id, told) for order_id, told in listed if told in ("", wanted)]
        if len(ours) > _MOST_ORDERS or (not ours and (text(found, "next") or len(listed) >= _MOST_LISTED)):
            raise CarrierError(Trouble.UNREADABLE, "a look-up of one reference shows many orders")
        orders = [(told, await self._ordered(order_id)) for order_id, told in ours]
        if any(not (told or order.reference) for told, order in orders):
            raise CarrierError(Trouble.UNREADABLE, "an order without our reference among those under it")
        return [order for _, order in orders if order.reference in ("", wanted)]

    async def _ordered(self, order_id: str) -> BandwidthOrder:
        answer = await self._read("orders", _checked_token(order_id))
        if answer.status != _OK:
            raise refused(answer)
        return order_of(parsed(answer, "OrderResponse"))

    async def _disconnect(self, number: str) -> NotReleased:
        """Order that a number is disconnected, and remember the order while it is worked on. Raises CarrierError."""
        wanted = tag("TelephoneNumberList", leaf("TelephoneNumber", number))
        named = leaf("CustomerOrderId", f"release-{number}")
        body = document(tag(_DISCONNECT, named, tag(f"{_DISCONNECT}Type", wanted)))
        answer = await self._api.read(Call("POST", self._path("disconnects"), body=body, headers=_POSTED))
        if answer.status not in _SUCCESS:
            raise refused(answer)
        found = parsed(answer, f"{_DISCONNECT}Response")
        order_id, status = _checked_token(text(found, "id")), text(found, "OrderStatus").lower()
        if status in ("", *RUNNING):
            self._disconnects[number] = order_id
            if len(self._disconnects) > _MOST_DISCONNECTS:
                del self._disconnects[next(iter(self._disconnects))]
        return NotReleased(f"disconnect order {order_id} is {status[:20]!r}{message_in(found)}")

    async def _disconnecting(self, number: str, order_id: str) -> NotReleased:
        """How an order stands that was to disconnect a number which is in service. Raises CarrierError."""
        answer = await self._read("disconnects", order_id)
        if answer.status == _OK:
            found = parsed(answer, f"{_DISCONNECT}Response")
            status = text(found, "OrderStatus").lower()
            if status in RUNNING:
                return NotReleased(f"disconnect order {order_id} is {status!r}")
            message = f"disconnect order {order_id} is {status[:20]!r}{message_in(found)}"
        elif answer.status == _NOT_FOUND:
            message = f"disconnect order {order_id} is not known there any more"
        else:
            raise refused(answer)
        # It ended, and the number is in service, perhaps bought anew since: the next call orders once more.
        self._disconnects.pop(number, None)
        return NotReleased(f"{message}, and the number is in service")


def _outcome(answer: HttpResponse, number: str, reference: str) -> Placed | Pending | Refused | Unknown:
    """What the answer to an order means: a document, or a line of plain text that says what is wrong with it."""
    if answer.status in _UNAUTHORIZED:
        return Refused(Reason.ACCOUNT, f"HTTP {answer.status}{excerpt(answer)}")
    if plain_refusal(answer):
        return refusal(answer.status, f"HTTP {answer.status}{excerpt(answer)}", reason_in(answer.body.decode()))
    failed = answer.status not in _SUCCESS  # then with a document of whatever name
    try:
        order = order_of(parsed(answer, "" if failed else "OrderResponse"))
    except CarrierError as error:
        return Unknown(f"{error}{excerpt(answer)}")
    if failed:
        return refused_order(answer.status, order)
    return taken(number, reference, order)


def _owned(number: str) -> OwnedNumber:
    e164 = e164_of(number)
    if e164 is None:
        raise CarrierError(Trouble.UNREADABLE, f"{number[:20]!r} in the list of numbers is none")
    return OwnedNumber(e164, national_of(e164) or e164, "")


def _checked_token(token: str) -> str:
    """An id that can stand in a path. Raises CarrierError."""
    if not (token.isascii() and token.replace("-", "").isalnum() and len(token) <= _LONGEST_TOKEN):
        raise CarrierError(Trouble.UNREADABLE, f"{token[:_LONGEST_TOKEN]!r} is no id")
    return token


def _place(cursor: str | None) -> tuple[str, int]:
    """The page that a cursor means, and how many numbers came before it. Raises CarrierError."""
    page, _, seen = ("1.0" if cursor is None else cursor).rpartition(".")
    if not _is_count(seen) or not _is_page(page):
        raise CarrierError(Trouble.REFUSED, "the cursor is not of this list")
    return page, int(seen)


def _page_of_link(link: str) -> str | None:
    """The name of a page in a link such as `Link=<https://...?page=2&size=500>;rel="next";`. Raises CarrierError."""
    if not link:
        return None
    url = link.partition("<")[2].partition(">")[0] or link
    page = parse_qs(url.partition("?")[2]).get("page", [""])[0]
    if not _is_page(page):
        raise CarrierError(Trouble.UNREADABLE, "a link to the next page that names none")
    return page


def _is_page(name: str) -> bool:
    return 1 <= len(name) <= _LONGEST_TOKEN and name.isascii() and name.isprintable()


def _is_count(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= _MOST_COUNT_DIGITS


CARRIER: Final = CarrierKind(FIELDS, Bandwidth, ("account_id",))
