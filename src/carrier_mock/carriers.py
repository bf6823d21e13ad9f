"""The simulated carriers as one thing: a request comes in, and out comes what is sent back and how.

Touches: nothing.

No socket, no clock and no chance is in here, so that tests and other programs can ask directly. A request is
handled whole before the next one, which is why a number has one buyer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from carrier_mock.books import Books
from carrier_mock.changes import Change
from carrier_mock.control import Control
from carrier_mock.digits import Match
from carrier_mock.exchange import Call, Plan, Request, Response
from carrier_mock.faults import EFFECTS, NOT_RECEIVED, Armed, Delivery, Fault, Faults, Twist
from carrier_mock.holdings import Holdings
from carrier_mock.inventory import Found, Inventory, Query
from carrier_mock.model import Api, Attempt, Kind, Operation, Outcome
from carrier_mock.settings import Settings, State
from carrier_mock.telnyx import PREFIX, ROOTS, Telnyx
from carrier_mock.twilio import PREFIXES, Twilio

MARK: Final = ("X-Carrier-Simulator", "numberdesk")
"""A header of every answer, so that nobody takes it for the real one."""

_PAGE: Final = Response(
    200,
    b"<!doctype html><title>Maintenance</title><p>We will be back soon.</p>\n",
    (("Content-Type", "text/html; charset=utf-8"),),
)
_NOTHING_HERE: Final = Response(404, b'{"error":"no API has this path"}')
_NO_ANSWER: Final = Response(500)
_FIRST_ERROR: Final = 400


class Carriers:
    """The simulated carriers, with what is for sale at the beginning and what was changed since.

    `record` is told of every change as it happens. `was_reset` is called before a reset.
    """

    def __init__(
        self,
        numbers: Callable[[], Iterable[Found]],
        settings: Settings,
        *,
        changes: Iterable[Change] = (),
        record: Callable[[Change], None] = lambda _: None,
        was_reset: Callable[[], None] = lambda: None,
    ) -> None:
        self._numbers = numbers
        self._first_settings = settings
        self._record = record
        self._was_reset = was_reset
        self._begin(changes)

    def handle(self, request: Request, now: int, token: str) -> Plan:
        """What a request is answered. `token` is 32 hexadecimal digits that no other request has."""
        self.holdings.end_due_orders(now)
        if request.path == "/control" or request.path.startswith("/control/"):
            return Plan(self._control.handle(request, now, token))
        carrier = self._carrier(request.path)
        if carrier is None:
            return Plan(_marked(_NOTHING_HERE))
        way = self.holdings.settings.way(carrier.api)
        if way.state is State.DOWN:
            return Plan(_NO_ANSWER, Delivery.RESET)
        if way.state is State.HANGING:
            return Plan(_NO_ANSWER, Delivery.NEVER)
        call = carrier.understand(request, now, token)
        if isinstance(call, Response):
            return Plan(_marked(call), wait=way.answer_seconds)
        plan = self._done(carrier, call, now)
        return plan._replace(answer=_marked(plan.answer), wait=plan.wait + way.answer_seconds)

    def reset(self) -> None:
        """Be as at the very beginning."""
        self._was_reset()
        self._begin(())

    def state(self, api: Api) -> State:
        """Whether a carrier answers."""
        return self.holdings.settings.way(api).state

    def examples(self, count: int) -> list[Found]:
        """Some local numbers of the United States that are for sale."""
        return self.holdings.books.inventory.search(Query("US", Kind.LOCAL, Match()), count)

    def _begin(self, changes: Iterable[Change]) -> None:
        inventory = Inventory()
        inventory.stock(self._numbers())
        books = Books(inventory)
        for change in changes:
            books.apply(change)
        self.holdings = Holdings(books, self._first_settings, self._record)
        self.faults = Faults()
        self._control = Control(self.holdings, self.faults, self.reset)
        self._twilio, self._telnyx = Twilio(self.holdings), Telnyx(self.holdings)

    def _carrier(self, path: str) -> Twilio | Telnyx | None:
        if path.startswith(PREFIXES):
            return self._twilio
        return self._telnyx if path.startswith((PREFIX, *ROOTS)) else None

    def _done(self, carrier: Twilio | Telnyx, call: Call, now: int) -> Plan:
        armed = self.faults.take(carrier.api, call.operation, call.numbers)
        if armed is None:
            answer = call.run(Twist())
            self._note(carrier.api, call, None, answer, now)
            return Plan(answer)
        effect = EFFECTS[armed.fault]
        answer = call.run(effect.twist) if effect.happens else carrier.refusal(armed.fault, call, armed.time)
        self._note(carrier.api, call, armed.fault, answer, now)
        return _faulty(carrier, call, armed, answer)

    def _note(self, api: Api, call: Call, fault: Fault | None, answer: Response, now: int) -> None:
        """Write an attempt to order down, as it was for the carrier."""
        if call.operation is not Operation.ORDER:
            return
        if fault in NOT_RECEIVED:
            outcome, said = Outcome.LOST, ""
        elif answer.status < _FIRST_ERROR:
            outcome, said = Outcome.ACCEPTED, ""
        else:
            outcome, said = Outcome.REFUSED, _code(answer)
        name = "" if fault is None else fault.value
        self.holdings.note(Attempt(api, call.account.name, call.numbers, call.reference, now, outcome, said, name))


def _faulty(carrier: Twilio | Telnyx, call: Call, armed: Armed, answer: Response) -> Plan:
    effect = EFFECTS[armed.fault]
    match armed.fault:
        case Fault.ERROR:
            answer = carrier.refusal(Fault.ERROR, call, armed.time)
        case Fault.HTML:
            answer = _PAGE
        case Fault.CUT_JSON:
            answer = answer._replace(body=answer.body[: len(answer.body) // 2])
        case Fault.OTHER_NUMBER:
            answer = answer._replace(body=_misnamed(answer.body, call.numbers))
        case Fault.SLOW:
            return Plan(answer, wait=armed.time)
    return Plan(answer, effect.delivery, pause=armed.time)


def _misnamed(body: bytes, numbers: Iterable[str]) -> bytes:
    """The same answer about numbers of which the last digit is another."""
    for e164 in numbers:
        other = e164[:-1] + str((int(e164[-1]) + 1) % 10) if e164[-1:].isdigit() else "+15005550009"
        body = body.replace(e164.encode(), other.encode())
    return body


def _code(answer: Response) -> str:
    """The carrier's code in an error."""
    content = msgspec.json.decode(answer.body)
    errors = content.get("errors") or [content]
    return str(errors[0].get("code", ""))


def _marked(answer: Response) -> Response:
    return answer._replace(headers=(*answer.headers, MARK))
