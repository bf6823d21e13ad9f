"""Sends one message to one endpoint, once.

Touches: nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from numberdesk.core.periods import MICROSECONDS, from_datetime
from numberdesk.infra.egress import PUBLIC_ONLY, Egress
from numberdesk.infra.http import Http, HttpClient, HttpRequest, HttpResponse, NoAnswerError, NotSentError
from numberdesk.infra.vault import Vault, VaultError
from numberdesk.webhooks.delivery_store import SECONDS_PER_TRY
from numberdesk.webhooks.model import LONGEST_ANSWER, Attempt, WebhookEndpoint
from numberdesk.webhooks.signature import signed_headers

MOST_BYTES: Final = 64 << 10
"""So much of an answer is read."""

_LONGEST_SECONDS: Final = 10
"""Digits of a Retry-After in seconds: what is longer is no number of seconds that anybody waits."""


class WebhookMessage(NamedTuple):
    """What is sent: the event's id, which is the same at every try, and the JSON text."""

    id: str
    body: bytes


class Sender(Protocol):
    """Sends messages."""

    async def send(self, endpoint: WebhookEndpoint, message: WebhookMessage, *, seconds: float = ...) -> Attempt:
        """Send once; whatever happens is told by the attempt."""
        ...


def new_http(egress: Egress) -> Http:
    """The client of an event loop: a long answer is cut off, since its status says all."""
    return HttpClient(egress=egress, most_bytes=MOST_BYTES, cuts=True, connect_seconds=SECONDS_PER_TRY / 2)


class WebhookSender:
    """Opens an endpoint's secrets, signs with them, and posts where `egress` lets it."""

    def __init__(
        self,
        vault: Vault,
        now: Callable[[], int],
        *,
        egress: Egress = PUBLIC_ONLY,
        http: Callable[[Egress], Http] = new_http,
    ) -> None:
        self._vault = vault
        self._now = now
        self._egress = egress
        self._new_http = http
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Http] = WeakKeyDictionary()

    async def send(
        self, endpoint: WebhookEndpoint, message: WebhookMessage, *, seconds: float = SECONDS_PER_TRY
    ) -> Attempt:
        """Send once, with the signatures of this moment; whatever happens is told by the attempt."""
        now = self._now()
        try:
            headers = signed_headers(message.id, message.body, open_secrets(self._vault, endpoint, now), now)
        except VaultError as error:
            return Attempt(None, message=f"not sent: {error}")
        headers = {"Content-Type": "application/json", **headers}
        request = HttpRequest("POST", endpoint.url, headers, message.body, seconds=seconds)
        try:
            response = await self._http().send(request)
        except (NotSentError, NoAnswerError) as error:
            return Attempt(None, message=str(error))
        return Attempt(response.status, _kept(response.body), retry_after=_retry_after(response, self._now()))

    def _http(self) -> Http:
        loop = asyncio.get_running_loop()
        http = self._loops.get(loop)
        if http is None:
            http = self._loops[loop] = self._new_http(self._egress)
        return http

    async def close(self) -> None:
        """Close the connections of this event loop."""
        http = self._loops.pop(asyncio.get_running_loop(), None)
        if isinstance(http, HttpClient):
            await http.close()


def seal_secret(vault: Vault, endpoint_id: str, secret: str) -> str:
    """A secret as it is stored. Raises VaultError."""
    return vault.seal(endpoint_id, {"secret": secret})


def open_secrets(vault: Vault, endpoint: WebhookEndpoint, now: int) -> list[str]:
    """The secrets that sign at an instant, the newest first. Raises VaultError."""
    sealed = [endpoint.secret]
    if endpoint.former_secret is not None and endpoint.former_until is not None and now < endpoint.former_until:
        sealed.append(endpoint.former_secret)
    return [vault.open(endpoint.id, each)["secret"] for each in sealed]


def _kept(body: bytes) -> str:
    """The beginning of an answer, as far as it is text that every database takes."""
    text = body[:LONGEST_ANSWER].decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def _retry_after(response: HttpResponse, now: int) -> int | None:
    """How long a receiver asks to be left alone, where it says so in one of the two forms there are."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_SECONDS:
        return int(text) * MICROSECONDS
    try:
        return max(0, from_datetime(parsedate_to_datetime(text)) - now)
    except (ValueError, TypeError, OverflowError):  # no date, or one without an offset
        return None
