"""Where calls to Vonage's numbers go: a SIP address or another number directly, else an application.

Touches: nothing.

An update replaces all that a number has, of messages too (https://github.com/Nexmo/nexmo-cli/issues/83): what is
there is read, changed, and written whole. An update has no word for "no longer forwarded", which is therefore left
out, and what the number shows afterwards decides. A webhook is an application that is made for a connection.
https://developer.vonage.com/en/api/numbers, https://developer.vonage.com/en/api/application.v2
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import msgspec

from numberdesk.carriers.adapters.connecting import (
    CannotBeSetError,
    name_of,
    not_ours,
    shown_url,
    shows_else,
    still_there,
    succeeded,
)
from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, excerpt, refused
from numberdesk.carriers.adapters.number_settings import Keeper, KeepsNothing
from numberdesk.carriers.adapters.reading import digits_of
from numberdesk.carriers.adapters.sip_targets import addresses_of, called_number, require_no_login
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.connection import (
    ForwardRoute,
    NativeRoute,
    ShownRouting,
    SipRoute,
    Srtp,
    WantedConnection,
    WebhookDialect,
    WebhookRoute,
)

_APPLICATIONS_HOST: Final = "https://api.nexmo.com"
_APPLICATIONS: Final = "/v2/applications"
_PAGE: Final = 100
_MOST_PAGES: Final = 50
_MOST_DELETED: Final = 5
_OK, _NOT_FOUND, _ACTION_FAILED = range(200, 300), 404, 420
_DONE: Final = "200"
_ID: Final = re.compile(r"[0-9a-fA-F-]{36}", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_FORWARDS: Final = ("sip", "tel")

_NO_ADDRESS: Final = "this carrier has no emergency addresses that a program could set"
_NO_NAME: Final = "this carrier has no setting for the name of a caller"


class _Line(msgspec.Struct, rename="camel"):
    """A number with all of it that an update replaces and that is shown."""

    msisdn: str | int
    country: str = ""
    app_id: str | None = msgspec.field(name="app_id", default=None)
    mo_http_url: str | None = None
    mo_smpp_sys_type: str | None = None
    messages_callback_type: str | None = None
    messages_callback_value: str | None = None
    voice_callback_type: str | None = None
    voice_callback_value: str | None = None
    voice_status_callback: str | None = None

    @property
    def application(self) -> str:
        """The application that takes calls, in its old place too; "" without one."""
        old = self.voice_callback_value if self.voice_callback_type == "app" else None
        return self.app_id or old or ""

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What has nothing to do with where calls go."""
        pairs = (
            ("moHttpUrl", self.mo_http_url),
            ("moSmppSysType", self.mo_smpp_sys_type),
            ("messagesCallbackType", self.messages_callback_type),
            ("messagesCallbackValue", self.messages_callback_value),
            ("voiceStatusCallback", self.voice_status_callback),
        )
        return [(name, value) for name, value in pairs if value]


class _Lines(msgspec.Struct):
    numbers: list[_Line] = []
    count: int | None = None


class _Status(msgspec.Struct):
    code: str | int = msgspec.field(name="error-code")


class _Address(msgspec.Struct):
    address: str = ""
    http_method: str = ""


class _Webhooks(msgspec.Struct):
    answer_url: _Address = msgspec.field(default_factory=_Address)
    fallback_answer_url: _Address = msgspec.field(default_factory=_Address)


class _VoiceOf(msgspec.Struct):
    webhooks: _Webhooks = msgspec.field(default_factory=_Webhooks)


class _Capabilities(msgspec.Struct):
    voice: _VoiceOf | None = None


class _Application(msgspec.Struct):
    id: str
    name: str
    capabilities: _Capabilities = msgspec.field(default_factory=_Capabilities)

    @property
    def webhook(self) -> tuple[str, str, str]:
        """The address that calls are answered from, how it is asked, and the one after it."""
        webhooks = _Webhooks() if self.capabilities.voice is None else self.capabilities.voice.webhooks
        return webhooks.answer_url.address, webhooks.answer_url.http_method, webhooks.fallback_answer_url.address


class _Embedded(msgspec.Struct):
    applications: list[_Application] = []


class _Applications(msgspec.Struct):
    embedded: _Embedded = msgspec.field(name="_embedded")
    total_pages: int = 1


class _Voice(NamedTuple):
    """Where a number's calls go: what they are forwarded to comes before the application."""

    kind: str = ""
    value: str = ""
    application: str = ""


class VonageConnector:
    """Sets and shows where the calls to one account's numbers go."""

    def __init__(self, api: CarrierHttpApi) -> None:
        self._api = api
        self.keeper: Keeper = KeepsNothing(_NO_ADDRESS, _NO_NAME)

    async def connect(self, e164: str, number_id: str | None, wanted: WantedConnection) -> str:  # noqa: ARG002  the digits, again
        """Set where calls go, keep what else the number has, and see that it shows both."""
        voice = _asked_for(e164, wanted)
        line = await self._line(e164)
        made = ""
        if isinstance(wanted.route, WebhookRoute):
            made = (await self._application(wanted.connection_id, wanted.route)).id
            voice = _Voice(application=made)
        if _is_set(line, voice):
            return made
        await self._update(line, voice)
        after = await self._line(e164)
        if not _is_set(after, voice):
            raise shows_else(_in_words(after))
        if after.kept != line.kept:
            raise shows_else("other settings for messages than before")
        return made

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:  # noqa: ARG002  as above
        """What the number shows; where a webhook is wanted, also what its application does."""
        voice, route = _asked_for(e164, wanted), wanted.route
        line = await self._line(e164)
        if not isinstance(route, WebhookRoute):
            return ShownRouting(_in_words(line), as_wanted=_is_set(line, voice))
        found = await self._found(name_of(wanted.connection_id))
        if found is None or not _is_set(line, _Voice(application=found.id)):
            return ShownRouting(_in_words(line), as_wanted=False)
        url, method, _ = found.webhook
        text = f"a webhook at {shown_url(url)} by {method}"
        return ShownRouting(text, as_wanted=found.webhook == (route.url, route.method, route.fallback_url))

    async def forget(self, connection_id: str) -> None:
        """Remove the applications that were made for a connection."""
        for _ in range(_MOST_DELETED):
            found = await self._found(name_of(connection_id))
            if found is None:
                return
            call = Call("DELETE", f"{_APPLICATIONS}/{_checked(found.id)}")
            answer = await self._api.read(call, base_url=_APPLICATIONS_HOST)
            if answer.status not in _OK and answer.status != _NOT_FOUND:
                raise refused(answer)
        raise still_there()

    async def _line(self, e164: str) -> _Line:
        digits = digits_of(e164)
        query = [("pattern", digits), ("search_pattern", "0"), ("size", str(_PAGE)), ("index", "1")]
        page = succeeded(await self._api.read(Call("GET", "/account/numbers", query=query)), _Lines)
        listed = {digits_of(line.msisdn): line for line in page.numbers}
        if digits in listed:
            line = listed[digits]
            if not _COUNTRY.fullmatch(line.country):
                raise CarrierError(Trouble.UNREADABLE, "the number is there, and its country cannot be read")
            return line
        if not all(number.startswith(digits) for number in listed) or (page.count or 0) > len(page.numbers):
            raise CarrierError(Trouble.UNREADABLE, "it lists numbers that were not asked for")
        raise not_ours()

    async def _update(self, line: _Line, voice: _Voice) -> None:
        form = [("country", line.country), ("msisdn", digits_of(line.msisdn)), *line.kept]
        # What calls are forwarded to leaves the application in place, which may be there for messages.
        application = (line.app_id or "") if voice.kind else voice.application
        form += [("app_id", application)] if application else []
        form += [("voiceCallbackType", voice.kind), ("voiceCallbackValue", voice.value)] if voice.kind else []
        answer = await self._api.read(Call("POST", "/number/update", form=form))
        if answer.status == _ACTION_FAILED:
            hint = "; it wants the address for messages to answer a GET with 200" if line.mo_http_url else ""
            raise CarrierError(Trouble.REFUSED, f"HTTP 420{excerpt(answer)}{hint}")
        if str(succeeded(answer, _Status).code) != _DONE:
            raise refused(answer)

    async def _application(self, connection_id: str, route: WebhookRoute) -> _Application:
        """The application of a connection as it is wanted: found by its name, else made; changed where it differs."""
        name, asked = name_of(connection_id), (route.url, route.method, route.fallback_url)
        found = await self._found(name)
        if found is None:
            call = Call("POST", _APPLICATIONS, json=_as_application(name, route))
            found = succeeded(await self._api.make(call, base_url=_APPLICATIONS_HOST), _Application)
        elif found.webhook != asked:
            call = Call("PUT", f"{_APPLICATIONS}/{_checked(found.id)}", json=_as_application(name, route))
            found = succeeded(await self._api.read(call, base_url=_APPLICATIONS_HOST), _Application)
        if found.name != name or found.webhook != asked:
            raise shows_else("another application than was asked for")
        _checked(found.id)
        return found

    async def _found(self, name: str) -> _Application | None:
        """An application by its name. Raises CarrierError unless all were looked at."""
        for page in range(1, _MOST_PAGES + 1):
            query = [("page_size", str(_PAGE)), ("page", str(page))]
            call = Call("GET", _APPLICATIONS, query=query)
            listed = succeeded(await self._api.read(call, base_url=_APPLICATIONS_HOST), _Applications)
            found = next((one for one in listed.embedded.applications if one.name == name), None)
            if found is not None or page >= listed.total_pages:
                return found
        raise CarrierError(Trouble.UNREADABLE, "the list of applications does not end")


def _asked_for(e164: str, wanted: WantedConnection) -> _Voice:
    """What a number is to show; without its application where that is made. Raises CannotBeSetError."""
    route = wanted.route
    if isinstance(route, SipRoute):
        return _Voice("sip", _sip(e164, route))
    if isinstance(route, ForwardRoute):
        return _Voice("tel", digits_of(route.e164))
    if isinstance(route, NativeRoute):
        if route.object_kind != "application" or not _ID.fullmatch(route.object_id):
            raise CannotBeSetError("at this carrier calls go to the id of an application")
        return _Voice(application=route.object_id)
    if isinstance(route, WebhookRoute) and route.dialect is not WebhookDialect.NCCO:
        raise CannotBeSetError("this carrier's webhooks are answered with an NCCO")
    return _Voice()


def _sip(e164: str, route: SipRoute) -> str:
    """The one address of a number, which has the called number in it as the target wants it written."""
    require_no_login(route)
    (target, address), *others = addresses_of(route)
    if others:
        raise CannotBeSetError("this carrier sends the calls to a number to a single SIP target")
    if target.srtp is Srtp.REQUIRE:
        raise CannotBeSetError("this carrier cannot be told to encrypt the sound")
    return address.uri(called_number(e164, route.number_format))


def _is_set(line: _Line, voice: _Voice) -> bool:
    """Whether a number shows what is wanted. An application says nothing of calls that are forwarded."""
    forwards = line.voice_callback_type in _FORWARDS
    if voice.kind:
        return (line.voice_callback_type, line.voice_callback_value) == (voice.kind, voice.value)
    return not forwards and line.application == voice.application


def _in_words(line: _Line) -> str:
    if line.voice_callback_type == "sip":
        return f"SIP to {line.voice_callback_value}"
    if line.voice_callback_type == "tel":
        return f"forwarded to {line.voice_callback_value}"
    return "an application" if line.application else "nothing"


def _as_application(name: str, route: WebhookRoute) -> dict[str, Any]:
    webhooks = {"answer_url": {"address": route.url, "http_method": route.method}}
    if route.fallback_url:
        webhooks["fallback_answer_url"] = {"address": route.fallback_url, "http_method": route.method}
    return {"name": name, "capabilities": {"voice": {"webhooks": webhooks}}}


def _checked(application: str) -> str:
    """An id that can stand in a path. Raises CarrierError."""
    if not _ID.fullmatch(application):
        raise CarrierError(Trouble.UNREADABLE, "the id of an application cannot be read")
    return application
