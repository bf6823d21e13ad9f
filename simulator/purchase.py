"""What a buy must be answered, and what it leaves in the books, by the contract of decisions 0004 and 0009.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numberdesk.core.money import as_decimal
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import POOL, Buy, Refused, Replayed, Sold
from numberdesk.flows.open_orders import lease_of
from simulator.books import Books, Chase, Number, Order, StoredAnswer, Wallet, require
from simulator.offered import good_offers

Told = tuple[Any, ...]
"""("sold", carrier, prices), ("replayed", order id, request id), or ("refused", code, request id, details)."""


class Lot(NamedTuple):
    """A number as it is for sale: by whom, at which prices, and at which others that were shown before.

    `is_latest`: no other offer of it was shown since.
    """

    carrier: str
    state: str
    prices: Prices | None
    quotes: tuple[Prices, ...]
    number: Number | None
    is_latest: bool = True


def buy(books: Books, command: Buy, given: Any) -> str:
    """Compare an answer with the one that must be given; return what it was, for the goals."""
    wanted, why = _expected(books, command)
    require(wanted, _told(given, why), f"answer to {command}")
    name = (command.account_id, command.idempotency_key or "")
    fresh = command.idempotency_key is not None and name not in books.answers
    if wanted[0] == "sold":
        _sell(books, command, wanted[1], wanted[2])
    elif wanted[0] == "replayed":
        _want_longer(books, wanted[1], command)
    if fresh:
        order_id = command.order_id if wanted[0] == "sold" else wanted[1] if wanted[0] == "replayed" else None
        code = wanted[1] if wanted[0] == "refused" else None
        books.answers[name] = StoredAnswer(_fingerprint(command), command.request_id, order_id, code, command.now)
    return why


def _expected(books: Books, command: Buy) -> tuple[Told, str]:
    """The answer, and what it is called among the goals."""
    if command.idempotency_key is not None:
        first = books.answers.get((command.account_id, command.idempotency_key))
        if first is not None:
            return _again(books, first, command)
    number, wallet = books.numbers.get(command.e164), books.wallets[command.account_id]
    if number is not None and number.order_id is not None and number.account_id == command.account_id:
        joined = books.orders[number.order_id].state == "ordering"
        return ("replayed", number.order_id, command.request_id), "joined" if joined else "replayed_without_key"
    lot = _lot(books, number, command, wallet.currency)
    code = _refusal(wallet, lot)
    prices = None if lot is None or code is not None else _confirmed(lot, command)
    if code is None and prices is None:
        code = "price_changed"
    elif prices is not None and wallet.available < prices.total:
        code = "insufficient_balance"
    if lot is None or prices is None or code is not None:
        if code == "number_not_offered" and any(key[0] == command.e164 for key in books.offers):
            return ("refused", code, command.request_id, None), "refused_offer_not_good"
        return ("refused", code, command.request_id, _details(code, wallet, lot, prices)), f"refused_{code}"
    return ("sold", lot.carrier, prices), _how(lot, prices)


def _again(books: Books, first: StoredAnswer, command: Buy) -> tuple[Told, str]:
    if first.fingerprint != _fingerprint(command):
        return ("refused", "idempotency_conflict", command.request_id, None), "refused_idempotency_conflict"
    if first.code is not None:
        return ("refused", first.code, first.request_id, None), "refusal_replayed"
    order = books.orders[first.order_id or ""]
    if order.error is not None:
        return ("refused", order.error, first.request_id, None), "failure_replayed"
    joined = order.state == "ordering"
    return ("replayed", order.id, first.request_id), "joined_by_key" if joined else "replayed_by_key"


def _lot(books: Books, number: Number | None, command: Buy, currency: str) -> Lot | None:
    """The number out of the books, else by the latest offer of it: one that this account can pay, and confirms."""
    if number is not None and (number.state != "withdrawn" or number.carrier == POOL):
        since = command.now - books.quote_lifetime
        former = [prices for instant, prices in sorted(number.former.items(), reverse=True) if instant > since]
        return Lot(number.carrier, number.state, number.prices, tuple(former), number)
    good = good_offers(books, command)
    mine = [offer for offer in good if offer.prices.currency == currency]
    meant = next((offer for offer in mine if _agrees(command, offer.prices)), None) or next(iter(mine or good), None)
    if meant is None:
        return None if number is None else Lot(number.carrier, number.state, number.prices, (), number)
    return Lot(meant.carrier, "available", meant.prices, (), number, is_latest=meant is good[0])


def _refusal(wallet: Wallet, lot: Lot | None) -> str | None:
    if wallet.suspended:
        return "forbidden"
    if lot is None or lot.prices is None or lot.prices.currency != wallet.currency:
        return "number_not_offered"
    if lot.state in ("assigned", "claimed"):
        return "number_taken"
    return None if lot.state == "available" else "number_not_offered"


def _confirmed(lot: Lot, command: Buy) -> Prices | None:
    """The current prices, or the newest superseded ones within the quote lifetime, that were confirmed."""
    assert lot.prices is not None
    payable = [lot.prices, *(prices for prices in lot.quotes if prices.currency == lot.prices.currency)]
    return next((prices for prices in payable if _agrees(command, prices)), None)


def _agrees(command: Buy, prices: Prices) -> bool:
    pairs = ((command.confirmed.inbound, prices.inbound), (command.confirmed.outbound, prices.outbound))
    rates = all(sent is None or sent == (offered or 0) for sent, offered in pairs)
    return command.confirmed.monthly == prices.monthly and rates


def _how(lot: Lot, prices: Prices) -> str:
    if lot.carrier != POOL:
        moved = lot.number is not None and lot.number.carrier != lot.carrier
        if not lot.is_latest:
            return "opened_at_an_earlier_quote"
        return "opened_at_another_carrier" if moved else "opened_again" if lot.number is not None else "opened"
    if prices != lot.prices:
        return "sold_at_superseded_price"
    return "sold_again_after_quarantine" if lot.number is not None and lot.number.rested else "sold"


def _details(code: str | None, wallet: Wallet, lot: Lot | None, prices: Prices | None) -> dict[str, object] | None:
    """What a program may read: the current prices, or what is missing."""
    if code == "price_changed" and lot is not None and lot.prices is not None:
        return lot.prices.details()
    if code == "insufficient_balance" and prices is not None:
        return {
            "needed": as_decimal(prices.total),
            "available": as_decimal(wallet.available),
            "missing": as_decimal(prices.total - wallet.available),
            "currency": wallet.currency,
        }
    return None


def _sell(books: Books, command: Buy, carrier: str, prices: Prices) -> None:
    """Open the order; one for a number of the pool completes at once, for another the money is set aside."""
    order = Order(command.order_id, command.account_id, command.e164, carrier, prices, command.now, command.request_id)
    books.orders[order.id] = order
    if carrier == POOL:
        order.attempts = 0
        books.complete(order, command.now)
        return
    books.opened.add(order.id)
    books.hold(order, "open", command.now)
    listing = next(
        offer.listing for offer in good_offers(books, command) if (offer.carrier, offer.prices) == (carrier, prices)
    )
    number = books.numbers.setdefault(command.e164, Number(listing, carrier))
    number.listing, number.carrier = listing, carrier
    number.state, number.account_id, number.order_id = "claimed", command.account_id, command.order_id
    lease = lease_of(books.carriers[carrier])
    books.chases[order.id] = Chase(
        order.id, order.account_id, carrier, order.e164, command.now, command.now + books.patience,
        command.now, command.now + lease,
    )  # fmt: skip


def _want_longer(books: Books, order_id: str, command: Buy) -> None:
    """Whoever asks again for an order that is under way still waits for it."""
    if books.orders[order_id].state == "ordering" and order_id not in books.opened:
        books.chases[order_id].wanted_until = command.now + books.patience


def _fingerprint(command: Buy) -> tuple[Any, ...]:
    return (command.e164, *command.confirmed)


def _told(given: Any, why: str) -> Told:
    if isinstance(given, Sold):
        return ("sold", given.order.carrier, given.order.prices)
    if isinstance(given, Replayed):
        return ("replayed", given.order.id, given.request_id)
    if not isinstance(given, Refused):
        return (given,)
    told = why in ("refused_price_changed", "refused_insufficient_balance")
    return ("refused", given.error.code, given.request_id, given.error.details if told else None)
