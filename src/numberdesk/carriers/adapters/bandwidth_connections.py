"""Where calls to Bandwidth's numbers go: routes or forwarding of a number, else the location that it belongs to.

Touches: clock.

Routes and forwarding are set by an order of TN options, which Bandwidth works off after it has answered; an order of
this process is remembered, and followed before another one is sent. The record of a number shows forwarding; where
it says nothing of routes, the newest complete order of options for the number does.
https://dev.bandwidth.com/docs/numbers/guides/manage-inventory/applyTnOptionsAndFeatures
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from numberdesk.carriers.adapters.bandwidth_locations import (
    BandwidthApi,
    BandwidthLocations,
    Webhook,
    checked_token,
    webhook_of,
)
from numberdesk.carriers.adapters.bandwidth_orders import RUNNING, message_in
from numberdesk.carriers.adapters.bandwidth_xml import elements, leaf, national_of, numbers, parsed, tag, text
from numberdesk.carriers.adapters.connecting import CannotBeSetError, another, name_of, not_ours, shows_else
from numberdesk.carriers.adapters.number_settings import Keeper, KeepsNothing
from numberdesk.carriers.adapters.sip_targets import SipAddress, addresses_of, require_no_login
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.connection import (
    CarrierRoute,
    ForwardRoute,
    NativeRoute,
    NumberFormat,
    ShownRouting,
    SipRoute,
    SipTransport,
    Srtp,
    WantedConnection,
    WebhookDialect,
    WebhookRoute,
)

_PAUSES: Final = (0.25, 1.0)
"""How long an order is waited for, in seconds between looks; after that it is due again."""

_MOST_REMEMBERED: Final = 10_000
_NATIONAL_ONLY: Final = "this carrier has numbers of the North American plan only"
_DONE: Final = "complete"
_DEFAULT, _OFF, _AS_SPECIFIED = "systemdefault", "off", "asSpecified"
_FORMATS: Final = {NumberFormat.E164: "e164", NumberFormat.PLAIN: "11digit", NumberFormat.NATIONAL: "10digit"}

_NO_ADDRESS: Final = "this carrier takes the address itself with an order for emergency services, and has no id for it"
_NO_NAME: Final = "this carrier takes caller names by an order of their own, which is not made here"


class _Target(NamedTuple):
    endpoint: str
    kind: str
    priority: int
    weight: int


class _Options(NamedTuple):
    """What a number has of its own. `number_format` is "" where it does not matter."""

    targets: tuple[_Target, ...] = ()
    forwards_to: str = ""
    number_format: str = ""

    @property
    def words(self) -> str:
        """For people; "" where there is nothing."""
        if self.forwards_to:
            return f"forwarded to {self.forwards_to}"
        if not self.targets:
            return ""
        shown = [f"{one.endpoint} (priority {one.priority}, weight {one.weight})" for one in self.targets]
        return f"SIP to {', '.join(shown)}"

    def shows(self, wanted: _Options) -> bool:
        """Whether these are what is wanted; the format of the number counts for SIP."""
        same = (sorted(self.targets), self.forwards_to) == (sorted(wanted.targets), wanted.forwards_to)
        return same and self.number_format in ("", wanted.number_format or self.number_format)


class _Order(NamedTuple):
    """An order of options of this process: what it asks for, and its id."""

    options: _Options
    order_id: str


class _Wanted(NamedTuple):
    """What is wanted, in Bandwidth's terms. `location` is None for the one that numbers belong to of themselves."""

    options: _Options = _Options()
    webhook: Webhook | None = None
    location: str | None = None


class BandwidthConnector:
    """Sets and shows where the calls to one account's numbers go."""

    def __init__(self, api: BandwidthApi, locations: BandwidthLocations) -> None:
        self._api = api
        self._locations = locations
        self._orders: dict[str, _Order] = {}
        self.keeper: Keeper = KeepsNothing(_NO_ADDRESS, _NO_NAME)

    async def connect(self, e164: str, number_id: str | None, wanted: WantedConnection) -> str:  # noqa: ARG002  the id is the number
        """Move the number to the location that is wanted, and order its options, unless they are shown already."""
        number, asked = _asked_for(e164, wanted)
        site, peer = await self._place_of(number)
        made = ""
        if asked.webhook is not None:
            made = await self._locations.made(name_of(wanted.connection_id), asked.webhook)
        location = made or asked.location
        if location is None and not asked.options.words:
            location = await self._locations.own()
        if location is not None and peer != location:
            await self._locations.move(number, location)
            site, peer = await self._place_of(number)
            if peer != location:
                raise CarrierError(Trouble.UNREADABLE, "the number is not at its new location yet")
        await self._apply(number, asked.options, await self._shown(number, site, peer))
        after = await self._shown(number, site, peer)
        if not after.shows(asked.options):
            raise shows_else(after.words or "nothing")
        return made

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:  # noqa: ARG002  as above
        """What the number shows, and where that is nothing its location."""
        number, asked = _asked_for(e164, wanted)
        site, peer = await self._place_of(number)
        shown = await self._shown(number, site, peer)
        if shown.words or asked.options.words:
            return ShownRouting(shown.words or "nothing of its own", as_wanted=shown.shows(asked.options))
        if asked.webhook is not None:
            webhook = await self._locations.webhook_at(peer)
            is_there = peer == await self._locations.found(name_of(wanted.connection_id))
            text = "its location, without a webhook" if webhook is None else webhook.words
            return ShownRouting(text, as_wanted=is_there and webhook == asked.webhook)
        own = await self._locations.own()
        text = "nothing of its own" if peer == own else "another location"
        return ShownRouting(text, as_wanted=peer == (asked.location or own))

    async def forget(self, connection_id: str) -> None:
        """Remove the location and the application that were made for a connection."""
        await self._locations.forget(name_of(connection_id))

    async def _place_of(self, number: str) -> tuple[str, str]:
        """The site and the location of a number of ours. Raises CarrierError."""
        found = await self._api.find(f"/tns/{number}/tndetails", "TelephoneNumberResponse")
        if found is None:
            raise not_ours()
        if text(found, "FullNumber") != number:
            raise another(text(found, "FullNumber"))
        if text(found, "AccountId") not in ("", self._api.account_id):
            raise not_ours()
        sites, peers = elements(found, "Site"), elements(found, "SipPeer")
        if not sites or not peers:
            raise CarrierError(Trouble.UNREADABLE, "the number is there, and its location is not told")
        return checked_token(text(sites[0], "Id")), checked_token(text(peers[0], "PeerId"))

    async def _shown(self, number: str, site: str, peer: str) -> _Options:
        """The options of a number, from its record and where that is silent of routes from its newest order."""
        path = self._api.path("sites", site, "sippeers", peer, "tns", number)
        record = await self._api.find(path, "SipPeerTelephoneNumberResponse")
        if record is None or text(record, "FullNumber") not in ("", number):
            raise CarrierError(Trouble.UNREADABLE, "the options of the number cannot be read")
        source: Element | None = record
        if not elements(record, "OriginationRoutePlan"):
            source = await self._newest_order(number)
        targets = () if source is None else _targets_in(source)
        forwards_to = text(record, "CallForward")
        return _Options(targets, "" if forwards_to == _DEFAULT else forwards_to, text(record, "NumberFormat"))

    async def _newest_order(self, number: str) -> Element | None:
        """What the last complete order of options asked for that says something of a number's routes."""
        found = await self._api.find(self._api.path("tnoptions"), "TnOptionOrders", [("tn", number)])
        listed = [] if found is None else elements(found, "TnOptionOrderSummary")
        done = [one for one in listed if text(one, "ProcessingStatus").lower() == _DONE]
        for one in sorted(done, key=lambda one: text(one, "LastModifiedDate"), reverse=True):
            path = self._api.path("tnoptions", checked_token(text(one, "OrderId")))
            order = await self._api.find(path, "")
            groups = [] if order is None else elements(order, "TnOptionGroup")
            for group in groups:
                if elements(group, "OriginationRoutePlan") and number in numbers(group, "TelephoneNumbers"):
                    return group
        return None

    async def _apply(self, number: str, asked: _Options, shown: _Options) -> None:
        """Order options, unless they are there or the order is under way; come back when it is done."""
        known = self._orders.get(number)
        if known is None or known.options != asked:
            if shown.shows(asked):
                return
            known = _Order(asked, await self._order(number, asked))
            self._orders[number] = known
            if len(self._orders) > _MOST_REMEMBERED:
                del self._orders[next(iter(self._orders))]
        status, message = await self._status(known.order_id)
        for pause in _PAUSES:
            if status not in RUNNING:
                break
            await asyncio.sleep(pause)
            status, message = await self._status(known.order_id)
        if status in RUNNING:
            raise CarrierError(Trouble.REFUSED, f"order {known.order_id} of options is {status!r}")
        self._orders.pop(number, None)
        if status != _DONE:
            raise CarrierError(Trouble.REFUSED, f"order {known.order_id} of options is {status[:20]!r}{message}")

    async def _order(self, number: str, asked: _Options) -> str:
        targets = "".join(_as_route(target) for target in asked.targets)
        plan = tag("OriginationRoutePlan", leaf("Action", _AS_SPECIFIED if targets else _OFF), targets)
        group = tag(
            "TnOptionGroup",
            leaf("NumberFormat", asked.number_format or _DEFAULT),
            leaf("CallForward", asked.forwards_to or _DEFAULT),
            plan,
            tag("TelephoneNumbers", leaf("TelephoneNumber", number)),
        )
        name = f"connect-{number}-{zlib.crc32(group.encode()):08x}"
        body = tag("TnOptionOrder", leaf("CustomerOrderId", name), tag("TnOptionGroups", group))
        answer = await self._api.send("POST", self._api.path("tnoptions"), body, once=True)
        found = parsed(answer, "TnOptionOrderResponse")
        if not text(found, "OrderId"):
            raise CarrierError(Trouble.REFUSED, f"no order of options{message_in(found)}")
        return checked_token(text(found, "OrderId"))

    async def _status(self, order_id: str) -> tuple[str, str]:
        found = await self._api.find(self._api.path("tnoptions", order_id), "")
        if found is None:
            return "unknown", ""
        return text(found, "ProcessingStatus").lower(), message_in(found)


def _asked_for(e164: str, wanted: WantedConnection) -> tuple[str, _Wanted]:
    """The ten digits of a number, and what is wanted in Bandwidth's terms. Raises CannotBeSetError."""
    number = national_of(e164)
    if number is None:
        raise CannotBeSetError(_NATIONAL_ONLY)
    return number, _Wanted() if wanted.route is None else _of(wanted.route)


def _of(route: CarrierRoute) -> _Wanted:
    if isinstance(route, ForwardRoute):
        target = national_of(route.e164)
        if target is None:
            raise CannotBeSetError("this carrier forwards to North American numbers only")
        return _Wanted(_Options(forwards_to=target))
    if isinstance(route, NativeRoute):
        if route.object_kind != "location" or not route.object_id.isascii() or not route.object_id.isdigit():
            raise CannotBeSetError("at this carrier calls go to the id of a location (a SIP peer)")
        return _Wanted(location=route.object_id)
    if isinstance(route, WebhookRoute):
        if route.dialect is not WebhookDialect.BXML:
            raise CannotBeSetError("this carrier's webhooks are answered in BXML")
        return _Wanted(webhook=webhook_of(route))
    return _Wanted(_sip(route))


def _sip(route: SipRoute) -> _Options:
    """Routes of a number. Transport and encryption are those of its location."""
    require_no_login(route)
    for target in route.targets:
        if target.transport is not SipTransport.UDP or target.srtp is Srtp.REQUIRE:
            raise CannotBeSetError("this carrier has TCP, TLS and encryption by location, not for a single number")
    targets = tuple(
        _Target(*_endpoint(address), target.priority, target.weight) for target, address in addresses_of(route)
    )
    return _Options(targets, number_format=_FORMATS[route.number_format])


def _endpoint(address: SipAddress) -> tuple[str, str]:
    if address.host.startswith("["):
        raise CannotBeSetError("this carrier sends calls to names and IPv4 addresses")
    if address.user:
        return f"{address.user}@{address.host_port}", "SIP"
    return address.host_port, "IPv4" if address.is_ip else "FQDN"


def _as_route(target: _Target) -> str:
    where = (leaf("Endpoint", target.endpoint), leaf("EndpointType", target.kind))
    return tag("Route", *where, leaf("Priority", str(target.priority)), leaf("Weight", str(target.weight)))


def _targets_in(source: Element) -> tuple[_Target, ...]:
    """The routes of a plan. Raises CarrierError for a plan that cannot be read."""
    found: list[_Target] = []
    for plan in elements(source, "OriginationRoutePlan"):
        if text(plan, "Action") == _OFF:
            return ()
        for route in elements(plan, "Route"):
            ranks = text(route, "Priority"), text(route, "Weight")
            if not all(rank.isascii() and rank.isdigit() for rank in ranks):
                raise CarrierError(Trouble.UNREADABLE, "a route of the number cannot be read")
            kind = text(route, "EndpointType")
            found.append(_Target(text(route, "Endpoint"), kind, int(ranks[0]), int(ranks[1])))
    return tuple(found)
