"""Turns: nobody has more than its share, nobody waits longer than one round, and no place is lost."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.turns import GivenTurn, TurnAnswer, Turns

NOW, LATER, TOO_MANY = TurnAnswer.NOW, TurnAnswer.LATER, TurnAnswer.TOO_MANY


def turns(at_once: int = 4, each: int = 2, waiting: int = 3) -> Turns[int]:
    return Turns(at_once=at_once, each=each, waiting=waiting)


def test_a_party_gets_its_share_then_waits_then_is_too_many() -> None:
    asked = turns()
    answers = [asked.ask("mad", place) for place in range(7)]
    assert answers == [NOW, NOW, LATER, LATER, LATER, TOO_MANY, TOO_MANY]
    assert (asked.taken, asked.waiting) == (2, 3)
    assert asked.has_its_share("mad")


def test_another_finds_a_place_free_however_many_of_one_party_wait() -> None:
    asked = turns()
    for place in range(9):
        asked.ask("mad", place)
    assert [asked.ask("calm", place) for place in range(3)] == [NOW, NOW, LATER]
    assert not asked.has_its_share("other")


def test_a_place_that_is_given_back_goes_to_the_asker_who_waited_longest() -> None:
    asked = turns()
    for place in range(5):
        asked.ask("mad", place)
    assert [asked.end("mad") for _ in range(5)] == [
        GivenTurn("mad", 2),
        GivenTurn("mad", 3),
        GivenTurn("mad", 4),
        None,
        None,
    ]
    assert (asked.taken, asked.waiting) == (0, 0)
    assert asked.ask("mad", 9) is NOW


def test_parties_take_turns_not_askers() -> None:
    asked = turns(at_once=1, each=1, waiting=9)
    asked.ask("first", 0)
    for party, many in (("mad", 5), ("calm", 2), ("other", 1)):
        for place in range(many):
            assert asked.ask(party, place) is LATER
    order = ["first"]
    while (given_to := asked.end(order[-1])) is not None:
        order.append(str(given_to.party))
    assert order == ["first", "mad", "calm", "other", "mad", "calm", "mad", "mad", "mad"]


def test_a_party_that_has_its_share_is_passed_over_and_keeps_its_place_in_the_round() -> None:
    asked = turns(at_once=3, each=2)
    for party, place in (("mad", 1), ("mad", 2), ("calm", 3), ("mad", 4), ("calm", 5), ("other", 6)):
        asked.ask(party, place)
    assert asked.end("calm") == GivenTurn("calm", 5)
    assert asked.end("mad") == GivenTurn("mad", 4)
    assert asked.end("calm") == GivenTurn("other", 6)


def test_where_the_party_that_ends_is_the_only_one_that_waits_its_place_is_its_own_again() -> None:
    asked = turns(at_once=4, each=1)
    assert [asked.ask("mad", place) for place in range(2)] == [NOW, LATER]
    assert asked.taken == 1
    assert asked.end("mad") == GivenTurn("mad", 1)


def test_one_who_leaves_waits_no_more_and_makes_room() -> None:
    asked = turns(at_once=1, each=1, waiting=2)
    assert [asked.ask("mad", place) for place in range(4)] == [NOW, LATER, LATER, TOO_MANY]
    assert not asked.has_room("mad")
    assert asked.leave("mad", 1)
    assert asked.has_room("mad")
    assert not asked.leave("mad", 1)
    assert not asked.leave("calm", 1)
    assert asked.ask("mad", 4) is LATER
    assert asked.end("mad") == GivenTurn("mad", 2)
    assert asked.leave("mad", 4)
    assert asked.waiting == 0
    assert asked.end("mad") is None


def test_the_house_waits_for_its_turn_but_is_never_too_many() -> None:
    asked = turns(at_once=1, each=1, waiting=1)
    asked.ask("mad", 0)
    assert [asked.ask(None, place) for place in range(50)] == [LATER] * 50
    assert asked.has_room(None)
    assert [asked.ask("mad", 1), asked.ask("mad", 2)] == [LATER, TOO_MANY]
    given_to = [asked.end("mad"), asked.end(None), asked.end("mad")]
    assert given_to == [GivenTurn(None, 0), GivenTurn("mad", 1), GivenTurn(None, 1)]


def test_there_is_room_where_a_place_is_free_though_nobody_may_wait() -> None:
    asked = turns(at_once=2, each=1, waiting=0)
    assert asked.has_room("mad")
    assert asked.ask("mad", 1) is NOW
    assert not asked.has_room("mad")
    assert asked.ask("mad", 2) is TOO_MANY
    assert asked.ask("calm", 3) is NOW
    assert not asked.has_room("other")


PARTIES = st.sampled_from(["a", "b", "c", None])


@given(
    st.integers(1, 5), st.integers(1, 5), st.integers(0, 4), st.lists(st.tuples(PARTIES, st.booleans()), max_size=80)
)
def test_whatever_comes_and_goes_bounds_hold_and_no_place_stays_free_that_somebody_waits_for(
    at_once: int, each: int, waiting: int, steps: list[tuple[str | None, bool]]
) -> None:
    asked = Turns[int](at_once=at_once, each=each, waiting=waiting)
    running: Counter[str | None] = Counter()
    queued: dict[str | None, list[int]] = {}
    for place, (party, comes) in enumerate(steps):
        if comes:
            answer = asked.ask(party, place)
            running[party] += answer is NOW
            if answer is LATER:
                queued.setdefault(party, []).append(place)
            assert (answer is TOO_MANY) <= (party is not None and len(queued.get(party, [])) == waiting)
        elif running[party]:
            running[party] -= 1
            if (given_to := asked.end(party)) is not None:
                assert queued[given_to.party].pop(0) == given_to.asker
                running[given_to.party] += 1
        assert asked.taken == running.total() <= at_once
        assert max(running.values(), default=0) <= each
        assert asked.waiting == sum(map(len, queued.values()))
        for name, askers in queued.items():
            assert not askers or running[name] >= each or running.total() == at_once


@pytest.mark.parametrize("others", [1, 3, 8])
@given(mad=st.integers(1, 30))
def test_one_partys_waiting_delays_another_by_no_more_than_its_turn(others: int, mad: int) -> None:
    """Whoever comes waits for one place of each party that waits, however many askers these have."""
    asked = turns(at_once=1, each=1, waiting=100)
    asked.ask("running", 0)
    for name in range(others):
        for place in range(mad):
            asked.ask(f"mad {name}", place)
    asked.ask("calm", 1)
    order = ["running"]
    while order[-1] != "calm":
        given_to = asked.end(order[-1])
        assert given_to is not None
        order.append(str(given_to.party))
    assert order == ["running", *(f"mad {name}" for name in range(others)), "calm"]
