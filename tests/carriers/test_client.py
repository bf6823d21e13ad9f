"""A line: how many requests run at once, when a carrier is left alone, and that no adapter does harm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from typing import Any, cast

import pytest
import structlog

from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.port import (
    AvailablePage,
    CarrierError,
    Health,
    NotReleased,
    OwnedNumber,
    OwnedPage,
    Trouble,
    Wanted,
)
from numberdesk.core.breaker import FAILURES, REST_SECONDS, Breaker
from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Reason, Refused, Unknown
from numberdesk.core.connection import NotConnected, ShownRouting, Unsupported, WantedConnection
from numberdesk.core.findings import FindingKind
from testbed.own_time import OwnTime

E164 = "+13612738809"
WANTED = Wanted("US", "1", None, "", "", "", "", "", "", (), 10)
CONNECTION = WantedConnection("con_1", None)
NO_TURN = "too many requests wait for this carrier"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nothing is logged: a traceback with all its variables takes longer than most tests."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


class Scripted:
    """An adapter that says, or raises, what it is told to, after a while."""

    window = 0

    def __init__(self, said: Any = None, *, seconds: float = 0.0) -> None:
        self.message = said
        self.seconds = seconds
        self.calls = 0
        self.running = self.most_running = 0

    async def _say(self, *_: Any) -> Any:
        self.calls += 1
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await asyncio.sleep(self.seconds)
            if isinstance(self.message, BaseException):
                raise self.message
            return self.message
        finally:
            self.running -= 1

    search = order = find = owned = release = connect = routing = forget_connection = check = _say


class Setting:
    """A line to an adapter, in a time of its own."""

    def __init__(self, said: Any = None, *, seconds: float = 0.0, at_once: int = 2) -> None:
        self.time = OwnTime()
        self.adapter = Scripted(said, seconds=seconds)
        self.breaker, self.search_breaker = Breaker(), Breaker()
        self.line = CarrierClient(
            "acme",
            cast("Any", self.adapter),
            seconds=self.time.seconds,
            at_once=at_once,
            breaker=self.breaker,
            search_breaker=self.search_breaker,
        )

    def asks(self, call: str) -> Coroutine[Any, Any, Any]:
        """One request of a kind."""
        arguments = {
            "search": (WANTED,), "order": (E164, "ord_1"), "find": (E164, "ord_1"), "owned": (None,),
            "release": (E164, None), "check": (), "connect": (E164, None, CONNECTION),
            "routing": (E164, None, CONNECTION), "forget_connection": ("con_1",),
        }[call]  # fmt: skip
        return cast("Coroutine[Any, Any, Any]", getattr(self.line, call)(*arguments))

    def ask(self, call: str) -> Any:
        """What comes of a request: an answer, or a CarrierError as a value."""
        return self.time.tell(self._caught(call))

    def ask_many(self, *calls: str) -> list[Any]:
        """The same for several at once."""

        async def all_of_them() -> list[Any]:
            return list(await asyncio.gather(*map(self._caught, calls)))

        return self.time.tell(all_of_them())

    async def _caught(self, call: str) -> Any:
        try:
            return await self.asks(call)
        except CarrierError as error:
            return error


def trouble(said: object) -> Trouble:
    assert isinstance(said, CarrierError)
    return said.trouble


@pytest.mark.parametrize(
    "call", ["search", "order", "find", "release", "check", "connect", "routing", "forget_connection"]
)
def test_only_so_many_requests_run_at_once_and_others_wait_for_their_turn(call: str) -> None:
    setting = Setting({"order": Pending(), "search": AvailablePage(())}.get(call, Absent()), seconds=0.5)
    setting.ask_many(*[call] * 4)
    assert (setting.adapter.most_running, setting.adapter.calls) == (1 if call == "search" else 2, 4)


def test_searches_leave_half_of_the_turns_to_orders_and_their_failures_and_429_do_not_keep_orders_back() -> None:
    setting = Setting(CarrierError(Trouble.THROTTLED, "HTTP 429", 60), seconds=1.5, at_once=4)
    words = setting.ask_many(*["search"] * 20, "order", "order")
    assert words[-2:] == [Unknown("CarrierError")] * 2  # sent at once, whatever the adapter makes of it
    assert setting.adapter.most_running == 4
    setting.adapter.message = Placed("PN1")
    assert trouble(setting.ask("search")) is Trouble.PAUSED
    assert setting.ask("order") == Placed("PN1")
    assert (setting.line.paused_seconds, setting.line.search_paused_seconds > 0) == (0, True)


def test_of_a_single_turn_a_search_takes_nothing_from_orders() -> None:
    setting = Setting(AvailablePage(()), seconds=30.0, at_once=1)
    setting.ask_many("search", "search", "order")
    assert setting.adapter.most_running == 2
    assert setting.breaker.failures == 0


@pytest.mark.parametrize("said", [Refused(Reason.THROTTLED, "429", 60, of_search=True), NotSent("no", of_search=True)])
def test_a_search_before_an_order_that_fails_closes_no_orders(said: Refused | NotSent) -> None:
    setting = Setting(said)
    assert [setting.ask("order") for _ in range(8)] == [said] * 8
    assert setting.breaker.failures == 0
    assert setting.search_breaker.failures == 8


def test_whoever_waits_too_long_for_a_turn_is_told_that_nothing_was_asked() -> None:
    setting = Setting(AvailablePage(()), seconds=30)
    said = setting.ask_many("order", "order", "search", "order", "find", "release", "check")[2:]
    assert trouble(said[0]) is Trouble.UNREACHABLE
    assert said[1:] == [NotSent(NO_TURN, 1), Unknown(NO_TURN), NotReleased(NO_TURN), Health(False, NO_TURN, {})]  # noqa: FBT003  the port's shape
    assert setting.adapter.calls == 2
    assert setting.breaker == Breaker()
    setting.ask("find")
    assert setting.adapter.calls == 3


ERRORS = (ZeroDivisionError("secret"), TimeoutError(), KeyError(E164), RecursionError())


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_an_adapter_raises_ends_as_the_word_that_leaves_the_most_open(error: Exception) -> None:
    setting = Setting(error)
    name = type(error).__name__
    raised = setting.ask("search")
    assert (trouble(raised), raised.message) == (Trouble.UNREADABLE, name)
    assert setting.ask("order") == Unknown(name)
    assert setting.ask("find") == Unknown(name)
    assert setting.ask("release") == NotReleased(name)
    assert setting.ask("check") == Health(ok=False, message=name, facts={})
    assert setting.ask("connect") == NotConnected(name)
    assert setting.ask("forget_connection") == NotConnected(name)
    for call in ("owned", "routing"):
        raised = setting.ask(call)
        assert (trouble(raised), raised.message) == (Trouble.UNREADABLE, name)
    assert (setting.breaker.failures, setting.search_breaker.failures) == (8, 1)


def test_an_error_of_a_carrier_is_unknown_where_an_order_is_looked_up() -> None:
    setting = Setting(CarrierError(Trouble.CREDENTIALS, "HTTP 401"))
    assert setting.ask("find") == Unknown("credentials: HTTP 401")
    assert setting.ask("release") == NotReleased("credentials: HTTP 401")
    assert setting.ask("connect") == NotConnected("credentials: HTTP 401")
    assert trouble(setting.ask("owned")) is Trouble.CREDENTIALS
    assert trouble(setting.ask("routing")) is Trouble.CREDENTIALS


def test_a_look_up_that_was_too_much_for_a_carrier_says_nothing_of_the_order() -> None:
    assert Setting(Refused(Reason.THROTTLED, "HTTP 429")).ask("find") == Unknown("HTTP 429")
    assert Setting(Refused(Reason.TAKEN, "failed")).ask("find") == Refused(Reason.TAKEN, "failed")


# what is left alone


FAILING = (Unknown("HTTP 500"), NotSent("refused"), Refused(Reason.THROTTLED, "429"), ValueError())


@pytest.mark.parametrize("said", FAILING, ids=lambda said: type(said).__name__)
def test_a_carrier_that_fails_several_times_in_a_row_is_left_alone_for_a_while(said: object) -> None:
    setting = Setting(said)
    for _ in range(FAILURES):
        setting.ask("order")
    assert setting.ask("order") == NotSent("paused", round(REST_SECONDS))
    assert trouble(setting.ask("search")) is Trouble.PAUSED
    assert setting.adapter.calls == FAILURES
    # what the books need to know is asked all the same
    setting.adapter.message = OwnedPage((), None)
    for call in ("find", "release", "owned", "check"):
        setting.ask(call)
    assert setting.adapter.calls == FAILURES + 4


@pytest.mark.parametrize("said", [Placed("PN1"), Pending(), Refused(Reason.TAKEN, "no"), Refused(Reason.OTHER, "no")])
def test_a_yes_and_a_no_are_signs_of_health(said: object) -> None:
    setting = Setting(Unknown("?"))
    for _ in range(FAILURES - 1):
        setting.ask("order")
    setting.adapter.message = said
    setting.ask("order")
    assert setting.breaker == Breaker()


@pytest.mark.parametrize("kind", list(Trouble))
def test_a_search_that_was_refused_is_no_failure_and_one_without_an_answer_is(kind: Trouble) -> None:
    healthy = kind in (Trouble.REFUSED, Trouble.CREDENTIALS)
    setting = Setting(CarrierError(kind, "?"))
    for _ in range(FAILURES + 1):
        setting.ask("search")
    assert (setting.adapter.calls == FAILURES + 1) is healthy


IN_PART = AvailablePage((), CarrierError(Trouble.UNREACHABLE, "HTTP 500"))


def test_a_search_that_was_answered_in_part_is_no_failure_and_does_not_make_up_for_failures_either() -> None:
    setting = Setting(IN_PART)
    for _ in range(FAILURES + 1):
        setting.ask("search")
    assert setting.breaker == Breaker()
    setting.adapter.message = Unknown("?")
    for _ in range(FAILURES - 1):
        setting.ask("order")
    setting.search_breaker.failed(0)
    for page, left in ((IN_PART, 1), (AvailablePage(()), 0)):
        setting.adapter.message = page
        assert setting.ask("search") == page
        assert (setting.breaker.failures, setting.search_breaker.failures) == (FAILURES - 1, left)


def test_a_try_after_a_rest_that_is_answered_in_part_shows_that_the_carrier_is_back() -> None:
    setting = Setting(CarrierError(Trouble.FAILING, "?"), at_once=4)
    for _ in range(FAILURES):
        setting.ask("search")
    setting.time.pass_by(REST_SECONDS)
    setting.adapter.message, setting.adapter.seconds = IN_PART, 1
    assert setting.ask("search") == IN_PART
    assert setting.ask_many("search", "search") == [IN_PART] * 2


def test_a_carrier_is_left_alone_for_as_long_as_it_asks_for() -> None:
    setting = Setting(Refused(Reason.THROTTLED, "429", 60))
    setting.ask("order")
    setting.time.pass_by(50)
    assert setting.ask("order") == NotSent("paused", 10)
    assert setting.line.paused_seconds == 10
    setting.time.pass_by(10)
    setting.adapter.message = Placed("PN1")
    assert setting.ask("order") == Placed("PN1")
    assert setting.line.paused_seconds == 0


def test_after_a_rest_one_request_tries_and_the_others_are_not_sent() -> None:
    setting = Setting(Unknown("?"))
    for _ in range(FAILURES):
        setting.ask("order")
    setting.time.pass_by(REST_SECONDS)
    setting.adapter.message, setting.adapter.seconds = Placed("PN1"), 1
    words = setting.ask_many("order", "order", "order")
    assert words == [Placed("PN1"), NotSent("paused", 1), NotSent("paused", 1)]
    assert setting.ask_many("order", "order") == [Placed("PN1")] * 2


@pytest.mark.parametrize("call", ["order", "search"])
def test_a_try_that_is_stopped_does_not_close_the_line_for_ever(call: str) -> None:
    setting = Setting(Unknown("?"))
    for _ in range(FAILURES):
        setting.ask("order")
    setting.time.pass_by(REST_SECONDS)
    setting.adapter.seconds = 30

    async def stopped() -> None:
        task = asyncio.ensure_future(setting.asks(call))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    setting.time.tell(stopped())
    setting.time.pass_by(3 * REST_SECONDS)
    setting.adapter.message = Placed("PN1")
    assert setting.ask("order") == Placed("PN1")


# what can be kept


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "a\nb"])
def test_what_a_carrier_says_is_handed_on_in_signs_that_can_be_kept(text: str) -> None:
    assert Setting(Placed(text, text)).ask("order") == Placed("a b", "a b")
    assert Setting(Unknown(text)).ask("find") == Unknown("a b")
    assert Setting(Refused(Reason.OTHER, text, 3)).ask("order") == Refused(Reason.OTHER, "a b", 3)
    assert Setting(NotReleased(text)).ask("release") == NotReleased("a b")
    assert Setting(Unsupported(text)).ask("connect") == Unsupported("a b")
    assert Setting(ShownRouting(text, as_wanted=True)).ask("routing") == ShownRouting("a b", as_wanted=True)
    number = OwnedNumber(E164, text, text, FindingKind.PORTED_AWAY)
    assert Setting(OwnedPage((number,), text)).ask("owned") == OwnedPage(
        (OwnedNumber(E164, "a b", "a b", FindingKind.PORTED_AWAY),), text
    )


def test_only_so_much_of_a_text_is_handed_on() -> None:
    assert Setting(Unknown("x" * 10**6)).ask("order") == Unknown("x" * 300)
    assert Setting(Placed("PN" + "9" * 298, None)).ask("order") == Placed("PN" + "9" * 298, None)
