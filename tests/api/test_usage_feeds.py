"""Call records as FreeSWITCH and Twilio send them: the key as a password, a signature, and no record lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from numberdesk.accounts.model import CUSTOMER_SCOPES
from numberdesk.cli.call_files import mapping_text
from numberdesk.core.call_forms import CallForm
from numberdesk.flows.usage.change_feeds import save_feeds
from numberdesk.flows.usage.set_usage_terms import AppointSource, appoint_sources
from numberdesk.infra.vault import new_key
from numberdesk.usage.model import CallFeed, feed_seal_name
from tests.api.conftest import Customer, Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flow is shown on both engines; this is about HTTP"

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BASE64 = {"Content-Type": "application/x-www-form-base64-encoded"}
JSON = {"Content-Type": "application/json"}
SECRET = "vendor-secret"


class Feed:
    """A customer with a number, whose switch tells of its calls with its key as a password."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.customer = shop.customer(10, (*CUSTOMER_SCOPES, "usage:write"))
        self.switch = shop.operator(("usage:write", "admin"))
        self.number = shop.number(inbound=10_000, outbound=20_000)
        assert self.customer.buy(self.number).status_code == 200
        self.ended = datetime.now(UTC) + timedelta(seconds=80)
        self.source = f"operator:{self.switch.account_id}/fs"
        now = shop.services.now()
        shop.services.writer.apply(appoint_sources, AppointSource(self.number, self.source, now))

    def post(
        self,
        content: str | bytes,
        headers: dict[str, str],
        name: str = "fs",
        *,
        by: Customer | None = None,
        **signed: str,
    ) -> httpx.Response:
        key = (by or self.switch).key
        return self.shop.client().post(
            f"/usage/in/{name}/?uuid=a3f1", content=content, headers=headers | signed, auth=("freeswitch", key)
        )

    def cdr(self, **changes: Any) -> str:
        ended = int(self.ended.timestamp())
        variables = {
            "uuid": "a3f1", "direction": "inbound", "start_epoch": str(ended - 66), "answer_epoch": str(ended - 61),
            "end_epoch": str(ended), "billsec": "61", "hangup_cause": "NORMAL_CLEARING", **changes,
        }  # fmt: skip
        profile = {"caller_id_number": "%2B13612738000", "destination_number": quote(self.number)}
        return json.dumps({"variables": variables, "callflow": [{"caller_profile": profile}]})

    def callback(self, **changes: str) -> dict[str, str]:
        return {
            "CallSid": "CA1", "CallStatus": "completed", "Direction": "inbound", "From": "+13612738000",
            "To": self.number, "CallDuration": "61", "Timestamp": format_datetime(self.ended), **changes,
        }  # fmt: skip

    def keep(self, name: str, form: CallForm, mapping: str | None = None, url: str | None = None) -> None:
        """Say how records of the switch are read."""
        owner, services = self.switch.account_id, self.shop.services
        sealed = None if url is None else services.vault.seal(feed_seal_name(owner, name), {"secret": SECRET})
        services.writer.apply(save_feeds, CallFeed(owner, name, form, mapping, sealed, url, services.now()))


@pytest.fixture
def feed(shop: Shop) -> Feed:
    return Feed(shop)


def outcome(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    (one,) = answer.json()["data"]
    return str(one["outcome"])


def test_records_of_freeswitch_are_taken_in_each_encoding_and_charged_once(feed: Feed) -> None:
    cdr = feed.cdr()
    first = feed.post("cdr=" + quote(cdr), FORM)
    assert first.json()["data"] == [
        {
            "outcome": "accepted",
            "call_id": "a3f1",
            "leg": "",
            "status": "charged",
            "amount": 0.02,
            "field": None,
            "reason": None,
        }
    ]
    assert outcome(feed.post("cdr=" + base64.b64encode(cdr.encode()).decode(), BASE64)) == "duplicate"
    assert outcome(feed.post(cdr[:-1] + ', "mos": nan}', JSON)) == "duplicate"
    assert feed.customer.balance() == 10 - 1.15 - 0.02
    (call,) = feed.customer.http.get("/usage/calls/").json()["data"]
    assert (call["source"], call["other"]) == (feed.source, "+13612738000")


def test_the_leg_that_was_made_for_another_is_ignored_with_a_success(feed: Feed) -> None:
    answer = feed.post(feed.cdr(uuid="b", originating_leg_uuid="a3f1"), JSON)
    assert outcome(answer) == "ignored"
    assert feed.customer.http.get("/usage/calls/").json()["data"] == []


def test_a_record_that_is_not_taken_is_an_error_so_that_its_sender_keeps_it(feed: Feed) -> None:
    assert outcome(feed.post(feed.cdr(), JSON)) == "accepted"
    for content, status, field in (
        (feed.cdr(billsec="62"), 422, "seconds"),
        (feed.cdr(uuid="c", billsec="-1"), 400, "seconds"),
        (feed.cdr(uuid="c", start_epoch="x"), 400, "started_at"),
        ('{"variables": 5}', 400, "body"),
        ('{"variables": {}', 400, "body"),
        ("[]", 400, "body"),
    ):
        answer = feed.post(content, JSON)
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (status, field), answer.text
    assert feed.post("x", {"Content-Type": "text/csv"}).status_code == 415
    assert feed.post(feed.cdr(), JSON, name="Fs").json()["error"]["details"]["field"] == "source"
    assert len(feed.customer.http.get("/usage/calls/").json()["data"]) == 1


def test_senders_without_a_key_are_asked_for_it_by_basic_here_and_nowhere_else(feed: Feed) -> None:
    client, key = feed.shop.client(), feed.switch.key
    asking: tuple[dict[str, Any], ...] = ({}, {"auth": ("any", "wrong")}, {"auth": ("any", key + "x")})
    for auth in asking:
        refused = client.post("/usage/in/fs/", content=feed.cdr(), headers=JSON, **auth)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Basic realm="numberdesk"'
    for broken in ("Basic", "Basic !", "Basic " + base64.b64encode(b"no colon").decode()):
        assert client.post("/usage/in/fs/", headers=JSON | {"Authorization": broken}).status_code == 401
    elsewhere = client.get("/admin/usage/parked/", auth=("any", key))
    assert (elsewhere.status_code, elsewhere.headers["www-authenticate"]) == (401, "Bearer")
    both = client.post("/usage/in/fs/", headers=JSON | {"X-Api-Key": key}, auth=("any", "other"))
    assert both.json()["error"]["details"]["field"] == "Authorization"
    assert client.get("/usage/calls/", auth=("", feed.customer.key)).status_code == 200


def test_a_status_callback_is_taken_when_the_call_has_ended(feed: Feed) -> None:
    assert outcome(feed.post(urlencode(feed.callback(CallStatus="ringing")), FORM)) == "ignored"
    assert outcome(feed.post(urlencode(feed.callback()), FORM)) == "accepted"
    assert outcome(feed.post(urlencode(feed.callback()), FORM)) == "duplicate"
    assert feed.customer.balance() == 10 - 1.15 - 0.02
    assert feed.post(urlencode({"a": "b"}), FORM).status_code == 400
    assert feed.post("a=%ff", FORM).status_code == 400


def test_a_record_without_a_time_keeps_that_of_its_first_arrival(feed: Feed) -> None:
    sent = {name: value for name, value in feed.callback(CallDuration="0").items() if name != "Timestamp"}
    assert outcome(feed.post(urlencode(sent), FORM)) == "accepted"
    assert outcome(feed.post(urlencode(sent), FORM)) == "duplicate"


def test_a_mapping_reads_what_its_feed_sends(feed: Feed) -> None:
    feed.keep("fs", CallForm.MAPPING, mapping_text("bandwidth"))
    ended = feed.ended.isoformat()
    sent = {"eventType": "disconnect", "callId": "c-1", "from": "+13612738000", "to": feed.number,
            "direction": "inbound", "startTime": (feed.ended - timedelta(seconds=61)).isoformat(),
            "answerTime": (feed.ended - timedelta(seconds=61)).isoformat(), "endTime": ended}  # fmt: skip
    answer = feed.post(json.dumps([{"eventType": "answer"}, sent]), JSON)
    assert [one["outcome"] for one in answer.json()["data"]] == ["ignored", "accepted"]
    assert feed.customer.balance() == 10 - 1.15 - 0.02
    assert feed.post("cdr=" + quote(feed.cdr()), FORM).json()["error"]["details"]["reason"] == (
        "is not of the form of this feed, which is mapping"
    )


def test_where_a_secret_is_set_only_signed_callbacks_are_taken(other_shop: Callable[..., Shop]) -> None:
    feed = Feed(other_shop(credentials_key=new_key()))
    feed.keep("fs", CallForm.CALLBACK, url="https://desk.example/api/v1/usage/in/fs/")
    sent = feed.callback()

    def signature(host: str, secret: str = SECRET) -> str:
        over = f"https://{host}/api/v1/usage/in/fs/" + "".join(f"{name}{sent[name]}" for name in sorted(sent))
        return base64.b64encode(hmac.new(secret.encode(), over.encode(), hashlib.sha1).digest()).decode()

    for wrong in ({}, {"X-Twilio-Signature": "x"}, {"X-Twilio-Signature": signature("desk.example", "other")}):
        refused = feed.post(urlencode(sent), FORM | wrong)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    told = urlencode(sent | {"CallDuration": "1"})
    assert feed.post(told, FORM | {"X-Twilio-Signature": signature("desk.example")}).status_code == 403
    assert outcome(feed.post(urlencode(sent), FORM | {"X-Twilio-Signature": signature("desk.example")})) == "accepted"
    with_key = signature(f"freeswitch:{feed.switch.key}@desk.example")
    assert outcome(feed.post(urlencode(sent), FORM | {"X-Twilio-Signature": with_key})) == "duplicate"


def test_a_customer_tells_of_his_own_numbers_alone_and_leaves_so_many_parked(other_shop: Callable[..., Shop]) -> None:
    feed = Feed(other_shop(usage_parked_most=2))
    mine = feed.customer
    assert outcome(feed.post(feed.cdr(), JSON, by=mine)) == "accepted"
    (call,) = mine.http.get("/usage/calls/").json()["data"]
    assert (call["source"], call["status"]) == (f"customer:{mine.account_id}/fs", "witness")
    other = feed.shop.customer(1)
    assert outcome(feed.post(feed.cdr(), JSON, by=other)) == "parked"
    record = {"call_id": "p2", "direction": "inbound", "phone_number": feed.number, "seconds": 1}
    sent = [record | {"call_id": f"p{n}", "started_at": feed.ended.isoformat()} for n in range(3)]
    answers = other.http.post("/usage/calls/", json=sent).json()["data"]
    assert [(one["outcome"], one["reason"]) for one in answers] == [
        ("parked", "not_rented"),
        ("rejected", "is one too many: so many of this account's records are parked already"),
        ("rejected", "is one too many: so many of this account's records are parked already"),
    ]
    full = feed.post(feed.cdr(uuid="another"), JSON, by=other)
    assert (full.status_code, full.json()["error"]["code"]) == (429, "rate_limited")
    again = other.http.post("/usage/calls/", json=sent).json()["data"]
    assert [one["outcome"] for one in again] == ["duplicate", "rejected", "rejected"]
    assert outcome(feed.post(feed.cdr(), JSON)) == "accepted", "another's full house is no one else's"
