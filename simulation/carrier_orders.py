"""What must become of an order at a carrier, by the contract of core/carrier_order.py and docs/decisions.

Touches: nothing.

Which word a carrier said cannot be known from the commands before, so it comes with the command; what
follows from it is worked out here from all the words that were heard, not from what was made of them.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from numberdesk.core.carrier_order import Absent, NotSent, OutcomeReport, Pending, Placed, Reason, Refused, Unknown
from numberdesk.core.errors import NotFound, OrderEnded
from numberdesk.flows.purchase.hurry_orders import HurryOrders
from numberdesk.flows.purchase.resolve_orders import OrderResolution, ResolveOrder
from simulation.books import Books, FollowedOrder, OpenOutcome, Order, UnconfirmedRelease, require
from simulation.plan import DAY, HOUR, MINUTE
from simulation.world import MICROSECONDS

_DELAYS: Final = (2, 8, 50, 4 * MINUTE, 55 * MINUTE, *(HOUR,) * 23, *(DAY,) * 4)
"""Seconds between look-ups: 2 s, 10 s, 1 min, 5 min, then hourly on the first day, then daily for four."""

_LONG_WAIT: Final = 5 * MINUTE * MICROSECONDS
_LOOKS_BEFORE_LONG_WAITS: Final = 3

_FEWEST_ABSENCES: Final = 4
_MOST_COUNTS: Final = 8
_MOST_ATTEMPTS: Final = 2
_JUDGED_WAIT: Final = 30 * MINUTE * MICROSECONDS


def settle(books: Books, heard: OutcomeReport, given: Any) -> list[str]:
    """Compare how an order stands after a word with how it must stand; return the goals that were reached."""
    order, carrier_order = books.orders[heard.order_id], books.carrier_orders[heard.order_id]
    require(heard.leased_until not in (None, carrier_order.leased_until), given.lease_lost, "lease of an order")
    if order.state != "ordering":
        goals = _after_the_end(books, order, heard)
        _require_standing(order, carrier_order, given, again=False)
        return goals
    attempt = carrier_order.attempt
    goals = _hear(books, order, carrier_order, heard)
    _require_standing(order, carrier_order, given, again=carrier_order.attempt > attempt)
    return goals


def resolve(books: Books, command: ResolveOrder, given: Any) -> list[str]:
    """A person gives an open order up, or has it looked up from the beginning."""
    order, carrier_order = books.orders.get(command.order_id), books.carrier_orders.get(command.order_id)
    if order is None or carrier_order is None:
        require(NotFound, type(given), "resolution of no order at a carrier")
        return []
    if order.state != "ordering":
        require(OrderEnded, type(given), "resolution of an order that ended")
        return ["resolved_too_late"]
    if command.resolution is OrderResolution.VOID:
        carrier_order.resolved = True
        void(books, order, carrier_order, "carrier_unavailable", command.now, final=False)
    else:
        _begin_anew(carrier_order)
        carrier_order.next_at, carrier_order.parked_at, carrier_order.leased_until = command.now, None, None
        carrier_order.wanted_until = command.now + command.window + _JUDGED_WAIT
    require((order.id, order.state), (given.id, given.state.value), "resolved order")
    return [f"resolved_{command.resolution}"]


def hurry(books: Books, command: HurryOrders, given: int) -> list[str]:
    """A carrier answers again: what would wait for it for long does not."""
    count = sum(
        hurried(carrier_order, command.now)
        for carrier_order in books.carrier_orders.values()
        if carrier_order.carrier == command.carrier
    )
    require(count, given, "hurried orders")
    return ["hurried_when_its_carrier_answered"] if count else []


def hurried(carrier_order: FollowedOrder, now: int) -> bool:
    """Due now, unless it is due soon anyway, parked, or being looked up; whether it is."""
    leased = carrier_order.leased_until is not None and now < carrier_order.leased_until
    if carrier_order.next_at is None or carrier_order.next_at <= now + _LONG_WAIT or leased:
        return False
    carrier_order.next_at = now
    return True


def asked_for(carrier_order: FollowedOrder, now: int) -> None:
    """Its customer asks: due now in the same way, and waits begin to grow anew."""
    if hurried(carrier_order, now):
        carrier_order.looks = min(carrier_order.looks, _LOOKS_BEFORE_LONG_WAITS)


def carrier_order_row(carrier_order: FollowedOrder) -> tuple[Any, ...]:
    """As the table has it, but for what the carrier said and how the refusal is worded."""
    counts = _counts(carrier_order)
    last = [] if not counts else list(counts.values())[-1]
    return (
        carrier_order.order_id,
        carrier_order.account_id,
        carrier_order.carrier,
        carrier_order.e164,
        carrier_order.attempt,
        carrier_order.attempted_at,
        carrier_order.wanted_until,
        len(last),
        last[0].now if last else None,
        _accepted_at(carrier_order),
        carrier_order.next_at,
        carrier_order.looks,
        carrier_order.parked_at,
        carrier_order.leased_until,
        carrier_order.settled_at,
        carrier_order.error,
        last[0].inquiry.process if last else None,
        json.dumps([_told(seen) for seen in counts.values()]) if counts else None,
    )


def _told(seen: list[OpenOutcome]) -> list[object]:
    first, last = seen[0], seen[-1]
    return [first.inquiry.process, len(seen), first.now, first.inquiry.heard, last.inquiry.heard]


def void(books: Books, order: Order, carrier_order: FollowedOrder, error: str, now: int, *, final: bool) -> None:
    """The order failed: the money and the number are free, an event tells, and its answers are final or forgotten."""
    order.state, order.error, order.attempts = "failed", error, carrier_order.attempt
    books.hold(order, "voided", now)
    number = books.numbers[order.e164]
    number.state, number.account_id, number.order_id = "withdrawn", None, None
    books.events.add((f"evt_fail_{order.serial}", order.account_id, "order.failed", now))
    _end(carrier_order, now, error)
    if not final:
        names = [name for name, answer in books.answers.items() if answer.order_id == order.id]
        for name in names:
            del books.answers[name]
        books.withdrawn.update(names)


def _hear(books: Books, order: Order, carrier_order: FollowedOrder, heard: OutcomeReport) -> list[str]:
    word, now = heard.outcome, heard.now
    if isinstance(word, Placed) and word.reference in (None, order.id):
        goals = _adopted(carrier_order)
        order.attempts = carrier_order.attempt
        books.complete(order, now, word.number_id)
        _end(carrier_order, now, None)
        return goals
    if heard.attempt != carrier_order.attempt and not isinstance(word, Placed):
        return ["word_of_an_earlier_attempt"]
    if isinstance(word, Refused):
        return _refused(books, order, carrier_order, word, heard)
    if isinstance(word, NotSent):
        return _not_sent(books, order, carrier_order, heard)
    if isinstance(word, Absent):
        return _absent(books, order, carrier_order, heard)
    return _ask_again(carrier_order, heard)


def _not_sent(books: Books, order: Order, carrier_order: FollowedOrder, heard: OutcomeReport) -> list[str]:
    if carrier_order.attempt > 1:
        return _not_there(books, order, carrier_order, heard)
    void(books, order, carrier_order, "carrier_unavailable", heard.now, final=False)
    return ["order_not_sent"]


def _refused(
    books: Books, order: Order, carrier_order: FollowedOrder, word: Refused, heard: OutcomeReport
) -> list[str]:
    now = heard.now
    if carrier_order.attempt > 1:
        goal = "refused_perhaps_before" if heard.looked_up else "refused_after_an_attempt"
        return [goal, *_not_there(books, order, carrier_order, heard)]
    pending = any(isinstance(before, Pending) for before in carrier_order.words)
    code = {Reason.TAKEN: "number_taken", Reason.OTHER: "carrier_refused"}.get(word.reason, "carrier_unavailable")
    void(books, order, carrier_order, code, now, final=word.reason in (Reason.TAKEN, Reason.OTHER))
    return [f"carrier_said_{word.reason}", *(["pending_then_refused"] if pending else [])]


def _absent(books: Books, order: Order, carrier_order: FollowedOrder, heard: OutcomeReport) -> list[str]:
    if _accepted_at(carrier_order) is not None:
        return ["absent_though_accepted", *_ask_again(carrier_order, heard._replace(outcome=Unknown("")))]
    return _not_there(books, order, carrier_order, heard)


def _not_there(books: Books, order: Order, carrier_order: FollowedOrder, heard: OutcomeReport) -> list[str]:
    """Absence is a proof when one process saw it so often and over the whole window; then once more, or given up."""
    now = heard.now
    before = _counts(carrier_order).get(heard.inquiry.process, [])
    after = _with(before, _heard(heard))
    elapsed = heard.inquiry.asked - after[0].inquiry.heard
    if len(after) <= len(before) or len(after) < _FEWEST_ABSENCES or elapsed < heard.window:
        stepped = _stepped(before, now, heard.window) if elapsed < heard.window else []
        return [
            *stepped,
            *_ask_again(carrier_order, heard._replace(outcome=Absent()), counted=after, goes_on=bool(before)),
        ]
    if heard.may_send and now < carrier_order.wanted_until and carrier_order.attempt < _MOST_ATTEMPTS:
        carrier_order.attempt, carrier_order.attempted_at = carrier_order.attempt + 1, now
        carrier_order.next_at, carrier_order.leased_until = now, now + heard.lease
        _begin_anew(carrier_order)
        return ["second_attempt"]
    void(books, order, carrier_order, "carrier_unavailable", now, final=False)
    return ["voided_after_proof"]


def _stepped(counted: list[OpenOutcome], now: int, window: int) -> list[str]:
    """Where the time of day says that the window is over, and it is not."""
    return ["clock_stepped_over_the_window"] if counted and now >= counted[0].now + window else []


def _ask_again(
    carrier_order: FollowedOrder,
    heard: OutcomeReport,
    *,
    counted: list[OpenOutcome] | None = None,
    goes_on: bool = False,
) -> list[str]:
    """The order stays open and is looked up later, the sooner the proof; after the last look-up a person decides.

    `counted` are the absences that make up a proof: when one of them `goes_on` with others it is no last look-up.
    """
    now = heard.now
    carrier_order.heard.append(_heard(heard))
    carrier_order.leased_until = None
    looks = min(carrier_order.looks, len(_DELAYS) - 1) if goes_on else carrier_order.looks
    if looks >= len(_DELAYS):
        carrier_order.next_at, carrier_order.parked_at = None, now
        return ["parked"]
    carrier_order.looks = looks + 1
    carrier_order.next_at, carrier_order.parked_at = now + _DELAYS[looks] * MICROSECONDS, None
    if counted:
        wait = max(_next_that_counts(counted, heard) - heard.inquiry.heard, _DELAYS[0] * MICROSECONDS)
        carrier_order.next_at = min(carrier_order.next_at, now + wait)
    return ["unknown" if isinstance(heard.outcome, Unknown) else "kept_open"]


def _next_that_counts(counted: list[OpenOutcome], heard: OutcomeReport) -> int:
    """By the clock of the process that counts: a quarter of the window after the last; the proof when it is over."""
    quarter = counted[-1].inquiry.heard + math.ceil(heard.window / 4)
    if len(counted) + 1 < _FEWEST_ABSENCES:
        return quarter
    return max(quarter, counted[0].inquiry.heard + heard.window)


def _heard(heard: OutcomeReport) -> OpenOutcome:
    return OpenOutcome(heard.outcome, heard.now, heard.inquiry, heard.window)


def _begin_anew(carrier_order: FollowedOrder) -> None:
    carrier_order.heard.clear()
    carrier_order.looks = 0


def _counts(carrier_order: FollowedOrder) -> dict[str, list[OpenOutcome]]:
    """The absences that count since the last sign that there is something, by the process that heard them."""
    counts: dict[str, list[OpenOutcome]] = {}
    for heard in carrier_order.heard:
        if isinstance(heard.word, Absent):
            counts[heard.inquiry.process] = _with(counts.pop(heard.inquiry.process, []), heard)
            for process in list(counts)[:-_MOST_COUNTS]:
                del counts[process]
        elif not isinstance(heard.word, Unknown):
            counts.clear()
    return counts


def _with(seen: list[OpenOutcome], heard: OpenOutcome) -> list[OpenOutcome]:
    """With one more, if it is far enough from the last."""
    if not seen:
        return [heard]
    apart = heard.inquiry.asked - seen[-1].inquiry.heard
    return [*seen, heard] if apart >= heard.window / 4 else seen


def counting_process(carrier_order: FollowedOrder) -> str | None:
    """The process that counted absences last, to which others leave the order for a while."""
    return next(reversed(_counts(carrier_order)), None)


def _accepted_at(carrier_order: FollowedOrder) -> int | None:
    """When the carrier first said of this attempt that it has the order."""
    return next((heard.now for heard in carrier_order.heard if isinstance(heard.word, Pending)), None)


def _adopted(carrier_order: FollowedOrder) -> list[str]:
    words = carrier_order.words
    if not words:
        return ["placed"]
    if any(isinstance(word, Pending) for word in words):
        return ["pending_then_placed"]
    return ["adopted_after_unknown" if any(isinstance(word, Unknown) for word in words) else "adopted_after_absence"]


def _after_the_end(books: Books, order: Order, heard: OutcomeReport) -> list[str]:
    """A number that carries the id of an order that failed goes back, unless somebody has it by now."""
    word, name = heard.outcome, f"rel_{order.serial}"
    if order.state != "failed" or not isinstance(word, Placed) or word.reference != order.id:
        return ["heard_after_the_end"]
    finding = books.findings.get((order.carrier, order.e164, "orphan"))
    if finding is not None and finding[0] == "kept":
        return ["heard_after_the_end"]
    if books.numbers[order.e164].order_id is None and name not in books.releases:
        books.releases[name] = UnconfirmedRelease(name, order.carrier, order.e164, word.number_id, heard.now, heard.now)
    return ["heard_after_the_end", "late_placement_given_back"]


def _require_standing(order: Order, carrier_order: FollowedOrder, given: Any, *, again: bool) -> None:
    failure = None if given.order.failure is None else given.order.failure.code
    told = (given.order.id, given.order.state.value, failure, given.order.carrier_reference, given.again is not None)
    require((order.id, order.state, order.error, order.number_id, again), told, "standing of an order")
    if again:
        require(carrier_order.attempt, given.again.sends, "attempt")


def _end(carrier_order: FollowedOrder, now: int, error: str | None) -> None:
    carrier_order.next_at, carrier_order.parked_at, carrier_order.leased_until = None, None, None
    carrier_order.settled_at, carrier_order.error = now, error
