"""Connections that are made only to addresses which were checked: the transport under the HTTP client.

Touches: network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import ssl

    import httpcore2
    import httpx2

    from numberdesk.infra.egress import Egress

_NEXT_AFTER_SECONDS: Final = 0.25
"""How long an address has to itself before the next one of the same name is tried beside it (RFC 8305)."""


def guarded_transport(egress: Egress, trust: ssl.SSLContext, *, keep: int, secure: bool) -> httpx2.AsyncHTTPTransport:
    """A transport that connects only where it may, keeps `keep` connections open, and is for https or for http."""
    import httpcore2  # noqa: PLC0415  a service without carriers does without its 10 MB
    import httpx2  # noqa: PLC0415  the same

    class GuardedTransport(httpx2.AsyncHTTPTransport):
        """Without the library's own pool, which would look names up where nobody sees it."""

        def __init__(self) -> None:
            # Waits are bounded by the limit around everything; how many requests run at once, by whoever asks.
            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=trust,
                max_connections=None,
                max_keepalive_connections=keep,
                keepalive_expiry=5.0,
                network_backend=GuardedBackend(),
            )

    class GuardedBackend(httpcore2.AnyIOBackend):
        """Looks a name up, checks all that it resolves to, and connects to one of these."""

        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109  the library's signature
            local_address: str | None = None,
            socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
        ) -> httpcore2.AsyncNetworkStream:
            """Connect. Raises EgressError where nothing may go, and the library's errors."""
            try:
                addresses = await egress.addresses(host, port, secure=secure)
            except OSError as error:
                raise httpcore2.ConnectError(str(error)) from error
            connect = super().connect_tcp
            attempts = [connect(each, port, timeout, local_address, socket_options) for each in addresses]
            return await (attempts[0] if len(attempts) == 1 else _first(attempts))

    return GuardedTransport()


async def _first(
    attempts: Sequence[Coroutine[Any, Any, httpcore2.AsyncNetworkStream]],
) -> httpcore2.AsyncNetworkStream:
    """The first connection that is made, each attempt with a start before the next; else the last attempt's error."""
    waiting, running = list(attempts), set[asyncio.Task["httpcore2.AsyncNetworkStream"]]()
    failed: BaseException | None = None
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(waiting.pop(0)))
            done, running = await asyncio.wait(
                running, timeout=_NEXT_AFTER_SECONDS if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            made = [task for task in done if task.exception() is None]
            running |= set(made[1:])  # to be closed with the others
            if made:
                return made[0].result()
            failed = next((task.exception() for task in done), failed)
        raise failed or OSError("the name has no address")
    finally:
        for attempt in waiting:
            attempt.close()
        await _given_up(running)


async def _given_up(running: set[asyncio.Task[httpcore2.AsyncNetworkStream]]) -> None:
    """End attempts that came second, and close what one of them connected meanwhile."""
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
    for task in running:
        if not task.cancelled() and task.exception() is None:
            await task.result().aclose()
