"""Give back what is left of a paid period as its rental ends, where the terms of the account say so.

Touches: database.

A transfer of its own leads from revenue to the wallet, which pays what is owed first. What was charged stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from numberdesk.core.purchase import Wallet
from numberdesk.core.rent import RentLook, RentTerms, refund_of
from numberdesk.core.rental import Proration, Rental, RentCharge, RentRefund
from numberdesk.flows.tell_credits import tell_credits
from numberdesk.flows.usage.pay_debts import pay_debts
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import REVENUE, Transfer, wallet_account
from numberdesk.ledger.store import insert_transfers
from numberdesk.numbers.rent_store import find_last_charges, insert_rent_refunds

RENTAL_REFUND: Final = "rental_refund"


def refund_rent(
    tx: Tx,
    ended: Sequence[tuple[Rental, RentLook]],
    terms: Mapping[str, RentTerms],
    wallets: Mapping[str, Wallet],
) -> dict[str, Wallet]:
    """Give back for rentals that have ended; return the locked wallets that changed, which are to be saved.

    `terms` are those of every account, the wallets as the looks at its rentals left them.
    """
    prorated = [one for one in ended if terms[one[0].account_id].proration is Proration.RELEASE]
    if not prorated:
        return {}
    charges = find_last_charges(tx, [rental for rental, _ in prorated])
    refunds = [
        (rental, refund)
        for rental, look in prorated
        if (refund := refund_of(rental, _last_charge(charges, rental, look))) is not None
    ]
    changed: dict[str, Wallet] = {}
    transfers: list[Transfer] = []
    for rental, refund in refunds:
        wallet = changed.get(refund.account_id) or wallets[refund.account_id]
        after = wallet._replace(posted=wallet.posted + refund.amount, entries=wallet.entries + 1)
        changed[refund.account_id] = after
        transfers.append(_transfer(rental, refund, after))
    insert_transfers(tx, transfers)
    tell_credits(tx, transfers)
    insert_rent_refunds(tx, [refund for _, refund in refunds])
    if not changed:
        return {}
    return changed | pay_debts(tx, changed, max(refund.created_at for _, refund in refunds))


def _last_charge(charges: Mapping[str, RentCharge], rental: Rental, look: RentLook) -> RentCharge:
    """What became of the last period: decided in this look and not written yet, or known from before."""
    decided = {one.period: one for one in (*(paid.charge for paid in look.paid), *look.waived)}
    return decided.get(rental.period) or charges[rental.id]


def _transfer(rental: Rental, refund: RentRefund, after: Wallet) -> Transfer:
    return Transfer(
        id=refund.transfer_id,
        kind=RENTAL_REFUND,
        debit=REVENUE["rental"],
        credit=wallet_account(refund.account_id),
        amount=refund.amount,
        currency=rental.prices.currency,
        account_id=refund.account_id,
        entry=after.entries,
        balance_after=after.posted,
        order_id=None,
        reference=None,
        created_at=refund.created_at,
        rental_id=refund.rental_id,
        period=refund.period,
    )
