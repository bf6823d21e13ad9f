"""Send a test message to a webhook, and say what came of it.

Touches: nothing.
"""

from __future__ import annotations

import json
from typing import Final

from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.core.periods import iso_seconds
from numberdesk.webhooks.model import Attempt, WebhookEndpoint
from numberdesk.webhooks.sender import Sender, WebhookMessage

TEST_KIND: Final = "webhook.test"
"""The type of a test message, which is no event: it has no number and is told once."""

_SECONDS: Final = 10.0
_MOST_AT_ONCE: Final = 16


class WebhookTests:
    """The tests that run in one process: one of an account at a time, and a few of all."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._running: set[str] = set()

    async def run(self, endpoint: WebhookEndpoint, message_id: str, now: int) -> Attempt:
        """Send a test message. Raises RateLimited while another one of the account runs, and Overloaded."""
        if endpoint.account_id in self._running:
            raise RateLimited("A test of a webhook of this account is running. Wait for its end.")
        if len(self._running) >= _MOST_AT_ONCE:
            raise Overloaded
        self._running.add(endpoint.account_id)
        try:
            return await self._sender.send(endpoint, _test_message(endpoint, message_id, now), seconds=_SECONDS)
        finally:
            self._running.discard(endpoint.account_id)


def _test_message(endpoint: WebhookEndpoint, message_id: str, now: int) -> WebhookMessage:
    told = {
        "type": TEST_KIND,
        "timestamp": iso_seconds(now),
        "id": message_id,
        "account_id": endpoint.account_id,
        "number": None,
        "data": {"webhook_id": endpoint.id},
    }
    return WebhookMessage(message_id, json.dumps(told, separators=(",", ":")).encode())
