"""The headers of a webhook, signed as the Standard Webhooks specification says.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from standardwebhooks import Webhook

from numberdesk.core.periods import MICROSECONDS, to_datetime


def signed_headers(message_id: str, body: bytes, secrets: Iterable[str], now: int) -> Mapping[str, str]:
    """The headers of an attempt at `now`, signed with each of these secrets."""
    text, moment = body.decode(), to_datetime(now)
    signatures = [Webhook(secret).sign(message_id, moment, text) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now // MICROSECONDS),
        "webhook-signature": " ".join(signatures),
    }
