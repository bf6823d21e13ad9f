"""What must become of an order at a carrier, by the contract of core/carrier_order.py and docs/decisions.

Touches: nothing.

Which word a carrier said cannot be known from the commands before, so it comes with the command; what
follows from it is worked out here from all the words that were heard, not from what was made of them.
"""

from __future__ import annotations

from typing import Any, Final

from numberdesk.core.carrier_order import Absent, NotSent, OutcomeReport, Pending, Placed, Reason, Refused, Unknown
from numberdesk.core.errors import NotFound, OrderEnded
from numberdesk.flows.purchase.resolve_orders import OrderResolution, ResolveOrder
from simulation.books import Books, Chase, GivingBack, Order, require
from simulation.plan import DAY, MINUTE
from simulation.world import MICROSECONDS

_DELAYS: Final = (2, 8, 50, 4 * MINUTE, 55 * MINUTE, DAY, DAY, DAY, DAY, DAY)
"""Seconds between look-ups: 2 s, 10 s, 1 min, 5 min, 1 h after the attempt, then daily for five days."""

_FEWEST_ABSENCES: Final = 4
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
        carrier_order.heard.clear()
        carrier_order.next_at, carrier_order.parked_at, carrier_order.leased_until = command.now, None, None
        carrier_order.wanted_until = command.now + command.window + _JUDGED_WAIT
    require((order.id, order.state), (given.id, given.state.value), "resolved order")
    return [f"resolved_{command.resolution}"]


def chase_row(carrier_order: Chase) -> tuple[Any, ...]:
    """As the table has it, but for what the carrier said and how the refusal is worded."""
    absences = _absences(carrier_order)
    return (
        carrier_order.order_id,
        carrier_order.account_id,
        carrier_order.carrier,
        carrier_order.e164,
        carrier_order.attempt,
        carrier_order.attempted_at,
        carrier_order.wanted_until,
        _absences_counted(carrier_order),
        _absent_since(absences),
        _accepted_at(carrier_order),
        carrier_order.next_at,
        min(len(carrier_order.heard), len(_DELAYS)),
        carrier_order.parked_at,
        carrier_order.leased_until,
        carrier_order.settled_at,
        carrier_order.error,
    )


def void(books: Books, order: Order, carrier_order: Chase, error: str, now: int, *, final: bool) -> None:
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


def _hear(books: Books, order: Order, carrier_order: Chase, heard: OutcomeReport) -> list[str]:
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
    return _ask_again(carrier_order, word, now)


def _not_sent(books: Books, order: Order, carrier_order: Chase, heard: OutcomeReport) -> list[str]:
    if carrier_order.attempt > 1:
        return _not_there(books, order, carrier_order, heard)
    void(books, order, carrier_order, "carrier_unavailable", heard.now, final=False)
    return ["order_not_sent"]


def _refused(books: Books, order: Order, carrier_order: Chase, word: Refused, heard: OutcomeReport) -> list[str]:
    now = heard.now
    if carrier_order.attempt > 1:
        goal = "refused_perhaps_before" if heard.looked_up else "refused_after_an_attempt"
        return [goal, *_not_there(books, order, carrier_order, heard)]
    pending = any(isinstance(before, Pending) for before, _ in carrier_order.heard)
    code = {Reason.TAKEN: "number_taken", Reason.OTHER: "carrier_refused"}.get(word.reason, "carrier_unavailable")
    void(books, order, carrier_order, code, now, final=word.reason in (Reason.TAKEN, Reason.OTHER))
    return [f"carrier_said_{word.reason}", *(["pending_then_refused"] if pending else [])]


def _absent(books: Books, order: Order, carrier_order: Chase, heard: OutcomeReport) -> list[str]:
    if _accepted_at(carrier_order) is not None:
        return ["absent_though_accepted", *_ask_again(carrier_order, Unknown(""), heard.now)]
    return _not_there(books, order, carrier_order, heard)


def _not_there(books: Books, order: Order, carrier_order: Chase, heard: OutcomeReport) -> list[str]:
    """Absence is a proof when it was seen so often and over the whole window; then once more, or given up."""
    now = heard.now
    before = _absences(carrier_order)
    since = _absent_since(before)
    counted = _absences_counted(carrier_order) + 1
    proven = since is not None and since + heard.window <= now and counted >= _FEWEST_ABSENCES
    if not proven:
        return _ask_again(carrier_order, Absent(), now, window=heard.window)
    if heard.may_send and now < carrier_order.wanted_until and carrier_order.attempt < _MOST_ATTEMPTS:
        carrier_order.attempt, carrier_order.attempted_at = carrier_order.attempt + 1, now
        carrier_order.next_at, carrier_order.leased_until = now, now + heard.lease
        carrier_order.heard.clear()
        return ["second_attempt"]
    void(books, order, carrier_order, "carrier_unavailable", now, final=False)
    return ["voided_after_proof"]


def _ask_again(carrier_order: Chase, word: Any, now: int, *, window: int | None = None) -> list[str]:
    """The order stays open and is looked up later, the sooner the proof; after the last look-up a person decides."""
    looks = len(carrier_order.heard)
    carrier_order.heard.append((word, now))
    carrier_order.leased_until = None
    if looks >= len(_DELAYS):
        carrier_order.next_at, carrier_order.parked_at = None, now
        return ["parked"]
    carrier_order.next_at, carrier_order.parked_at = now + _DELAYS[looks] * MICROSECONDS, None
    since = _absent_since(_absences(carrier_order))
    if window is not None and since is not None and (since < now or _absences_counted(carrier_order) == 1):
        soonest = max(since + window, now + _DELAYS[0] * MICROSECONDS)
        carrier_order.next_at = min(carrier_order.next_at, soonest)
    return ["unknown" if isinstance(word, Unknown) else "kept_open"]


def _absences(carrier_order: Chase) -> list[int]:
    """When nothing was found, since the last sign that there is something. A clock that went back begins anew."""
    seen: list[int] = []
    for word, now in carrier_order.heard:
        if isinstance(word, Absent):
            seen = [*seen, now] if not seen or now >= seen[0] else [now]
        elif not isinstance(word, Unknown):
            seen = []
    return seen


def _absences_counted(carrier_order: Chase) -> int:
    """How often nothing was found since that sign, clocks aside."""
    count = 0
    for word, _ in carrier_order.heard:
        count = count + 1 if isinstance(word, Absent) else count if isinstance(word, Unknown) else 0
    return count


def _accepted_at(carrier_order: Chase) -> int | None:
    """When the carrier first said of this attempt that it has the order."""
    return next((now for word, now in carrier_order.heard if isinstance(word, Pending)), None)


def _absent_since(absences: list[int]) -> int | None:
    return absences[0] if absences else None


def _adopted(carrier_order: Chase) -> list[str]:
    words = [word for word, _ in carrier_order.heard]
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
        books.releases[name] = GivingBack(name, order.carrier, order.e164, word.number_id, heard.now, heard.now)
    return ["heard_after_the_end", "late_placement_given_back"]


def _require_standing(order: Order, carrier_order: Chase, given: Any, *, again: bool) -> None:
    failure = None if given.order.failure is None else given.order.failure.code
    told = (given.order.id, given.order.state.value, failure, given.order.carrier_reference, given.again is not None)
    require((order.id, order.state, order.error, order.number_id, again), told, "standing of an order")
    if again:
        require(carrier_order.attempt, given.again.sends, "attempt")


def _end(carrier_order: Chase, now: int, error: str | None) -> None:
    carrier_order.next_at, carrier_order.parked_at, carrier_order.leased_until = None, None, None
    carrier_order.settled_at, carrier_order.error = now, error
