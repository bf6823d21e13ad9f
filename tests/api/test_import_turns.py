"""Imports over HTTP at once: they take threads, and leave those that names of hosts are looked up with."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import pytest

from numberdesk.accounts.model import Caller
from numberdesk.api.endpoint import ApiRequest
from numberdesk.api.routes.admin_inventory import ImportQuery, import_inventory
from numberdesk.catalog.model import ListingChunk, SavedChunk
from numberdesk.infra.db import Tx
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import Services, build

THREADS: Final = 3
"""Of the event loop's own pool, in which names of hosts are looked up too. A machine with one core has five."""

IMPORTS: Final = 3 * THREADS
HEADER: Final = "phone_number,monthly_price,currency\n"


class Gate:
    """Saves numbers when it is opened, and not before."""

    def __init__(self, services: Services) -> None:
        self.opened = threading.Event()
        self.reached: Callable[[], object] = lambda: None
        self.services = dataclasses.replace(services, save_listings=self.save)
        self._save = services.save_listings

    def save(self, tx: Tx, chunks: Sequence[ListingChunk]) -> list[SavedChunk]:
        self.reached()
        assert self.opened.wait(60)
        return self._save(tx, chunks)


@pytest.fixture
def gate(database_url: str) -> Iterator[Gate]:
    services = build(load_settings(database_url=database_url))
    services.writer.start()
    gate = Gate(services)
    yield gate
    gate.opened.set()
    services.close()


def an_import(gate: Gate, place: int) -> ApiRequest:
    """A request with a file of one number."""
    body = f"{HEADER}+1361273{8800 + place},1.15,USD\n".encode()

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    caller = Caller("acc_1", "key_1", "USD", frozenset({"admin"}))
    headers = {b"content-type": b"text/csv"}
    return ApiRequest(gate.services, caller, "req_1", 0, {}, ImportQuery(), None, headers, receive)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the threads are the process's, whatever the engine
def test_a_name_is_looked_up_while_more_imports_wait_than_there_are_threads(gate: Gate) -> None:
    async def story() -> list[Any]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS))
        reached = asyncio.Event()
        gate.reached = partial(loop.call_soon_threadsafe, reached.set)
        imports = [asyncio.ensure_future(import_inventory(an_import(gate, place))) for place in range(IMPORTS)]
        await reached.wait()
        for _ in range(10):  # all others have come as far as they can
            await asyncio.sleep(0.01)
        assert not any(each.done() for each in imports)
        async with asyncio.timeout(30):
            assert await loop.getaddrinfo("127.0.0.1", 80)
        gate.opened.set()
        return await asyncio.gather(*imports)

    answers = asyncio.run(story())
    assert [answer.data.new for answer in answers] == [1] * IMPORTS
