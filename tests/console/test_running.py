"""How the service does, in the console: the doctor's advice, margins, and how call records come in."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import pytest

from numberdesk.console.pages.running import screen_of
from numberdesk.core.breaker import FAILURES
from numberdesk.core.call_forms import CallForm
from numberdesk.core.invariants import RunOutcome, VerifyRun
from numberdesk.flows.usage.change_feeds import save_feeds
from numberdesk.infra.db import Tx
from numberdesk.infra.vault import new_key
from numberdesk.usage.model import CallFeed
from numberdesk.usage.pull_store import CallPull, insert_pulls
from numberdesk.verify.run_store import keep_verify_runs
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is shown does not depend on it


def test_health_says_what_the_doctor_says_and_when_the_books_were_checked(desk: Shop, operator: Browser) -> None:
    assert "the books were never checked" in operator.get("/console/health").text
    now = desk.services.now()
    desk.services.writer.apply(keep_verify_runs, VerifyRun(RunOutcome.BROKEN, now, 3))
    broken = operator.get("/console/health")
    assert "the books were not in order" in broken.text
    assert "numberdesk verify names them" in broken.text
    desk.services.writer.apply(keep_verify_runs, VerifyRun(RunOutcome.OK, now + 60_000_000, 0))
    shown = operator.get("/console/health")
    assert "the books were" not in shown.text
    assert "rental connections 0" in shown.text


def test_margins_days_read_and_feeds_are_shown_and_exported(desk: Shop, customer: Customer, operator: Browser) -> None:
    feed = CallFeed(customer.account_id, "pbx-7", CallForm.FREESWITCH, None, None, None, desk.services.now())
    desk.services.writer.apply(save_feeds, feed)
    day = 20_000 * 86_400_000_000

    def read(tx: Tx, days: Sequence[CallPull]) -> list[None]:
        insert_pulls(tx, days)
        return [None for _ in days]

    now = desk.services.now()
    desk.services.writer.apply(read, CallPull("pul_1", "telnyx-7", day, now, message="no answer"))
    assert "pbx-7" in operator.get("/console/feeds").text
    pulls = operator.get("/console/pulls")
    assert ("telnyx-7" in pulls.text, "no answer" in pulls.text) == (True, True)
    assert "telnyx-7" in operator.http.get("/console/pulls/csv").text
    assert "No source told of calls" in operator.get("/console/sources", days="1", phone_number="+12015550199").text
    assert operator.get("/console/sources", days="0").status == 400
    assert operator.get("/console/margin", month="2026-13").status == 400
    assert "No calls were charged" in operator.get("/console/margin", month="2026-01").text


def test_advice_leads_to_the_screen_on_which_it_is_followed_where_there_is_one(
    another_desk: Callable[..., Shop],
) -> None:
    desk = another_desk()
    operator = signed_in(desk, desk.operator())
    beside = [operator.get(f"/console/{page}").links.count("/console/inventory") for page in ("health", "feeds")]
    assert beside[0] > beside[1]  # there is no number to sell yet
    assert screen_of("set one with numberdesk prices set --carrier acme") == ("Prices", "/console/prices")
    assert screen_of("see that numberdesk serve or worker runs") is None


def test_parked_calls_are_looked_at_anew_after_what_a_number_lacked_was_set(
    desk: Shop, customer: Customer, operator: Browser
) -> None:
    number = desk.number(inbound=10_000, outbound=None)
    customer.buy(number)
    path = "/console/parked-calls/rate"
    form = operator.get("/console/parked-calls").form(path)
    assert "no call can be charged yet" in operator.send(form, phone_number=number, source="switch", rate="0.05").text
    refused = operator.send(form, phone_number=number, rate="0.06")
    assert (refused.status, "which stays" in refused.text) == (400, True)
    assert refused.form(path).fields["phone_number"] == [number]


def test_since_when_a_carrier_is_silent_is_told_of_orders_and_of_searches(another_desk: Callable[..., Shop]) -> None:
    desk = another_desk(credentials_key=new_key())
    admin = desk.operator()
    setup = {"name": "twilio", "kind": "twilio", "options": {"account_sid": "AC" + "0" * 32, "base_url": "http://127.0.0.1:1029"},
             "secrets": {"auth_token": "x"}}  # fmt: skip
    made = admin.http.post("/admin/carriers/", json=setup)
    assert made.status_code == 200, made.text
    browser, (client,) = signed_in(desk, admin), asyncio.run(desk.services.carriers.clients(active_only=True))
    assert "answers" in browser.get("/console/carriers").text

    def since() -> tuple[str, float]:
        """What stands before the time, and how many seconds ago that was."""
        html = browser.get("/console/carriers").html
        ((word, at),) = re.findall(r'<span class="state wait">([^<]*)</span> since <time datetime="([^"]*)"', html)
        return word, desk.services.now() / 1_000_000 - datetime.fromisoformat(at).timestamp()

    client.search_breaker.failed(time.monotonic() - 7_200)
    word, ago = since()
    assert (word, ago >= 7_200) == ("searches fail", True)
    client.breaker.failed(time.monotonic() - 3_600)
    word, ago = since()
    assert (word, 3_600 <= ago < 7_200) == ("1 failure in a row", True)
    for _ in range(FAILURES):
        client.breaker.failed(time.monotonic(), 120)
    word, ago = since()
    assert (word, 3_600 <= ago < 7_200) == ("silent", True)
    head, line = browser.http.get("/console/carriers/csv").text.splitlines()
    assert "Silent since,Searches silent since" in head
    assert len(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", line)) == 2
