"""A disk that fails a write or a sync: no purchase is acknowledged that is not on it, and the books stay sound."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Books, Running, Start, wait_until

STRACE = shutil.which("strace")
ENOUGH_BEFORE = 2
"""Purchases that are made before the disk fails."""
pytestmark = [
    pytest.mark.skipif(STRACE is None, reason="strace is not installed"),
    pytest.mark.parametrize("engine", ["sqlite"], indirect=True),  # the file is the process's own
]


@contextlib.contextmanager
def _failing(server: Running, call: str, nth: int, trace: Path) -> Iterator[None]:
    """Let the nth of these system calls of the server fail with an I/O error."""
    assert STRACE is not None
    arguments = [
        "-f",
        "-p",
        str(server.process.pid),
        "-e",
        f"trace={call}",
        "-e",
        f"inject={call}:error=EIO:when={nth}",
    ]
    with trace.open("wb") as said, subprocess.Popen([STRACE, *arguments], stderr=said) as tracing:
        wait_until(lambda: "attached" in trace.read_text() or tracing.poll() is not None)
        if tracing.poll() is not None:
            pytest.skip("processes may not be traced here")
        yield
        tracing.terminate()


def _has(books: Books, query: str) -> bool:
    """Whether the books have a row."""
    with contextlib.closing(sqlite3.connect(books.url.removeprefix("sqlite:///"))) as connection:
        return connection.execute(query).fetchone() is not None


def _buy(server: Running, books: Books, number: str) -> int:
    return _answer(server, books, number).status_code


def _answer(server: Running, books: Books, number: str) -> httpx.Response:
    body = {"phone_number": number, "price": 1.15}
    headers = {"X-Api-Key": books.key}
    return httpx.post(f"{server.url}/phone-numbers/buy/", json=body, headers=headers, timeout=30)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "nth"),
    [
        ("fdatasync", 1),
        pytest.param("pwrite64", 1, marks=pytest.mark.long),
        pytest.param("pwrite64", 2, marks=pytest.mark.long),
    ],
)
def test_a_disk_that_fails_once_acknowledges_nothing_that_is_not_on_it(
    start: Start, books: Books, tmp_path: Path, call: str, nth: int
) -> None:
    server = start("serve", "--port", "0", until="Numberdesk on", database_url=books.url)
    wait_until(lambda: _has(books, "SELECT 1 FROM agreed_time"))
    answers: dict[str, httpx.Response] = {}
    for number in books.numbers:
        if answers:
            wait_until(lambda: not _has(books, "SELECT 1 FROM events WHERE number IS NULL"))
        if len(answers) < ENOUGH_BEFORE:
            answers[number] = _answer(server, books, number)
            continue
        # A server writes every few seconds by itself: if that was what failed, another purchase is made.
        trace = tmp_path / f"trace{len(answers)}"
        with _failing(server, call, nth, trace):
            answers[number] = _answer(server, books, number)
        assert "INJECTED" in trace.read_text()
        if answers[number].status_code != 200:
            break
    # A power failure now: what a failed sync had written may or may not be there.
    server.process.kill()
    server.process.wait()
    statuses = {number: answer.status_code for number, answer in answers.items()}
    assert [*statuses.values()][:-1] == [200] * (len(statuses) - 1)
    refused = [*answers.values()][-1]
    assert refused.status_code == 503
    assert "cannot tell yet whether it did" in refused.text
    bought = {number for number, status in statuses.items() if status == 200}
    assert bought <= set(books.ordered()) <= set(statuses)
    books.check()
    again = start("serve", "--port", "0", until="Numberdesk on", database_url=books.url)
    assert {_buy(again, books, number) for number in statuses} == {200}
    assert again.stop() == 0
    assert sorted(books.ordered()) == sorted(statuses)
    books.check()
