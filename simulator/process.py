"""One simulated process: a door or a worker with a writer, a clock and a database connection of its own.

Touches: database.

What it keeps in memory is lost when it dies, with the handlers that run. What the database has
is what the next one finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from numberdesk.api.auth import Authenticator
from numberdesk.flows.create_accounts import create_accounts, set_standings
from numberdesk.flows.fund_wallets import fund_wallets
from numberdesk.flows.import_inventory import save_listings
from numberdesk.flows.issue_keys import issue_keys, revoke
from numberdesk.flows.label_numbers import label_numbers
from numberdesk.flows.reprice import reprice
from numberdesk.flows.set_price_rules import remove_price_rules, set_price_rules
from numberdesk.flows.tidy import tidy
from numberdesk.infra.db import Tx
from numberdesk.infra.reader import Reader
from numberdesk.infra.settings import Settings
from numberdesk.infra.writer import Writer, WriterFigures
from numberdesk.wiring import DAY, Services
from simulator.product import Flow, Product
from simulator.storage import Disk, FailingDatabase
from simulator.world import MICROSECONDS, World

NAMED: Final[dict[str, Flow]] = {
    "create accounts": create_accounts,
    "set standings": set_standings,
    "fund": fund_wallets,
    "import": save_listings,
    "issue keys": issue_keys,
    "revoke": revoke,
    "label": label_numbers,
    "reprice": reprice,
    "set rules": set_price_rules,
    "remove rules": remove_price_rules,
    "tidy": tidy,
}
"""The write flows that every process has beside buying and releasing."""


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

    def __init__(self, writer: Writer, flows: dict[Any, Recorded]) -> None:
        self.writer = writer
        self._flows = flows

    async def submit(self, flow: Any, command: Any) -> Any:
        """Have a command applied."""
        return await self.writer.submit(self._flows.get(flow, flow), command)


class Process:
    """A process. `reach` is told of the points that its writer passes, `committed` of what a transaction did."""

    services: Services
    authenticator: Authenticator
    recorder: Recorder
    figures: WriterFigures

    def __init__(
        self,
        world: World,
        product: Product,
        disk: Disk,
        name: str,
        *,
        reach: Callable[[Process, str], None],
        committed: Callable[[Sequence[Applied]], None],
    ) -> None:
        self.name = name
        self.world = world
        self.up = False
        self.closing = False
        self.skew = 0
        self.met_full_disk = False
        self.database: FailingDatabase = disk.database(name, product.database)
        self._product = product
        self._reach = reach
        self._committed = committed
        self._log: list[Applied] = []
        self._stories: dict[asyncio.Task[Any], asyncio.Future[Any]] = {}

    def start(self) -> None:
        """Begin with nothing in memory."""
        plan = self.world.plan
        writer = self._product.writer(
            self.database,
            queue_limit=plan.queue_limit if self.name.startswith("door") else 4096,
            monotonic=self.world.loop.time,
            reach=self._passed,
        )
        buying = self._product.open_orders(plan.quote_seconds * MICROSECONDS)
        releasing = self._product.release_numbers(plan.quarantine_days * DAY)
        flows: dict[Any, Recorded] = {
            flow: Recorded(name, self._product.instead.get(flow, flow), self._log) for name, flow in NAMED.items()
        }
        flows |= {buying: Recorded("buy", buying, self._log), releasing: Recorded("release", releasing, self._log)}
        self.recorder = Recorder(writer, flows)
        self.services = Services(
            settings=_SETTINGS,
            database=self.database,
            writer=self.recorder,  # type: ignore[arg-type]  # all that a door asks of it
            reader=Reader(self.database, threads=1),
            now=self.now,
            new_id=lambda kind: self.world.new_id(kind, self.now()),
            random_bytes=self.world.chance.randbytes,
            reach=lambda point: self._reach(self, point),
            open_orders=buying,  # type: ignore[arg-type]  # a flow whose types were lost on the way
            release_numbers=releasing,  # type: ignore[arg-type]  # the same
        )
        self.authenticator = Authenticator(self.services.reader, self.now, monotonic=self.world.loop.time)
        self.up, self.closing = True, False
        self.figures = writer.figures
        self.world.note(f"{self.name} starts")

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
        self.recorder.writer.turn()

    def run(self, story: Any) -> asyncio.Future[Any]:
        """Run a story in this process; the future fails with ConnectionResetError when the process dies."""
        heard = self.world.loop.create_future()
        task = self.world.loop.create_task(story)
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
        """End at once: stories, queue and everything that was known are gone."""
        if not self.up:
            return
        self.up = False
        self.world.note(f"{self.name} dies")
        stories, self._stories = self._stories, {}
        for task, heard in stories.items():
            task.cancel()
            if not heard.done():
                heard.set_exception(ConnectionResetError())
        self.database.close()

    def durable(self) -> None:
        """What the running transaction did is on the disk."""
        log, self._log[:] = list(self._log), []
        self._committed(log)

    def _passed(self, point: str) -> None:
        if point == "begun":
            self._log.clear()
        elif point == "committed":
            self.durable()
        self._reach(self, point)

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


_SETTINGS: Final = Settings.model_construct()  # the defaults, whatever the environment says
