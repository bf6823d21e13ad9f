"""The SQL of numbers through their life, and of rentals.

Touches: numbers, rentals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Select, Subquery, case, func, or_, select, tuple_, update

from numberdesk.core.billing import billing_of, term_of
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import POOL, SaleNumber
from numberdesk.core.rental import Rental
from numberdesk.infra.db import Tx
from numberdesk.infra.numbering import region_key
from numberdesk.infra.statements import SelectSet, UpdateRows, in_set, stretch_of
from numberdesk.numbers.model import RentedFilter, RentedNumber, RentedPage
from numberdesk.numbers.rental_store import RENTAL_COLUMNS, rental_from
from numberdesk.tables import numbers, rentals

_SALE_NUMBERS: Final = SelectSet(
    select(
        numbers.c.e164,
        numbers.c.carrier,
        numbers.c.state,
        numbers.c.currency,
        numbers.c.price,
        numbers.c.inbound,
        numbers.c.outbound,
        numbers.c.setup,
        numbers.c.term,
        numbers.c.billing,
        numbers.c.account_id,
        numbers.c.order_id,
        numbers.c.repriced_at,
    )
    .where(in_set(numbers.c.e164, "e164s"))
    .order_by(numbers.c.e164)
    .with_for_update(),
    "e164s",
)
_STATES: Final = {state.value: state for state in NumberState}  # calling the enum costs as much as the row
_PLACE_NUMBERS: Final = UpdateRows(
    numbers, "e164", "state", "account_id", "order_id", "quarantined_until", "updated_at"
)
MOST_WALKED: Final = 1_000
"""Rentals that one page of a list looks at, however few of them fit."""

_DESCRIBED: Final = [numbers.c[name] for name in RentedNumber._fields[1:]]
"""What the row of a number adds to its rental."""
# A number has one live rental at most, so its number finds it; the account is only compared.
_LIVE: Final = SelectSet(
    select(*RENTAL_COLUMNS)
    .where(in_set(rentals.c.e164, "e164s"), in_set(rentals.c.account_id, "ids"), rentals.c.released_at.is_(None))
    .order_by(rentals.c.id)
    .with_for_update(),
    "ids",
    "e164s",
)
_LOCKED: Final = SelectSet(
    select(*RENTAL_COLUMNS).where(in_set(rentals.c.id, "ids")).order_by(rentals.c.id).with_for_update(), "ids"
)
_LAST_ENDED: Final = SelectSet(
    select(func.max(rentals.c.id).label("id"))
    .where(in_set(rentals.c.account_id, "ids"), in_set(rentals.c.e164, "e164s"), rentals.c.released_at.is_not(None))
    .group_by(rentals.c.account_id, rentals.c.e164),
    "ids",
    "e164s",
)


def lock_sale_numbers(tx: Tx, e164s: Iterable[str]) -> dict[str, SaleNumber]:
    """Numbers as a purchase sees them, locked in sorted order until the transaction ends."""
    return {row.e164: _sale_number_of(row) for row in _SALE_NUMBERS.run(tx, e164s=e164s)}


def find_holders(tx: Tx, e164s: Iterable[str]) -> dict[str, str]:
    """Who claims or rents numbers, by number. Nothing is locked, so it may be somebody else's by the time they are."""
    query = select(numbers.c.e164, numbers.c.account_id)
    found = tx.execute(query.where(numbers.c.e164.in_(sorted(set(e164s))), numbers.c.account_id.is_not(None)))
    return {row.e164: row.account_id for row in found}


def find_standing(tx: Tx, e164: str) -> tuple[str, NumberState, int | None] | None:
    """A number's carrier, where it stands, and until when it rests."""
    query = select(numbers.c.carrier, numbers.c.state, numbers.c.quarantined_until).where(numbers.c.e164 == e164)
    row = tx.execute(query).first()
    return None if row is None else (row.carrier, _STATES[row.state], row.quarantined_until)


def find_latest_rentals(tx: Tx, e164s: Iterable[str]) -> dict[str, Rental]:
    """The rental that each number has, else the one that ended last, whose ever it is; nothing is locked."""
    latest: dict[str, Rental] = {}
    query = select(*RENTAL_COLUMNS).where(rentals.c.e164.in_(sorted(set(e164s))), rentals.c.released_at.is_(None))
    latest.update((row.e164, rental_from(row)) for row in tx.execute(query))
    for e164 in sorted(set(e164s) - latest.keys()):
        ended = select(*RENTAL_COLUMNS).where(rentals.c.e164 == e164, rentals.c.released_at.is_not(None))
        row = tx.execute(ended.order_by(rentals.c.released_at.desc(), rentals.c.id.desc()).limit(1)).first()
        if row is not None:
            latest[e164] = rental_from(row)
    return latest


def find_held(tx: Tx, e164s: Iterable[str]) -> set[str]:
    """Those of some numbers that no carrier's offer is good for: somebody has or had them, or they are the pool's."""
    query = select(numbers.c.e164).where(
        numbers.c.e164.in_(sorted(e164s)),
        or_(numbers.c.state != NumberState.WITHDRAWN, numbers.c.carrier == POOL),
    )
    return set(tx.execute(query).scalars())


def save_sale_numbers(
    tx: Tx, sale_numbers: Iterable[SaleNumber], now: int, *, quarantined_until: int | None = None
) -> None:
    """Write the state and holder of locked numbers."""
    rows = [
        (
            sale_number.e164,
            sale_number.state.value,
            sale_number.account_id,
            sale_number.order_id,
            quarantined_until,
            now,
        )
        for sale_number in sale_numbers
    ]
    _PLACE_NUMBERS.run(tx, rows)


def end_quarantines(tx: Tx, now: int, limit: int) -> int:
    """End quarantines that are over, at most `limit` of them; return how many.

    A number of the own pool is offered again. Another carrier's is its carrier's again.
    """
    over = (
        select(numbers.c.e164)
        .where(numbers.c.state == NumberState.QUARANTINED, numbers.c.quarantined_until <= now)
        .order_by(numbers.c.quarantined_until)
        .limit(limit)
        # This is no sorted order, so nothing may be waited for; what is in somebody's hands is left to the next round.
        .with_for_update(skip_locked=True)
    )
    freed = (
        update(numbers)
        .where(numbers.c.e164.in_(over.scalar_subquery()))
        .values(
            state=case((numbers.c.carrier == POOL, NumberState.AVAILABLE.value), else_=NumberState.WITHDRAWN.value),
            quarantined_until=None,
            updated_at=now,
        )
    )
    return tx.execute(freed).rowcount


def latest_rentals(tx: Tx, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Rental]:
    """For each (account, number): its live rental, else the one that began last. Locked until the transaction ends.

    However many rentals an account has, only those of the wanted numbers are read.
    """
    pairs = set(wanted)
    live = _LIVE.run(tx, ids={account_id for account_id, _ in pairs}, e164s={e164 for _, e164 in pairs})
    found = {(row.account_id, row.e164): rental_from(row) for row in live}
    found |= last_ended_rentals(tx, pairs - found.keys())
    return {pair: rental for pair, rental in found.items() if pair in pairs}


def last_ended_rentals(tx: Tx, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Rental]:
    """For each (account, number): the ended rental that began last. Locked until the transaction ends."""
    e164s_of: dict[str, list[str]] = {}
    for account_id, e164 in pairs:
        e164s_of.setdefault(account_id, []).append(e164)
    ended = [row.id for account_id in sorted(e164s_of) for row in _last_ended(tx, account_id, e164s_of[account_id])]
    return {(rental.account_id, rental.e164): rental for rental in lock_rentals(tx, ended).values()}


def _last_ended(tx: Tx, account_id: str, e164s: Iterable[str]) -> list[Any]:
    return _LAST_ENDED.run(tx, ids=[account_id], e164s=e164s)


def find_rented_by_id(tx: Tx, account_id: str, rental_id: str) -> RentedNumber | None:
    """A rental of an account by its id, live or ended."""
    row = tx.execute(_rented().where(rentals.c.account_id == account_id, rentals.c.id == rental_id)).first()
    return None if row is None else _rented_of(row)


def find_rented(tx: Tx, account_id: str, e164: str) -> RentedNumber | None:
    """An account's live rental of a number, else the one that began last."""
    for live in (True, False):
        row = tx.execute(listed_query(account_id, RentedFilter(live=live, e164=e164), None, 1)).first()
        if row is not None:
            return _rented_of(row)
    return None


def find_rental_numbers(tx: Tx, ids: Iterable[str]) -> dict[str, str]:
    """Which numbers rentals are of, by id. That never changes, so nothing is locked."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    return {
        row.id: row.e164 for row in tx.execute(select(rentals.c.id, rentals.c.e164).where(rentals.c.id.in_(wanted)))
    }


def find_rental_accounts(tx: Tx, ids: Iterable[str]) -> dict[str, str]:
    """Whose rentals are, by id. That never changes, so nothing is locked."""
    query = select(rentals.c.id, rentals.c.account_id).where(rentals.c.id.in_(sorted(set(ids))))
    return {row.id: row.account_id for row in tx.execute(query)}


def lock_rentals(tx: Tx, ids: Iterable[str]) -> dict[str, Rental]:
    """Rentals by id, locked in sorted order until the transaction ends."""
    wanted = set(ids)
    return {row.id: rental_from(row) for row in _LOCKED.run(tx, ids=wanted)} if wanted else {}


def count_live_rentals(tx: Tx, account_ids: Iterable[str]) -> dict[str, int]:
    """How many numbers accounts rent now; an account without any is left out."""
    query = select(rentals.c.account_id, func.count().label("live")).where(
        rentals.c.account_id.in_(sorted(account_ids)), rentals.c.released_at.is_(None)
    )
    return {row.account_id: row.live for row in tx.execute(query.group_by(rentals.c.account_id))}


def find_rental_ends(tx: Tx, rental_ids: Iterable[str]) -> dict[str, int]:
    """When rentals ended, by id; one that goes on is left out."""
    query = select(rentals.c.id, rentals.c.released_at).where(
        rentals.c.id.in_(sorted(set(rental_ids))), rentals.c.released_at.is_not(None)
    )
    return {row.id: row.released_at for row in tx.execute(query)}


def list_rented(
    tx: Tx, account_id: str, asked: RentedFilter, *, before_id: str | None, limit: int, most: int = MOST_WALKED
) -> RentedPage:
    """An account's rentals, newest first, from before the given id: `limit` that fit, among the next `most`."""
    places = () if asked.region is None else _places(tx, account_id, asked, before_id, most)
    found = tx.execute(listed_query(account_id, asked, before_id, limit, most, places)).all()
    edge = None
    if len(found) < limit and asked.is_walked:
        edge = tx.execute(walked_query(account_id, asked, before_id, most)).scalar()
    return RentedPage([_rented_of(row) for row in found], edge)


def listed_query(
    account_id: str,
    asked: RentedFilter,
    before_id: str | None,
    limit: int,
    most: int = MOST_WALKED,
    places: Sequence[tuple[str, str]] = (),
) -> Select[Any]:
    """The statement that finds a page: an index leads to the next rentals, which the rest of the filter sifts.

    `places` are the countries and regions of the numbers among them that lie in the region asked for.
    """
    rows = _placed(account_id, asked, before_id, most if asked.is_walked else limit)
    sifted = ((rows.c.state, asked.state), (rows.c.iso_country, asked.iso_country))
    query = select(rows).where(*(column == value for column, value in sifted if value is not None))
    if asked.region is not None:
        query = query.where(tuple_(rows.c.iso_country, rows.c.region).in_(places))
    return query.order_by(rows.c.id.desc()).limit(limit)


def _placed(account_id: str, asked: RentedFilter, before_id: str | None, window: int) -> Subquery:
    """The next rentals with where their numbers are."""
    walked = _ahead(RENTAL_COLUMNS, account_id, asked, before_id).limit(window).subquery("walked")
    placed = select(walked, *_DESCRIBED).join(numbers, numbers.c.e164 == walked.c.e164)
    # With a limit of its own no filter gets inside, where an engine might look for all numbers of a region by it.
    return placed.limit(window).subquery("placed")


def _places(tx: Tx, account_id: str, asked: RentedFilter, before_id: str | None, most: int) -> list[tuple[str, str]]:
    """The countries and regions, as numbers have them, that are the region asked for, however that is spelled."""
    rows = _placed(account_id, asked, before_id, most)
    found = tx.execute(select(rows.c.iso_country, rows.c.region).distinct())
    return [
        (row.iso_country, row.region)
        for row in found
        if region_key(row.iso_country, row.region) == region_key(row.iso_country, asked.region or "")
    ]


def walked_query(account_id: str, asked: RentedFilter, before_id: str | None, most: int) -> Select[Any]:
    """The statement that finds the last of the next `most` rentals; none where there are fewer."""
    return _ahead([rentals.c.id], account_id, asked, before_id).limit(1).offset(most - 1)


def _ahead(columns: Sequence[Any], account_id: str, asked: RentedFilter, before_id: str | None) -> Select[Any]:
    """The rentals from an id on, newest first: conditions that the index of the list answers, and no other."""
    ended = rentals.c.released_at
    query = select(*columns).where(ended.is_(None) if asked.live else ended.is_not(None))
    if asked.e164 is None:
        query = query.where(*stretch_of({rentals.c.account_id: account_id}, rentals.c.id, before=before_id))
        return query.order_by(rentals.c.account_id.desc(), rentals.c.id.desc())
    query = query.where(rentals.c.account_id == account_id, rentals.c.e164 == asked.e164)
    if before_id is not None:
        query = query.where(rentals.c.id < before_id)
    return query.order_by(rentals.c.id.desc())


def _rented() -> Select[Any]:
    return select(*RENTAL_COLUMNS, *_DESCRIBED).join(numbers, numbers.c.e164 == rentals.c.e164)


def _rented_of(row: Any) -> RentedNumber:
    return RentedNumber(rental_from(row), row.iso_country, row.region, row.locality, row.number_type, row.capabilities)


def _sale_number_of(row: Any) -> SaleNumber:
    prices = None
    if row.currency is not None:
        terms = term_of(row.term), billing_of(row.billing)
        prices = Prices(row.currency, row.price, row.inbound, row.outbound, row.setup, *terms)
    return SaleNumber(row.e164, row.carrier, _STATES[row.state], prices, row.account_id, row.order_id, row.repriced_at)
