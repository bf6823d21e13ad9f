"""What is made of answers to setting where calls go that do not fit: another number, another setting, a lie."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

import pytest

from numberdesk.core.connection import ForwardRoute, NotConnected, SipRoute, WebhookDialect, WebhookRoute
from testbed.scripted import Answer, Seen, json_reply, reply, scripted
from tests.carriers.adapters.stand_ins import (
    NATIONAL,
    BandwidthStandIn,
    PlivoStandIn,
    SignalWireStandIn,
    VonageStandIn,
    xml,
)
from tests.carriers.adapters.test_connection_requests import NUMBER_SID, SECURE, at, told
from tests.carriers.adapters.test_connections import E164
from tests.carriers.adapters.words import DIALECTS, HTML

VOICE: Final = {"phone_number": E164, "sid": NUMBER_SID}
ELSE: Final = {"voice_url": "https://other.example.com/", "voice_method": "POST"}
LINE: Final = {"id": "12", "phone_number": E164, "status": "active"}


def twilio_shows(after: dict[str, Any]) -> Callable[[Seen], Answer]:
    """A number without anything, and an answer to its change."""
    return lambda seen: json_reply(200, {**VOICE, **(after if seen.method == "POST" else {})})


SHOWS_ELSE: Final[dict[str, tuple[str, str | None, Callable[[Seen], Answer], str]]] = {
    "Twilio says yes and shows another address": ("twilio", NUMBER_SID, twilio_shows(ELSE), "shows a webhook at"),
    "Twilio says yes and shows nothing": ("twilio", NUMBER_SID, twilio_shows({}), "shows nothing"),
    "Twilio answers with another number": (
        "twilio", NUMBER_SID, twilio_shows({**ELSE, "phone_number": "+12125550100"}), "it took what was sent",
    ),
    "Twilio's id is that of another number": (
        "twilio", NUMBER_SID, lambda _: json_reply(200, {**VOICE, "phone_number": "+12125550100"}),
        "the id of the number is that of '+12125550100'",
    ),
    "Twilio has no such id": ("twilio", NUMBER_SID, lambda _: json_reply(404, {}), "no such number on the account"),
    "Telnyx's id is that of another number": (
        "telnyx", "12", lambda _: json_reply(200, {"data": {**LINE, "phone_number": "+12125550100"}}), "is that of",
    ),
    "Telnyx has no such id": ("telnyx", "12", lambda _: json_reply(404, {"errors": []}), "no such number"),
    "Plivo has no such number": ("plivo", None, lambda _: json_reply(404, {"error": "not found"}), "no such number"),
    "Plivo answers with another number": (
        "plivo", None, lambda _: json_reply(200, {"number": "12125550100"}), "another number",
    ),
    "Vonage lists others": (
        "vonage", None, lambda _: json_reply(200, {"count": 1, "numbers": [{"msisdn": "4412", "country": "GB"}]}),
        "that were not asked for",
    ),
    "Vonage lists none": ("vonage", None, lambda _: json_reply(200, {}), "no such number"),
    "SignalWire's id is that of another number": (
        "signalwire", "12", lambda _: json_reply(200, {"id": "12", "number": "+12125550100"}), "is that of",
    ),
    "Bandwidth's answer is about another number": (
        "bandwidth", None,
        lambda _: xml(200, "<TelephoneNumberResponse><FullNumber>2125550100</FullNumber></TelephoneNumberResponse>"),
        "is that of",
    ),
    "Bandwidth's number is on another account": (
        "bandwidth", None,
        lambda _: xml(200, f"<TelephoneNumberResponse><FullNumber>{NATIONAL}</FullNumber><AccountId>1</AccountId>"
                      "</TelephoneNumberResponse>"),
        "no such number",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWS_ELSE)
def test_an_answer_that_is_not_about_what_was_sent_connects_nothing(name: str) -> None:
    kind, number_id, answer, message = SHOWS_ELSE[name]
    with scripted(answer) as server:
        route = WebhookRoute("https://pbx.example.com/", dialect=DIALECTS[kind])
        word, changes = told(kind, server.url, route, number_id=number_id)
    assert isinstance(word, NotConnected)
    assert message in word.message
    assert len(changes) == ("says" in name or ("answers with another number" in name and kind == "twilio"))


def lying(stand_in: Any, names: tuple[str, ...]) -> Callable[[Seen], Answer]:
    """A carrier that says yes to every change of the number and makes none."""

    def answer(seen: Seen) -> Answer:
        before = {name: copy.copy(getattr(stand_in, name)) for name in names}
        said: Answer = stand_in(seen)
        for name, value in before.items():
            setattr(stand_in, name, value)
        return said

    return answer


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("signalwire", lying(SignalWireStandIn(), ("number",))),
        ("plivo", lying(PlivoStandIn(), ("app_id",))),
        ("vonage", lying(VonageStandIn(), ("number",))),
        ("bandwidth", lying(BandwidthStandIn(), ("peer",))),
    ],
    ids=["signalwire", "plivo", "vonage", "bandwidth"],
)
def test_a_carrier_that_says_yes_and_does_nothing_is_seen(kind: str, answer: Callable[[Seen], Answer]) -> None:
    webhook = WebhookRoute("https://pbx.example.com/", dialect=DIALECTS[kind])
    word, _ = at(kind, answer, SipRoute((SECURE,)) if kind == "signalwire" else webhook)
    assert isinstance(word, NotConnected)
    assert "shows" in word.message or "not at its new location" in word.message


def test_what_was_lost_of_messages_at_vonage_is_said() -> None:
    stand_in = VonageStandIn()

    def answer(seen: Seen) -> Answer:
        said = stand_in(seen)
        if seen.path == "/number/update":
            stand_in.number.pop("moHttpUrl")
        return said

    word, _ = at("vonage", answer, ForwardRoute("+12125550199"))
    assert word == NotConnected("unreadable: it took what was sent, and shows other settings for messages than before")


def test_vonage_that_cannot_reach_the_address_for_messages_says_so() -> None:
    stand_in = VonageStandIn()
    failed = json_reply(420, {"error-code": "420", "error-code-label": "method failed"})
    word, _ = at("vonage", lambda seen: failed if seen.path == "/number/update" else stand_in(seen), None)
    assert isinstance(word, NotConnected)
    assert "it wants the address for messages to answer a GET with 200" in word.message


def test_a_refusal_that_repeats_what_was_sent_shows_no_key_of_a_webhook() -> None:
    url = "https://user:pass-w0rd@pbx.example.com/voice?key=0123456789"

    def answer(seen: Seen) -> Answer:
        return json_reply(200, VOICE) if seen.method == "GET" else json_reply(400, {"message": f"{url} is not valid"})

    with scripted(answer) as server:
        word, _ = told("twilio", server.url, WebhookRoute(url), number_id=NUMBER_SID)
    assert isinstance(word, NotConnected)
    assert "pbx.example.com/voice" in word.message
    assert not [secret for secret in ("0123456789", "pass-w0rd") if secret in word.message]


def test_a_page_of_somebody_in_between_is_no_yes_to_a_change() -> None:
    stand_in = PlivoStandIn()

    def answer(seen: Seen) -> Answer:
        return stand_in(seen) if seen.method == "GET" else reply(200, HTML)

    word, _ = at("plivo", answer, WebhookRoute("https://pbx.example.com/", dialect=WebhookDialect.PLIVO))
    assert isinstance(word, NotConnected)
    assert stand_in.objects == 0
