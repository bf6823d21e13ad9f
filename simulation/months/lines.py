"""The calls of a history: placed, paid for as they go on or told afterwards, late, again and again, out of order.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from numberdesk.core.call_charging import RecordOutcome
from numberdesk.core.call_record import Direction, read_records
from numberdesk.core.session import ExtendSession, OpenSession, SessionAnswer
from numberdesk.flows.usage.end_sessions import EndSession, end_sessions
from numberdesk.flows.usage.send_calls import send_calls
from numberdesk.wiring import Services
from simulation.months.carrier import CallingCompany, sent
from simulation.months.desk import Desk, plain
from simulation.months.facts import NORTH, SWITCH, Call, Facts
from simulation.months.plan import HOUR, MonthsPlan
from simulation.world import MICROSECONDS, World

_LENGTHS: Final = (0, 1, 7, 29, 30, 31, 59, 60, 61, 119, 150, 151, 305, 1800, 3600)
_CAME: Final = (RecordOutcome.ACCEPTED, RecordOutcome.PARKED, RecordOutcome.DUPLICATE)


class Lines:
    """Everybody who calls, and the switch, the carrier and the customers' platforms, which tell of it.

    `outbox` has what is still to be told, by source.
    """

    def __init__(self, world: World, plan: MonthsPlan, desk: Desk, facts: Facts, company: CallingCompany) -> None:
        self.outbox: dict[str, list[Call]] = {}
        self.sessions = 0
        self._world = world
        self._plan = plan
        self._desk = desk
        self._facts = facts
        self._company = company
        self._serial = 0

    @property
    def idle(self) -> bool:
        """Whether all is told and nobody talks."""
        return not any(self.outbox.values()) and not self.sessions

    async def ring(self) -> None:
        """Somebody calls, or is called, every few hours."""
        while not self._world.late:
            await asyncio.sleep(self._world.between(self._plan.call_hours * 360, self._plan.call_hours * 2 * HOUR))
            if not self._world.late:
                self._place()

    async def tell(self) -> None:
        """What is waiting is told, source by source, with some of what was told before."""
        while True:
            await asyncio.sleep(self._world.between(600, 30 * HOUR if not self._world.late else HOUR))
            for source in list(self.outbox):
                if self.outbox[source]:
                    await self._tell(source)

    def _place(self) -> None:
        world = self._world
        live = [one for one in self._facts.rented.values() if one.ended_at is None]
        e164 = world.one_of(list(self._facts.tariffs)) if not live or world.happens(0.05) else world.one_of(live).e164
        self._serial += 1
        direction = world.one_of(("inbound", "outbound"))
        rental = self._facts.live(e164)
        if self._facts.carriers[e164] == NORTH:
            self._at_the_carrier(e164, direction)
        elif rental is not None and rental.source_at(world.now()) == SWITCH and world.happens(0.35):
            self.sessions += 1
            world.loop.create_task(self._in_slices(f"s{self._serial}", e164, direction))
        else:
            sources = [SWITCH, *([] if rental is None else [f"customer:{rental.account_id}"])]
            for source in sources:
                if world.happens(0.9):
                    self._over(self._call(source, f"c{self._serial}", e164, direction))

    def _call(self, source: str, call_id: str, e164: str, direction: str) -> Call:
        world = self._world
        started = (world.now() // MICROSECONDS - 4000) * MICROSECONDS
        seconds = world.one_of(_LENGTHS)
        told = None if world.happens(0.04) and source != NORTH else seconds
        return Call(source, call_id, direction, e164, started, seconds, told)

    def _over(self, call: Call) -> None:
        """A call is over; its source will tell."""
        self._facts.ring(call)
        self.outbox.setdefault(call.source, []).append(call)

    def _at_the_carrier(self, e164: str, direction: str) -> None:
        """It is listed some time, and priced later still. A platform of the customer's may tell of it, too."""
        world = self._world
        call = self._call(NORTH, f"n{self._serial}", e164, direction)
        call.listed_at = world.now() + round(world.between(1, 30 * HOUR) * MICROSECONDS)
        call.priced_at = call.listed_at + round(world.between(1, 10 * HOUR) * MICROSECONDS)
        call.cost = 4_000 + self._serial
        self._facts.ring(call)
        call.tried = True
        self._company.calls.append(call)
        rental = self._facts.live(e164)
        if rental is not None and world.happens(0.3):
            self._over(self._call(f"customer:{rental.account_id}", f"w{self._serial}", e164, direction))

    async def _tell(self, source: str) -> None:
        """A batch: some of what is new, some of what is old, in any order."""
        world, waiting = self._world, self.outbox[source]
        some = [call for call in waiting if world.late or world.happens(0.7)]
        old = [call for call in self._facts.told.get(source, ()) if call.accepted and not call.mended]
        again = [world.one_of(old) for _ in range(2) if old and world.happens(0.5)]
        batch = some + again + [call for call in some if world.happens(0.1)]
        world.chance.shuffle(batch)
        if not batch:
            return
        for call in batch:
            call.tried = True

        async def send(services: Services, now: int) -> Any:
            return await send_calls(
                services.writer, read_records([sent(call) for call in batch], source, now), now, services.new_id,
                failpoint=services.failpoint,
            )  # fmt: skip

        for call, result in zip(batch, await self._desk.ask(send), strict=True):
            if result.outcome in _CAME:
                call.accepted = True
                if call in waiting:
                    waiting.remove(call)
            elif not (result.outcome is RecordOutcome.REJECTED and result.field == "started_at"):
                raise world.broken("calls", f"{call.key} was told and came to {result.outcome} {result.field}")
            else:  # by a clock that is behind it is still to come
                world.reached("rejected_as_to_come")

    async def _in_slices(self, call_id: str, e164: str, direction: str) -> None:
        try:
            await self._talk(call_id, e164, direction)
        finally:
            self.sessions -= 1

    async def _talk(self, call_id: str, e164: str, direction: str) -> None:
        """A call that goes on as long as it is allowed to, and is told of in one of several ways."""
        world, seconds = self._world, self._world.one_of(_LENGTHS[1:-2])
        started = world.now() // MICROSECONDS * MICROSECONDS
        answer = await self._desk.submit(
            lambda services: services.open_sessions,
            lambda services, now: OpenSession(
                services.new_id("ses"), SWITCH, call_id, "", Direction(direction), e164, "", now
            ),
        )
        if not isinstance(answer, SessionAnswer) or answer.session is None or not answer.allowed:
            world.reached("session_denied")
            return
        world.reached("session_opened")
        session = answer.session
        talked = 0
        while talked < seconds:
            slice_ends = min(seconds, session.granted)
            await asyncio.sleep(max(0.1, slice_ends - talked))
            talked = slice_ends
            if talked < seconds:
                more = await self._desk.submit(
                    lambda services: services.extend_sessions,
                    lambda _, now, name: ExtendSession(name, SWITCH, now),
                    session.id,
                )
                if not isinstance(more, SessionAnswer) or not more.allowed or more.session is None:
                    world.reached("session_cut_off")
                    break
                session = more.session
        way = world.chance.random()
        if way < 0.45:
            call = Call(SWITCH, call_id, direction, e164, session.opened_at, talked, talked, tried=True)
            self._facts.ring(call)
            await self._desk.submit(
                plain(end_sessions),
                lambda services, now: EndSession(session.id, SWITCH, talked, "", services.new_id("bat"), now),
            )
            call.accepted = call.mended = True  # told in its own way: a record of it would say another beginning
        elif way < 0.8:
            self._over(Call(SWITCH, call_id, direction, e164, started, talked, talked))
        else:
            world.reached("session_abandoned")
