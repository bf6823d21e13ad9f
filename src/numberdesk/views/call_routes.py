"""Where calls go, in the words of each server that asks: JSON, FreeSWITCH, Kamailio, Asterisk, TwiML, jambonz.

Touches: nothing.

Each format has its own way to refuse. Every text is escaped as its format wants it, and nothing that an asker sent is
written back but the name of FreeSWITCH's context and profile, which are words of a plain alphabet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import msgspec

from numberdesk.core.call_route import CallAnswer, RefusedCall, RoutedCall, RoutingRefusal
from numberdesk.core.connection import (
    ConnectionKind,
    ForwardRoute,
    SipRoute,
    SipTransport,
    Srtp,
    WebhookDialect,
    WebhookRoute,
)
from numberdesk.core.connection_settings import kind_of
from numberdesk.core.periods import iso_or_none
from numberdesk.views.formats import AccountId, Instant, PhoneNumber, RentalId, SessionId

JSON: Final = "application/json"
XML: Final = "text/xml"
TEXT: Final = "text/plain"

_SIP_ANSWERS: Final = {
    RoutingRefusal.NOT_IN_SERVICE: (404, "Not Found"),
    RoutingRefusal.NO_CONNECTION: (480, "Temporarily Unavailable"),
    RoutingRefusal.NO_BALANCE: (402, "Payment Required"),
    RoutingRefusal.IN_DEBT: (402, "Payment Required"),
}
_FORBIDDEN: Final = (403, "Forbidden")
_MILLISECONDS: Final = 1000
_LONGEST_DIAL: Final = 86_400
"""Seconds that Twilio takes at most as the timeLimit of Dial (without one it is 14,400)."""

_FIRST_ANSWER: Final = 5
"""Seconds in which a target must say something at all, before the next is tried."""


class AskerOptions(NamedTuple):
    """What FreeSWITCH calls the context that it asks for, and the profile that calls leave by."""

    context: str = "public"
    profile: str = "external"


class RoutingDocument(NamedTuple):
    """An answer in a server's own format."""

    content: bytes
    media_type: str
    status: int = 200


class RouteTargetView(msgspec.Struct, frozen=True):
    """A SIP address to send the call to, in the order of trying."""

    uri: str
    transport: SipTransport
    srtp: Srtp
    priority: int
    weight: int
    timeout_seconds: int


class RoutingView(msgspec.Struct, frozen=True):
    """Where a call goes, or why it goes nowhere."""

    allowed: bool
    reason: RoutingRefusal | None
    phone_number: PhoneNumber | None = None
    account_id: AccountId | None = None
    rental_id: RentalId | None = None
    kind: ConnectionKind | None = None
    targets: tuple[RouteTargetView, ...] = ()
    url: str | None = None
    method: str | None = None
    fallback_url: str | None = None
    dialect: WebhookDialect | None = None
    forward_to: PhoneNumber | None = None
    max_seconds: int | None = None
    session_id: SessionId | None = None
    forward_session_id: SessionId | None = None
    expires_at: Instant | None = None


def routing_view(answer: CallAnswer) -> RoutingView:
    """The answer in our own words."""
    if isinstance(answer, RefusedCall):
        return RoutingView(
            allowed=False,
            reason=answer.reason,
            phone_number=answer.e164,
            account_id=answer.account_id,
            rental_id=answer.rental_id,
        )
    route = answer.route
    webhook = route if isinstance(route, WebhookRoute) else None
    return RoutingView(
        allowed=True,
        reason=None,
        phone_number=answer.e164,
        account_id=answer.account_id,
        rental_id=answer.rental_id,
        kind=kind_of(route),
        targets=tuple(
            RouteTargetView(uri, one.transport, one.srtp, one.priority, one.weight, one.timeout_seconds)
            for uri, one in answer.legs
        ),
        url=None if webhook is None else webhook.url,
        method=None if webhook is None else webhook.method,
        fallback_url=None if webhook is None else webhook.fallback_url or None,
        dialect=None if webhook is None else webhook.dialect,
        forward_to=route.e164 if isinstance(route, ForwardRoute) else None,
        max_seconds=answer.max_seconds,
        session_id=answer.session_id,
        forward_session_id=answer.forward_session_id,
        expires_at=iso_or_none(answer.expires_at),
    )


def freeswitch(answer: CallAnswer, options: AskerOptions) -> RoutingDocument:
    """A dialplan for mod_xml_curl. A number that is not ours is not found, so that FreeSWITCH looks further."""
    answer = _by_sip(answer)
    if isinstance(answer, RefusedCall) and answer.reason is RoutingRefusal.NOT_IN_SERVICE:
        return _freeswitch_document('<section name="result"><result status="not found"/></section>')
    actions = freeswitch_actions(answer, options.profile)
    digits = (answer.e164 or "").removeprefix("+")
    condition = f'<condition field="destination_number" expression="^\\+?{escape(digits)}$">{actions}</condition>'
    extension = f'<extension name="numberdesk">{condition}</extension>'
    return _freeswitch_document(
        f'<section name="dialplan"><context name={quoteattr(options.context)}>{extension}</context></section>'
    )


def freeswitch_actions(answer: CallAnswer, profile: str) -> str:
    """What FreeSWITCH does with a call."""
    if isinstance(answer, RefusedCall):
        code, phrase = sip_answer(answer.reason)
        return _action("respond", f"{code} {phrase}")
    limit = "" if answer.max_seconds is None else _action("sched_hangup", f"+{answer.max_seconds} allotted_timeout")
    kept = [("account", answer.account_id), ("rental", answer.rental_id), ("session", answer.session_id)]
    variables = "".join(_action("set", f"numberdesk_{name}={value}") for name, value in kept if value is not None)
    fixed = _action("set", "hangup_after_bridge=true") + _action("set", "continue_on_fail=true")
    return variables + fixed + limit + _action("bridge", "|".join(_freeswitch_legs(answer, profile)))


def _freeswitch_legs(answer: RoutedCall, profile: str) -> list[str]:
    secure = {Srtp.NONE: "", Srtp.ALLOW: ",rtp_secure_media=optional", Srtp.REQUIRE: ",rtp_secure_media=mandatory"}
    return [
        f"[leg_timeout={one.timeout_seconds}{secure[one.srtp]}]sofia/{profile}/{uri.removeprefix('sip:')}"
        for uri, one in answer.legs
    ]


def _freeswitch_document(section: str) -> RoutingDocument:
    return _xml(f'<document type="freeswitch/xml">{section}</document>')


def _action(application: str, data: str) -> str:
    return f"<action application={quoteattr(application)} data={quoteattr(data)}/>"


def kamailio(answer: CallAnswer, _options: AskerOptions) -> RoutingDocument:
    """What rtjson reads. A refusal has no routes, and its reason also in the status, which Kamailio looks at first."""
    answer = _by_sip(answer)
    body: dict[str, Any] = {"version": "1.0", "routing": "serial"}
    if isinstance(answer, RefusedCall):
        code, phrase = sip_answer(answer.reason)
        refusal = {"routes": [], "reason": answer.reason, "code": code, "phrase": phrase}
        status = 404 if answer.reason is RoutingRefusal.NO_CONNECTION else code  # 480 is no status of HTTP
        return RoutingDocument(msgspec.json.encode(body | refusal), JSON, status)
    routes = [
        {"uri": uri, "fr_timer": _FIRST_ANSWER * _MILLISECONDS, "fr_inv_timer": one.timeout_seconds * _MILLISECONDS}
        for uri, one in answer.legs
    ]
    return RoutingDocument(msgspec.json.encode(body | {"routes": routes} | _known(answer)), JSON)


def asterisk(answer: CallAnswer, _options: AskerOptions) -> RoutingDocument:
    """Names and values for CURL() with hashcompat, in one line."""
    answer = _by_sip(answer)
    if isinstance(answer, RefusedCall):
        code, phrase = sip_answer(answer.reason)
        return _pairs({"status": "refused", "reason": answer.reason.value, "code": code, "phrase": phrase})
    found: dict[str, object] = {"status": "ok", **_known(answer), "targets": len(answer.legs)}
    if answer.max_seconds is not None:
        found["limit_ms"] = answer.max_seconds * _MILLISECONDS
    for place, (uri, one) in enumerate(answer.legs, 1):
        found |= {f"uri{place}": uri, f"transport{place}": one.transport.value, f"timeout{place}": one.timeout_seconds}
    return _pairs(found)


def twiml(answer: CallAnswer, _options: AskerOptions) -> RoutingDocument:
    """TwiML, as Twilio, SignalWire and Telnyx read it. One target: what follows Dial is done after an answer too."""
    if isinstance(answer, RefusedCall):
        return _twiml('<Reject reason="rejected"/>')
    route = answer.route
    if isinstance(route, WebhookRoute):
        if route.dialect is not WebhookDialect.TWIML:
            return _twiml('<Reject reason="rejected"/>')
        return _twiml(f"<Redirect method={quoteattr(route.method)}>{escape(route.url)}</Redirect>")
    limit = "" if answer.max_seconds is None else f' timeLimit="{min(answer.max_seconds, _LONGEST_DIAL)}"'
    if isinstance(route, ForwardRoute):
        return _twiml(f"<Dial{limit}><Number>{escape(route.e164)}</Number></Dial>")
    uri, one = answer.legs[0]
    secure = ";secure=true" if one.srtp is Srtp.REQUIRE else ""
    return _twiml(f'<Dial timeout="{one.timeout_seconds}"{limit}><Sip>{escape(uri + secure)}</Sip></Dial>')


def jambonz(answer: CallAnswer, _options: AskerOptions) -> RoutingDocument:
    """Verbs for a call hook of jambonz; one target, as in TwiML."""
    if isinstance(answer, RoutedCall) and isinstance(answer.route, WebhookRoute):
        answer = _unreachable(answer)
    if isinstance(answer, RefusedCall):
        code, phrase = sip_answer(answer.reason)
        return RoutingDocument(msgspec.json.encode([{"verb": "sip:decline", "status": code, "reason": phrase}]), JSON)
    limit = {} if answer.max_seconds is None else {"timeLimit": answer.max_seconds}
    if isinstance(answer.route, ForwardRoute):
        target = {"type": "phone", "number": answer.route.e164}
        return RoutingDocument(msgspec.json.encode([{"verb": "dial", "target": [target], **limit}]), JSON)
    uri, one = answer.legs[0]
    dial = {"verb": "dial", "target": [{"type": "sip", "sipUri": uri}], "timeout": one.timeout_seconds, **limit}
    return RoutingDocument(msgspec.json.encode([dial]), JSON)


FORMATS: Final[dict[str, Callable[[CallAnswer, AskerOptions], RoutingDocument]]] = {
    "freeswitch": freeswitch,
    "kamailio": kamailio,
    "asterisk": asterisk,
    "twiml": twiml,
    "jambonz": jambonz,
}
"""The formats beside our own JSON."""


def sip_answer(reason: RoutingRefusal) -> tuple[int, str]:
    """What a refusal is in SIP."""
    return _SIP_ANSWERS.get(reason, _FORBIDDEN)


def _by_sip(answer: CallAnswer) -> CallAnswer:
    """The answer for who can send calls to SIP addresses alone."""
    if isinstance(answer, RoutedCall) and not isinstance(answer.route, SipRoute):
        return _unreachable(answer)
    return answer


def _unreachable(answer: RoutedCall) -> RefusedCall:
    return RefusedCall(RoutingRefusal.NO_CONNECTION, answer.e164, answer.account_id, answer.rental_id)


def _known(answer: RoutedCall) -> dict[str, object]:
    known = {
        "account": answer.account_id,
        "rental": answer.rental_id,
        "max_seconds": answer.max_seconds,
        "session": answer.session_id,
    }
    return {name: value for name, value in known.items() if value is not None}


def _pairs(found: dict[str, object]) -> RoutingDocument:
    line = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in found.items())
    return RoutingDocument(line.encode("ascii"), TEXT)


def _twiml(verbs: str) -> RoutingDocument:
    return _xml(f"<Response>{verbs}</Response>")


def _xml(element: str) -> RoutingDocument:
    return RoutingDocument(f'<?xml version="1.0" encoding="UTF-8"?>\n{element}\n'.encode(), XML)


def export_kamailio(routed: Sequence[RoutedCall]) -> list[str]:
    """Rows for a table of Kamailio's htable in the form of db_text: the digits, and the address that comes first."""
    return [
        ":".join((_cell(one.e164.removeprefix("+")), "0", "0", _cell(one.legs[0].uri), "0"))
        for one in routed
        if one.legs
    ]


KAMAILIO_COLUMNS: Final = "key_name(string) key_type(int) value_type(int) key_value(string) expires(int)"
"""The first line of such a table."""


def export_freeswitch(routed: Sequence[RoutedCall], profile: str) -> list[str]:
    """Extensions for a dialplan of FreeSWITCH."""
    return [
        f'  <extension name="{one.rental_id}"><condition field="destination_number" '
        f'expression="^\\+?{one.e164.removeprefix("+")}$">{freeswitch_actions(one, profile)}</condition></extension>'
        for one in routed
        if one.legs
    ]


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")
