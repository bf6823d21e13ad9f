"""One seed from beginning to end: the set-up, the storm of faults, the calm after it, and the last checks.

Touches: database.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final

from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.flows.carriers.note_audits import FindingResolution
from numberdesk.wiring import DAY, MINUTE
from simulation.audit import Auditor
from simulation.books import Books
from simulation.carriers import CARRIERS, listed_numbers
from simulation.company import Company
from simulation.customers import Customer
from simulation.faults import Faults
from simulation.network import Network
from simulation.operators import Operator
from simulation.oracle import Oracle
from simulation.plan import HOUR
from simulation.process import Process, Surroundings
from simulation.product import Product
from simulation.seed_run import SeedRun
from simulation.shop import Shop
from simulation.storage import Disk
from simulation.told import Acknowledged
from simulation.truth import Truth
from simulation.workers import Worker
from simulation.world import MICROSECONDS, World
from testbed.carrier_books import Market

_MOST_STORM_STEPS: Final = 300
_MOST_AFTERMATH_STEPS: Final = 250
"""How long faults strike while customers are at it, and then while orders at carriers are still open."""

_MOST_CALM_STEPS: Final = 8000
"""Liveness: within so many steps after the last fault everybody has an answer and all work is done."""

_SOON: Final = 0.05
"""Seconds within which something must happen for a writer to be let wait."""


class Simulation(SeedRun):
    """One seed on a formatted disk. `run` raises Violation, or what a defect of the simulation raised."""

    def __init__(self, world: World, product: Product, disk: Disk) -> None:
        self._world = world
        self._disk = disk
        plan, market = world.plan, Market()
        self._companies = {
            name: Company(world, name, numbers, market, keeps_references=CARRIERS[name])
            for name, numbers in listed_numbers(world).items()
        }
        self._auditor = Auditor(disk)
        self._books = Books(
            plan.quote_seconds * MICROSECONDS, plan.quarantine_days * DAY, plan.patience_minutes * MINUTE
        )
        self._truth = Truth(world, self._books, self._companies)
        self._oracle = Oracle(world, self._books, self._auditor, self._truth.look)
        names = [f"door{place}" for place in range(plan.doors)] + [f"worker{place}" for place in range(plan.workers)]
        around = Surroundings(world, product, disk, self._companies, self._failpoint, self._oracle.committed)
        self._processes = [Process(around, name) for name in names]
        doors = self._processes[: plan.doors]
        self._faults = Faults(world, disk, self._auditor, self._processes, self._start)
        self._network = Network(world, doors, product.handlers)
        self._told = Acknowledged(world, self._auditor)
        self._shop = Shop(world, self._told, self._companies)
        self._clients: list[asyncio.Task[None]] = []
        self._customers: list[Customer] = []

    def _set_up(self) -> None:
        world, shop = self._world, self._shop
        world.calm = True
        for process in self._processes:
            process.start()
        setting_up = self._client(shop.open(self._processes[-1]))
        self._until(setting_up.done, 1000)
        for process in self._processes:
            self._work(process)
        secret = shop.accounts.pop().secrets[0]
        self._operator = Operator(
            world, self._network, self._told, shop.accounts,
            secret=secret, stock=shop.stock, keys=shop.keys, books=self._books, companies=self._companies,
        )  # fmt: skip
        self._operating = self._client(self._operator.run())
        self._clients = [self._operating]
        for account in shop.accounts:
            for _ in range(world.plan.programs):
                customer = Customer(world, self._network, self._told, self._books, account, shop.accounts)
                self._customers.append(customer)
                self._clients.append(self._client(customer.run()))
        for company in self._companies.values():
            self._client(company.trade())
        world.calm = False

    def _storm(self) -> None:
        """Faults strike until everybody is through, or for so many steps; and then as long as orders are open."""
        for done, steps in ((self._is_through, _MOST_STORM_STEPS), (self._is_done, _MOST_AFTERMATH_STEPS)):
            for _ in range(steps):
                if done():
                    break
                self._faults.strike()
                self._step()
            self._world.late = True

    def _come_to_rest(self) -> None:
        """Within a bounded number of steps everybody has an answer and no work is left (I10)."""
        self._faults.calm()
        for company in self._companies.values():
            company.calm()
        self._until(self._is_through, _MOST_CALM_STEPS)
        self._until(self._at_rest, _MOST_CALM_STEPS)
        if self._companies:
            self._judge_what_is_left()
            self._audit_carriers()
        self._world.rested.set()
        self._until(lambda: all(client.done() for client in self._clients), _MOST_CALM_STEPS)
        self._until(self._at_rest, _MOST_CALM_STEPS)
        self._last_checks()

    def _judge_what_is_left(self) -> None:
        """Orders that no carrier decides are parked by now; a person may decide about them."""
        left = [
            carrier_order.order_id
            for carrier_order in self._books.carrier_orders.values()
            if carrier_order.settled_at is None
        ]
        for order_id in left:
            if self._world.happens(0.5):
                self._await(self._operator.resolve(order_id))
        self._until(self._at_rest, _MOST_CALM_STEPS)

    def _audit_carriers(self) -> None:
        """An audit of every carrier, long after all is done, and another one when it found what has to go back."""
        for process in self._processes:
            process.skew = 0
        if not any(company.sold for company in self._companies.values()):
            return
        for _ in range(2):
            self._world.loop.advance(self._world.loop.time() + HOUR)
            for name in self._companies:
                self._await(self._audit(name))
            orphans = self._truth.orphans()
            if not orphans:
                break
            for carrier, e164 in orphans:
                self._world.reached("orphan_given_back")
                self._await(self._operator.resolve_finding(carrier, e164, FindingResolution.RELEASE))
            self._until(self._at_rest, _MOST_CALM_STEPS)
        self._until(self._at_rest, _MOST_CALM_STEPS)  # a number that came too late may be on its way back
        if (unsettled := self._truth.unsettled()) is not None:
            raise self._world.broken("I7", unsettled)

    async def _audit(self, name: str) -> None:
        """By whichever process is up; one that was told to stop before the calm may still do so."""
        while True:
            up = [process for process in self._processes if process.up and not process.closing]
            if up:
                with contextlib.suppress(ConnectionResetError, Overloaded, RateLimited):  # time was moved meanwhile
                    await up[-1].run(up[-1].services.audit.run(name))
                    return
            await asyncio.sleep(1)

    def _last_checks(self) -> None:
        self._oracle.check_all(self._processes[0].database, audit=self._world.happens(0.2))
        self._raise_violation()
        self._told.check(self._books)
        secrets = [*self._shop.keys, *self._shop.carrier_secrets]
        for secret in secrets:
            if self._disk.contains(secret.encode()):
                raise self._world.broken("I15", "a secret stands on the disk")
            if any(secret in line for line in self._world.logged):
                raise self._world.broken("I15", "a secret stands in the log")

    def _is_through(self) -> bool:
        return self._operating.done() and all(customer.through for customer in self._customers)

    def _is_done(self) -> bool:
        return self._is_through() and not self._truth.open_orders() and not self._truth.going_back()

    def _at_rest(self) -> bool:
        books = self._books
        return (
            books.repricing is None
            and not any(process.waiting for process in self._processes)
            and not self._truth.open_orders()
            and not self._truth.going_back()
            and not any(company.under_way for company in self._companies.values())
        )

    def _await(self, story: Coroutine[Any, Any, None]) -> None:
        self._until(self._client(story).done, _MOST_CALM_STEPS)

    def _until(self, done: Callable[[], bool], most: int) -> None:
        for _ in range(most):
            if done():
                return
            self._step()
        raise self._world.broken("I10", f"not at rest {most} steps after the last fault")

    def _step(self) -> None:
        """One callback, one turn of a writer, or time that passes: the seed chooses."""
        world, loop = self._world, self._world.loop
        world.steps += 1
        turns = [process for process in self._processes if process.waiting]
        timer = loop.next_timer()
        soon = timer is not None and timer < loop.time() + _SOON
        eager = bool(turns) and world.happens(world.plan.turn_eagerness)
        if loop.ready and not eager:
            if soon and timer is not None and world.happens(world.plan.hurry):
                loop.advance(timer)
            else:
                loop.run_one(world.chance.randrange(loop.ready))
                self._faults.execute()
        elif turns and (eager or not soon):
            self._turn(world.one_of(turns))
        elif timer is not None:
            loop.advance(timer)
        self._raise_violation()

    def _turn(self, process: Process) -> None:
        restarted = self._world.goals["machine_restarted"]
        self._faults.turn(process)
        self._oracle.check()
        if self._world.goals["machine_restarted"] > restarted and self._world.happens(0.3):
            self._oracle.check_all(process.database, audit=True)

    def _work(self, process: Process) -> None:
        if process.name.startswith("worker"):
            Worker(self._world, process, self._books).begin()

    def _look_no_more(self) -> None:
        self._auditor.close()
