"""What every adapter makes of answers that no carrier documents: one suite, which a new adapter is in by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from numberdesk.carriers.port import Carrier, CarrierError, NotReleased, Wanted
from numberdesk.carriers.registry import KINDS, checked_setup
from numberdesk.core.carrier_order import Unknown
from numberdesk.core.connection import NotConnected, SipRoute, SipTarget, WantedConnection, WebhookRoute
from numberdesk.infra.http import HttpClient
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Seen, json_reply, raw, reply, reset, scripted, silence
from tests.carriers.adapters.words import DIALECTS, FORBIDDEN, HTML, THROTTLED, kind

E164: Final = "+19195550142"
WANTED: Final = Wanted("US", "1", "local", "919", "", "", "", "", "", (), 20)
SECRET: Final = "a-s3cret-value"

UNREADABLE: Final[dict[str, Answer]] = {
    "null": json_reply(200, None),
    "a list": json_reply(200, []),
    "a text": json_reply(200, "bought"),
    "cut JSON": reply(200, b'{"data": [{"number": "1919'),
    "not UTF-8": reply(200, b'{"status": "\xff"}'),
    "a page with 200": reply(200, HTML),
    "no body": reply(204),
    "an empty body": reply(201),
    "a redirect": reply(302, b"", Location="http://127.0.0.1:9/elsewhere"),
    "a redirect that keeps the method": reply(307, b"", Location="http://127.0.0.1:9/elsewhere"),
    "a page with 400": reply(400, HTML),
    "a page with 402": reply(402, HTML),
    "a page with 409": reply(409, HTML),
    "a page with 422": reply(422, HTML),
    "plain text with 400": reply(400, b"insufficient balance"),
    "500": reply(500),
    "a page with 503": reply(503, HTML),
    "nothing": silence,
    "a reset": reset,
    "no HTTP": raw(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "cut off": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"),
    "very deep": reply(200, b"[" * 100_000),
}
SIP: Final = WantedConnection("con_1", SipRoute((SipTarget("sip:pbx.example.com"),)))
CLEARED: Final = WantedConnection("con_1", None)
WEBHOOKS: Final = {
    name: WantedConnection("con_1", WebhookRoute(f"https://pbx.example.com/?key={SECRET}", dialect=dialect))
    for name, dialect in DIALECTS.items()
}
NUMBER_IDS: Final = {
    "twilio": "PN" + "0" * 32,
    "telnyx": "1293384261075731499",
    "plivo": "19195550142",
    "vonage": "US:19195550142",
    "bandwidth": "9195550142",
    "signalwire": "497f6eca-6276-4993-bfeb-53cbbbba6f08",
}

EMPTY: Final = (UNREADABLE["no body"], UNREADABLE["an empty body"])
"""Enough for a release, which is answered without a body."""
EMPTY_LISTS: Final = (("bandwidth", UNREADABLE["no body"]),)
"""What a carrier documents as a list of nothing."""

KNOWN: Final[dict[str, tuple[Answer, Any]]] = {
    "wrong credentials": (reply(401, HTML), FORBIDDEN),
    "forbidden by somebody in between": (reply(403, HTML), FORBIDDEN),
    "too many requests": (reply(429, HTML), THROTTLED),
}


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop whose time a server may let pass, so that nobody waits for the end of a limit."""

    skipped = 0.0

    def time(self) -> float:
        return super().time() + self.skipped

    def skip(self) -> None:
        self.skipped += 60.0

    async def silence(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        """Nothing at all, for as long as anybody waits."""
        self.call_soon_threadsafe(self.skip)
        await silence(seen, writer)


def asked(name: str, answer: Answer, call: Callable[[Carrier], Awaitable[Any]]) -> tuple[Any, int]:
    """What comes of a call, an error as a value, when every request gets the same answer; and how many POSTs came."""

    async def story(url: str) -> Any:
        http = HttpClient(egress=LOOPBACK)
        fields = KINDS[name].fields
        values = {field.name: field.example or SECRET for field in fields if field.required}
        values |= {next(field.name for field in fields if field.secret): SECRET}
        values |= {"base_url": url, "read_seconds": "1", "order_seconds": "1"}
        try:
            return await call(KINDS[name].build(checked_setup(name, values), http))
        except CarrierError as error:
            return error
        finally:
            await http.close()

    loop = SkippingLoop()
    given = loop.silence if answer is silence else answer
    with scripted(lambda _seen: given) as server, asyncio.Runner(loop_factory=lambda: loop) as runner:
        told = runner.run(story(server.url))
    assert SECRET not in repr(told)
    return told, sum(seen.method == "POST" for seen in server.seen)


def connecting(number_id: str | None, wanted: WantedConnection) -> Callable[[Carrier], Awaitable[Any]]:
    """The call that sets where calls go."""
    return lambda carrier: carrier.connect(E164, number_id, wanted)


@pytest.mark.parametrize("name", KINDS)
class TestWhatCannotBeRead:
    def test_leaves_open_what_became_of_an_order_which_is_sent_once_at_most(self, name: str) -> None:
        for what, answer in UNREADABLE.items():
            outcome, posts = asked(name, answer, lambda carrier: carrier.order(E164, "ord_1", "US"))
            assert posts <= 1, what
            assert isinstance(outcome, Unknown) or posts == 0, what

    def test_is_no_proof_of_absence(self, name: str) -> None:
        for what, answer in UNREADABLE.items():
            found, _ = asked(name, answer, lambda carrier: carrier.find(E164, "ord_1"))
            assert isinstance(found, Unknown), what

    def test_is_no_list_no_search_and_no_health(self, name: str) -> None:
        for what, answer in UNREADABLE.items():
            listed = asked(name, answer, lambda carrier: carrier.owned(None))[0]
            assert isinstance(listed, CarrierError) or (name, answer) in EMPTY_LISTS, what
            assert isinstance(asked(name, answer, lambda carrier: carrier.search(WANTED))[0], CarrierError), what
            assert not asked(name, answer, lambda carrier: carrier.check())[0].ok or (name, answer) in EMPTY_LISTS, what

    def test_confirms_no_release(self, name: str) -> None:
        for what, answer in UNREADABLE.items():
            outcome, _ = asked(name, answer, lambda carrier: carrier.release(E164, None))
            assert isinstance(outcome, NotReleased) or answer in EMPTY, what

    def test_says_of_no_call_that_it_goes_somewhere(self, name: str) -> None:
        for what, answer in UNREADABLE.items():
            for number_id, wanted in ((None, SIP), (NUMBER_IDS[name], WEBHOOKS[name]), (NUMBER_IDS[name], CLEARED)):
                outcome, posts = asked(name, answer, connecting(number_id, wanted))
                assert isinstance(outcome, NotConnected), what
                assert posts == 0, what  # nothing is made or changed before it is clear which number that is
            shown, _ = asked(name, answer, lambda carrier: carrier.routing(E164, NUMBER_IDS[name], SIP))
            assert isinstance(shown, CarrierError), what

    def test_removes_nothing_for_certain(self, name: str) -> None:
        for what, answer in UNREADABLE.items():
            outcome, _ = asked(name, answer, lambda carrier: carrier.forget_connection("con_1"))
            assert isinstance(outcome, NotConnected) or (name, answer) in EMPTY_LISTS, what


@pytest.mark.parametrize("name", KINDS)
def test_an_order_that_was_not_let_in_is_refused_whatever_stands_in_the_answer(name: str) -> None:
    for what, (answer, expected) in KNOWN.items():
        outcome, _ = asked(name, answer, lambda carrier: carrier.order(E164, "ord_1", "US"))
        assert kind(outcome) == expected, what
        assert isinstance(asked(name, answer, lambda carrier: carrier.find(E164, "ord_1"))[0], Unknown), what
