"""Emergency address and caller name of a number.

Touches: nothing.
"""

from __future__ import annotations

import msgspec

from numberdesk.core.number_settings import NOTHING, SettingsState, told_settings
from numberdesk.core.periods import iso_or_none
from numberdesk.flows.settings.want_settings import SettingsOfNumber
from numberdesk.views.formats import Instant, PhoneNumber, RentalId


class NumberSettingsView(msgspec.Struct, frozen=True):
    """What a number is to have, and how its carrier stands with that."""

    phone_number: PhoneNumber
    id: RentalId
    emergency_address: str
    caller_name: str
    status: SettingsState
    message: str
    next_attempt_at: Instant | None


def number_settings_view(found: SettingsOfNumber, *, to_operator: bool = False) -> NumberSettingsView:
    """The settings of a rental; an operator is told what the carrier said."""
    rental, row = found
    if row is None:
        return NumberSettingsView(rental.e164, rental.id, "", "", SettingsState.NONE, "", None)
    wanted = row.wanted if rental.released_at is None else NOTHING  # of one that may go on it is kept for that
    return NumberSettingsView(
        phone_number=rental.e164,
        id=rental.id,
        emergency_address=wanted.emergency_address,
        caller_name=wanted.caller_name,
        status=row.state,
        message=row.message if to_operator else told_settings(row),
        next_attempt_at=iso_or_none(row.next_at),
    )
