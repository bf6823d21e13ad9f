"""What rent leaves in the books: charges with their transfers, notices, and the events of both.

Touches: database.

Ids follow from the rental's and the period, so that nothing of it can be written twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from numberdesk.core.billing import told_term
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.core.purchase import Wallet
from numberdesk.core.rent import PaidCharge, RentLook, RentTerms
from numberdesk.core.rental import HOUR, MissedRule, NoticeState, Proration, Rental, RentCharge, RentNotice
from numberdesk.flows.keep_wallets import keep_wallets
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import REVENUE, Transfer, wallet_account
from numberdesk.ledger.store import insert_transfers
from numberdesk.numbers.rent_store import (
    RentPolicy,
    find_rent_policies,
    insert_rent_charges,
    insert_rent_notices,
)
from numberdesk.outbox.model import Event
from numberdesk.outbox.rental_event_types import RENEWAL_UPCOMING, RENTAL_PAST_DUE, RENTAL_RENEWED
from numberdesk.outbox.store import insert_events


def find_terms(tx: Tx, account_ids: Iterable[str], usual: RentTerms) -> dict[str, RentTerms]:
    """The terms of accounts that have some of their own, by account."""
    return {account_id: terms_of(policy, usual) for account_id, policy in find_rent_policies(tx, account_ids).items()}


def terms_of(policy: RentPolicy, usual: RentTerms) -> RentTerms:
    """The operator's terms with those of an account in their place."""
    return RentTerms(
        usual.grace if policy.grace_hours is None else policy.grace_hours * HOUR,
        usual.missed if policy.missed is None else MissedRule(policy.missed),
        usual.reminders if policy.reminder_days is None else parse_reminders(policy.reminder_days),
        usual.notice_days if policy.notice_days is None else policy.notice_days,
        usual.proration if policy.proration is None else Proration(policy.proration),
        usual.auto_renew if policy.auto_renew is None else bool(policy.auto_renew),
    )


def parse_reminders(text: str) -> tuple[int, ...]:
    """Days before a period, as an operator writes them, the longest first. Raises ValueError for what is no number."""
    return tuple(sorted({int(part) for part in text.split(",") if part.strip()}, reverse=True))


def write_looks(tx: Tx, looks: Sequence[tuple[RentLook, RentTerms]], wallets: dict[str, Wallet], now: int) -> None:
    """Write what was charged, waived and told; `wallets` are those that changed, as they are now."""
    paid = [(look.rental, one) for look, _ in looks for one in look.paid]
    insert_transfers(tx, [_transfer(rental, one) for rental, one in paid])
    charges: list[RentCharge] = [one.charge for _, one in paid]
    insert_rent_charges(tx, charges + [one for look, _ in looks for one in look.waived])
    notices = [(look, terms, notice) for look, terms in looks for notice in look.notices]
    insert_rent_notices(tx, [notice for _, _, notice in notices])
    keep_wallets(tx, wallets, now)
    events = [_renewed(rental, one.charge) for rental, one in paid]
    insert_events(tx, events + [_told(look, terms, notice, now) for look, terms, notice in notices])


def _transfer(rental: Rental, paid: PaidCharge) -> Transfer:
    charge, moved = paid
    return Transfer(
        id=charge.transfer_id or "",
        kind=moved.kind,
        debit=wallet_account(rental.account_id),
        credit=REVENUE[moved.kind],
        amount=moved.amount,
        currency=rental.prices.currency,
        account_id=rental.account_id,
        entry=moved.entry,
        balance_after=moved.balance_after,
        order_id=None,
        reference=None,
        created_at=charge.created_at,
        rental_id=rental.id,
        period=charge.period,
    )


def _renewed(rental: Rental, charge: RentCharge) -> Event:
    payload = {
        "phone_number": rental.e164,
        "id": rental.id,
        "charge_id": charge.id,
        "period": str(charge.period),
        "price": format_micros(charge.amount),
        "currency": rental.prices.currency,
        **told_term(rental.term),
        "began_at": iso_seconds(rental.begin_of(charge.period)),
        "renews_at": iso_seconds(rental.begin_of(charge.period + 1)),
    }
    return RENTAL_RENEWED.event(charge.id, rental.account_id, payload, charge.created_at)


def _told(look: RentLook, terms: RentTerms, notice: RentNotice, now: int) -> Event:
    rental = look.rental
    payload = {
        "phone_number": rental.e164,
        "id": rental.id,
        "notice_id": notice.id,
        "period": str(notice.period),
        "price": format_micros(look.next_price),
        "currency": rental.prices.currency,
        **told_term(rental.term),
    }
    if notice.state is NoticeState.PAST_DUE:
        since = now if rental.past_due_since is None else rental.past_due_since
        payload["began_at"] = iso_seconds(rental.begin_of(notice.period))
        payload["released_from"] = iso_seconds(since + terms.grace)
        return RENTAL_PAST_DUE.event(notice.id, rental.account_id, payload, now)
    payload["available"] = format_micros(look.wallet.available)
    payload["renewing"] = format_micros(look.renewing)
    payload["renews_at"] = iso_seconds(rental.begin_of(notice.period))
    return RENEWAL_UPCOMING.event(notice.id, rental.account_id, payload, now)
