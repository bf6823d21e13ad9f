"""What ends between two transactions says how much of it was taken, and that it may be sent again."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from numberdesk.core.call_charging import RecordOutcome, RecordResult
from numberdesk.core.call_record import BadRecord, CallRecord, Direction
from numberdesk.core.errors import Overloaded
from numberdesk.flows.usage.record_calls import MOST_RECORDS, RecordCalls
from numberdesk.flows.usage.send_calls import send_calls
from numberdesk.infra.db import CommitUnknownError, StorageFailedError
from tests.flows.conftest import NOW


class FailingWriter:
    """Takes some batches, and then fails."""

    def __init__(self, batches: int, error: Exception) -> None:
        self._left = batches
        self._error = error

    async def submit(self, _: Any, command: RecordCalls) -> list[RecordResult]:
        if not self._left:
            raise self._error
        self._left -= 1
        return [RecordResult(RecordOutcome.ACCEPTED, one.call_id, one.leg) for one in command.records]


def record(number: int) -> CallRecord:
    e164, other = "+13612738809", "+13612738000"
    return CallRecord("switch", f"c{number}", "", Direction.INBOUND, e164, other, NOW, NOW, None, 60, "")


def send(batches: int, error: Exception) -> Exception:
    """What is raised where two whole batches are sent, of which one has a bad record."""
    bad = BadRecord("bad", "", "seconds", "x")
    read: list[CallRecord | BadRecord] = [bad, *map(record, range(2 * MOST_RECORDS - 1))]
    with pytest.raises(type(error) if batches == 0 else Overloaded) as raised:
        asyncio.run(send_calls(cast("Any", FailingWriter(batches, error)), read, NOW, lambda kind: f"{kind}_1"))
    return raised.value


@pytest.mark.parametrize("error", [Overloaded(), StorageFailedError("disk full")])
def test_records_that_were_taken_before_the_database_was_busy_are_counted(error: Exception) -> None:
    said = send(1, error)
    assert isinstance(said, Overloaded)
    assert said.details == {"taken": 499, "sent": 1000}
    assert said.message == (
        "The service is busy. 499 of 1,000 records were taken. "
        "Send it all again shortly: a record that was taken is not charged twice."
    )


def test_where_nothing_was_taken_that_is_what_is_said() -> None:
    assert send(0, Overloaded()) == Overloaded()


def test_a_batch_of_which_nobody_knows_is_not_said_to_be_lost() -> None:
    said = send(1, CommitUnknownError("gone"))
    assert "499 of 1,000 records were taken, and of some more it is not known yet" in str(said)
