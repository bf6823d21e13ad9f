"""The first page: how an account stands, or how the service does.

Touches: nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from starlette.responses import Response

from numberdesk.console.connection_states import walk
from numberdesk.console.screens import screen, show
from numberdesk.console.visit import Visit
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.lifecycle import AccountKind

_SUMMED = "GET /usage/summary"
_MOST = 500
"""Rows that the first page looks at; beyond it says that it counted so far."""


class Summed(NamedTuple):
    """A sum over the newest rows. `whole` is false where there are more than were looked at."""

    rows: int
    amount: Decimal
    whole: bool


@screen("GET", "")
async def overview(visit: Visit) -> Response:
    """Whoever comes sees what their key may see."""
    if visit.caller.kind is AccountKind.OPERATOR:
        return await _of_operators(visit)
    balance = (await visit.ask("GET /balance")).data if visit.may("GET /balance") else None
    spent = await _spent(visit) if visit.may("GET /transactions") else None
    numbers = await _numbers(visit) if visit.may("GET /phone-numbers") else None
    orders = []
    if visit.may("GET /orders"):
        orders = (await visit.ask("GET /orders", query={"status": "pending", "page_size": 10})).data
    return show(
        visit,
        "overview.html",
        "/console",
        "Overview",
        balance=balance,
        spent=spent,
        numbers=numbers,
        pending=orders,
        called=await _called(visit) if visit.may(_SUMMED) else None,
    )


async def _of_operators(visit: Visit) -> Response:
    carriers, parked, past_due, findings = [], [], [], []
    if visit.may("GET /admin/carriers"):
        carriers = (await visit.ask("GET /admin/carriers")).data
        parked = (await visit.ask("GET /admin/orders", query={"status": "parked", "page_size": 10})).data
        past_due = (await visit.ask("GET /admin/rentals", query={"status": "past_due", "page_size": 10})).data
        findings = (await visit.ask("GET /admin/findings", query={"page_size": 10})).data
    return show(
        visit,
        "operators.html",
        "/console",
        "Overview",
        carriers=carriers,
        parked=parked,
        past_due=past_due,
        findings=findings,
    )


async def _spent(visit: Visit) -> Summed:
    """What was spent within thirty days, corrections and money paid in left out."""
    since = _iso(visit.now, -30)
    amount, count = Decimal(0), 0
    async for item in walk(visit, "GET /transactions", {}, _MOST):
        if item.created_at < since:
            return Summed(count, amount, whole=True)
        count += 1
        if item.kind not in ("top_up", "adjustment"):
            amount -= item.amount
    return Summed(count, amount, whole=count < _MOST)


async def _called(visit: Visit) -> tuple[int, int] | None:
    """Calls and billed minutes since the day began; None where they are too many to be summed.

    A day, since whoever has many calls would wait for those of a month, which Spending sums.
    """
    try:
        found = (await visit.ask(_SUMMED, query={"by": "day", "since": f"{_iso(visit.now, 0)[:10]}T00:00:00Z"})).data
    except InvalidRequest:
        return None
    return sum(each.calls for each in found), round(sum(each.billed_seconds for each in found) / 60)


async def _numbers(visit: Visit) -> dict[str, Any]:
    """How many numbers there are, which are past due, and what the next seven days take."""
    until, states, renewing, count, silent = _iso(visit.now, 7), dict[str, int](), [], 0, 0
    async for item in walk(visit, "GET /phone-numbers", {"is_active": "true"}, _MOST):
        count += 1
        states[item.status] = states.get(item.status, 0) + 1
        silent += item.connection_id is None
        if item.auto_renew and item.ends_at is None and item.renews_at is not None and item.renews_at <= until:
            renewing.append(item)
    total = sum((item.price for item in renewing), Decimal(0))
    renews = Summed(len(renewing), total, whole=count < _MOST)
    soon = sorted(renewing, key=lambda item: item.renews_at)[:10]
    return {"count": count, "whole": count < _MOST, "past_due": states.get("past_due", 0), "renews": renews,
            "soon": soon, "silent": silent}  # fmt: skip


def _iso(now: int, days: int) -> str:
    moment = datetime.fromtimestamp(now / 1e6, UTC) + timedelta(days=days)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
