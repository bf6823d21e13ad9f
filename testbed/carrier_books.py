"""What a carrier in memory does with orders, and the books it keeps of them: they say what is so, whatever it says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from numberdesk.carriers.port import OwnedNumber
from numberdesk.core.carrier_order import Absent, Pending, Placed, Reason, Refused, Unknown

Answer = Placed | Pending | Refused | Unknown
"""What it answers to an order, when it does."""


class Does(StrEnum):
    """What a carrier does with one order."""

    BUYS = "buys and answers"
    BUYS_SLOWLY = "buys and takes its time to answer"
    BUYS_TOO_LATE = "buys and answers when nobody waits any more"
    BUYS_SILENTLY = "buys and does not answer"
    RESETS = "buys and resets the connection"
    BREAKS = "buys and answers 500"
    RAISES = "buys, and its adapter has a defect"
    NAMES_ANOTHER = "buys and answers with another number"
    BUYS_ANOTHER = "buys another number"
    REFUSES = "refuses, since the number is taken"
    FORBIDS = "refuses for a reason of its own"
    THROTTLES = "has too many requests"
    UNPAID = "refuses because of our account there"
    NOT_SENT = "cannot be reached"
    LOSES = "never receives it"
    BUYS_LATER = "takes it and buys later"
    FAILS_LATER = "takes it and refuses later"
    NEVER_ENDS = "takes it and never decides"
    BUYS_LATE = "does not answer, and buys later still"


UNDECIDED: Final = (Does.BUYS_LATER, Does.FAILS_LATER, Does.NEVER_ENDS)
"""What leaves an order taken and not decided."""

TAKEN: Final = Refused(Reason.TAKEN, "not available")
FAILED: Final = Refused(Reason.OTHER, "the order failed")
_NOTHING: Final = {
    Does.LOSES: None,
    Does.REFUSES: TAKEN,
    Does.FORBIDS: Refused(Reason.OTHER, "an address is needed"),
    Does.THROTTLES: Refused(Reason.THROTTLED, "HTTP 429", 7),
    Does.UNPAID: Refused(Reason.ACCOUNT, "HTTP 402: trial accounts have one number (21404)"),
}
"""Where nothing is done: what is said."""

_UNCLEAR: Final = {
    Does.RESETS: "connection reset",
    Does.BREAKS: "HTTP 500",
    Does.NAMES_ANOTHER: "another number in the answer",
    Does.BUYS_ANOTHER: "another number in the answer",
}
"""Where a number is bought and the answer does not say so: what is made of it."""


@dataclass
class Held:
    """A number on our account: the carrier's id for it, and the reference it was bought under.

    Instants are of the carrier's clock; `until` is None while the number is there.
    """

    e164: str
    number_id: str
    reference: str
    since: float
    until: float | None = None


@dataclass
class Known:
    """An order as the carrier has it: in which state since when, and which number it came to."""

    reference: str
    e164: str
    does: Does
    states: list[tuple[float, str]]
    held: Held | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it is taken and not decided."""
        return self.states[-1][1] == "pending"


@dataclass
class Market:
    """Who has which number, over all carriers that sell it: `elsewhere` are other people's."""

    books: list[CarrierBooks] = field(default_factory=list)
    elsewhere: set[str] = field(default_factory=set)

    def is_sold(self, e164: str) -> bool:
        """Whether nobody can buy a number now."""
        return e164 in self.elsewhere or any(e164 in books.ours for books in self.books)


class CarrierBooks:
    """One carrier's books, of the account that we have there.

    `clock` shows the carrier's time, in whatever unit. Its lists show what was so `lag` ago, and an order can be
    found by its reference `reference_lag` after it came; where `keeps_references` is False it never can. `failed` is
    said of one that was taken and came to nothing.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        name_number: Callable[[str], str],
        market: Market,
        *,
        keeps_references: bool,
        lag: float = 0,
        reference_lag: float = 0,
        failed: Refused = FAILED,
    ) -> None:
        self.clock = clock
        self.keeps_references = keeps_references
        self.lag = lag
        self.reference_lag = reference_lag
        self.market = market
        self.failed = failed
        self.ours: dict[str, Held] = {}
        self.gone_back: list[Held] = []
        self.sold: list[Held] = []
        self.orders: dict[str, Known] = {}
        self._name_number = name_number
        market.books.append(self)

    # What it does.

    def receive(self, does: Does, e164: str, reference: str, another: str | None = None) -> Answer | None:
        """Do with an order what is to be done at once; what is answered, None for nothing.

        `another` is the number that is bought by mistake, where one is.
        """
        if does in _NOTHING:
            return _NOTHING[does]
        if self.market.is_sold(e164):
            return None if does is Does.BUYS_SILENTLY else TAKEN
        if does in UNDECIDED:
            self.orders[reference] = Known(reference, e164, does, [(self.clock(), "pending")])
            return Pending("pending")
        if does is Does.BUYS_LATE:
            return None
        held = self.place(e164, reference, another if does is Does.BUYS_ANOTHER else None)
        if does in _UNCLEAR:
            return Unknown(_UNCLEAR[does])
        return None if does is Does.BUYS_SILENTLY or held is None else self.placed(held)

    def place(self, e164: str, reference: str, another: str | None = None) -> Held | None:
        """An order is done, at once or late: its number is on our account, or another one by mistake."""
        held = self.buy(another or e164, reference)
        if held is not None:
            self.orders[reference] = Known(reference, e164, Does.BUYS, [(self.clock(), "placed")], held)
        return held

    def decide(self, reference: str, *, buys: bool) -> Held | None:
        """Decide an order that was taken; the number that it came to now."""
        order = self.orders[reference]
        if not order.is_pending:
            return None
        order.held = self.buy(order.e164, reference) if buys else None
        order.states.append((self.clock(), "failed" if order.held is None else "placed"))
        return order.held

    def buy(self, e164: str, reference: str) -> Held | None:
        """A number is on our account from now on, unless somebody has it."""
        if self.market.is_sold(e164):
            return None
        held = self.ours[e164] = Held(e164, self._name_number(e164), reference, self.clock())
        self.sold.append(held)
        return held

    def named(self, number_id: str | None) -> str | None:
        """Which number of ours has an id."""
        return next((held.e164 for held in self.ours.values() if held.number_id == number_id), None)

    def take_back(self, e164: str, number_id: str | None) -> Held | None:
        """End our having of a number; None for one that is not here."""
        held = self.ours.get(e164)
        if held is None or (self.keeps_references and number_id not in (None, held.number_id)):
            return None
        return self.remove(held)

    def remove(self, held: Held) -> Held:
        """A number is not on our account any more; lists show it until they have caught up."""
        held.until = self.clock()
        del self.ours[held.e164]
        self.gone_back.append(held)
        return held

    # What it tells when it is asked.

    def placed(self, held: Held) -> Placed:
        """How a number of ours is told."""
        return Placed(held.number_id, held.reference if self.keeps_references else None)

    def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:
        """What is to be seen of an order: by its number, and by its reference where those are kept."""
        shown = self._shown_number(e164)
        if shown is not None:
            return self.placed(shown)
        order = self.orders.get(reference) if self.keeps_references else None
        state = None if order is None else self._shown_state(order)
        if order is None or state is None:
            return Absent()
        if order.e164 != e164 or (order.held is not None and order.held.e164 != e164):
            return Unknown("another number under our reference")
        if state == "pending":
            return Pending("pending")
        if state == "failed" or order.held is None:
            return self.failed
        return Absent() if order.held.until is not None else self.placed(order.held)

    def listed(self) -> list[Held]:
        """The numbers on our account as its lists show them."""
        then = self._ago(self.lag)
        former = [held for held in self.gone_back if _is_there(held, then)] if self.lag else []
        return [*former, *(held for held in self.ours.values() if held.since <= then)]

    def owned(self, held: Held) -> OwnedNumber:
        """How a number of ours is listed."""
        return OwnedNumber(held.e164, held.number_id, held.reference if self.keeps_references else "")

    def _shown_number(self, e164: str) -> Held | None:
        then = self._ago(self.lag)
        held = self.ours.get(e164)
        if held is not None and held.since <= then:
            return held
        former = (one for one in reversed(self.gone_back) if one.e164 == e164 and _is_there(one, then))
        return next(former, None) if self.lag else None

    def _shown_state(self, order: Known) -> str | None:
        then = self._ago(self.reference_lag)
        return next((state for instant, state in reversed(order.states) if instant <= then), None)

    def _ago(self, lag: float) -> float:
        """The instant that is shown. Who is never late shows what is so now, also when the clock was set back."""
        return self.clock() - lag if lag else math.inf


def _is_there(held: Held, then: float) -> bool:
    return held.since <= then and (held.until is None or then < held.until)
