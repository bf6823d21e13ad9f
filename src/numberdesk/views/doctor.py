"""What the doctor says, where settings came from and what to do, and why a customer may not buy a number.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

import msgspec

from numberdesk.core.advice import Advice, AdviceLevel
from numberdesk.core.money import as_decimal
from numberdesk.core.periods import MICROSECONDS, iso_or_none
from numberdesk.flows.examine import Examined
from numberdesk.flows.purchase.explain_number import ExplainedNumber, ExplainNumber
from numberdesk.infra.due_work import Backlog
from numberdesk.infra.settings import SettingSource, SourcedSetting
from numberdesk.views.formats import Instant


def _text(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class SettingView(msgspec.Struct, frozen=True):
    """A setting, its value without secrets, and where that came from."""

    name: str
    value: str
    source: SettingSource


class AdviceView(msgspec.Struct, frozen=True):
    """One thing that was found, and what to do."""

    level: Annotated[AdviceLevel, _text("`problem`: it does not work, or will not; `hint`: it may be meant so.")]
    subject: Annotated[str, _text("What it is about.")]
    message: Annotated[str, _text("What was found.")]
    action: Annotated[str, _text("What to do.")]


class BacklogView(msgspec.Struct, frozen=True):
    """What of one kind of work is due and not done, for how many seconds, and how often it was tried."""

    work: Annotated[str, _text("What kind of work.")]
    due: Annotated[int, _text("How many rows are due; of each party so many are counted.")]
    late_seconds: Annotated[int, _text("For how long the first of them is due.")]
    tries: Annotated[int, _text("How often one of those that are due longest was tried.")]


class HealthView(msgspec.Struct, frozen=True):
    """How a service stands, as far as its database tells. It is ok without problems; hints do not count."""

    ok: Annotated[bool, _text("Whether nothing is a problem.")]
    verified_at: Annotated[Instant | None, _text("When the books were checked last and were in order; null for never.")]
    work: Annotated[tuple[BacklogView, ...], _text("What is due and not done, by kind of work.")]
    advice: Annotated[tuple[AdviceView, ...], _text("What was found, and what to do.")]


class DoctorView(msgspec.Struct, frozen=True):
    """How a service stands. It is ok without problems; hints do not count."""

    ok: bool
    version: str
    revision: str | None
    verified_at: str | None
    settings: tuple[SettingView, ...]
    work: tuple[BacklogView, ...]
    advice: tuple[AdviceView, ...]


def health_view(found: Examined) -> HealthView:
    """What was found in the database."""
    return HealthView(
        not any(one.level is AdviceLevel.PROBLEM for one in found.advice),
        iso_or_none(found.verified_at),
        _work(found.work),
        tuple(AdviceView(*one) for one in found.advice),
    )


def _work(work: Mapping[str, Backlog]) -> tuple[BacklogView, ...]:
    return tuple(BacklogView(name, one.rows, one.late // MICROSECONDS, one.tries) for name, one in work.items())


def doctor_view(
    version: str,
    revision: str | None,
    settings: Sequence[SourcedSetting],
    examined: Examined | None,
    advice: Sequence[Advice],
) -> DoctorView:
    """What was found. `examined` is None where the database could not be looked at."""
    every = (*advice, *(() if examined is None else examined.advice))
    work = {} if examined is None else examined.work
    return DoctorView(
        ok=not any(one.level is AdviceLevel.PROBLEM for one in every),
        version=version,
        revision=revision,
        verified_at=None if examined is None else iso_or_none(examined.verified_at),
        settings=tuple(SettingView(*one) for one in settings),
        work=_work(work),
        advice=tuple(AdviceView(*one) for one in every),
    )


class ExplainedView(msgspec.Struct, frozen=True):
    """Whether a customer sees a number and may buy it, at which price, and why."""

    phone_number: str
    account_id: str
    sees: bool
    may_buy: bool
    carrier: str | None
    price: Decimal | None
    setup_price: Decimal | None
    currency: str | None
    reasons: tuple[AdviceView, ...]


def explained_view(asked: ExplainNumber, found: ExplainedNumber) -> ExplainedView:
    """What was found out about a number and an account."""
    prices = found.prices
    return ExplainedView(
        phone_number=asked.e164,
        account_id=asked.account.id,
        sees=found.sees,
        may_buy=found.may_buy,
        carrier=found.carrier,
        price=None if prices is None else as_decimal(prices.monthly),
        setup_price=None if prices is None else as_decimal(prices.setup),
        currency=None if prices is None else prices.currency,
        reasons=tuple(AdviceView(*one) for one in found.reasons),
    )
