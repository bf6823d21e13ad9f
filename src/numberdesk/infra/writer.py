"""The group committer: one thread, one transaction, many commands.

Touches: database, threads, clock.

`submit` queues a command for a flow. The thread takes everything that waits, begins one
transaction, applies flow by flow, commits once and only then resolves the futures. Nobody
waits for a batch to fill: with no load a batch is one command.

Accounts share the queue: of n that wait, each may have one part in n + 1 of it, so that another finds
room; what one transaction takes of what waits is told in infra/turns.py. Whose a command is says its `account_id`.
What has none, as background work, is the house's, and bounded by the queue alone.

What happens when something fails:

- a flow raises: the batch is rolled back and every command runs again alone, so that only the
  guilty one fails;
- the storage fails, at a statement or at the commit: everything in the batch fails with
  StorageFailedError and nothing of it was kept; only CommitUnknownError leaves that open;
- the storage fails in a way that may be over at once (a deadlock, a cut connection, a primary
  that fell): the batch is tried again while its commands may still wait;
- a row that a flow inserts was inserted by another process meanwhile: the batch runs once more and
  sees it. What meets such a row again is a defect, like anything else that a flow raises;
- the server could lose what it acknowledges, as one may that a failover led to: everything is
  refused so, and the writer is `stuck` until a server is fit;
- the queue is full, the command waited too long, or the writer is closing: Overloaded, and the
  command was never begun;
- the database is silent: the engine gives the transaction up after a time, and meanwhile, and until
  something is committed or refused again, the writer is `stuck`;
- `close`: takes no more, applies all that was accepted, then returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.infra.attribution import ATTRIBUTED, Attribute, Attributed, Attribution, StateOf
from numberdesk.infra.db import CommitUnknownError, Database, StorageFailedError, TryAgainError, Tx, UnfitServerError
from numberdesk.infra.observer import NOBODY, Observer
from numberdesk.infra.turns import split

Command = TypeVar("Command")
Result = TypeVar("Result")

Apply = Callable[[Tx, Sequence[Command]], Sequence[Result | Exception]]
"""A write flow: one outcome per command, in order, inside the writer's transaction.

An outcome that is an exception is a refusal: it is raised to the one who asked, and the rest stands.
"""

_RETRY_SECONDS: Final = 0.05
_MOST_RETRIES: Final = 200
"""Between tries of a batch whose storage failed for the moment, and how many at most, whatever the clock says."""

_STUCK_SECONDS: Final = 2.0
"""After which a database that has neither committed nor refused anything is taken to be in trouble."""

FAILPOINTS: Final = ("taken", "begun", "applied", "committed", "resolved")
"""The points that a batch passes, each told to `failpoint`: where a crash may be put by whoever tests this."""

_TOO_MANY: Final = "Too many changes of this account wait. Nothing was charged; try again later."

_STOP: Final = object()


def _nobody() -> None:
    """Whoever is told of commits where nobody asked for it."""


def no_failpoint(_point: str) -> None:
    """What is done at a point that nobody watches."""


@dataclass(slots=True)
class _Waiting(Generic[Command, Result]):
    """One queued command. `deadline` is on the monotonic clock, in seconds."""

    flow: Apply[Command, Result]
    command: Command
    future: asyncio.Future[Result]
    loop: asyncio.AbstractEventLoop
    deadline: float
    account_id: str | None
    attributed: Attributed | None


@dataclass(frozen=True, slots=True)
class WriterFigures:
    """What the writer did so far."""

    commands: int
    batches: int
    isolated: int
    failed_commits: int
    retries: int


class Writer:
    """Queues commands and commits them in batches from one thread.

    `queue_limit` bounds the commands that wait; `patience_seconds` is how long an outcome may take
    before a command is turned away unbegun, of which `lock_seconds` are kept for the database's lock.
    `monotonic` gives seconds; `failpoint` is told when a batch passes one of FAILPOINTS, `observer` of
    each commit. `attribute` writes who did what, in the transaction of the change, with `states`.
    """

    def __init__(
        self,
        database: Database,
        *,
        queue_limit: int = 4096,
        patience_seconds: float = 4.0,
        lock_seconds: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
        failpoint: Callable[[str], None] = no_failpoint,
        observer: Observer = NOBODY,
        attribute: Attribute | None = None,
        states: Mapping[object, StateOf] = MappingProxyType({}),
    ) -> None:
        self._observer = observer
        self._attribute, self._states = attribute, states
        self._database = database
        self._limit = queue_limit
        self._patience = patience_seconds
        self._lock_seconds = lock_seconds
        self._monotonic = monotonic
        self._failpoint = failpoint
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._accepting = threading.Lock()
        self._on_commit: Callable[[], None] = _nobody
        self._waiting = 0
        self._shares: Counter[str] = Counter()
        self._backlog: list[_Waiting[Any, Any]] = []
        self._stopping = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._asked_at: float | None = None
        self._commands = self._batches = self._isolated = self._failed_commits = self._retries = 0

    @property
    def figures(self) -> WriterFigures:
        """Counts since the start."""
        return WriterFigures(self._commands, self._batches, self._isolated, self._failed_commits, self._retries)

    @property
    def accepting(self) -> bool:
        """Whether commands are still taken."""
        return not self._closed

    @property
    def stuck(self) -> bool:
        """Whether the database is unfit, or could not tell for two seconds what became of what it was to commit."""
        asked_at = self._asked_at
        return asked_at is not None and self._monotonic() - asked_at >= _STUCK_SECONDS

    @property
    def waiting(self) -> int:
        """Commands accepted and not yet resolved."""
        return self._waiting

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="numberdesk-writer")
        self._thread.start()

    async def submit(self, flow: Apply[Command, Result], command: Command) -> Result:
        """Queue a command and wait for its outcome, which is durable when this returns.

        Raises Overloaded, or RateLimited over the account's share (both never begun), StorageFailedError (rolled
        back), or what the flow raised.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        deadline = self._monotonic() + self._patience
        account_id: str | None = getattr(command, "account_id", None)
        with self._accepting:
            if self._closed or self._waiting >= self._limit:
                raise Overloaded
            if self._has_its_share(account_id):
                raise RateLimited(_TOO_MANY, {"retry_after": 1})
            self._waiting += 1
            if account_id is not None:
                self._shares[account_id] += 1
            self._queue.put(_Waiting(flow, command, future, loop, deadline, account_id, ATTRIBUTED.get()))
        # A client that hangs up cancels only this wait: the command stays accepted and is applied.
        return await future

    def _has_its_share(self, account_id: str | None) -> bool:
        """Whether an account has as many commands waiting as leave room for one account more."""
        if account_id is None or account_id not in self._shares:
            return False
        return self._shares[account_id] >= max(1, self._limit // (len(self._shares) + 1))

    def apply(self, flow: Apply[Command, Result], command: Command) -> Result:
        """Run one command at once in its own transaction: for the command line, which has no thread."""
        end = self._monotonic() + self._patience
        outcome = self._patiently(lambda: self._alone(flow, command), end)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _alone(self, flow: Apply[Command, Result], command: Command) -> Result | Exception:
        attribution = Attribution(self._attribute, self._states)
        with self._database.write() as tx:
            outcome: Result | Exception = attribution.apply(flow, tx, [command], [ATTRIBUTED.get()])[0]
            attribution.write(tx)
        attribution.committed()
        return outcome

    def tell_of_commits(self, on_commit: Callable[[], None] | None) -> None:
        """Call this in the writer's thread after each commit, which it must not delay; None ends it."""
        self._on_commit = on_commit or _nobody

    def close(self) -> None:
        """Take no more, finish what was accepted, stop the thread. May be called twice."""
        with self._accepting:
            already, self._closed = self._closed, True
        if self._thread is not None and not already:
            self._queue.put(_STOP)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self.turn():
            pass

    def turn(self) -> bool:
        """Wait for commands, commit all that are there and resolve them; False once the writer is closed.

        The thread does nothing else. Whoever schedules by himself calls it instead of `start`,
        when `waiting` tells that there is something to do.
        """
        batch, stopping = self._take()
        if batch:
            self._failpoint("taken")
            self._resolve(batch, self._outcomes(batch))
            self._failpoint("resolved")
        return not stopping

    def _take(self) -> tuple[list[_Waiting[Any, Any]], bool]:
        """Wait for a command, then take all that wait beside it, up to the batch bound, in turn by account."""
        if not self._backlog and not self._stopping:
            self._receive(self._queue.get())
        with contextlib.suppress(queue.Empty):
            while True:
                self._receive(self._queue.get_nowait())
        batch, self._backlog = split(self._backlog)
        return batch, self._stopping and not self._backlog

    def _receive(self, one: Any) -> None:
        if one is _STOP:
            self._stopping = True
        else:
            self._backlog.append(one)

    def _outcomes(self, batch: list[_Waiting[Any, Any]]) -> list[object]:
        """One outcome or exception per command, after the commit."""
        self._commands += len(batch)
        outcomes: list[object] = [None] * len(batch)
        for places in self._transactions(batch):
            latest_begin = self._monotonic() + self._lock_seconds
            fresh = [place for place in places if batch[place].deadline >= latest_begin]
            results = self._commit([batch[place] for place in fresh]) if fresh else []
            for place in places:
                outcomes[place] = Overloaded()
            for place, result in zip(fresh, results, strict=True):
                outcomes[place] = result
        return outcomes

    def _transactions(self, batch: list[_Waiting[Any, Any]]) -> list[list[int]]:
        """Which commands of a batch go into one transaction, by their places."""
        if not self._database.one_flow_per_commit:
            return [list(range(len(batch)))]
        places: dict[Any, list[int]] = {}
        for place, waiting in enumerate(batch):
            places.setdefault(waiting.flow, []).append(place)
        return list(places.values())

    def _commit(self, batch: list[_Waiting[Any, Any]]) -> list[object]:
        if self._asked_at is None:
            self._asked_at = self._monotonic()
        try:
            outcomes = self._patiently(lambda: self._transaction(batch), min(waiting.deadline for waiting in batch))
        except StorageFailedError as error:
            self._failed_commits += 1
            if isinstance(error, UnfitServerError):
                self._asked_at = -math.inf  # nothing is to be waited for: it is in trouble
            elif not isinstance(error, (TryAgainError, CommitUnknownError)):
                self._asked_at = None
            return [error] * len(batch)
        except Exception as error:  # noqa: BLE001  whatever a flow raises belongs to the one who asked
            self._asked_at = None
            if len(batch) == 1:
                return [error]
            self._isolated += len(batch)
            return self._one_by_one(batch)
        self._asked_at = None
        self._batches += 1
        return outcomes

    def _patiently(self, transaction: Callable[[], Result], end: float) -> Result:
        """One transaction, tried again until `end` while the storage may come back, and once if it came second."""
        is_insert_race = False
        for _ in range(_MOST_RETRIES):
            try:
                return transaction()
            except TryAgainError:
                if self._monotonic() + _RETRY_SECONDS >= end:
                    raise
            except Exception as error:
                if is_insert_race or not self._database.is_insert_race(error):
                    raise
                is_insert_race = True
            self._retries += 1
            time.sleep(_RETRY_SECONDS)
        return transaction()

    def _one_by_one(self, batch: list[_Waiting[Any, Any]]) -> list[object]:
        """Each command alone. Once the storage fails the rest fails with it: they would only wait for it in turn."""
        outcomes: list[object] = []
        for waiting in batch:
            failed = outcomes and isinstance(outcomes[-1], StorageFailedError)
            outcomes.append(outcomes[-1] if failed else self._commit([waiting])[0])
        return outcomes

    def _transaction(self, batch: list[_Waiting[Any, Any]]) -> list[object]:
        places: dict[Any, list[int]] = {}
        for place, waiting in enumerate(batch):
            places.setdefault(waiting.flow, []).append(place)
        outcomes: list[object] = [None] * len(batch)
        began, attribution = self._monotonic(), Attribution(self._attribute, self._states)
        with self._database.write() as tx:
            self._failpoint("begun")
            for flow, mine in places.items():
                commands = [batch[place].command for place in mine]
                results = attribution.apply(flow, tx, commands, [batch[place].attributed for place in mine])
                if len(results) != len(mine):
                    raise RuntimeError("a flow must give one outcome per command")
                for place, result in zip(mine, results, strict=True):
                    outcomes[place] = result
            attribution.write(tx)
            self._failpoint("applied")
        attribution.committed()
        self._failpoint("committed")
        self._observer.batch(len(batch), self._monotonic() - began, tx.counted)
        self._on_commit()
        return outcomes

    def _give_back(self, account_id: str | None) -> None:
        if account_id is not None:
            self._shares[account_id] -= 1
            if not self._shares[account_id]:
                del self._shares[account_id]

    def _resolve(self, batch: list[_Waiting[Any, Any]], outcomes: list[object]) -> None:
        """Hand the outcomes over: one wake-up per event loop, not one per command."""
        loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], object]]] = {}
        for waiting, outcome in zip(batch, outcomes, strict=True):
            loops.setdefault(waiting.loop, []).append((waiting.future, outcome))
        with self._accepting:
            self._waiting -= len(batch)
            for waiting in batch:
                self._give_back(waiting.account_id)
        for loop, pairs in loops.items():
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(_resolve, pairs)


def _resolve(pairs: list[tuple[asyncio.Future[Any], object]]) -> None:
    for future, outcome in pairs:
        if future.done():
            continue
        if isinstance(outcome, StopIteration):  # which no future can carry
            future.set_exception(RuntimeError("a flow raised StopIteration"))
        elif isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
