"""A command that was told to stop hears it, whenever the signal comes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from numberdesk.cli.signals import stop_on_signals

STOPS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOPS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_that_came_before_anybody_waits_is_heard(number: signal.Signals) -> None:
    told = stop_on_signals()
    assert not told.is_set()
    signal.raise_signal(number)
    signal.raise_signal(number)
    assert told.is_set()
    told.wait()


def test_a_signal_that_comes_while_somebody_waits_is_heard() -> None:
    told = stop_on_signals()
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    told.wait()
    timer.join()
    assert told.is_set()
