"""One history of months from beginning to end, of one seed.

Touches: database.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from numberdesk.catalog.model import ListingChunk
from numberdesk.connections.livekit import LiveKitTrunks
from numberdesk.core.billing import Billing, kept_billing
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.connection import WebhookRoute
from numberdesk.core.findings import FindingKind
from numberdesk.core.purchase import POOL
from numberdesk.core.rating import Rounding
from numberdesk.flows.accounts.create_accounts import NewAccount, create_accounts
from numberdesk.flows.connections.connect_numbers import RENTAL_CONNECTIONS
from numberdesk.flows.connections.fill_trunks import TRUNK_NUMBERS
from numberdesk.flows.connections.forget_connections import CONNECTION_REMOVALS
from numberdesk.flows.rentals.renew_rentals import RENEWALS
from numberdesk.flows.usage.expire_sessions import SESSIONS
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.flows.webhooks.deliver_events import WEBHOOK_DELIVERIES
from numberdesk.infra.due_work import put_off
from numberdesk.infra.egress import Egress
from numberdesk.worker import (
    clean_up_rounds,
    drift_rounds,
    due_workers,
    paper_rounds,
    raise_rounds,
    settings_rounds,
    trunk_rounds,
)
from simulation.carriers import account_at
from simulation.desk import connect_carriers, listing
from simulation.faults import Faults
from simulation.months.adoptions import Adoptions
from simulation.months.books import Books
from simulation.months.by_hand import ByHand
from simulation.months.carrier import CallingCarrier, CallingCompany
from simulation.months.customers import Customer
from simulation.months.desk import Desk, plain
from simulation.months.facts import NORTH, SWITCH, Facts, Tariff
from simulation.months.findings import FindingJudge
from simulation.months.found import FoundNumbers
from simulation.months.hands import Hands
from simulation.months.inspector import Inspector
from simulation.months.judge import Judge
from simulation.months.lines import Lines
from simulation.months.operator import Operator
from simulation.months.papers import PaperDesk, PaperJudge
from simulation.months.plan import DAY, HOUR, MonthsPlan, troubles
from simulation.months.routes import judge_routes
from simulation.months.settings import judge_settings
from simulation.months.trunks import TrunkServer, judge_trunks
from simulation.months.watched import watched
from simulation.process import Applied, Process, Surroundings
from simulation.product import Product
from simulation.seed_run import SeedRun
from simulation.storage import Disk
from simulation.world import MICROSECONDS, World

_MOST_STEPS: Final = 5_000_000
_LONGEST_CALM: Final = 40 * DAY
_CALM: Final = 6 * DAY
"""How long after the last fault all must be at rest: a clock that was set is believed after a day, calls are listed
for two, and who does not pay has two.
"""

_KIND: Final = "twilio"
"""The kind of account that the carrier is: one whose orders are sent with papers."""

_UNWATCHED: Final = (WEBHOOK_DELIVERIES,)


class ClocksThatComeBack(Faults):
    """Clocks are set right again before the wrong time is believed, which it is after a day."""

    _wrong_until = 0.0

    def _jump(self, process: Process) -> None:
        loop = self._world.loop
        if loop.time() < self._wrong_until + 2 * DAY:
            return
        super()._jump(process)
        self._wrong_until = loop.time() + self._world.between(HOUR, 18 * HOUR)
        loop.at(self._wrong_until, lambda: self._set_right(process))

    def _set_right(self, process: Process) -> None:
        process.skew = round(self._world.chance.uniform(-1, 1) * 300 * MICROSECONDS) if not self._world.calm else 0


class History(SeedRun):
    """One seed on a formatted disk. `run` raises Violation, or what a defect of the simulation raised."""

    def __init__(self, world: World, product: Product, disk: Disk, *, year: bool = False) -> None:
        plan = self._plan = MonthsPlan.drawn(world.chance, year=year)
        world.plan = troubles(world.plan, world.chance, year=year)
        world.loop.advance(plan.begins_after * DAY)
        self._world = world
        self._facts = Facts(terms={POOL: (plan.connect, *plan.increments, plan.rounding)})
        self._company = CallingCompany(world, self._catalogue(), plan.lies)
        self._books = Books(world, disk, self._facts)
        self._company.noted = self._books.sends
        self._judge = Judge(world, self._facts, self._books, waives_missed=plan.waives_missed)
        self._found = FoundNumbers(world, self._facts, self._books, self._company)
        self._papers = PaperJudge(world, self._facts, self._books)
        self._findings = FindingJudge(world, self._facts, self._books, self._company)
        self._trunks = TrunkServer(world, plan.lies)
        self._company.connected, self._company.told = self._found.connected, self._found.set_up
        self._company.back = self._found.given_back
        self._company.papers = self._papers.sent
        around = Surroundings(
            world,
            dataclasses.replace(product, adapter=CallingCarrier),
            disk,
            {_KIND: self._company},
            self._failpoint,
            self._committed,
            {"rent_missed": "waived" if plan.waives_missed else "charged", "usage_pull_minutes": 720},
            watched,
            {"trunks": self._trunks_of},
        )
        self._processes = [Process(around, f"process{place}") for place in range(plan.processes)]
        self._faults = ClocksThatComeBack(world, disk, self._books, self._processes, self._start)  # type: ignore[arg-type]  # it is only closed
        self._desk = Desk(world, self._processes)
        self._lines = Lines(world, plan, self._desk, self._facts, self._company)
        self._customers = [
            Customer(world, plan, self._desk, self._facts, world.new_id("acc", world.now()))
            for _ in range(plan.accounts)
        ]
        self._company.meanwhile = self._meanwhile
        hands = Hands(world, self._desk, self._facts, self._customers)
        adoptions = Adoptions(world, self._desk, self._facts, self._company, self._customers)
        self._paper_desk = PaperDesk(world, self._desk, self._facts, [one.account_id for one in self._customers])
        self._inspector = Inspector(world, self._desk)
        decide = self._inspector.decide
        deeds = (
            hands.give, hands.move, hands.take, hands.bring_back, adoptions.adopt, adoptions.adopt, adoptions.undo,
            self._paper_desk.register, self._paper_desk.change, decide, decide, decide,
        )  # fmt: skip
        self._operator = Operator(world, plan, self._desk, self._facts, self._judge, deeds)
        trunks = (self._trunks.take_off_by_hand, self._trunks.take_off_by_hand, self._trunks.delete_by_hand)
        self._by_hand = ByHand(world, plan, self._facts, self._company, self._strays, trunks)
        self._company.gone = self._by_hand.gone

    def _catalogue(self) -> list[str]:
        """The numbers there are, and what each costs."""
        chance, facts = self._world.chance, self._facts
        for place in range(self._plan.pool_numbers + self._plan.carrier_numbers):
            e164 = f"+1361200{place:04d}"
            facts.carriers[e164] = POOL if place < self._plan.pool_numbers else NORTH
            facts.tariffs[e164] = Tariff(
                1_000_000 + 13_417 * chance.randrange(20),
                chance.choice((8_500, 1, 10_000, 7_777, None)),
                chance.choice((94_500, 123_457, 0, None)),
                chance.choice((0, 0, 500_000)),
            )
        sold = [e164 for e164, carrier in facts.carriers.items() if carrier == NORTH]
        facts.asks_papers = {e164 for e164 in sold if chance.random() < self._plan.papers}
        self._strays = []
        for place in range(self._plan.found_numbers + self._plan.strays):
            e164 = f"+1361300{place:04d}"
            facts.carriers[e164] = NORTH
            if place < self._plan.found_numbers:
                facts.found.add(e164)
            else:
                self._strays.append(e164)
            facts.tariffs[e164] = Tariff(1_000_000 + 10_000 * place, chance.choice((8_500, None)), 94_500, 0)
        return sold

    def _committed(self, log: Sequence[Applied]) -> None:
        """A transaction is on the disk."""
        self._found.committed(log)
        self._judge.committed(log)
        self._papers.committed(log)
        self._findings.committed(log)

    def _trunks_of(self, now: Callable[[], int], *, egress: Egress) -> LiveKitTrunks:
        return LiveKitTrunks(now, egress=egress, http=lambda _: self._trunks)

    # The set-up, in peace.

    def _set_up(self) -> None:
        self._world.calm = True
        for process in self._processes:
            process.start()
        self._await(self._open())
        for process in self._processes:
            self._work(process)
        self._world.calm = False

    async def _open(self) -> None:
        world, desk, facts = self._world, self._desk, self._facts
        for customer in self._customers:
            new = NewAccount(customer.account_id, f"Customer {customer.account_id}", "USD", 0, world.now())
            await desk.submit(plain(create_accounts), lambda _, __, new: new, new)
            await customer.top_up(2_000_000 if world.happens(self._plan.poverty) else 60_000_000)
            await customer.set_up()
        for trunk_id in facts.trunks.values():
            self._trunks.make(trunk_id)
        account = account_at(NORTH, "secret")._replace(kind=_KIND)
        await desk.submit(plain(connect_carriers), lambda _, __: account)
        for customer in self._customers:
            if world.happens(0.5):
                await self._paper_desk.register(customer.account_id)
        self._stand_before()
        by = Rounding(self._plan.rounding)
        pool = [
            listing(e164, one.price, setup=one.setup)._replace(
                inbound=one.inbound, outbound=one.outbound, billing=kept_billing(Billing(rounding=by))
            )
            for e164, one in facts.tariffs.items()
            if facts.carriers[e164] == POOL
        ]
        for begin in range(0, len(pool), 100):
            chunk = ListingChunk(
                POOL, tuple(pool[begin : begin + 100]), tuple(range(1, len(pool[begin : begin + 100]) + 1))
            )
            await desk.submit(lambda services: services.save_listings, lambda _, __, chunk: chunk, chunk)
        since = world.now() - 60 * DAY * MICROSECONDS  # before any rental begins, by whatever clock
        terms = CallTerms(POOL, since, SWITCH, self._plan.connect, *self._plan.increments)
        await desk.submit(plain(set_call_terms), lambda _, __: terms)
        await desk.ask(lambda services, _: services.call_puller.begin())
        await asyncio.sleep(DAY)

    def _stand_before(self) -> None:
        """Numbers of the operator's have stood at the carrier for long; most lead somewhere."""
        board = self._company.switchboard
        for place, e164 in enumerate(sorted(self._facts.found)):
            self._company.buy(e164, "unasked")
            if self._world.happens(0.8):
                board.drift(e164, WebhookRoute(f"https://before.example/{place}"))
            self._facts.as_found[e164] = board.set.get(e164)

    # What goes on.

    def _storm(self) -> None:
        world, plan = self._world, self._plan
        shares: list[list[str]] = [[] for _ in self._customers]
        on_sale = [one for one in self._facts.tariffs if one not in self._facts.found and one not in self._strays]
        for place, e164 in enumerate(on_sale):
            shares[place % len(shares)].append(e164)
        for customer, share in zip(self._customers, shares, strict=True):
            self._client(customer.run(share))
        stories = (self._lines.ring(), self._lines.tell(), self._operator.run(), self._by_hand.run())
        for story in (*stories, self._look_now_and_then()):
            self._client(story)
        end = world.loop.time() + plan.days * DAY
        while world.loop.time() < end:
            self._faults.strike()
            self._step()
        world.late = True
        self._faults.calm()
        for process in self._processes:
            process.skew = 0

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._plan.look_hours * HOUR)
            self._judge.look()

    def _come_to_rest(self) -> None:
        world = self._world
        latest = world.loop.time() + _LONGEST_CALM
        while not (self._operator.done and self._lines.idle and all(customer.done for customer in self._customers)):
            if world.loop.time() > latest:
                raise world.broken("rest", "somebody still waits for an answer")
            self._step()
        end = max(world.loop.time(), latest - _LONGEST_CALM + _CALM) + _CALM / 2
        self._step_until(end)
        while world.loop.time() < end + _CALM and self._is_telling():  # of a number that somebody lost just now
            self._step_until(world.loop.time() + HOUR)
        self._await(self._operator.tidy_up())
        self._settle()
        self._judge.at_rest()
        self._judge_what_stands_there()
        self._found.at_rest()
        self._papers.at_rest()
        self._judge.verify(self._processes[0].database)
        self._raise_violation()

    def _judge_what_stands_there(self) -> None:
        """The carrier and LiveKit have what is wanted, or the books say why not, after a last audit."""
        world, books, facts = self._world, self._books, self._facts
        self._await(self._audit())
        explained = self._findings.explained()
        drifted = {
            FindingKind.DRIFTED: judge_routes(world, books, self._company, self._customers, facts, explained),
            FindingKind.SETTINGS_DRIFTED: judge_settings(world, books, self._company, facts, explained),
            FindingKind.TRUNK_DRIFTED: judge_trunks(world, books, self._trunks.server, facts),
        }
        self._findings.at_rest(drifted)

    async def _audit(self) -> None:
        if not await self._inspector.audit():
            raise self._world.broken("findings", "no audit comes to its end")

    def _step_until(self, end: float) -> None:
        while self._world.loop.time() < end:
            self._step()

    def _is_telling(self) -> bool:
        """Whether carriers or trunks are still to be told where calls go, or what they may forget."""
        now = self._processes[0].now()
        return any(self._books.is_due(name, now) for name in (RENTAL_CONNECTIONS, CONNECTION_REMOVALS, TRUNK_NUMBERS))

    def _meanwhile(self, e164: str) -> None:
        """While a carrier is told of a number its customer thinks of something else."""
        rental = self._facts.live(e164)
        if rental is not None:
            self._client(next(one for one in self._customers if one.account_id == rental.account_id).think_again(e164))

    def _settle(self) -> None:
        """Let what is being done be done."""
        for _ in range(10_000):
            if not any(process.waiting for process in self._processes) and not self._world.loop.ready:
                return
            self._step()

    # How it goes on.

    def _step(self) -> None:
        """One callback, one turn of a writer, or time that passes: the seed chooses."""
        world, loop = self._world, self._world.loop
        world.steps += 1
        if world.steps > _MOST_STEPS:
            raise world.broken("rest", "it goes on and on")
        turns = [process for process in self._processes if process.waiting]
        if loop.ready and not (turns and world.happens(world.plan.turn_eagerness)):
            loop.run_one(world.chance.randrange(loop.ready))
            self._faults.execute()
        elif turns:
            self._faults.turn(world.one_of(turns))
        else:
            timer = loop.next_timer()
            assert timer is not None
            loop.advance(timer)
        self._raise_violation()

    def _work(self, process: Process) -> None:
        process.tend(self._rounds(process))

    async def _rounds(self, process: Process) -> None:
        """What worker.py does, at longer intervals: the due work of every kind, and what is looked for beside it."""
        services, world = process.services, self._world
        workers = [worker for worker in due_workers(services) if worker.work.name not in _UNWATCHED]

        async def work() -> None:
            await services.agreed_clock.lately_past()
            world.chance.shuffle(workers)
            for worker in workers:
                for party in self._parties(worker.work.name):
                    while self._books.is_due(worker.work.name, process.now()) and await worker.run_round(party):
                        pass
            await raise_rounds(services, lambda: False)
            await drift_rounds(services, lambda: False)
            await settings_rounds(services, lambda: False)
            await trunk_rounds(services, lambda: False)
            await paper_rounds(services, lambda: False)
            if world.happens(0.1):
                await clean_up_rounds(services, lambda: False)

        while True:
            await put_off(work)
            await asyncio.sleep(world.between(self._plan.round_hours * 360, self._plan.round_hours * 2 * HOUR))

    def _parties(self, kind: str) -> Sequence[str]:
        """Whose work of a kind there may be."""
        if kind == TRUNK_NUMBERS:
            return list(self._facts.trunks)
        return ("USD",) if kind in (RENEWALS, SESSIONS) else (NORTH,)

    def _await(self, story: Coroutine[Any, Any, None]) -> None:
        done: Callable[[], bool] = self._client(story).done
        while not done():
            self._step()

    def _look_no_more(self) -> None:
        self._books.close()
