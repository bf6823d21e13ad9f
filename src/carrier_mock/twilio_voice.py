"""Where calls to Twilio's numbers go: settings of a number, and its trunking API with trunks and their URLs.

Touches: nothing.

Paths, names and rules are those of twilio/twilio-oai (api v2010, trunking v1): a trunk and an application take each
other's place, and a number is taken off a trunk at the trunk.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from carrier_mock.exchange import Call, Request, Response, json_answer
from carrier_mock.holdings import Holdings
from carrier_mock.model import Account, Holding, Operation
from carrier_mock.twilio_shapes import error, not_found
from carrier_mock.voice import ORIGINATION_URL, TRUNK, Thing
from numberdesk.core.periods import to_datetime

_API: Final = "https://trunking.twilio.com"
_NOT_ALLOWED: Final = error(405, 20004, "Method not allowed")
_URL: Final = re.compile(r"https?://[^\s]+", re.ASCII)
_SIP_URL: Final = re.compile(r"sip:[^\s]+", re.ASCII)
_APPLICATION: Final = re.compile(r"AP[0-9a-fA-F]{32}", re.ASCII)
_ADDRESS: Final = re.compile(r"AD[0-9a-fA-F]{32}", re.ASCII)
_TEXTS: Final = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "SmsUrl": "sms_url",
    "StatusCallback": "status_callback",
}
_LARGEST_RANK: Final = 65_535
_UNSET_TRUNK: Final = {
    "domain_name": None,
    "disaster_recovery_method": None,
    "disaster_recovery_url": None,
    "recording": {"mode": "do-not-record", "trim": "do-not-trim"},
    "transfer_mode": "disable-all",
    "transfer_caller_id": "from-transferee",
    "cnam_lookup_enabled": False,
    "auth_type": "",
    "auth_type_set": (),
    "symmetric_rtp_enabled": False,
}


class TwilioVoice:
    """Settings of numbers and trunks, over `holdings`."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._wires = holdings.books.wires

    def settings(self, account: Account, form: dict[str, str]) -> dict[str, Any] | Response:
        """What a form sets for a number; the answer to one that is wrong."""
        settings: dict[str, Any] = {name: form[given] for given, name in _TEXTS.items() if given in form}
        wrong = _wrong_in(settings)
        if wrong is not None:
            return wrong
        address = form.get("EmergencyAddressSid")
        if address and not _ADDRESS.fullmatch(address):
            return error(400, 21628, "EmergencyAddressSid is not valid")
        if address is not None:
            settings |= {
                "emergency_address_sid": address or None,
                "emergency_address_status": "registered" if address else "unregistered",
                "emergency_status": form.get("EmergencyStatus", "Active") if address else "Inactive",
            }
        trunk, application = form.get("TrunkSid", ""), form.get("VoiceApplicationSid")
        if trunk:
            if self._wires.thing(account, TRUNK, trunk) is None:
                return not_found(f"/Trunks/{trunk}")
            return {**settings, "trunk_sid": trunk, "voice_application_sid": None}
        if application and not _APPLICATION.fullmatch(application):
            return error(400, 21470, "VoiceApplicationSid is not valid")
        if application is not None:
            settings["voice_application_sid"] = application or None
            settings |= {"trunk_sid": None} if application else {}
        return settings

    def understand(self, request: Request, account: Account, rest: list[str], now: int, token: str) -> Call | Response:
        """What a request below /v1/Trunks is for."""
        about: tuple[str, ...] = ()
        handlers: dict[str, Callable[[], Response]] = {}
        trunk = None if not rest else self._wires.thing(account, TRUNK, rest[0])
        if rest and trunk is None:
            return not_found(request.path)
        match rest:
            case []:
                handlers["GET"] = lambda: self._listed(request, "trunks", self._wires.things(account, TRUNK))
                handlers["POST"] = lambda: self._put_trunk(account, request.form(), None, now, token)
            case [sid]:
                handlers["GET"] = lambda: self._shown(trunk)
                handlers["POST"] = lambda: self._put_trunk(account, request.form(), trunk, now, token)
                handlers["DELETE"] = lambda: self._drop(sid)
            case [sid, "OriginationUrls", *of_url]:
                return self._about_urls(request, account, sid, of_url, now, token)
            case [sid, "PhoneNumbers", number_sid]:
                holding = self._holding(account, number_sid, sid)
                if holding is None:
                    return not_found(request.path)
                about = (holding.e164,)
                handlers["DELETE"] = lambda: self._take_off(holding)
            case _:
                return not_found(request.path)
        handler = handlers.get(request.method)
        return _NOT_ALLOWED if handler is None else Call(account, Operation.CONNECT, about, lambda _: handler())

    def _about_urls(
        self, request: Request, account: Account, trunk: str, rest: list[str], now: int, token: str
    ) -> Call | Response:
        handlers: dict[str, Callable[[], Response]] = {}
        if not rest:
            urls = self._wires.things(account, ORIGINATION_URL, trunk)
            handlers["GET"] = lambda: self._listed(request, "origination_urls", urls)
            handlers["POST"] = lambda: self._put_url(account, trunk, request.form(), None, now, token)
        else:
            url = self._wires.thing(account, ORIGINATION_URL, rest[0])
            if url is None or url.parent != trunk or rest[1:]:
                return not_found(request.path)
            handlers["GET"] = lambda: self._shown(url)
            handlers["POST"] = lambda: self._put_url(account, trunk, request.form(), url, now, token)
            handlers["DELETE"] = lambda: self._drop(url.thing_id)
        handler = handlers.get(request.method)
        return _NOT_ALLOWED if handler is None else Call(account, Operation.CONNECT, (), lambda _: handler())

    def _holding(self, account: Account, number_sid: str, trunk: str) -> Holding | None:
        holding = self._holdings.books.holding(number_sid)
        if holding is None or not holding.is_live or (holding.api, holding.account) != account:
            return None
        return holding if self._wires.of(number_sid).get("trunk_sid") == trunk else None

    def _put_trunk(
        self, account: Account, form: dict[str, str], before: Thing | None, now: int, token: str
    ) -> Response:
        kept = {"friendly_name": "", "secure": False} if before is None else before.settings
        secure = {"true": True, "false": False}.get(form.get("Secure", "").lower(), kept["secure"])
        settings = {"friendly_name": form.get("FriendlyName", kept["friendly_name"]), "secure": secure}
        sid = f"TK{token}" if before is None else before.thing_id
        made = Thing(TRUNK, sid, account, "", now if before is None else before.at, settings)
        self._holdings.put(made)
        return json_answer(201 if before is None else 200, _trunk(made))

    def _put_url(
        self, account: Account, trunk: str, form: dict[str, str], before: Thing | None, now: int, token: str
    ) -> Response:
        kept = {} if before is None else dict(before.settings)
        names = {"FriendlyName": "friendly_name", "SipUrl": "sip_url"}
        kept |= {name: form[given] for given, name in names.items() if given in form}
        for given, name in (("Priority", "priority"), ("Weight", "weight")):
            if given in form:
                if not form[given].isascii() or not form[given].isdigit() or int(form[given]) > _LARGEST_RANK:
                    return error(400, 20001, f"{given} is not valid")
                kept[name] = int(form[given])
        if "Enabled" in form:
            kept["enabled"] = form["Enabled"].lower() == "true"
        if len(kept) < len(("friendly_name", "sip_url", "priority", "weight", "enabled")):
            return error(400, 20001, "Missing required parameter in the post body")
        if not _SIP_URL.fullmatch(kept["sip_url"]):
            return error(400, 21257, "SipUrl is not valid")
        sid = f"OU{token}" if before is None else before.thing_id
        made = Thing(ORIGINATION_URL, sid, account, trunk, now if before is None else before.at, kept)
        self._holdings.put(made)
        return json_answer(201 if before is None else 200, _url(made))

    def _take_off(self, holding: Holding) -> Response:
        self._holdings.wire(holding, {"trunk_sid": None})
        return Response(204, headers=())

    def _drop(self, sid: str) -> Response:
        self._holdings.drop(sid)
        return Response(204, headers=())

    @staticmethod
    def _shown(thing: Thing | None) -> Response:
        return json_answer(404, {}) if thing is None else json_answer(200, _view(thing))

    @staticmethod
    def _listed(request: Request, key: str, things: list[Thing]) -> Response:
        """All of them on one page, newest first."""
        here = f"{_API}{request.path}"
        meta = {"first_page_url": f"{here}?PageSize=1000&Page=0", "url": here, "page": 0, "page_size": 1000, "key": key}
        meta |= {"next_page_url": None, "previous_page_url": None}
        return json_answer(200, {key: [_view(each) for each in reversed(things)], "meta": meta})


def _wrong_in(settings: dict[str, Any]) -> Response | None:
    for name in ("voice_url", "voice_fallback_url"):
        if settings.get(name) and not _URL.fullmatch(settings[name]):
            return error(400, 21502, f"{name} is not valid")
    for name in ("voice_method", "voice_fallback_method"):
        if settings.get(name, "POST") not in ("GET", "POST"):
            return error(400, 21503, f"{name} is not valid")
    return None


def _view(thing: Thing) -> dict[str, Any]:
    return _trunk(thing) if thing.kind == TRUNK else _url(thing)


def _trunk(thing: Thing) -> dict[str, Any]:
    url = f"{_API}/v1/Trunks/{thing.thing_id}"
    parts = ("OriginationUrls", "CredentialLists", "IpAccessControlLists", "PhoneNumbers", "Recording")
    names = ("origination_urls", "credential_lists", "ip_access_control_lists", "phone_numbers", "recording")
    links = {name: f"{url}/{part}" for name, part in zip(names, parts, strict=True)}
    return {**_head(thing), **_UNSET_TRUNK, **thing.settings, "url": url, "links": links}


def _url(thing: Thing) -> dict[str, Any]:
    url = f"{_API}/v1/Trunks/{thing.parent}/OriginationUrls/{thing.thing_id}"
    return {**_head(thing), **thing.settings, "trunk_sid": thing.parent, "url": url}


def _head(thing: Thing) -> dict[str, Any]:
    at = to_datetime(thing.at).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"sid": thing.thing_id, "account_sid": thing.account.name, "date_created": at, "date_updated": at}
