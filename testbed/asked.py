"""What a service is asked over HTTP, written down as it comes.

Touches: nothing.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Asked(NamedTuple):
    """A request with a body of JSON, or none, and the status of its answer."""

    method: str
    path: str
    body: Any
    status: int


def written_down(app: App, asked: list[Asked]) -> App:
    """An application whose requests are put into a list, each once it is answered."""

    async def ask(scope: Message, receive: Receive, send: Send) -> None:
        body, statuses = bytearray(), [0]

        async def received() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def sent(message: Message) -> None:
            statuses.append(message.get("status", statuses[-1]))
            await send(message)

        await app(scope, received, sent)
        if scope["type"] == "http":
            asked.append(Asked(scope["method"], scope["path"], json.loads(body) if body else None, statuses[-1]))

    return ask
