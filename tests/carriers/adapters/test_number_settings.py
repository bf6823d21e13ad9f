"""Emergency addresses and caller names at each carrier, over stand-ins that keep what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from numberdesk.carriers.port import Setup
from numberdesk.carriers.registry import KINDS
from numberdesk.core.connection import Unsupported
from numberdesk.core.number_settings import NOTHING, SettingsKept, SettingsNotKept, WantedSettings
from numberdesk.infra.http import HttpClient
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Seen, json_reply, reply, scripted

E164: Final = "+13612738809"
ADDRESS: Final = "AD0123456789abcdef0123456789abcdef"
UUID: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ACCOUNT: Final = "AC0123456789abcdef0123456789abcdef"
SID: Final = "PN" + "0f" * 16
SETUPS: Final[dict[str, dict[str, str]]] = {
    "twilio": {"account_sid": ACCOUNT, "auth_token": "a-token"},
    "telnyx": {"api_key": "KEY0123456789"},
    "signalwire": {"space": "acme", "project_id": UUID, "api_token": "a-token-of-theirs"},
    "plivo": {"auth_id": "MA123", "auth_token": "a-token"},
    "vonage": {"api_key": "a-key", "api_secret": "a-secret"},
    "bandwidth": {"account_id": "1", "username": "u", "password": "a-password", "site_id": "2"},
}


class StandIn:
    """A number at a carrier. `steps` are the states that it goes through before an address is settled."""

    def __init__(self, *steps: str) -> None:
        self.address = ""
        self.name = ""
        self.steps = list(steps)
        self.deaf = False

    def status(self, settled: str) -> str:
        return self.steps.pop(0) if self.steps else settled

    def twilio(self, seen: Seen) -> Answer:
        if seen.method == "POST" and not self.deaf:
            assert seen.path.endswith(f"/IncomingPhoneNumbers/{SID}.json")
            self.address = seen.form["EmergencyAddressSid"]
            assert seen.form["EmergencyStatus"] == ("Active" if self.address else "Inactive")
        status = self.status("registered" if self.address else "unregistered")
        number = {"phone_number": E164, "sid": SID, "emergency_address_sid": self.address or None}
        return json_reply(200, {**number, "emergency_address_status": status})

    def telnyx(self, seen: Seen) -> Answer:
        if seen.path.endswith("/actions/enable_emergency") and not self.deaf:
            assert seen.json["emergency_address_id"]
            self.address = seen.json["emergency_address_id"] if seen.json["emergency_enabled"] else ""
            return json_reply(200, {"data": {}})
        if seen.path.endswith("/voice"):
            if seen.method == "PATCH":
                assert seen.json["cnam_listing"]["cnam_listing_enabled"] is bool(
                    seen.json["cnam_listing"]["cnam_listing_details"]
                )
                self.name = seen.json["cnam_listing"]["cnam_listing_details"]
            listing = {"cnam_listing_enabled": bool(self.name), "cnam_listing_details": self.name or None}
            return json_reply(200, {"data": {"cnam_listing": listing}})
        status = self.status("active" if self.address else "disabled")
        number = {"id": "12345", "phone_number": E164, "emergency_address_id": self.address or None}
        return json_reply(
            200, {"data": {**number, "emergency_enabled": bool(self.address), "emergency_status": status}}
        )

    def signalwire(self, seen: Seen) -> Answer:
        if seen.path.endswith("/e911_address") and not self.deaf:
            self.address = "" if seen.method == "DELETE" else seen.json["e911_address_id"]
        status = self.status("active") if self.address or self.steps else None
        return json_reply(
            200, {"id": UUID, "number": E164, "e911_address_id": self.address or None, "e911_status": status}
        )

    def nobody(self, seen: Seen) -> Answer:
        raise AssertionError(f"{seen.path} was asked")


NUMBER_IDS: Final = {"twilio": SID, "telnyx": "12345", "signalwire": UUID}
FULL: Final = {
    "twilio": WantedSettings(ADDRESS),
    "telnyx": WantedSettings("9102160989215728032", "VOICE AGENCY"),
    "signalwire": WantedSettings(UUID),
}
Script = Callable[[Seen], Answer]


def ask(kind: str, script: Script, call: Callable[[Any], Awaitable[Any]]) -> Any:
    """What a call of an adapter gives, before a stand-in."""
    with scripted(script) as server:

        async def main() -> Any:
            http = HttpClient(egress=LOOPBACK)
            try:
                return await call(KINDS[kind].build(Setup({**SETUPS[kind], "base_url": server.url}), http))
            finally:
                await http.close()

        return asyncio.run(main())


def set_up(kind: str, script: Script, wanted: WantedSettings) -> Any:
    return ask(kind, script, lambda carrier: carrier.set_up(E164, NUMBER_IDS.get(kind), wanted))


def shown(kind: str, script: Script, wanted: WantedSettings) -> Any:
    return ask(kind, script, lambda carrier: carrier.settings(E164, NUMBER_IDS.get(kind), wanted))


@pytest.mark.parametrize("kind", FULL)
def test_what_is_set_is_shown_drift_is_seen_and_clearing_clears(kind: str) -> None:
    there = StandIn()
    script, wanted = getattr(there, kind), FULL[kind]
    assert set_up(kind, script, wanted) == SettingsKept()
    assert WantedSettings(there.address, there.name) == wanted
    assert shown(kind, script, wanted).as_wanted
    there.address = ""
    seen = shown(kind, script, wanted)
    assert (seen.as_wanted, wanted.emergency_address in seen.text) == (False, False)
    assert set_up(kind, script, wanted) == SettingsKept()
    assert set_up(kind, script, NOTHING) == SettingsKept()
    assert (there.address, there.name) == ("", "")


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("twilio", ["unregistered", "pending-registration"]),
        ("twilio", ["unregistered", "registration-failure"]),
        ("telnyx", ["disabled", "provisioning"]),
        ("telnyx", ["disabled", "provisioning-failed"]),
        ("signalwire", ["pending"]),
    ],
)
def test_an_address_that_is_not_registered_yet_is_not_taken_for_set(kind: str, steps: list[str]) -> None:
    there = StandIn()
    script = getattr(there, kind)
    if kind == "signalwire":
        there.address = UUID
    there.steps = [*(["unregistered"] if kind == "twilio" else []), *steps]  # its change shows the number, too
    word = set_up(kind, script, FULL[kind]._replace(caller_name=""))
    assert isinstance(word, SettingsNotKept)
    assert steps[-1] in word.message
    assert set_up(kind, script, FULL[kind]._replace(caller_name="")) == SettingsKept()


@pytest.mark.parametrize("kind", ["twilio", "signalwire"])
def test_a_carrier_that_says_yes_and_shows_something_else_is_not_believed(kind: str) -> None:
    there = StandIn()
    there.deaf = True
    word = set_up(kind, getattr(there, kind), FULL[kind])
    assert isinstance(word, SettingsNotKept)
    assert "shows nothing" in word.message


def always(answer: Answer) -> Script:
    return lambda _seen: answer


@pytest.mark.parametrize("kind", FULL)
def test_a_failure_and_another_numbers_id_are_told_and_nothing_is_raised(kind: str) -> None:
    for answer in (reply(500), reply(404), reply(200, b"<html>"), json_reply(200, {"data": {}})):
        assert isinstance(set_up(kind, always(answer), FULL[kind]), SettingsNotKept)


@pytest.mark.parametrize("kind", FULL)
def test_a_number_that_the_carrier_does_not_have_is_told_apart_from_one_that_it_would_not_change(kind: str) -> None:
    other = json_reply(200, {"phone_number": "+13612738810", "number": "+13612738810", "sid": SID, "id": UUID})
    wrapped = json_reply(200, {"data": {"id": "12345", "phone_number": "+13612738810"}})
    for answer in (reply(404), wrapped if kind == "telnyx" else other):
        word = set_up(kind, always(answer), NOTHING)
        assert isinstance(word, SettingsNotKept)
        assert word.no_number
    refused = set_up(kind, always(reply(500)), NOTHING)
    assert isinstance(refused, SettingsNotKept)
    assert not refused.no_number


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_had_is_refused_with_the_reason_before_anything_is_asked(kind: str) -> None:
    nobody = StandIn().nobody
    if kind != "telnyx":
        word = set_up(kind, nobody, WantedSettings("", "NAME"))
        assert isinstance(word, Unsupported)
        assert word.reason.startswith("this carrier")
    if kind not in FULL:
        assert isinstance(set_up(kind, nobody, WantedSettings("1")), Unsupported)
        assert set_up(kind, nobody, NOTHING) == SettingsKept()
    if kind == "twilio":
        assert isinstance(set_up(kind, nobody, WantedSettings("BU1")), Unsupported)
