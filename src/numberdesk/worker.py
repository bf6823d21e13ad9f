"""The background work: rents, sessions, quarantines, prices, events numbered and sent, the index, carriers asked.

Touches: clock, threads.

Several workers may run at once: every step is a transaction of its own that finds its work in
the database, so two of them only share it. What asks carriers runs beside what does not, so that a
carrier that takes its time keeps no quarantine from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from numberdesk.carriers.compliance_store import has_to_tell
from numberdesk.connections.rental_connection_store import find_raising, find_to_look_at
from numberdesk.connections.trunk_number_store import find_trunks_to_look_at
from numberdesk.flows.accounts.suspend_debtors import SuspendDebtors, suspend_debtors
from numberdesk.flows.carriers.confirm_carrier_releases import confirm_carrier_releases
from numberdesk.flows.catalog.fill_trigrams import FillTrigrams, fill_trigrams
from numberdesk.flows.catalog.reprice import Reprice
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.flows.compliance.tell_expiry import TellExpiry, tell_expiry
from numberdesk.flows.connections.connect_anew import RaiseRentals, raise_rentals
from numberdesk.flows.connections.connect_numbers import connect_numbers
from numberdesk.flows.connections.fill_trunks import fill_trunks, look_at_trunks
from numberdesk.flows.connections.forget_connections import forget_connections
from numberdesk.flows.connections.look_for_drift import look_for_drift
from numberdesk.flows.purchase.follow_carrier_orders import follow_carrier_orders
from numberdesk.flows.purchase.hurry_orders import hurry_answered
from numberdesk.flows.rentals.renew_rentals import renewals
from numberdesk.flows.settings.apply_settings import apply_settings, look_at_settings
from numberdesk.flows.usage.expire_sessions import session_expiry
from numberdesk.flows.webhooks.deliver_events import WEBHOOK_DELIVERIES, deliver_events
from numberdesk.flows.webhooks.prune_events import PruneEvents, prune_events
from numberdesk.flows.webhooks.sequence_events import SequenceEvents
from numberdesk.infra.due_work import DueWork, DueWorker, put_off
from numberdesk.infra.log import get_log
from numberdesk.outbox.store import has_unnumbered
from numberdesk.wiring import DAY, HOUR, Services

CLEANUP_SECONDS: Final = 60.0
"""How often old things are looked for."""

_LOOK_SECONDS: Final = 1.0
_STEPS_PER_REPORT: Final = 100
_BREATH_SECONDS: Final = 0.05
"""Between two rounds of the sequencer, so that under load one round numbers the events of many purchases."""

_LONG_BREATH_SECONDS: Final = 0.25
_LONG_QUEUE: Final = 16
"""While so many commands wait for the writer, rounds are fewer and larger: each takes some of its time."""

_LAST_SECONDS: Final = 5.0
"""How long work that asks carriers may go on after it is told to stop."""


def due_workers(services: Services) -> tuple[DueWorker[Any, Any], ...]:
    """Every kind of due work. A new kind is named here."""
    kinds: tuple[DueWork[Any, Any], ...] = (
        follow_carrier_orders(services.carriers, services.placement),
        confirm_carrier_releases(
            services.writer, services.reader, services.carriers, services.now, began=services.now()
        ),
        services.audit.due_work,
        connect_numbers(services.writer, services.reader, services.carriers, services.vault, services.now),
        forget_connections(services.writer, services.reader, services.carriers, services.now),
        fill_trunks(services.writer, services.reader, services.trunks, services.vault, services.now),
        apply_settings(services.writer, services.reader, services.carriers, services.now),
        renewals(services.writer, services.renew_rentals, services.now, services.agreed_clock.lately_past),
        session_expiry(services.writer, services.now, services.agreed_clock.lately_past),
        deliver_events(
            services.writer,
            services.reader,
            services.webhooks,
            services.now,
            new_id=services.new_id,
            random_bytes=services.random_bytes,
        ),
        *services.call_puller.due_work,
    )
    return tuple(
        DueWorker(
            work,
            services.writer,
            services.reader,
            now=services.now,
            process=services.time.process,
            elapsed=services.time.elapsed,
            failpoint=services.failpoint,
        )
        for work in kinds
    )


async def run(services: Services, stop: asyncio.Event) -> None:
    """Work until `stop` is set. A step that fails is logged and tried again at the next round."""
    workers = due_workers(services)
    for worker in workers:
        services.observer.watch_work(worker.work.name, worker.figures)
    (deliveries,) = [worker for worker in workers if worker.work.name == WEBHOOK_DELIVERIES]
    others = [worker for worker in workers if worker is not deliveries]
    tasks = [asyncio.create_task(_repeat(stop, _LOOK_SECONDS, worker.begin, stop.is_set)) for worker in others]
    tasks += [
        asyncio.create_task(_tell_events(services, deliveries, stop)),
        asyncio.create_task(_repeat(stop, _LOOK_SECONDS, _keep_books, services, stop)),
        asyncio.create_task(
            _repeat(stop, _LOOK_SECONDS, hurry_answered, services.carriers, services.writer, services.now)
        ),
        asyncio.create_task(_repeat(stop, _LOOK_SECONDS, raise_rounds, services, stop.is_set)),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, drift_rounds, services, stop.is_set)),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, trunk_rounds, services, stop.is_set)),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, settings_rounds, services, stop.is_set)),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, clean_up_rounds, services, stop.is_set)),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, services.call_puller.begin)),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, fill_index, services, stop.is_set)),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, prune_rounds, services, stop.is_set)),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, debt_rounds, services, stop.is_set)),
        asyncio.create_task(_repeat(stop, CLEANUP_SECONDS, paper_rounds, services, stop.is_set)),
    ]
    try:
        await stop.wait()
        tasks += [task for worker in workers for task in worker.running.values()]
        _, late = await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        for task in late:  # a carrier that takes its time; whoever comes next asks again
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await services.carriers.close()
        await services.webhooks.close()


async def _tell_events(services: Services, deliveries: DueWorker[Any, Any], stop: asyncio.Event) -> None:
    """Number events and send them: soon after this process committed something, and every second for the others'."""
    committed = CommitBell(asyncio.get_running_loop())
    services.writer.tell_of_commits(committed.tell)
    try:
        while not stop.is_set():
            committed.begin_round()
            await put_off(partial(number_events, services, stop.is_set))
            await put_off(partial(deliveries.begin, stop.is_set))
            await _first_of(committed.event, stop, _LOOK_SECONDS)
            is_long = services.writer.waiting >= _LONG_QUEUE
            await _rest(stop, _LONG_BREATH_SECONDS if is_long else _BREATH_SECONDS)
    finally:
        services.writer.tell_of_commits(None)


class CommitBell:
    """Wakes a loop at the first commit since a round began, from the thread that commits; further ones cost nothing.

    To wake a loop is a system call, during which the writer gives the interpreter away and has to wait for it again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.event = asyncio.Event()
        self._loop = loop
        self._told = False

    def begin_round(self) -> None:
        """From now on the next commit is told of; those before it the round sees."""
        self.event.clear()
        self._told = False

    def tell(self) -> None:
        """Something was committed."""
        if self._told:
            return
        self._told = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing is told here any more
            self._loop.call_soon_threadsafe(self.event.set)


async def number_events(services: Services, stopping: Callable[[], bool]) -> None:
    """Give the events that are there their numbers; nothing is written where none is without.

    A round that was not full is the last: what is committed meanwhile waits for the next call, with many others.
    """
    left = await services.reader.look_up(has_unnumbered)
    while left and not stopping():
        left = (await services.writer.submit(services.sequence_events, SequenceEvents(services.now()))).left


async def _repeat(stop: asyncio.Event, seconds: float, work: Callable[..., Awaitable[None]], *given: Any) -> None:
    while not stop.is_set():
        await put_off(lambda: work(*given))
        await _rest(stop, seconds)


async def _keep_books(services: Services, stop: asyncio.Event) -> None:
    while not stop.is_set() and (await services.writer.submit(services.reprice, Reprice())).left:
        pass


async def clean_up_rounds(services: Services, stopping: Callable[[], bool]) -> None:
    """Rounds until nothing is left, each in a transaction of its own; what is over must be so by two clocks."""
    settings = services.settings
    past = await services.agreed_clock.surely_past()
    detail = settings.usage_detail_days * DAY or None
    round_of = Cleanup(past, settings.key_retention_hours * HOUR, detail, settings.action_retention_days * DAY)
    while not stopping() and (await services.writer.submit(clean_up, round_of)).left:
        pass


async def raise_rounds(services: Services, stopping: Callable[[], bool]) -> None:
    """Give rentals of connections that changed their next generation; nothing is written where none did."""
    while not stopping() and await services.reader.look_up(lambda tx: bool(find_raising(tx, 1))):
        await services.writer.submit(raise_rentals, RaiseRentals(services.now()))


async def drift_rounds(services: Services, stopping: Callable[[], bool]) -> None:
    """Look at a few numbers at their carriers, where it is time to; nothing is written where it is not."""
    if stopping() or not await services.reader.look_up(lambda tx: bool(find_to_look_at(tx, services.now(), 1))):
        return
    await look_for_drift(services.writer, services.reader, services.carriers, services.vault, services.now)


async def trunk_rounds(services: Services, stopping: Callable[[], bool]) -> None:
    """Look whether numbers are in their LiveKit trunks, where it is time to; nothing is written where it is not."""
    if stopping() or not await services.reader.look_up(lambda tx: bool(find_trunks_to_look_at(tx, services.now(), 1))):
        return
    await look_at_trunks(services.writer, services.reader, services.trunks, services.vault, services.now)


async def settings_rounds(services: Services, stopping: Callable[[], bool]) -> None:
    """Look whether carriers still have the settings of a few numbers, where it is time to."""
    if not stopping():
        await look_at_settings(services.writer, services.reader, services.carriers, services.now)


async def fill_index(services: Services, stopping: Callable[[], bool]) -> None:
    """Put numbers that were there before the index of trigrams into it, and tell how far that has come."""
    for steps in itertools.count(1):
        if stopping():
            return
        step = await services.writer.submit(fill_trigrams, FillTrigrams())
        if step.filled is not None and not step.left:
            get_log().info("search index filled", numbers=step.filled)
        elif step.left and steps % _STEPS_PER_REPORT == 0:
            get_log().info("search index filling", numbers=step.filled)
        if not step.left:
            return


async def prune_rounds(services: Services, stopping: Callable[[], bool]) -> None:
    """Rounds until no event is too old, each in a transaction of its own; what is old must be so by two clocks."""
    retention = services.settings.event_retention_days * DAY
    past = await services.agreed_clock.surely_past()
    while not stopping() and (await services.writer.submit(prune_events, PruneEvents(past, retention))).left:
        pass


async def debt_rounds(services: Services, stopping: Callable[[], bool]) -> None:
    """Suspend accounts that have owed for too long by two clocks, where the operator's rule says so."""
    days = services.settings.suspend_after_debt_days
    if not days:
        return
    past = await services.agreed_clock.surely_past()
    left = True
    while left and not stopping():
        command = SuspendDebtors(past, days * DAY, services.now())
        left = (await services.writer.submit(suspend_debtors, command)).left


async def paper_rounds(services: Services, stopping: Callable[[], bool]) -> None:
    """Tell of compliance profiles that end by two clocks; nothing is written where none does."""
    past = await services.agreed_clock.surely_past()
    while not stopping() and await services.reader.look_up(lambda tx: has_to_tell(tx, past)):
        await services.writer.submit(tell_expiry, TellExpiry(past, services.now()))


def start(services: Services) -> Callable[[], None]:
    """Work in a thread of its own; the returned function stops it and waits."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run(services, stop))

    thread = threading.Thread(target=work, name="numberdesk-worker")
    thread.start()

    def end() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join()

    return end


async def _first_of(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    """Wait until one of two events is set, for so long at most."""
    waits = [asyncio.ensure_future(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
