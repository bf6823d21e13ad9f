"""One seed from beginning to end: the set-up, the storm of faults, the calm after it, and the last checks.

Touches: database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from numberdesk.accounts.model import RANDOM_BYTES, SCOPES, new_key
from numberdesk.catalog.model import ListingChunk
from numberdesk.flows.create_accounts import NewAccount, create_accounts
from numberdesk.flows.fund_wallets import TOP_UP, Funding, fund_wallets
from numberdesk.flows.import_inventory import save_listings
from numberdesk.flows.issue_keys import NewKey, issue_keys, new_key_record
from numberdesk.flows.set_price_rules import set_price_rules
from numberdesk.wiring import DAY
from simulator.audit import Auditor
from simulator.carriers import Carrier, Pool
from simulator.customers import Account, Customer
from simulator.desk import price_rule
from simulator.faults import Faults
from simulator.model import Books
from simulator.network import Network
from simulator.operators import PREFIXES, Operator
from simulator.oracle import Oracle
from simulator.process import Process
from simulator.product import Product
from simulator.storage import Disk
from simulator.told import Told
from simulator.workers import work
from simulator.world import EPOCH, MICROSECONDS, World

_MOST_STORM_STEPS: Final = 300
_MOST_CALM_STEPS: Final = 4000
"""Liveness: within so many steps after the last fault everybody has an answer and all work is done."""

_FUNDS: Final = (0, 1_200_000, 2_500_000, 20_000_000, 20_000_000, 20_000_000)
_SOON: Final = 0.05
"""Seconds within which something must happen for a writer to be let wait."""

CARRIERS: Final[tuple[Carrier, ...]] = (Pool(),)


class Simulation:
    """One seed on a formatted disk. `run` raises Violation, or what a defect of the simulator raised."""

    def __init__(self, world: World, product: Product, disk: Disk) -> None:
        self._world = world
        self._disk = disk
        plan = world.plan
        self._auditor = Auditor(disk)
        self._books = Books(plan.quote_seconds * MICROSECONDS, plan.quarantine_days * DAY)
        self._oracle = Oracle(world, self._books, self._auditor)
        names = [f"door{place}" for place in range(plan.doors)] + [f"worker{place}" for place in range(plan.workers)]
        self._processes = [
            Process(world, product, disk, name, reach=self._reach, committed=self._oracle.committed) for name in names
        ]
        doors = self._processes[: plan.doors]
        self._faults = Faults(world, disk, self._auditor, self._processes, self._start)
        self._network = Network(world, doors)
        self._told = Told(world, self._auditor)
        self._accounts: list[Account] = []
        self._keys: dict[str, str] = {}
        self._stock: dict[str, bool] = {}
        self._clients: list[asyncio.Task[None]] = []
        self._customers: list[Customer] = []

    def run(self) -> None:
        """The whole seed."""
        with self._world.loop.running():
            try:
                self._set_up()
                self._storm()
                self._come_to_rest()
            finally:
                self._close()

    def _set_up(self) -> None:
        world = self._world
        world.calm = True
        for process in self._processes:
            process.start()
        setting_up = self._client(self._open_shop(self._processes[-1]))
        self._until(setting_up.done, 1000)
        for process in self._processes:
            if process.name.startswith("worker"):
                process.run(work(world, process))
        secret = self._accounts.pop().secrets[0]
        operator = Operator(
            world, self._network, self._told, self._accounts, secret=secret, stock=self._stock, keys=self._keys
        )
        self._operating = self._client(operator.run())
        self._clients = [self._operating]
        for account in self._accounts:
            for _ in range(world.plan.programs):
                customer = Customer(world, self._network, self._told, self._books, account, self._accounts)
                self._customers.append(customer)
                self._clients.append(self._client(customer.run()))
        for carrier in CARRIERS:
            self._clients += [self._client(story) for story in carrier.stories(world)]
        world.calm = False

    async def _open_shop(self, process: Process) -> None:
        """Accounts, the last one the operator's; then keys, money, numbers and a rule in one batch."""
        world, submit = self._world, process.recorder.submit
        for _ in range(world.plan.accounts + 1):
            self._accounts.append(Account(world.new_id("acc", EPOCH), [new_key(world.chance.randbytes(RANDOM_BYTES))]))
        made = [NewAccount(account.id, "Customer", "USD", 0, EPOCH) for account in self._accounts]
        await asyncio.gather(*(submit(create_accounts, new) for new in made))
        first: list[Coroutine[Any, Any, Any]] = [self._first_key(submit, account) for account in self._accounts]
        for account in self._accounts[:-1]:
            amount = world.one_of(_FUNDS)
            if amount:
                transfer_id = world.new_id("trf", EPOCH)
                self._told.movements[transfer_id] = account.id, amount
                first.append(
                    submit(fund_wallets, Funding(transfer_id, TOP_UP, account.id, amount, "manual", None, EPOCH))
                )
        rule = price_rule(world.new_id("prl", EPOCH), PREFIXES[0], 1_000_000, EPOCH)
        first.append(submit(set_price_rules, rule))
        for carrier in CARRIERS:
            listings = tuple(carrier.listings(world))
            self._stock |= {listing.e164: listing.price_source == "rule" for listing in listings}
            lines = tuple(range(1, len(listings) + 1))
            first.append(submit(save_listings, ListingChunk(carrier.name, listings, lines, EPOCH)))
        await asyncio.gather(*first)

    async def _first_key(self, submit: Any, account: Account) -> None:
        key_id = self._world.new_id("key", EPOCH)
        record = new_key_record(
            key_id, account.secrets[0], account_id=account.id, name="first", scopes=SCOPES, expires_at=None, now=EPOCH
        )
        self._keys[account.secrets[0]] = key_id
        await submit(issue_keys, NewKey(record))

    def _storm(self) -> None:
        """Faults strike until everybody is through, or for so many steps."""
        for _ in range(_MOST_STORM_STEPS):
            if self._operating.done() and all(customer.through for customer in self._customers):
                break
            self._faults.strike()
            self._step()

    def _come_to_rest(self) -> None:
        """Within a bounded number of steps everybody has an answer and no work is left (I10)."""
        self._faults.calm()
        self._until(lambda: all(client.done() for client in self._clients), _MOST_CALM_STEPS)
        self._until(self._at_rest, _MOST_CALM_STEPS)
        self._oracle.check_all(self._processes[0].database, audit=self._world.happens(0.5))
        self._raise_violation()
        self._told.check(self._books)
        for carrier in CARRIERS:
            if (unsettled := carrier.unsettled(self._books)) is not None:
                raise self._world.broken("I10", unsettled)
        for secret in self._keys:
            if self._disk.contains(secret.encode()):
                raise self._world.broken("I15", "the secret of a key stands on the disk")

    def _at_rest(self) -> bool:
        return self._books.repricing is None and not any(process.waiting for process in self._processes)

    def _until(self, done: Any, most: int) -> None:
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

    def _reach(self, process: Process, point: str) -> None:
        self._faults.reach(process, point)

    def _start(self, process: Process) -> None:
        process.start()
        if process.name.startswith("worker"):
            process.run(work(self._world, process))

    def _client(self, story: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._world.loop.create_task(story)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._world.loop.failures.append(error)

    def _raise_violation(self) -> None:
        if self._world.violation is not None:
            raise self._world.violation
        for failure in self._world.loop.failures:
            raise failure

    def _close(self) -> None:
        self._auditor.close()
        for process in self._processes:
            process.die()
            process.database.close()
        for client in self._clients:
            client.cancel()
        while self._world.loop.ready:
            self._world.loop.run_one(0)
