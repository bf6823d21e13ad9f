"""Which status each error code has, and the envelope that all failures wear.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec

from numberdesk.core.errors import NumberdeskError, Overloaded, RateLimited

STATUSES: Final = {
    "invalid_request": 400,
    "invalid_api_key": 401,
    "insufficient_balance": 402,
    "forbidden": 403,
    "spend_limit": 403,
    "not_found": 404,
    "number_not_offered": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "number_taken": 409,
    "price_changed": 409,
    "order_in_progress": 409,
    "order_ended": 409,
    "account_in_use": 409,
    "session_ended": 409,
    "wrong_source": 409,
    "rental_conflict": 409,
    "connection_in_use": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_conflict": 422,
    "documents_required": 422,
    "rate_limited": 429,
    "headers_too_large": 431,
    "internal": 500,
    "carrier_refused": 502,
    "carrier_unavailable": 503,
    "overloaded": 503,
}
"""The HTTP status of every error code."""

ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
"""Writes money (Decimal) as JSON numbers, with the digits it has."""

_RETRY_AFTER_SECONDS: Final = "1"


def failure(error: NumberdeskError, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """Status, extra headers and body of a failure."""
    body = {
        "success": False,
        "message": error.message,
        "error": {"code": error.code, "details": error.details},
        "request_id": request_id,
    }
    headers = {}
    status = STATUSES[error.code]
    if status == 401:  # noqa: PLR2004  HTTP wants every 401 to name a way to authenticate
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, (RateLimited, Overloaded)) or status == 503:  # noqa: PLR2004  the status is the rule here
        headers["Retry-After"] = str(error.details.get("retry_after", _RETRY_AFTER_SECONDS))
    return status, headers, ENCODER.encode(body)
