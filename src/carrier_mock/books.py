"""The books of the simulated carriers: who holds what, what was ordered, and lists of it, page by page.

Touches: nothing.

Only `apply` changes them. An account's list is kept in the order in which its numbers came, so that a page
costs no more at the end of a long list than at its beginning.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

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
from carrier_mock.inventory import Inventory
from carrier_mock.model import Account, Api, Attempt, Deal, Holding, HoldingState, MadeCall, Order, Outcome
from carrier_mock.voice import Wires

Item = TypeVar("Item", Holding, Order)

PENDING: Final = "pending"
"""The status of an order that is not done."""


class Roll(Generic[Item]):
    """The holdings or orders of an account, oldest first; `number` of each rises and so does `at`."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._instants: list[int] = []
        self._items: list[Item] = []

    def add(self, item: Item) -> None:
        """Add one that is newer than all."""
        self._numbers.append(item.number)
        self._instants.append(item.at)
        self._items.append(item)

    def replace(self, item: Item) -> None:
        """Put another in the place of the one with its number."""
        place = bisect_left(self._numbers, item.number)
        if self._numbers[place : place + 1] == [item.number]:
            self._items[place] = item

    def remove(self, number: int) -> None:
        """Leave one out from now on."""
        place = bisect_left(self._numbers, number)
        if self._numbers[place : place + 1] == [number]:
            del self._numbers[place], self._instants[place], self._items[place]

    def count(self, until: int) -> int:
        """How many are not newer than an instant."""
        return bisect_right(self._instants, until)

    def page(self, until: int, *, skip: int = 0, before: int | None = None, size: int) -> list[Item]:
        """Newest first: those not newer than `until`, less the first so many, or only those before a number."""
        end = self.count(until)
        if before is not None:
            end = min(end, bisect_left(self._numbers, before))
        end = max(0, end - skip)
        return self._items[max(0, end - size) : end][::-1]

    def known(self, until: int) -> list[Item]:
        """All that are not newer than `until`, newest first."""
        return self._items[: self.count(until)][::-1]


class Books:
    """What has happened at both carriers. `inventory` is what they have to sell."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.attempts: list[Attempt] = []
        self.calls: list[MadeCall] = []
        self.last_at = 0
        self.wires = Wires()
        self._holdings: dict[str, Holding] = {}  # by the number's id, all there ever were
        self._holders: dict[str, str] = {}  # who has a number now
        self._orders: dict[str, Order] = {}
        self._pending: dict[str, Order] = {}
        self._rolls: dict[Account, Roll[Holding]] = {}
        self._order_rolls: dict[str, Roll[Order]] = {}
        self._orders_called: dict[tuple[str, str], list[str]] = {}
        self._called: dict[tuple[Account, str], list[str]] = {}  # ids of numbers by their reference
        self._spent: dict[Account, int] = {}
        self._ordered: dict[str, int] = {}
        self._bought: dict[str, int] = {}

    def apply(self, change: Change) -> None:
        """Let a change happen."""
        match change:
            case Stocked():
                self._stock(change)
            case Withdrawn():
                self.inventory.take(change.e164)
            case Held():
                self._hold(change.holding)
            case Turned():
                self._turn(change)
            case Ordered() | Settled():
                self._put_order(self._as_ordered(change))
            case Attempted() | Called():
                self._keep(change)
            case Wired() | Put() | Dropped():
                self._rewire(change)

    def roll(self, account: Account) -> Roll[Holding]:
        """The numbers that an account's list shows, late ones among them."""
        return self._rolls.setdefault(account, Roll())

    def order_roll(self, account: str) -> Roll[Order]:
        """The orders of an account at Telnyx."""
        return self._order_rolls.setdefault(account, Roll())

    def called(self, account: Account, reference: str) -> list[Holding]:
        """The numbers that an account's list shows under a reference, newest first."""
        ids = self._called.get((account, reference), ())
        return [holding for each in reversed(ids) if self.is_listed(holding := self._holdings[each])]

    def holding(self, number_id: str) -> Holding | None:
        """What is or was held under an id."""
        return self._holdings.get(number_id)

    def holder(self, e164: str) -> Holding | None:
        """Who has a number now, or is about to."""
        number_id = self._holders.get(e164)
        return None if number_id is None else self._holdings[number_id]

    def holdings(self) -> Iterator[Holding]:
        """Everything that was ever held, oldest first."""
        return iter(self._holdings.values())

    def accounts(self, api: Api) -> list[str]:
        """The accounts at a carrier that have had numbers."""
        return [account.name for account in self._rolls if account.api is api]

    def order(self, order_id: str) -> Order | None:
        """An order by its id."""
        return self._orders.get(order_id)

    def calls_of(self, account: Account) -> list[MadeCall]:
        """The calls of an account, in the order in which they were made."""
        return [call for call in self.calls if (call.api, call.account) == account]

    def orders_called(self, account: str, reference: str) -> list[Order]:
        """The orders of an account under a reference, newest first."""
        return [self._orders[each] for each in reversed(self._orders_called.get((account, reference), ()))]

    def pending(self) -> list[Order]:
        """The orders that are not done, oldest first."""
        return list(self._pending.values())

    @staticmethod
    def is_listed(holding: Holding) -> bool:
        """Whether the carrier lists it: Telnyx goes on to list what was ported away."""
        return holding.is_live or (holding.api is Api.TELNYX and holding.standing is HoldingState.PORTED)

    def spent(self, account: Account) -> int:
        """What an account was charged, in micros."""
        return self._spent.get(account, 0)

    def deal(self, e164: str) -> Deal:
        """What is known of a number."""
        for_sale = self.inventory.is_for_sale(e164)
        return Deal(for_sale, self.holder(e164), self._ordered.get(e164, 0), self._bought.get(e164, 0))

    def next_number(self) -> int:
        """The number of the next holding or order."""
        return len(self._holdings) + len(self._orders) + 1

    def _keep(self, change: Attempted | Called) -> None:
        """Write down what changes nothing else."""
        if isinstance(change, Called):
            self.calls.append(change.call)
        else:
            self._note(change.attempt)

    def _stock(self, change: Stocked) -> None:
        self.inventory.stock(change.numbers)
        for e164, _ in change.numbers:
            if e164 not in self._holders:
                self.inventory.put_back(e164)

    def _hold(self, holding: Holding) -> None:
        account = Account(holding.api, holding.account)
        self._holdings[holding.number_id] = holding
        self._holders[holding.e164] = holding.number_id
        self.roll(account).add(holding)
        self._called.setdefault((account, holding.reference), []).append(holding.number_id)
        self._spent[account] = self._spent.get(account, 0) + holding.cost
        self._bought[holding.e164] = self._bought.get(holding.e164, 0) + 1
        self.inventory.take(holding.e164)
        self.last_at = max(self.last_at, holding.at)

    def _turn(self, change: Turned) -> None:
        before = self._holdings[change.number_id]
        holding = before._replace(standing=change.standing)
        if not holding.is_live:
            holding = holding._replace(ended_at=change.at)
            if self._holders.get(holding.e164) == holding.number_id:
                del self._holders[holding.e164]
        self._holdings[holding.number_id] = holding
        roll = self.roll(Account(holding.api, holding.account))
        if self.is_listed(holding):
            roll.replace(holding)
        else:
            roll.remove(holding.number)
        if change.for_sale:
            self.inventory.put_back(holding.e164)
        self.last_at = max(self.last_at, change.at)

    def _rewire(self, change: Wired | Put | Dropped) -> None:
        match change:
            case Wired():
                self.wires.wire(change.number_id, change.settings)
            case Put():
                self.wires.put(change.thing)
            case Dropped():
                self.wires.drop(change.thing_id)

    def _as_ordered(self, change: Ordered | Settled) -> Order:
        if isinstance(change, Ordered):
            return change.order
        return self._orders[change.order_id]._replace(status=change.status, updated_at=change.at)

    def _put_order(self, order: Order) -> None:
        roll = self.order_roll(order.account)
        if order.order_id in self._orders:
            roll.replace(order)
        else:
            roll.add(order)
            self._orders_called.setdefault((order.account, order.reference), []).append(order.order_id)
        self._orders[order.order_id] = order
        if order.status == PENDING:
            self._pending[order.order_id] = order
        else:
            self._pending.pop(order.order_id, None)
        self.last_at = max(self.last_at, order.updated_at)

    def _note(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        if attempt.outcome is not Outcome.LOST:
            for e164 in attempt.numbers:
                self._ordered[e164] = self._ordered.get(e164, 0) + 1
