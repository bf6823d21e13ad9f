"""One simulated process: a door or a worker with a writer, a clock and a database connection of its own.

Touches: database.

What it keeps in memory is lost when it dies, with the handlers that run and the orders that are on
their way. What the database has is what the next one finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import SecretStr

from numberdesk.api.auth import Authenticator
from numberdesk.carriers.audit_store import DUE_AUDITS
from numberdesk.carriers.port import Carrier, Setup
from numberdesk.flows.accounts.change_accounts import change_accounts
from numberdesk.flows.accounts.create_accounts import create_accounts
from numberdesk.flows.accounts.fund_wallets import fund_wallets
from numberdesk.flows.accounts.issue_keys import issue_keys, revoke
from numberdesk.flows.agree_on_time import agree_on_time
from numberdesk.flows.carriers.confirm_carrier_releases import note_releases
from numberdesk.flows.carriers.note_audits import ask_for_audits, begin_audits, note_audits, resolve_findings
from numberdesk.flows.catalog.keep_offers import keep_offers
from numberdesk.flows.catalog.set_price_rules import remove_price_rules, set_price_rules
from numberdesk.flows.cleanup import clean_up
from numberdesk.flows.purchase.hurry_orders import hurry_orders
from numberdesk.flows.purchase.resolve_orders import resolve_orders
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.flows.rentals.label_numbers import label_numbers
from numberdesk.infra.db import Database, Tx
from numberdesk.infra.http import Http
from numberdesk.infra.settings import Settings
from numberdesk.infra.writer import Writer, WriterFigures
from numberdesk.numbers.carrier_release_store import DUE_RELEASES
from numberdesk.orders.carrier_order_store import DUE_ORDERS
from numberdesk.wiring import Parts, Services, build
from simulation.carriers import CREDENTIALS_KEY
from simulation.company import Company
from simulation.desk import connect_carriers
from simulation.desk import set_standings as set_carrier_standings
from simulation.loop import Owner
from simulation.product import Flow, Product
from simulation.storage import Disk, FailingDatabase, SimulatedCrash
from simulation.world import World

NAMED: Final[dict[str, Flow]] = {
    "create accounts": create_accounts,
    "set standings": change_accounts,
    "fund": fund_wallets,
    "issue keys": issue_keys,
    "revoke": revoke,
    "label": label_numbers,
    "set rules": set_price_rules,
    "remove rules": remove_price_rules,
    "agree on time": agree_on_time,
    "cleanup": clean_up,
    "connect": connect_carriers,
    "carrier standings": set_carrier_standings,
    "keep offers": keep_offers,
    "settle": settle_orders,
    "hurry orders": hurry_orders,
    "take up orders": DUE_ORDERS.take_up,
    "resolve": resolve_orders,
    "take up releases": DUE_RELEASES.take_up,
    "note releases": note_releases,
    "take up audits": DUE_AUDITS.take_up,
    "begin audits": begin_audits,
    "ask for audits": ask_for_audits,
    "note audits": note_audits,
    "resolve findings": resolve_findings,
}
"""The write flows that are the same in every process."""


class Applied(NamedTuple):
    """What one flow did in a transaction. `seen` are the superseded prices that it left."""

    flow: str
    commands: Sequence[Any]
    outcomes: Sequence[Any]
    seen: Sequence[tuple[str, int]]


class Recorded:
    """A flow that notes what it was asked and what it answered."""

    def __init__(self, name: str, flow: Flow, log: list[Applied]) -> None:
        self._name = name
        self._flow = flow
        self._log = log

    def __call__(self, tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        """Apply the flow."""
        outcomes = self._flow(tx, commands)
        seen = tx.fetch("SELECT e164, superseded_at FROM superseded_prices", []) if self._name == "reprice" else ()
        self._log.append(Applied(self._name, commands, outcomes, seen))
        return outcomes


class Recorder:
    """What stands in the writer's place: it gives every flow to the writer as a recorded one."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.flows: Mapping[Any, Recorded] = {}

    async def submit(self, flow: Any, command: Any) -> Any:
        """Have a command applied."""
        return await self.writer.submit(self.flows.get(flow, flow), command)


class Surroundings(NamedTuple):
    """What a process runs in. `failpoint` is told of the points that it passes, `committed` of what a transaction did.

    `settings` are others than the plan's. `watched` names flows whose doings are told beside those that always are.
    `parts` are others than those that every simulation has.
    """

    world: World
    product: Product
    disk: Disk
    companies: Mapping[str, Company]
    failpoint: Callable[[Process, str], None]
    committed: Callable[[Sequence[Applied]], None]
    settings: Mapping[str, Any] = {}
    watched: Callable[[Services], Mapping[str, Flow]] = lambda _: {}
    parts: Mapping[str, Any] = {}


class Process:
    """A process."""

    services: Services
    authenticator: Authenticator
    recorder: Recorder
    figures: WriterFigures

    def __init__(self, around: Surroundings, name: str) -> None:
        self.name = name
        self.world = around.world
        self.up = False
        self.closing = False
        self.skew = 0
        self.met_full_disk = False
        self.database: FailingDatabase = around.disk.database(name, around.product.database)
        self.database.one_flow_per_commit = around.world.plan.one_flow
        self.database.kept = self.durable
        self._around = around
        self._owner = Owner()
        self._commits = 0
        self._log: list[Applied] = []
        self._stories: dict[asyncio.Task[Any], asyncio.Future[Any]] = {}

    def start(self) -> None:
        """Begin with nothing in memory: the services are those of wiring.py, whatever this simulation replaces."""
        product = self._around.product
        self._owner = Owner()
        self.services = build(self._settings(), self._parts(product), lock_seconds=0)
        named: dict[str, Flow] = {
            **NAMED,
            "buy": self.services.open_orders,
            "release": self.services.release_numbers,
            "import": self.services.save_listings,
            "reprice": self.services.reprice,
            **self._around.watched(self.services),
        }
        self.recorder.flows = {
            flow: Recorded(name, self._applied(name, flow), self._log) for name, flow in named.items()
        }
        self.authenticator = product.authenticator(self.services.reader, self.now, monotonic=self.world.loop.time)
        self.up, self.closing = True, False
        self.figures = self.recorder.writer.figures
        self.world.note(f"{self.name} starts")

    def _applied(self, name: str, flow: Flow) -> Flow:
        """The flow, or what a faulty product has in its place."""
        product = self._around.product
        flow = product.instead.get(flow, flow)
        return product.wrapped[name](flow) if name in product.wrapped else flow

    def _settings(self) -> Settings:
        plan = self.world.plan
        usual: dict[str, Any] = {
            "answer_timeout_seconds": plan.answer_seconds,
            "quote_lifetime_seconds": plan.quote_seconds,
            "order_patience_minutes": plan.patience_minutes,
            "quarantine_days": plan.quarantine_days,
            "audit_hours": plan.audit_hours,
            "search_deadline_seconds": 1.0,
            "queue_limit": plan.queue_limit if self.name.startswith("door") else 4096,
            "credentials_key": SecretStr(CREDENTIALS_KEY),
        }
        return Settings.model_construct(**usual | dict(self._around.settings))

    def _parts(self, product: Product) -> Parts:
        """Time, chance, storage and carriers of this simulation; no threads, and a writer whose flows are recorded."""
        return Parts(
            now=self.now,
            seconds=self.world.loop.time,
            new_id=lambda kind: self.world.new_id(kind, self.now()),
            random_bytes=self.world.chance.randbytes,
            failpoint=self._passed,
            spawn=self.spawn,
            open_database=lambda _settings, _lock_seconds: self.database,
            build_carrier=self._adapter,
            writer=self._record,
            placement=product.placement,
            open_orders=product.open_orders,
            release_numbers=product.release_numbers,
            save_listings=product.save_listings,
            reprice=product.reprice,
            **self._around.parts,
        )

    def _record(self, database: Database, **given: Any) -> Any:
        self.recorder = Recorder(self._around.product.writer(database, **given))
        return self.recorder

    def _adapter(self, kind: str, setup: Setup, _http: Http) -> Carrier:
        return self._around.product.adapter(self.world, self._around.companies[kind], setup)

    def now(self) -> int:
        """What this process takes for the time."""
        return self.world.now() + self.skew

    @property
    def waiting(self) -> int:
        """Commands that wait for this process's writer."""
        return self.recorder.writer.waiting if self.up else 0

    def turn(self) -> None:
        """Let the writer commit what waits."""
        self.world.note(f"{self.name} commits {self.waiting}")
        self._commits = 0
        self.recorder.writer.turn()
        if self._commits > 1:
            self.world.reached("several_commits_in_a_turn")

    def spawn(self, story: Any) -> asyncio.Task[Any]:
        """Begin a story that belongs to this process: it dies with it."""
        return self.world.loop.create_task(story, context=self._owner.context())

    def tend(self, story: Any) -> None:
        """Begin a story whose failing is a defect."""
        self.spawn(story).add_done_callback(self._ended)

    def run(self, story: Any) -> asyncio.Future[Any]:
        """Run a story in this process; the future fails with ConnectionResetError when the process dies."""
        heard = self.world.loop.create_future()
        task = self.spawn(story)
        self._stories[task] = heard
        task.add_done_callback(self._told)
        return heard

    def hang_up(self, heard: asyncio.Future[Any]) -> None:
        """The client is gone: its story is cancelled, as a server does."""
        for task, future in self._stories.items():
            if future is heard:
                task.cancel()

    def close(self) -> None:
        """Take no more; what was accepted is still done."""
        self.closing = True
        self.recorder.writer.close()

    def die(self) -> None:
        """End at once: stories, queue and everything that was known are gone, and no `finally` runs."""
        if not self.up:
            return
        self.up = False
        self.world.note(f"{self.name} dies")
        self.world.loop.leave(self._owner)
        stories, self._stories = self._stories, {}
        for heard in stories.values():
            if not heard.done():
                heard.set_exception(ConnectionResetError())
        self.database.close()

    def durable(self) -> None:
        """What the running transaction did is on the disk."""
        self._commits += 1
        log, self._log[:] = list(self._log), []
        self._around.committed(log)

    def _passed(self, point: str) -> None:
        """The writer, a handler, an order on its way or a piece of work passes a point."""
        if point == "begun":
            self._log.clear()
        elif point == "committed":
            self.durable()
        self._around.failpoint(self, point)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, SimulatedCrash):
            self.world.loop.failures.append(error)

    def _told(self, task: asyncio.Task[Any]) -> None:
        heard = self._stories.pop(task, None)
        if heard is None or heard.done():
            return
        if task.cancelled():
            heard.cancel()
        elif (error := task.exception()) is not None:
            heard.set_exception(error)
        else:
            heard.set_result(task.result())
