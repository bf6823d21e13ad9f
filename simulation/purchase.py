"""What a buy must be answered, and what it leaves in the books, by the contract of decisions 0004 and 0009.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from numberdesk.core.billing import UNSAID, Billing
from numberdesk.core.money import as_decimal
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import POOL, Buy, Refusal, Replayed, Sold
from numberdesk.core.rating import BY_THE_MINUTE
from numberdesk.flows.purchase.open_orders import lease_of
from simulation.books import Books, FollowedOrder, Number, Order, StoredAnswer, Wallet, require
from simulation.carrier_orders import asked_for
from simulation.offered import good_offers

Expected = tuple[Any, ...]
"""("sold", carrier, prices), ("replayed", order id, request id), or ("refused", code, request id, details)."""

USUAL: Final = Billing(BY_THE_MINUTE, 0)
"""How calls are billed where nobody says it, as nobody does here."""


class Quote(NamedTuple):
    """Prices at which somebody's number was shown to this account, and still may be bought."""

    carrier: str
    prices: Prices


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
        kept_since = books.kept_since(command.now)
        books.answers[name] = StoredAnswer(_fingerprint(command), command.request_id, order_id, code, kept_since)
    return why


def _expected(books: Books, command: Buy) -> tuple[Expected, str]:
    """The answer, and what it is called among the goals."""
    if command.idempotency_key is not None:
        first = books.answers.get((command.account_id, command.idempotency_key))
        if first is not None:
            return _again(books, first, command)
    number, wallet = books.numbers.get(command.e164), books.wallets[command.account_id]
    if number is not None and number.order_id is not None and number.account_id == command.account_id:
        joined = books.orders[number.order_id].state == "ordering"
        return ("replayed", number.order_id, command.request_id), "joined" if joined else "replayed_without_key"
    quotes = _quotes(books, number, command, wallet.currency)
    code = _refusal(wallet, number, quotes)
    chosen = None if code is not None else _cheapest(command, quotes)
    if code is None and chosen is None:
        gone = number is not None and not _is_nobodys(number) and number.prices != quotes[0].prices
        code = "number_not_offered" if gone else "price_changed"
    elif chosen is not None and wallet.available < chosen.prices.total:
        code = "insufficient_balance"
    if chosen is None or code is not None:
        if code == "number_not_offered" and any(key[0] == command.e164 for key in books.offers):
            return ("refused", code, command.request_id, None), "refused_offer_not_good"
        return ("refused", code, command.request_id, _details(code, wallet, quotes, chosen)), f"refused_{code}"
    return ("sold", chosen.carrier, chosen.prices), _how(number, quotes, chosen)


def _again(books: Books, first: StoredAnswer, command: Buy) -> tuple[Expected, str]:
    if first.fingerprint != _fingerprint(command):
        return ("refused", "idempotency_conflict", command.request_id, None), "refused_idempotency_conflict"
    if first.code is not None:
        return ("refused", first.code, first.request_id, None), "refusal_replayed"
    order = books.orders[first.order_id or ""]
    if order.error is not None:
        return ("refused", order.error, first.request_id, None), "failure_replayed"
    joined = order.state == "ordering"
    return ("replayed", order.id, first.request_id), "joined_by_key" if joined else "replayed_by_key"


def _is_nobodys(number: Number | None) -> bool:
    return number is None or (number.state == "withdrawn" and number.carrier != POOL)


def _quotes(books: Books, number: Number | None, command: Buy, currency: str) -> list[Quote]:
    """What the books have the number at, now and until lately; else what carriers offer of it. The newest first."""
    if number is None or _is_nobodys(number):
        quotes = [Quote(offer.carrier, offer.prices) for offer in good_offers(books, command)]
    else:
        since = command.now - books.quote_lifetime
        former = [prices for instant, prices in sorted(number.former.items(), reverse=True) if instant > since]
        quotes = [Quote(number.carrier, prices) for prices in (number.prices, *former) if prices is not None]
    return [quote for quote in quotes if quote.prices.currency == currency]


def _refusal(wallet: Wallet, number: Number | None, quotes: list[Quote]) -> str | None:
    if wallet.suspended:
        return "forbidden"
    if not quotes:
        return "number_not_offered"
    if number is None or _is_nobodys(number):
        return None
    if number.state in ("assigned", "claimed"):
        return "number_taken"
    return None if number.state == "available" else "number_not_offered"


def _cheapest(command: Buy, quotes: list[Quote]) -> Quote | None:
    """Of the quotes that agree with what was sent: least charged now, then inbound, outbound, then the newest."""
    cheapest = None
    for quote in quotes:
        if _agrees(command, quote.prices) and (cheapest is None or _cost(quote) < _cost(cheapest)):
            cheapest = quote
    return cheapest


def _cost(quote: Quote) -> tuple[int, int, int]:
    prices = quote.prices
    return prices.monthly + prices.setup, prices.inbound or 0, prices.outbound or 0


def _agrees(command: Buy, prices: Prices) -> bool:
    pairs = (
        (command.confirmed.inbound, prices.inbound),
        (command.confirmed.outbound, prices.outbound),
        (command.confirmed.setup, prices.setup),
    )
    rest = all(sent is None or sent == (offered or 0) for sent, offered in pairs)
    return command.confirmed.monthly == prices.monthly and rest


def _how(number: Number | None, quotes: list[Quote], chosen: Quote) -> str:
    if chosen.carrier != POOL:
        if chosen is not quotes[0]:
            return "opened_at_an_earlier_quote"
        if number is None:
            return "opened"
        return "opened_again" if number.carrier == chosen.carrier else "opened_at_another_carrier"
    if number is not None and chosen.prices != number.prices:
        return "sold_at_superseded_price" if number.prices is not None else "sold_though_its_price_had_gone"
    return "sold_again_after_quarantine" if number is not None and number.rested else "sold"


def _details(code: str | None, wallet: Wallet, quotes: list[Quote], chosen: Quote | None) -> dict[str, object] | None:
    """What a program may read: the current prices, or what is missing."""
    if code == "price_changed":
        return quotes[0].prices.billed(USUAL).details()
    if code == "insufficient_balance" and chosen is not None:
        return {
            "needed": as_decimal(chosen.prices.total),
            "available": as_decimal(wallet.available),
            "missing": as_decimal(chosen.prices.total - wallet.available),
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
    books.carrier_orders[order.id] = FollowedOrder(
        order.id, order.account_id, carrier, order.e164, command.now, command.now + books.patience,
        command.now, command.now + lease,
    )  # fmt: skip


def _want_longer(books: Books, order_id: str, command: Buy) -> None:
    """Whoever asks again for an order that is under way still waits for it."""
    if books.orders[order_id].state == "ordering" and order_id not in books.opened:
        books.carrier_orders[order_id].wanted_until = command.now + books.patience
        asked_for(books.carrier_orders[order_id], command.now)


def _fingerprint(command: Buy) -> tuple[Any, ...]:
    return (command.e164, *command.confirmed)


def _told(given: Any, why: str) -> Expected:
    if isinstance(given, Sold):
        require(USUAL, given.order.prices.billing, "how calls are billed")  # no offer here says another thing
        return ("sold", given.order.carrier, given.order.prices._replace(billing=UNSAID))
    if isinstance(given, Replayed):
        return ("replayed", given.order.id, given.request_id)
    if not isinstance(given, Refusal):
        return (given,)
    told = why in ("refused_price_changed", "refused_insufficient_balance")
    return ("refused", given.error.code, given.request_id, given.error.details if told else None)
