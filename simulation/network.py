"""Requests on their way to a door and answers on their way back, either of which can be lost.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from numberdesk.api.endpoint import (
    ENDPOINTS,
    ApiRequest,
    ApiResponse,
    Endpoint,
    Handler,
    RefusedResponse,
)
from numberdesk.api.errors import ENCODER, failure
from numberdesk.api.shapes import decode_body
from numberdesk.core.errors import CarrierUnavailable, Forbidden, Internal, NumberdeskError, Overloaded, RateLimited
from numberdesk.infra.db import CommitUnknownError, StorageFailedError
from simulation.process import Process
from simulation.world import World

_CLIENT_PATIENCE: Final = 8.0
"""Seconds that a client waits for an answer."""

_IMPATIENT: Final = 0.05
"""Seconds that an impatient one waits."""


class Request(NamedTuple):
    """A request as a client sends it: which endpoint, with which key, saying what.

    `body` is what becomes JSON, or whatever a request of desk.py takes; `query` is of the endpoint's shape.
    """

    handler: Handler
    secret: str
    path: dict[str, str]
    body: Any = None
    query: Any = None
    headers: dict[bytes, bytes] = {}  # noqa: RUF012  never changed


class Reply(NamedTuple):
    """What came back. `code` is that of the error, empty for a success."""

    code: str
    body: bytes

    @property
    def data(self) -> Any:
        """The data of a success."""
        return _EXACT.decode(self.body)["data"]

    @property
    def request_id(self) -> str:
        """Of a failure: the request that was first refused so."""
        return str(msgspec.json.decode(self.body)["request_id"])

    @property
    def is_pending(self) -> bool:
        """Whether this tells of an order whose carrier has not answered."""
        return not self.code and b'"status":"pending"' in self.body

    @property
    def is_decided(self) -> bool:
        """Whether there is no reason to ask again at once."""
        return self.code not in (Overloaded.code, RateLimited.code)

    @property
    def is_final(self) -> bool:
        """Whether the request, sent again with its key, gets this again."""
        return self.is_decided and self.code != CarrierUnavailable.code and not self.is_pending


_EXACT: Final = msgspec.json.Decoder(float_hook=Decimal)


class NoAnswerError(Exception):
    """The client does not know what became of its request. `crashed`: the connection was cut by a process that died."""

    def __init__(self, *, crashed: bool) -> None:
        self.crashed = crashed
        super().__init__("crashed" if crashed else "lost")


class Network:
    """Between the clients and the doors. `instead` has handlers that stand in the place of others."""

    def __init__(self, world: World, doors: Sequence[Process], instead: Mapping[Handler, Handler]) -> None:
        self._world = world
        self._doors = doors
        self._instead = instead
        self._described: dict[Any, Endpoint] = {described.handler: described for described in ENDPOINTS}

    async def ask(self, request: Request) -> Reply:
        """Send a request to a door and wait for its answer. Raises NoAnswerError."""
        world = self._world
        await asyncio.sleep(world.between(0.0005, 0.02))
        door = world.one_of(self._doors)
        if not world.calm and world.happens(world.plan.request_lost):
            world.fault("request lost")
            await asyncio.sleep(_CLIENT_PATIENCE)
            raise NoAnswerError(crashed=False)
        if not door.up:
            raise NoAnswerError(crashed=True)
        twice = not world.calm and world.happens(world.plan.sent_twice)
        heard = door.run(self.answer(door, request))
        if twice:  # by a proxy that does not hear the first answer in time
            world.fault("sent twice")
            heard = door.run(self.answer(door, request))
        reply = await self._hear(door, heard)
        world.note(f"{getattr(request.handler, '__name__', '')} {request.path} {request.body} -> {reply.code or 'ok'}")
        if not world.calm and world.happens(world.plan.reply_lost):
            world.fault("reply lost")
            raise NoAnswerError(crashed=False)
        return reply

    async def _hear(self, door: Process, heard: asyncio.Future[Reply]) -> Reply:
        world = self._world
        impatient = not world.calm and world.happens(world.plan.impatience)
        try:
            async with asyncio.timeout(_IMPATIENT if impatient else _CLIENT_PATIENCE):
                return await asyncio.shield(heard)
        except TimeoutError:
            world.fault("hung up")
            if world.happens(0.5):
                door.hang_up(heard)
            raise NoAnswerError(crashed=False) from None
        except ConnectionResetError:
            raise NoAnswerError(crashed=True) from None

    async def answer(self, door: Process, request: Request) -> Reply:
        """What the HTTP door does around a handler: key, scope, envelope, errors."""
        request_id = door.services.new_id("req")
        try:
            return await self._handled(door, request, request_id)
        except NumberdeskError as error:
            if isinstance(error, Overloaded):
                self._note_overload(door)
            return _failed(error, request_id)
        except StorageFailedError as error:
            unknown = isinstance(error, CommitUnknownError)
            self._world.reached("commit_unknown_answered" if unknown else "storage_failed_answered")
            return _failed(Overloaded("The database cannot take the change."), request_id)
        except Exception as error:
            # A defect, and never what a client should meet.
            raise self._world.broken("no defect", f"{request} met {error!r}") from error

    def _note_overload(self, door: Process) -> None:
        if door.closing:
            self._world.reached("turned_away_while_closing")
        else:
            full = door.waiting >= self._world.plan.queue_limit
            self._world.reached("overloaded_by_queue" if full else "overloaded_by_patience")

    async def _handled(self, door: Process, request: Request, request_id: str) -> Reply:
        described = self._described.get(request.handler)
        caller = await door.authenticator.caller(request.secret.encode())
        if described is not None and described.scope is not None and described.scope not in caller.scopes:
            raise Forbidden(f"This key lacks the scope {described.scope}.", {"scope": described.scope})
        shape = None if described is None else described.body
        no_request: Any = None  # only uploads read from it
        ask = ApiRequest(
            door.services,
            caller,
            request_id,
            door.now(),
            dict(request.path),
            request.query,
            request.body if shape is None else decode_body(msgspec.json.encode(request.body), shape),
            request.headers,
            no_request,
            request.headers[b"idempotency-key"].decode() if request.headers else None,
        )
        answer = await self._instead.get(request.handler, request.handler)(ask)
        if isinstance(answer, RefusedResponse):
            return _failed(answer.error, answer.request_id)
        if not isinstance(answer, ApiResponse):
            raise TypeError("no customer of the simulation asks for another form than JSON")
        return _succeeded(answer)


def _succeeded(answer: ApiResponse) -> Reply:
    content = {"success": True, "message": answer.message, "data": answer.data, **answer.rest}
    return Reply("", ENCODER.encode(content))


def _failed(error: NumberdeskError, request_id: str) -> Reply:
    if isinstance(error, Internal):
        raise TypeError("nothing raises this by itself")
    return Reply(error.code, failure(error, request_id)[2])
