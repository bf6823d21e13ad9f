"""The books as they should be: rows by their keys, and the few moves that several rules share.

Touches: nothing.

The rows are those of the tables, as tuples, so that the database can be compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from numberdesk.carriers.port import CarrierAccount
from numberdesk.catalog.model import Listing
from numberdesk.core.carrier_order import Inquiry, OrderOutcome
from numberdesk.core.periods import add_months
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import POOL

Row = tuple[Any, ...]


class Mismatch(AssertionError):
    """The product answered other than it must."""


_MOST_CHARGED: Final = 3


@dataclass
class Wallet:
    """What an account has."""

    currency: str
    limit: int
    posted: int = 0
    held: int = 0
    entries: int = 0
    suspended: bool = False

    @property
    def available(self) -> int:
        """What may be spent."""
        return self.posted - self.held + self.limit


@dataclass
class Number:
    """A number. `former` are superseded prices by their instants; `rested`: it was sold and given back before."""

    listing: Listing
    carrier: str = POOL
    state: str = "available"
    account_id: str | None = None
    order_id: str | None = None
    until: int | None = None
    former: dict[int, Prices] = field(default_factory=dict)
    rested: bool = False

    @property
    def prices(self) -> Prices | None:
        """The prices of the offer."""
        return self.listing.prices

    def offer(self, listing: Listing, now: int) -> None:
        """Offer it anew; prices that go away, or that others take the place of, are superseded."""
        former, wanted = self.listing.prices, listing.prices
        if former is not None and former != wanted:
            while now in self.former:  # a clock went back to where an earlier price ended
                now += 1
            self.former[now] = former
        self.listing = listing


@dataclass
class StoredAnswer:
    """What was answered first under a key."""

    fingerprint: Row
    request_id: str
    order_id: str | None
    code: str | None
    created_at: int


@dataclass
class KeyedRequest:
    """A request other than a buy that was done under a key: what it said, and what it ended, or found ended in vain."""

    content: str
    outcome_id: str
    created_at: int
    in_vain: bool = False


@dataclass
class Order:
    """A purchase. `error` is what its customer was told when it failed."""

    id: str
    account_id: str
    e164: str
    carrier: str
    prices: Prices
    created_at: int
    request_id: str
    state: str = "ordering"
    attempts: int = 1
    number_id: str | None = None
    completed_at: int | None = None
    renews_at: int | None = None
    error: str | None = None

    @property
    def serial(self) -> str:
        """What all ids that follow from this one have in common."""
        return self.id.removeprefix("ord_")

    @property
    def row(self) -> Row:
        """As the table has it."""
        return (
            self.id, self.account_id, self.e164, self.carrier, self.state, *self.prices[:5], self.attempts,
            self.number_id, self.created_at, self.completed_at, self.renews_at,
        )  # fmt: skip


class OpenOutcome(NamedTuple):
    """A word about an order that left it open, known at `now`; `window` as whoever heard it took it."""

    word: OrderOutcome
    now: int
    inquiry: Inquiry
    window: int


@dataclass
class FollowedOrder:
    """How an order stands with its carrier. `heard` are the words since the last attempt that left it open.

    `looks` counts them for what the next wait is.
    """

    order_id: str
    account_id: str
    carrier: str
    e164: str
    attempted_at: int
    wanted_until: int
    next_at: int | None
    leased_until: int | None
    attempt: int = 1
    heard: list[OpenOutcome] = field(default_factory=list)
    looks: int = 0
    parked_at: int | None = None
    settled_at: int | None = None
    error: str | None = None
    resolved: bool = False

    @property
    def words(self) -> list[OrderOutcome]:
        """What was heard, the first word first."""
        return [heard.word for heard in self.heard]


@dataclass
class Rental:
    """An account's having of a number."""

    order: Order
    created_at: int
    updated_at: int
    released_at: int | None = None
    friendly_name: str = ""
    period: int = 0
    charged: int = 0

    @property
    def id(self) -> str:
        """It follows from the order's."""
        return f"rnt_{self.order.serial}"

    @property
    def begun(self) -> int:
        """When the period that it is in began."""
        return add_months(self.created_at, self.period) if self.period else self.created_at

    @property
    def renews_at(self) -> int:
        """When the next period begins."""
        return add_months(self.created_at, self.period + 1)

    @property
    def row(self) -> Row:
        """As the table has it, but for agent and tags."""
        order, state = self.order, "active" if self.released_at is None else "released"
        return (
            self.id, order.id, order.account_id, order.e164, state, *order.prices[:4], self.created_at,
            self.renews_at, self.friendly_name, self.created_at, self.updated_at, self.released_at,
        )  # fmt: skip


@dataclass
class Offer:
    """What a carrier offered, at the prices that it was shown at."""

    carrier: str
    listing: Listing
    offered_at: int
    expires_at: int

    @property
    def prices(self) -> Prices:
        """An offer has prices."""
        assert self.listing.prices is not None
        return self.listing.prices

    @property
    def row(self) -> Row:
        """As the table has it, but for what describes the number."""
        return (self.listing.e164, self.carrier, *self.prices[:5], self.offered_at, self.expires_at)


@dataclass
class UnconfirmedRelease:
    """A number that its carrier is to take back."""

    id: str
    carrier: str
    e164: str
    number_id: str | None
    asked_at: int
    next_at: int | None
    tries: int = 0
    leased_until: int | None = None
    confirmed_at: int | None = None
    parked: bool = False

    @property
    def row(self) -> Row:
        """As the table has it, but for what the carrier said."""
        return (
            self.id, self.carrier, self.e164, self.number_id, self.asked_at, self.next_at, self.tries,
            self.leased_until, self.confirmed_at,
        )  # fmt: skip


@dataclass
class CarrierAudit:
    """The audits of a carrier."""

    carrier: str
    next_at: int | None
    attempts: int = 0
    leased_until: int | None = None
    asked_at: int | None = None
    began_at: int | None = None
    ended_at: int | None = None
    owned: int = 0
    found: int = 0

    @property
    def row(self) -> Row:
        """As the table has it, but for why it was not finished."""
        return (
            self.carrier, self.next_at, self.attempts, self.leased_until, self.asked_at, self.began_at, self.ended_at,
            self.owned, self.found,
        )  # fmt: skip


@dataclass
class Books:
    """All that the database should hold.

    `agreed` is the time that two clocks agreed on, and how long they have not since. `opened` are the orders that the
    batch which is looked at has opened.
    """

    quote_lifetime: int
    quarantine: int
    patience: int
    wallets: dict[str, Wallet] = field(default_factory=dict)
    operators: set[str] = field(default_factory=set)
    numbers: dict[str, Number] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    transfers: dict[str, Row] = field(default_factory=dict)
    holds: dict[str, Row] = field(default_factory=dict)
    rentals: dict[str, Rental] = field(default_factory=dict)
    answers: dict[tuple[str, str], StoredAnswer] = field(default_factory=dict)
    keyed: dict[tuple[str, str, str], KeyedRequest] = field(default_factory=dict)
    forgotten: set[tuple[str, str]] = field(default_factory=set)
    forgotten_requests: set[tuple[str, str, str]] = field(default_factory=set)
    withdrawn: set[tuple[str, str]] = field(default_factory=set)
    events: set[Row] = field(default_factory=set)
    keys: dict[str, int | None] = field(default_factory=dict)
    rules: dict[tuple[str, str], Row] = field(default_factory=dict)
    repricing: str | None = None
    references: dict[Row, str] = field(default_factory=dict)
    carriers: dict[str, CarrierAccount] = field(default_factory=dict)
    offers: dict[Row, Offer] = field(default_factory=dict)
    carrier_orders: dict[str, FollowedOrder] = field(default_factory=dict)
    releases: dict[str, UnconfirmedRelease] = field(default_factory=dict)
    findings: dict[tuple[str, str, str], list[Any]] = field(default_factory=dict)
    audits: dict[str, CarrierAudit] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    agreed: tuple[int, int] | None = None

    def kept_since(self, now: int) -> int:
        """When what is stored now begins to be kept, or a number to rest: not before the time that was agreed on."""
        return now if self.agreed is None else max(now, self.agreed[0])

    def surely_past(self, now: int) -> int:
        """The instant that has passed by both clocks."""
        return now if self.agreed is None else min(now, self.agreed[0])

    def charge_begun(self, rental: Rental, now: int) -> None:
        """Periods that began before a rental ends: three at most are charged, if the wallet covers them."""
        order = rental.order
        while rental.renews_at <= self.surely_past(now):
            rental.period += 1
            if self.wallets[order.account_id].available >= order.prices.monthly and rental.charged < _MOST_CHARGED:
                rental.charged += 1
                name = f"{order.serial}_rent_{rental.period}"
                amount = -order.prices.monthly
                self.move(f"trf_{name}", "rental", "revenue:rental", order.account_id, amount, now=now)
                event_id = f"evt_renew_{order.serial}_{rental.period}"
                self.events.add((event_id, order.account_id, "rental.renewed", now))

    def move(self, transfer_id: str, kind: str, other: str, account_id: str, amount: int, **rest: Any) -> None:
        """Write a transfer into a wallet, or out of it when the amount is negative."""
        wallet, mine = self.wallets[account_id], f"wallet:{account_id}"
        wallet.posted += amount
        wallet.entries += 1
        debit, credit = (other, mine) if amount > 0 else (mine, other)
        self.transfers[transfer_id] = (
            transfer_id, kind, debit, credit, abs(amount), wallet.currency, account_id, wallet.entries, wallet.posted,
            rest.get("order_id"), rest.get("reference"), rest["now"],
        )  # fmt: skip
        if amount > 0:
            event_id = f"evt_credit_{transfer_id.partition('_')[2]}"
            self.events.add((event_id, account_id, "account.credited", rest["now"]))

    def hold(self, order: Order, state: str, now: int) -> None:
        """Set money aside for an order, or end that."""
        before = self.holds.get(order.id)
        opened_at = now if before is None else before[4]
        resolved_at = None if state == "open" else now
        self.holds[order.id] = (order.id, order.account_id, order.prices.total, state, opened_at, resolved_at)
        was_open, is_open = before is not None and before[3] == "open", state == "open"
        self.wallets[order.account_id].held += (is_open - was_open) * order.prices.total

    def complete(self, order: Order, now: int, number_id: str | None = None) -> None:
        """The number is rented from now on: what was set aside is charged, a month and the setup price."""
        order.state, order.number_id, order.completed_at, order.renews_at = (
            "completed",
            number_id,
            now,
            add_months(now, 1),
        )
        self.hold(order, "captured", now)
        charges = [("rental", order.prices.monthly), ("setup", order.prices.setup)]
        for kind, amount in charges[: 2 if order.prices.setup else 1]:
            transfer_id = f"trf_{order.serial}_{kind}"
            self.move(transfer_id, kind, f"revenue:{kind}", order.account_id, -amount, order_id=order.id, now=now)
        rental = Rental(order, now, now)
        self.rentals[rental.id] = rental
        number = self.numbers[order.e164]
        number.state, number.account_id, number.order_id = "assigned", order.account_id, order.id
        self.events.add((f"evt_{order.serial}", order.account_id, "number.purchased", now))

    def rental_of(self, account_id: str, e164: str) -> Rental | None:
        """An account's live rental of a number, else the one with the last id."""
        mine = [
            rental
            for rental in self.rentals.values()
            if (rental.order.account_id, rental.order.e164) == (account_id, e164)
        ]
        return max(mine, key=lambda rental: (rental.released_at is None, rental.id), default=None)


def require(wanted: object, given: object, what: str) -> None:
    """Compare what must be with what is."""
    if wanted != given:
        raise Mismatch(f"{what}: {given!r}, and should be {wanted!r}")
