"""The SQL of margins: what calls were charged beside what they cost.

Touches: calls, call_costs, numbers.
"""

from __future__ import annotations

from sqlalchemy import and_, case, func, or_, select, tuple_

from numberdesk.core.call_charging import CallState
from numberdesk.infra.db import Tx
from numberdesk.tables import call_costs, calls, numbers
from numberdesk.usage.model import NumberMargin

_charged = calls.c.state == CallState.CHARGED.value
_currency = func.coalesce(calls.c.currency, call_costs.c.currency)
_costed = call_costs.c.currency == _currency
_MARGINS = (
    select(
        calls.c.e164,
        numbers.c.carrier,
        _currency.label("currency"),
        func.sum(case((_charged, 1), else_=0)).label("calls"),
        func.sum(case((_charged, calls.c.seconds), else_=0)).label("seconds"),
        func.coalesce(func.sum(calls.c.amount), 0).label("charged"),
        func.sum(case((_costed, call_costs.c.amount), else_=0)).label("cost"),
        func.sum(case((and_(_charged, func.coalesce(call_costs.c.currency, "") != _currency), 1), else_=0)).label(
            "uncosted"
        ),
    )
    .select_from(
        calls.join(numbers, numbers.c.e164 == calls.c.e164).outerjoin(call_costs, call_costs.c.call == calls.c.id)
    )
    .where(or_(_charged, call_costs.c.amount.is_not(None)))
    .group_by(calls.c.e164, numbers.c.carrier, _currency)
    .order_by(calls.c.e164, _currency)
)


def list_margins(
    tx: Tx,
    *,
    month: int,
    until: int,
    account_id: str | None,
    carrier: str | None,
    after: tuple[str, str] | None,
    limit: int,
) -> list[NumberMargin]:
    """Margins of numbers over the calls that began from `month` to before `until`, by number, beyond a place.

    Without an account every call there is is looked at.
    """
    query = _MARGINS.where(calls.c.started_at >= month, calls.c.started_at < until)
    if account_id is not None:
        query = query.where(calls.c.account_id == account_id)
    if carrier is not None:
        query = query.where(numbers.c.carrier == carrier)
    if after is not None:
        query = query.where(tuple_(calls.c.e164, _currency) > tuple_(*after))
    return [
        NumberMargin(
            month,
            row.e164,
            row.carrier,
            row.currency,
            int(row.calls),
            int(row.seconds),
            int(row.charged),
            int(row.cost),
            int(row.uncosted),
        )
        for row in tx.execute(query.limit(limit))
    ]
