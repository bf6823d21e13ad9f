"""What one account may have waiting for the writer: its share and no more, so that others still buy."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from numberdesk.infra.db import Tx
from tests.api.conftest import Shop


@contextmanager
def writer_at_work(shop: Shop) -> Iterator[None]:
    """The writer is in the middle of something for as long as this lasts."""
    began, may_end = threading.Event(), threading.Event()

    def flow(_tx: Tx, commands: Sequence[None]) -> list[None]:
        began.set()
        may_end.wait(3)
        return list(commands)

    thread = threading.Thread(target=lambda: asyncio.run(shop.services.writer.submit(flow, None)))
    thread.start()
    assert began.wait(30)
    try:
        yield
    finally:
        may_end.set()
        thread.join()


def wait_until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.01)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the queue, whatever is behind it
def test_an_account_that_posts_as_many_purchases_as_it_can_leaves_others_room_for_theirs(
    other_shop: Callable[..., Shop],
) -> None:
    shop = other_shop(queue_limit=5)
    greedy, other = shop.customer(), shop.customer()
    numbers, wanted = [shop.number() for _ in range(3)], shop.number()
    writer = shop.services.writer
    with ThreadPoolExecutor(3) as pool:
        with writer_at_work(shop):
            mine = [pool.submit(greedy.buy, number) for number in numbers[:2]]
            wait_until(lambda: writer.waiting == 3)
            refused = greedy.buy(numbers[2])
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
            assert refused.headers["retry-after"] == "1"
            theirs = pool.submit(other.buy, wanted)
            wait_until(lambda: writer.waiting == 4)
        assert [answer.result().status_code for answer in (*mine, theirs)] == [200, 200, 200]
    assert greedy.buy(numbers[2]).status_code == 200
