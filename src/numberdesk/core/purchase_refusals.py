"""Why a buy is refused: what stands in its way, in the words and details that its customer is told.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from numberdesk.core.errors import (
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
from numberdesk.core.spending import SpendCaps, refused_by

if TYPE_CHECKING:
    from numberdesk.core.prices import Prices, Quote
    from numberdesk.core.purchase import Buy, SaleNumber, Wallet

ACCOUNT_CLOSED: Final = "This account is closed."
"""Why nothing is done for a closed account."""


def standing_refusal(wallet: Wallet, sale_number: SaleNumber | None, quotes: Sequence[Quote]) -> NumberdeskError | None:
    """Refusals that do not depend on what the client confirms."""
    if wallet.state is AccountState.SUSPENDED:
        return Forbidden("This account is suspended.")
    if wallet.state is AccountState.CLOSED:
        return Forbidden(ACCOUNT_CLOSED)
    if not quotes:
        return NumberNotOffered()
    if sale_number is None or sale_number.is_nobodys:
        return None
    if sale_number.state in (NumberState.CLAIMED, NumberState.ASSIGNED):
        return NumberTaken()
    return None if sale_number.state is NumberState.AVAILABLE else NumberNotOffered()


def price_changed(sale_number: SaleNumber | None, newest: Prices) -> NumberdeskError:
    """The refusal of prices that no good quote has. A number of the books that has no price now is not offered."""
    in_books = sale_number is not None and not sale_number.is_nobodys
    if in_books and sale_number is not None and sale_number.prices != newest:
        return NumberNotOffered()
    return PriceChanged(details=newest.details())


def over_a_cap(
    buy: Buy, wallet: Wallet, amount: int, caps: Mapping[str, SpendCaps], spent: Mapping[str, Mapping[int, int]]
) -> SpendLimit | None:
    """The refusal of what the account or its key may not spend; None where neither is capped so low."""
    for owner, whose in ((buy.account_id, "account"), (buy.key_id, "key")):
        if owner is not None and owner in caps:
            refused = refused_by(caps[owner], spent.get(owner, {}), amount, wallet.currency, buy.now, whose=whose)
            if refused is not None:
                return refused
    return None


def cannot_pay(wallet: Wallet, needed: int) -> InsufficientBalance:
    """The refusal of what the wallet does not cover."""
    return InsufficientBalance(
        details={
            "needed": as_decimal(needed),
            "available": as_decimal(wallet.available),
            "missing": as_decimal(needed - wallet.available),
            "currency": wallet.currency,
        }
    )
