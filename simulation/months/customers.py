"""A customer over months: buys, releases, pays in, lets rentals run out, and connects numbers to its platforms.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from numberdesk.catalog.offers import RemoteOffer
from numberdesk.connections.model import Connection
from numberdesk.connections.sealing import with_route
from numberdesk.core.connection import ConnectionKind, LiveKitRoute, Route, SipRoute, SipTarget, WebhookRoute
from numberdesk.core.connection_settings import kind_of
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy, Order
from numberdesk.flows.accounts.fund_wallets import TOP_UP, Funding, fund_wallets
from numberdesk.flows.catalog.keep_offers import Shown, keep_offers
from numberdesk.flows.connections.assign_connections import Assignment, assign_connections
from numberdesk.flows.connections.set_up_connections import (
    ConnectionChange,
    NewConnection,
    change_connection,
    create_connections,
)
from numberdesk.flows.purchase.buy_number import buy_number
from numberdesk.flows.rentals.label_numbers import Labelling, label_numbers
from numberdesk.flows.rentals.release_numbers import Release
from numberdesk.flows.settings.want_settings import SetSettings, want_settings
from numberdesk.flows.usage.set_usage_terms import AppointSource, appoint_sources
from numberdesk.numbers.model import Labels
from numberdesk.wiring import MINUTE, Services
from simulation.months.desk import Desk, plain
from simulation.months.facts import NORTH, POOL, Facts, Tariff
from simulation.months.plan import HOUR, MonthsPlan
from simulation.world import World
from testbed.livekit import API_KEY, API_SECRET, URL
from testbed.samples import listing_of

_KINDS: Final = (ConnectionKind.WEBHOOK, ConnectionKind.SIP, ConnectionKind.LIVEKIT)
_OTHER: Final = {ConnectionKind.WEBHOOK: ConnectionKind.SIP, ConnectionKind.SIP: ConnectionKind.WEBHOOK}
_SECONDS: Final = 1.5
_MOST_ASKED: Final = 200
"""So often a customer asks for an order within its some twenty days."""


class Customer:
    """One account, which does one thing after the other. `routes` are where its connections lead, by id."""

    def __init__(self, world: World, plan: MonthsPlan, desk: Desk, facts: Facts, account_id: str) -> None:
        self.account_id = account_id
        self.mine: dict[str, str] = {}
        self.routes: dict[str, Route] = {}
        self.done = False
        self._world = world
        self._plan = plan
        self._desk = desk
        self._facts = facts
        self._serial = 0

    async def run(self, numbers: list[str]) -> None:
        """First the numbers that it came for, then whatever comes up."""
        for e164 in numbers:
            if self._world.late:
                break
            await asyncio.sleep(self._world.between(60, self._plan.days * 1200))
            await self.buy(e164)
        while not self._world.late:
            await asyncio.sleep(self._world.between(HOUR, 4 * self._plan.deed_hours * HOUR))
            if not self._world.late:
                await self._something(numbers)
        self.done = True

    async def _something(self, numbers: list[str]) -> None:
        world = self._world
        drawn = world.chance.random()
        here = list(self.mine)
        if drawn < 0.25:
            await self.top_up(world.one_of((1_000_000, 3_000_000, 10_000_000)))
        elif drawn < 0.35 or not here:
            await self.buy(world.one_of([*numbers, *self._facts.for_sale]))
        elif drawn < 0.45:
            await self._release(world.one_of(here))
        elif drawn < 0.55:
            await self._let_run_out(world.one_of(here))
        elif drawn < 0.77:
            await self._connect(world.one_of(here))
        elif drawn < 0.9:
            theirs = [e164 for e164 in here if self._facts.carriers[e164] == NORTH]
            await self._set(world.one_of(theirs if theirs and world.happens(0.8) else here))
        else:
            await self._lead_elsewhere()

    async def buy(self, e164: str) -> None:
        """Buy a number; one of a carrier is offered first."""
        if e164 in self.mine:
            return
        tariff, name = self._facts.tariffs[e164], self._name()
        self._facts.asked.add(("buy", self.account_id, e164))
        if self._facts.carriers[e164] == NORTH:
            await self._desk.submit(plain(keep_offers), lambda _, now: Shown((self._offer(e164, tariff, now),)))
        confirmed = Confirmation(tariff.price, tariff.inbound, tariff.outbound, tariff.setup)

        async def ask(services: Services, now: int) -> Any:
            buy = Buy(self.account_id, e164, confirmed, name, services.new_id("req"), services.new_id("ord"), now)
            return await buy_number(
                services.writer, services.open_orders, services.placement, buy, seconds=_SECONDS,
                failpoint=services.failpoint,
            )  # fmt: skip

        order, asked = await self._desk.ask(ask), 1
        while isinstance(order, Order) and order.state is OrderState.ORDERING:
            if asked == _MOST_ASKED:  # it waits for a person, and stays held for
                self._world.reached("order_left_to_a_person")
                return
            await asyncio.sleep(self._world.between(60, 5 * HOUR))
            order, asked = await self._desk.ask(ask), asked + 1
        if not isinstance(order, Order):
            return
        self._world.reached("rented")
        self.mine[e164] = order.rental_id
        if self._facts.carriers[e164] == POOL and self._world.happens(0.3):
            await self._tell_calls_ourselves(e164)

    async def _tell_calls_ourselves(self, e164: str) -> None:
        """From now on what this account tells of the number's calls is what is charged."""
        source = f"customer:{self.account_id}"
        self._facts.asked.add(("source", e164, source))
        await self._desk.submit(plain(appoint_sources), lambda _, now: AppointSource(e164, source, now))

    async def top_up(self, amount: int) -> None:
        """Pay in."""
        reference = self._name()
        self._facts.top_ups[reference] = self.account_id, amount
        await self._desk.submit(
            plain(fund_wallets),
            lambda services, now: Funding(
                services.new_id("trf"), TOP_UP, self.account_id, amount, "manual", reference, now
            ),
        )

    async def _release(self, e164: str) -> None:
        rental_id = self.mine.pop(e164)
        self._facts.asked.add(("release", rental_id))
        await self._desk.submit(
            lambda services: services.release_numbers,
            lambda _, now: Release(self.account_id, e164, now, rental_id),
        )

    async def _let_run_out(self, e164: str) -> None:
        rental_id, renews = self.mine[e164], self._world.happens(0.4)
        self._facts.asked.add(("run out", rental_id))
        await self._desk.submit(
            plain(label_numbers),
            lambda _, now: Labelling(self.account_id, e164, Labels(None, None, None), now, rental_id, renews),
        )

    # Where its calls go.

    async def set_up(self) -> None:
        """A connection of each kind."""
        for kind in _KINDS:
            route = self._route(kind)
            connection_id = self._world.new_id("con", self._world.now())

            def made(services: Services, now: int, route: Route = route, name: str = connection_id) -> NewConnection:
                kept = Connection(name, self.account_id, "office", ConnectionKind.SIP, "", "", None, 1, now, now)
                return NewConnection(with_route(kept, route, services.vault), route)

            await self._desk.submit(plain(create_connections), made)
            self.routes[connection_id] = route
            if isinstance(route, LiveKitRoute):
                self._facts.trunks[connection_id] = route.trunk_id

    async def _connect(self, e164: str) -> None:
        rental_id = self.mine[e164]
        wanted = self._world.one_of([*self.routes, None])
        answer = await self._desk.submit(
            plain(assign_connections), lambda _, now: Assignment(self.account_id, e164, wanted, now, rental_id)
        )
        if not isinstance(answer, Exception):
            self._world.reached("assigned")
        elif self.mine.get(e164) == rental_id:  # it has ended meanwhile
            self.mine.pop(e164)

    async def think_again(self, e164: str) -> None:
        """Have something else set while its carrier is still being told what was wanted before."""
        if e164 in self.mine:
            self._world.reached("thought_again")
            await asyncio.sleep(self._world.between(0.1, 5))
            if e164 in self.mine:
                await self._set(e164)

    async def _set(self, e164: str) -> None:
        """Have another address or name set for a number, or none. An address is registered at the carrier before."""
        rental_id, self._serial = self.mine[e164], self._serial + 1
        address = self._world.one_of((None, "", f"AD{self.account_id[-4:]}{self._serial}"))
        name = self._world.one_of((None, "", f"N{self.account_id[-4:]} {self._serial}"))
        answer = await self._desk.submit(
            plain(want_settings),
            lambda _, now: SetSettings(self.account_id, e164, now, address, name, rental_id, by_operator=True),
        )
        self._world.reached("settings_refused" if isinstance(answer, Exception) else "settings_asked_for")

    async def _lead_elsewhere(self) -> None:
        """Change where a connection leads; all its numbers follow."""
        connection_id = self._world.one_of(list(self.routes))
        kind = kind_of(self.routes[connection_id])
        route = self._route(_OTHER.get(kind, kind))

        async def change(services: Services, now: int) -> Any:
            from numberdesk.connections.store import find_connections  # noqa: PLC0415

            kept = (await services.reader.look_up(lambda tx: find_connections(tx, [connection_id])))[connection_id]
            sealed = with_route(kept, route, services.vault)
            command = ConnectionChange(connection_id, self.account_id, now, sealed=sealed, route=route)
            return await services.writer.submit(change_connection, command)

        await self._desk.ask(change)
        self._world.reached("connection_changed")
        self.routes[connection_id] = route

    def _route(self, kind: ConnectionKind) -> Route:
        self._serial += 1
        if kind is ConnectionKind.SIP:
            return SipRoute((SipTarget(f"sip:pbx{self._serial}.example.com"),))
        if kind is ConnectionKind.LIVEKIT:
            target = SipTarget(f"sip:sub{self._serial}.sip.livekit.cloud")
            return LiveKitRoute((target,), URL, f"ST_{self.account_id[-6:]}", API_KEY, API_SECRET)
        return WebhookRoute(f"https://example.com/voice/{self._serial}")

    def _offer(self, e164: str, tariff: Tariff, now: int) -> RemoteOffer:
        listing = listing_of(
            e164, price=tariff.price, inbound=tariff.inbound, outbound=tariff.outbound, setup=tariff.setup
        )
        requires = ("documents",) if e164 in self._facts.asks_papers else ()
        return RemoteOffer(NORTH, listing, now, now + 30 * MINUTE, requires)

    def _name(self) -> str:
        self._serial += 1
        return f"{self.account_id[-6:]}-{self._serial}"
