"""The calls of the port that set where a number's calls go, as all adapters have them, over one carrier's `Connector`.

Touches: nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final, Protocol
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from numberdesk.carriers.adapters.cannot_be_set import CannotBeSetError as CannotBeSetError  # noqa: PLC0414  for the connectors
from numberdesk.carriers.adapters.http_api import succeeded as succeeded  # noqa: PLC0414  as above
from numberdesk.carriers.adapters.number_settings import Keeper, set_up_by, shown_by
from numberdesk.carriers.port import CarrierError, NoSuchNumberError, Trouble
from numberdesk.core.connection import (
    Connected,
    NotConnected,
    ShownRouting,
    SipRoute,
    Unsupported,
    WantedConnection,
    WebhookRoute,
)
from numberdesk.core.number_settings import SettingsAnswer, ShownSettings, WantedSettings

_SHORTEST_SECRET: Final = 4


class Connector(Protocol):
    """What of it differs by carrier. Each raises CarrierError, and CannotBeSetError before anything is asked.

    `keeper` sets emergency addresses and caller names.
    """

    keeper: Keeper

    async def connect(self, e164: str, number_id: str | None, wanted: WantedConnection) -> str:
        """Set it, and see that it is set: the carrier's id of what was made for the connection, "" without."""
        ...

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:
        """What is set."""
        ...

    async def forget(self, connection_id: str) -> None:
        """Remove what was made for a connection."""
        ...


class ConnectsNumbers:
    """These calls. An adapter sets its `_connector` when it is made.

    What is done for one connection is done one after the other: two numbers must not make two objects for it.
    """

    _connector: Connector
    _under_way: WeakValueDictionary[str, asyncio.Lock] | None = None

    async def connect(
        self, e164: str, number_id: str | None, wanted: WantedConnection
    ) -> Connected | NotConnected | Unsupported:
        """Have calls to a number of ours go where they are wanted. Safe to repeat; raises nothing."""
        try:
            async with self._turn(wanted.connection_id):
                return Connected(await self._connector.connect(e164, number_id, wanted))
        except CannotBeSetError as error:
            return Unsupported(error.reason)
        except CarrierError as error:
            return NotConnected(without_secrets(str(error), wanted))

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:
        """What the carrier has set for a number, and whether it is what is wanted. Raises CarrierError."""
        try:
            return await self._connector.routing(e164, number_id, wanted)
        except CannotBeSetError as error:
            raise CarrierError(Trouble.REFUSED, error.reason) from None
        except CarrierError as error:
            raise CarrierError(error.trouble, without_secrets(error.message, wanted), error.retry_after) from None

    async def forget_connection(self, connection_id: str) -> Connected | NotConnected | Unsupported:
        """Remove what was made for a connection. Raises nothing."""
        try:
            async with self._turn(connection_id):
                await self._connector.forget(connection_id)
        except CannotBeSetError as error:
            return Unsupported(error.reason)
        except CarrierError as error:
            return NotConnected(str(error))
        return Connected()

    async def set_up(self, e164: str, number_id: str | None, wanted: WantedSettings) -> SettingsAnswer:
        """Have a number of ours keep an emergency address and a caller name. Safe to repeat; raises nothing."""
        return await set_up_by(self._connector.keeper, e164, number_id, wanted)

    async def settings(self, e164: str, number_id: str | None, wanted: WantedSettings) -> ShownSettings:
        """What of these the carrier has set. Raises CarrierError."""
        return await shown_by(self._connector.keeper, e164, number_id, wanted)

    @contextlib.asynccontextmanager
    async def _turn(self, connection_id: str) -> AsyncIterator[None]:
        if self._under_way is None:
            self._under_way = WeakValueDictionary()
        lock = self._under_way.setdefault(connection_id, asyncio.Lock())
        async with lock:
            yield


def not_ours() -> NoSuchNumberError:
    """The error for a number that is not there."""
    return NoSuchNumberError(Trouble.REFUSED, "no such number on the account")


def another(e164: str) -> NoSuchNumberError:
    """The error for an id that is that of another number: nothing was set."""
    return NoSuchNumberError(Trouble.REFUSED, f"the id of the number is that of {e164[:20]!r}")


def shows_else(shown: str) -> CarrierError:
    """The error for an answer that says yes and shows something else than was set."""
    return CarrierError(Trouble.UNREADABLE, f"it took what was sent, and shows {shown}")


def still_there() -> CarrierError:
    """The error for what was deleted, as its carrier said, and is there all the same."""
    return CarrierError(Trouble.UNREADABLE, "what was made for the connection was deleted and is still there")


def name_of(connection_id: str) -> str:
    """How what is made at a carrier for a connection is called there."""
    return f"numberdesk {connection_id}"


def shown_url(url: str) -> str:
    """A URL as it may be shown: what follows the path may be a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{'?...' if parts.query else ''}"


def without_secrets(text: str, wanted: WantedConnection) -> str:
    """What a carrier said, without what of a connection nobody may see: refusals repeat what was sent."""
    for secret in sorted(_secrets(wanted), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets(wanted: WantedConnection) -> set[str]:
    """Passwords, and what follows the path in addresses of webhooks."""
    route = wanted.route
    found: list[str] = []
    if isinstance(route, SipRoute):
        found = [route.password]
    elif isinstance(route, WebhookRoute):
        for url in (route.url, route.fallback_url):
            parts = urlsplit(url)
            found += [parts.query, parts.password or ""]
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}
