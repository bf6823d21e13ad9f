"""Keys stay secret: wherever a client puts one, it turns up nowhere, and once revoked it opens nothing."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import psutil
import pytest

from numberdesk.accounts.model import RANDOM_BYTES, new_key
from numberdesk.api.auth import REMEMBERED_SECONDS, Authenticator
from numberdesk.core.errors import InvalidApiKey
from numberdesk.infra.db import Database
from numberdesk.infra.reader import Reader
from testbed.databases import readable
from tests.cli.conftest import Books, Running, Start, wait_until


@pytest.fixture
def server(start: Start, books: Books) -> Running:
    """A server that logs all it can."""
    return start(
        "serve", "--port", "0", until="Numberdesk on", database_url=books.url, log_level="debug", access_log="true"
    )


def _secret_part(key: str) -> str:
    """What is left of a key without the beginning that people may see."""
    return key[12:]


def _requests(key: str) -> Iterator[dict[str, Any]]:
    """A key sent as the key, and everywhere else where one may end up by mistake."""
    yield {"url": "/balance/", "headers": {"X-Api-Key": key}}
    for name in ("Authorization", "X-Api-Token", "Cookie", "User-Agent", "Referer", "Idempotency-Key", "X-Request-Id"):
        yield {"url": "/balance/", "headers": {name: key}}
    for path in (key, f"orders/{key}", f"phone-numbers/{key}", f"phone-numbers/+1{key}/release", f"api-keys/{key}/x"):
        for method in ("GET", "POST", "PUT", "DELETE"):
            yield {"method": method, "url": f"/{path}/"}
    for url in ("/balance/", "/phone-numbers/", "/phone-numbers/available-numbers/US/", "/orders/"):
        for name in ("api_key", "page_token", "phone_number", "sort", "region", "status"):
            yield {"url": url, "params": {name: key}}
    for name in ("phone_number", "price", "x"):
        body = {"phone_number": "+13612730000", "price": 1.15, name: key}
        yield {"method": "POST", "url": "/phone-numbers/buy/", "json": {**body, "per_minute_price_inbound": 9}}
    yield {"method": "POST", "url": "/phone-numbers/buy/", "content": key, "headers": {"Content-Type": key}}


def _ask_all(server: Running, key: str, caller: str) -> None:
    """Send them all; no answer repeats the key."""
    with httpx.Client(base_url=server.url) as client:
        for request in _requests(key):
            headers = {"X-Api-Key": caller, **request.pop("headers", {})}
            answer = client.request(request.pop("method", "GET"), headers=headers, **request)
            assert _secret_part(key) not in answer.text + str(answer.headers), request
            assert answer.status_code < 500, answer.text


def _raw(server: Running, key: str) -> None:
    """Requests that are no proper HTTP, with a key in them."""
    for line in (f"GET /{key} HTTP/9.9", f"{key} / HTTP/1.1", f"GET / HTTP/1.1\r\n{key} : x", key):
        reader = asyncio.run(_exchange(server.address, f"{line}\r\nHost: x\r\n\r\n".encode()))
        assert _secret_part(key).encode() not in reader


async def _exchange(address: tuple[str, int], request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    received = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return received


def _dump(books: Books) -> str:
    """Everything that the database holds, and of SQLite every byte of its files."""
    database = Database(books.url)
    try:
        with database.read() as tx:
            rows = [str(tx.fetch(f"SELECT * FROM {name}", [])) for name in readable(tx)]  # noqa: S608  our tables
    finally:
        database.close()
    file = Path(books.url.removeprefix("sqlite:///"))
    files = file.parent.glob(f"{file.name}*") if books.url.startswith("sqlite") else []
    return "".join([*rows, *(path.read_bytes().decode("latin-1") for path in files)])


def test_a_key_turns_up_in_no_log_answer_database_or_process_list(server: Running, books: Books) -> None:
    wrong = new_key(bytes(range(RANDOM_BYTES)))  # well formed, and nobody's
    broken = wrong[:-1] + ("a" if wrong[-1] != "a" else "b")
    revoked = books.command("keys", "create", books.account_id)
    books.command("keys", "revoke", revoked["id"])
    planted = (books.key, wrong, broken, revoked["key"])
    for key in planted:
        _ask_all(server, key, books.key)
        _raw(server, key)
    commands = " ".join(str(each.info["cmdline"]) for each in psutil.process_iter(["cmdline"]))
    assert server.stop() == 0
    said, dump = server.said, _dump(books)
    assert said.count('"event": "request"') > 100
    assert "nd_live_..." in said  # a path with a key was logged, without it
    assert books.account_id in dump
    for key in planted:
        assert [_secret_part(key) in text for text in (said, dump, commands)] == [False, False, False]
    assert re.findall(r"nd_(?:live|test)_\w{5,}", said) == []


def test_a_key_with_a_wrong_checksum_is_refused_without_a_look_at_the_database() -> None:
    asked = []

    class Watched:
        async def look_up(self, question: object) -> dict[str, object]:
            asked.append(question)
            return {}

    authenticator = Authenticator(cast("Reader", Watched()), lambda: 0)
    right = new_key(bytes(range(RANDOM_BYTES)))
    swapped = right[:20] + right[21] + right[20] + right[22:]
    for key in (
        right[:-1] + ("a" if right[-1] != "a" else "b"),
        swapped,
        right[:-1],
        right + "a",
        "x" * len(right),
        "",
    ):
        with pytest.raises(InvalidApiKey):
            asyncio.run(authenticator.caller(key.encode()))
    assert asked == []
    with pytest.raises(InvalidApiKey):
        asyncio.run(authenticator.caller(right.encode()))
    assert len(asked) == 1


@pytest.mark.parametrize(("engine", "workers"), [("sqlite", 1), ("postgresql", 3)], indirect=["engine"])
def test_a_revoked_key_stops_working_on_every_process_and_never_works_again(
    start: Start, books: Books, workers: int
) -> None:
    assert REMEMBERED_SECONDS < 1
    server = start("serve", "--port", "0", "--workers", str(workers), until="Numberdesk on", database_url=books.url)
    spare = books.command("keys", "create", books.account_id)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(headers={"X-Api-Key": spare["key"]})) for _ in range(10 * workers)]
        assert {client.get(f"{server.url}/balance/").status_code for client in clients} == {200}
        books.command("keys", "revoke", spare["id"])
        wait_until(lambda: {client.get(f"{server.url}/balance/").status_code for client in clients} == {401})
        again = [client.get(f"{server.url}/balance/").status_code for _ in range(5) for client in clients]
    assert set(again) == {401}
    assert httpx.get(f"{server.url}/balance/", headers={"X-Api-Key": books.key}).status_code == 200
