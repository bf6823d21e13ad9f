"""How a carrier's number comes to be connected as its rental wants it: tried until the carrier has it so.

Touches: nothing.

What is wanted stands with the rental, and every change of it raises its generation. A carrier is told what is wanted
when it is asked; what it answers counts for the generation that it was asked for, and is ignored when there is a later
one by then. Telling a carrier twice does no harm. Instants are microseconds.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.core.connection import (
    Connected,
    ConnectionKind,
    ConnectionState,
    NotConnected,
    Unsupported,
)
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import POOL
from numberdesk.core.rental import DAY, Rental
from numberdesk.core.schedule import LONGEST_MESSAGE, Schedule, converged, retried

SCHEDULE: Final = Schedule(tuple(seconds * MICROSECONDS for seconds in (2, 10, 60, 300, 3600, 6 * 3600)), endless=True)
"""It is tried at once, then ever more seldom, until the carrier has it so or cannot."""

FAILED_AFTER: Final = 3
"""Tries in vain after which it is called failed, and its customer told. It is tried again all the same."""

FIRST_LOOK: Final = 300 * MICROSECONDS
"""After how long a carrier is asked for the first time whether it has what it said that it has."""

LOOKS: Final = DAY
"""How long after a look at what a carrier has comes the next."""

NO_OBJECTS: Final = "the operator's own numbers have no carrier that knows such an object"
"""Why a number of the pool is not connected to a carrier's own object."""

NOT_TAKEN: Final = "its carrier has not taken it"
"""What a customer is told where a carrier failed. Its own words name hosts, accounts and objects of the operator's."""

THEIR_WORDS: Final = "LiveKit: "
"""What begins the words of a LiveKit server: they are for whoever set the connection up, not only for the operator."""

NO_LOGIN: Final = "servers are told no user and password; let the calls in by the addresses of whoever sends them"
"""Why a number of the pool is not connected to what asks for a login."""

KEPT_ROUTING: Final = "calls go where they went before"


class RentalConnection(NamedTuple):
    """How a rental of a carrier's number stands with its connection: the row, which is due work.

    `applied_generation` and `applied_connection_id` are what the carrier was last known to have.
    """

    rental_id: str
    account_id: str
    carrier: str
    e164: str
    carrier_reference: str | None
    state: ConnectionState
    next_at: int | None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None
    applied_generation: int = 0
    applied_connection_id: str | None = None
    settled_at: int | None = None
    look_at: int | None = None


class Gone(NamedTuple):
    """The number is on its way back, or back, at its carrier: nobody is told any more. `reason` in words."""

    reason: str


class Applied(NamedTuple):
    """A row after an answer. `is_news`: its customer is to be told that it is connected, or that it failed.

    `unneeded` are connections of which the carrier may not need anything any more.
    """

    row: RentalConnection
    is_news: bool
    unneeded: frozenset[str]


ConnectAnswer = Connected | NotConnected | Unsupported | Gone


def asked(row: RentalConnection, now: int) -> RentalConnection:
    """What is wanted has changed: due at once. A lease stays whose it is; what comes of it is older."""
    return row._replace(
        state=ConnectionState.PENDING,
        next_at=now,
        attempts=0,
        message="",
        parked_at=None,
        settled_at=None,
        look_at=None,
    )


def first_asked(rental: Rental, carrier: str, carrier_reference: str | None, now: int) -> RentalConnection:
    """The row of a rental that is to be connected for the first time."""
    return RentalConnection(
        rental.id, rental.account_id, carrier, rental.e164, carrier_reference, ConnectionState.PENDING, now
    )


def wanted_generation(rental: Rental) -> int:
    """Which generation a rental wants; to be connected to nothing, once it has ended, is one of its own."""
    return rental.connection_generation + (rental.released_at is not None)


def applied(
    row: RentalConnection,
    answer: ConnectAnswer,
    *,
    asked_generation: int,
    asked_connection_id: str | None,
    wanted: Rental,
    now: int,
) -> Applied:
    """What follows from an answer to what was asked; `wanted` is the rental as it is now."""
    wants = wanted.connection_id if wanted.released_at is None else None
    before = row.applied_connection_id
    if isinstance(answer, Connected):
        row = row._replace(applied_generation=asked_generation, applied_connection_id=asked_connection_id)
    if asked_generation != wanted_generation(wanted):
        unneeded = _unneeded({before, asked_connection_id}, {wants, row.applied_connection_id})
        return Applied(row._replace(next_at=now, leased_until=None), is_news=False, unneeded=unneeded)
    after = _after(row, answer, asked_connection_id, now)
    settled = after.settled_at is not None and after.state is not ConnectionState.UNSUPPORTED
    # What a rental that has ended wanted may be there although no answer said so: the last one may have been lost.
    ended = wanted.connection_id if wanted.released_at is not None else None
    maybe = {before, asked_connection_id, ended}
    unneeded = _unneeded(maybe, {wants, after.applied_connection_id}) if settled else frozenset()
    # Of a rental that has ended nothing is told any more: it would be told of a generation that was told of before.
    told = wanted.released_at is None and after.state in (
        ConnectionState.ACTIVE,
        ConnectionState.FAILED,
        ConnectionState.UNSUPPORTED,
    )
    both_bad = row.state is ConnectionState.FAILED and after.state is not ConnectionState.ACTIVE
    return Applied(after, told and after.state is not row.state and not both_bad, unneeded)


def _after(row: RentalConnection, answer: ConnectAnswer, connection_id: str | None, now: int) -> RentalConnection:
    match answer:
        case Connected():
            state = ConnectionState.NONE if connection_id is None else ConnectionState.ACTIVE
            look_at = None if connection_id is None else now + FIRST_LOOK
            said = "cleared" if connection_id is None else "connected"
            return converged(row, state, said, now)._replace(look_at=look_at)
        case Gone(reason):
            return converged(row, ConnectionState.NONE, reason, now)._replace(applied_connection_id=None)
        case Unsupported(reason):
            said = reason if row.applied_connection_id is None else f"{reason}; {KEPT_ROUTING}"
            return converged(row, ConnectionState.UNSUPPORTED, said, now)
        case NotConnected(message):
            tried = retried(row, SCHEDULE, message, now)
            failed = tried.attempts >= FAILED_AFTER or row.state is ConnectionState.FAILED
            return tried._replace(state=ConnectionState.FAILED if failed else ConnectionState.PENDING)


def _unneeded(maybe: set[str | None], needed: set[str | None]) -> frozenset[str]:
    return frozenset(one for one in maybe - needed if one is not None)


def gone_on(row: RentalConnection, now: int) -> RentalConnection:
    """The number went on to another rental: what its carrier has is that one's matter from now on."""
    return converged(row, ConnectionState.NONE, "the number went on to another rental", now)._replace(
        applied_connection_id=None
    )


def looked_at(row: RentalConnection, shown: str, now: int, *, as_wanted: bool) -> RentalConnection:
    """After a look at what the carrier has: `shown` in words for a customer, where it is something else."""
    said = "connected" if as_wanted else shown
    return row._replace(message=said[:LONGEST_MESSAGE], look_at=now + LOOKS)


def customers_word(state: ConnectionState, message: str) -> str:
    """What a customer is told of what was said: why a carrier failed is for the operator."""
    hidden = message and state in (ConnectionState.PENDING, ConnectionState.FAILED)
    return NOT_TAKEN if hidden and not message.startswith(THEIR_WORDS) else message


def state_of(
    rental: Rental, carrier: str, kind: ConnectionKind | None, row: RentalConnection | None, *, logs_in: bool = False
) -> tuple[ConnectionState, str]:
    """How a rental stands with its connection, and what is said of it; `kind` is its connection's, None without one.

    Calls to a number of the pool are routed by us, so that it is connected as soon as it is wanted so. `logs_in`: the
    connection asks for a user and password.
    """
    if rental.released_at is not None:
        return ConnectionState.NONE, "the number was given back"
    if carrier == POOL:
        return _state_of_own(kind, logs_in=logs_in)
    return (ConnectionState.NONE, "") if row is None else (row.state, row.message)


def _state_of_own(kind: ConnectionKind | None, *, logs_in: bool) -> tuple[ConnectionState, str]:
    if kind is None:
        return ConnectionState.NONE, ""
    if kind is ConnectionKind.NATIVE:
        return ConnectionState.UNSUPPORTED, NO_OBJECTS
    return (ConnectionState.UNSUPPORTED, NO_LOGIN) if logs_in else (ConnectionState.ACTIVE, "")
