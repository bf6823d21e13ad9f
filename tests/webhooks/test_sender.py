"""What a receiver gets, and what is made of its answers, however hostile: over real connections."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Mapping
from typing import Any, Final

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.egress import PUBLIC_ONLY, Egress
from numberdesk.infra.http import Http, HttpClient
from numberdesk.infra.vault import Vault, new_key
from numberdesk.webhooks.model import ROTATION, Attempt, WebhookEndpoint, rotated, secret_text
from numberdesk.webhooks.sender import MOST_BYTES, WebhookMessage, WebhookSender, seal_secret
from testbed.egress import INSIDE, LOOPBACK, ODD_HOSTS, listening
from testbed.scripted import Answer, Scripted, dripping, raw, reset, scripted, silence
from tests.infra.test_http import endless, then_reset, then_silence

VAULT: Final = Vault(new_key())
SECRET, FORMER = secret_text(b"n" * 32), secret_text(b"f" * 32)
MESSAGE: Final = WebhookMessage("evt_1", b'{"type":"number.purchased","data":{"friendly_name":"caf\xc3\xa9"}}')
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def endpoint(url: str, now: int = 0) -> WebhookEndpoint:
    """An endpoint with a secret, and with a former one where it is of a time."""
    sealed = seal_secret(VAULT, "whk_1", FORMER if now else SECRET)
    made = WebhookEndpoint("whk_1", "acc_1", 0, url, "", "", sealed, now, now)
    return rotated(made, seal_secret(VAULT, "whk_1", SECRET), now) if now else made


def send(
    to: WebhookEndpoint, egress: Egress = LOOPBACK, *, vault: Vault = VAULT, now: int | None = None, seconds: float = 15
) -> Attempt:
    """What comes of sending once."""
    instant = time.time_ns() // 1000 if now is None else now

    async def main() -> Attempt:
        sender = WebhookSender(vault, lambda: instant, egress=egress)
        try:
            return await sender.send(to, MESSAGE, seconds=seconds)
        finally:
            await sender.close()

    return asyncio.run(main())


def answered(answer: Answer, **given: Any) -> tuple[Attempt, Scripted]:
    """What is made of an answer."""
    with scripted(lambda _seen: answer) as server:
        return send(endpoint(f"{server.url}/hook"), **given), server


def test_the_specifications_own_library_verifies_what_is_sent_and_sees_a_byte_that_changed() -> None:
    attempt, server = answered(raw(OK))
    assert attempt == Attempt(200, "ok")
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.headers["content-type"]) == ("POST", "/hook", "application/json")
    assert seen.headers["webhook-id"] == MESSAGE.id
    assert Webhook(SECRET).verify(seen.body, dict(seen.headers))["type"] == "number.purchased"
    for secret, body in ((FORMER, seen.body), (SECRET, seen.body.replace(b"number", b"nomber"))):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, dict(seen.headers))


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_timestamp_and_one_to_come_are_refused_by_the_library(minutes: int) -> None:
    with scripted(lambda _seen: raw(OK)) as server:
        send(endpoint(server.url), now=time.time_ns() // 1000 + minutes * 60 * MICROSECONDS)
        (seen,) = server.seen
    with pytest.raises(WebhookVerificationError, match=r"too old|too new"):
        Webhook(SECRET).verify(seen.body, dict(seen.headers))


def test_while_a_secret_changes_both_verify_and_after_a_day_the_new_one_alone() -> None:
    now = time.time_ns() // 1000
    for since, both in ((now - ROTATION + MICROSECONDS, True), (now - ROTATION, False)):
        with scripted(lambda _seen: raw(OK)) as server:
            send(endpoint(server.url, since), now=now)
            (seen,) = server.seen
        assert Webhook(SECRET).verify(seen.body, dict(seen.headers))
        assert _verifies(FORMER, seen.body, seen.headers) is both


def _verifies(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError:
        return False
    return True


@pytest.mark.parametrize(
    ("answer", "status", "is_success"),
    [
        (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, True),
        (endless(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 60_000), 200, True),
        (then_silence(b"HTTP/1.1 200 OK\r\n\r\nok"), 200, True),
        (then_reset(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nok"), 202, True),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nok"), 200, True),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip"), 200, True),
        (raw(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"), 302, False),
        (raw(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"), 410, False),
        (raw(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\n\x00\xff\xfe\x07"), 500, False),
        (raw(b"HTTP/1.1 999999 OK\r\nContent-Length: 0\r\n\r\n"), None, False),
        (raw(b"HTTP/1.1 2xx OK\r\n\r\n"), None, False),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), None, False),
        (endless(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 60_000), None, False),
        (reset, None, False),
    ],
)
def test_of_a_hostile_answer_the_status_counts_if_it_came(
    answer: Answer,
    status: int | None,
    is_success: bool,  # noqa: FBT001  a case's answer
) -> None:
    attempt, server = answered(answer)
    assert (attempt.status, attempt.is_success) == (status, is_success)
    assert len(attempt.answer) <= 1000
    assert all(sign.isprintable() or sign in "\n\t" for sign in attempt.answer)
    assert (attempt.message == "") is (status is not None)
    assert len({seen.path for seen in server.seen}) == 1, "a redirect was followed"


@pytest.mark.parametrize("answer", [silence, dripping(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 500)])
def test_a_receiver_that_does_not_come_to_its_status_in_time_has_not_answered(answer: Answer) -> None:
    attempt, _ = answered(answer, seconds=0.3)
    assert attempt.status is None
    assert attempt.message == "no whole answer within 0.3 s"


def test_of_a_long_answer_the_first_1000_bytes_are_kept_and_64_kib_read() -> None:
    attempt, _ = answered(raw(b"HTTP/1.1 500 Oops\r\n\r\n" + b"x" * MOST_BYTES * 4))
    assert attempt.answer == "x" * 1000


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("17", 17),
        ("Fri, 20 Mar 2026 14:30:20 GMT", 20),
        ("Fri, 20 Mar 2026 14:29:00 GMT", 0),
        ("soon", None),
        ("-3", None),
        ("9" * 40, None),
        ("Fri, 99 Mar 2026 14:30:20 GMT", None),
    ],
)
def test_how_long_a_receiver_asks_to_be_left_alone_is_read_in_both_forms(header: str, seconds: int | None) -> None:
    now = int(dt.datetime(2026, 3, 20, 14, 30, tzinfo=dt.UTC).timestamp()) * MICROSECONDS
    head = f"HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\nRetry-After: {header}\r\n\r\n".encode()
    attempt, _ = answered(raw(head), now=now)
    assert attempt.retry_after == (None if seconds is None else seconds * MICROSECONDS)


@pytest.mark.parametrize("host", [*INSIDE, *ODD_HOSTS])
def test_nothing_arrives_inside_whatever_an_address_looks_like(host: str) -> None:
    with listening() as listener:
        for scheme in ("http", "https"):
            attempt = send(endpoint(f"{scheme}://{host}:{listener.port}/hook"), PUBLIC_ONLY, seconds=2)
            assert (attempt.status, attempt.answer) == (None, "")
        assert listener.arrived == []


def test_a_name_that_leads_inside_after_it_was_checked_leads_nowhere() -> None:
    """It resolves to a public address when the webhook is set up, and to this machine when it is sent to."""
    found = [["93.184.216.34"], ["127.0.0.1"]]

    async def resolve(_host: str, _port: int) -> list[str]:
        return found.pop(0) if found else ["127.0.0.1"]

    egress = Egress(resolve=resolve, ports=frozenset(range(1024, 5000)) | frozenset(range(30_000, 65_536)))
    with listening() as listener:
        url = f"https://rebinding.example.com:{listener.port}/hook"
        asyncio.run(egress.check_destination(url))
        assert "must not lead to 127.0.0.1" in send(endpoint(url), egress).message
        assert listener.arrived == []


def test_a_secret_that_cannot_be_opened_is_said_and_nothing_is_sent() -> None:
    with scripted(lambda _seen: raw(OK)) as server:
        attempt = send(endpoint(server.url), vault=Vault(new_key()))
        assert server.seen == []
    assert attempt.status is None
    assert attempt.message.startswith("not sent: ")
    assert "whsec_" not in attempt.message


def test_a_client_of_another_kind_may_be_given_and_is_kept_for_its_loop() -> None:
    made: list[Egress] = []

    def http(egress: Egress) -> Http:
        made.append(egress)
        return HttpClient(egress=egress, cuts=True)

    async def main(url: str) -> list[int | None]:
        sender = WebhookSender(VAULT, lambda: 1, egress=LOOPBACK, http=http)
        statuses = [(await sender.send(endpoint(url), MESSAGE)).status for _ in range(2)]
        await sender.close()
        return statuses

    with scripted(lambda _seen: raw(OK)) as server:
        assert asyncio.run(main(server.url)) == [200, 200]
    assert made == [LOOPBACK]
