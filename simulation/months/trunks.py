"""A LiveKit server: it loses requests and answers, and says that it has done what it has not.

Touches: database, clock.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from numberdesk.infra.http import HttpRequest, HttpResponse, NoAnswerError, NotSentError
from simulation.months.books import Books
from simulation.months.facts import Facts
from simulation.world import MICROSECONDS, World
from testbed.livekit import LiveKitServer

FOREIGN: Final = "+15550000001"
"""A number of somebody else in each trunk, which nobody here may touch."""


class TrunkServer:
    """The way there and back, and the server. `lies` is how often it says that it has done what it has not."""

    def __init__(self, world: World, lies: float) -> None:
        self.server = LiveKitServer(trunks={}, open_trunks=set(), now=lambda: world.now() / MICROSECONDS)
        self._world = world
        self._lies = lies
        self._trunk_ids: dict[str, None] = {}

    def make(self, trunk_id: str) -> None:
        """A trunk, in which somebody has a number already."""
        self.server.trunks[trunk_id] = [FOREIGN]
        self._trunk_ids[trunk_id] = None

    def take_off_by_hand(self) -> None:
        """Somebody takes one of our numbers off."""
        there = [(trunk, one) for trunk, numbers in self.server.trunks.items() for one in numbers if one != FOREIGN]
        if there:
            trunk, e164 = self._world.one_of(there)
            self.server.trunks[trunk].remove(e164)
            self._world.reached("taken_off_by_hand")

    def delete_by_hand(self) -> None:
        """Somebody deletes a whole trunk, or makes one anew that was deleted, in which somebody else has a number."""
        deleted = [trunk_id for trunk_id in self._trunk_ids if trunk_id not in self.server.trunks]
        if deleted and self._world.happens(0.5):
            self.make(self._world.one_of(deleted))
            self._world.reached("trunk_made_anew")
        elif self.server.trunks:
            trunk_id = self._world.one_of(list(self.server.trunks))
            ours = len(self.server.trunks.pop(trunk_id)) - 1
            self._world.reached("trunk_of_several_deleted" if ours > 1 else "trunk_deleted")

    async def send(self, request: HttpRequest) -> HttpResponse:
        """What a request comes to."""
        fails = self._world.plan.release_fails / 2
        await self._travel()
        if not self._world.calm and self._world.happens(fails):
            self._world.fault("request to a trunk lost")
            raise NotSentError("no connection in time")
        answer = await self._answered(request)
        await self._travel()
        if not self._world.calm and self._world.happens(fails):
            self._world.fault("trunk changed, answer lost")
            raise NoAnswerError("no answer in time")
        return answer

    async def _answered(self, request: HttpRequest) -> HttpResponse:
        before = {trunk: list(numbers) for trunk, numbers in self.server.trunks.items()}
        answer = await self.server.send(request)
        if any(FOREIGN not in numbers for numbers in self.server.trunks.values()):
            raise self._world.broken("trunks", "a number of somebody else was taken off")
        is_more = any(len(numbers) > len(before[trunk]) for trunk, numbers in self.server.trunks.items())
        if is_more and self._world.happens(self._lies):
            self._world.fault("trunk says that it has a number, and has not")
            self.server.trunks = before
        return answer

    async def _travel(self) -> None:
        await asyncio.sleep(self._world.between(0.005, 1))


def judge_trunks(world: World, books: Books, server: LiveKitServer, facts: Facts) -> set[str]:
    """At rest: each number is in the trunk of its connection and in no other, or the books say why not.

    The numbers that are not.
    """
    otherwise = set()
    said = {
        (connection_id, e164): (state, message)
        for connection_id, e164, state, message in books.rows(
            "SELECT connection_id, e164, state, message FROM trunk_numbers"
        )
    }
    wanted = {(facts.leads.get(one.rental_id), one.e164) for one in facts.rented.values() if one.ended_at is None}
    for connection_id, trunk_id in facts.trunks.items():
        there = Counter(server.trunks.get(trunk_id, ()))
        mine = {e164 for leads, e164 in wanted if leads == connection_id}
        for e164 in sorted(mine | (there.keys() - {FOREIGN})):
            state, message = said.get((connection_id, e164), ("", ""))
            if there[e164] != (e164 in mine):
                otherwise.add(e164)
            if there[e164] == (e164 in mine) and state == ("active" if e164 in mine else ""):
                world.reached("in_its_trunk")
            elif e164 in mine and message and (state == "failed" or "somebody has taken it off" in message):
                world.reached("said_why_not_in_its_trunk")
            else:
                raise world.broken(
                    "trunks",
                    f"{e164} is {there[e164]} times in {trunk_id}, wanted: {e164 in mine}, said: {state} {message}",
                )
    return otherwise
