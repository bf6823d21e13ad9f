"""Announce other prices of rentals: from the first period on that begins after the notice, and never before.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.core.billing import told_term
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.money import MAX_AMOUNT, format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.core.prices import Prices
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import DAY, Rental, RentPrice, price_id
from numberdesk.flows.rentals.rent_records import find_terms
from numberdesk.infra.db import Tx
from numberdesk.numbers.agreed_time_store import find_agreed_time
from numberdesk.numbers.rent_store import find_rent_prices, insert_rent_prices
from numberdesk.numbers.store import lock_rentals
from numberdesk.outbox.model import Event
from numberdesk.outbox.rental_event_types import RENTAL_PRICE_CHANGING
from numberdesk.outbox.store import insert_events


class Announcement(NamedTuple):
    """Announce at `now` what a rental costs, in micros; a rate that is None stays. `usual` are the operator's terms."""

    rental_id: str
    price: int
    inbound: int | None
    outbound: int | None
    now: int
    usual: RentTerms


def announcement(
    rental_id: str, price: int, inbound: int | None, outbound: int | None, *, now: int, usual: RentTerms
) -> Announcement:
    """Check what a person typed. Raises InvalidRequest naming the field."""
    if not 0 < price <= MAX_AMOUNT:
        raise InvalidRequest("price", f"must be above 0 and at most {format_micros(MAX_AMOUNT)}")
    for field, rate in (("per_minute_price_inbound", inbound), ("per_minute_price_outbound", outbound)):
        if rate is not None and not 0 <= rate <= MAX_AMOUNT:
            raise InvalidRequest(field, f"must be from 0 to {format_micros(MAX_AMOUNT)}")
    return Announcement(rental_id, price, inbound, outbound, now, usual)


def announce_prices(tx: Tx, commands: Sequence[Announcement]) -> list[RentPrice | NumberdeskError]:
    """The write flow: what was announced. The same again is the same; other prices from that period on are refused.

    NotFound for no rental, and for one that has ended.
    """
    rentals = lock_rentals(tx, [command.rental_id for command in commands])
    known = find_rent_prices(tx, rentals.values())
    terms = find_terms(tx, {rental.account_id for rental in rentals.values()}, commands[0].usual)
    agreed = find_agreed_time(tx)
    new: list[tuple[Rental, RentPrice]] = []
    outcomes: list[RentPrice | NumberdeskError] = []
    for command in commands:
        rental = rentals.get(command.rental_id)
        if rental is None or rental.released_at is not None:
            outcomes.append(NotFound("There is no such rental that goes on."))
            continue
        notice = terms.get(rental.account_id, command.usual).notice_days
        # A clock that went back must not make the notice begin, and so end, before it does.
        begins = command.now if agreed is None else max(command.now, agreed.agreed_at)
        announced = known.setdefault(rental.id, [])
        made = _announced(rental, announced, command, begins + notice * DAY)
        same = next((one for one in announced if one.from_period == made.from_period), None)
        if same is None:
            announced.append(made)
            new.append((rental, made))
            outcomes.append(made)
        elif same._replace(created_at=0) == made._replace(created_at=0):
            outcomes.append(same)
        else:
            holds_from = iso_seconds(rental.begin_of(made.from_period))
            outcomes.append(InvalidRequest("price", f"is announced already, for what begins at {holds_from}"))
    insert_rent_prices(tx, [made for _, made in new])
    insert_events(tx, [_changing(rental, made) for rental, made in new])
    return outcomes


def carry_announced(tx: Tx, before: Rental, after: Rental, now: int, notice: int = 0) -> None:
    """Let prices that were announced of a rental and have not begun hold for the one that follows it, which is told.

    They begin `notice` microseconds after `now` or later, where its account was not told of them before.
    """
    pending = [one for one in find_rent_prices(tx, [before]).get(before.id, []) if one.from_period > after.period]
    if not pending:
        return
    agreed = find_agreed_time(tx)
    earliest = notice and (now if agreed is None else max(now, agreed.agreed_at)) + notice
    carried = {}
    for one in pending:  # in their order: of two that would begin at once the later one holds
        period = one.from_period
        while after.begin_of(period) < earliest:
            period += 1
        rates = (one.inbound, after.prices.inbound), (one.outbound, after.prices.outbound)
        inbound, outbound = (kept if told is None else told for told, kept in rates)
        carried[period] = one._replace(
            id=price_id(after.id, period), rental_id=after.id, from_period=period, account_id=after.account_id,
            inbound=inbound, outbound=outbound, created_at=now,
        )  # fmt: skip
    insert_rent_prices(tx, list(carried.values()))
    insert_events(tx, [_changing(after, made) for made in carried.values()])


def _announced(rental: Rental, announced: Sequence[RentPrice], command: Announcement, earliest: int) -> RentPrice:
    period = rental.period + 1
    while rental.begin_of(period) < earliest:
        period += 1
    earlier = [one for one in announced if one.from_period < period]
    before = max(earlier, key=lambda one: one.from_period) if earlier else rental.prices
    return RentPrice(
        price_id(rental.id, period),
        rental.id,
        period,
        rental.account_id,
        rental.e164,
        "announced",
        command.price,
        before.inbound if command.inbound is None else command.inbound,
        before.outbound if command.outbound is None else command.outbound,
        command.now,
    )


def _changing(rental: Rental, made: RentPrice) -> Event:
    before: Prices = rental.prices
    payload = {
        "phone_number": rental.e164,
        "id": rental.id,
        "change_id": made.id,
        "period": str(made.from_period),
        "price": format_micros(made.price),
        "price_before": format_micros(before.monthly),
        "currency": before.currency,
        **told_term(rental.term),
        "from": iso_seconds(rental.begin_of(made.from_period)),
    }
    return RENTAL_PRICE_CHANGING.event(made.id, rental.account_id, payload, made.created_at)
