"""Webhooks: where events are sent, how that goes, and sending again.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.accounts.model import Scope
from numberdesk.console.rendering import redirect
from numberdesk.console.screens import Deed, deed, perform, screen, show, show_again
from numberdesk.console.tables import Column, Filter, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.core.errors import NumberdeskError
from numberdesk.outbox.model import KINDS_OF_EVENTS, KINDS_OF_OPERATORS

WEBHOOKS: Final = ScreenTable(
    "/console/webhooks",
    "Webhooks",
    "GET /webhooks",
    (
        Column("Address", "url", link="/console/webhooks/{id}"),
        Column("About", "description"),
        Column("Events", "kinds", "list"),
        Column("State", "status", "state"),
        Column("Failing since", "failing_since", "time"),
        Column("Made", "created_at", "time"),
    ),
    empty="No webhook yet. Add one to be told of every purchase, renewal and release.",
    new="new/webhook.html",
)
DELIVERIES: Final = ScreenTable(
    "/console/webhooks/{webhook_id}",
    "Deliveries",
    "GET /webhooks/{webhook_id}/deliveries",
    (
        Column("Event", "type"),
        Column("State", "status", "state"),
        Column("Made", "created_at", "time"),
        Column("Tries", "attempts", "count"),
        Column("What came of it", "message"),
        Column("Next try", "next_attempt_at", "time"),
        Column("Delivered", "delivered_at", "time"),
        Column("Answer", "answer"),
    ),
    (Filter("State", "status", ("pending", "delivered", "failed")),),
    empty="Nothing was sent yet.",
    deeds="deeds/delivery.html",
)


_TO_THE_MINUTE: Final = len("2026-03-20T14:30")
"""Characters of a time as browsers send it, which is meant in UTC."""


@screen("GET", "/webhooks", "GET /webhooks")
async def webhooks(visit: Visit) -> Response:
    """All webhooks, and a form for another."""
    table = await load(visit, WEBHOOKS)
    for_all = Scope.ADMIN in visit.caller.scopes
    kinds = [kind for kind in KINDS_OF_EVENTS if for_all or kind not in KINDS_OF_OPERATORS]
    return show(visit, "table.html", "/console/webhooks", "Webhooks", table=table, kinds=kinds, for_all=for_all)


@screen("GET", "/webhooks/csv", "GET /webhooks")
async def webhooks_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, WEBHOOKS)


@screen("POST", "/webhooks", "POST /webhooks")
async def create(visit: Visit) -> Response:
    """Set one up, and show its secret this once."""
    body: dict[str, object] = {**visit.filled("url", "description"), "kinds": visit.form.get("kinds") or None}
    if "all_accounts" in visit.form:
        body["all_accounts"] = True
    try:
        made = (await visit.ask("POST /webhooks", body=body)).data
    except NumberdeskError as error:
        return await show_again(visit, error, webhooks)
    return show(
        visit,
        "secret.html",
        "/console/webhooks",
        "Webhook created",
        secret=made.secret,
        what="The webhook's secret, by which its receiver knows that events come from here",
        back=f"/console/webhooks/{made.id}",
    )


@screen("GET", "/webhooks/{webhook_id}", "GET /webhooks/{webhook_id}", "GET /webhooks/{webhook_id}/deliveries")
async def webhook(visit: Visit) -> Response:
    """One webhook and its deliveries."""
    found = (await visit.ask("GET /webhooks/{webhook_id}", path=visit.path)).data
    table = await load(visit, DELIVERIES, visit.path)
    return show(visit, "webhook.html", "/console/webhooks", "Webhook", webhook=found, table=table)


@screen("GET", "/webhooks/{webhook_id}/csv", "GET /webhooks/{webhook_id}/deliveries")
async def deliveries_as_csv(visit: Visit) -> Response:
    """The deliveries as CSV."""
    await visit.ask("GET /webhooks/{webhook_id}", path=visit.path)
    return await csv_answer(visit, DELIVERIES, visit.path)


@screen("POST", "/webhooks/{webhook_id}/test", "POST /webhooks/{webhook_id}/test")
async def test(visit: Visit) -> Response:
    """Send a test message, and say what came of it."""
    outcome = await perform(visit, Deed("", "POST /webhooks/{webhook_id}/test", "", ""))
    found = (await visit.ask("GET /webhooks/{webhook_id}", path=visit.path)).data
    table = await load(visit, DELIVERIES, visit.path)
    return show(visit, "webhook.html", "/console/webhooks", "Webhook", webhook=found, table=table, outcome=outcome)


@screen("POST", "/webhooks/{webhook_id}/secret", "POST /webhooks/{webhook_id}/rotate-secret")
async def rotate(visit: Visit) -> Response:
    """Give it a new secret, and show that this once."""
    made = (await visit.ask("POST /webhooks/{webhook_id}/rotate-secret", path=visit.path)).data
    return show(
        visit,
        "secret.html",
        "/console/webhooks",
        "The secret was changed",
        secret=made.secret,
        what="The webhook's new secret. The former signs beside it for 24 hours",
        back=f"/console/webhooks/{made.id}",
    )


@screen("POST", "/webhooks/{webhook_id}/replay", "POST /webhooks/{webhook_id}/replay")
async def replay_failed(visit: Visit) -> Response:
    """Send events again whose delivery failed, from a time on."""
    since = visit.sent("since").strip()
    try:
        body = {"since": f"{since}:00Z" if len(since) == _TO_THE_MINUTE else since}
        await visit.ask("POST /webhooks/{webhook_id}/replay", path=visit.path, body=body)
    except NumberdeskError as error:
        return await show_again(visit, error, webhook)
    return redirect(f"/console/webhooks/{visit.path['webhook_id']}?said=replaying")


deed(
    Deed(
        "/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
        "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
        "/webhooks/{webhook_id}",
        "replayed",
    ),
    webhook,
)
deed(
    Deed(
        "/webhooks/{webhook_id}/state",
        "PATCH /webhooks/{webhook_id}",
        "/webhooks/{webhook_id}",
        "saved",
        fields=("status",),
    ),
    webhook,
)
deed(
    Deed("/webhooks/{webhook_id}/delete", "DELETE /webhooks/{webhook_id}", "/webhooks", "deleted"),
    webhook,
)
