"""What becomes of call records: each is charged once, witnesses, or is parked, decided over a batch.

Touches: nothing.

The rental that had the number when the call began pays, at its own rate. One source charges for a rental; what other
sources tell is kept and compared. A finished call cannot be refused: the wallet pays down to its limit, and the rest is
owed. So what a call costs depends on no order, batch or repeat, and neither does wallet less receivable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.billing import UNSAID, Billing
from numberdesk.core.call_record import CallRecord, Direction, differing_field
from numberdesk.core.money import MAX_PRICE
from numberdesk.core.purchase import POOL, Wallet
from numberdesk.core.rate_deck import DeckBooks
from numberdesk.core.rating import BY_THE_MINUTE, CallRate, Increments, billed_seconds, charge_for

CUSTOMERS: Final = "customer:"
"""How sources begin that are customers' own: then the account, whose numbers alone they can tell of."""

TOO_MANY_PARKED: Final = "is one too many: so many of this account's records are parked already"
"""Why a record is refused that would be parked beside as many as an account may have."""


def source_of_feed(source: str, feed: str) -> str:
    """The source of the records of a feed, of the source that the key alone makes."""
    return f"{source}/{feed}"


def owner_of(source: str) -> str | None:
    """The account of a customer's source; None for the sources of others."""
    return source.removeprefix(CUSTOMERS).partition("/")[0] if source.startswith(CUSTOMERS) else None


class CallState(StrEnum):
    """What became of a call record."""

    CHARGED = "charged"
    WITNESS = "witness"
    PARKED = "parked"


class ParkedReason(StrEnum):
    """Why a call waits for a person."""

    NOT_RENTED = "not_rented"
    NO_SOURCE = "no_source"
    NO_DURATION = "no_duration"
    NOT_PRICED = "not_priced"
    TOO_DEAR = "too_dear"


class RentedSpan(NamedTuple):
    """Who had a number from when to when, at which rates in micros per minute; None where nobody set one.

    `billing` is how its calls are billed.
    """

    rental_id: str
    account_id: str
    e164: str
    carrier: str
    currency: str
    inbound: int | None
    outbound: int | None
    began_at: int
    ended_at: int | None
    billing: Billing = UNSAID


class RatesSince(NamedTuple):
    """The rates of a rental from `since` on, in micros per minute; None where nobody set one."""

    since: int
    inbound: int | None
    outbound: int | None


class CallTerms(NamedTuple):
    """How calls of a carrier's numbers are taken from `since` on: the source that charges, connect fee, increments."""

    carrier: str
    since: int
    source: str | None = None
    connect: int = 0
    minimum: int = BY_THE_MINUTE.minimum
    step: int = BY_THE_MINUTE.step


class KeptCall(NamedTuple):
    """A call as it is kept: its record, what became of it, and the shares of its charge in micros."""

    id: str
    record: CallRecord
    state: CallState
    reason: ParkedReason | None
    span: RentedSpan | None
    rate: CallRate | None
    billed: int | None
    amount: int | None
    received_at: int
    charged_at: int | None = None
    owed: int = 0
    transfer_id: str | None = None
    owed_transfer_id: str | None = None

    @property
    def place(self) -> str:
        """Where it stands in a list of an account's calls."""
        return f"{self.record.started_at}.{self.id}"


class RecordOutcome(StrEnum):
    """What a source is told about a record that it sent."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    PARKED = "parked"
    REJECTED = "rejected"
    IGNORED = "ignored"


class RecordResult(NamedTuple):
    """The outcome of one record: the call that it made or that was there, and the field that is in the way."""

    outcome: RecordOutcome
    call_id: str | None
    leg: str
    call: KeptCall | None = None
    field: str | None = None
    reason: str | None = None


class Receivable(NamedTuple):
    """What an account owes, in micros, since `opened_at`; all is paid at `paid_at`.

    `suspended_at` is when the account was suspended since it did not pay.
    """

    id: str
    account_id: str
    currency: str
    owed: int
    opened_at: int
    paid_at: int | None = None
    suspended_at: int | None = None


class Posting(NamedTuple):
    """The shares of an account's calls of one batch: out of the wallet, and owed."""

    account_id: str
    currency: str
    paid: int
    owed: int


class SourceSum(NamedTuple):
    """What a source told of a number on a day: how many calls, how many seconds, and what was charged for them."""

    day: int
    e164: str
    source: str
    state: CallState
    calls: int
    seconds: int
    amount: int

    @property
    def place(self) -> str:
        """Where it stands in a list of what was told."""
        return f"{self.day} {self.e164} {self.source} {self.state}"


@dataclass(slots=True)
class CallBooks:
    """What the database holds about a batch of records, newest last.

    `spans` by number, in the order of their ends: where a clock that was behind let one begin before the one before it
    had ended, a call of that time is the former one's. `rates` what a person set; `repriced` the rates of rentals whose
    prices were changed, from those that were confirmed on; `decks` what outbound calls cost by whom they are to.
    """

    spans: Mapping[str, Sequence[RentedSpan]] = field(default_factory=dict)
    sources: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    rates: Mapping[tuple[str, Direction], int] = field(default_factory=dict)
    terms: Mapping[str, Sequence[CallTerms]] = field(default_factory=dict)
    repriced: Mapping[str, Sequence[RatesSince]] = field(default_factory=dict)
    decks: DeckBooks = field(default_factory=DeckBooks)
    _confirmed: dict[str, tuple[CallRate | None, CallRate | None]] = field(default_factory=dict, init=False, repr=False)

    def span_at(self, record: CallRecord) -> RentedSpan | None:
        """Who rented the number as the call began, where its source may tell of that account."""
        for span in self.spans.get(record.e164, ()):
            if span.began_at <= record.started_at and (span.ended_at is None or record.started_at < span.ended_at):
                return span if self.may_tell(record.source, span) else None
        return None

    def may_tell(self, source: str, span: RentedSpan) -> bool:
        """Whether a source may tell of a rental's calls: a customer's only of his own."""
        return owner_of(source) in (None, span.account_id)

    def source_of(self, span: RentedSpan, instant: int) -> str | None:
        """The source that charges for a rental at an instant: its own, its carrier's appointed one, its carrier."""
        found = None
        for since, source in self.sources.get(span.rental_id, ()):
            if since <= instant:
                found = source
        if found is not None:
            return found
        for terms in self.terms.get(span.carrier, ()):
            if terms.since <= instant:
                found = terms.source
        return span.carrier if found is None and span.carrier != POOL else found

    def rate_of(self, span: RentedSpan, direction: Direction, instant: int, other: str = "") -> CallRate | None:
        """What a call costs that began at an instant, with this other party; None where nobody set a rate.

        The rates are those of that time, however late the record comes, and the other terms those of the rental, or of
        its carrier as it began. Where a deck knows the number that is called, all but the rounding is as the deck says;
        the decks that count are those that the rental's customer was told of.
        """
        if direction is Direction.OUTBOUND and self.decks.choices:
            by_deck = self.decks.rate_of(span.account_id, other, instant, self._told_from(span))
            if by_deck is not None:
                return by_deck._replace(rounding=span.billing.rounding)
        inbound, outbound = self._rates_at(span, instant)
        return inbound if direction is Direction.INBOUND else outbound

    def _told_from(self, span: RentedSpan) -> int:
        """From when on what its account is told of decks counts for a rental: always, if no rate was confirmed."""
        confirmed = (self.repriced.get(span.rental_id) or (span,))[0].outbound
        return 0 if span.billing.deck or confirmed is None else span.began_at

    def _rates_at(self, span: RentedSpan, instant: int) -> tuple[CallRate | None, CallRate | None]:
        """The rates of both directions; those of a rental that was never repriced are the same at every instant."""
        repriced = self.repriced.get(span.rental_id)
        if repriced:
            rates: RentedSpan | RatesSince = span
            for changed in repriced:
                if changed.since <= instant:
                    rates = changed
            return self._rates_by(span, rates)
        known = self._confirmed.get(span.rental_id)
        if known is None:
            known = self._confirmed[span.rental_id] = self._rates_by(span, span)
        return known

    def _rates_by(self, span: RentedSpan, rates: RentedSpan | RatesSince) -> tuple[CallRate | None, CallRate | None]:
        then = [terms for terms in self.terms.get(span.carrier, ()) if terms.since <= span.began_at]
        terms = then[-1] if then else CallTerms(span.carrier, 0)
        by = span.billing.completed(Billing(Increments(terms.minimum, terms.step), terms.connect))
        connect, increments = by.connect or 0, by.increments or BY_THE_MINUTE

        def rate(own: int | None, direction: Direction) -> CallRate | None:
            per_minute = self.rates.get((span.rental_id, direction)) if own is None else own
            return None if per_minute is None else CallRate(per_minute, connect, increments, by.rounding)

        return rate(rates.inbound, Direction.INBOUND), rate(rates.outbound, Direction.OUTBOUND)

    def call_of(self, call_id: str, record: CallRecord, now: int) -> KeptCall:
        """What becomes of a record."""
        span = self.span_at(record)
        if span is None:
            return _parked(call_id, record, ParkedReason.NOT_RENTED, None, now)
        source = self.source_of(span, record.started_at)
        if source is None:
            return _parked(call_id, record, ParkedReason.NO_SOURCE, span, now)
        if source != record.source:
            return KeptCall(call_id, record, CallState.WITNESS, None, span, None, None, None, now)
        rate = self.rate_of(span, record.direction, record.started_at, record.other)
        return _rated(call_id, record, span, rate, now)


def _rated(call_id: str, record: CallRecord, span: RentedSpan, rate: CallRate | None, now: int) -> KeptCall:
    if record.seconds is None:
        return _parked(call_id, record, ParkedReason.NO_DURATION, span, now)
    if rate is None:
        return _parked(call_id, record, ParkedReason.NOT_PRICED, span, now)
    billed = billed_seconds(record.seconds, rate.increments)
    amount = charge_for(billed, rate)
    if amount > MAX_PRICE:
        return _parked(call_id, record, ParkedReason.TOO_DEAR, span, now)
    return KeptCall(call_id, record, CallState.CHARGED, None, span, rate, billed, amount, now, now)


def _parked(call_id: str, record: CallRecord, reason: ParkedReason, span: RentedSpan | None, now: int) -> KeptCall:
    return KeptCall(call_id, record, CallState.PARKED, reason, span, None, None, None, now)


def result_of(call: KeptCall) -> RecordResult:
    """What a source is told of a record that is new."""
    outcome = RecordOutcome.PARKED if call.state is CallState.PARKED else RecordOutcome.ACCEPTED
    return RecordResult(outcome, call.record.call_id, call.record.leg, call, None, call.reason)


def repeated(call: KeptCall, record: CallRecord) -> RecordResult:
    """What a source is told of a record whose key is known."""
    differs = differing_field(call.record, record)
    if differs is None:
        return RecordResult(RecordOutcome.DUPLICATE, record.call_id, record.leg, call)
    return RecordResult(
        RecordOutcome.CONFLICT, record.call_id, record.leg, call, differs, "differs from the first record of this call"
    )


def refused(record: CallRecord) -> RecordResult:
    """What a source is told of a record that would be parked where no more are taken: nothing is kept."""
    return RecordResult(RecordOutcome.REJECTED, record.call_id, record.leg, None, "record", TOO_MANY_PARKED)


def shared(
    calls: Iterable[KeptCall], wallets: Mapping[str, Wallet], serial: str
) -> tuple[list[KeptCall], list[Posting]]:
    """The calls with their shares, each account's wallet first down to its limit, and what to post for each account.

    `serial` is that of the batch, out of which the ids of transfers are made.
    """
    every = {
        account_id: _Shares(max(0, wallet.available), usage_transfer_id(serial, place), owed_transfer_id(serial, place))
        for place, (account_id, wallet) in enumerate(sorted(wallets.items()))
    }
    sums: dict[str, _Shares] = {}
    done: list[KeptCall] = []
    for call in calls:
        amount, span = call.amount, call.span
        if not amount or span is None:
            done.append(call)
            continue
        mine = sums.get(span.account_id)
        if mine is None:
            mine = sums[span.account_id] = every[span.account_id]
            mine.currency = span.currency
        paid = min(mine.left, amount)
        owed = amount - paid
        mine.left -= paid
        mine.paid += paid
        mine.owed += owed
        shares = owed, mine.transfer_id if paid else None, mine.owed_transfer_id if owed else None
        done.append(KeptCall._make((*call[:_BEFORE_SHARES], *shares)))
    return done, [Posting(account_id, mine.currency, mine.paid, mine.owed) for account_id, mine in sorted(sums.items())]


@dataclass(slots=True)
class _Shares:
    """What an account has left for the calls of a batch, and what they took of it and left owed so far."""

    left: int
    transfer_id: str
    owed_transfer_id: str
    currency: str = ""
    paid: int = 0
    owed: int = 0


_BEFORE_SHARES: Final = KeptCall._fields.index("owed")


def usage_transfer_id(serial: str, place: int) -> str:
    """The transfer out of a wallet for a batch of calls; `place` is that of the account among the batch's."""
    return f"trf_{serial}_usage_{place}"


def owed_transfer_id(serial: str, place: int) -> str:
    """The transfer into the receivable for a batch of calls."""
    return f"trf_{serial}_owed_{place}"
