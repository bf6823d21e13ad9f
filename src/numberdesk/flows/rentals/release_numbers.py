"""Release rented numbers: the rental ends, and the number rests.

Touches: database.

Periods that began before are charged as far as the wallet reaches, and waived beyond it; what is left of the one that
is paid is given back where the account's terms say so (refund_rent.py). What becomes of the number is in
end_rentals.py; from its customer's release on nobody pays for it, whatever its carrier says.

A release may come twice, the second time late. So it may name the rental, or carry an Idempotency-Key; a
number that was given back by its digits alone rests for a while, so that no other rental of it can be meant. Where
an operator gives it to its account anew meanwhile, digits mean the rental that ended until that while is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from numberdesk.core.agreed_time import AgreedTime, surely_past
from numberdesk.core.errors import IdempotencyConflict, NotFound, NumberdeskError, OrderInProgress
from numberdesk.core.lifecycle import NumberState, OrderOrigin
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import SaleNumber, Wallet
from numberdesk.core.rent import EndReason, RentLook, RentTerms, resolve_begun
from numberdesk.core.rental import Rental, RentPrice
from numberdesk.core.request_keys import RequestKey
from numberdesk.flows.accounts.fund_wallets import MOST_HURRIED
from numberdesk.flows.keyed_requests import KeyedRequests
from numberdesk.flows.rentals.end_rentals import Ending, earliest_ends, end_rentals
from numberdesk.flows.rentals.refund_rent import refund_rent
from numberdesk.flows.rentals.rent_records import find_terms, write_looks
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.agreed_time_store import find_agreed_time
from numberdesk.numbers.rent_store import find_rent_prices, hurry_past_due
from numberdesk.numbers.store import (
    find_rental_numbers,
    last_ended_rentals,
    latest_rentals,
    lock_rentals,
    lock_sale_numbers,
)
from numberdesk.orders.store import find_orders

SHORTEST_REST: Final = 10 * 60 * MICROSECONDS
"""Rest of a number that was given back by its digits alone: so late a second such request may come."""


_USUAL: Final = RentTerms()


class Release(NamedTuple):
    """An account gives a number back at `now`: the rental of it that it has, or the one named by `rental_id`.

    A request with a `request_key` ends what the first with this key ended, and nothing else. Where an operator takes it
    back that is the `reason`, and `message` what is said to its customer.
    """

    account_id: str
    e164: str
    now: int
    rental_id: str | None = None
    request_key: RequestKey | None = None
    reason: EndReason = EndReason.REQUESTED
    message: str = ""

    @property
    def names_its_rental(self) -> bool:
        """Whether a second one like this can only mean the same rental."""
        return self.rental_id is not None or self.request_key is not None


def release_numbers(
    quarantine: int, usual: RentTerms = _USUAL, delay: int = 0
) -> Callable[[Tx, Sequence[Release]], list[Rental | NumberdeskError]]:
    """The write flow, by the operator's terms of rent.

    For a quarantine, and a delay before a carrier is told of what was taken back, in microseconds.

    Each outcome is the ended rental; one that ended before is answered again unchanged. NotFound
    when the account never had the number or the rental, OrderInProgress while the number is still being ordered.
    """

    def apply(tx: Tx, commands: Sequence[Release]) -> list[Rental | NumberdeskError]:
        books = _load(tx, commands)
        outcomes = [books.release(command) for command in commands]
        _write(tx, books, quarantine, delay, usual)
        books.keyed.save(tx)
        return outcomes

    return apply


@dataclass(slots=True)
class _Books:
    """What the next release of a batch sees. `latest` by account and number, `ended` are those that end now, by id."""

    sale_numbers: dict[str, SaleNumber]
    latest: dict[tuple[str, str], Rental]
    by_id: dict[str, Rental]
    keyed: KeyedRequests
    wallets: dict[str, Wallet]
    prices: dict[str, list[RentPrice]]
    agreed: AgreedTime | None
    earliest: dict[str, int]
    former: dict[str, Rental]
    ended: dict[str, tuple[RentLook, Release]] = field(default_factory=dict)

    def release(self, command: Release) -> Rental | NumberdeskError:
        """End a rental, answer as one ended before, or refuse."""
        first = self.keyed.first(command.request_key)
        if isinstance(first, IdempotencyConflict):
            return first
        named = first or command.rental_id
        outcome = self._latest(command) if named is None else self._named(command, named)
        if isinstance(outcome, Rental) and first is None:
            ended_by = self.ended.get(outcome.id)
            in_vain = ended_by is None or ended_by[1] is not command
            self.keyed.note(command.request_key, outcome.id, command.now, in_vain=in_vain)
        return outcome

    def _named(self, command: Release, rental_id: str) -> Rental | NumberdeskError:
        rental = self.by_id.get(rental_id)
        if rental is None or rental.account_id != command.account_id:
            return NotFound("This account has no such rental.")
        return self._ended(rental, command)

    def _latest(self, command: Release) -> Rental | NumberdeskError:
        rental, sale_number = self.latest.get((command.account_id, command.e164)), self.sale_numbers.get(command.e164)
        if (
            sale_number is not None
            and sale_number.state is NumberState.CLAIMED
            and sale_number.account_id == command.account_id
        ):
            return OrderInProgress(details={"order_id": sale_number.order_id})
        if rental is None:
            return NotFound("This account does not rent this number.")
        before = self.former.get(rental.id) if command.reason is EndReason.REQUESTED else None
        if before is not None and (before.released_at or 0) + SHORTEST_REST > self._past(command):
            return before
        return self._ended(self.by_id.get(rental.id, rental), command)

    def _past(self, command: Release) -> int:
        return command.now if self.agreed is None else surely_past(self.agreed, command.now)

    def _ended(self, rental: Rental, command: Release) -> Rental:
        if rental.released_at is None:
            look = RentLook(rental, self.wallets[rental.account_id], self.prices.get(rental.id, ()))
            resolve_begun(look, past=self._past(command), now=command.now, reason=command.reason)
            self.wallets[rental.account_id] = look.wallet
            self.ended[rental.id] = look, command
            rental = Ending(look.rental, command.reason, command.now, earliest=self.earliest[rental.id]).ended
        self.by_id[rental.id] = rental
        return rental


def _load(tx: Tx, commands: Sequence[Release]) -> _Books:
    """Lock the numbers and rentals that releases are about."""
    keyed = KeyedRequests(tx, [command.request_key for command in commands])
    ids = {*keyed.outcome_ids, *(command.rental_id for command in commands if command.rental_id is not None)}
    numbers = find_rental_numbers(tx, ids)
    wallets = lock_wallets(tx, [command.account_id for command in commands])
    sale_numbers = lock_sale_numbers(tx, {*numbers.values(), *(command.e164 for command in commands if command.e164)})
    latest = latest_rentals(tx, [(command.account_id, command.e164) for command in commands if command.e164])
    by_id = lock_rentals(tx, numbers)
    live = [one for one in (*latest.values(), *by_id.values()) if one.released_at is None]
    prices, agreed = find_rent_prices(tx, live), find_agreed_time(tx)
    earliest = earliest_ends(tx, live, min(command.now for command in commands))
    former = _find_former(tx, [one for one in latest.values() if one.released_at is None])
    return _Books(sale_numbers, latest, by_id, keyed, wallets, prices, agreed, earliest, former)


def _find_former(tx: Tx, live: Sequence[Rental]) -> dict[str, Rental]:
    """The rental of the same account that ended last, by the id of one that began so soon after that nobody bought it.

    Whoever buys a number again waits for its rest, or has named what it gave back.
    """
    former = last_ended_rentals(tx, [(one.account_id, one.e164) for one in live])
    soon = {
        one.id: before
        for one in live
        if (before := former.get((one.account_id, one.e164))) is not None
        and one.created_at - (before.released_at or 0) < SHORTEST_REST
    }
    given = find_orders(tx, [one.order_id for one in live if one.id in soon])
    return {
        one.id: soon[one.id]
        for one in live
        if one.id in soon and given[one.order_id].origin is not OrderOrigin.PURCHASE
    }


def _write(tx: Tx, books: _Books, quarantine: int, delay: int, usual: RentTerms) -> None:
    looks = [(look, usual) for look, _ in books.ended.values()]
    if not looks:
        return
    paid = {look.rental.account_id: books.wallets[look.rental.account_id] for look, _ in looks if look.paid}
    own = find_terms(tx, {look.rental.account_id for look, _ in looks}, usual)
    terms = {look.rental.account_id: own.get(look.rental.account_id, usual) for look, _ in looks}
    ended = [(books.by_id[look.rental.id], look) for look, _ in looks]
    refunded = refund_rent(tx, ended, terms, books.wallets)
    write_looks(tx, looks, paid | refunded, looks[-1][0].rental.updated_at)
    endings = [
        Ending(
            look.rental, command.reason, command.now, _rest(command, quarantine), command.message, books.earliest[ended]
        )
        for ended, (look, command) in books.ended.items()
    ]
    end_rentals(tx, endings, books.sale_numbers, quarantine, delay)
    if refunded:
        hurry_past_due(tx, refunded, MOST_HURRIED)


def _rest(command: Release, quarantine: int) -> int:
    return quarantine if command.names_its_rental else max(quarantine, SHORTEST_REST)
