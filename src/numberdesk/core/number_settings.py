"""Emergency address and caller name of a carrier's number: tried until the carrier has them as they are wanted.

Touches: nothing.

An emergency address is the carrier's id of an address that was registered there: the address itself is not kept here.
Every change has the next generation; what a carrier answers counts for the one that it was asked for. Instants are
microseconds.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.connecting import FAILED_AFTER, FIRST_LOOK, LOOKS, NOT_TAKEN, SCHEDULE
from numberdesk.core.connection import Unsupported
from numberdesk.core.schedule import converged, retried

CALLER_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ]{0,13}[A-Za-z0-9])?", re.ASCII)
"""What carriers of North America show as the name of a caller: 15 letters, digits and blanks at most."""

EMERGENCY_ADDRESS: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
"""What an id of an address at a carrier looks like."""

SHOWS_ELSE: Final = "its carrier has something else set by now; set it again to have it put back"
OF_POOL: Final = "the operator's own numbers have no carrier that could be told"


class SettingsState(StrEnum):
    """How a number stands with its settings."""

    NONE = "none"  # nothing is set, as is wanted
    PENDING = "pending"  # its carrier is being told
    ACTIVE = "active"  # its carrier has them
    FAILED = "failed"  # its carrier was told several times and has not done it; it is tried again
    UNSUPPORTED = "unsupported"  # its carrier cannot do this
    DRIFTED = "drifted"  # its carrier had them, and shows something else since


class WantedSettings(NamedTuple):
    """What a carrier is to have set for a number; "" for none."""

    emergency_address: str = ""
    caller_name: str = ""


NOTHING: Final = WantedSettings()


class SettingsKept(NamedTuple):
    """A carrier's answer: it has the settings as wanted."""


class SettingsNotKept(NamedTuple):
    """A carrier's answer: they are not known to be set; to be tried again. `message` is the carrier's word.

    `no_number`: it has no such number of ours, or not under its id, so that nothing can be set for it or taken off.
    """

    message: str
    no_number: bool = False


SettingsAnswer = SettingsKept | SettingsNotKept | Unsupported


class ShownSettings(NamedTuple):
    """What a carrier has set for a number, in words, and whether that is what is wanted."""

    text: str
    as_wanted: bool


class NumberSettings(NamedTuple):
    """The settings of a rental and how its carrier stands with them: the row, which is due work.

    `may_have` is 1 from when its carrier is first told of any until it confirmed to have none.
    """

    rental_id: str
    account_id: str
    carrier: str
    e164: str
    carrier_reference: str | None
    emergency_address: str
    caller_name: str
    generation: int
    state: SettingsState
    next_at: int | None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None
    may_have: int = 0
    settled_at: int | None = None
    look_at: int | None = None

    @property
    def wanted(self) -> WantedSettings:
        """What the carrier is to have."""
        return WantedSettings(self.emergency_address, self.caller_name)


def settings_asked(row: NumberSettings, wanted: WantedSettings, now: int) -> NumberSettings:
    """The row with other settings: its carrier is told at once. A lease stays whose it is."""
    return row._replace(
        emergency_address=wanted.emergency_address,
        caller_name=wanted.caller_name,
        generation=row.generation + 1,
        state=SettingsState.PENDING,
        next_at=now,
        attempts=0,
        message="",
        parked_at=None,
        may_have=int(row.may_have or wanted != NOTHING),
        settled_at=None,
        look_at=None,
    )


def settings_answered(row: NumberSettings, answer: SettingsAnswer, asked_generation: int, now: int) -> NumberSettings:
    """The row after an answer to what was asked; one to an earlier generation only makes it due."""
    if asked_generation != row.generation:
        return row._replace(next_at=now, leased_until=None)
    match answer:
        case SettingsKept():
            if row.wanted == NOTHING:
                return converged(row, SettingsState.NONE, "cleared", now)._replace(may_have=0)
            return converged(row, SettingsState.ACTIVE, "set", now)._replace(look_at=now + FIRST_LOOK)
        case Unsupported(reason):
            return converged(row, SettingsState.UNSUPPORTED, reason, now)
        case SettingsNotKept(message):
            tried = retried(row, SCHEDULE, message, now)
            failed = tried.attempts >= FAILED_AFTER or row.state is SettingsState.FAILED
            return tried._replace(state=SettingsState.FAILED if failed else SettingsState.PENDING)


def settings_ended(row: NumberSettings, now: int, *, may_go_on: bool = False) -> NumberSettings:
    """The row of a rental that has ended: what was wanted is forgotten. The release has it cleared at the carrier.

    Of one that `may_go_on` it is kept until then, as long as the carrier has it.
    """
    ended = converged(row, SettingsState.NONE, "the number was given back", now)
    wanted = row.wanted if may_go_on and row.may_have else NOTHING
    return ended._replace(
        emergency_address=wanted.emergency_address, caller_name=wanted.caller_name, generation=row.generation + 1
    )


def settings_gone_on(row: NumberSettings, now: int) -> NumberSettings:
    """The number went on to another rental: what its carrier has is that one's matter from now on."""
    ended = converged(row, SettingsState.NONE, "the number went on to another rental", now)
    return ended._replace(emergency_address="", caller_name="", may_have=0, generation=row.generation + 1)


def settings_taken_over(
    row: NumberSettings, rental_id: str, account_id: str, wanted: WantedSettings, now: int
) -> NumberSettings:
    """The row of the rental that a number went on to: its carrier has what `row` says, and is told what is wanted."""
    mine = row._replace(rental_id=rental_id, account_id=account_id, generation=0, leased_until=None, may_have=1)
    return settings_asked(mine, wanted, now)


def settings_looked_at(row: NumberSettings, shown: ShownSettings, now: int) -> NumberSettings:
    """The row after a look at what the carrier has."""
    if shown.as_wanted:
        return row._replace(state=SettingsState.ACTIVE, message="set", look_at=now + LOOKS)
    return row._replace(state=SettingsState.DRIFTED, message=SHOWS_ELSE, look_at=now + LOOKS)


def told_settings(row: NumberSettings) -> str:
    """What a customer is told of what was said: why a carrier failed is for the operator."""
    hidden = row.state in (SettingsState.PENDING, SettingsState.FAILED)
    return NOT_TAKEN if row.message and hidden else row.message
