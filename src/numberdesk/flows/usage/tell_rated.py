"""Tell of calls that were charged, where somebody asked for it by name: of no other is an event written.

Touches: database.

One statement for a batch of records says who asked, and nothing more is done where nobody did.
"""

from __future__ import annotations

from collections.abc import Iterable

from numberdesk.core.call_charging import CallState, KeptCall
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.infra.db import Tx
from numberdesk.outbox.model import CALL_RATED, Event
from numberdesk.outbox.store import insert_events
from numberdesk.webhooks.store import find_asked_for_calls


def tell_rated(tx: Tx, calls: Iterable[KeptCall]) -> None:
    """Write the events of those of some calls that were just charged for the first time, and are asked for."""
    charged = [(call, call.span.account_id) for call in calls if call.state is CallState.CHARGED and call.span]
    asked = find_asked_for_calls(tx, {account_id for _, account_id in charged}) if charged else set()
    if asked:
        insert_events(tx, [_event(call, account_id) for call, account_id in charged if account_id in asked])


def _event(call: KeptCall, account_id: str) -> Event:
    rated_at = call.charged_at or 0
    payload = {
        "id": call.id,
        "phone_number": call.record.e164,
        "rental_id": call.span.rental_id if call.span else "",
        "direction": call.record.direction.value,
        "started_at": iso_seconds(call.record.started_at),
        "billed_seconds": str(call.billed or 0),
        "amount": format_micros(call.amount or 0),
        "currency": call.span.currency if call.span else "",
        "rated_at": iso_seconds(rated_at),
    }
    return CALL_RATED.event(call.id, account_id, payload, rated_at)
