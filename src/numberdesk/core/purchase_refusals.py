"""Why a buy is refused: what stands in its way, in the words and details that its customer is told.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from numberdesk.core.errors import (
    DocumentsRequired,
    Forbidden,
    InsufficientBalance,
    NumberdeskError,
    NumberNotOffered,
    NumberTaken,
    PriceChanged,
    SpendLimit,
)
from numberdesk.core.lifecycle import AccountState, NumberState
from numberdesk.core.money import as_decimal
from numberdesk.core.prices import Prices
from numberdesk.core.spending import SpendCaps, refused_by

ACCOUNT_CLOSED: Final = "This account is closed."
"""Why nothing is done for a closed account."""


def standing_refusal(state: AccountState, number: NumberState | None, *, is_quoted: bool) -> NumberdeskError | None:
    """Refusals that do not depend on what the client confirms. `number` is None for one that its carrier has."""
    if state is AccountState.SUSPENDED:
        return Forbidden("This account is suspended.")
    if state is AccountState.CLOSED:
        return Forbidden(ACCOUNT_CLOSED)
    if not is_quoted:
        return NumberNotOffered()
    if number in (NumberState.CLAIMED, NumberState.ASSIGNED):
        return NumberTaken()
    return None if number in (None, NumberState.AVAILABLE) else NumberNotOffered()


def other_price(current: tuple[Prices | None] | None, newest: Prices) -> NumberdeskError:
    """The refusal of prices that no good quote has. A number of the books that has no price now is not offered.

    `current` is the price of a number of the books; None for one that is not in them.
    """
    if current is not None and current != (newest,):
        return NumberNotOffered()
    return PriceChanged(details=newest.details())


def no_papers(requires: Iterable[str]) -> DocumentsRequired:
    """The refusal of a number that is sold with papers which its account has none approved of."""
    return DocumentsRequired(details={"field": "phone_number", "requires": list(requires)})


def over_a_cap(
    owners: Mapping[str, str | None],
    amount: int,
    currency: str,
    now: int,
    *,
    caps: Mapping[str, SpendCaps],
    spent: Mapping[str, Mapping[int, int]],
) -> SpendLimit | None:
    """The refusal of what the account or its key, by these words, may not spend; None where neither is capped so."""
    for whose, owner in owners.items():
        if owner is not None and owner in caps:
            refused = refused_by(caps[owner], spent.get(owner, {}), amount, currency, now, whose=whose)
            if refused is not None:
                return refused
    return None


def cannot_pay(available: int, needed: int, currency: str) -> InsufficientBalance:
    """The refusal of what the wallet does not cover."""
    return InsufficientBalance(
        details={
            "needed": as_decimal(needed),
            "available": as_decimal(available),
            "missing": as_decimal(needed - available),
            "currency": currency,
        }
    )
