"""Open a batch of purchases: load what they touch, decide, write the changes as sets.

Touches: database.

A number of the own pool completes here; one of another carrier is left `ordering`, claimed and
held for, until its carrier has answered (settle_orders.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Final, NamedTuple

from numberdesk.accounts.cap_store import find_caps
from numberdesk.carriers.compliance_store import profiles_of
from numberdesk.carriers.port import CarrierAccount
from numberdesk.carriers.store import find_carriers_named
from numberdesk.catalog.model import Listing
from numberdesk.catalog.offer_store import lock_offers
from numberdesk.catalog.offers import RemoteOffer
from numberdesk.catalog.store import find_superseded, insert_listings, move_listings
from numberdesk.core.carrier_order import CarrierOrder, asked_for, first_carrier_order
from numberdesk.core.compliance import profile_for
from numberdesk.core.lifecycle import CarrierState, OrderState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.prices import Prices, Quote
from numberdesk.core.purchase import (
    Buy,
    Decided,
    Decision,
    IdempotencyRecord,
    Loaded,
    Order,
    Replayed,
    SaleNumber,
    Sold,
    Wallet,
    decide,
)
from numberdesk.core.spending import by_owner, month_begin
from numberdesk.flows.connections.connect_bought import begin_connections, sift_connections
from numberdesk.flows.keep_wallets import keep_wallets
from numberdesk.flows.purchase.order_records import first_charges, hold_of, purchased, transfers_of
from numberdesk.flows.rentals.begin_rentals import begun
from numberdesk.flows.usage.usual_billing import UsualBilling, find_usual_billing
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import insert_holds, insert_transfers, lock_wallets
from numberdesk.numbers.agreed_time_store import find_agreed_at
from numberdesk.numbers.carrier_release_store import find_on_their_way
from numberdesk.numbers.rent_store import insert_rent_charges
from numberdesk.numbers.rental_store import insert_rentals
from numberdesk.numbers.store import find_rental_ends, lock_sale_numbers, save_sale_numbers
from numberdesk.orders.carrier_order_store import (
    Ended,
    change_carrier_orders,
    insert_carrier_orders,
    lock_carrier_orders,
)
from numberdesk.orders.spent_store import find_spent
from numberdesk.orders.store import (
    evict_refusals,
    evict_repeats,
    find_idempotency_records,
    find_orders,
    insert_idempotency_records,
    insert_orders,
)
from numberdesk.outbox.store import insert_events
from numberdesk.usage.deck_store import find_deck_books

WANTED_FOR: Final = 30 * 60 * MICROSECONDS
"""How long a customer who asked for a number is taken to wait for it, in microseconds."""

MOST_REFUSALS: Final = 1_000
"""Refusals under keys that are kept of one account: its newest. Answers that are orders are kept beside them."""

MOST_REPEATS: Final = 10
"""Keys kept of one order beside its first: the newest with which its customer asked for it again."""

_ORDER_SECONDS: Final = 30
_READ_SECONDS: Final = 10
"""Longest waits for a carrier's answers, unless its account is set up otherwise."""

_MARGIN: Final = 15 * MICROSECONDS
"""Beside its own requests: waiting for a turn, asking a carrier that was not done at once, writing the outcome."""


class OpenTerms(NamedTuple):
    """How long a superseded price is honoured, and a customer waits, in microseconds."""

    quote_lifetime: int
    wanted_for: int = WANTED_FOR


def lease_of(account: CarrierAccount) -> int:
    """How long whoever sends an order to a carrier may take, in microseconds: one order, and two look-ups for it."""
    order_seconds = int(account.options.get("order_seconds") or _ORDER_SECONDS)
    read_seconds = int(account.options.get("read_seconds") or _READ_SECONDS)
    return (order_seconds + 2 * read_seconds) * MICROSECONDS + _MARGIN


def open_orders(quote_lifetime: int, wanted_for: int = WANTED_FOR) -> Callable[[Tx, Sequence[Buy]], list[Decision]]:
    """The write flow, for a quote lifetime and a customer's patience in microseconds."""
    terms = OpenTerms(quote_lifetime, wanted_for)

    def apply(tx: Tx, buys: Sequence[Buy]) -> list[Decision]:
        wallets = lock_wallets(tx, [buy.account_id for buy in buys])
        sale_numbers = lock_sale_numbers(tx, [buy.e164 for buy in buys])
        remote = _offered(tx, buys, sale_numbers)
        outcome = decide(_loaded(tx, buys, wallets, sale_numbers, remote, terms), buys)
        _note_waiting(tx, buys, outcome, terms)
        _write(tx, buys, outcome, remote, terms)
        return outcome.decisions

    return apply


class OrderPreview(NamedTuple):
    """What a buy would come to now, and what that rests on."""

    decision: Decision
    wallet: Wallet
    sale_number: SaleNumber | None
    offers: tuple[RemoteOffer, ...]


def preview_orders(quote_lifetime: int) -> Callable[[Tx, Sequence[Buy]], list[OrderPreview]]:
    """The same decisions, each as if it were alone, with nothing written; what a purchase locks is locked meanwhile."""
    return lambda tx, buys: [_preview(tx, buy, OpenTerms(quote_lifetime)) for buy in buys]


def _preview(tx: Tx, buy: Buy, terms: OpenTerms) -> OrderPreview:
    wallets = lock_wallets(tx, [buy.account_id])
    sale_numbers = lock_sale_numbers(tx, [buy.e164])
    remote = _offered(tx, [buy], sale_numbers)
    outcome = decide(_loaded(tx, [buy], wallets, sale_numbers, remote, terms), [buy])
    offers = tuple(remote.offers.get(buy.e164, ()))
    return OrderPreview(outcome.decisions[0], wallets[buy.account_id], sale_numbers.get(buy.e164), offers)


class _Remote(NamedTuple):
    """What carriers offer of the numbers that the books have not, the latest first. `known` have a row already."""

    offers: dict[str, list[RemoteOffer]]
    accounts: dict[str, CarrierAccount]
    known: frozenset[str]
    usual: UsualBilling

    def quotes(self, lifetime: int) -> dict[str, tuple[Quote, ...]]:
        """The offers as a decision sees them; terms that were usual when they were shown are honoured for so long."""
        return {
            e164: tuple(quote for offer in offers for quote in self.usual.quotes(_quote(offer), lifetime))
            for e164, offers in self.offers.items()
        }

    def listing_of(self, order: Order, lifetime: int) -> Listing:
        """What was offered as what the order is for."""
        wanted = order.carrier, order.prices.told_of("")
        return next(
            offer.listing
            for offer in self.offers[order.e164]
            if wanted in [quote[:2] for quote in self.usual.quotes(_quote(offer), lifetime)]
        )


def _quote(offer: RemoteOffer) -> Quote:
    return Quote(offer.carrier, offer.prices, offer.expires_at, offer.requires)


def _offered(tx: Tx, buys: Sequence[Buy], sale_numbers: dict[str, SaleNumber]) -> _Remote:
    """Look for offers of numbers that have no row, or had one before; `sale_numbers` gets rows that came meanwhile."""
    usual = find_usual_billing(tx, buys[-1].now)
    wanted = {buy.e164 for buy in buys if _is_nobodys(sale_numbers.get(buy.e164))}
    found = lock_offers(tx, wanted) if wanted else {}
    if not found:
        return _Remote({}, {}, frozenset(), usual)
    sale_numbers |= lock_sale_numbers(tx, found)  # who ordered one meanwhile was waited for at its offer
    names = {offer.carrier for offers in found.values() for offer in offers}
    accounts = {
        name: account
        for name, account in find_carriers_named(tx, names).items()
        if account.state is CarrierState.ACTIVE
    }
    going_back = find_on_their_way(tx, found)
    offers = {
        e164: [one for one in offers if one.carrier in accounts and (one.carrier, e164) not in going_back]
        for e164, offers in found.items()
        if _is_nobodys(sale_numbers.get(e164))
    }
    return _Remote(offers, accounts, frozenset(e164 for e164 in offers if e164 in sale_numbers), usual)


def _is_nobodys(sale_number: SaleNumber | None) -> bool:
    return sale_number is None or sale_number.is_nobodys


def _loaded(
    tx: Tx,
    buys: Sequence[Buy],
    wallets: Mapping[str, Wallet],
    sale_numbers: Mapping[str, SaleNumber],
    remote: _Remote,
    terms: OpenTerms,
) -> Loaded:
    answers = find_idempotency_records(
        tx, [(buy.account_id, buy.idempotency_key) for buy in buys if buy.idempotency_key is not None]
    )
    answered = find_orders(tx, [answer.order_id for answer in answers.values() if answer.order_id is not None])
    mine: list[str] = []
    repriced: dict[str, int] = {}
    for buy in buys:
        sale_number = sale_numbers.get(buy.e164)
        if sale_number is None:
            continue
        since = buy.now - terms.quote_lifetime
        if sale_number.account_id == buy.account_id and sale_number.order_id is not None:
            mine.append(sale_number.order_id)
        elif sale_number.repriced_at is not None and sale_number.repriced_at > since:
            repriced[buy.e164] = min(since, repriced.get(buy.e164, since))
    superseded = _superseded(sale_numbers, find_superseded(tx, repriced), remote.usual, terms.quote_lifetime)
    orders = find_orders(tx, mine) | _with_ends(tx, answered)
    capped = {account_id for account_id, wallet in wallets.items() if wallet.capped}
    caps = find_caps(tx, capped) if capped else {}
    since = month_begin(min(buy.now for buy in buys)) if capped else 0
    spent = by_owner(find_spent(tx, capped, since)) if capped else {}
    profiles = _profiles(tx, buys, remote) if remote.offers else {}
    billed = {
        e164: one if one.prices is None else one._replace(prices=remote.usual.filled(one.carrier, one.prices))
        for e164, one in sale_numbers.items()
    }
    offered = remote.quotes(terms.quote_lifetime)
    decks = _decks(tx, buys, terms.quote_lifetime)
    return Loaded(wallets, billed, answers, orders, superseded, offered, caps, spent, profiles, decks)


def _decks(tx: Tx, buys: Sequence[Buy], lifetime: int) -> dict[str, str]:
    """The rate decks of which those who buy were told: an offer of before a choice is good for its lifetime yet."""
    books = find_deck_books(tx, {buy.account_id for buy in buys}, ())
    told = ((buy, books.told_at(buy.account_id, buy.now, buy.now - lifetime)) for buy in buys if books.choices)
    return {buy.order_id: name for buy, name in told if name}


def _superseded(
    sale_numbers: Mapping[str, SaleNumber],
    former: Mapping[str, Sequence[tuple[int, Prices]]],
    usual: UsualBilling,
    lifetime: int,
) -> dict[str, tuple[Quote, ...]]:
    """The quotes of numbers with a row that are no more, but are honoured yet: by former terms, and former prices."""
    found: dict[str, tuple[Quote, ...]] = {}
    for e164, number in sale_numbers.items():
        current = [] if number.prices is None else [*usual.quotes(Quote(number.carrier, number.prices), lifetime)][1:]
        before = (Quote(number.carrier, prices, instant + lifetime) for instant, prices in former.get(e164, ()))
        quotes = (*current, *(meant for quote in before for meant in usual.quotes(quote, lifetime)))
        if quotes:
            found[e164] = quotes
    return found


def _profiles(tx: Tx, buys: Sequence[Buy], remote: _Remote) -> dict[tuple[str, str, str], str]:
    """The compliance profiles with which orders of what carriers offer would be sent."""
    buyers = {buy.account_id for buy in buys if buy.e164 in remote.offers}
    theirs = profiles_of(tx, buyers) if buyers else {}
    found: dict[tuple[str, str, str], str] = {}
    for buy in buys:
        for offer in remote.offers.get(buy.e164, ()) if buy.account_id in theirs else ():
            place = offer.carrier, offer.listing.iso_country, offer.listing.number_type
            profile = profile_for(theirs[buy.account_id], *place, buy.now)
            if profile is not None:
                found[buy.account_id, offer.carrier, buy.e164] = profile.id
    return found


def _with_ends(tx: Tx, orders: Mapping[str, Order]) -> dict[str, Order]:
    """Orders that are given again under their keys, with when their rentals ended."""
    completed = [order.rental_id for order in orders.values() if order.state is OrderState.COMPLETED]
    ends = find_rental_ends(tx, completed) if completed else {}
    return {order_id: order._replace(rental_ended_at=ends.get(order.rental_id)) for order_id, order in orders.items()}


def _write(tx: Tx, buys: Sequence[Buy], outcome: Decided, remote: _Remote, terms: OpenTerms) -> None:
    sold = [decision for decision in outcome.decisions if isinstance(decision, Sold)]
    insert_orders(tx, [decision.order for decision in sold])
    answers = [decision.answer for decision in outcome.decisions if decision.answer is not None]
    insert_idempotency_records(tx, _kept(tx, answers))
    evict_refusals(tx, {answer.account_id for answer in answers if answer.order_id is None}, MOST_REFUSALS)
    repeated = [one for one in outcome.decisions if isinstance(one, Replayed) and one.answer is not None]
    evict_repeats(tx, {one.order.id for one in repeated}, MOST_REPEATS)
    if not sold:
        return
    now = buys[-1].now
    insert_holds(tx, [hold_of(decision.order) for decision in sold])
    insert_transfers(tx, [transfer for decision in sold for transfer in transfers_of(decision.order, decision.charges)])
    buyers = {decision.order.account_id: outcome.wallets[decision.order.account_id] for decision in sold}
    keep_wallets(tx, buyers, now)
    if remote.offers:
        _write_remote(tx, sold, remote, terms, now)
    save_sale_numbers(tx, [outcome.sale_numbers[decision.order.e164] for decision in sold], now)
    completed = [decision.order for decision in sold if decision.order.state is OrderState.COMPLETED]
    bought = sift_connections(tx, begun(tx, completed))
    insert_rentals(tx, bought.rentals)
    insert_rent_charges(tx, first_charges(bought.rentals))
    insert_events(tx, [purchased(order) for order in completed])
    begin_connections(tx, bought, completed, now)


def _kept(tx: Tx, answers: Sequence[IdempotencyRecord]) -> list[IdempotencyRecord]:
    """Answers as they are kept: for as long as others, also when the clock is behind."""
    if not answers:
        return []
    agreed_at = find_agreed_at(tx)
    return [answer._replace(created_at=max(answer.created_at, agreed_at)) for answer in answers]


def _note_waiting(tx: Tx, buys: Sequence[Buy], outcome: Decided, terms: OpenTerms) -> None:
    """Customers who ask again for an order that was under way still want it, and have it looked up soon."""
    opened = {decision.order.id for decision in outcome.decisions if isinstance(decision, Sold)}
    asked: dict[str, list[int]] = {}
    for buy, decision in zip(buys, outcome.decisions, strict=True):
        if isinstance(decision, Replayed) and decision.order.state is OrderState.ORDERING:
            asked.setdefault(decision.order.id, []).append(buy.now)
    waiting = lock_carrier_orders(tx, asked.keys() - opened) if asked else {}
    wanted = [
        Ended(
            reduce(asked_for, asked[order_id], one)._replace(wanted_until=asked[order_id][-1] + terms.wanted_for), None
        )
        for order_id, one in waiting.items()
        if one.settled_at is None
    ]
    change_carrier_orders(tx, wanted)


def _write_remote(tx: Tx, sold: Iterable[Sold], remote: _Remote, terms: OpenTerms, now: int) -> None:
    """Give numbers their rows, and note that their orders are about to be sent."""
    orders = [decision.order for decision in sold if decision.order.state is OrderState.ORDERING]
    for carrier in sorted({order.carrier for order in orders}):
        mine = [remote.listing_of(order, terms.quote_lifetime) for order in orders if order.carrier == carrier]
        insert_listings(tx, carrier, [listing for listing in mine if listing.e164 not in remote.known], now)
        move_listings(tx, carrier, [listing for listing in mine if listing.e164 in remote.known], now)
    insert_carrier_orders(tx, [_first_carrier_order(order, remote, terms) for order in orders])


def _first_carrier_order(order: Order, remote: _Remote, terms: OpenTerms) -> CarrierOrder:
    return first_carrier_order(
        order.id,
        order.account_id,
        order.carrier,
        order.e164,
        now=order.created_at,
        wanted_for=terms.wanted_for,
        lease=lease_of(remote.accounts[order.carrier]),
    )
