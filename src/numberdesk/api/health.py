"""Health: is the process up, can it read its books, and does the database take changes.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response

from numberdesk.api.endpoint import JSON
from numberdesk.api.errors import ENCODER
from numberdesk.infra.db import StorageFailedError
from numberdesk.ledger.store import find_wallet
from numberdesk.wiring import Services

_LOOK_SECONDS: Final = 2.0
"""How long the books may take to be read."""


async def healthz() -> Response:
    """200 while the process answers."""
    return _status("ok", 200)


async def readyz(services: Services) -> Response:
    """200 when the books can be read and the writer takes commands and gets on with them, 503 otherwise."""
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await services.reader.look_up(lambda tx: find_wallet(tx, ""))
        ready = services.writer.accepting and not services.writer.stuck
    except (StorageFailedError, TimeoutError):
        ready = False
    return _status("ready", 200) if ready else _status("not ready", 503)


def _status(word: str, status: int) -> Response:
    return Response(ENCODER.encode({"status": word}), status, media_type=JSON)
