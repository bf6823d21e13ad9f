"""Read finished calls from carriers that list them: due work, a day of a carrier each.

Touches: database, clock.

The carrier's name is the source of what is read, which nobody else can write. Calls of numbers that were never this
carrier's here are somebody else's affair and left out. A reading that dies in between is begun anew: what is known
already does nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from numberdesk.carriers.call_port import CallPage, CarrierCall
from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.call_charging import RecordOutcome
from numberdesk.core.call_record import BadRecord, CallRecord, read_record
from numberdesk.flows.usage.note_pulls import BeginPulls, NoteCosts, NotePull, begin_pulls, note_costs, note_pulls
from numberdesk.flows.usage.record_calls import MOST_RECORDS, RecordCalls, record_calls
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer
from numberdesk.usage.pull_store import DUE_PULLS, PULL_LEASE, CallPull, find_numbers_at, find_pulled_carriers

CALL_PULLS: Final = "call_pulls"
"""The name of this kind of due work."""

NOT_CONNECTED: Final = "this carrier is not connected"

MOST_PAGES: Final = 20_000
"""Pages of one day, after which a list is taken to be endless."""

_RESTS: Final = (2.0, 8.0, 30.0)
_LONGEST_REST: Final = 60.0


class PulledDay(NamedTuple):
    """What came of reading a day. `message` tells why it did not come to its end; "" when it did."""

    began_at: int
    listed: int
    message: str


@dataclass(slots=True)
class CallPuller:
    """The readings of one process; none where `every` is 0.

    `past` gives the instant that has surely passed: a clock that is ahead would end days that are still to come.
    """

    writer: Writer
    reader: Reader
    carriers: CarrierClients
    now: Callable[[], int]
    new_id: Callable[[str], str]
    every: int
    past: Callable[[], Awaitable[int]]
    sleep: Callable[[float], Awaitable[Any]] = field(default=asyncio.sleep)

    @property
    def due_work(self) -> tuple[DueWork[CallPull, PulledDay], ...]:
        """The kind of due work, where there is any: the days of each carrier one after the other."""
        if not self.every:
            return ()
        return (DueWork(CALL_PULLS, DUE_PULLS, self.read_day, self._note, at_once=1, time=self.past),)

    async def begin(self) -> None:
        """Have carriers read that list calls and have not been read yet."""
        if not self.every:
            return
        listing = {client.name for client in await self.carriers.clients(active_only=False) if client.lists_calls}
        new = sorted(listing - await self.reader.look_up(find_pulled_carriers)) if listing else []
        if new:
            await self.writer.submit(begin_pulls, BeginPulls(tuple(new), await self.past()))

    async def read_day(self, pull: CallPull) -> PulledDay:
        """Read a day and record its calls, page by page."""
        began, started, listed = await self.past(), self.now(), 0
        client = await self.carriers.client(pull.carrier)
        if client is None:
            return PulledDay(began, 0, NOT_CONNECTED)
        counts: Counter[str] = Counter()
        cursor: str | None = None
        try:
            for _ in range(MOST_PAGES):
                page = await self._page(client, pull.day, cursor)
                listed += await self._record(pull.carrier, page, counts)
                if page.cursor is None:
                    self._tell(pull, counts)
                    return PulledDay(began, listed, "")
                if page.cursor == cursor or self.now() >= started + PULL_LEASE:
                    break
                cursor = page.cursor
                await self.sleep(page.rest)
        except CarrierError as error:
            get_log().error("calls not read", carrier=pull.carrier, trouble=error.trouble.value, said=error.message)
            return PulledDay(began, listed, str(error))
        return PulledDay(began, listed, "the list of calls of this day does not end")

    async def _page(self, client: CarrierClient, day: int, cursor: str | None) -> CallPage:
        """A page, asked for again after a while where that may help. Raises CarrierError."""
        for rest in _RESTS:
            try:
                return await client.calls(day, cursor)
            except CarrierError as error:
                if error.trouble not in (Trouble.THROTTLED, Trouble.UNREACHABLE, Trouble.FAILING):
                    raise
                await self.sleep(min(_LONGEST_REST, max(rest, error.retry_after or 0)))
        return await client.calls(day, cursor)

    async def _record(self, carrier: str, page: CallPage, counts: Counter[str]) -> int:
        """Record the calls of our numbers; how many these are."""
        ours = await self._of_our_numbers(carrier, page)
        counts["unread"] += page.unread
        for begin in range(0, len(ours), MOST_RECORDS):
            part = ours[begin : begin + MOST_RECORDS]
            now = self.now()
            read = [read_record(call.values, carrier, now) for call in part]
            counts["rejected"] += sum(isinstance(record, BadRecord) for record in read)
            good = tuple(record for record in read if isinstance(record, CallRecord))
            if good:
                done = await self.writer.submit(record_calls, RecordCalls(self.new_id("bat"), good, now))
                counts.update(result.outcome.value for result in done)
            kept = [(record, call.cost) for record, call in zip(read, part, strict=True)]
            costs = {
                record.call_id: cost for record, cost in kept if isinstance(record, CallRecord) and cost is not None
            }
            if costs:
                await self.writer.submit(note_costs, NoteCosts(carrier, costs, now))
        return len(ours)

    async def _of_our_numbers(self, carrier: str, page: CallPage) -> list[CarrierCall]:
        numbers = {number for call in page.calls if _is_number(number := call.values["phone_number"])}
        if not numbers:
            return []
        known = await self.reader.look_up(lambda tx: find_numbers_at(tx, carrier, numbers))
        return [call for call in page.calls if _is_number(number := call.values["phone_number"]) and number in known]

    async def _note(self, pull: CallPull, read: PulledDay) -> WorkOutcome:
        note = NotePull(pull, read.began_at, await self.past(), self.every, read.listed, read.message)
        return await self.writer.submit(note_pulls, note)

    def _tell(self, pull: CallPull, counts: Counter[str]) -> None:
        """Log what a person should see: calls that are listed and cannot be kept as they are."""
        wrong = {name: counts[name] for name in ("unread", "rejected", RecordOutcome.CONFLICT.value) if counts[name]}
        if wrong:
            get_log().warning("calls in a carrier's list were not taken", carrier=pull.carrier, day=pull.id, **wrong)


def _is_number(listed: Any) -> bool:
    """Whether what stands in place of our number may be asked of a database."""
    return isinstance(listed, str) and listed.isascii() and listed.isprintable()
