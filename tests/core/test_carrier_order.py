"""What follows from what a carrier says of an order: only a word without doubt ends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.carrier_order import (
    DELAYS,
    FEWEST_ABSENCES,
    LONGEST_DELAY,
    MOST_ATTEMPTS,
    Absent,
    Again,
    Capture,
    CarrierOrder,
    Keep,
    NotSent,
    OrderOutcome,
    Pending,
    Placed,
    Reason,
    Refused,
    Step,
    Unknown,
    Void,
    first_carrier_order,
)
from numberdesk.core.errors import CarrierRefused, CarrierUnavailable, NumberTaken
from numberdesk.core.schedule import LONGEST_MESSAGE, Schedule
from tests.core.hearing import AGAIN, LEASE, MINUTE, NOW, ORDERED, PROOF, SECOND, WINDOW, absences, at, hear, kept


def test_an_order_that_is_sent_is_looked_up_when_its_time_is_over_and_not_before() -> None:
    sent = first_carrier_order("ord_1", "acc_1", "acme", "+13612738809", now=NOW, wanted_for=30 * MINUTE, lease=LEASE)
    assert sent == CarrierOrder(
        "ord_1", "acc_1", "acme", "+13612738809", 1, NOW, NOW + 30 * MINUTE, next_at=NOW, leased_until=NOW + LEASE
    )


@pytest.mark.parametrize("reference", [None, "ord_1"])
@pytest.mark.parametrize("carrier_order", [ORDERED, AGAIN])
@pytest.mark.parametrize("attempt", [1, 2])
def test_a_number_that_is_ours_is_captured_whichever_attempt_it_came_from(
    carrier_order: CarrierOrder, reference: str | None, attempt: int
) -> None:
    assert hear(carrier_order, Placed("PN1", reference), attempt=attempt) == Capture("PN1")


def test_a_number_that_the_carrier_has_for_us_under_another_reference_is_left_open() -> None:
    seen = kept(absences(ORDERED, *PROOF[:-1]))._replace(attempts=0)
    assert kept(hear(seen, Placed("PN1", "ord_0"))) == ORDERED._replace(
        attempts=1,
        next_at=NOW + DELAYS[0],
        leased_until=None,
        message="the carrier has the number for us under the reference 'ord_0'",
    )


@pytest.mark.parametrize(
    ("word", "what"),
    [
        (Refused(Reason.TAKEN, "21422"), Void(NumberTaken(), final=True)),
        (Refused(Reason.OTHER, "21631"), Void(CarrierRefused(), final=True)),
        (Refused(Reason.THROTTLED, "429"), Void(CarrierUnavailable(), final=False)),
        (
            Refused(Reason.THROTTLED, "429", 7),
            Void(CarrierUnavailable(details={"retry_after": 7}), final=False),
        ),
        (Refused(Reason.ACCOUNT, "401"), Void(CarrierUnavailable(details={"retry_after": 300}), final=False)),
        (Refused(Reason.ACCOUNT, "402", 1), Void(CarrierUnavailable(details={"retry_after": 300}), final=False)),
        (NotSent("refused"), Void(CarrierUnavailable(), final=False)),
        (NotSent("paused", 9), Void(CarrierUnavailable(details={"retry_after": 9}), final=False)),
    ],
)
def test_a_definite_no_ends_the_order(word: OrderOutcome, what: Void) -> None:
    assert hear(ORDERED, word) == what


@pytest.mark.parametrize("reason", Reason)
def test_no_refusal_of_a_later_attempt_ends_the_order_because_the_one_before_may_have_bought(reason: Reason) -> None:
    carrier_order = kept(hear(AGAIN, Refused(reason, "21422")))
    assert (carrier_order.absences, carrier_order.absent_since, carrier_order.attempts) == (1, NOW, 1)
    assert carrier_order.message == "refused after an earlier attempt of ours: 21422"
    assert isinstance(hear(kept(absences(carrier_order, *PROOF[1:-1])), Placed("PN1")), Capture)
    assert absences(carrier_order, *PROOF[1:]) == Void(CarrierUnavailable(), final=False)


def test_what_a_carrier_answered_to_each_order_is_kept_beside_what_look_ups_find() -> None:
    carrier_order = kept(hear(kept(hear(ORDERED, Unknown("HTTP 502"))), Unknown("HTTP 503"), looked_up=True))
    assert (carrier_order.message, carrier_order.order_message) == ("HTTP 503", "HTTP 502")
    second = kept(hear(kept(hear(carrier_order._replace(sends=2), Refused(Reason.ACCOUNT, "HTTP 402"))), Absent()))
    assert second.order_message == "HTTP 502; attempt 2: HTTP 402"
    long = kept(hear(carrier_order._replace(sends=2, order_message="a" * 900), Unknown("b" * 900)))
    assert (long.order_message.rstrip("b"), len(long.order_message)) == ("a" * 150 + "; attempt 2: ", LONGEST_MESSAGE)


def test_a_later_attempt_that_was_not_sent_ends_nothing_because_the_one_before_may_have_bought() -> None:
    carrier_order = kept(hear(AGAIN, NotSent("down")))
    assert (carrier_order.absences, carrier_order.absent_since, carrier_order.attempts) == (1, NOW, 1)
    assert carrier_order.message == "not sent after an earlier attempt of ours: down"
    assert isinstance(hear(kept(absences(carrier_order, *PROOF[1:-1])), Placed("PN1")), Capture)
    assert absences(carrier_order, *PROOF[1:]) == Void(CarrierUnavailable(), final=False)


@pytest.mark.parametrize("word", [Refused(Reason.TAKEN, "late"), NotSent("late"), Absent(), Unknown("late")])
def test_a_word_about_an_attempt_before_changes_nothing(word: OrderOutcome) -> None:
    assert hear(AGAIN, word, attempt=1) == Keep(AGAIN)


@pytest.mark.parametrize("word", [Pending("queued"), Unknown("HTTP 500")])
def test_look_ups_come_at_growing_intervals_and_then_the_order_is_left_to_a_person(word: OrderOutcome) -> None:
    carrier_order, now, gaps = ORDERED, NOW, []
    for _ in range(len(DELAYS) + 1):
        carrier_order = kept(hear(carrier_order, word, now=now, window=LONGEST_DELAY * 100))
        if carrier_order.next_at is not None:
            gaps.append((carrier_order.next_at - now) // SECOND)
            now = carrier_order.next_at
    assert gaps == [2, 8, 50, 240, 3300, *[3600] * 23, *[86_400] * 4]
    assert sum(gaps) == 5 * 86_400
    assert (carrier_order.next_at, carrier_order.parked_at, carrier_order.attempts) == (None, now, len(DELAYS))
    last = kept(hear(ORDERED._replace(attempts=len(DELAYS), message="before"), word, window=LONGEST_DELAY))
    assert (last.parked_at, last.message) == (NOW, getattr(word, "message", "absent"))


@pytest.mark.parametrize("word", [Pending("queued"), Unknown("HTTP 500"), Absent()])
def test_a_schedule_that_is_given_says_when_to_look_and_when_to_leave_it_to_a_person(word: OrderOutcome) -> None:
    short = Schedule((3 * SECOND, 5 * SECOND), endless=False)
    first = kept(hear(ORDERED, word, schedule=short))
    second = kept(hear(first, word, schedule=short, now=NOW + 3 * SECOND))
    assert (first.next_at, second.next_at) == (NOW + 3 * SECOND, NOW + 8 * SECOND)
    parked = kept(hear(ORDERED._replace(attempts=2), word, schedule=short))
    assert (parked.next_at, parked.parked_at) == (None, NOW)


def test_an_order_that_was_parked_and_is_asked_about_anew_is_due_again() -> None:
    parked = ORDERED._replace(next_at=None, parked_at=NOW)
    carrier_order = kept(hear(parked, Unknown("?")))
    assert (carrier_order.parked_at, carrier_order.next_at) == (None, NOW + DELAYS[0])


@pytest.mark.parametrize(("word", "said"), [(Pending(""), "pending"), (Pending("x"), "x"), (Unknown("y"), "y")])
def test_what_was_said_is_noted(word: OrderOutcome, said: str) -> None:
    assert kept(hear(ORDERED, word)).message == said


def test_only_so_much_of_what_was_said_is_kept() -> None:
    assert kept(hear(ORDERED, Unknown("x" * 1000))).message == "x" * LONGEST_MESSAGE


@pytest.mark.parametrize("word", [Pending("there"), Placed("PN1", "ord_0")])
def test_a_sign_of_the_order_at_the_carrier_makes_what_was_absent_before_worthless(word: OrderOutcome) -> None:
    carrier_order = kept(hear(kept(absences(ORDERED, *PROOF[:-1])), word, now=NOW + WINDOW))
    assert (carrier_order.absences, carrier_order.absent_since) == (0, None)
    assert (carrier_order.counted_by, carrier_order.counts) == (None, None)


def test_what_a_carrier_said_that_it_has_is_never_proven_absent_and_ends_with_a_person() -> None:
    pending = kept(hear(kept(absences(ORDERED, *PROOF[:-1])), Pending("there"), now=NOW + 3))
    assert (pending.accepted_at, pending.absences) == (NOW + 3, 0)
    assert kept(hear(pending, Pending("there"), now=NOW + 4)).accepted_at == NOW + 3
    carrier_order, now = pending, NOW + 3
    for _ in DELAYS:
        carrier_order = kept(hear(carrier_order, Absent(), now=now))
        assert (carrier_order.sends, carrier_order.absences, carrier_order.absent_since) == (1, 0, None)
        assert carrier_order.message == "absent, though the carrier said that it has the order"
        now = carrier_order.next_at or now
    assert carrier_order.parked_at == now
    assert isinstance(hear(pending, Refused(Reason.OTHER, "no")), Void)
    assert isinstance(hear(pending, Placed("PN1")), Capture)


def test_a_refusal_that_a_look_up_finds_of_a_later_attempt_may_be_that_of_the_one_before() -> None:
    no = Refused(Reason.OTHER, "failed")
    assert isinstance(hear(ORDERED, no, looked_up=True), Void)
    carrier_order = kept(hear(AGAIN, no, looked_up=True))
    assert (carrier_order.absences, carrier_order.absent_since) == (1, NOW)
    assert isinstance(absences(AGAIN, *PROOF[:-1], WINDOW - 1, word=no, looked_up=True), Keep)
    accepted = AGAIN._replace(accepted_at=NOW)
    assert absences(accepted, *PROOF, word=no, looked_up=True) == Void(CarrierUnavailable(), final=False)


def test_to_a_carrier_that_is_not_in_use_nothing_is_sent_once_more() -> None:
    assert absences(ORDERED, *PROOF, may_send=False) == Void(CarrierUnavailable(), final=False)


def test_no_answer_is_neither_a_sign_nor_an_absence() -> None:
    carrier_order = kept(hear(kept(absences(ORDERED, *PROOF[:-1])), Unknown("HTTP 503"), now=NOW + WINDOW - 1))
    assert (carrier_order.absences, carrier_order.absent_since) == (3, NOW)
    assert isinstance(hear(carrier_order, Absent(), now=NOW + WINDOW), Again)


def proven(carrier_order: CarrierOrder) -> Step:
    return absences(carrier_order, *PROOF)


def test_an_order_that_never_arrived_is_sent_once_more_while_its_customer_waits() -> None:
    what = proven(ORDERED)
    assert what == Again(
        ORDERED._replace(
            sends=2,
            attempted_at=NOW + WINDOW,
            next_at=NOW + WINDOW,
            leased_until=NOW + WINDOW + LEASE,
            message="absent over the whole window: sent once more",
        )
    )


@pytest.mark.parametrize("carrier_order", [ORDERED._replace(wanted_until=NOW + WINDOW), AGAIN])
def test_it_is_given_up_when_nobody_waits_any_more_or_it_was_sent_twice(carrier_order: CarrierOrder) -> None:
    assert proven(carrier_order) == Void(CarrierUnavailable(), final=False)
    assert AGAIN.sends == MOST_ATTEMPTS


words = st.one_of(
    st.builds(Placed, st.just("PN1"), st.sampled_from([None, "ord_1", "ord_0", ""])),
    st.builds(Pending, st.text(max_size=5)),
    st.builds(Refused, st.sampled_from(Reason), st.text(max_size=5), st.sampled_from([None, 3])),
    st.builds(NotSent, st.text(max_size=5)),
    st.builds(Absent),
    st.builds(Unknown, st.text(max_size=500)),
)


stories = st.lists(
    st.tuples(words, st.integers(0, WINDOW), st.integers(1, 3), st.integers(-9 * WINDOW, 9 * WINDOW)), max_size=40
)


@given(stories)
def test_whatever_is_heard_an_order_is_sent_twice_at_most_and_never_ends_in_doubt(
    story: list[tuple[OrderOutcome, int, int, int]],
) -> None:
    carrier_order, elapsed, absent_from = ORDERED, 0, None
    for word, gap, attempt, wrong in story:
        elapsed += gap
        now = NOW + elapsed + wrong
        what = hear(carrier_order, word, now=now, attempt=attempt, inquiry=at(elapsed))
        if isinstance(word, Absent | Refused | NotSent) and attempt == carrier_order.sends and absent_from is None:
            absent_from = elapsed
        check_end(what, word, carrier_order, 0 if absent_from is None else elapsed - absent_from)
        if isinstance(what, Capture | Void):
            return
        if isinstance(what, Again):
            absent_from = None
        if attempt != carrier_order.sends and not isinstance(word, Placed):
            assert what == Keep(carrier_order)
            continue
        carrier_order = what.carrier_order
        assert 1 <= carrier_order.sends <= MOST_ATTEMPTS
        assert (carrier_order.next_at is None) == (carrier_order.parked_at is not None)
        assert carrier_order.next_at is None or now <= carrier_order.next_at <= now + LONGEST_DELAY
        assert len(carrier_order.message) <= LONGEST_MESSAGE


def check_end(what: Step, word: OrderOutcome, before: CarrierOrder, absent_for: int) -> None:
    """Only a word without doubt ends an order, or absence of so many look-ups over the whole window."""
    if isinstance(what, Capture):
        assert isinstance(word, Placed)
        assert word.reference in (None, before.order_id)
    elif not isinstance(what, Keep):
        assert isinstance(word, Absent | Refused | NotSent)
        if before.sends > 1 or isinstance(word, Absent):
            assert before.absences + 1 >= FEWEST_ABSENCES
            assert absent_for >= WINDOW
