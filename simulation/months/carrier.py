"""The carrier of a history of months: it also lists calls, and now and then sets something else than it says.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from numberdesk.carriers.call_port import CallCost, CallPage, CarrierCall
from numberdesk.carriers.port import NO_PAPERS, AnotherNumber, CarrierError, NotReleased, Released, Setup, Trouble
from numberdesk.core.carrier_order import NotSent, Pending, Placed, Refused, Unknown
from numberdesk.core.connection import Connected, NotConnected, ShownRouting, Unsupported, WantedConnection
from numberdesk.core.number_settings import SettingsAnswer, SettingsKept, SettingsNotKept, ShownSettings, WantedSettings
from simulation.carriers import SimulatedCarrier
from simulation.company import ORDER_SECONDS, Company
from simulation.months.facts import NORTH, NOTHING_SET, Call, Settings
from simulation.plan import DAY
from simulation.world import MICROSECONDS, World
from testbed.carrier_books import Does, Held, Market
from testbed.switchboard import Switchboard

_PAGE = 3
_DAY = DAY * MICROSECONDS


class LyingSwitchboard(Switchboard):
    """Says that it has set what is wanted, and has not."""

    def __init__(self, lies: Callable[[], bool]) -> None:
        super().__init__()
        self._lies = lies

    def connect(self, e164: str, wanted: WantedConnection) -> Connected | NotConnected | Unsupported:
        """Set what is wanted, or say so."""
        before = self.set.get(e164)
        word = super().connect(e164, wanted)
        if wanted.route is not None and isinstance(word, Connected) and self._lies():
            if before is None:
                self.set.pop(e164, None)
            else:
                self.set[e164] = before
        return word


class CallingCompany(Company):
    """A carrier with calls.

    `connected`, `told`, `back` and `papers` hear what it is asked for before it does it: where a number leads, what is
    set for it, its release, and its order.
    """

    page_size = 50

    def __init__(self, world: World, numbers: list[str], lies: float) -> None:
        super().__init__(world, NORTH, numbers, Market(), keeps_references=True)
        self.switchboard = LyingSwitchboard(self._may_lie(world, lies))
        self.calls: list[Call] = []
        self.settings: dict[str, Settings] = {}
        self.meanwhile: Callable[[str], None] = lambda _: None
        self.connected: Callable[[str], None] = lambda _: None
        self.told: Callable[[str], None] = lambda _: None
        self.back: Callable[[str], None] = lambda _: None
        self.papers: Callable[[str, str, Mapping[str, str]], None] = lambda _, __, ___: None
        self._lies = self._may_lie(world, lies)

    def give_back(self, e164: str, number_id: str | None) -> Released | NotReleased:
        """Take a number back, on which nothing may be left of whose it was."""
        held = self.has(e164)
        if held is not None and number_id in (None, held.number_id):
            self.back(e164)
        word = super().give_back(e164, number_id)
        if e164 in self.settings and self.has(e164) is None:
            self._world.broken("settings", f"{e164} went back, and still has {self.settings[e164]}")
        return word

    def connect(
        self, e164: str, number_id: str | None, wanted: WantedConnection
    ) -> Connected | NotConnected | Unsupported:
        """Set where calls to a number go."""
        self.connected(e164)
        return super().connect(e164, number_id, wanted)

    def lose(self, held: Held) -> None:
        """A number is not on our account any more, and with it all that was set for it."""
        self.remove(held)
        self.market.elsewhere.add(held.e164)
        self.switchboard.set.pop(held.e164, None)
        self.settings.pop(held.e164, None)

    def have_again(self, held: Held) -> None:
        """A number that was lost is on our account again, with nothing set for it."""
        self.market.elsewhere.discard(held.e164)
        self.gone_back.remove(held)
        held.until, self.ours[held.e164] = None, held

    def why_not(self, e164: str, number_id: str | None) -> str:
        """Why nothing can be done for a number by that id; "" where it can."""
        held = self.has(e164)
        if held is not None and number_id in (None, held.number_id):
            return ""
        other = self.named(number_id)
        return "no such number on the account" if other is None else f"the id of the number is that of {other}"

    def set_up(self, e164: str, wanted: Settings) -> None:
        """Set what is wanted, or say so."""
        self.told(e164)
        if wanted == NOTHING_SET:
            self.settings.pop(e164, None)
        elif not self._lies():
            self.settings[e164] = wanted

    @staticmethod
    def _may_lie(world: World, lies: float) -> Callable[[], bool]:
        def lie() -> bool:
            told = world.happens(lies)
            if told:
                world.fault("carrier says that it has done it, and has not")
            return told

        return lie


class CallingCarrier(SimulatedCarrier):
    """Its adapter. Orders are always done: what else may become of them is simulated elsewhere."""

    _company: CallingCompany

    def __init__(self, world: World, company: CallingCompany, setup: Setup) -> None:
        super().__init__(world, company, setup)

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS  # noqa: ARG002  by digits alone
    ) -> Placed | Pending | Refused | NotSent | Unknown:  # fmt: skip
        """One request."""
        self._require_no_transaction()
        self._company.papers(e164, reference, papers)
        word = self._company.take(Does.BUYS, e164, reference)
        assert ORDER_SECONDS
        return await word

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased | AnotherNumber:
        """Give a number back by the id that it is known by, unless that is another one's."""
        other, here = self._company.named(number_id), self._company.has(e164)
        if other not in (None, e164):
            await self._travel()
            return AnotherNumber(str(other))
        if number_id is not None and other is None and here is not None:
            await self._travel()
            return NotReleased("no such number on the account")
        return await super().release(e164, number_id)

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:
        """What is set there, where it has the number by that id."""
        self._require_there(e164, number_id)
        return await super().routing(e164, number_id, wanted)

    async def set_up(self, e164: str, number_id: str | None, wanted: WantedSettings) -> SettingsAnswer:
        """Set address and name; the request or its answer may get lost."""
        fails = self._world.plan.release_fails
        if not await self._heard(fails / 2):
            return SettingsNotKept("no answer in time")
        if said := self._company.why_not(e164, number_id):
            return SettingsNotKept(said, no_number=True)
        self._company.set_up(e164, Settings(wanted.emergency_address, wanted.caller_name))
        if not self._world.late and self._world.happens(self._world.plan.turn_eagerness):
            self._company.meanwhile(e164)
            await asyncio.sleep(self._world.between(1, 20))
        if not self._world.calm and self._world.happens(fails):
            self._world.fault("settings set, answer lost")
            return SettingsNotKept("no answer in time")
        await self._travel()
        return SettingsKept()

    async def settings(self, e164: str, number_id: str | None, wanted: WantedSettings) -> ShownSettings:
        """What is set there."""
        self._require_there(e164, number_id)
        if not await self._heard(self._world.plan.look_up_fails):
            raise CarrierError(Trouble.UNREACHABLE, "no answer in time")
        there = self._company.settings.get(e164, NOTHING_SET)
        return ShownSettings(str(there), there == Settings(wanted.emergency_address, wanted.caller_name))

    def _require_there(self, e164: str, number_id: str | None) -> None:
        if said := self._company.why_not(e164, number_id):
            raise CarrierError(Trouble.REFUSED, said)

    async def calls(self, day: int, cursor: str | None) -> CallPage:
        """A page of what ended on a day, and is listed by now: calls come late, and their prices later."""
        if not await self._heard(self._world.plan.look_up_fails / 3):
            raise CarrierError(Trouble.UNREACHABLE, "no answer in time")
        now, begin = self._world.now(), int(cursor or 0)
        listed = [one for one in self._company.calls if one.started_at // _DAY * _DAY == day and one.listed_at <= now]
        page = listed[begin : begin + _PAGE]
        return CallPage(
            tuple(_listed(one, now) for one in page),
            str(begin + _PAGE) if len(listed) > begin + _PAGE else None,
        )


def _listed(call: Call, now: int) -> CarrierCall:
    known = call.cost is not None and call.priced_at <= now
    return CarrierCall(sent(call), CallCost("USD", call.cost or 0) if known else None)


def sent(call: Call) -> dict[str, object]:
    """A call as its source tells it."""
    return {
        "call_id": call.call_id,
        "direction": call.direction,
        "phone_number": call.e164,
        "started_at": call.started_at // MICROSECONDS,
        "seconds": call.told,
    }
