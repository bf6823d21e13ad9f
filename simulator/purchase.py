"""What a buy must be answered, and what it leaves in the books, by the contract of decision 0004.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any

from numberdesk.core.periods import add_months
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import Buy, Refused, Replayed, Sold
from simulator.model import Books, Number, StoredAnswer, Wallet, require

Told = tuple[Any, ...]
"""("sold", prices), ("replayed", order id), or ("refused", code, request id)."""


def buy(books: Books, command: Buy, given: Any) -> str:
    """Compare an answer with the one that must be given; return what it was, for the goals."""
    wanted, why = _expected(books, command)
    require(wanted, _told(given), f"answer to {command}")
    name = (command.account_id, command.idempotency_key or "")
    fresh = command.idempotency_key is not None and name not in books.answers
    if wanted[0] == "sold":
        _sell(books, command, wanted[1], given)
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
            return _again(first, command)
    number, wallet = books.numbers.get(command.e164), books.wallets[command.account_id]
    if number is not None and number.order_id is not None and number.account_id == command.account_id:
        return ("replayed", number.order_id), "replayed_without_key"
    code = _refusal(wallet, number)
    prices = None if number is None or code is not None else _confirmed(books, number, command)
    if code is None and prices is None:
        code = "price_changed"
    elif prices is not None and wallet.posted < prices.total:
        code = "insufficient_balance"
    if number is None or prices is None or code is not None:
        return ("refused", code, command.request_id), f"refused_{code}"
    if prices != number.prices:
        return ("sold", prices), "sold_at_superseded_price"
    return ("sold", prices), "sold_again_after_quarantine" if number.rested else "sold"


def _again(first: StoredAnswer, command: Buy) -> tuple[Told, str]:
    if first.fingerprint != _fingerprint(command):
        return ("refused", "idempotency_conflict", command.request_id), "refused_idempotency_conflict"
    if first.code is not None:
        return ("refused", first.code, first.request_id), "refusal_replayed"
    return ("replayed", first.order_id), "replayed_by_key"


def _refusal(wallet: Wallet, number: Number | None) -> str | None:
    if wallet.suspended:
        return "forbidden"
    if number is None or number.prices is None or number.prices.currency != wallet.currency:
        return "number_not_offered"
    if number.state == "assigned":
        return "number_taken"
    return None if number.state == "available" else "number_not_offered"


def _confirmed(books: Books, number: Number, command: Buy) -> Prices | None:
    """The current prices, or the newest superseded ones within the quote lifetime, that were confirmed."""
    since = command.now - books.quote_lifetime
    former = [prices for instant, prices in sorted(number.former.items(), reverse=True) if instant > since]
    for prices in (number.prices, *former):
        if prices is not None and command.confirmed.monthly == prices.monthly and _rates_agree(command, prices):
            return prices
    return None


def _rates_agree(command: Buy, prices: Prices) -> bool:
    pairs = ((command.confirmed.inbound, prices.inbound), (command.confirmed.outbound, prices.outbound))
    return all(sent is None or sent == (offered or 0) for sent, offered in pairs)


def _sell(books: Books, command: Buy, prices: Prices, given: Sold) -> None:
    order, serial = given.order, command.order_id.removeprefix("ord_")
    require(add_months(command.now, 1), order.renews_at, "renews at")
    number = books.numbers[command.e164]
    number.state, number.account_id, number.order_id = "assigned", command.account_id, command.order_id
    books.orders[command.order_id] = (
        command.order_id, command.account_id, command.e164, "completed", *prices, command.now,
    )  # fmt: skip
    charges = [("rental", prices.monthly), ("setup", prices.setup)]
    for kind, amount in charges[: 2 if prices.setup else 1]:
        books.move(
            f"trf_{serial}_{kind}", kind, f"revenue:{kind}", command.account_id, -amount,
            order_id=command.order_id, now=command.now,
        )  # fmt: skip
    books.holds[command.order_id] = (command.order_id, command.account_id, prices.total, "captured")
    books.rentals[f"rnt_{serial}"] = [f"rnt_{serial}", command.order_id, command.account_id, command.e164, None, ""]
    books.events.add(f"evt_{serial}")


def _fingerprint(command: Buy) -> tuple[Any, ...]:
    return (command.e164, *command.confirmed)


def _told(given: Any) -> Told:
    if isinstance(given, Sold):
        return ("sold", given.order.prices)
    if isinstance(given, Replayed):
        return ("replayed", given.order.id)
    return ("refused", given.error.code, given.request_id) if isinstance(given, Refused) else (given,)
