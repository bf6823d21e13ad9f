"""Events and their types as values, and the stream of those that are about no account.

Touches: nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final, NamedTuple

OPERATORS: Final = ""
"""Stands where an account's id would: events that are about no account are a stream of their own, for operators."""


TERM_FIELDS: Final = {
    "period_unit": "what the length of a period is counted in, `month` or `day`",
    "period_every": "how many of them a period has",
}
"""How events say how long a period is."""


def serial_of(*facts: str | int) -> str:
    """What the id of an event ends in that tells of these facts: the same for the same, so that it is told once."""
    return hashlib.sha256("\x1f".join(map(str, facts)).encode()).hexdigest()[:32]


class Event(NamedTuple):
    """One fact. `payload` is JSON text; `created_at` in microseconds; `account_id` may be OPERATORS."""

    id: str
    account_id: str
    kind: str
    payload: str
    created_at: int


class EventType(NamedTuple):
    """A kind of event: which rows it tells of, and what it says of them.

    It tells of each row of `table` whose `column` is `value`, or is set at all where `value` is None. The event's id is
    `id_prefix` and what follows the prefix of the row's id. `numberdesk verify` and the test of docs/events.md are made
    from these, so a row's table has the columns id, account_id and state. A type whose `table` is empty tells of what
    no row keeps, and may come several times: its events have ids of their own. Of orders it tells of those that were
    `bought` only, or of those that an operator gave. One that is `of_operators` is about no account; one that is
    `on_demand` is written only where a webhook names it.
    """

    name: str
    id_prefix: str
    table: str
    column: str
    value: str | None
    meaning: str
    fields: Mapping[str, str]
    bought: bool = True
    of_operators: bool = False
    on_demand: bool = False

    def event(self, row_id: str, account_id: str, payload: Mapping[str, str], created_at: int) -> Event:
        """The event about a row. Raises ValueError when the payload's fields are not those of this kind."""
        if payload.keys() != self.fields.keys():
            raise ValueError(f"{self.name} has the fields {', '.join(self.fields)}, not {', '.join(payload)}")
        return Event(self.id_prefix + row_id.partition("_")[2], account_id, self.name, json.dumps(payload), created_at)

    def about(self, facts: tuple[str | int, ...], payload: Mapping[str, str], created_at: int) -> Event:
        """The event of operators whose id follows from these facts."""
        return self.event(f"evt_{serial_of(*facts)}", OPERATORS, payload, created_at)
