"""What voice platforms want of a call, and which carrier can send it so: the documents' tables are the code's."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

import pytest

from numberdesk.carriers.registry import KINDS, checked_setup
from numberdesk.core.connection import (
    ConnectionKind,
    SipRoute,
    SipTarget,
    SipTransport,
    Srtp,
    Unsupported,
    WantedConnection,
)
from numberdesk.core.connection import NumberFormat as Written
from numberdesk.core.connection_presets import PRESETS, filled
from numberdesk.core.connection_targets import route_of_fields
from numberdesk.infra.http import HttpRequest, HttpResponse
from tests.carriers.adapters.test_connections import E164, SETUPS

DOCUMENT: Final = Path("docs/connections.md")
VALUES: Final = {
    "subdomain": "acme", "credential_id": "cred-1", "agent_id": "a1", "domain": "d.example.com",
    "project_id": "proj_1", "host": "sbc.example.com",
}  # fmt: skip
UDP, TCP, TLS = SipTransport
# The sources are named in docs/connections.md.
WANTED: Final = {
    "livekit": ("sip:acme.sip.livekit.cloud", TCP, Srtp.ALLOW),
    "vapi": ("sip:cred-1.sip.vapi.ai", UDP, Srtp.NONE),
    "retell": ("sip:sip.retellai.com", TCP, Srtp.NONE),
    "elevenlabs": ("sip:sip.rtc.elevenlabs.io:5060", TCP, Srtp.ALLOW),
    "ultravox": ("sip:agent_a1@d.example.com", UDP, Srtp.NONE),
    "vogent": ("sip:sip.vogent.ai", UDP, Srtp.NONE),
    "openai": ("sip:proj_1@sip.api.openai.com:5061", TLS, Srtp.REQUIRE),
    "xai": ("sip:sip.voice.x.ai", TLS, Srtp.ALLOW),
    "twilio": ("sip:d.example.com.sip.twilio.com", UDP, Srtp.NONE),
    "sbc": ("sip:sbc.example.com", UDP, Srtp.NONE),
}


class AskedError(Exception):
    """The carrier would be asked: it has nothing against the route."""


class Nobody:
    """A carrier that is not to be asked."""

    async def send(self, _request: HttpRequest) -> HttpResponse:
        raise AskedError


def route_of(preset: str, **fields: str) -> SipRoute:
    values = {name: VALUES[name] for name in PRESETS[preset].asks}
    route = route_of_fields(ConnectionKind.SIP, {**filled(preset, values), **fields})
    assert isinstance(route, SipRoute)
    return route


def reason(carrier: str, route: SipRoute) -> str:
    """Why a carrier cannot send calls so, "" where it can."""
    client = KINDS[carrier].build(checked_setup(carrier, SETUPS[carrier]), Nobody())
    try:
        answer = asyncio.run(client.connect(E164, None, WantedConnection("con_1", route)))
    except AskedError:
        return ""
    assert isinstance(answer, Unsupported)
    return answer.reason


def told(preset: str, carrier: str) -> str:
    return reason(carrier, route_of(preset)) or "yes"


def test_each_preset_leads_where_its_platform_says() -> None:
    assert WANTED.keys() == PRESETS.keys()
    for preset, (uri, transport, srtp) in WANTED.items():
        route = route_of(preset)
        assert route == SipRoute((SipTarget(uri, transport=transport, srtp=srtp),), Written.E164), preset


def test_the_document_says_which_carrier_can_send_calls_to_which_platform() -> None:
    text = DOCUMENT.read_text()
    head = "| | " + " | ".join(SETUPS) + " |"
    rows = [f"| {name} | " + " | ".join(_word(told(name, carrier)) for carrier in SETUPS) + " |" for name in PRESETS]
    table = "\n".join([head, "|---" * (len(SETUPS) + 1) + "|", *rows])
    assert table in text, table
    for number, words in enumerate(REASONS, 1):
        assert re.search(rf"^{number}\. {re.escape(words)}", text, re.MULTILINE), words


REASONS: Final = (
    "this carrier has TCP, TLS and encryption by location, not for a single number",
    "this carrier sends calls to the called number at a host, not to another user",
    "this carrier cannot be told to encrypt the sound",
)


def _word(said: str) -> str:
    return "yes" if said == "yes" else f"no ({REASONS.index(said) + 1})"


@pytest.mark.parametrize("carrier", SETUPS)
def test_no_preset_tells_of_a_login_that_its_carriers_cannot_do(carrier: str) -> None:
    assert "cannot log in" in reason(carrier, route_of("livekit", username="me", password="s3cret"))
    for preset in PRESETS.values():
        assert "set the same here" not in " ".join(preset.steps)
