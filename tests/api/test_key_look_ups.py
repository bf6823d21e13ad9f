"""Keys are looked up together: one question for all that wait, and each request learns of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from numberdesk.accounts.model import RANDOM_BYTES, ApiKey, key_hash, new_key
from numberdesk.api.auth import Authenticator
from numberdesk.core.errors import InvalidApiKey, Overloaded
from numberdesk.core.lifecycle import AccountKind
from numberdesk.infra.db import StorageFailedError
from numberdesk.infra.reader import Reader

KEYS = [new_key(bytes([place] * RANDOM_BYTES)) for place in range(5)]
STRANGE = new_key(bytes([9] * RANDOM_BYTES))


class Books:
    """A reader that knows KEYS; it counts questions, and fails them while it is `down`."""

    def __init__(self) -> None:
        self.asked = 0
        self.down: Exception | None = None

    async def look_up(self, question: Callable[[Any], Any]) -> Any:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down is not None:
            raise self.down
        return question(self)

    engine_name = "postgresql"

    def fetch(self, _text: str, _values: Any) -> list[tuple[Any, ...]]:
        return [
            (*ApiKey(f"key_{place}", f"acc_{place}", "", "", key_hash(key), "", 0, None, None, None), "USD", kind)  # type: ignore[arg-type]  # scopes as the row has them
            for place, key in enumerate(KEYS)
            for kind in [AccountKind.CUSTOMER.value]
        ]


def authenticator(books: Books) -> Authenticator:
    return Authenticator(cast("Reader", books), lambda: 0)


def test_keys_that_come_at_once_are_one_question_and_each_is_its_own_account() -> None:
    async def ask(books: Books) -> list[Any]:
        keys = [key.encode() for key in (*KEYS, *KEYS, STRANGE)]
        asker = authenticator(books)
        return await asyncio.gather(*(asker.caller(key) for key in keys), return_exceptions=True)

    books = Books()
    *known, stranger = asyncio.run(ask(books))
    assert [caller.account_id for caller in known] == [f"acc_{place}" for place in range(5)] * 2
    assert isinstance(stranger, InvalidApiKey)
    assert books.asked == 1


def test_a_question_that_fails_fails_who_waits_for_it_and_nobody_later() -> None:
    async def ask(books: Books) -> None:
        asker = authenticator(books)
        books.down = StorageFailedError("gone")
        with pytest.raises(StorageFailedError):
            await asker.caller(KEYS[0].encode())
        books.down = None
        assert (await asker.caller(KEYS[0].encode())).account_id == "acc_0"

    asyncio.run(ask(Books()))


def test_a_request_that_goes_away_leaves_the_others_their_answer() -> None:
    async def ask(books: Books) -> None:
        asker = authenticator(books)
        gone, stays = (asyncio.create_task(asker.caller(KEYS[0].encode())) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await stays).account_id == "acc_0"

    asyncio.run(ask(Books()))


def test_whoever_waits_as_the_service_ends_is_told_that_it_is_busy() -> None:
    async def ask(books: Books) -> None:
        asker = authenticator(books)
        waits = asyncio.create_task(asker.caller(KEYS[0].encode()))
        await asyncio.sleep(0)
        assert asker._asker is not None
        await asyncio.sleep(0)
        asker._asker.cancel()
        with pytest.raises(Overloaded):
            await waits

    asyncio.run(ask(Books()))
