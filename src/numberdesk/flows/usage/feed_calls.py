"""The story of records that come in a foreign form: brought to ours, and recorded as all others.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numberdesk.core.call_callback import read_callback
from numberdesk.core.call_charging import RecordOutcome, RecordResult
from numberdesk.core.call_forms import CallForm, PassedOver, SentFields, by_arrival
from numberdesk.core.call_mapping import CallMapping
from numberdesk.core.call_record import BadRecord, CallRecord, read_record
from numberdesk.core.freeswitch_cdr import FreeswitchError, read_cdr
from numberdesk.flows.part_way import Taken, part_way
from numberdesk.flows.usage.record_calls import MOST_RECORDS, RecordCalls, record_calls
from numberdesk.flows.usage.send_calls import TAKEN_ONCE, in_order
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer
from numberdesk.usage.store import find_calls

Read = CallRecord | BadRecord | PassedOver


def fields_of(form: CallForm, mapping: CallMapping | None, document: Any) -> SentFields | PassedOver:
    """Our fields out of a document of a form. What is no such document has no fields, which refuses it."""
    if mapping is not None:
        return mapping.read(document)
    if form is CallForm.CALLBACK:
        return read_callback(document)
    try:
        return read_cdr(document)
    except FreeswitchError:
        return SentFields({})


def read_foreign(form: CallForm, mapping: CallMapping | None, document: Any, source: str, now: int) -> Read:
    """A record out of a document that says when the call was."""
    found = fields_of(form, mapping, document)
    return found if isinstance(found, PassedOver) else read_record(found.values, source, now)


class FeedDesk:
    """Takes what feeds send. `most_parked` bounds what customers' own sources may leave parked."""

    def __init__(self, writer: Writer, reader: Reader, new_id: Callable[[str], str], most_parked: int) -> None:
        self._writer = writer
        self._reader = reader
        self._new_id = new_id
        self._most_parked = most_parked

    async def take(
        self, form: CallForm, mapping: CallMapping | None, documents: Sequence[Any], source: str, now: int
    ) -> list[RecordResult]:
        """Record documents of one form; one result for each, in order, when all that was accepted is on disk."""
        results: list[RecordResult] = []
        with part_way(Taken("records", TAKEN_ONCE, len(documents))) as taken:
            for begin in range(0, len(documents), MOST_RECORDS):
                some = documents[begin : begin + MOST_RECORDS]
                read = [await self._read(form, mapping, one, source, now) for one in some]
                good = tuple(record for record in read if isinstance(record, CallRecord))
                command = RecordCalls(self._new_id("bat"), good, now, self._most_parked)
                results += outcomes(read, await self._writer.submit(record_calls, command) if good else [])
                taken.count += len(good)
        return results

    async def _read(self, form: CallForm, mapping: CallMapping | None, document: Any, source: str, now: int) -> Read:
        """A record. Of one that names no time, the time that its first arrival said."""
        found = fields_of(form, mapping, document)
        if isinstance(found, PassedOver):
            return found
        record = read_record(by_arrival(found.values, now) if found.by_arrival else found.values, source, now)
        if not found.by_arrival or isinstance(record, BadRecord):
            return record
        known = (await self._reader.look_up(lambda tx: find_calls(tx, [record]))).get(record.key)
        if known is None:
            return record
        first = known.record
        return record._replace(started_at=first.started_at, answered_at=first.answered_at, ended_at=first.ended_at)


def outcomes(read: Sequence[Read], done: Sequence[RecordResult]) -> list[RecordResult]:
    """The results of records of a foreign form, in order: those that count nothing are ignored."""
    told = iter(in_order([one for one in read if not isinstance(one, PassedOver)], done))
    return [passed(one) if isinstance(one, PassedOver) else next(told) for one in read]


def passed(record: PassedOver) -> RecordResult:
    """The result of a record that counts nothing."""
    return RecordResult(RecordOutcome.IGNORED, record.call_id, "", None, None, record.reason)
