"""Health: is the process up, and can it read its books.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.response.base import ASGIResponse

from numberdesk.api.endpoint import JSON, Door
from numberdesk.api.errors import ENCODER
from numberdesk.infra.db import StorageFailedError
from numberdesk.ledger.store import find_wallet


@get("/healthz", include_in_schema=False)
async def healthz() -> ASGIResponse:
    """200 while the process answers."""
    return ASGIResponse(body=ENCODER.encode({"status": "ok"}), media_type=JSON)


@get("/readyz", include_in_schema=False)
async def readyz(request: Request[Any, Any, Any]) -> ASGIResponse:
    """200 when the books can be read and the writer takes commands, 503 otherwise."""
    door: Door = request.app.state.door
    try:
        await door.services.reader.read(lambda tx: find_wallet(tx, ""))
        ready = door.services.writer.accepting
    except StorageFailedError:
        ready = False
    status = "ready" if ready else "not ready"
    return ASGIResponse(body=ENCODER.encode({"status": status}), status_code=200 if ready else 503, media_type=JSON)
