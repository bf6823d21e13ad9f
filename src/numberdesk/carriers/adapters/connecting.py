"""The calls of the port that set where a number's calls go, as all adapters have them, over one carrier's `Connector`.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final, Protocol
from urllib.parse import urlsplit

from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.connection import (
    Connected,
    NotConnected,
    ShownRouting,
    SipRoute,
    Unsupported,
    WantedConnection,
    WebhookRoute,
)

_SHORTEST_SECRET: Final = 4
_NOT_YET: Final = "this carrier cannot be told yet where calls go"


class CannotBeSetError(Exception):
    """What is wanted is not to be had at this carrier. The text is the reason, for a customer."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Connector(Protocol):
    """What of it differs by carrier. Each raises CarrierError, and CannotBeSetError for what is not to be had."""

    async def connect(self, e164: str, number_id: str | None, wanted: WantedConnection) -> str:
        """Set it, and see in the answer that it is set: the carrier's id of what was made for it, "" without."""
        ...

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:
        """What is set."""
        ...

    async def forget(self, connection_id: str) -> None:
        """Remove what was made for a connection."""
        ...


class ConnectsNumbers:
    """The three calls. An adapter sets its `_connector` when it is made."""

    _connector: Connector | None = None

    async def connect(
        self, e164: str, number_id: str | None, wanted: WantedConnection
    ) -> Connected | NotConnected | Unsupported:
        """Have calls to a number of ours go where they are wanted. Safe to repeat; raises nothing."""
        if self._connector is None:
            return Unsupported(_NOT_YET)
        try:
            return Connected(await self._connector.connect(e164, number_id, wanted))
        except CannotBeSetError as error:
            return Unsupported(error.reason)
        except CarrierError as error:
            return NotConnected(without_secrets(str(error), wanted))

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:
        """What the carrier has set for a number, and whether it is what is wanted. Raises CarrierError."""
        if self._connector is None:
            raise CarrierError(Trouble.REFUSED, _NOT_YET)
        try:
            return await self._connector.routing(e164, number_id, wanted)
        except CannotBeSetError as error:
            raise CarrierError(Trouble.REFUSED, error.reason) from None
        except CarrierError as error:
            raise CarrierError(error.trouble, without_secrets(error.message, wanted), error.retry_after) from None

    async def forget_connection(self, connection_id: str) -> Connected | NotConnected | Unsupported:
        """Remove what was made for a connection. Raises nothing."""
        if self._connector is None:
            return Connected()
        try:
            await self._connector.forget(connection_id)
        except CannotBeSetError as error:
            return Unsupported(error.reason)
        except CarrierError as error:
            return NotConnected(str(error))
        return Connected()


def without_secrets(text: str, wanted: WantedConnection) -> str:
    """What a carrier said, without what of a connection nobody may see: refusals repeat what was sent."""
    for secret in sorted(_secrets(wanted), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets(wanted: WantedConnection) -> set[str]:
    """Passwords, and what follows the host in addresses of webhooks, which is often a key."""
    route = wanted.route
    found: list[str] = []
    if isinstance(route, SipRoute):
        found = [route.password]
    elif isinstance(route, WebhookRoute):
        for url in (route.url, route.fallback_url):
            parts = urlsplit(url)
            found += [part for part in (parts.query, parts.path.lstrip("/"), parts.password or "") if part]
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}
