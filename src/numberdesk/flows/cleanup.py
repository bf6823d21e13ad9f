"""The recurring work of the books: quarantines that are over; old answers, offers, sessions and actions, callers too.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.action_store import forget_actions
from numberdesk.accounts.passkey_store import forget_challenges
from numberdesk.accounts.session_store import forget_sessions
from numberdesk.catalog.offer_store import forget_offers
from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.accounts.sign_in import IDLE
from numberdesk.infra.db import Tx
from numberdesk.numbers.store import end_quarantines
from numberdesk.orders.keyed_request_store import forget_keyed_requests
from numberdesk.orders.store import forget_answers
from numberdesk.usage.erasure_store import erase_others

_MOST_ROWS: Final = 1000


class Cleanup(NamedTuple):
    """One round at `now`, which has surely passed (core/agreed_time.py), since nothing of this can be undone.

    Answers under keys older than `key_retention` microseconds are forgotten, actions than `action_retention`, and the
    other parties of calls whose records came `call_detail` ago are erased; None is never.
    """

    now: int
    key_retention: int
    call_detail: int | None = None
    action_retention: int = 400 * 86_400 * MICROSECONDS


class CleanupReport(NamedTuple):
    """What a round did."""

    quarantines_ended: int
    answers_forgotten: int
    offers_forgotten: int = 0
    keys_forgotten: int = 0
    sessions_forgotten: int = 0
    calls_erased: int = 0
    actions_forgotten: int = 0
    challenges_forgotten: int = 0

    @property
    def left(self) -> bool:
        """Whether another round would find more."""
        return _MOST_ROWS in self


def clean_up(tx: Tx, commands: Sequence[Cleanup]) -> list[CleanupReport]:
    """Do rounds, of a bounded number of rows each, so that no purchase waits long behind one."""
    return [
        CleanupReport(
            end_quarantines(tx, command.now, _MOST_ROWS),
            forget_answers(tx, command.now - command.key_retention, _MOST_ROWS),
            forget_offers(tx, command.now, _MOST_ROWS),
            forget_keyed_requests(tx, command.now - command.key_retention, _MOST_ROWS),
            forget_sessions(tx, command.now - IDLE, command.now, _MOST_ROWS),
            0 if command.call_detail is None else erase_others(tx, command.now - command.call_detail, _MOST_ROWS),
            forget_actions(tx, command.now - command.action_retention, _MOST_ROWS),
            forget_challenges(tx, command.now, _MOST_ROWS),
        )
        for command in commands
    ]
