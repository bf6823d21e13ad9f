"""The purchase decision: who gets a number at which price, decided over a batch.

Touches: nothing.

`decide` takes what the database holds about a batch of buys (`Loaded`) and the buys in their
order, and gives one decision each. Every decision sees the effect of those before it: the
wallet that the one before drained, the number that it took. The order of the questions is the
contract (docs/decisions/0004-purchase-decision.md):

1. the key was used before: its answer again, or a conflict naming the field that differs
2. this account already rents the number, or orders it: that order again
3. account suspended; number not offered; number somebody else's
4. confirmed prices are the current ones, or were until within the quote lifetime; the cheapest that agree hold
5. the papers that the number is sold with are approved for the account
6. neither the account nor its key spends more than it may
7. the wallet covers the first period and setup
8. open the order; a number of the own pool completes at once
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from numberdesk.core.errors import IdempotencyConflict, NumberdeskError
from numberdesk.core.fingerprint import Fingerprint, differing_part
from numberdesk.core.lifecycle import AccountState, NumberState, OrderOrigin, OrderState
from numberdesk.core.periods import begin_of
from numberdesk.core.prices import Confirmation, Prices, Quote, cheapest_agreeing
from numberdesk.core.purchase_refusals import cannot_pay, no_papers, other_price, over_a_cap, standing_refusal
from numberdesk.core.spending import SpendCaps, day_of

POOL: Final = "pool"
"""The carrier of the operator's own inventory: nobody needs to be asked."""


class Buy(NamedTuple):
    """One buy as it was read at `now`. `order_id` is new and used only if opened; `key_id` is None for a command."""

    account_id: str
    e164: str
    confirmed: Confirmation
    idempotency_key: str | None
    request_id: str
    order_id: str
    now: int
    connection_id: str | None = None
    key_id: str | None = None


class Wallet(NamedTuple):
    """The prepaid balance of an account, in micros, and the account's state. `entries` counts the transfers so far.

    `capped` is 1 where a cap limits purchases. Since `alerted_at` the balance is below `alert_below`; `alerts` counts
    how often it fell so low.
    """

    account_id: str
    state: AccountState
    currency: str
    posted: int
    held: int
    credit_limit: int
    entries: int
    capped: int = 0
    alert_below: int | None = None
    alerts: int = 0
    alerted_at: int | None = None

    @property
    def available(self) -> int:
        """What may still be spent, in micros."""
        return self.posted - self.held + self.credit_limit


class SaleNumber(NamedTuple):
    """A number as a purchase sees it. `account_id` and `order_id`: who claims or rents it, by which order.

    `repriced_at` is when its prices changed last, in microseconds; None when they never did.
    """

    e164: str
    carrier: str
    state: NumberState
    prices: Prices | None
    account_id: str | None
    order_id: str | None
    repriced_at: int | None = None

    @property
    def is_nobodys(self) -> bool:
        """Whether it is its carrier's again: what counts then is what carriers offer of it."""
        return self.state is NumberState.WITHDRAWN and self.carrier != POOL


class Order(NamedTuple):
    """One purchase attempt, or what an operator gave. completed_at and renews_at are None until it completes.

    `attempts` counts how often its carrier was asked, with `profile_id`; `carrier_reference` names the number there. It
    failed with `failure`. `rental_ended_at` is told where it is given again. It counts for caps from `counted_at` on.
    """

    id: str
    account_id: str
    e164: str
    carrier: str
    state: OrderState
    prices: Prices
    created_at: int
    completed_at: int | None
    renews_at: int | None
    attempts: int = 0
    carrier_reference: str | None = None
    failure: NumberdeskError | None = None
    failed_at: int | None = None
    rental_ended_at: int | None = None
    connection_id: str | None = None
    key_id: str | None = None
    counted_at: int | None = None
    origin: OrderOrigin = OrderOrigin.PURCHASE
    from_rental_id: str | None = None
    profile_id: str | None = None

    @property
    def rental_id(self) -> str:
        """The rental that this order makes. Derived, so that one order can never make two."""
        return f"rnt_{self.id.removeprefix('ord_')}"


class IdempotencyRecord(NamedTuple):
    """The final answer stored under an account's idempotency key: an order, or a refusal."""

    account_id: str
    key: str
    fingerprint: Fingerprint
    request_id: str
    order_id: str | None
    error: NumberdeskError | None
    created_at: int


class Charge(NamedTuple):
    """One transfer out of a wallet: `entry` is its number in the wallet's statement, from 1."""

    kind: str
    amount: int
    entry: int
    balance_after: int


class Sold(NamedTuple):
    """The order is new. `charges` is empty while a carrier is still to be asked; `answer` is to be stored."""

    order: Order
    charges: tuple[Charge, ...]
    answer: IdempotencyRecord | None


class Replayed(NamedTuple):
    """The same purchase again: nothing is charged. `answer` is to be stored when a new key asked.

    `request_id` is that of the request whose answer this is: the first with its key.
    """

    order: Order
    answer: IdempotencyRecord | None
    request_id: str


class Refusal(NamedTuple):
    """The buy is refused. `request_id` is that of the request which was first refused so."""

    error: NumberdeskError
    request_id: str
    answer: IdempotencyRecord | None


Decision = Sold | Replayed | Refusal


@dataclass(slots=True)
class Loaded:
    """What the database holds about a batch. `decide` works on copies and leaves it as it is.

    `superseded` maps a number of the books to its earlier quotes, newest first, at least those that some
    buy of the batch is still within the quote lifetime of; `offers` maps a number that is its carrier's
    to what carriers offer of it, the latest first. Each buy is asked by its own time.
    `caps` are those of accounts and of keys, `spent` what each of them spent by day (core/spending.py).
    `profiles` has the compliance profile of an account for a number at a carrier. `decks` names, by the order of a buy,
    the rate deck of which every offer that is still good told its account.
    """

    wallets: Mapping[str, Wallet]
    sale_numbers: Mapping[str, SaleNumber]
    answers: Mapping[tuple[str, str], IdempotencyRecord] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    superseded: Mapping[str, tuple[Quote, ...]] = field(default_factory=dict)
    offers: Mapping[str, tuple[Quote, ...]] = field(default_factory=dict)
    caps: Mapping[str, SpendCaps] = field(default_factory=dict)
    spent: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    profiles: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    decks: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Decided:
    """Decisions in the order of the buys, and the wallets and numbers as they are after them."""

    decisions: list[Decision]
    wallets: dict[str, Wallet]
    sale_numbers: dict[str, SaleNumber]


def decide(loaded: Loaded, buys: Sequence[Buy]) -> Decided:
    """Decide a batch. Pure: the same input gives the same decisions."""
    table = _Table(
        dict(loaded.wallets),
        dict(loaded.sale_numbers),
        dict(loaded.answers),
        dict(loaded.orders),
        loaded.superseded,
        loaded.offers,
        loaded.caps,
        {owner: dict(days) for owner, days in loaded.spent.items()},
        loaded.profiles,
        loaded.decks,
    )
    return Decided([table.decide(buy) for buy in buys], table.wallets, table.sale_numbers)


@dataclass(slots=True)
class _Table:
    """The batch's working state: what the next buy of the batch sees."""

    wallets: dict[str, Wallet]
    sale_numbers: dict[str, SaleNumber]
    answers: dict[tuple[str, str], IdempotencyRecord]
    orders: dict[str, Order]
    superseded: Mapping[str, tuple[Quote, ...]]
    offers: Mapping[str, tuple[Quote, ...]]
    caps: Mapping[str, SpendCaps]
    spent: dict[str, dict[int, int]]
    profiles: Mapping[tuple[str, str, str], str]
    decks: Mapping[str, str]

    def decide(self, buy: Buy) -> Decision:
        """Ask the questions in their order; the first that ends the matter does."""
        if buy.idempotency_key is not None:
            earlier = self.answers.get((buy.account_id, buy.idempotency_key))
            if earlier is not None:
                return self._again(earlier, buy)
        sale_number = self.sale_numbers.get(buy.e164)
        if sale_number is not None and sale_number.order_id is not None and sale_number.account_id == buy.account_id:
            return self._replayed(self.orders[sale_number.order_id], buy)
        wallet = self.wallets[buy.account_id]
        quotes = self._quotes(buy, sale_number, wallet.currency)
        number = None if sale_number is None or sale_number.is_nobodys else sale_number.state
        error = standing_refusal(wallet.state, number, is_quoted=bool(quotes))
        if error is not None:
            return self._refused(error, buy)
        quote = cheapest_agreeing(buy.confirmed, quotes)
        if quote is None:
            current = None if number is None or sale_number is None else (sale_number.prices,)
            return self._refused(other_price(current, quotes[0].prices), buy)
        lacks = bool(quote.requires) and (buy.account_id, quote.carrier, buy.e164) not in self.profiles
        error = no_papers(quote.requires) if lacks else self._unpayable(buy, wallet, quote.prices.total)
        if error is not None:
            return self._refused(error, buy)
        told = quote.prices.told_of(self.decks.get(buy.order_id, ""))
        return self._sold(buy, sale_number, wallet, quote._replace(prices=told))

    def _unpayable(self, buy: Buy, wallet: Wallet, amount: int) -> NumberdeskError | None:
        """Why so much is not spent: a cap first, which no money lifts."""
        owners = {"account": buy.account_id, "key": buy.key_id} if wallet.capped else {}
        over = over_a_cap(owners, amount, wallet.currency, buy.now, caps=self.caps, spent=self.spent)
        short = wallet.available < amount
        return over or (cannot_pay(wallet.available, amount, wallet.currency) if short else None)

    def _quotes(self, buy: Buy, sale_number: SaleNumber | None, currency: str) -> list[Quote]:
        """The quotes that are good for this account at the time of this buy, newest first."""
        if sale_number is None or sale_number.is_nobodys:
            quotes = self.offers.get(buy.e164, ())
        else:
            current = () if sale_number.prices is None else (Quote(sale_number.carrier, sale_number.prices),)
            quotes = (*current, *self.superseded.get(buy.e164, ()))
        return [
            quote
            for quote in quotes
            if quote.prices.currency == currency and (quote.until is None or buy.now < quote.until)
        ]

    def _again(self, earlier: IdempotencyRecord, buy: Buy) -> Decision:
        differing = differing_part(earlier.fingerprint, _fingerprint(buy))
        if differing is not None:
            return Refusal(IdempotencyConflict(differing), buy.request_id, None)
        if earlier.error is not None:
            return Refusal(earlier.error, earlier.request_id, None)
        order = self.orders[earlier.order_id or ""]
        if order.failure is not None:
            return Refusal(order.failure, earlier.request_id, None)
        return Replayed(order, None, earlier.request_id)

    def _replayed(self, order: Order, buy: Buy) -> Replayed:
        return Replayed(order, self._answer(buy, order.id, None), buy.request_id)

    def _refused(self, error: NumberdeskError, buy: Buy) -> Refusal:
        return Refusal(error, buy.request_id, self._answer(buy, None, error))

    def _sold(self, buy: Buy, sale_number: SaleNumber | None, wallet: Wallet, quote: Quote) -> Sold:
        prices, at_once = quote.prices, quote.carrier == POOL
        order = Order(
            id=buy.order_id,
            account_id=buy.account_id,
            e164=buy.e164,
            carrier=quote.carrier,
            state=OrderState.ORDERING,
            prices=prices,
            created_at=buy.now,
            completed_at=None,
            renews_at=None,
            attempts=0 if at_once else 1,
            connection_id=buy.connection_id,
            key_id=buy.key_id,
            counted_at=buy.now if wallet.capped else None,
            profile_id=self.profiles.get((buy.account_id, quote.carrier, buy.e164)),
        )
        charges: tuple[Charge, ...] = ()
        if at_once:
            order, charges = completed(order, buy.now), charges_of(wallet, prices)
            last = charges[-1]
            self.wallets[buy.account_id] = wallet._replace(posted=last.balance_after, entries=last.entry)
        else:
            self.wallets[buy.account_id] = wallet._replace(held=wallet.held + prices.total)
        state = NumberState.ASSIGNED if at_once else NumberState.CLAIMED
        sale_number = (
            sale_number
            if sale_number is not None and not sale_number.is_nobodys
            else SaleNumber(buy.e164, quote.carrier, state, prices, None, None)
        )
        self.sale_numbers[buy.e164] = sale_number._replace(state=state, account_id=buy.account_id, order_id=order.id)
        self.orders[order.id] = order
        if wallet.capped:
            self._spend(buy, prices.total)
        return Sold(order, charges, self._answer(buy, order.id, None))

    def _spend(self, buy: Buy, amount: int) -> None:
        for owner in (buy.account_id, buy.key_id):
            if owner is not None:
                days = self.spent.setdefault(owner, {})
                days[day_of(buy.now)] = days.get(day_of(buy.now), 0) + amount

    def _answer(self, buy: Buy, order_id: str | None, error: NumberdeskError | None) -> IdempotencyRecord | None:
        if buy.idempotency_key is None:
            return None
        answer = IdempotencyRecord(
            buy.account_id, buy.idempotency_key, _fingerprint(buy), buy.request_id, order_id, error, buy.now
        )
        self.answers[buy.account_id, buy.idempotency_key] = answer
        return answer


def completed(order: Order, now: int) -> Order:
    """The order as it is completed: its number is rented from now on, and paid for a period."""
    renews_at = begin_of(now, order.prices.term, 1)
    return order._replace(state=OrderState.COMPLETED, completed_at=now, renews_at=renews_at)


def charges_of(wallet: Wallet, prices: Prices) -> tuple[Charge, ...]:
    """The first period, then the setup price where there is one, taken out of what is posted."""
    first = Charge("rental", prices.monthly, wallet.entries + 1, wallet.posted - prices.monthly)
    if not prices.setup:
        return (first,)
    return (first, Charge("setup", prices.setup, first.entry + 1, first.balance_after - prices.setup))


def _fingerprint(buy: Buy) -> Fingerprint:
    return Fingerprint(buy.e164, *buy.confirmed)
