"""What an operator does about rent and calls over months.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from numberdesk.core.call_record import Direction
from numberdesk.core.call_reversal import MendedRates
from numberdesk.flows.rentals.announce_prices import announce_prices, announcement
from numberdesk.flows.rentals.resolve_rent import resume_rentals, waive_rent, waiver
from numberdesk.flows.usage.record_calls import RateParked, rate_parked
from numberdesk.flows.usage.rerate_calls import CorrectCall, Rerate, correct_calls, rerate_calls
from numberdesk.flows.usage.set_usage_terms import SetRate, set_missing_rates
from numberdesk.wiring import Services
from simulation.months.desk import Desk, plain
from simulation.months.facts import Call, Facts
from simulation.months.judge import Judge
from simulation.months.plan import HOUR, MonthsPlan
from simulation.world import World


class Operator:
    """One person, who does one thing after the other. `deeds` are further things that it may do."""

    def __init__(
        self,
        world: World,
        plan: MonthsPlan,
        desk: Desk,
        facts: Facts,
        judge: Judge,
        deeds: Sequence[Callable[[], Coroutine[Any, Any, None]]],
    ) -> None:
        self.done = False
        self._world = world
        self._plan = plan
        self._desk = desk
        self._facts = facts
        self._judge = judge
        self._deeds = deeds

    async def run(self) -> None:
        """Something every day or two."""
        while not self._world.late:
            await asyncio.sleep(self._world.between(HOUR, 2 * self._plan.deed_hours * HOUR))
            if not self._world.late:
                await self._something()
        await self.tidy_up()
        self.done = True

    async def tidy_up(self) -> None:
        """What is left waiting is decided: rates are set, lengths are told, and all that is parked is looked at."""
        await self._set_rates()
        for call in list(self._facts.calls.values()):
            if call.told is None and call.accepted and not call.mended:
                await self._correct(call, call.seconds or 0)
        await self.look_at_parked()

    async def _something(self) -> None:
        deeds = [
            self._reprice,
            self._waive,
            self._set_rates,
            self._mend,
            self._rerate,
            self._resume,
            self.look_at_parked,
            *self._deeds,
        ]
        await self._world.one_of(deeds)()

    async def _reprice(self) -> None:
        """Announce what a rental will cost."""
        rental = self._some_rental()
        if rental is None:
            return
        price = 900_000 + 10_000 * self._world.chance.randrange(60)
        inbound = self._world.one_of((None, 7_001, 12_345))
        self._facts.asked.add(("price", rental.rental_id, price, inbound))
        self._world.reached("repriced")
        await self._desk.submit(
            plain(announce_prices),
            lambda services, now: announcement(
                rental.rental_id, price, inbound, None, now=now, usual=services.rent_terms
            ),
        )

    async def _waive(self) -> None:
        """Let somebody off a period that is past due."""
        for rental_id in self._judge.past_due:
            self._facts.asked.add(("waive", rental_id))
            self._world.reached("waived")
            await self._desk.submit(plain(waive_rent), lambda _, now, name: waiver(name, "boss", "ill", now), rental_id)
            return

    async def _resume(self) -> None:
        for rental in list(self._facts.rented.values()):
            if rental.ended_at is None and self._judge.is_parked(rental.rental_id):
                await self._desk.submit(plain(resume_rentals), lambda _, __, name: name, rental.rental_id)

    async def _set_rates(self) -> None:
        """Say what calls cost where nobody ever did."""
        for rental in list(self._facts.rented.values()):
            for direction in ("inbound", "outbound"):
                if (
                    rental.ended_at is None
                    and rental.tariff.rate(direction) is None
                    and direction not in rental.set_rates
                ):
                    self._facts.asked.add(("rate", rental.e164, direction, 33_333))
                    await self._desk.submit(
                        plain(set_missing_rates),
                        lambda _, now, e164, way: SetRate(e164, Direction(way), 33_333, now),
                        rental.e164,
                        direction,
                    )
                    self._world.reached("rate_set")

    async def look_at_parked(self) -> None:
        """Look at all parked calls anew."""
        after: str | None = None
        while True:
            found = await self._desk.submit(
                plain(rate_parked), lambda services, now, last: RateParked(services.new_id("bat"), last, now), after
            )
            after = found.last
            if after is None:
                return

    async def _mend(self) -> None:
        """Say how long a call was in truth."""
        charged = [call for call in self._facts.calls.values() if call.accepted and not call.mended]
        if charged:
            call = self._world.one_of(charged)
            await self._correct(call, (call.seconds or 0) + 17 if call.told is not None else call.seconds or 0)

    async def _correct(self, call: Call, seconds: int) -> None:
        row = self._judge.call_row(call.key)
        if row is None:
            return
        call.mended, call.seconds = True, seconds
        self._world.reached("corrected")
        answer = await self._desk.submit(
            plain(correct_calls),
            lambda services, now: CorrectCall(
                services.new_id("bat"), row, seconds, allow_raise=True, reason="it was longer", now=now
            ),
        )
        if isinstance(answer, Exception) and self._judge.seconds_of(call.key) != seconds:
            call.seconds = call.told  # it was not charged, and stays as it was told

    async def _rerate(self) -> None:
        """Rate an account's calls anew by the same terms: nothing may change."""
        rental = self._some_rental()
        if rental is None:
            return

        async def story(services: Services, now: int) -> Any:
            command = Rerate(
                services.new_id("bat"),
                rental.account_id,
                0,
                now,
                None,
                MendedRates(),
                allow_raise=True,
                reason="to be sure",
                now=now,
            )
            return await services.writer.submit(rerate_calls, command)

        answer = await self._desk.ask(story)
        if answer.changed and not self._judge.was_repriced(rental.account_id):
            raise self._world.broken("calls", f"rated anew by the same terms, {answer.changed} calls changed")

    def _some_rental(self) -> Any:
        live = [one for one in self._facts.rented.values() if one.ended_at is None]
        return self._world.one_of(live) if live else None
