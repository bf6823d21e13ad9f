"""End sessions by the real seconds of their calls, which become call records like any other's.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.core.call_charging import RecordResult
from numberdesk.core.errors import NotFound, NumberdeskError
from numberdesk.core.session import NO_SESSION
from numberdesk.flows.usage.record_calls import RecordCalls, record_calls
from numberdesk.infra.db import Tx
from numberdesk.usage.session_store import find_sessions


class EndSession(NamedTuple):
    """The source of a session says how long its call was. `batch_id` is new."""

    session_id: str
    source: str
    seconds: int
    disposition: str
    batch_id: str
    now: int


def end_sessions(tx: Tx, commands: Sequence[EndSession]) -> list[RecordResult | NumberdeskError]:
    """Record calls; each outcome is that of the record, or NotFound where the source has no such session.

    What a session is about never changes, so it is read before its account is locked. One that expired is charged all
    the same, since its call has happened.
    """
    sessions = find_sessions(tx, {command.session_id for command in commands})
    known = {one.id for one in sessions.values()}
    ours = [
        command
        for command in commands
        if command.session_id in known and sessions[command.session_id].source == command.source
    ]
    records = [
        RecordCalls(
            command.batch_id,
            (sessions[command.session_id].record(command.seconds, command.disposition),),
            command.now,
        )
        for command in ours
    ]
    results = iter(record_calls(tx, records) if records else [])
    mine = {id(command) for command in ours}
    return [next(results)[0] if id(command) in mine else NotFound(NO_SESSION) for command in commands]
