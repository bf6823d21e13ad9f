"""Say how calls are taken: the source that charges, the terms of a carrier's numbers, rates that nobody set.

Touches: database.

A source is appointed from an instant on, and calls are judged by when they began; the first for a rental that had none
is appointed from its beginning on. Terms hold for rentals that begin
later, so that what a customer confirmed stays. A rate is set only where the rental was bought without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.core.call_charging import CallBooks, CallTerms, RentedSpan
from numberdesk.core.call_record import Direction
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.money import MAX_PRICE, format_micros
from numberdesk.core.text import TextError, parse_token
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.usage.store import (
    find_call_terms,
    find_live_span,
    find_set_rates,
    find_sources,
    insert_call_terms,
    insert_set_rate,
    insert_source,
)

LONGEST_SOURCE: Final = 90
NOT_RENTED: Final = "Nobody rents this number."


class AppointSource(NamedTuple):
    """From `now` on `source` charges for the rental of a number."""

    e164: str
    source: str
    now: int


class SetRate(NamedTuple):
    """What calls of a number's rental cost in a direction that was never priced, in micros per minute."""

    e164: str
    direction: Direction
    per_minute: int
    now: int


def checked_source(source: str) -> str:
    """A source's name, as a person typed it. Raises InvalidRequest."""
    try:
        return parse_token(source, longest=LONGEST_SOURCE)
    except TextError as error:
        raise InvalidRequest("source", str(error)) from None


def checked_rate(per_minute: int) -> int:
    """A rate in micros, as a person typed it. Raises InvalidRequest."""
    if not 0 <= per_minute <= MAX_PRICE:
        raise InvalidRequest("rate", f"must be from 0 to {format_micros(MAX_PRICE)}")
    return per_minute


def appoint_sources(tx: Tx, commands: Sequence[AppointSource]) -> list[RentedSpan | NumberdeskError]:
    """Appoint sources; each outcome is the rental, or NotFound where nobody rents the number."""
    outcomes: list[RentedSpan | NumberdeskError] = []
    for command in commands:
        span = find_live_span(tx, command.e164)
        if span is None:
            outcomes.append(NotFound(NOT_RENTED))
            continue
        lock_wallets(tx, [span.account_id])
        appointed = find_sources(tx, [span]).get(span.rental_id, [])
        if appointed and appointed[-1][0] >= command.now:
            outcomes.append(InvalidRequest("source", "was appointed at this very moment already; try again"))
            continue
        books = CallBooks(sources={span.rental_id: appointed}, terms=find_call_terms(tx))
        is_first = books.source_of(span, command.now) is None
        since = span.began_at if is_first else command.now
        insert_source(tx, span.account_id, span.rental_id, since, command.source)
        outcomes.append(span)
    return outcomes


def set_missing_rates(tx: Tx, commands: Sequence[SetRate]) -> list[RentedSpan | NumberdeskError]:
    """Set rates where there are none; each outcome is the rental, or why not."""
    return [_set_rate(tx, command) for command in commands]


def _set_rate(tx: Tx, command: SetRate) -> RentedSpan | NumberdeskError:
    span = find_live_span(tx, command.e164)
    if span is None:
        return NotFound(NOT_RENTED)
    lock_wallets(tx, [span.account_id])
    confirmed = span.inbound if command.direction is Direction.INBOUND else span.outbound
    before = find_set_rates(tx, [span]).get((span.rental_id, command.direction), confirmed)
    if before is not None:
        return InvalidRequest("rate", f"is {format_micros(before)} a minute already, which stays")
    insert_set_rate(tx, span.account_id, span.rental_id, command.direction, command.per_minute, command.now)
    return span


def set_call_terms(tx: Tx, commands: Sequence[CallTerms]) -> list[CallTerms | NumberdeskError]:
    """Set the terms of carriers from an instant on; terms that were set for a later one are in the way."""
    outcomes: list[CallTerms | NumberdeskError] = []
    for command in commands:
        before = find_call_terms(tx).get(command.carrier, [])
        if before and before[-1].since >= command.since:
            outcomes.append(InvalidRequest("carrier", "has terms from this moment on already; try again"))
            continue
        insert_call_terms(tx, command)
        outcomes.append(command)
    return outcomes
