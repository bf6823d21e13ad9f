"""Between our processes and the simulated carriers: an adapter as those in numberdesk/carriers are, without HTTP.

Touches: clock.

Requests and answers take time and get lost. What runs here belongs to the process that asks and ends
with it; what was sent by then arrives all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from numberdesk.carriers.port import (
    NO_PAPERS,
    AnotherNumber,
    AvailablePage,
    CarrierAccount,
    CarrierError,
    Cost,
    Health,
    NotReleased,
    OwnedPage,
    Released,
    Setup,
    Trouble,
    Wanted,
)
from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Refused, Unknown
from numberdesk.core.connection import Connected, NotConnected, ShownRouting, Unsupported, WantedConnection
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.number_settings import SettingsAnswer, SettingsKept, ShownSettings, WantedSettings
from numberdesk.infra.db import transaction_is_open
from numberdesk.infra.vault import Vault
from simulation.company import ORDER_SECONDS, Company
from simulation.world import EPOCH, World
from testbed.carrier_books import Does
from testbed.samples import available

CARRIERS: Final = {"north": True, "south": False}
"""The carriers, and whether they keep references."""

CREDENTIALS_KEY: Final = "c2ltdWxhdGVkIGtleSBmb3IgY3JlZGVudGlhbHMtMDE="
_COST: Final = Cost("USD", 700_000, 4_000, 9_000, None)


class SimulatedCarrier:
    """The adapter of one process for one carrier."""

    def __init__(self, world: World, company: Company, setup: Setup) -> None:
        self._world = world
        self._company = company
        self._setup = setup

    @property
    def window(self) -> int:
        """How long its lists may hide what it has, in microseconds."""
        return self._company.window

    async def search(self, wanted: Wanted) -> AvailablePage:
        """What it offers."""
        await self._travel()
        if self._company.is_down:
            raise CarrierError(Trouble.UNREACHABLE, "down")
        found = [available(e164, _COST) for e164 in self._company.offered()]
        return AvailablePage(tuple(found[: wanted.limit]))

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS  # noqa: ARG002  by digits alone
    ) -> Placed | Pending | Refused | NotSent | Unknown:  # fmt: skip
        """One request, with whatever it meets."""
        self._require_no_transaction()
        world = self._world
        does = Does.BUYS if world.calm else world.one_of(world.plan.deeds)
        if does is Does.NOT_SENT or (self._company.is_down and world.happens(0.5)):
            await self._travel()
            return NotSent("connection refused")
        word = self._company.take(does, e164, reference)
        try:
            async with asyncio.timeout(ORDER_SECONDS):
                return await word
        except TimeoutError:
            return Unknown("no answer in time")

    async def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:
        """What is to be seen of it there; the question and its answer take a while."""
        if not await self._heard(self._world.plan.look_up_fails):
            return Unknown("no answer in time")
        found = self._company.find(e164, reference)
        await self._travel()
        return found

    async def owned(self, cursor: str | None) -> OwnedPage:
        """A page of what is on our account there."""
        if not await self._heard(self._world.plan.look_up_fails / 5):
            raise CarrierError(Trouble.UNREACHABLE, "no answer in time")
        return self._company.page(cursor)

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased | AnotherNumber:
        """Give a number back; the request or its answer may get lost."""
        fails = self._world.plan.release_fails
        if not await self._heard(fails / 2):
            return NotReleased("no answer in time")
        word = self._company.give_back(e164, number_id)
        if not self._world.calm and self._world.happens(fails):
            self._world.fault("release answered, answer lost")
            return NotReleased("no answer in time")
        await self._travel()
        return word

    async def set_up(self, e164: str, number_id: str | None, wanted: WantedSettings) -> SettingsAnswer:  # noqa: ARG002  nobody wants any here
        """Nothing is ever set, so that nothing has to be cleared."""
        return SettingsKept()

    async def settings(self, e164: str, number_id: str | None, wanted: WantedSettings) -> ShownSettings:  # noqa: ARG002  the same
        """Nothing."""
        return ShownSettings("nothing", as_wanted=True)

    async def connect(
        self, e164: str, number_id: str | None, wanted: WantedConnection
    ) -> Connected | NotConnected | Unsupported:
        """Set where calls go; the request or its answer may get lost."""
        fails = self._world.plan.release_fails
        if not await self._heard(fails / 2):
            return NotConnected("no answer in time")
        word = self._company.connect(e164, number_id, wanted)
        if not self._world.calm and self._world.happens(fails):
            self._world.fault("connect answered, answer lost")
            return NotConnected("no answer in time")
        await self._travel()
        return word

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:  # noqa: ARG002  the port's signature
        """What is set there."""
        if not await self._heard(self._world.plan.look_up_fails):
            raise CarrierError(Trouble.UNREACHABLE, "no answer in time")
        return self._company.switchboard.shown(e164, wanted)

    async def forget_connection(self, connection_id: str) -> Connected | NotConnected | Unsupported:
        """Remove what was made for a connection."""
        if not await self._heard(self._world.plan.release_fails):
            return NotConnected("no answer in time")
        return self._company.switchboard.forget(connection_id)

    async def check(self) -> Health:
        """Nobody asks here."""
        return Health(ok=not self._company.is_down, message="", facts={})

    async def _heard(self, fails: float) -> bool:
        """Send a question; whether it arrived."""
        self._require_no_transaction()
        lost = not self._world.calm and self._world.happens(fails)
        await self._travel()
        if lost or self._company.is_down:
            if lost:
                self._world.fault("question to a carrier lost")
            await asyncio.sleep(self._world.between(0.01, 5))
            return False
        return True

    async def _travel(self) -> None:
        await asyncio.sleep(self._world.between(0.005, 0.5 if self._world.happens(0.9) else 4))

    def _require_no_transaction(self) -> None:
        """As infra/http.py does: nobody may wait for a carrier with a transaction open."""
        if transaction_is_open():
            raise self._world.broken("no defect", "a carrier is asked inside a transaction")


def account_at(name: str, secret: str) -> CarrierAccount:
    """An account at a carrier, as the operator sets it up."""
    credentials = Vault(CREDENTIALS_KEY).seal(name, {"token": secret})
    options: Mapping[str, str] = {"order_seconds": str(ORDER_SECONDS), "read_seconds": "10"}
    return CarrierAccount(name, name, CarrierState.ACTIVE, options, credentials, EPOCH, EPOCH)


def listed_numbers(world: World) -> dict[str, list[str]]:
    """What each carrier of a seed has; some have the same."""
    plan = world.plan
    names = list(CARRIERS) if plan.carriers == 2 else [world.one_of(list(CARRIERS))] * plan.carriers
    shared = [f"+1361500{place:04d}" for place in range(plan.shared_numbers)]
    own: dict[str, Any] = {"north": "+1361300", "south": "+1361400"}
    return {name: [f"{own[name]}{place:04d}" for place in range(plan.remote_numbers)] + shared for name in names}
