"""Where calls to Twilio's numbers go: a webhook, a trunk, an application.

Touches: nothing.

A number has one of them: its VoiceUrl is ignored while it has a trunk or an application. SIP targets are
origination URLs of an Elastic SIP trunk, which is made for a connection and found by its name. A number is
taken off a trunk at the trunk; that an empty TrunkSid does it is documented for a change to an application only.
https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource, https://www.twilio.com/docs/sip-trunking/api
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

from numberdesk.carriers.adapters.connecting import (
    CannotBeSetError,
    another,
    name_of,
    not_ours,
    shown_url,
    shows_else,
    still_there,
    succeeded,
)
from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, refused
from numberdesk.carriers.adapters.number_settings import Keeper
from numberdesk.carriers.adapters.reading import PageLinks, item_of
from numberdesk.carriers.adapters.sip_targets import (
    addresses_of,
    require_format,
    require_no_login,
    secured,
)
from numberdesk.carriers.adapters.twilio_settings import TwilioSettings
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.connection import (
    NativeRoute,
    NumberFormat,
    ShownRouting,
    SipRoute,
    WantedConnection,
    WebhookDialect,
    WebhookRoute,
)

_TRUNKING: Final = "https://trunking.twilio.com"
_TRUNKS: Final = "/v1/Trunks"
_PAGE_SIZE: Final = "1000"
_MOST_PAGES: Final = 20
_MOST_DELETED: Final = 5
_OK, _MULTIPLE, _NOT_FOUND = 200, 300, 404
_NUMBER: Final = re.compile(r"PN[0-9a-fA-F]{32}", re.ASCII)
_SID: Final = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}", re.ASCII)
_OBJECTS: Final = {"trunk": "TK", "application": "AP"}
_PAGES: Final = PageLinks("Page", "PageToken")


class _Line(msgspec.Struct):
    """A number as far as its calls go, those to and from emergency services too."""

    phone_number: str
    sid: str
    voice_url: str | None = None
    voice_method: str | None = None
    voice_fallback_url: str | None = None
    voice_application_sid: str | None = None
    trunk_sid: str | None = None
    emergency_address_sid: str | None = None
    emergency_address_status: str | None = None


class _Lines(msgspec.Struct):
    incoming_phone_numbers: list[_Line]


class _Meta(msgspec.Struct):
    next_page_url: str | None = None


class _Trunk(msgspec.Struct):
    sid: str
    friendly_name: str | None = None
    secure: bool | None = None


class _Trunks(msgspec.Struct):
    trunks: list[msgspec.Raw]
    meta: _Meta


class _Url(msgspec.Struct):
    sid: str
    sip_url: str
    priority: int
    weight: int
    enabled: bool


class _Urls(msgspec.Struct):
    origination_urls: list[_Url]
    meta: _Meta


class _Voice(NamedTuple):
    """Where a number's calls go: one of trunk, application and URL, or nothing."""

    trunk: str = ""
    application: str = ""
    url: str = ""
    method: str = ""
    fallback_url: str = ""

    def form(self, shown: _Voice) -> list[tuple[str, str]]:
        """How it is set after what is shown. Trunk and application take each other's place by themselves."""
        if self.trunk:
            return [("TrunkSid", self.trunk)]
        if self.application:
            return [("VoiceApplicationSid", self.application)]
        form = [("VoiceApplicationSid", "")] if shown.application else []
        form += [("VoiceUrl", self.url), ("VoiceFallbackUrl", self.fallback_url)]
        return form + [(name, self.method) for name in ("VoiceMethod", "VoiceFallbackMethod") if self.method]


class _Target(NamedTuple):
    """An origination URL as it is wanted."""

    sip_url: str
    priority: int
    weight: int

    @property
    def form(self) -> list[tuple[str, str]]:
        named = [("FriendlyName", self.sip_url[:64]), ("SipUrl", self.sip_url), ("Enabled", "true")]
        return [*named, ("Priority", str(self.priority)), ("Weight", str(self.weight))]


class TwilioConnector:
    """Sets and shows where the calls to one account's numbers go. `account` is the path of the account."""

    def __init__(self, api: CarrierHttpApi, account: str) -> None:
        self._api = api
        self._numbers = f"{account}/IncomingPhoneNumbers"
        self.keeper: Keeper = TwilioSettings(api, self._numbers, self)

    async def connect(self, e164: str, number_id: str | None, wanted: WantedConnection) -> str:
        """Set where calls go, and see that the number shows it."""
        voice, targets = _asked_for(wanted)
        line = await self.line(e164, number_id)
        if targets:
            voice = _Voice(trunk=await self._made(wanted.connection_id, targets, secure=_secure(wanted)))
        shown = _voice_of(line)
        if shown != voice:
            if shown.trunk and not voice.trunk:
                await self._delete(f"{_TRUNKS}/{_checked(shown.trunk)}/PhoneNumbers/{line.sid}")
            answer = await self._api.read(Call("POST", f"{self._numbers}/{line.sid}.json", form=voice.form(shown)))
            line = succeeded(answer, _Line)
            if line.phone_number != e164 or _voice_of(line) != voice:
                raise shows_else(_in_words(_voice_of(line)))
        return voice.trunk if targets else ""

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:
        """What the number shows; where SIP targets are wanted, also what its trunk does."""
        voice, targets = _asked_for(wanted)
        shown = _voice_of(await self.line(e164, number_id))
        if not targets:
            return ShownRouting(_in_words(shown), as_wanted=shown == voice)
        trunk = await self._found(name_of(wanted.connection_id))
        if trunk is None or shown != _Voice(trunk=trunk.sid):
            return ShownRouting(_in_words(shown), as_wanted=False)
        urls = await self._urls(trunk.sid)
        there = sorted(_Target(url.sip_url, url.priority, url.weight) for url in urls if url.enabled)
        words = [f"{one.sip_url} (priority {one.priority}, weight {one.weight})" for one in there]
        secure = trunk.secure is True
        text = f"SIP to {', '.join(words) or 'no target'}{', with TLS and SRTP' if secure else ''}"
        return ShownRouting(text, there == sorted(targets) and secure == _secure(wanted))

    async def forget(self, connection_id: str) -> None:
        """Remove the trunks that were made for a connection, with their URLs."""
        for _ in range(_MOST_DELETED):
            trunk = await self._found(name_of(connection_id))
            if trunk is None:
                return
            await self._delete(f"{_TRUNKS}/{_checked(trunk.sid)}")
        raise still_there()

    async def line(self, e164: str, number_id: str | None) -> _Line:
        """A number of ours. Raises CarrierError."""
        if number_id is not None and _NUMBER.fullmatch(number_id):
            answer = await self._api.read(Call("GET", f"{self._numbers}/{number_id}.json"))
            if answer.status == _NOT_FOUND:
                raise not_ours()
            line = succeeded(answer, _Line)
            if line.phone_number != e164:
                raise another(line.phone_number)
        else:
            answer = await self._api.read(Call("GET", f"{self._numbers}.json", query=[("PhoneNumber", e164)]))
            lines = [one for one in succeeded(answer, _Lines).incoming_phone_numbers if one.phone_number == e164]
            if not lines:
                raise not_ours()
            line = lines[0]
        if not _NUMBER.fullmatch(line.sid):
            raise CarrierError(Trouble.UNREADABLE, "the SID of the number cannot be read")
        return line

    async def _made(self, connection_id: str, targets: list[_Target], *, secure: bool) -> str:
        """The trunk of a connection as it is wanted: found by its name, else made; changed where it differs."""
        name, flag = name_of(connection_id), "true" if secure else "false"
        trunk = await self._found(name)
        if trunk is None:
            form = [("FriendlyName", name), ("Secure", flag)]
            trunk = succeeded(await self._api.make(Call("POST", _TRUNKS, form=form), base_url=_TRUNKING), _Trunk)
        elif trunk.secure is not secure:
            call = Call("POST", f"{_TRUNKS}/{_checked(trunk.sid)}", form=[("Secure", flag)])
            trunk = succeeded(await self._api.read(call, base_url=_TRUNKING), _Trunk)
        if trunk.friendly_name != name or trunk.secure is not secure:
            raise shows_else("another trunk than was asked for")
        await self._direct(f"{_TRUNKS}/{_checked(trunk.sid)}/OriginationUrls", targets, await self._urls(trunk.sid))
        return trunk.sid

    async def _direct(self, path: str, targets: list[_Target], there: list[_Url]) -> None:
        """Give a trunk its URLs: new ones first, then without those that are not wanted, so calls always have a way."""
        left = list(there)
        for target in targets:
            same = next((url for url in left if url.sip_url == target.sip_url), None)
            if same is None:
                call = Call("POST", path, form=target.form)
                made = succeeded(await self._api.make(call, base_url=_TRUNKING), _Url)
            elif (same.priority, same.weight, same.enabled) == (target.priority, target.weight, True):
                left.remove(same)
                continue
            else:
                left.remove(same)
                call = Call("POST", f"{path}/{_checked(same.sid)}", form=target.form)
                made = succeeded(await self._api.read(call, base_url=_TRUNKING), _Url)
            if not made.enabled or _Target(made.sip_url, made.priority, made.weight) != target:
                raise shows_else("another target")
        for url in left:
            await self._delete(f"{path}/{_checked(url.sid)}")

    async def _found(self, name: str) -> _Trunk | None:
        """A trunk by its name. Raises CarrierError unless all were looked at."""
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            query = [("PageSize", _PAGE_SIZE), *_PAGES.query_of(cursor)]
            page = succeeded(await self._api.read(Call("GET", _TRUNKS, query=query), base_url=_TRUNKING), _Trunks)
            trunks = (item_of(item, _Trunk) for item in page.trunks)
            found = next((trunk for trunk in trunks if trunk.friendly_name == name), None)
            cursor = _PAGES.cursor_in(page.meta.next_page_url)
            if found is not None or cursor is None:
                return found
        raise CarrierError(Trouble.UNREADABLE, "the list of trunks does not end")

    async def _urls(self, trunk: str) -> list[_Url]:
        path = f"{_TRUNKS}/{_checked(trunk)}/OriginationUrls"
        call = Call("GET", path, query=[("PageSize", _PAGE_SIZE)])
        page = succeeded(await self._api.read(call, base_url=_TRUNKING), _Urls)
        if page.meta.next_page_url:
            raise CarrierError(Trouble.UNREADABLE, "a trunk has more targets than a page holds")
        return page.origination_urls

    async def _delete(self, path: str) -> None:
        """Remove something at a trunk, or a trunk. What is not there is no matter."""
        answer = await self._api.read(Call("DELETE", path), base_url=_TRUNKING)
        if answer.status != _NOT_FOUND and not _OK <= answer.status < _MULTIPLE:
            raise refused(answer)


def _asked_for(wanted: WantedConnection) -> tuple[_Voice, list[_Target]]:
    """What a number is to show, or what the trunk of its connection is to have. Raises CannotBeSetError."""
    route = wanted.route
    if route is None:
        return _Voice(), []
    if isinstance(route, WebhookRoute):
        if route.dialect is not WebhookDialect.TWIML:
            raise CannotBeSetError("this carrier's webhooks are answered in TwiML")
        return _Voice(url=route.url, method=route.method, fallback_url=route.fallback_url), []
    if isinstance(route, NativeRoute):
        prefix = _OBJECTS.get(route.object_kind)
        if prefix is None or not _SID.fullmatch(route.object_id) or not route.object_id.startswith(prefix):
            raise CannotBeSetError("at this carrier calls go to a trunk (TK...) or an application (AP...)")
        trunk = route.object_kind == "trunk"
        return (_Voice(trunk=route.object_id) if trunk else _Voice(application=route.object_id)), []
    if isinstance(route, SipRoute):
        require_no_login(route)
        require_format(route, NumberFormat.E164)
        secured(route)
        return _Voice(), [_Target(each.uri(), one.priority, one.weight) for one, each in addresses_of(route)]
    raise CannotBeSetError("this carrier cannot forward a number to another one by itself; use a webhook that does")


def _secure(wanted: WantedConnection) -> bool:
    return isinstance(wanted.route, SipRoute) and secured(wanted.route)


def _voice_of(line: _Line) -> _Voice:
    """What a number does with calls: what is ignored is left out."""
    if line.trunk_sid:
        return _Voice(trunk=line.trunk_sid)
    if line.voice_application_sid:
        return _Voice(application=line.voice_application_sid)
    if not line.voice_url:
        return _Voice()
    return _Voice(url=line.voice_url, method=line.voice_method or "POST", fallback_url=line.voice_fallback_url or "")


def _in_words(voice: _Voice) -> str:
    if voice.trunk:
        return "a SIP trunk"
    if voice.application:
        return "an application"
    if voice.url:
        fallback = f", else {shown_url(voice.fallback_url)}" if voice.fallback_url else ""
        return f"a webhook at {shown_url(voice.url)} by {voice.method}{fallback}"
    return "nothing"


def _checked(sid: str) -> str:
    """A SID that can stand in a path. Raises CarrierError."""
    if not _SID.fullmatch(sid):
        raise CarrierError(Trouble.UNREADABLE, "a SID cannot be read")
    return sid
