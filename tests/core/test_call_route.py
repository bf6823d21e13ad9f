"""Where calls go in each server's own format: golden answers, read by real parsers, and no way to inject."""

from __future__ import annotations

import json
import re
from collections import Counter
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest

from numberdesk.core.call_record import MOST_SECONDS
from numberdesk.core.call_route import (
    CallAnswer,
    RefusedCall,
    RoutedCall,
    RoutingRefusal,
    address_of,
    affordable,
    in_turn,
    legs_of,
    read_called,
    written,
)
from numberdesk.core.connection import (
    ForwardRoute,
    NumberFormat,
    Route,
    SipRoute,
    SipTarget,
    SipTransport,
    Srtp,
    WebhookDialect,
    WebhookRoute,
)
from numberdesk.core.rating import CallRate, Increments
from numberdesk.views.call_routes import FORMATS, AskerOptions, export_freeswitch, export_kamailio, routing_view, twiml

NUMBER = "+13612738809"
FIRST = SipTarget("sip:pbx.example.com", 5, 10, SipTransport.TLS, Srtp.REQUIRE, 15)
SECOND = SipTarget("sip:desk@198.51.100.7:5080", 10, 10)
ROUTE = SipRoute((SECOND, FIRST))
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def routed(route: Route = ROUTE, max_seconds: int | None = 90) -> RoutedCall:
    return RoutedCall(NUMBER, "acc_1", "rnt_1", route, legs_of(route, NUMBER, 0), max_seconds)


def refused(reason: RoutingRefusal) -> RefusedCall:
    return RefusedCall(reason, NUMBER, "acc_1", "rnt_1")


def in_form(form: str, answer: CallAnswer, **options: str) -> str:
    return FORMATS[form](answer, AskerOptions(**options)).content.decode()


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  our own


@pytest.mark.parametrize(
    "text",
    [NUMBER, "13612738809", " 13612738809", " +13612738809 ", "sip:+13612738809@desk", "sips:13612738809;user=phone@x"],
)
def test_a_number_is_one_number_however_it_is_written(text: str) -> None:
    assert read_called(text) == NUMBER


@pytest.mark.parametrize("text", ["", "+", "100", "0013612738809", "1361273880a", "++13612738809", "1" * 400, "<x/>"])
def test_what_is_no_number_is_nobodys(text: str) -> None:
    assert read_called(text) is None


@pytest.mark.parametrize(
    ("e164", "form", "expected"),
    [
        (NUMBER, NumberFormat.E164, "+13612738809"),
        (NUMBER, NumberFormat.PLAIN, "13612738809"),
        (NUMBER, NumberFormat.NATIONAL, "3612738809"),
        ("+4930123456", NumberFormat.NATIONAL, "30123456"),
        ("+4949123456", NumberFormat.NATIONAL, "49123456"),
        ("+4930123456", NumberFormat.PLAIN, "4930123456"),
    ],
)
def test_the_called_number_is_written_as_the_connection_wants_it(e164: str, form: NumberFormat, expected: str) -> None:
    code = "1" if e164 == NUMBER else "49"
    assert written(e164, form, code) == expected
    (leg,) = legs_of(SipRoute((SipTarget("sip:pbx.example.com"),), form), e164, 0, code)
    assert leg.uri == f"sip:{expected}@pbx.example.com"


def test_the_lowest_priority_is_first_and_equals_share_by_weight() -> None:
    light, heavy = SipTarget("sip:a.example.com", 10, 10), SipTarget("sip:b.example.com", 10, 30)
    first = Counter(in_turn((SECOND._replace(priority=20), light, heavy), chance)[0].uri for chance in range(400))
    assert first == {light.uri: 100, heavy.uri: 300}
    assert all(in_turn((light, FIRST, heavy), chance)[0] == FIRST for chance in range(40))
    assert sorted(in_turn((light, heavy, SECOND), 7)) == sorted((light, heavy, SECOND))


@pytest.mark.parametrize(
    "uri",
    [
        "sip:pbx.example.com;transport=tcp",
        "sip:pbx.example.com>,<sip:other",
        "sip:pbx.example.com\r\nX: y",
        'sip:pbx.example.com"',
        "sip:${system(id)}@pbx.example.com",
        "sip:a:b@pbx.example.com",
        "http://pbx.example.com",
        "sip:pbx.example.com|sofia/x/y",
        "",
    ],
)
def test_an_address_that_is_not_plainly_one_is_left_out(uri: str) -> None:
    assert address_of(SipTarget(uri), NUMBER) is None
    assert legs_of(SipRoute((SipTarget(uri), FIRST)), NUMBER, 0) == legs_of(SipRoute((FIRST,)), NUMBER, 0)


def test_signs_of_a_user_that_mean_something_elsewhere_are_escaped() -> None:
    assert (
        address_of(SipTarget("sip:a,b$c&d=e/f@pbx.example.com"), NUMBER) == "sip:a%2Cb%24c%26d%3De%2Ff@pbx.example.com"
    )


@pytest.mark.parametrize(
    ("available", "rate", "seconds"),
    [
        (500_000, CallRate(1_000_000, 0, Increments(1, 1)), 30),
        (500_000, CallRate(1_000_000, 0, Increments(60, 60)), 0),
        (500_000, None, None),
        (500_000, CallRate(0), None),
        (0, CallRate(1), 0),
        (-5, CallRate(1), 0),
        (10**15, CallRate(1), MOST_SECONDS),
    ],
)
def test_a_balance_buys_so_many_seconds(available: int, rate: CallRate | None, seconds: int | None) -> None:
    assert affordable(available, rate) == seconds


def test_freeswitch_gets_a_dialplan() -> None:
    text = in_form("freeswitch", routed(), context="from-carrier", profile="trunk")
    document = parsed(text)
    context = document.find("./section[@name='dialplan']/context")
    assert context is not None
    assert (document.attrib, context.attrib) == ({"type": "freeswitch/xml"}, {"name": "from-carrier"})
    condition = context.find("./extension/condition")
    assert condition is not None
    assert re.fullmatch(condition.attrib["expression"], NUMBER)
    assert re.fullmatch(condition.attrib["expression"], "13612738809")
    assert [(one.attrib["application"], one.attrib["data"]) for one in condition] == [
        ("set", "numberdesk_account=acc_1"),
        ("set", "numberdesk_rental=rnt_1"),
        ("set", "hangup_after_bridge=true"),
        ("set", "continue_on_fail=true"),
        ("sched_hangup", "+90 allotted_timeout"),
        (
            "bridge",
            (
                "[leg_timeout=15,rtp_secure_media=mandatory]sofia/trunk/+13612738809@pbx.example.com;transport=tls"
                "|[leg_timeout=30]sofia/trunk/desk@198.51.100.7:5080"
            ),
        ),
    ]


def test_freeswitch_looks_further_for_what_is_not_ours_and_refuses_what_is() -> None:
    assert in_form("freeswitch", RefusedCall(RoutingRefusal.NOT_IN_SERVICE)) == (
        f'{XML}<document type="freeswitch/xml"><section name="result"><result status="not found"/></section>'
        "</document>\n"
    )
    told = {
        reason: parsed(in_form("freeswitch", refused(reason))).find(".//action")
        for reason in RoutingRefusal
        if reason is not RoutingRefusal.NOT_IN_SERVICE
    }
    assert {reason.value: one.attrib["data"] for reason, one in told.items() if one is not None} == {
        "no_connection": "480 Temporarily Unavailable",
        "suspended": "403 Forbidden",
        "no_balance": "402 Payment Required",
        "in_debt": "402 Payment Required",
        "not_priced": "403 Forbidden",
        "ended": "403 Forbidden",
        "too_long": "403 Forbidden",
    }


def test_kamailio_gets_what_rtjson_reads() -> None:
    assert json.loads(in_form("kamailio", routed())) == {
        "version": "1.0",
        "routing": "serial",
        "routes": [
            {"uri": "sip:+13612738809@pbx.example.com;transport=tls", "fr_timer": 5000, "fr_inv_timer": 15000},
            {"uri": "sip:desk@198.51.100.7:5080", "fr_timer": 5000, "fr_inv_timer": 30000},
        ],
        "account": "acc_1",
        "rental": "rnt_1",
        "max_seconds": 90,
    }


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [("not_in_service", 404, 404), ("no_connection", 404, 480), ("suspended", 403, 403), ("no_balance", 402, 402)],
)
def test_kamailio_is_refused_by_the_status_of_the_answer(reason: str, status: int, code: int) -> None:
    document = FORMATS["kamailio"](refused(RoutingRefusal(reason)), AskerOptions())
    told = json.loads(document.content)
    assert (document.status, told["routes"], told["reason"], told["code"]) == (status, [], reason, code)


def test_asterisk_gets_one_line_of_names_and_values() -> None:
    text = in_form("asterisk", routed())
    assert "\n" not in text
    assert {name: value for name, (value,) in parse_qs(text, strict_parsing=True).items()} == {
        "status": "ok",
        "account": "acc_1",
        "rental": "rnt_1",
        "max_seconds": "90",
        "limit_ms": "90000",
        "targets": "2",
        "uri1": "sip:+13612738809@pbx.example.com;transport=tls",
        "transport1": "tls",
        "timeout1": "15",
        "uri2": "sip:desk@198.51.100.7:5080",
        "transport2": "udp",
        "timeout2": "30",
    }
    assert in_form("asterisk", refused(RoutingRefusal.NO_BALANCE)) == (
        "status=refused&reason=no_balance&code=402&phrase=Payment%20Required"
    )


def test_twiml_dials_one_target_or_rejects() -> None:
    assert in_form("twiml", routed()) == (
        f'{XML}<Response><Dial timeout="15" timeLimit="90">'
        "<Sip>sip:+13612738809@pbx.example.com;transport=tls;secure=true</Sip></Dial></Response>\n"
    )
    assert in_form("twiml", routed(ForwardRoute("+13612738801"), None)) == (
        f"{XML}<Response><Dial><Number>+13612738801</Number></Dial></Response>\n"
    )
    assert in_form("twiml", refused(RoutingRefusal.SUSPENDED)) == (
        f'{XML}<Response><Reject reason="rejected"/></Response>\n'
    )


def test_twiml_goes_on_at_a_webhook_whose_address_cannot_end_the_element() -> None:
    hostile = 'https://example.com/?a=1&b=</Redirect><Dial>"'
    found = parsed(in_form("twiml", routed(WebhookRoute(hostile, 'PO"ST'))))
    assert [(one.tag, one.text, one.attrib) for one in found] == [("Redirect", hostile, {"method": 'PO"ST'})]
    other = routed(WebhookRoute("https://example.com/", dialect=WebhookDialect.NCCO))
    assert "<Reject" in in_form("twiml", other)


def test_jambonz_dials_or_declines() -> None:
    assert json.loads(in_form("jambonz", routed())) == [
        {
            "verb": "dial",
            "target": [{"type": "sip", "sipUri": "sip:+13612738809@pbx.example.com;transport=tls"}],
            "timeout": 15,
            "timeLimit": 90,
        }
    ]
    assert json.loads(in_form("jambonz", routed(ForwardRoute("+13612738801"), None))) == [
        {"verb": "dial", "target": [{"type": "phone", "number": "+13612738801"}]}
    ]
    assert json.loads(in_form("jambonz", refused(RoutingRefusal.NOT_IN_SERVICE))) == [
        {"verb": "sip:decline", "status": 404, "reason": "Not Found"}
    ]


@pytest.mark.parametrize("form", ["freeswitch", "kamailio", "asterisk", "jambonz"])
def test_who_cannot_go_on_at_a_webhook_is_told_that_there_is_no_connection(form: str) -> None:
    webhook = routed(WebhookRoute("https://example.com/"))
    assert in_form(form, webhook) == in_form(form, refused(RoutingRefusal.NO_CONNECTION))


def test_our_own_form_tells_every_kind() -> None:
    sip = routing_view(routed())
    assert [one.uri for one in sip.targets] == [leg.uri for leg in routed().legs]
    assert routing_view(routed(WebhookRoute("https://example.com/", "GET"))).url == "https://example.com/"
    assert routing_view(routed(ForwardRoute("+13612738801"))).forward_to == "+13612738801"
    assert routing_view(refused(RoutingRefusal.NO_CONNECTION)).reason is RoutingRefusal.NO_CONNECTION


def test_exports_are_what_servers_load() -> None:
    assert export_kamailio([routed(max_seconds=None)]) == [
        r"13612738809:0:0:sip\:+13612738809@pbx.example.com;transport=tls:0"
    ]
    (extension,) = export_freeswitch([routed(max_seconds=None)], "trunk")
    assert parsed(extension).attrib == {"name": "rnt_1"}
    assert "sched_hangup" not in extension


@pytest.mark.parametrize(("seconds", "said"), [(1, "1"), (86_400, "86400"), (86_401, "86400"), (172_800, "86400")])
@pytest.mark.parametrize("route", [ROUTE, ForwardRoute("+13612738000")])
def test_a_time_limit_in_twiml_is_one_that_twilio_takes(route: Route, seconds: int, said: str) -> None:
    assert f' timeLimit="{said}">' in twiml(routed(route, seconds), AskerOptions()).content.decode()


def test_a_balance_buys_what_all_legs_of_a_call_cost_together() -> None:
    inbound, outbound = CallRate(60, 0, Increments(1, 1)), CallRate(180, 0, Increments(1, 1))
    assert affordable(400, inbound) == 400
    assert affordable(400, inbound, outbound) == 100
    assert affordable(400, inbound, None) == 400
    assert affordable(400, None, outbound) == 133
    assert affordable(400, None, None) is affordable(400, CallRate(0)) is None
