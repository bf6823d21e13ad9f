"""Hand on to the next rental of a number what its carrier may have set for it: kept as it is, or to be taken off.

Touches: database.
"""

from __future__ import annotations

from numberdesk.core.errors import RentalConflict
from numberdesk.core.number_settings import (
    NOTHING,
    settings_asked,
    settings_ended,
    settings_gone_on,
    settings_taken_over,
)
from numberdesk.core.rental import Rental
from numberdesk.core.schedule import is_leased
from numberdesk.flows.settings.want_settings import end_drifts
from numberdesk.infra.db import Tx
from numberdesk.numbers.settings_store import change_settings, insert_settings, lock_settings


def settings_are_being_told(tx: Tx, rental: Rental, now: int) -> RentalConflict | None:
    """Why a number stays where it is: what its carrier has of it is not known until it has answered."""
    row = lock_settings(tx, [rental.id]).get(rental.id)
    if row is not None and is_leased(row, now):
        return RentalConflict("settings", "Its carrier is just being told of its settings. Try again in a minute.")
    return None


def hand_on_settings(tx: Tx, before: Rental, after: Rental, now: int) -> None:
    """Let the rental that a number went on to have its settings: as they were for the same account, else none.

    Either way its carrier is told, and the rental before has nothing to do with it any more.
    """
    row = lock_settings(tx, [before.id]).get(before.id)
    if row is None:
        return
    end_drifts(tx, [row], now)
    change_settings(tx, [settings_gone_on(row, now)])
    if row.may_have:
        wanted = row.wanted if before.account_id == after.account_id else NOTHING
        insert_settings(tx, [settings_taken_over(row, after.id, after.account_id, wanted, now)])


def take_off_settings(tx: Tx, ended: Rental, now: int) -> None:
    """Have taken off a number what was set for a rental that has ended, where the number does not go back."""
    row = lock_settings(tx, [ended.id]).get(ended.id)
    if row is not None:
        end_drifts(tx, [row], now)
        change_settings(tx, [settings_asked(row, NOTHING, now) if row.may_have else settings_ended(row, now)])
