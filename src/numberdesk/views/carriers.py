"""Carriers: how accounts there are set up and stand, open orders, audits, findings, releases, exchange rates.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from numberdesk.carriers.audit_store import CarrierAudit
from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.finding_store import Finding
from numberdesk.carriers.port import Field, Health
from numberdesk.carriers.registry import KINDS
from numberdesk.catalog.rules import ExchangeRate, format_rate
from numberdesk.core.carrier_order import CarrierOrder
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.periods import MICROSECONDS, iso_or_none, iso_seconds
from numberdesk.core.schedule import is_leased, turn_of
from numberdesk.flows.carriers.describe_carriers import DescribedCarrier
from numberdesk.flows.purchase.describe_orders import DescribedOrder
from numberdesk.numbers.carrier_release import CarrierRelease
from numberdesk.views.formats import CarrierReleaseId, Currency, Instant, PhoneNumber
from numberdesk.views.numbers import AdminOrderView, admin_order_view


class FieldView(msgspec.Struct, frozen=True):
    """Something that an account at a carrier is set up with."""

    name: str
    secret: bool
    required: bool
    meaning: str
    example: str


class KindView(msgspec.Struct, frozen=True):
    """A carrier that accounts can be connected at."""

    kind: str
    fields: tuple[FieldView, ...]


class AuditStatus(StrEnum):
    """How the last audit of a carrier stands."""

    DUE = "due"  # the worker begins it shortly
    RUNNING = "running"
    DONE = "done"
    UNFINISHED = "unfinished"  # it failed, or was cut short; `said` tells why


class AuditView(msgspec.Struct, frozen=True):
    """The last audit of a carrier. `said` tells why it was not finished.

    `owned` and `found` are of the last one that ended.
    """

    carrier: str
    status: AuditStatus
    began_at: Instant | None
    ended_at: Instant | None
    next_at: Instant
    owned: int
    found: int
    said: str


class CarrierView(msgspec.Struct, frozen=True):
    """An account at a carrier. `secrets` names those that it has; `problem` says why they cannot be read.

    `paused_seconds` is how long this process leaves the carrier alone yet after failures, `failures` how many
    there were in a row since `failures_since`, and `search_failures_since` tells the same of searches; all are null on
    the command line, which has no such memory. While the carrier orders nothing
    for this account, out of money or with wrong credentials, `orders_refused` counts the orders that it refused since
    `orders_refused_since`, and `orders_refused_said` is what it said to the last.
    """

    name: str
    kind: str
    status: CarrierState
    options: dict[str, str]
    secrets: tuple[str, ...]
    problem: str | None
    paused_seconds: int | None
    search_paused_seconds: int | None
    failures: int | None
    failures_since: Instant | None
    search_failures_since: Instant | None
    orders_refused: int
    orders_refused_since: Instant | None
    orders_refused_said: str | None
    open_orders: int
    parked_orders: int
    unconfirmed_releases: int
    open_findings: int
    last_audit: AuditView | None
    created_at: Instant
    updated_at: Instant


class CheckView(msgspec.Struct, frozen=True):
    """What a carrier said to one harmless request."""

    name: str
    ok: bool
    said: str
    facts: dict[str, str]


class FindingView(msgspec.Struct, frozen=True):
    """A difference between a carrier's list of our numbers and the books.

    `carrier_reference` is the carrier's id for the number, `reference` the order id that it has there or in the books.
    """

    id: str
    carrier: str
    phone_number: PhoneNumber
    kind: FindingKind
    status: FindingState
    carrier_reference: str | None
    reference: str | None
    said: str
    first_seen_at: Instant
    last_seen_at: Instant


class CarrierReleaseView(msgspec.Struct, frozen=True):
    """A number that its carrier is told to take back, until it confirms it.

    `next_try_at` is null when it waits for a person.
    """

    id: CarrierReleaseId
    carrier: str
    phone_number: PhoneNumber
    carrier_reference: str | None
    asked_at: Instant
    tries: int
    next_try_at: Instant | None
    said: str


class CarrierStateView(msgspec.Struct, frozen=True):
    """How an order stands with its carrier. `looks` and `absences` count since the last attempt.

    `accepted_at` is when the carrier said that it has the order: from then on only it can end it.

    Without `next_look_at` an open order is parked and waits for a person.
    """

    attempt: int
    attempted_at: Instant
    wanted_until: Instant
    looks: int
    absences: int
    absent_since: Instant | None
    accepted_at: Instant | None
    next_look_at: Instant | None
    said: str
    answer: str
    parked_at: Instant | None
    settled_at: Instant | None


class CarrierOrderView(AdminOrderView, frozen=True):
    """A purchase attempt, with how it stands with its carrier; null for the own pool."""

    at_carrier: CarrierStateView | None


class RateView(msgspec.Struct, frozen=True):
    """One unit of `base` is worth `rate` units of `quote`."""

    base: Currency
    quote: Currency
    rate: Decimal
    updated_at: Instant


def kind_views() -> list[KindView]:
    """Every carrier that accounts can be connected at."""
    return [KindView(kind, tuple(map(_field_view, known.all_fields))) for kind, known in KINDS.items()]


def _field_view(field: Field) -> FieldView:
    return FieldView(field.name, field.secret, field.required, field.meaning, field.example)


def carrier_view(described: DescribedCarrier, now: int, line: CarrierClient | None = None) -> CarrierView:
    """An account at a carrier, at `now`; `line` is this process's line to it."""
    account, trouble = described.account, described.trouble
    return CarrierView(
        name=account.name,
        kind=account.kind,
        status=account.state,
        options=dict(account.options),
        secrets=described.secrets,
        problem=described.problem or None,
        paused_seconds=None if line is None else line.paused_seconds,
        search_paused_seconds=None if line is None else line.search_paused_seconds,
        failures=None if line is None else line.breaker.failures,
        failures_since=None if line is None else _ago(line.seconds_failing, now),
        search_failures_since=None if line is None else _ago(line.search_seconds_failing, now),
        orders_refused=0 if trouble is None else trouble.orders,
        orders_refused_since=None if trouble is None else iso_seconds(trouble.since),
        orders_refused_said=None if trouble is None else trouble.said,
        open_orders=described.open_orders,
        parked_orders=described.parked_orders,
        unconfirmed_releases=described.unconfirmed_releases,
        open_findings=described.open_findings,
        last_audit=None if described.audit is None else audit_view(described.audit, now),
        created_at=iso_seconds(account.created_at),
        updated_at=iso_seconds(account.updated_at),
    )


def _ago(seconds: float | None, now: int) -> str | None:
    return None if seconds is None else iso_seconds(now - round(seconds * MICROSECONDS))


def carrier_views(
    described: Iterable[DescribedCarrier], now: int, lines: Mapping[str, CarrierClient]
) -> list[CarrierView]:
    """Accounts at carriers, each with this process's line to it."""
    return [carrier_view(one, now, lines.get(one.account.name)) for one in described]


def check_view(name: str, health: Health) -> CheckView:
    """What a carrier said to one harmless request."""
    return CheckView(name, health.ok, health.message, dict(health.facts))


def audit_view(audit: CarrierAudit, now: int) -> AuditView:
    """The last audit of a carrier, at `now`."""
    return AuditView(
        carrier=audit.carrier,
        status=_state_view(audit, now),
        began_at=iso_or_none(audit.began_at),
        ended_at=iso_or_none(audit.ended_at),
        next_at=iso_seconds(turn_of(audit) or 0),
        owned=audit.owned,
        found=audit.found,
        said=audit.message,
    )


def _state_view(audit: CarrierAudit, now: int) -> AuditStatus:
    if is_leased(audit, now):
        return AuditStatus.RUNNING
    if (audit.next_at or 0) <= now:
        return AuditStatus.DUE
    return AuditStatus.UNFINISHED if audit.message else AuditStatus.DONE


def finding_view(finding: Finding) -> FindingView:
    """A difference between a carrier's list and the books."""
    return FindingView(
        id=":".join(finding.key),
        carrier=finding.carrier,
        phone_number=finding.e164,
        kind=finding.kind,
        status=finding.state,
        carrier_reference=finding.carrier_reference or None,
        reference=finding.order_reference or None,
        said=finding.message,
        first_seen_at=iso_seconds(finding.first_seen_at),
        last_seen_at=iso_seconds(finding.last_seen_at),
    )


def carrier_release_view(one: CarrierRelease) -> CarrierReleaseView:
    """A number on its way back to its carrier."""
    return CarrierReleaseView(
        id=one.id,
        carrier=one.carrier,
        phone_number=one.e164,
        carrier_reference=one.carrier_reference,
        asked_at=iso_seconds(one.asked_at),
        tries=one.attempts,
        next_try_at=iso_or_none(turn_of(one)),
        said=one.message,
    )


def carrier_order_view(described: DescribedOrder) -> CarrierOrderView:
    """An order, with how it stands with its carrier."""
    seen = msgspec.structs.asdict(admin_order_view(described.order, described.account_name))
    return CarrierOrderView(
        **seen, at_carrier=None if described.carrier_order is None else _carrier_state_view(described.carrier_order)
    )


def _carrier_state_view(carrier_order: CarrierOrder) -> CarrierStateView:
    return CarrierStateView(
        attempt=carrier_order.sends,
        attempted_at=iso_seconds(carrier_order.attempted_at),
        wanted_until=iso_seconds(carrier_order.wanted_until),
        looks=carrier_order.attempts,
        absences=carrier_order.absences,
        absent_since=iso_or_none(carrier_order.absent_since),
        accepted_at=iso_or_none(carrier_order.accepted_at),
        next_look_at=iso_or_none(turn_of(carrier_order)),
        said=carrier_order.message,
        answer=carrier_order.order_message,
        parked_at=iso_or_none(carrier_order.parked_at),
        settled_at=iso_or_none(carrier_order.settled_at),
    )


def rate_view(rate: ExchangeRate) -> RateView:
    """An exchange rate."""
    return RateView(rate.base, rate.quote, Decimal(format_rate(rate.rate)), iso_seconds(rate.updated_at))
