"""The SQL of rent: charges, notices and announced prices of rentals, terms of accounts, and what is due.

Touches: rentals, rent_charges, rent_notices, rent_prices, rent_refunds, rent_policies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import delete, func, select, text, update

from numberdesk.core.lifecycle import RentalState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.rent import LONGEST_WAIT
from numberdesk.core.rental import (
    DAY,
    ChargeState,
    Rental,
    RentCharge,
    RentNotice,
    RentPrice,
    RentRefund,
    charge_id,
    refund_id,
)
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueTable
from numberdesk.infra.statements import InsertRows, SelectSet, in_pairs, in_set
from numberdesk.numbers.rental_store import RENTAL_COLUMNS, rental_from
from numberdesk.tables import rent_charges, rent_notices, rent_policies, rent_prices, rent_refunds, rentals

LEASE: Final = 60 * MICROSECONDS

MOST_COUNTED: Final = 1_000
"""Rentals of an account whose next periods are summed for a reminder: others' purchases wait meanwhile."""
"""How long a look at a rental may take, with the wait for the writer."""


class DueRental(NamedTuple):
    """A rental as due work: whose turn it is, and what of it never changes."""

    id: str
    currency: str
    account_id: str
    e164: str
    next_at: int | None
    attempts: int
    message: str
    parked_at: int | None
    leased_until: int | None


class RentPolicy(NamedTuple):
    """Terms of an account that differ from the settings; None is as they say. `reminder_days` are joined by commas."""

    account_id: str
    grace_hours: int | None
    notice_days: int | None
    reminder_days: str | None
    missed: str | None
    updated_at: int
    proration: str | None = None
    auto_renew: int | None = None

    @property
    def differs(self) -> bool:
        """Whether there is anything that is not as the settings say."""
        return any(value is not None for name, value in self._asdict().items() if name not in _OF_THE_ROW)


_OF_THE_ROW: Final = ("account_id", "updated_at")


DUE_RENTALS: Final = DueTable(rentals, DueRental, key="id", party="currency", lease=LEASE, longest=LONGEST_WAIT + DAY)
"""Rentals whose turn has come. Nobody outside is asked, so the party is only the currency."""

_INSERT_NOTICES: Final = InsertRows(rent_notices, RentNotice._fields)
_INSERT_PRICES: Final = InsertRows(rent_prices, RentPrice._fields)
_PRICES: Final = SelectSet(
    select(*(rent_prices.c[name] for name in RentPrice._fields))
    .where(in_pairs(rent_prices.c.account_id, rent_prices.c.rental_id, "rentals"))
    .order_by(rent_prices.c.rental_id, rent_prices.c.from_period),
    pairs=("rentals",),
)
_POLICIES: Final = SelectSet(
    select(*(rent_policies.c[name] for name in RentPolicy._fields)).where(in_set(rent_policies.c.account_id, "ids")),
    "ids",
)
_ENDING: Final = SelectSet(
    select(rent_policies.c.account_id).where(
        in_set(rent_policies.c.account_id, "ids"), rent_policies.c.auto_renew == text("0")
    ),
    "ids",
)
_INSERT_CHARGES: Final = InsertRows(rent_charges, RentCharge._fields)
_INSERT_REFUNDS: Final = InsertRows(rent_refunds, RentRefund._fields)
_CHARGE_COLUMNS: Final = [rent_charges.c[name] for name in RentCharge._fields]
_CHARGES: Final = SelectSet(select(*_CHARGE_COLUMNS).where(in_set(rent_charges.c.id, "ids")), "ids")


def insert_rent_charges(tx: Tx, new: Sequence[RentCharge]) -> None:
    """Record periods that are charged or waived."""
    _INSERT_CHARGES.run(tx, new)


def list_rent_charges(tx: Tx, account_id: str, rental_id: str, *, limit: int) -> list[RentCharge]:
    """What became of the periods of a rental, the last one first."""
    query = select(*_CHARGE_COLUMNS).where(
        rent_charges.c.account_id == account_id, rent_charges.c.rental_id == rental_id
    )
    rows = tx.execute(query.order_by(rent_charges.c.period.desc()).limit(limit))
    return [_charge_from(row) for row in rows]


def _charge_from(row: Any) -> RentCharge:
    return RentCharge._make(row)._replace(state=ChargeState(row.state))


def find_last_charges(tx: Tx, wanted: Iterable[Rental]) -> dict[str, RentCharge]:
    """What became of the last period of some rentals, by rental."""
    ids = [charge_id(rental.id, rental.period) for rental in wanted]
    return {row.rental_id: _charge_from(row) for row in _CHARGES.run(tx, ids=ids)} if ids else {}


def insert_rent_refunds(tx: Tx, new: Sequence[RentRefund]) -> None:
    """Record what was given back of last periods."""
    _INSERT_REFUNDS.run(tx, new)


def find_rent_refund(tx: Tx, rental_id: str) -> RentRefund | None:
    """What was given back as a rental ended."""
    query = select(*(rent_refunds.c[name] for name in RentRefund._fields)).where(
        rent_refunds.c.id == refund_id(rental_id)
    )
    row = tx.execute(query).first()
    return None if row is None else RentRefund._make(row)


def insert_rent_notices(tx: Tx, new: Sequence[RentNotice]) -> None:
    """Record what customers are told of periods that are not paid."""
    _INSERT_NOTICES.run(tx, new)


def insert_rent_prices(tx: Tx, new: Sequence[RentPrice]) -> None:
    """Record prices that are announced."""
    _INSERT_PRICES.run(tx, new)


def find_rent_prices(tx: Tx, wanted: Iterable[Rental]) -> dict[str, list[RentPrice]]:
    """The prices that were announced for some rentals, by rental; one without any is left out."""
    return find_announced(tx, [(rental.account_id, rental.id) for rental in wanted])


def find_announced(tx: Tx, wanted: Collection[tuple[str, str]]) -> dict[str, list[RentPrice]]:
    """The same for rentals of which no more is known than their accounts and ids."""
    found: dict[str, list[RentPrice]] = {}
    for row in _PRICES.run(tx, rentals=wanted) if wanted else ():
        found.setdefault(row.rental_id, []).append(RentPrice._make(row))
    return found


def find_renewing(
    tx: Tx, account_ids: Iterable[str], until: int, without: Collection[str], most: int = MOST_COUNTED
) -> dict[str, dict[int, int]]:
    """What next periods of accounts cost that begin until the end of a day, in micros by account and day of UTC.

    Rentals that end, and those of the ids in `without`, are left out; prices that were announced count from their
    period on. Of one account the `most` rentals that began first are looked at.
    """
    found = {account_id: _renewing_of(tx, account_id, until, without, most) for account_id in sorted(account_ids)}
    return {account_id: by_day for account_id, by_day in found.items() if by_day}


def _renewing_of(tx: Tx, account_id: str, until: int, without: Collection[str], most: int) -> dict[int, int]:
    first = (
        select(rentals.c.id, rentals.c.period, rentals.c.price, rentals.c.renews_at, rentals.c.ends_at)
        .where(rentals.c.account_id == account_id, rentals.c.released_at.is_(None))
        .order_by(rentals.c.id)
        .limit(most)
        .subquery()
    )
    announced = (
        select(rent_prices.c.price)
        .where(
            rent_prices.c.account_id == account_id,
            rent_prices.c.rental_id == first.c.id,
            rent_prices.c.from_period <= first.c.period + 1,
        )
        .order_by(rent_prices.c.from_period.desc())
        .limit(1)
        .correlate(first)
        .scalar_subquery()
    )
    amount = func.sum(func.coalesce(announced, first.c.price)).label("amount")
    query = select((first.c.renews_at // DAY).label("day"), amount).where(
        first.c.id.not_in(sorted(without)),
        first.c.ends_at.is_(None),
        first.c.renews_at < (until // DAY + 1) * DAY,
    )
    return {row.day: int(row.amount) for row in tx.execute(query.group_by(text("day")))}


def find_rent_policies(tx: Tx, account_ids: Iterable[str]) -> dict[str, RentPolicy]:
    """Terms of accounts that differ from the settings, by account."""
    return {row.account_id: RentPolicy._make(row) for row in _POLICIES.run(tx, ids=account_ids)}


def find_not_renewing(tx: Tx, account_ids: Iterable[str]) -> set[str]:
    """Those accounts whose rentals end with their first period, unless their customer says otherwise."""
    return {row.account_id for row in _ENDING.run(tx, ids=account_ids)}


def save_rent_policy(tx: Tx, policy: RentPolicy) -> None:
    """Write the terms of an account, whether it had any or not; none that differ leave no row."""
    tx.execute(delete(rent_policies).where(rent_policies.c.account_id == policy.account_id))
    if policy.differs:
        tx.execute(rent_policies.insert(), [policy._asdict()])


def hurry_past_due(tx: Tx, account_ids: Iterable[str], limit: int) -> int:
    """Make rentals of accounts that money came to due at once, those that wait longest first; return how many."""
    wanted = (
        select(rentals.c.id)
        .where(
            rentals.c.account_id.in_(sorted(set(account_ids))),
            rentals.c.state == "past_due",
            rentals.c.next_at.is_not(None),
        )
        .order_by(rentals.c.past_due_since, rentals.c.id)
        .limit(limit)
    )
    hurried = update(rentals).where(rentals.c.id.in_(wanted.scalar_subquery()))
    return tx.execute(hurried.values(next_at=rentals.c.past_due_since)).rowcount


def count_past_due(tx: Tx, most: int) -> int:
    """How many rentals are past due; the first `most` are counted."""
    first = select(rentals.c.id).where(rentals.c.state == RentalState.PAST_DUE.value).limit(most).subquery()
    return int(tx.execute(select(func.count()).select_from(first)).scalar_one())


def list_live_rentals(
    tx: Tx, *, past_due: bool, parked: bool, account_id: str | None = None, after_id: str | None = None, limit: int
) -> list[Rental]:
    """Rentals of all accounts, or of one, that go on, oldest first: all, the unpaid, or what waits for a person."""
    query = select(*RENTAL_COLUMNS).where(rentals.c.released_at.is_(None))
    if account_id is not None:
        query = query.where(rentals.c.account_id == account_id)
    if past_due:
        query = query.where(rentals.c.state == "past_due")
    if after_id is not None:
        query = query.where(rentals.c.id > after_id)
    if parked:
        query = query.where(rentals.c.parked_at.is_not(None))
    return [rental_from(row) for row in tx.execute(query.order_by(rentals.c.id).limit(limit))]


def list_live_rentals_of_prefix(tx: Tx, prefix: str, *, after: str, limit: int) -> list[Rental]:
    """Rentals of all accounts that go on, of numbers with these first digits that come after a number."""
    query = select(*RENTAL_COLUMNS).where(
        rentals.c.released_at.is_(None),
        rentals.c.e164 > after,
        rentals.c.e164 >= f"+{prefix}",
        rentals.c.e164 < f"+{prefix}:",  # what comes after the digits
    )
    return [rental_from(row) for row in tx.execute(query.order_by(rentals.c.e164).limit(limit))]


def has_live_rental(tx: Tx, account_id: str) -> bool:
    """Whether an account rents any number."""
    query = select(rentals.c.id).where(rentals.c.account_id == account_id, rentals.c.released_at.is_(None))
    return tx.execute(query.limit(1)).first() is not None


def has_untold_rental(tx: Tx, account_id: str, announced_at: int) -> bool:
    """Whether an account rents a number at a confirmed rate that no deck counts for which was announced by then."""
    query = select(rentals.c.id).where(
        rentals.c.account_id == account_id,
        rentals.c.released_at.is_(None),
        rentals.c.created_at > announced_at,
        rentals.c.outbound.is_not(None),
        ~rentals.c.billing.contains(" @"),
    )
    return tx.execute(query.limit(1)).first() is not None


def list_rentals_of(tx: Tx, e164: str, *, limit: int) -> list[Rental]:
    """Who rented a number, the latest first: the rental that goes on, and those that ended."""
    of_number = select(*RENTAL_COLUMNS).where(rentals.c.e164 == e164)
    live = tx.execute(of_number.where(rentals.c.released_at.is_(None))).all()
    ended = of_number.where(rentals.c.released_at.is_not(None))
    rest = tx.execute(ended.order_by(rentals.c.released_at.desc(), rentals.c.id.desc()).limit(limit)).all()
    return [rental_from(row) for row in (*live, *rest)][:limit]


def find_rental(tx: Tx, rental_id: str) -> Rental | None:
    """A rental of any account, live or ended."""
    row = tx.execute(select(*RENTAL_COLUMNS).where(rentals.c.id == rental_id)).first()
    return None if row is None else rental_from(row)
