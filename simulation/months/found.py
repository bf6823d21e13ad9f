"""The judge of adoptions: nothing at the carrier changes by them, and what is for sale is the operator's own.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulation.months.books import Books
from simulation.months.carrier import CallingCompany
from simulation.months.facts import NORTH, NOTHING_SET, POOL, Facts
from simulation.process import Applied
from simulation.world import World


class FoundNumbers:
    """Numbers that stood at the carrier before. Told of every commit, and of what the carrier is about to do."""

    def __init__(self, world: World, facts: Facts, books: Books, company: CallingCompany) -> None:
        self._world = world
        self._facts = facts
        self._books = books
        self._company = company
        self._rented_before: dict[str, int] = {}
        self._may_be_set: set[str] = set()

    def committed(self, log: Sequence[Applied]) -> None:
        """A transaction is on the disk: whose numbers are for sale by now, and which are to lead elsewhere."""
        for applied in log:
            for command, outcome in zip(applied.commands, applied.outcomes, strict=True):
                if applied.flow == "adopt":
                    for one, adopted in zip(command.commands, outcome, strict=True):
                        self._adopted(one, adopted)
                elif applied.flow == "undo adoption" and not isinstance(outcome, Exception):
                    self._undone(command.e164)
                elif not isinstance(outcome, Exception):
                    self._asked(applied.flow, command)

    def _adopted(self, command: Any, outcome: Any) -> None:
        if isinstance(outcome, Exception) or not outcome.anew:
            return
        e164 = command.e164
        if command.account_id is None:
            if ("offer", e164) not in self._facts.asked:
                raise self._world.broken("adoptions", f"nobody let {e164} be sold")
            self._facts.carriers[e164] = POOL
            self._rented_before[e164] = len(self._facts.rentals_of(e164))
            self._world.reached("adopted_for_sale")
        else:
            self._world.reached("adopted")
            if command.connection_id is not None:
                self._facts.as_found.pop(e164, None)

    def _undone(self, e164: str) -> None:
        if self._facts.carriers[e164] == NORTH:
            return
        self._books.learn_rentals()
        if len(self._facts.rentals_of(e164)) != self._rented_before[e164]:
            raise self._world.broken("adoptions", f"{e164} was sold, and is for sale no more")
        self._facts.carriers[e164] = NORTH
        self._world.reached("offer_undone")

    def _asked(self, flow: str, command: Any) -> None:
        """Somebody asks for something that the carrier has to be told of."""
        e164 = getattr(command, "e164", "")
        if self._facts.carriers.get(e164) != NORTH:
            return
        if flow in ("assign", "transfer") and command.connection_id is not None:
            self._facts.as_found.pop(e164, None)
        if flow == "want settings":
            self._may_be_set.add(e164)

    # What the carrier is told.

    def connected(self, e164: str) -> None:
        """The carrier is told where calls to a number go."""
        if e164 in self._facts.as_found:
            raise self._world.broken("adoptions", f"the carrier is told where {e164} leads, for which nobody asked")

    def set_up(self, e164: str) -> None:
        """The carrier is told what else a number is to have."""
        if e164 in self._facts.found - self._may_be_set:
            raise self._world.broken("adoptions", f"the carrier is told what {e164} has, for which nobody asked")

    def given_back(self, e164: str) -> None:
        """The carrier is to have a number back."""
        if self._facts.carriers[e164] == POOL:
            raise self._world.broken("adoptions", f"{e164} is the operator's own, and goes back to its carrier")
        if self._facts.is_nobodys(e164) and ("give back", e164) not in self._facts.asked:
            raise self._world.broken("adoptions", f"{e164} was adopted by nobody, and goes back to its carrier")
        self._facts.as_found.pop(e164, None)

    # The end.

    def at_rest(self) -> None:
        """What nobody asked for is as it was; of what was undone nothing is left."""
        board = self._company.switchboard
        for e164, there in self._facts.as_found.items():
            if board.set.get(e164) != there or self._company.has(e164) is None:
                raise self._world.broken("adoptions", f"{e164} led to {there}, and leads to {board.set.get(e164)}")
            self._world.reached("left_as_found")
        for e164 in sorted(self._facts.found - self._facts.as_found.keys()):
            gone = self._company.has(e164) is None and (
                e164 in self._facts.lost or ("give back", e164) in self._facts.asked
            )
            if self._facts.is_nobodys(e164) and self._facts.carriers[e164] == NORTH and not gone:
                self._judge_nobodys(e164)

    def _judge_nobodys(self, e164: str) -> None:
        there = self._company.switchboard.set.get(e164)
        settings = self._company.settings.get(e164, NOTHING_SET)
        said = self._books.rows("SELECT 1 FROM number_settings WHERE e164 = ? AND may_have = 1 AND message <> ''", e164)
        if self._company.has(e164) is None:
            raise self._world.broken("adoptions", f"{e164} was undone, and is not on the account any more")
        if there is not None and there.connection_id:
            raise self._world.broken("adoptions", f"{e164} was undone, and still leads to {there}")
        if settings != NOTHING_SET and settings.name != "BY HAND" and not said:
            raise self._world.broken("adoptions", f"{e164} was undone, and still has {settings}")
        self._world.reached("undone_and_clean")
