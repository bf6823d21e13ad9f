"""Do what an operator asks with an Idempotency-Key once, and answer it the same when it comes again.

Touches: database.

Called with what is asked about locked, so that no other process does the same meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from numberdesk.core.errors import IdempotencyConflict, NumberdeskError, RentalConflict
from numberdesk.core.interventions import Warrant
from numberdesk.core.rental import Rental
from numberdesk.core.request_keys import RequestKey
from numberdesk.flows.keyed_requests import KeyedRequests
from numberdesk.infra.db import Tx
from numberdesk.numbers.rental_store import find_rentals


class _Deed(Protocol):
    """What an operator asks for, maybe under a key."""

    @property
    def warrant(self) -> Warrant:
        """Who asks, when and why."""
        ...

    @property
    def request_key(self) -> RequestKey | None:
        """The key of the request."""
        ...


_AnyDeed = TypeVar("_AnyDeed", bound=_Deed)


def answered_once(
    tx: Tx, deeds: Sequence[_AnyDeed], do: Callable[[_AnyDeed], Rental | NumberdeskError]
) -> list[Rental | NumberdeskError]:
    """Do what has no key, or a new one; for another the rental that it was answered with, as it is now."""
    keyed = KeyedRequests(tx, [deed.request_key for deed in deeds])
    outcomes: list[Rental | NumberdeskError] = []
    for deed in deeds:
        first = keyed.first(deed.request_key)
        if isinstance(first, IdempotencyConflict):
            outcomes.append(first)
            continue
        outcome = do(deed) if first is None else find_rentals(tx, [first])[0]
        if isinstance(outcome, Rental) and first is None:
            keyed.note(deed.request_key, outcome.id, deed.warrant.now)
        outcomes.append(outcome)
    keyed.save(tx)
    return outcomes


def another_goes_on() -> RentalConflict:
    """The refusal where a request names a rental, and the number is another one's by now."""
    return RentalConflict("moved", "The number is of another rental by now than the one that is named. Look again.")
