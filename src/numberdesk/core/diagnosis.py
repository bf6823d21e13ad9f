"""What is wrong with a number whose calls do not arrive, in one sentence: the first that applies, the gravest first.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.core.call_route import RoutingRefusal
from numberdesk.core.connection import ConnectionState
from numberdesk.core.lifecycle import AccountState, RentalState
from numberdesk.core.trunk_number import OFF_TRUNK

FEWEST_CALLS: Final = 3
"""So many calls in a row that nobody answered are no chance."""

ALL_WELL: Final = "Nothing is wrong that can be seen from here: calls go to the connection."


NO_SOURCE: Final = "no_source"
"""Why a reserved call is refused where nobody was appointed to charge for the number's calls."""

_REFUSED: Final = {
    NO_SOURCE: (
        "Nobody is appointed whose records charge for its calls, so that a server which reserves is refused: have the "
        "operator appoint a source."
    ),
    RoutingRefusal.NOT_PRICED: (
        "Its calls were never priced, so that a server which reserves is refused: have the operator set a rate."
    ),
    RoutingRefusal.IN_DEBT: "The account owes for calls, so that new ones are refused: pay in what is owed.",
    RoutingRefusal.NO_BALANCE: "The balance does not cover a second of a call, so that calls are refused: pay in.",
    RoutingRefusal.NO_CONNECTION: "The connection leads to nothing that a server can reach: set its destination anew.",
}
"""What a server that asks where a call goes is told first, in words."""


class Symptoms(NamedTuple):
    """What is known of a number. `as_wanted`: whether its carrier has it as it should; None where nobody could tell.

    `refusal` is why a server that asks where a call goes and reserves would be refused, "" where it would not, or where
    nobody asks. `incoming` says of the last incoming calls, the newest first, whether they were answered.
    `connection_id` is what the number is connected to, `message` what was said of that.
    """

    rental: RentalState
    account: AccountState
    available: int
    connection_id: str | None
    state: ConnectionState
    message: str
    as_wanted: bool | None
    not_asked: str
    incoming: Sequence[bool]
    refusal: str = ""


def sentence(known: Symptoms) -> str:
    """What is wrong, and what to do about it."""
    return _of_account(known) or _of_connection(known) or _of_refusal(known) or _of_calls(known) or ALL_WELL


def _of_account(known: Symptoms) -> str:
    if known.rental is RentalState.RELEASED:
        return "The number was given back: calls to it do not arrive here any more."
    if known.account is not AccountState.ACTIVE:
        return f"The account is {known.account}: have its operator look at it."
    return ""


def _of_connection(known: Symptoms) -> str:
    match known.state:
        case ConnectionState.NONE:
            return "The number is connected to nothing: give it a connection."
        case ConnectionState.PENDING:
            tail = f" It has not worked yet: {known.message}." if known.message else ""
            return f"The number is being connected: look again in a minute.{tail}"
        case ConnectionState.FAILED:
            return f"The number could not be connected, and is tried again: {known.message}."
        case ConnectionState.UNSUPPORTED:
            return f"The number cannot be connected like that: {known.message}. Give it another connection."
        case ConnectionState.ACTIVE:
            return _of_carrier(known)


def _of_carrier(known: Symptoms) -> str:
    if known.message == OFF_TRUNK:
        return "The LiveKit trunk does not have the number any more: connect it again to have it put in."
    if known.as_wanted is False:
        return "The carrier has something else set than the connection: have the operator put it back."
    if known.not_asked:
        return f"The number is connected, but nobody could see whether it still is: {known.not_asked}."
    return ""


def _of_refusal(known: Symptoms) -> str:
    if not known.refusal:
        return ""
    return _REFUSED.get(known.refusal, f"A server that asks where its calls go is refused: {known.refusal}.")


def _of_calls(known: Symptoms) -> str:
    if known.available <= 0:
        return "The balance is used up: calls may be refused until money is paid in."
    if known.rental is RentalState.PAST_DUE:
        return "The rent is past due: the number is released unless it is paid."
    last = known.incoming[:FEWEST_CALLS]
    if len(last) == FEWEST_CALLS and not any(last):
        return (
            "Calls arrive, and the last of them were not answered: test the connection, and compare the number format "
            "with what the other side expects."
        )
    return ""
