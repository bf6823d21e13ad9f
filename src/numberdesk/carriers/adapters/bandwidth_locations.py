"""Bandwidth's locations, of old SIP peers: what a webhook needs there, and where a number belongs.

Touches: nothing.

A webhook is an application of a location. Both are made for a connection and found by their names; numbers are
moved there. https://dev.bandwidth.com/docs/account/structure
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote
from xml.etree.ElementTree import Element

from numberdesk.carriers.adapters.bandwidth_search import XML
from numberdesk.carriers.adapters.bandwidth_xml import document, elements, leaf, parsed, tag, text, texts
from numberdesk.carriers.adapters.connecting import shown_url, shows_else, still_there
from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, refused
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.connection import WebhookRoute
from numberdesk.infra.http import HttpResponse

_POSTED: Final = {**XML, "Content-Type": "application/xml"}
_SUCCESS: Final = range(200, 300)
_NO_CONTENT, _NOT_FOUND = 204, 404
_MOST_DELETED: Final = 5
_TOKEN: Final = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_SERVICE: Final = "Voice-V2"


class Webhook(NamedTuple):
    """What an application asks about calls."""

    url: str = ""
    method: str = ""
    fallback_url: str = ""

    @property
    def words(self) -> str:
        """For people."""
        return f"a webhook at {shown_url(self.url)} by {self.method}"


def webhook_of(route: WebhookRoute) -> Webhook:
    """A route as an application has it."""
    return Webhook(route.url, route.method, route.fallback_url)


class BandwidthApi:
    """Requests about one account, in XML."""

    def __init__(self, api: CarrierHttpApi, account_id: str) -> None:
        self._api = api
        self.account_id = account_id

    def path(self, *parts: str) -> str:
        """A path below the account."""
        return "/".join(("/accounts", *(quote(part, safe="") for part in (self.account_id, *parts))))

    async def find(self, path: str, root: str, query: Iterable[tuple[str, str]] = ()) -> Element | None:
        """A document; None where there is none. Raises CarrierError."""
        answer = await self._api.read(Call("GET", path, tuple(query), headers=XML))
        if answer.status in (_NOT_FOUND, _NO_CONTENT):
            return None
        if answer.status not in _SUCCESS:
            raise refused(answer)
        return parsed(answer, root)

    async def send(self, method: str, path: str, body: str, *, once: bool = False) -> HttpResponse:
        """Tell it something. Raises CarrierError for anything but a success."""
        call = Call(method, path, body=document(body), headers=_POSTED)
        answer = await (self._api.make(call) if once else self._api.read(call))
        if answer.status not in _SUCCESS:
            raise refused(answer)
        return answer

    async def delete(self, path: str) -> None:
        """Remove something. What is not there is no matter. Raises CarrierError."""
        answer = await self._api.read(Call("DELETE", path, headers=XML))
        if answer.status not in _SUCCESS and answer.status != _NOT_FOUND:
            raise refused(answer)


class BandwidthLocations:
    """The locations of a site, and the applications of its account."""

    def __init__(self, api: BandwidthApi, site_id: str, peer_id: str) -> None:
        self._api = api
        self._site_id = site_id
        self._peer_id = peer_id

    async def own(self) -> str:
        """The location that numbers belong to of themselves. Raises CarrierError."""
        if self._peer_id:
            return self._peer_id
        for peer in await self._peers():
            if text(peer, "IsDefaultPeer").lower() == "true":
                return checked_token(text(peer, "PeerId"))
        raise CarrierError(Trouble.UNREADABLE, "the site has no location of its own")

    async def made(self, name: str, webhook: Webhook) -> str:
        """The location of a connection, with its application as it is wanted. Raises CarrierError."""
        application = await self._application(name, webhook)
        peer = await self.found(name)
        if peer is None:
            body = tag("SipPeer", leaf("PeerName", name), leaf("IsDefaultPeer", "false"))
            await self._api.send("POST", self._path(), body, once=True)
            peer = await self.found(name)
            if peer is None:
                raise shows_else("no location of that name")
        if await self._application_of(peer) != application:
            settings = tag("HttpSettings", leaf("HttpVoiceV2AppId", application))
            body = tag("SipPeerOriginationSettings", leaf("VoiceProtocol", "HTTP"), settings)
            await self._api.send("POST", self._path(peer, "products", "origination", "settings"), body)
            if await self._application_of(peer) != application:
                raise shows_else("a location without the application")
        return peer

    async def found(self, name: str) -> str | None:
        """The location of a name. Raises CarrierError."""
        peer = next((peer for peer in await self._peers() if text(peer, "PeerName") == name), None)
        return None if peer is None else checked_token(text(peer, "PeerId"))

    async def webhook_at(self, peer: str) -> Webhook | None:
        """What the application of a location asks; None where it has none. Raises CarrierError."""
        application = await self._application_of(peer)
        if not application:
            return None
        path = self._api.path("applications", checked_token(application))
        found = await self._api.find(path, "ApplicationProvisioningResponse")
        return None if found is None else _webhook_in(found)

    async def move(self, number: str, peer: str) -> None:
        """Have a number belong to a location. Raises CarrierError."""
        body = tag("SipPeerTelephoneNumbers", leaf("FullNumber", number))
        await self._api.send("POST", self._path(checked_token(peer), "movetns"), body)

    async def forget(self, name: str) -> None:
        """Remove the locations of a name, which hold no number then, and the applications. Raises CarrierError."""
        for _ in range(_MOST_DELETED):
            peer, application = await self.found(name), await self._found_application(name)
            if peer is not None:
                await self._api.delete(self._path(peer))
            if application is not None:
                await self._api.delete(self._api.path("applications", _id_of(application)))
            if peer is None and application is None:
                return
        raise still_there()

    async def _application(self, name: str, webhook: Webhook) -> str:
        """The application of a connection as it is wanted: found by its name, else made; changed where it differs."""
        found = await self._found_application(name)
        fallback = (
            (
                leaf("CallInitiatedFallbackUrl", webhook.fallback_url),
                leaf("CallInitiatedFallbackMethod", webhook.method),
            )
            if webhook.fallback_url
            else ()
        )
        asked = (leaf("CallInitiatedCallbackUrl", webhook.url), leaf("CallInitiatedMethod", webhook.method))
        body = tag("Application", leaf("ServiceType", _SERVICE), leaf("AppName", name), *asked, *fallback)
        if found is None:
            await self._api.send("POST", self._api.path("applications"), body, once=True)
        elif _webhook_in(found) != webhook:
            await self._api.send("PUT", self._api.path("applications", _id_of(found)), body)
        else:
            return _id_of(found)
        found = await self._found_application(name)
        if found is None or _webhook_in(found) != webhook:
            raise shows_else("another application than was asked for")
        return _id_of(found)

    async def _found_application(self, name: str) -> Element | None:
        found = await self._api.find(self._api.path("applications"), "ApplicationProvisioningResponse")
        listed = [] if found is None else elements(found, "Application")
        return next((one for one in listed if text(one, "AppName") == name), None)

    async def _application_of(self, peer: str) -> str:
        path = self._path(peer, "products", "origination", "settings")
        found = await self._api.find(path, "SipPeerOriginationSettingsResponse")
        return "" if found is None else text(found, "HttpVoiceV2AppId")

    async def _peers(self) -> list[Element]:
        found = await self._api.find(self._path(), "TNSipPeersResponse")
        return [] if found is None else elements(found, "SipPeer")

    def _path(self, *parts: str) -> str:
        return self._api.path("sites", self._site_id, "sippeers", *parts)


def _webhook_in(application: Element) -> Webhook:
    url, fallback = text(application, "CallInitiatedCallbackUrl"), text(application, "CallInitiatedFallbackUrl")
    methods = texts(application, "CallInitiatedMethod") or ["POST"]
    return Webhook(url, methods[0].upper(), fallback)


def _id_of(application: Element) -> str:
    return checked_token(text(application, "ApplicationId"))


def checked_token(token: str) -> str:
    """An id that can stand in a path. Raises CarrierError."""
    if not _TOKEN.fullmatch(token):
        raise CarrierError(Trouble.UNREADABLE, "an id cannot be read")
    return token
