"""The story of call records that somebody sends: recorded in bounded batches, one outcome each.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from numberdesk.core.call_charging import RecordOutcome, RecordResult
from numberdesk.core.call_record import BadRecord, CallRecord
from numberdesk.flows.part_way import Taken, part_way
from numberdesk.flows.usage.record_calls import MOST_RECORDS, RecordCalls, record_calls
from numberdesk.infra.writer import Writer, no_failpoint

TAKEN_ONCE: Final = "a record that was taken is not charged twice"
"""Why records may be sent again."""

RECORDS_READ: Final = "records_read"
"""Told to `failpoint` before the first batch of records is recorded: where a crash may be put by whoever tests this."""


async def send_calls(
    writer: Writer,
    read: Sequence[CallRecord | BadRecord],
    now: int,
    new_id: Callable[[str], str],
    *,
    most_parked: int | None = None,
    failpoint: Callable[[str], None] = no_failpoint,
) -> list[RecordResult]:
    """Record what was read, each batch committed before the next; one result for each record, in order.

    Raises Overloaded, which says how many records were taken.
    """
    failpoint(RECORDS_READ)
    results: list[RecordResult] = []
    with part_way(Taken("records", TAKEN_ONCE, len(read))) as taken:
        for begin in range(0, len(read), MOST_RECORDS):
            some = read[begin : begin + MOST_RECORDS]
            good = tuple(record for record in some if isinstance(record, CallRecord))
            done = await writer.submit(record_calls, RecordCalls(new_id("bat"), good, now, most_parked)) if good else []
            results += in_order(some, done)
            taken.count += len(good)
    return results


def in_order(read: Sequence[CallRecord | BadRecord], done: Sequence[RecordResult]) -> list[RecordResult]:
    """The results of the good records, and those of the bad ones, in the order in which they came."""
    left = iter(done)
    return [rejected(record) if isinstance(record, BadRecord) else next(left) for record in read]


def rejected(record: BadRecord) -> RecordResult:
    """The result of a record that is refused."""
    return RecordResult(RecordOutcome.REJECTED, record.call_id, record.leg, field=record.field, reason=record.reason)
