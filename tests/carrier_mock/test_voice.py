"""Where calls go at the mock: what is set is kept, by each carrier's rules, and a call ends where it says."""

from __future__ import annotations

from typing import Any

import pytest

from carrier_mock.changes import Change, from_line, to_line
from tests.carrier_mock.asking import OTHER_SID, Bench, Telnyx, Twilio

SUCCEEDS = "+15005550006"
URL = "https://pbx.example.com/voice"


def bought(bench: Bench) -> str:
    return str(bench.twilio.buy(SUCCEEDS).json()["sid"])


def change(bench: Bench, sid: str, **form: str) -> Any:
    return bench.twilio.ask("POST", f"{bench.twilio.base}/IncomingPhoneNumbers/{sid}.json", data=form)


def trunk(bench: Bench, *sip_urls: str, secure: str = "false") -> str:
    sid = str(bench.twilio.ask("POST", "/v1/Trunks", data={"FriendlyName": "t", "Secure": secure}).json()["sid"])
    for rank, sip_url in enumerate(sip_urls):
        form = {"FriendlyName": "u", "SipUrl": sip_url, "Priority": str(rank), "Weight": "1", "Enabled": "true"}
        assert bench.twilio.ask("POST", f"/v1/Trunks/{sid}/OriginationUrls", data=form).status_code == 201
    return sid


def ring(bench: Bench, number: str = SUCCEEDS) -> Any:
    return bench.control("POST", "/calls", {"phone_number": number})


def test_trunk_and_application_take_each_others_place_and_come_before_the_address(bench: Bench) -> None:
    sid, trunk_sid, application = bought(bench), trunk(bench, "sip:a.example.com"), "AP" + "0" * 32
    assert ring(bench) == {"kind": "nowhere"}
    assert change(bench, sid, VoiceUrl=URL).json()["voice_url"] == URL
    assert ring(bench)["kind"] == "webhook"
    assert change(bench, sid, VoiceApplicationSid=application).json()["voice_application_sid"] == application
    assert ring(bench) == {"kind": "application", "id": application}
    shown = change(bench, sid, TrunkSid=trunk_sid).json()
    assert (shown["trunk_sid"], shown["voice_application_sid"], shown["voice_url"]) == (trunk_sid, None, URL)
    assert ring(bench)["targets"] == [{"uri": "sip:a.example.com", "priority": 0, "weight": 1}]
    assert change(bench, sid, TrunkSid="").json()["trunk_sid"] == trunk_sid  # documented for a change of kind only
    assert bench.twilio.ask("DELETE", f"/v1/Trunks/{trunk_sid}/PhoneNumbers/{sid}").status_code == 204
    assert bench.twilio.one(sid).json()["trunk_sid"] is None
    assert ring(bench)["url"] == URL


def test_a_trunk_that_is_deleted_leaves_its_number_without_one(bench: Bench) -> None:
    sid, trunk_sid = bought(bench), trunk(bench, "sip:a.example.com")
    change(bench, sid, TrunkSid=trunk_sid)
    assert bench.twilio.ask("DELETE", f"/v1/Trunks/{trunk_sid}").status_code == 204
    assert bench.twilio.one(sid).json()["trunk_sid"] is None
    assert bench.twilio.ask("GET", f"/v1/Trunks/{trunk_sid}/OriginationUrls").status_code == 404
    assert ring(bench) == {"kind": "nowhere"}


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"VoiceUrl": "ftp://a.example.com"}, 400, 21502),
        ({"VoiceMethod": "PUT"}, 400, 21503),
        ({"VoiceApplicationSid": "AP1"}, 400, 21470),
        ({"TrunkSid": "TK" + "0" * 32}, 404, 20404),
    ],
)
def test_a_change_that_is_wrong_changes_nothing(bench: Bench, form: dict[str, str], status: int, code: int) -> None:
    sid = bought(bench)
    answer = change(bench, sid, **form)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ring(bench) == {"kind": "nowhere"}


def test_another_account_sees_no_trunk_and_changes_no_number(bench: Bench) -> None:
    sid, trunk_sid = bought(bench), trunk(bench)
    other = Twilio(bench.client, OTHER_SID)
    assert other.ask("GET", "/v1/Trunks").json()["trunks"] == []
    assert other.ask("DELETE", f"/v1/Trunks/{trunk_sid}").status_code == 404
    path = f"{other.base}/IncomingPhoneNumbers/{sid}.json"
    assert other.ask("POST", path, data={"VoiceUrl": URL}).status_code == 404


def telnyx_number(bench: Bench) -> tuple[str, str]:
    bench.set(order_seconds=0)
    number = bench.telnyx.found(limit=1)[0]
    bench.telnyx.order(number)
    return number, bench.telnyx.owned().json()["data"][0]["id"]


def test_telnyx_forwards_before_it_asks_a_connection(bench: Bench) -> None:
    number, number_id = telnyx_number(bench)
    body = {"friendly_name": "a", "voice_url": URL}
    application = bench.telnyx.ask("POST", "/texml_applications", json=body).json()["data"]["id"]
    changed = bench.telnyx.ask("PATCH", f"/phone_numbers/{number_id}", json={"connection_id": application}).json()
    assert changed["data"]["connection_id"] == application
    assert ring(bench, number) == {"kind": "webhook", "url": URL, "method": "POST", "fallback_url": ""}
    forwarding = {"forwards_to": SUCCEEDS, "forwarding_type": "always"}
    bench.telnyx.ask("PATCH", f"/phone_numbers/{number_id}/voice", json={"call_forwarding": forwarding})
    assert ring(bench, number) == {"kind": "forward", "number": SUCCEEDS}
    forwarding |= {"forwarding_type": "on-failure"}
    bench.telnyx.ask("PATCH", f"/phone_numbers/{number_id}/voice", json={"call_forwarding": forwarding})
    assert ring(bench, number)["kind"] == "webhook"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/fqdn_connections", {}),
        ("/fqdns", {"connection_id": "1", "fqdn": "a.example.com", "dns_record_type": "a", "port": 5060}),
        ("/texml_applications", {"friendly_name": "a"}),
    ],
)
def test_what_cannot_be_made_at_telnyx_is_422(bench: Bench, path: str, body: dict[str, Any]) -> None:
    assert bench.telnyx.ask("POST", path, json=body).status_code == 422
    assert bench.telnyx.ask("GET", path).json()["data"] == []


def test_a_number_of_telnyx_is_put_on_connections_of_its_account_only(bench: Bench) -> None:
    _, number_id = telnyx_number(bench)
    other = Telnyx(bench.client, "KEY_of_another")
    theirs = other.ask("POST", "/fqdn_connections", json={"connection_name": "a"}).json()["data"]["id"]
    answer = bench.telnyx.ask("PATCH", f"/phone_numbers/{number_id}", json={"connection_id": theirs})
    assert answer.status_code == 422


def test_a_number_that_nobody_has_is_not_in_service_nor_one_that_is_only_ordered(bench: Bench) -> None:
    assert ring(bench) == {"kind": "not_in_service"}
    bench.telnyx.found(phone_number__starts_with="5005550006")
    bench.telnyx.order(SUCCEEDS)
    assert ring(bench) == {"kind": "not_in_service"}
    bench.wait(1)
    assert ring(bench) == {"kind": "nowhere"}


def test_what_was_set_is_in_the_lines_of_the_state_file() -> None:
    changes: list[Change] = []
    bench = Bench(record=changes.append)
    sid, trunk_sid = bought(bench), trunk(bench, "sip:a.example.com", "sip:b.example.com", secure="true")
    change(bench, sid, TrunkSid=trunk_sid)
    again = Bench(changes=[from_line(to_line(each)) for each in changes])
    assert ring(again) == ring(bench)
    assert ring(again)["secure"] is True
    again.twilio.ask("DELETE", f"/v1/Trunks/{trunk_sid}")
    assert ring(again) == {"kind": "nowhere"}
