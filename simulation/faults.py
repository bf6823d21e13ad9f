"""The storm: what goes wrong, when the seed says so.

Touches: database.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
from collections.abc import Callable, Sequence
from typing import Final

from numberdesk.flows.carriers.audit_carriers import CARRIER_AUDITS
from numberdesk.flows.carriers.confirm_carrier_releases import CARRIER_RELEASES
from numberdesk.flows.purchase import buy_number, place_orders
from numberdesk.flows.purchase.follow_carrier_orders import CARRIER_ORDERS
from numberdesk.infra.due_work import points_of
from simulation.audit import Auditor
from simulation.plan import DAY, HOUR, MINUTE
from simulation.process import Process
from simulation.storage import Disk, PowerLost, SimulatedCrash, Trouble
from simulation.world import MICROSECONDS, World

_JUMPS: Final = (
    0.001, 0.5, 5, 60, 660, 16 * MINUTE, 16 * MINUTE, 35 * MINUTE, 35 * MINUTE, 2 * HOUR, 40 * DAY,
)  # fmt: skip
"""Seconds: beyond what is tolerated, beyond the time in which lists lag and a customer waits, beyond what is kept."""

_OFTENER: Final = {
    **dict.fromkeys(buy_number.FAILPOINTS, 0.3),
    **dict.fromkeys(place_orders.FAILPOINTS, 2.0),
    **dict.fromkeys(points_of(CARRIER_ORDERS), 3.0),
    points_of(CARRIER_ORDERS)[-1]: 9.0,
    **dict.fromkeys(points_of(CARRIER_RELEASES), 5.0),
    **dict.fromkeys(points_of(CARRIER_AUDITS), 8.0),
}
"""How often a process ends at a point against what the plan says: at those that are seldom passed more often."""

_LONG_STALL: Final = 6.0
"""More than the writer's patience."""


class Faults:
    """Strikes processes, the machine and time. `start` brings a process up again with its stories."""

    def __init__(
        self, world: World, disk: Disk, auditor: Auditor, processes: Sequence[Process], start: Callable[[Process], None]
    ) -> None:
        self._world = world
        self._disk = disk
        self._auditor = auditor
        self._processes = processes
        self._start = start
        self._turning: list[Process] = []
        self._condemned: Process | None = None
        self._stopped: list[Process] = []
        self._full = False
        plan = world.plan
        strikes: tuple[tuple[float, Callable[[], None]], ...] = (
            (plan.kill, self._kill_one),
            (plan.restart, lambda: self._restart(world.one_of(processes))),
            (plan.power / 10, self._lose_power),
            (plan.clock_jump, lambda: self._jump(world.one_of(processes))),
            (plan.stall, self._stall),
            (plan.time_passes, lambda: self._pass("time passes", HOUR, 40 * DAY)),
            (plan.minutes_pass, lambda: self._pass("minutes pass", 2, 20 * MINUTE)),
            (plan.disk_full, self._fill_the_disk),
        )
        self._rates = list(itertools.accumulate(rate for rate, _ in strikes))
        self._strikes = [strike for _, strike in strikes]

    def strike(self) -> None:
        """Before a step of the scheduler: perhaps something happens."""
        drawn = self._world.chance.random()
        if drawn < self._rates[-1]:
            self._strikes[bisect.bisect_right(self._rates, drawn)]()

    def calm(self) -> None:
        """No more of it: what is down comes up, the disk has room."""
        self._world.calm = True
        self._world.note("calm")
        for process in self._processes:
            process.database.trouble = Trouble()
            if process.closing:
                process.die()
            self._start_again(process)

    def turn(self, process: Process) -> None:
        """A turn of a process's writer, with the storage failing it or the process dying in it."""
        if not self._world.calm:
            self._prepare(process.database.trouble)
        self._turning.append(process)
        try:
            process.turn()
        except PowerLost as lost:
            self._world.fault("power lost, commit torn" if lost.torn else "power lost after a commit")
            if not lost.torn:
                process.durable()
            self._machine_down()
        except SimulatedCrash:
            self._kill(process)
        finally:
            self._turning.pop()
        self._note_recovery(process)

    def failpoint(self, process: Process, point: str) -> None:
        """A writer or a purchase passes a point: its process may die there, another may try to write beside it."""
        world, plan = self._world, self._world.plan
        if world.calm or len(self._turning) > 1:
            return
        if not self._turning:  # a handler passes it, not a writer
            self._condemn(process, point)
            return
        if point in ("begun", "applied") and world.happens(plan.locked):
            self._collide(process)
        if world.happens(plan.kill_at_point / 3):
            world.fault(f"process killed at {point}")
            world.reached(f"crash_at_{point}")
            raise SimulatedCrash

    def execute(self) -> None:
        """After a step: end the process that a handler was to end, and those that have stopped."""
        condemned, self._condemned = self._condemned, None
        if condemned is not None:
            self._kill(condemned)
        stopped, self._stopped = self._stopped, []
        for process in stopped:
            self._kill(process)

    def _condemn(self, process: Process, point: str) -> None:
        """A handler, an order or a piece of work goes no further; its process ends as soon as the step is over."""
        if process.up and self._world.happens(self._world.plan.kill_at_point * _OFTENER.get(point, 1.0)):
            self._world.fault(f"process killed at {point}")
            self._world.reached(f"crash_at_{point}")
            self._condemned = process
            raise SimulatedCrash

    def _prepare(self, trouble: Trouble) -> None:
        world, plan = self._world, self._world.plan
        if world.happens(plan.statement_fails):
            world.fault("statement fails")
            trouble.statement = world.chance.randrange(12)
        if world.happens(plan.commit_fails):
            world.fault("commit fails")
            trouble.commit = True
        trouble.power = world.happens(plan.power)
        if world.happens(plan.commit_lost):
            trouble.made = world.happens(0.5)
            trouble.lost = not trouble.made
            world.fault("commit made, its answer lost" if trouble.made else "commit lost")
        if world.happens(plan.commit_again):
            world.fault("commit to be tried again")
            trouble.again = True

    def _collide(self, process: Process) -> None:
        """Another process has its turn while this one holds the lock: it is told that the database is locked."""
        others = [other for other in self._processes if other is not process and other.waiting]
        if not others:
            return
        other = self._world.one_of(others)
        failed = other.recorder.writer.figures.failed_commits
        self._world.fault("writers collide")
        self._turning.append(other)
        try:
            other.turn()
        finally:
            self._turning.pop()
        if other.recorder.writer.figures.failed_commits > failed:
            self._world.reached("locked_by_another_process")

    def _kill(self, process: Process) -> None:
        if process.up:
            process.die()
            self._bring_back(process)

    def _machine_down(self) -> None:
        """Everything ends at once; the disk is as it was noted."""
        for process in self._processes:
            if process.up:
                self._bring_back(process)
            process.die()
            process.database.close()  # one that was down may have been read from since
        self._auditor.close()
        self._disk.restore()
        self._world.reached("machine_restarted")

    def _bring_back(self, process: Process) -> None:
        self._world.loop.call_later(self._world.between(0.01, 3), self._start_again, process)

    def _start_again(self, process: Process) -> None:
        if not process.up:
            self._start(process)

    def _restart(self, process: Process) -> None:
        """As an operator does it: finish what is on its way to carriers, take no more, stop."""
        if not process.up or process.closing:
            return
        self._world.fault("restarted")
        process.tend(self._stop(process))

    async def _stop(self, process: Process) -> None:
        process.closing = True
        if self._world.happens(0.5):
            await process.services.hang_up(0.3)
        process.close()
        await asyncio.sleep(0.05)
        self._stopped.append(process)

    def _jump(self, process: Process) -> None:
        seconds = self._world.one_of(_JUMPS) * self._world.one_of((1, -1))
        self._world.fault("clock jumps back" if seconds < 0 else "clock jumps ahead")
        process.skew = round(seconds * MICROSECONDS)

    def _kill_one(self) -> None:
        self._world.fault("process killed")
        self._kill(self._world.one_of(self._processes))

    def _lose_power(self) -> None:
        self._world.fault("power lost between steps")
        self._disk.keep()
        self._machine_down()

    def _stall(self) -> None:
        self._world.fault("stall")
        self._world.loop.advance(self._world.loop.time() + _LONG_STALL)

    def _pass(self, what: str, shortest: float, longest: float) -> None:
        if not any(process.waiting for process in self._processes):
            self._world.fault(what)
            self._world.loop.advance(self._world.loop.time() + self._world.between(shortest, longest))

    def _fill_the_disk(self) -> None:
        """For a while, in which other things may happen."""
        if not self._full:
            self._world.fault("disk full")
            self._set_full(full=True)
            self._world.loop.call_later(self._world.between(0.005, 0.3), lambda: self._set_full(full=False))

    def _set_full(self, *, full: bool) -> None:
        self._full = full and not self._world.calm
        for process in self._processes:
            process.database.trouble.full = self._full

    def _note_recovery(self, process: Process) -> None:
        """Goals of the writer, read from its figures."""
        if not process.up:
            return
        figures, before = process.recorder.writer.figures, process.figures
        if figures.isolated > before.isolated:
            self._world.reached("batch_isolated")
        if figures.failed_commits > before.failed_commits and process.database.trouble.full:
            self._world.reached("disk_full_met")
            process.met_full_disk = True
        elif process.met_full_disk and figures.batches > before.batches:
            process.met_full_disk = False
            self._world.reached("recovered_from_a_full_disk")
        process.figures = figures
