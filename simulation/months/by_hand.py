"""What somebody does by hand in the consoles of the carrier and of LiveKit, and where the carrier itself slips.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from numberdesk.core.connection import WebhookRoute
from simulation.months.carrier import CallingCompany
from simulation.months.facts import NORTH, Facts, Settings
from simulation.months.plan import HOUR, MonthsPlan
from simulation.world import World
from testbed.carrier_books import Held

_RARELY: Final = 60


class ByHand:
    """Somebody who does something every few days, and tells nobody. `strays` are numbers that nobody has yet."""

    def __init__(
        self,
        world: World,
        plan: MonthsPlan,
        facts: Facts,
        company: CallingCompany,
        strays: Sequence[str],
        of_trunks: Sequence[Callable[[], None]],
    ) -> None:
        self._world = world
        self._plan = plan
        self._facts = facts
        self._company = company
        self._strays = list(strays)
        self._lost: list[Held] = []
        self._exchanged: list[tuple[Held, Held]] = []
        self._deeds = (
            self._lead_elsewhere, self._lead_elsewhere, self._delete_object, self._delete_object, self._set_a_name,
            *of_trunks, self._lose, self._stray, self._exchange,
        )  # fmt: skip

    async def run(self) -> None:
        """In some histories nobody ever does anything."""
        while self._plan.by_hand:
            await asyncio.sleep(self._world.between(HOUR, _RARELY * HOUR / self._plan.by_hand))
            if self._world.late:
                return
            self._world.fault("changed by hand at the carrier")
            self._world.one_of(self._deeds)()

    # Where calls go, and what else is set.

    def _lead_elsewhere(self) -> None:
        """A number leads elsewhere."""
        board = self._company.switchboard
        if board.set:
            e164 = self._world.one_of(list(board.set))
            board.drift(e164, WebhookRoute("https://elsewhere.example/"))
            if e164 in self._facts.as_found:
                self._facts.as_found[e164] = board.set[e164]

    def _delete_object(self) -> None:
        """What was made for a connection is deleted, with whatever numbers use it."""
        board = self._company.switchboard
        if not board.made:
            return
        uses = Counter(there.connection_id for there in board.set.values() if there.object_id)
        most = max(board.made, key=lambda one: uses[one])
        connection_id = most if self._world.happens(0.7) else self._world.one_of(list(board.made))
        users = board.delete(connection_id, unlinks=self._world.happens(0.5))
        self._world.reached("object_of_several_deleted" if len(users) > 1 else "object_deleted")

    def _set_a_name(self) -> None:
        """Another caller name is set."""
        settings = self._company.settings
        if settings:
            settings[self._world.one_of(list(settings))] = Settings("", "BY HAND")

    # Whose numbers they are.

    def _lose(self) -> None:
        """The carrier loses a number that somebody rents, or gives back one that it had lost."""
        back = [held for held in self._lost if self._facts.live(held.e164) is not None]
        if back and self._world.happens(0.5):
            held = self._world.one_of(back)
            self._lost.remove(held)
            self._facts.lost.discard(held.e164)
            self._company.have_again(held)
            self._world.reached("lost_number_came_back")
            return
        rented = self._rented()
        if rented:
            held = self._world.one_of(rented)
            self._world.fault("carrier loses a number")
            self._company.lose(held)
            self._lost.append(held)
            self._facts.lost.add(held.e164)
            self._facts.as_found.pop(held.e164, None)
            self.gone(held)

    def _stray(self) -> None:
        """A number stands on the account that nobody has in the books."""
        if self._strays:
            e164 = self._strays.pop()
            self._world.fault("carrier gives a number unasked")
            self._company.buy(e164, "unasked")
            self._facts.found.add(e164)
            self._facts.as_found[e164] = None

    def _exchange(self) -> None:
        """Two numbers get each other's id, or have their own again."""
        if self._exchanged and self._world.happens(0.5):
            pair = self._world.one_of(self._exchanged)
            self._exchanged.remove(pair)
        else:
            rented = [held for held in self._rented() if not any(held in pair for pair in self._exchanged)]
            if len(rented) <= 1:
                return
            one = self._world.one_of(rented)
            pair = one, self._world.one_of([held for held in rented if held is not one])
            self._exchanged.append(pair)
            self._world.fault("carrier exchanges the ids of two numbers")
        pair[0].number_id, pair[1].number_id = pair[1].number_id, pair[0].number_id

    def gone(self, held: Held) -> None:
        """A number is not on the account any more: the one that had its id has its own again."""
        for pair in [pair for pair in self._exchanged if held in pair]:
            self._exchanged.remove(pair)
            pair[0].number_id, pair[1].number_id = pair[1].number_id, pair[0].number_id

    def _rented(self) -> list[Held]:
        """What the carrier has of its rented numbers."""
        live = [one.e164 for one in self._facts.rented.values() if one.carrier == NORTH and one.ended_at is None]
        return [self._company.ours[e164] for e164 in live if e164 in self._company.ours]
