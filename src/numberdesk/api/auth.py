"""From the headers to the caller.

Touches: clock, database.

What is looked up is remembered for half a second, so that a busy key costs one read now and
then, and a revoked key stops working within a second on every process. A text without a
valid checksum is refused without a look-up.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from numberdesk.accounts.model import KEY_LENGTH, ApiKey, Caller, key_hash, well_formed
from numberdesk.accounts.store import find_keys_by_hash
from numberdesk.core.errors import InvalidApiKey, Overloaded
from numberdesk.core.lifecycle import AccountKind
from numberdesk.infra.reader import Reader

REMEMBERED_SECONDS: Final = 0.5
_MOST_REMEMBERED: Final = 10_000
_MOST_ASKED: Final = 500
"""Keys of one question."""

CHALLENGE: Final = 'Basic realm="numberdesk"'
"""How senders that know HTTP Basic alone are asked for their key; some send it only when they are."""

_BASIC_BELOW: Final = ("/usage/", "/routing/")


def takes_basic(path: str) -> bool:
    """Whether a path, below the base of the API, is one of those that telephony servers ask."""
    return path.startswith(_BASIC_BELOW)


def basic_pair(authorization: bytes) -> bytes | None:
    """User and password of HTTP Basic with the colon between; None for what is no such header."""
    scheme, _, credential = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        pair = base64.b64decode(credential.strip(b" "), validate=True)
    except binascii.Error:
        return b":"
    return pair if b":" in pair else b":"


class Authenticator:
    """Recognises keys. `now` gives microseconds since the epoch, for expiry; `monotonic` gives seconds."""

    def __init__(
        self, reader: Reader, now: Callable[[], int], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = reader
        self._now = now
        self._monotonic = monotonic
        self._known: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._asking: dict[str, asyncio.Future[Caller | None]] = {}
        self._waiting: list[str] = []
        self._asker: asyncio.Task[None] | None = None

    async def caller(self, sent: bytes | None) -> Caller:
        """Who sent this key. Raises InvalidApiKey, whatever is wrong with it."""
        if sent is None or len(sent) != KEY_LENGTH or not sent.isascii():
            raise InvalidApiKey
        key = sent.decode("ascii")
        hashed = key_hash(key)
        known = self._known.get(hashed)
        if known is not None and known[0] > self._monotonic():
            return known[1]
        if not well_formed(key):
            raise InvalidApiKey
        found = await self._look_up(hashed)
        if found is None:
            raise InvalidApiKey
        return found

    async def _look_up(self, hashed: str) -> Caller | None:
        """Ask the database once, however many requests wait for the same key."""
        answer = self._asking.get(hashed)
        if answer is None:
            answer = self._asking[hashed] = asyncio.get_running_loop().create_future()
            answer.add_done_callback(_taken)
            self._waiting.append(hashed)
            if self._asker is None:
                self._asker = asyncio.create_task(self._ask())
        return await asyncio.shield(answer)

    async def _ask(self) -> None:
        """Look up all keys that wait, in one question, until none does: a question costs more than a key in it."""
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:_MOST_ASKED], self._waiting[_MOST_ASKED:]
                await self._answer(asked)
        finally:
            self._asker = None

    async def _answer(self, asked: list[str]) -> None:
        until = self._monotonic() + REMEMBERED_SECONDS
        try:
            found = await self._reader.look_up(lambda tx: find_keys_by_hash(tx, asked))
            callers = [self._remembered(hashed, found.get(hashed), until) for hashed in asked]
        except BaseException as error:
            for hashed in asked:
                self._asking.pop(hashed).set_exception(error if isinstance(error, Exception) else Overloaded())
            if not isinstance(error, Exception):
                raise
            return
        for hashed, caller in zip(asked, callers, strict=True):
            self._asking.pop(hashed).set_result(caller)

    def _remembered(self, hashed: str, found: tuple[ApiKey, str, AccountKind] | None, until: float) -> Caller | None:
        """Whose key it is, known from now on until a time; None if nobody's."""
        if found is None or not found[0].valid_at(self._now()):
            self._known.pop(hashed, None)
            return None
        key, currency, kind = found
        caller = Caller(key.account_id, key.id, currency, frozenset(key.scopes), kind)
        self._known[hashed] = (until, caller)
        self._known.move_to_end(hashed)
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return caller


def _taken(answer: asyncio.Future[Caller | None]) -> None:
    """See to it that asyncio does not complain of an error that nobody waits for any more."""
    if not answer.cancelled():
        answer.exception()
