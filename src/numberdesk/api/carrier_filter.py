"""The filter of lists by carrier: a name that stands for nothing is a mistake, not an empty list.

Touches: nothing.
"""

from __future__ import annotations

from numberdesk.api.endpoint import ApiRequest
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.purchase import POOL
from numberdesk.flows.carriers.describe_carriers import is_carrier


async def check_filter(request: ApiRequest, carrier: str | None) -> None:
    """Let a carrier that there is pass, and no filter. Raises InvalidRequest."""
    if carrier is not None and not await request.read(lambda tx: is_carrier(tx, carrier)):
        raise InvalidRequest("carrier", f"must be {POOL} or one that is connected")
