"""The simulated carrier: what it does is in its own books, whatever it says and whenever its lists show it."""

from __future__ import annotations

import random
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from numberdesk.carriers.port import Released, Setup
from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Reason, Refused, Unknown
from simulation.carriers import SimulatedCarrier
from simulation.company import Company
from simulation.plan import Plan
from simulation.world import Trace, Violation, World
from testbed.carrier_books import Does, Market

NUMBER: Final = "+13613000000"
LAG: Final = 600.0


@pytest.fixture
def world() -> Iterator[World]:
    world = World(1, Trace())
    with world.loop.running():
        yield world


class Shop:
    """A carrier with a scripted deed, and the adapter that asks it."""

    def __init__(self, world: World, *, references: bool = True, does: Does = Does.BUYS, **plan: Any) -> None:
        quiet = {"look_up_fails": 0.0, "release_fails": 0.0, "outage": 0.0, "lag": LAG, "reference_lag": LAG}
        world.plan = replace(
            Plan.drawn(random.Random(1)), **{**quiet, "deeds": (does,), "breaks_window": False, **plan}
        )
        self.world = world
        self.company = Company(world, "north", [NUMBER, f"{NUMBER}1"], Market(), keeps_references=references)
        self.company.noted = lambda _: 2
        self.line = SimulatedCarrier(world, self.company, Setup({}))

    def hear(self, story: Coroutine[Any, Any, Any]) -> Any:
        """Let a question be asked and answered."""
        loop = self.world.loop
        task = loop.create_task(story)
        while not task.done():
            if loop.ready:
                loop.run_one(0)
            else:
                timer = loop.next_timer()
                assert timer is not None
                loop.advance(timer)
        return task.result()

    def order(self, reference: str = "ord_1") -> Any:
        return self.hear(self.line.order(NUMBER, reference))

    def find(self, reference: str = "ord_1") -> Any:
        return self.hear(self.line.find(NUMBER, reference))

    def wait(self, seconds: float) -> None:
        self.world.loop.advance(self.world.loop.time() + seconds)


def test_what_was_bought_is_shown_when_lists_have_caught_up(world: World) -> None:
    shop = Shop(world)
    placed = shop.order()
    assert isinstance(placed, Placed)
    assert shop.find() == Absent()
    shop.wait(LAG)
    assert shop.find() == placed


def test_a_number_that_went_back_is_shown_until_lists_have_caught_up(world: World) -> None:
    shop = Shop(world)
    placed = shop.order()
    shop.wait(LAG)
    assert shop.hear(shop.line.release(NUMBER, placed.number_id)) == Released()
    assert shop.company.has(NUMBER) is None
    assert isinstance(shop.find(), Placed)
    shop.wait(LAG)
    assert shop.find() == Absent()


@pytest.mark.parametrize("does", [Does.BUYS_SILENTLY, Does.RESETS, Does.BREAKS, Does.BUYS_TOO_LATE, Does.NAMES_ANOTHER])
def test_whoever_is_not_told_may_have_bought(world: World, does: Does) -> None:
    shop = Shop(world, does=does)
    assert isinstance(shop.order(), Unknown)
    held = shop.company.has(NUMBER)
    assert held is not None
    assert held.reference == "ord_1"


@pytest.mark.parametrize(("does", "word"), [(Does.LOSES, Unknown), (Does.NOT_SENT, NotSent), (Does.THROTTLES, Refused)])
def test_whoever_is_told_nothing_or_no_may_have_bought_nothing(world: World, does: Does, word: type[object]) -> None:
    shop = Shop(world, does=does)
    assert isinstance(shop.order(), word)
    assert not shop.company.sold


def test_an_order_that_is_decided_later_is_pending_until_then(world: World) -> None:
    shop = Shop(world, does=Does.BUYS_LATER, lag=0.0, reference_lag=0.0)
    assert isinstance(shop.order(), Pending)
    assert isinstance(shop.find(), Pending)
    shop.wait(11 * 3600)
    assert isinstance(shop.find(), Placed)


def test_a_purchase_that_comes_late_comes_at_its_time_though_all_others_are_held_up(world: World) -> None:
    shop = Shop(world, does=Does.BUYS_LATE)
    assert isinstance(shop.order(), Unknown)
    began = world.loop.time()
    shop.wait(10 * 24 * 3600)
    held = shop.company.has(NUMBER)
    assert held is not None
    assert held.since < began + 900 - LAG


def test_a_carrier_without_references_knows_numbers_only(world: World) -> None:
    shop = Shop(world, references=False, lag=0.0)
    assert shop.order() == Placed(NUMBER, None)
    assert shop.find("ord_2") == Placed(NUMBER, None)


def test_a_number_is_sold_once(world: World) -> None:
    shop = Shop(world)
    shop.order()
    word = shop.order("ord_2")
    assert isinstance(word, Refused)
    assert word.reason is Reason.TAKEN
    assert len(shop.company.sold) == 1


def test_an_order_that_is_sent_more_often_than_the_books_have_it_is_a_violation(world: World) -> None:
    shop = Shop(world, does=Does.NEVER_ENDS)
    shop.company.noted = lambda _: 1
    shop.order()
    shop.order()
    assert isinstance(world.violation, Violation)
    assert world.violation.rule == "I8"


def test_nothing_reaches_a_carrier_that_is_down(world: World) -> None:
    shop = Shop(world)
    shop.company.down_until = world.loop.time() + 3600
    assert isinstance(shop.order(), NotSent | Unknown)
    assert isinstance(shop.find(), Unknown)
    assert not shop.company.sold
