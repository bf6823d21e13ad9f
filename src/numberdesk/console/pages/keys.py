"""API keys: the list, a new one, whose text is shown once, and revoking.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.accounts.model import SCOPES
from numberdesk.console.rendering import redirect
from numberdesk.console.screens import Deed, deed, screen, show, show_again
from numberdesk.console.tables import Column, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.core.errors import NumberdeskError

CAPS: Final = ("per_purchase", "per_day", "per_month")
COLUMNS: Final = (
    Column("Name", "name"),
    Column("Begins with", "starts_with", "mono"),
    Column("May", "scopes", "list"),
    Column("At most on purchases", "spend_limits", "limits"),
    Column("Made", "created_at", "time"),
    Column("Expires", "expires_at", "time"),
    Column("Revoked", "revoked_at", "time"),
)
KEYS: Final = ScreenTable(
    "/console/keys",
    "API keys",
    "GET /api-keys",
    COLUMNS,
    empty="No key.",
    about="A key is shown once, when it is made. Whoever has it can do what it may, here and by the API.",
    deeds="deeds/key.html",
    new="new/key.html",
)


@screen("GET", "/keys", "GET /api-keys")
async def keys(visit: Visit) -> Response:
    """All keys that the visitor's own may see, and a form for another."""
    table = await load(visit, KEYS)
    return show(visit, "table.html", "/console/keys", "API keys", table=table, scopes=grantable(visit), action="")


@screen("GET", "/keys/csv", "GET /api-keys")
async def keys_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, KEYS)


@screen("POST", "/keys", "POST /api-keys")
async def create(visit: Visit) -> Response:
    """Make a key, and show it this once."""
    try:
        made = (await visit.ask("POST /api-keys", body=key_body(visit))).data
    except NumberdeskError as error:
        return await show_again(visit, error, keys)
    return show_key(visit, made.key, "/console/keys", "/console/keys")


@screen("POST", "/keys/{key_id}/limits", "PATCH /api-keys/{key_id}")
async def limit(visit: Visit) -> Response:
    """Cap what a key spends on purchases; what is empty is without."""
    try:
        await visit.ask("PATCH /api-keys/{key_id}", path=visit.path, body={"spend_limits": visit.filled(*CAPS)})
    except NumberdeskError as error:
        return await show_again(visit, error, keys)
    return redirect("/console/keys?said=saved")


def key_body(visit: Visit) -> dict[str, object]:
    """What a form for a new key asks for."""
    until = visit.sent("expires_at")
    return {
        "name": visit.sent("name").strip(),
        "scopes": visit.form.get("scopes") or None,
        "expires_at": f"{until}:00Z" if until else None,
    }


def grantable(visit: Visit) -> list[str]:
    """The scopes that the visitor's key can give to another of its account."""
    return [scope for scope in SCOPES if scope in visit.caller.scopes]


def show_key(visit: Visit, text: str, here: str, back: str) -> Response:
    """The page on which a key is shown once."""
    return show(visit, "secret.html", here, "Key created", secret=text, what="The new API key", back=back)


deed(Deed("/keys/{key_id}/revoke", "DELETE /api-keys/{key_id}", "/keys", "revoked"), keys)
