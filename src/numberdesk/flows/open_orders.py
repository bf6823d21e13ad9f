"""Open a batch of purchases: load what they touch, decide, write the changes as sets.

Touches: database.

A number of the own pool completes here; one of another carrier is left `ordering`, claimed and
held for, until its carrier has answered (settle_orders.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.port import Account
from numberdesk.carriers.store import find_carriers_named
from numberdesk.catalog.offer_store import lock_offers
from numberdesk.catalog.offers import RemoteOffer
from numberdesk.catalog.store import find_superseded, insert_listings, move_listings
from numberdesk.core.fulfilment import CarrierOrder, first_carrier_order
from numberdesk.core.lifecycle import CarrierState, NumberState, OrderState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.prices import Confirmation, Former
from numberdesk.core.purchase import POOL, Buy, Decision, Loaded, Lot, Order, Outcome, Purse, Replayed, Sold, decide
from numberdesk.flows.order_records import hold_of, purchased, transfers_of
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import insert_holds, insert_transfers, lock_purses, save_purses
from numberdesk.numbers.carrier_release_store import find_on_their_way
from numberdesk.numbers.model import rental_of
from numberdesk.numbers.store import insert_rentals, lock_lots, place_lots
from numberdesk.orders.carrier_order_store import insert_carrier_orders, want_longer
from numberdesk.orders.store import find_answers, find_orders, insert_answers, insert_orders
from numberdesk.outbox.store import insert_events

WANTED_FOR: Final = 30 * 60 * MICROSECONDS
"""How long a customer who asked for a number is taken to wait for it, in microseconds."""

_ORDER_SECONDS: Final = 30
_READ_SECONDS: Final = 10
"""Longest waits for a carrier's answers, unless its account is set up otherwise."""

_MARGIN: Final = 15 * MICROSECONDS
"""Beside its own requests: waiting for a turn, asking a carrier that was not done at once, writing the outcome."""


class OpenTerms(NamedTuple):
    """How long a superseded price is honoured, and a customer waits, in microseconds."""

    quote_lifetime: int
    wanted_for: int = WANTED_FOR


def lease_of(account: Account) -> int:
    """How long whoever sends an order to a carrier may take, in microseconds: one order, and two look-ups for it."""
    order_seconds = int(account.options.get("order_seconds") or _ORDER_SECONDS)
    read_seconds = int(account.options.get("read_seconds") or _READ_SECONDS)
    return (order_seconds + 2 * read_seconds) * MICROSECONDS + _MARGIN


def open_orders(quote_lifetime: int, wanted_for: int = WANTED_FOR) -> Callable[[Tx, Sequence[Buy]], list[Decision]]:
    """The write flow, for a quote lifetime and a customer's patience in microseconds."""
    terms = OpenTerms(quote_lifetime, wanted_for)

    def apply(tx: Tx, buys: Sequence[Buy]) -> list[Decision]:
        decisions: list[Decision] = []
        opened: set[str] = set()
        while len(decisions) < len(buys):
            decisions += _open(tx, buys[len(decisions) :], terms, opened)
        return decisions

    return apply


def _open(tx: Tx, waiting: Sequence[Buy], terms: OpenTerms, opened: set[str]) -> list[Decision]:
    """Decide and write the first of the buys, as many as may be decided together; all are locked.

    `opened` gets the orders that this transaction opens.
    """
    purses = lock_purses(tx, [buy.account_id for buy in waiting])
    lots = lock_lots(tx, [buy.e164 for buy in waiting])
    remote = _offered(tx, waiting, purses, lots)
    buys = waiting[: _alike(waiting, purses, remote)]
    outcome = decide(_loaded(tx, buys, purses, lots, remote, terms), buys)
    opened |= {decision.order.id for decision in outcome.decisions if isinstance(decision, Sold)}
    _note_waiting(tx, buys, outcome, terms, opened)
    _write(tx, buys, outcome, remote, terms)
    return outcome.decisions


class _Remote(NamedTuple):
    """What carriers offer of the numbers that the pool has not: the offer that is bought, and the other quotes.

    `kept` are all offers of these numbers, also those that are good no more, or not for this buy.
    """

    kept: Mapping[str, Sequence[RemoteOffer]]
    offers: dict[str, RemoteOffer]
    quotes: dict[str, tuple[Former, ...]]
    accounts: dict[str, Account]
    known: frozenset[str]


_NOTHING_REMOTE: Final = _Remote({}, {}, {}, {}, frozenset())


def _offered(tx: Tx, buys: Sequence[Buy], purses: Mapping[str, Purse], lots: dict[str, Lot]) -> _Remote:
    """Look for offers of numbers that have no row, or had one before; `lots` gets those that are to be bought."""
    wanted = {buy.e164: buy for buy in reversed(buys) if _is_nobodys(lots.get(buy.e164))}
    offers = lock_offers(tx, wanted) if wanted else {}
    if not offers:
        return _NOTHING_REMOTE
    lots |= lock_lots(tx, offers)  # who ordered one meanwhile was waited for at its offer
    names = {offer.carrier for kept in offers.values() for offer in kept}
    accounts = {
        name: account
        for name, account in find_carriers_named(tx, names).items()
        if account.state is CarrierState.ACTIVE
    }
    going_back = find_on_their_way(tx, offers)
    remote = _Remote(offers, {}, {}, accounts, frozenset(e164 for e164 in offers if e164 in lots))
    for e164, kept in offers.items():
        buy = wanted[e164]
        good = [
            offer
            for offer in kept
            if offer.carrier in accounts and offer.expires_at > buy.now and (offer.carrier, e164) not in going_back
        ]
        if good and _is_nobodys(lots.get(e164)):
            _offer(remote, lots, _chosen(good, buy, purses[buy.account_id].currency), good)
    return remote


def _alike(buys: Sequence[Buy], purses: Mapping[str, Purse], remote: _Remote) -> int:
    """How many buys may be decided together: up to one that may mean another offer than one before it.

    Each is judged by its own time: an offer may have ended since the one before, or not yet where a clock went back.
    """
    meant: dict[str, tuple[str, Confirmation, tuple[bool, ...]]] = {}
    for place, buy in enumerate(buys):
        if buy.e164 in remote.kept:
            good = tuple(offer.expires_at > buy.now for offer in remote.kept[buy.e164])
            means = purses[buy.account_id].currency, buy.confirmed, good
            if meant.setdefault(buy.e164, means) != means:
                return place
    return len(buys)


def _is_nobodys(lot: Lot | None) -> bool:
    return lot is None or (lot.state is NumberState.WITHDRAWN and lot.carrier != POOL)


def _chosen(good: Sequence[RemoteOffer], buy: Buy, currency: str) -> RemoteOffer:
    """The offer that a buy means: one in its account's currency that it confirms, else the latest one."""
    return max(good, key=lambda offer: (offer.prices.currency == currency, buy.confirmed.agrees_with(offer.prices)))


def _offer(remote: _Remote, lots: dict[str, Lot], chosen: RemoteOffer, good: Sequence[RemoteOffer]) -> None:
    e164 = chosen.listing.e164
    remote.offers[e164] = chosen
    remote.quotes[e164] = tuple(Former(offer.prices, offer.expires_at) for offer in good)
    lots[e164] = Lot(e164, chosen.carrier, NumberState.AVAILABLE, chosen.prices, None, None)


def _loaded(
    tx: Tx,
    buys: Sequence[Buy],
    purses: Mapping[str, Purse],
    lots: Mapping[str, Lot],
    remote: _Remote,
    terms: OpenTerms,
) -> Loaded:
    answers = find_answers(
        tx, [(buy.account_id, buy.idempotency_key) for buy in buys if buy.idempotency_key is not None]
    )
    wanted = [answer.order_id for answer in answers.values() if answer.order_id is not None]
    repriced: dict[str, int] = {}
    for buy in buys:
        lot = lots.get(buy.e164)
        if lot is None:
            continue
        if lot.account_id == buy.account_id and lot.order_id is not None:
            wanted.append(lot.order_id)
        elif lot.prices is not None and not buy.confirmed.agrees_with(lot.prices):
            repriced[buy.e164] = min(buy.now - terms.quote_lifetime, repriced.get(buy.e164, buy.now))
    superseded = {
        e164: tuple(Former(prices, instant + terms.quote_lifetime) for instant, prices in former)
        for e164, former in find_superseded(tx, repriced).items()
    }
    until = {e164: offer.expires_at for e164, offer in remote.offers.items()}
    return Loaded(purses, lots, answers, find_orders(tx, wanted), superseded | remote.quotes, until)


def _write(tx: Tx, buys: Sequence[Buy], outcome: Outcome, remote: _Remote, terms: OpenTerms) -> None:
    sold = [decision for decision in outcome.decisions if isinstance(decision, Sold)]
    insert_orders(tx, [decision.order for decision in sold])
    insert_answers(tx, [decision.answer for decision in outcome.decisions if decision.answer is not None])
    if not sold:
        return
    now = buys[-1].now
    insert_holds(tx, [hold_of(decision.order) for decision in sold])
    insert_transfers(tx, [transfer for decision in sold for transfer in transfers_of(decision.order, decision.charges)])
    save_purses(tx, {decision.order.account_id: outcome.purses[decision.order.account_id] for decision in sold})
    if remote.offers:
        _write_remote(tx, sold, remote, terms, now)
    place_lots(tx, [outcome.lots[decision.order.e164] for decision in sold], now)
    completed = [decision.order for decision in sold if decision.order.state is OrderState.COMPLETED]
    insert_rentals(tx, [rental_of(order) for order in completed])
    insert_events(tx, [purchased(order) for order in completed])


def _note_waiting(tx: Tx, buys: Sequence[Buy], outcome: Outcome, terms: OpenTerms, opened: set[str]) -> None:
    """Customers who ask again for an order that was under way still want it."""
    waiting = {
        decision.order.id: buy.now + terms.wanted_for
        for buy, decision in zip(buys, outcome.decisions, strict=True)
        if isinstance(decision, Replayed) and decision.order.state is OrderState.ORDERING
    }
    later = {order_id: until for order_id, until in waiting.items() if order_id not in opened}
    if later:
        want_longer(tx, later)


def _write_remote(tx: Tx, sold: Iterable[Sold], remote: _Remote, terms: OpenTerms, now: int) -> None:
    """Give numbers their rows, and note that their orders are about to be sent."""
    orders = [decision.order for decision in sold if decision.order.state is OrderState.ORDERING]
    for carrier in sorted({order.carrier for order in orders}):
        mine = [remote.offers[order.e164].listing for order in orders if order.carrier == carrier]
        insert_listings(tx, carrier, [listing for listing in mine if listing.e164 not in remote.known], now)
        move_listings(tx, carrier, [listing for listing in mine if listing.e164 in remote.known], now)
    insert_carrier_orders(tx, [_first_chase(order, remote, terms) for order in orders])


def _first_chase(order: Order, remote: _Remote, terms: OpenTerms) -> CarrierOrder:
    return first_carrier_order(
        order.id,
        order.account_id,
        order.carrier,
        order.e164,
        now=order.created_at,
        wanted_for=terms.wanted_for,
        lease=lease_of(remote.accounts[order.carrier]),
    )
