"""What voice platforms want of a connection, filled in, and the steps that remain at the other side.

Touches: nothing.

A preset is used once, when a connection is set up: the connection then is one like any other. What only the customer
can know is asked for by name, and stands in braces until then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from numberdesk.core.connection import ConnectionKind, NumberFormat, SipTransport, Srtp
from numberdesk.core.errors import InvalidRequest


class Preset(NamedTuple):
    """A platform: the address of its SIP targets, how the called number is written, and what remains to be done there.

    `asks` are the names in braces that the customer fills in, each with what it is.
    """

    name: str
    title: str
    uri: str
    transport: SipTransport
    srtp: Srtp
    number_format: NumberFormat
    asks: Mapping[str, str]
    steps: tuple[str, ...]


LIVEKIT: Final = "livekit"
"""The preset that the kind livekit goes with, too."""

_NO_LOGIN: Final = "Leave user and password of the trunk empty, and allow the carrier's addresses: no carrier logs in."
_OF_TRUNK: Final = (
    "Create an inbound trunk, and name it by its id: the numbers are put into it from here.",
    "Create a dispatch rule that names the trunk and the agent.",
    _NO_LOGIN,
)
"""What remains where numbers are put into a trunk."""

_E164: Final = NumberFormat.E164
PRESETS: Final = {
    preset.name: preset
    for preset in (
        Preset(
            LIVEKIT, "LiveKit", "sip:{subdomain}.sip.livekit.cloud", SipTransport.TCP, Srtp.ALLOW, _E164,
            {"subdomain": "the SIP address of the project without .sip.livekit.cloud"},
            (
                "Create an inbound trunk with the numbers, each with its +: a missing + is answered with silence.",
                "Create a dispatch rule that names the trunk and the agent.",
                _NO_LOGIN,
            ),
        ),
        Preset(
            "vapi", "Vapi", "sip:{credential_id}.sip.vapi.ai", SipTransport.UDP, Srtp.NONE, _E164,
            {"credential_id": "the id of the credential of the type byo-sip-trunk"},
            (
                "Create a byo-sip-trunk credential whose gateways are the carrier's IPv4 addresses, inbound enabled.",
                "Create a byo-phone-number for each number with that credential, and give it an assistant.",
            ),
        ),
        Preset(
            "retell", "Retell", "sip:sip.retellai.com", SipTransport.TCP, Srtp.NONE, _E164, {},
            (
                "Import each number with import-phone-number, its termination URI and its inbound agent.",
                "A user and password there are for calls that Retell makes: leave both out here.",
            ),
        ),
        Preset(
            "elevenlabs", "ElevenLabs", "sip:sip.rtc.elevenlabs.io:5060", SipTransport.TCP, Srtp.ALLOW, _E164, {},
            ("Import each number as a SIP trunk number and assign an agent to it.",),
        ),
        Preset(
            "ultravox", "Ultravox", "sip:agent_{agent_id}@{domain}", SipTransport.UDP, Srtp.NONE, _E164,
            {"agent_id": "the id of the agent", "domain": "the account's SIP domain, from GET /api/sip"},
            ("Allow incoming SIP calls for the account. Numbers need not be imported.",),
        ),
        Preset(
            "vogent", "Vogent", "sip:sip.vogent.ai", SipTransport.UDP, Srtp.NONE, _E164, {},
            ("Import each number, and let it take calls without a user and password: no carrier here logs in.",),
        ),
        Preset(
            "openai", "OpenAI Realtime", "sip:{project_id}@sip.api.openai.com:5061", SipTransport.TLS, Srtp.REQUIRE,
            _E164, {"project_id": "the id of the project, which begins with proj_"},
            (
                "Set a webhook of the project for realtime.call.incoming, and accept or reject each call there.",
                "There is no user or password: only the webhook keeps strangers out.",
            ),
        ),
        Preset(
            "xai", "xAI", "sip:sip.voice.x.ai", SipTransport.TLS, Srtp.ALLOW, _E164, {},
            ("Register each number with the agent that answers it.",),
        ),
        Preset(
            "twilio", "Twilio trunk", "sip:{domain}.sip.twilio.com", SipTransport.UDP, Srtp.NONE, _E164,
            {"domain": "the name of your SIP domain without .sip.twilio.com"},
            ("Give the SIP domain a voice URL, and allow the carrier's addresses: no carrier logs in.",),
        ),
        Preset(
            "sbc", "Your own SBC", "sip:{host}", SipTransport.UDP, Srtp.NONE, _E164,
            {"host": "its public name or address, and maybe :port"},
            ("Allow the carrier's addresses, and route the numbers as they are written by number_format.",),
        ),
    )
}  # fmt: skip
"""All there are, by name."""


def filled(preset_name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a connection that a preset fills in. Raises InvalidRequest naming what is missing or too much."""
    preset = PRESETS.get(preset_name)
    if preset is None:
        raise InvalidRequest("preset", f"must be one of {', '.join(PRESETS)}")
    missing = [f"{name} ({meaning})" for name, meaning in preset.asks.items() if not values.get(name)]
    if missing:
        raise InvalidRequest("preset_values", f"must have {', '.join(missing)}")
    foreign = sorted(values.keys() - preset.asks.keys())
    if foreign:
        raise InvalidRequest("preset_values", f"has {foreign[0]}, which {preset.title} does not ask for")
    uri = preset.uri
    for name, value in values.items():
        uri = uri.replace(f"{{{name}}}", value.strip())
    target = {"uri": uri, "transport": preset.transport.value, "srtp": preset.srtp.value}
    return {"targets": [target], "number_format": preset.number_format.value}


def steps_of(preset_name: str, kind: ConnectionKind = ConnectionKind.SIP) -> tuple[str, ...]:
    """What remains to be done at the other side."""
    if kind is ConnectionKind.LIVEKIT:
        return _OF_TRUNK
    preset = PRESETS.get(preset_name)
    return () if preset is None else preset.steps
