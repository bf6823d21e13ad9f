"""A disk that fails a write or a sync: no purchase is acknowledged that is not on it, and the books stay sound."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Books, Running, Start, wait_until

STRACE = shutil.which("strace")
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


def _has_agreed_on_time(books: Books) -> bool:
    with contextlib.closing(sqlite3.connect(books.url.removeprefix("sqlite:///"))) as connection:
        return connection.execute("SELECT 1 FROM agreed_time").fetchone() is not None


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
        ("fdatasync", 3),
        pytest.param("pwrite64", 1, marks=pytest.mark.long),
        pytest.param("fdatasync", 1, marks=pytest.mark.long),
        pytest.param("pwrite64", 2, marks=pytest.mark.long),
    ],
)
def test_a_disk_that_fails_once_acknowledges_nothing_that_is_not_on_it(
    start: Start, books: Books, tmp_path: Path, call: str, nth: int
) -> None:
    server = start("serve", "--port", "0", until="Numberdesk on", database_url=books.url)
    wait_until(lambda: _has_agreed_on_time(books))  # the only thing that a server without work writes by itself
    with _failing(server, call, nth, tmp_path / "trace"):
        answers = {number: _answer(server, books, number) for number in books.numbers[:3]}
        statuses = {number: answer.status_code for number, answer in answers.items()}
        # A power failure now: what a failed sync had written may or may not be there.
        server.process.kill()
        server.process.wait()
    assert re.search("INJECTED", (tmp_path / "trace").read_text())
    assert sorted(statuses.values()) == [200, 200, 503]
    refused = next(answer for answer in answers.values() if answer.status_code == 503)
    assert "cannot tell yet whether it did" in refused.text
    bought = {number for number, status in statuses.items() if status == 200}
    assert bought <= set(books.ordered()) <= set(statuses)
    books.check()
    again = start("serve", "--port", "0", until="Numberdesk on", database_url=books.url)
    assert {_buy(again, books, number) for number in statuses} == {200}
    assert again.stop() == 0
    assert sorted(books.ordered()) == sorted(statuses)
    books.check()
