"""Every decision of the simulated carriers: what is sold to whom, what an order becomes, what an operator changes.

Touches: nothing.

Time and tokens, from which ids are made, are arguments. What is decided becomes changes, which are applied at
once and handed to `record`, so that no two requests can have the same number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Any, Final

from carrier_mock.books import PENDING, Books
from carrier_mock.changes import (
    Attempted,
    Called,
    Change,
    Dropped,
    Held,
    Ordered,
    Put,
    Settled,
    Stocked,
    Turned,
    Wired,
    Withdrawn,
)
from carrier_mock.faults import Twist
from carrier_mock.inventory import Found
from carrier_mock.model import (
    Account,
    Api,
    Attempt,
    End,
    Holding,
    HoldingState,
    Line,
    MadeCall,
    Order,
    as_digits,
    as_uuid,
    derived,
)
from carrier_mock.prices import price_of
from carrier_mock.settings import Settings, microseconds
from carrier_mock.voice import Thing
from numberdesk.core.phone import PhoneError, parse_e164

_MOST_SEARCHED: Final = 1_000_000
"""Numbers remembered as searched for; beyond it the oldest are forgotten."""


class No(Enum):
    """Why a carrier does not sell."""

    INVALID = "it is no phone number"
    TAKEN = "it is not for sale"
    NOT_SEARCHED = "it was not searched for of late"
    NO_ADDRESS = "the country wants an address"


class Holdings:
    """Decides, over `books`. `settings` may be replaced at any time; what is already there is seen by the new ones."""

    def __init__(self, books: Books, settings: Settings, record: Callable[[Change], None] = lambda _: None) -> None:
        self.books = books
        self.settings = settings
        self._record = record
        self._searched: dict[tuple[str, str], int] = {}

    def buy(
        self, account: Account, e164: str, reference: str, *, with_address: bool, twist: Twist, now: int, token: str
    ) -> Holding | No:
        """Sell a number at once, as Twilio does."""
        no = self._unsellable(e164)
        if no is None and not with_address and self._wants_address(e164):
            no = No.NO_ADDRESS
        if no is not None:
            return no
        return self._hold(account, e164, f"PN{token}", reference, "", twist, HoldingState.ACTIVE, now)

    def order(
        self,
        account: Account,
        numbers: Sequence[str],
        reference: str,
        *,
        with_papers: bool,
        twist: Twist,
        now: int,
        token: str,
    ) -> Order | No:
        """Take an order for all of some numbers or none, as Telnyx does. It is done later."""
        for e164 in numbers:
            no = self._unsellable(e164) or (None if self._was_searched(account, e164, now) else No.NOT_SEARCHED)
            if no is not None:
                return no
        missing = not with_papers and any(self._wants_address(e164) for e164 in numbers)
        order_id, lines, at = as_uuid(token), [], self._instant(now)
        for e164 in numbers:
            number_id = as_digits(derived(token, f"number {e164}"))
            lines.append(Line(e164, as_uuid(derived(token, f"line {e164}")), number_id))
        end = End.NEVER if missing else twist.end
        number = self.books.next_number()
        order = Order(number, order_id, account.name, reference, tuple(lines), at, at, PENDING, end, missing)
        self._do(Ordered(order))
        for line in lines:
            self._hold(account, line.e164, line.number_id, reference, order_id, twist, HoldingState.PENDING, now)
        self.end_due_orders(now)
        return self.books.order(order_id) or order

    def end_due_orders(self, now: int) -> None:
        """Bring to their end all orders whose time has come."""
        wait = microseconds(self.settings.order_seconds)
        for order in self.books.pending():
            if order.end is not End.NEVER and order.at + wait <= now:
                self.end_order(order, succeeds=order.end is End.SUCCESS, now=max(now, order.at))

    def end_order(self, order: Order, *, succeeds: bool, now: int) -> None:
        """End an order: its numbers are on the account, or for sale again."""
        at = self._instant(now)
        self._do(Settled(order.order_id, "success" if succeeds else "failure", at))
        for line in order.lines:
            holding = self.books.holding(line.number_id)
            if holding is not None and holding.standing is HoldingState.PENDING:
                standing = HoldingState.ACTIVE if succeeds else HoldingState.FAILED
                self._do(Turned(line.number_id, standing, at, for_sale=not succeeds))

    def release(self, holding: Holding, now: int) -> None:
        """Take a number back. It can be bought again at once, unless another carrier has it."""
        self._do(Turned(holding.number_id, HoldingState.RELEASED, self._instant(now), for_sale=holding.is_live))
        order = self.books.order(holding.order_id)
        held = () if order is None else (self.books.holding(line.number_id) for line in order.lines)
        if order is not None and not any(each is not None and each.is_live for each in held):
            self._do(Settled(order.order_id, "deleted", self._instant(now)))

    def wire(self, holding: Holding, settings: Mapping[str, Any]) -> None:
        """Set where calls to a number go."""
        self._do(Wired(holding.number_id, dict(settings)))

    def put(self, thing: Thing) -> None:
        """Make or change an object of an account."""
        self._do(Put(thing))

    def drop(self, thing_id: str) -> None:
        """Remove an object of an account, with what belongs to it."""
        self._do(Dropped(thing_id))

    def saw(self, account: Account, numbers: Iterable[str], now: int) -> None:
        """Remember that an account was shown these numbers."""
        for e164 in numbers:
            self._searched.pop((account.name, e164), None)
            self._searched[account.name, e164] = now
        for key in list(islice(self._searched, max(0, len(self._searched) - _MOST_SEARCHED))):
            del self._searched[key]

    def call(self, call: MadeCall) -> None:
        """Let a call be made."""
        self._do(Called(call))

    def note(self, attempt: Attempt) -> None:
        """Write down that somebody tried to order."""
        self._do(Attempted(attempt))

    def stock(self, numbers: Sequence[Found]) -> None:
        """Add numbers for sale; one that was withdrawn comes back, one that is known stays as it is."""
        self._do(Stocked(tuple(numbers)))

    def give(self, account: Account, e164: str, reference: str, *, now: int, token: str) -> Holding:
        """Put a number on an account without an order, and without a charge."""
        number_id = f"PN{token}" if account.api is Api.TWILIO else as_digits(token)
        return self._hold(account, e164, number_id, reference, "", Twist(price_times=0), HoldingState.ACTIVE, now)

    def take_away(self, e164: str, now: int) -> bool:
        """Withdraw a number, from sale and from its account. False when there was nothing to withdraw."""
        return self._end(e164, HoldingState.TAKEN_AWAY, now)

    def port_away(self, e164: str, now: int) -> bool:
        """Let another carrier have a number. False when nobody here had it and it was not for sale."""
        return self._end(e164, HoldingState.PORTED, now)

    def _end(self, e164: str, standing: HoldingState, now: int) -> bool:
        holding, for_sale = self.books.holder(e164), self.books.inventory.is_for_sale(e164)
        self._do(Withdrawn(e164))
        if holding is not None:
            self._do(Turned(holding.number_id, standing, self._instant(now)))
        return for_sale or holding is not None

    def _hold(
        self,
        account: Account,
        e164: str,
        number_id: str,
        reference: str,
        order_id: str,
        twist: Twist,
        standing: HoldingState,
        now: int,
    ) -> Holding:
        place = self.books.inventory.place(e164)
        cost = 0
        if place is not None:
            cost = price_of(account.api, place.country, place.kind).at_once * twist.price_times
        number, at = self.books.next_number(), self._instant(now)
        holding = Holding(number, *account, e164, number_id, reference, order_id, at, cost, standing)
        self._do(Held(holding))
        return holding

    def _unsellable(self, e164: str) -> No | None:
        try:
            parse_e164(e164)
        except PhoneError:
            return No.INVALID
        return None if self.books.inventory.is_for_sale(e164) else No.TAKEN

    def _wants_address(self, e164: str) -> bool:
        place = self.books.inventory.place(e164)
        return place is not None and place.address != "none"

    def _was_searched(self, account: Account, e164: str, now: int) -> bool:
        at = self._searched.get((account.name, e164))
        return at is not None and now - at <= microseconds(self.settings.searched_seconds)

    def _instant(self, now: int) -> int:
        """Now, and never before what is already written: lists are in the order of time."""
        return max(now, self.books.last_at)

    def _do(self, change: Change) -> None:
        self.books.apply(change)
        self._record(change)
