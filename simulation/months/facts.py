"""What is so, whatever the service says: what was asked of it, which calls there were, and what anything costs.

Touches: nothing.

Who rents what since when is read from the books and held against what was asked: nobody else can know which of two
requests came first. What that costs is reckoned here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from simulation.months.reckoning import Terms, cost, month_after

SWITCH: Final = "switch"
NORTH: Final = "north"
POOL: Final = "pool"
RATES: Final = ("inbound", "outbound")
BY_THE_MINUTE: Final = (0, 60, 60)


class Tariff(NamedTuple):
    """What a number costs, in micros; a rate is None where nobody set one."""

    price: int
    inbound: int | None
    outbound: int | None
    setup: int

    def rate(self, direction: str) -> int | None:
        """The rate of a direction."""
        return self.inbound if direction == "inbound" else self.outbound


class Settings(NamedTuple):
    """What a number is to have set at its carrier; "" for none."""

    address: str
    name: str


NOTHING_SET: Final = Settings("", "")


@dataclass
class Profile:
    """Papers of an account, as they were registered and changed; `until` is None where they do not end."""

    profile_id: str
    account_id: str
    number_type: str
    papers: dict[str, str]
    state: str
    until: int | None
    told_from: int
    removed: bool = False

    def is_good(self, now: int) -> bool:
        """Whether what asks for papers is sold with them."""
        return self.state == "approved" and not self.removed and (self.until is None or now < self.until)


@dataclass
class Rented:
    """A rental: at its tariff, then at those that were announced, each from a period on.

    `first` is the period it began in, `before` the rental that it goes on from, of the same number. `is_given`:
    nobody bought it. `is_adopted`: it stood at the carrier before, and `is_undone`: that was taken back.
    `is_forgotten`: it ended as its customer wanted, and with it what was set for it.
    """

    rental_id: str
    account_id: str
    e164: str
    carrier: str
    anchor: int
    tariff: Tariff
    began_at: int
    first: int = 0
    before: Rented | None = None
    is_given: bool = False
    is_adopted: bool = False
    is_undone: bool = False
    is_forgotten: bool = False
    ended_at: int | None = None
    announced: dict[int, Tariff] = field(default_factory=dict)
    sources: list[tuple[int, str]] = field(default_factory=list)
    set_rates: dict[str, int] = field(default_factory=dict)

    def begin_of(self, period: int) -> int:
        """When a period begins."""
        return month_after(self.anchor, period)

    def price_of(self, period: int) -> int:
        """What a period costs."""
        return self.tariff_in(period).price

    def is_asked(self, asked: set[tuple[object, ...]], what: str) -> bool:
        """Whether something was asked for of it, or of one that it goes on from."""
        return (what, self.rental_id) in asked or (self.before is not None and self.before.is_asked(asked, what))

    def had(self, instant: int) -> bool:
        """Whether the number was its customer's then."""
        return self.began_at <= instant and (self.ended_at is None or instant < self.ended_at)

    def source_at(self, instant: int) -> str:
        """Whose calls are charged that began then."""
        usual = SWITCH if self.carrier == POOL else self.carrier
        return ([usual] + [source for since, source in sorted(self.sources) if since <= instant])[-1]

    def rate_at(self, direction: str, instant: int) -> int | None:
        """What a minute costs of a call that began then."""
        tariff = self.tariff
        for from_period in sorted(self.announced):
            if self.begin_of(from_period) <= instant:
                tariff = self.announced[from_period]
        rate = tariff.rate(direction)
        return self.set_rates.get(direction) if rate is None else rate

    def tariff_in(self, period: int) -> Tariff:
        """At what tariff a period is."""
        begun = [from_period for from_period in self.announced if from_period <= period]
        return self.announced[max(begin for begin in begun)] if begun else self.tariff


@dataclass
class Call:
    """A call as one source tells of it. `cost` is what its carrier asks for it, known from `priced_at` on.

    `seconds` may be corrected from what was `told`; None where the source does not say it.
    """

    source: str
    call_id: str
    direction: str
    e164: str
    started_at: int
    seconds: int | None
    told: int | None
    cost: int | None = None
    priced_at: int = 0
    listed_at: int = 0
    tried: bool = False
    accepted: bool = False
    mended: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What makes it this call for ever."""
        return self.source, self.call_id


class ExpectedCharge(NamedTuple):
    """What is to become of a call: its state, why it is parked, the rental, and what it costs."""

    state: str
    reason: str | None
    rental: Rented | None
    amount: int | None


@dataclass
class Facts:
    """Everything, by its name. `asked` is whatever was asked for that may be found in the books.

    `told` are the calls of each source, `leads` to what each rental is to be connected, `settings` what it is to have.
    `found` are numbers that stood on the carrier's account before, `as_found` where calls to those went that nobody has
    asked to be led anywhere; `renewals` when adopted ones were said to renew, or to have begun. `lost` are numbers that
    the carrier has not any more. `asks_papers` are numbers that are sold with papers only, `profiles` the papers.
    `trunks` are those of connections.
    """

    terms: dict[str, tuple[int, int, int, str]] = field(default_factory=dict)
    tariffs: dict[str, Tariff] = field(default_factory=dict)
    carriers: dict[str, str] = field(default_factory=dict)
    rented: dict[str, Rented] = field(default_factory=dict)
    calls: dict[tuple[str, str], Call] = field(default_factory=dict)
    leads: dict[str, str | None] = field(default_factory=dict)
    settings: dict[str, Settings] = field(default_factory=dict)
    told: dict[str, list[Call]] = field(default_factory=dict)
    asked: set[tuple[object, ...]] = field(default_factory=set)
    top_ups: dict[str, tuple[str, int]] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    as_found: dict[str, Any] = field(default_factory=dict)
    renewals: dict[tuple[str, str], set[tuple[str, int]]] = field(default_factory=dict)
    asks_papers: set[str] = field(default_factory=set)
    profiles: dict[str, Profile] = field(default_factory=dict)
    trunks: dict[str, str] = field(default_factory=dict)
    _of_number: dict[str, list[Rented]] = field(default_factory=dict)

    def rent(self, rental: Rented) -> None:
        """A rental began."""
        self.rented[rental.rental_id] = rental
        self._of_number.setdefault(rental.e164, []).append(rental)

    @property
    def for_sale(self) -> list[str]:
        """The numbers that stood at the carrier before and are the operator's own by now."""
        return [e164 for e164 in sorted(self.found) if self.carriers[e164] == POOL]

    def is_nobodys(self, e164: str) -> bool:
        """Whether a number stands on the carrier's account and is, or is again, nobody's in the books."""
        rented = self.rentals_of(e164)
        return e164 in self.found and (not rented or rented[-1].is_undone)

    def rentals_of(self, e164: str) -> Sequence[Rented]:
        """All rentals of a number, in the order in which they became known."""
        return self._of_number.get(e164, ())

    def live(self, e164: str) -> Rented | None:
        """Who rents a number now."""
        return next((one for one in self._of_number.get(e164, ()) if one.ended_at is None), None)

    def owner(self, e164: str, instant: int) -> Rented | None:
        """Who had a number at an instant: where a clock that was set let two, the one whose rental ended first."""
        had = [one for one in self._of_number.get(e164, ()) if one.had(instant)]
        return min(had, key=lambda one: (one.ended_at is None, one.ended_at or 0), default=None)

    def ring(self, call: Call) -> None:
        """A call is over."""
        self.calls[call.key] = call
        self.told.setdefault(call.source, []).append(call)

    def verdict(self, call: Call, seconds: int | None) -> ExpectedCharge:
        """What is to become of a call of so many seconds, by all that is known."""
        rental = self.owner(call.e164, call.started_at)
        if rental is None or (call.source.startswith("customer:") and call.source != f"customer:{rental.account_id}"):
            return ExpectedCharge("parked", "not_rented", None, None)
        if rental.source_at(call.started_at) != call.source:
            return ExpectedCharge("witness", None, rental, None)
        if seconds is None:
            return ExpectedCharge("parked", "no_duration", rental, None)
        rate = rental.rate_at(call.direction, call.started_at)
        if rate is None:
            return ExpectedCharge("parked", "not_priced", rental, None)
        return ExpectedCharge("charged", None, rental, cost(seconds, self.billing(rental, rate)))

    def billing(self, rental: Rented, rate: int) -> Terms:
        """How calls of a rental are billed. Nothing was said of how those of numbers that were adopted are rounded."""
        terms = Terms(rate, *self.terms.get(rental.carrier, BY_THE_MINUTE))
        return terms._replace(rounding="up") if rental.e164 in self.found else terms
