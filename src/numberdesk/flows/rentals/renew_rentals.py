"""Renew rentals as their time comes: a kind of due work in small batches, so that no purchase waits long behind one.

Touches: database.

What is due is so by the time that two clocks agree on (core/agreed_time.py), since neither a charge nor the loss of a
number can be undone. One look charges, tells that the wallet does not cover a period, or ends the rental
(core/rent.py); all of it is in one transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.core.purchase import Wallet
from numberdesk.core.rent import NOTHING_ELSE, EndReason, RentLook, RentTerms, look_at, may_remind, resolve_begun
from numberdesk.core.rental import DAY, Rental, RentPrice
from numberdesk.flows.rentals.end_rentals import Ending, earliest_ends, end_rentals
from numberdesk.flows.rentals.rent_records import find_terms, write_looks
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.writer import Writer
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.rent_store import DUE_RENTALS, DueRental, find_renewing, find_rent_prices
from numberdesk.numbers.rental_store import change_rentals
from numberdesk.numbers.store import lock_rentals, lock_sale_numbers

RENEWALS: Final = "renewals"
AT_ONCE: Final = 50
"""Rentals of one batch: a tenth of what a batch of purchases may have."""

PARTIES: Final = 16
"""Accounts that are worked on side by side: rows of more would only wait for the writer, and no longer than may be."""


class Look(NamedTuple):
    """Look at a rental that was taken up: `past` has surely passed, `now` is the time of day."""

    due: DueRental
    past: int
    now: int


Renew = Callable[[Tx, Sequence[Look]], list[WorkOutcome]]


def renew_rentals(usual: RentTerms, quarantine: int, delay: int = 0) -> Renew:
    """The write flow, for the operator's terms, the rest of a released number, and a delay before its carrier is told.

    The last two are in microseconds.
    """

    def apply(tx: Tx, commands: Sequence[Look]) -> list[WorkOutcome]:
        account_ids = {command.due.account_id for command in commands}
        wallets = lock_wallets(tx, account_ids)
        sale_numbers = lock_sale_numbers(tx, {command.due.e164 for command in commands})
        rentals = lock_rentals(tx, [command.due.id for command in commands])
        terms_by = find_terms(tx, account_ids, usual)
        prices = find_rent_prices(tx, rentals.values())
        books = _Books(rentals, wallets, prices, _renewing(tx, rentals, terms_by, usual, commands))
        looks: list[tuple[RentLook, RentTerms]] = []
        endings: list[Ending] = []
        outcomes = []
        for command in commands:
            rental = rentals[command.due.id]
            if rental.released_at is not None or rental.leased_until != command.due.leased_until:
                outcomes.append(WorkOutcome.LEASE_LOST)
                continue
            terms = terms_by.get(rental.account_id, usual)
            look = books.look(rental, terms, command)
            looks.append((look, terms))
            if look.ending is not None:
                endings.append(Ending(look.rental, look.ending, command.now))
            outcomes.append(_outcome(look))
        changed = {look.rental.account_id: wallets[look.rental.account_id] for look, _ in looks if look.paid}
        if looks:
            write_looks(tx, looks, changed, commands[-1].now)
        change_rentals(tx, [look.rental for look, _ in looks if look.ending is None])
        earliest = earliest_ends(tx, [one.rental for one in endings], min(command.now for command in commands))
        endings = [one._replace(earliest=earliest[one.rental.id]) for one in endings]
        end_rentals(tx, endings, sale_numbers, quarantine, delay)
        return outcomes

    return apply


class _Books(NamedTuple):
    """What the next look of a batch sees. `renewing` is what renews by account and day, but for the batch's rentals."""

    rentals: dict[str, Rental]
    wallets: dict[str, Wallet]
    prices: dict[str, list[RentPrice]]
    renewing: dict[str, dict[int, int]]

    def look(self, rental: Rental, terms: RentTerms, command: Look) -> RentLook:
        """Decide, and let the next one see the wallet as it is then."""
        look = look_at(
            rental,
            self.wallets[rental.account_id],
            terms,
            self.prices.get(rental.id, []),
            past=command.past,
            now=command.now,
            others=self._others(rental) if may_remind(rental, terms, command.past) else NOTHING_ELSE,
        )
        if look.ending is EndReason.NOT_PAID:
            resolve_begun(look, past=command.past, now=command.now, reason=look.ending)
        self.wallets[rental.account_id] = look.wallet
        self.rentals[rental.id] = look.rental
        if look.ending is not None:
            del self.rentals[rental.id]
        return look

    def _others(self, rental: Rental) -> dict[int, int]:
        """What the other rentals of an account renew for, by day; those of the batch as they are by now."""
        found = dict(self.renewing.get(rental.account_id, {}))
        for other in self.rentals.values():
            renews = other.ends_at is None and other.released_at is None
            if renews and other.account_id == rental.account_id and other.id != rental.id:
                price = RentLook(other, self.wallets[other.account_id], self.prices.get(other.id, [])).next_price
                found[other.renews_at // DAY] = found.get(other.renews_at // DAY, 0) + price
        return found


def _renewing(
    tx: Tx,
    rentals: Mapping[str, Rental],
    terms: Mapping[str, RentTerms],
    usual: RentTerms,
    commands: Sequence[Look],
) -> dict[str, dict[int, int]]:
    """What renews by account and day beside the rentals of a batch, of accounts that may be reminded."""
    past = commands[-1].past
    reminded = {
        one.account_id: terms.get(one.account_id, usual).reminders[0]
        for one in rentals.values()
        if may_remind(one, terms.get(one.account_id, usual), past)
    }
    return find_renewing(tx, reminded, past + max(reminded.values()) * DAY, rentals) if reminded else {}


def _outcome(look: RentLook) -> WorkOutcome:
    if look.rental.parked_at is not None:
        return WorkOutcome.PARKED
    return WorkOutcome.RETRIED if look.rental.past_due_since is not None and look.ending is None else WorkOutcome.DONE


def renewals(
    writer: Writer, renew: Renew, now: Callable[[], int], past: Callable[[], Awaitable[int]]
) -> DueWork[DueRental, int]:
    """The kind of due work. `past` gives the instant that has surely passed, by which rentals are taken up, too."""

    async def act(_due: DueRental) -> int:
        return await past()

    async def note(due: DueRental, surely: int) -> WorkOutcome:
        return await writer.submit(renew, Look(due, surely, now()))

    return DueWork(RENEWALS, DUE_RENTALS, act, note, at_once=AT_ONCE, parties=PARTIES, time=past)
