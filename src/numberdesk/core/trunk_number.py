"""How a number comes into the LiveKit trunk of its connection, and out of it: tried until the trunk has it so.

Touches: nothing.

Whether a number is to be in a trunk follows from its rental each time that the server is told. Whatever may have
changed that raises the generation: what a server answers counts for the one that it was asked for. Instants are
microseconds.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.core.connecting import FAILED_AFTER, FIRST_LOOK, LOOKS, SCHEDULE, THEIR_WORDS
from numberdesk.core.connection import ConnectionState, NotConnected
from numberdesk.core.schedule import converged, retried

IN_TRUNK: Final = "in the trunk"
OFF_TRUNK: Final = "connected, but somebody has taken it off the trunk since"
"""What is said of a number that a look did not find in its trunk."""


class TrunkNumber(NamedTuple):
    """A number that is in the trunk of a connection, or is to come into it or out of it: the row, which is due work."""

    id: str
    connection_id: str
    carrier: str
    e164: str
    generation: int
    state: ConnectionState
    next_at: int | None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None
    settled_at: int | None = None
    look_at: int | None = None


class InTrunk(NamedTuple):
    """The server has the number in the trunk, as was asked for."""


class OffTrunk(NamedTuple):
    """The server does not have the number in the trunk, as was asked for."""


TrunkAnswer = InTrunk | OffTrunk | NotConnected


def trunk_number_id(connection_id: str, e164: str) -> str:
    """The id of a number in a connection's trunk. Derived, so that it has one row there."""
    return f"tnm_{connection_id.partition('_')[2]}_{e164.removeprefix('+')}"


def trunk_asked(row: TrunkNumber, now: int) -> TrunkNumber:
    """What is wanted of it may have changed: due at once. A lease stays whose it is; what comes of it is older."""
    return row._replace(
        generation=row.generation + 1,
        state=ConnectionState.PENDING,
        next_at=now,
        attempts=0,
        message="",
        parked_at=None,
        settled_at=None,
        look_at=None,
    )


def first_in_trunk(connection_id: str, carrier: str, e164: str, now: int) -> TrunkNumber:
    """The row of a number that is to come into a trunk."""
    row_id = trunk_number_id(connection_id, e164)
    return TrunkNumber(row_id, connection_id, carrier, e164, 1, ConnectionState.PENDING, now)


def trunk_answered(row: TrunkNumber, answer: TrunkAnswer, asked_generation: int, now: int) -> TrunkNumber | None:
    """The row after an answer to what was asked; None: the number is out of the trunk, and nothing is left to do."""
    if asked_generation != row.generation:
        return row._replace(next_at=now, leased_until=None)
    match answer:
        case InTrunk():
            return converged(row, ConnectionState.ACTIVE, IN_TRUNK, now)._replace(look_at=now + FIRST_LOOK)
        case OffTrunk():
            return None
        case NotConnected(message):
            tried = retried(row, SCHEDULE, message, now)
            failed = tried.attempts >= FAILED_AFTER or row.state is ConnectionState.FAILED
            return tried._replace(state=ConnectionState.FAILED if failed else ConnectionState.PENDING)


def trunk_looked_at(row: TrunkNumber, now: int, *, is_in: bool) -> TrunkNumber:
    """The row of a number that is to be in the trunk, after a look at what that has."""
    return row._replace(message=IN_TRUNK if is_in else OFF_TRUNK, look_at=now + LOOKS)


OF_SHARED: Final = f"{THEIR_WORDS}the operator's trunk has not taken it"


def with_trunk(
    state: ConnectionState, message: str, row: TrunkNumber | None, *, is_shared: bool
) -> tuple[ConnectionState, str]:
    """How a number stands that has to be in a trunk, too: the worse of the two, and what is said of that.

    What the server of a connection that is shared said is for the operator alone.
    """
    if state is not ConnectionState.ACTIVE:
        return state, message
    if row is None:
        return ConnectionState.PENDING, ""
    if row.state is ConnectionState.ACTIVE and row.message == IN_TRUNK:
        return state, message
    hidden = is_shared and row.state is not ConnectionState.ACTIVE and row.message
    return row.state, OF_SHARED if hidden else row.message
