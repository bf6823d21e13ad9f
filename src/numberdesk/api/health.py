"""Health: is the process up, can it read its books, and does the database take changes.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from litestar import Request, get
from litestar.response.base import ASGIResponse

from numberdesk.api.endpoint import JSON, Door
from numberdesk.api.errors import ENCODER
from numberdesk.infra.db import StorageFailedError
from numberdesk.ledger.store import find_wallet

_LOOK_SECONDS: Final = 2.0
"""How long the books may take to be read."""


@get("/healthz", include_in_schema=False)
async def healthz() -> ASGIResponse:
    """200 while the process answers."""
    return ASGIResponse(body=ENCODER.encode({"status": "ok"}), media_type=JSON)


@get("/readyz", include_in_schema=False)
async def readyz(request: Request[Any, Any, Any]) -> ASGIResponse:
    """200 when the books can be read and the writer takes commands and gets on with them, 503 otherwise."""
    door: Door = request.app.state.door
    services = door.services
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await services.reader.read(lambda tx: find_wallet(tx, ""))
        ready = services.writer.accepting and not services.writer.stuck
    except (StorageFailedError, TimeoutError):
        ready = False
    status = "ready" if ready else "not ready"
    return ASGIResponse(body=ENCODER.encode({"status": status}), status_code=200 if ready else 503, media_type=JSON)
