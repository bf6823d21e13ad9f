"""Record calls: keep each record once, and charge what is to be charged, as sets.

Touches: database.

Whatever way a record comes by, it ends here. Money moves once per account and batch: at most one transfer out of the
wallet and one into the receivable, and every call has its shares of both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.core.call_charging import (
    CUSTOMERS,
    CallBooks,
    CallState,
    KeptCall,
    Posting,
    RatesSince,
    Receivable,
    RecordResult,
    RentedSpan,
    owed_transfer_id,
    owner_of,
    refused,
    repeated,
    result_of,
    shared,
    usage_transfer_id,
)
from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.core.purchase import Wallet
from numberdesk.core.rate_deck import DeckBooks
from numberdesk.core.rating import CallRate
from numberdesk.flows.keep_wallets import keep_wallets
from numberdesk.flows.usage.close_sessions import close_sessions
from numberdesk.flows.usage.pay_debts import pay_debts
from numberdesk.flows.usage.tell_rated import tell_rated
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import REVENUE, Transfer, receivable_account, wallet_account
from numberdesk.ledger.receivable_store import change_receivables, find_unpaid, insert_receivables
from numberdesk.ledger.store import insert_transfers, lock_wallets
from numberdesk.numbers.rent_store import find_announced
from numberdesk.numbers.rental_store import find_rentals
from numberdesk.orders.store import find_orders
from numberdesk.outbox.model import ACCOUNT_IN_DEBT, Event
from numberdesk.outbox.store import insert_events
from numberdesk.usage.deck_store import find_deck_books
from numberdesk.usage.store import (
    charge_calls,
    count_parked,
    find_call_terms,
    find_calls,
    find_set_rates,
    find_sources,
    find_spans,
    insert_calls,
    list_parked,
)

MOST_RECORDS: Final = 500
"""Records of one command: a purchase that waits behind it does not notice."""

USAGE: Final = "usage"


class RecordCalls(NamedTuple):
    """Records as they were read, at most MOST_RECORDS. `batch_id` is new.

    `most_parked` bounds the parked calls of each customer's sources; two processes at once may pass it by a batch each.
    """

    batch_id: str
    records: tuple[CallRecord, ...]
    now: int
    most_parked: int | None = None


class RateParked(NamedTuple):
    """Look at parked calls anew, those after `after`. `batch_id` is new."""

    batch_id: str
    after: str | None
    now: int


class RatedParked(NamedTuple):
    """How many parked calls were seen, how many of them wait no longer, and the last; None when there are no more."""

    seen: int
    rated: int
    last: str | None


def record_calls(tx: Tx, commands: Sequence[RecordCalls]) -> list[list[RecordResult]]:
    """Keep and charge records; one result for each, in order."""
    records = [record for command in commands for record in command.records]
    books = load_books(tx, records)
    wallets = lock_wallets(tx, {span.account_id for spans in books.spans.values() for span in spans})
    known = find_calls(tx, records)  # once the wallets are locked: whoever charged one of them has locked its wallet
    new: dict[tuple[str, str, str], KeptCall] = {}
    results: list[list[RecordResult]] = []
    room = _ParkingRoom(tx)
    counts: Counter[tuple[str, str]] = Counter()
    for command in commands:
        mine: list[RecordResult] = []
        prefix = f"cal_{command.batch_id.removeprefix('bat_')}_"
        for place, record in enumerate(command.records):
            key = record.key
            earlier = known.get(key) or new.get(key)
            if earlier is not None:
                mine.append(repeated(earlier, record))
                continue
            call = books.call_of(f"{prefix}{place:03d}", record, command.now)
            if call.state is CallState.PARKED and not room.takes(record.source, command.most_parked):
                mine.append(refused(record))
                continue
            new[key] = call
            mine.append(result_of(call))
        counts.update(
            (record.source, str(result.outcome)) for record, result in zip(command.records, mine, strict=True)
        )
        results.append(mine)
    for (source, outcome), count in counts.items():
        tx.count("usage_records", _teller(source), outcome, by=count)
    if new:
        freed = close_sessions(tx, new, wallets, commands[-1].now)
        done = charge(tx, new.values(), wallets | freed, commands[0].batch_id, commands[-1].now, freed)
        insert_calls(tx, done)
        tell_rated(tx, done)
    return results


def _teller(source: str) -> str:
    """Who tells, in one of two words."""
    return "customer" if source.startswith(CUSTOMERS) else "operator"


class _ParkingRoom:
    """How many more records each customer may have parked, counted once for a batch."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._parked: dict[str, int] = {}

    def takes(self, source: str, most: int | None) -> bool:
        """Whether there is room for one more of a source, which then is taken."""
        owner = owner_of(source)
        if most is None or owner is None:
            return True
        if owner not in self._parked:
            self._parked[owner] = count_parked(self._tx, CUSTOMERS + owner, most)
        if self._parked[owner] >= most:
            return False
        self._parked[owner] += 1
        return True


def rate_parked(tx: Tx, commands: Sequence[RateParked]) -> list[RatedParked]:
    """Look at parked calls anew: what they lacked may be there by now."""
    return [_rate_parked(tx, command) for command in commands]


def _rate_parked(tx: Tx, command: RateParked) -> RatedParked:
    parked = list_parked(tx, after=command.after, limit=MOST_RECORDS)
    books = load_books(tx, [call.record for call in parked])
    wallets = lock_wallets(tx, {span.account_id for spans in books.spans.values() for span in spans})
    still = find_calls(tx, [call.record for call in parked])  # as above
    changed = [
        again._replace(received_at=call.received_at)
        for call in parked
        if still[call.record.key].state is CallState.PARKED
        and (again := books.call_of(call.id, call.record, command.now))._replace(received_at=0, span=None)
        != call._replace(received_at=0, span=None)
    ]
    freed = close_sessions(tx, [call.record.key for call in changed], wallets, command.now)
    done = charge(tx, changed, wallets | freed, command.batch_id, command.now, freed)
    charge_calls(tx, done)
    tell_rated(tx, done)
    rated = sum(call.state is not CallState.PARKED for call in changed)
    return RatedParked(len(parked), rated, parked[-1].id if len(parked) == MOST_RECORDS else None)


def load_books(tx: Tx, records: Sequence[CallRecord]) -> CallBooks:
    """What decides about some records."""
    return terms_of(tx, find_spans(tx, records), _called(records))


def _called(records: Iterable[CallRecord]) -> set[str]:
    return {record.other for record in records if record.direction is Direction.OUTBOUND}


def terms_of(tx: Tx, spans: Mapping[str, Sequence[RentedSpan]], called: Collection[str] = ()) -> CallBooks:
    """By which terms calls of some rentals are charged, outbound ones to the numbers `called`; `spans` by number."""
    every = [span for found in spans.values() for span in found]
    return CallBooks(
        spans,
        find_sources(tx, every),
        find_set_rates(tx, every),
        find_call_terms(tx),
        _repriced(tx, {(span.account_id, span.rental_id) for span in every}),
        find_deck_books(tx, {span.account_id for span in every}, called) if called else DeckBooks(),
    )


def rate_of(tx: Tx, span: RentedSpan, direction: Direction, instant: int) -> CallRate | None:
    """What a call of one rental costs that begins at an instant, by no deck; only what decides that is looked up."""
    repriced = _repriced(tx, {(span.account_id, span.rental_id)})
    is_priced = not repriced and None not in (span.inbound, span.outbound)
    set_rates = {} if is_priced else find_set_rates(tx, [span])
    terms = {} if None not in span.billing else find_call_terms(tx)
    return CallBooks(rates=set_rates, terms=terms, repriced=repriced).rate_of(span, direction, instant)


def _repriced(tx: Tx, keys: Collection[tuple[str, str]]) -> dict[str, list[RatesSince]]:
    """The rates of rentals whose prices were changed: first those of the order, then each from its period on."""
    announced = find_announced(tx, keys)
    if not announced:
        return {}
    rentals = {rental.id: rental for rental in find_rentals(tx, announced)}
    orders = find_orders(tx, [rentals[rental_id].order_id for rental_id in announced])
    found: dict[str, list[RatesSince]] = {}
    for rental_id, changes in announced.items():
        rental = rentals[rental_id]
        confirmed = orders[rental.order_id].prices
        later = [RatesSince(rental.begin_of(one.from_period), one.inbound, one.outbound) for one in changes]
        found[rental_id] = [RatesSince(rental.anchor, confirmed.inbound, confirmed.outbound), *later]
    return found


def charge(
    tx: Tx,
    calls: Iterable[KeptCall],
    wallets: dict[str, Wallet],
    batch_id: str,
    now: int,
    freed: Mapping[str, Wallet] | None = None,
) -> list[KeptCall]:
    """Move the money for calls, out of locked wallets; the calls with their shares.

    `freed` are those of the wallets that changed before, and are saved with the others.
    """
    serial = batch_id.removeprefix("bat_")
    paid = pay_debts(tx, wallets, now)
    wallets = wallets | paid
    places = {account_id: place for place, account_id in enumerate(sorted(wallets))}
    done, postings = shared(calls, wallets, serial)
    transfers: list[Transfer] = []
    changed = {**(freed or {}), **paid}
    for posting in postings:
        place = places[posting.account_id]
        if posting.paid:
            wallet = wallets[posting.account_id]
            after = wallet._replace(posted=wallet.posted - posting.paid, entries=wallet.entries + 1)
            changed[posting.account_id] = after
            transfers.append(_out_of_wallet(posting, after, usage_transfer_id(serial, place), now))
        if posting.owed:
            transfers.append(_into_receivable(posting, owed_transfer_id(serial, place), now))
    insert_transfers(tx, transfers)
    keep_wallets(tx, changed, now)
    _owe(tx, [posting for posting in postings if posting.owed], serial, now)
    return done


def _owe(tx: Tx, postings: Sequence[Posting], serial: str, now: int) -> None:
    """Add to what accounts owe; who did not owe before is told."""
    if not postings:
        return
    unpaid = find_unpaid(tx, [posting.account_id for posting in postings])
    grown = [
        unpaid[posting.account_id]._replace(owed=unpaid[posting.account_id].owed + posting.owed)
        for posting in postings
        if posting.account_id in unpaid
    ]
    begun = [
        Receivable(f"rcv_{serial}_{place}", posting.account_id, posting.currency, posting.owed, now)
        for place, posting in enumerate(postings)
        if posting.account_id not in unpaid
    ]
    change_receivables(tx, grown)
    insert_receivables(tx, begun)
    insert_events(tx, [_in_debt(receivable) for receivable in begun])


def _in_debt(receivable: Receivable) -> Event:
    payload = {
        "id": receivable.id,
        "owed": format_micros(receivable.owed),
        "currency": receivable.currency,
        "since": iso_seconds(receivable.opened_at),
    }
    return ACCOUNT_IN_DEBT.event(receivable.id, receivable.account_id, payload, receivable.opened_at)


def _out_of_wallet(posting: Posting, after: Wallet, transfer_id: str, now: int) -> Transfer:
    return Transfer(
        id=transfer_id,
        kind=USAGE,
        debit=wallet_account(posting.account_id),
        credit=REVENUE[USAGE],
        amount=posting.paid,
        currency=posting.currency,
        account_id=posting.account_id,
        entry=after.entries,
        balance_after=after.posted,
        order_id=None,
        reference=None,
        created_at=now,
    )


def _into_receivable(posting: Posting, transfer_id: str, now: int) -> Transfer:
    """What is owed is no line of the wallet's statement: its money was never there."""
    return Transfer(
        id=transfer_id,
        kind=USAGE,
        debit=receivable_account(posting.account_id),
        credit=REVENUE[USAGE],
        amount=posting.owed,
        currency=posting.currency,
        account_id=None,
        entry=None,
        balance_after=None,
        order_id=None,
        reference=None,
        created_at=now,
    )
