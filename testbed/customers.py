"""Customers who buy over HTTP and keep their own record of what they were told, to hold the books against."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

_PATIENCE: Final = 30.0


class Wish(NamedTuple):
    """One purchase that a customer wants: sent again unchanged until it is answered."""

    account_id: str
    key: str
    e164: str
    idempotency_key: str | None


class FinalAnswer(NamedTuple):
    """A final answer."""

    status: int
    body: bytes


class Customers:
    """Several customers at once, each with a connection and wishes. `told` is their record."""

    def __init__(self, wishes: Iterable[Wish], *, count: int = 8) -> None:
        self.told: dict[Wish, FinalAnswer] = {}
        self.contradictions: list[tuple[Wish, FinalAnswer, FinalAnswer]] = []
        self.unanswered = 0
        self._wishes = list(wishes)
        self._count = count
        self._recording = threading.Lock()
        self._progress = threading.Condition(self._recording)

    @property
    def open(self) -> list[Wish]:
        """Wishes without a final answer."""
        return [wish for wish in self._wishes if wish not in self.told]

    @property
    def bought(self) -> list[Wish]:
        """Wishes that came true, as far as the customers know."""
        return [wish for wish, told in list(self.told.items()) if told.status == 200]

    @contextlib.contextmanager
    def once_told(self, answers: int, event: Callable[[], None]) -> Iterator[None]:
        """Let something happen, in a thread of its own, when the customers have had so many answers.

        It is waited for at the end. If they never have so many it does not happen.
        """
        ended = False

        def watch() -> None:
            with self._progress:
                self._progress.wait_for(lambda: ended or len(self.told) >= answers)
                due = len(self.told) >= answers
            if due:
                event()

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield
        finally:
            with self._progress:
                ended = True
                self._progress.notify_all()
            watching.join()

    def ask(self, port: int, wishes: Sequence[Wish] | None = None) -> None:
        """Send every open wish (or these) once; a customer stops when nobody answers any more."""
        asked = self.open if wishes is None else wishes
        threads = [
            threading.Thread(target=self._ask_all, args=(port, asked[place :: self._count]))
            for place in range(self._count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask_all(self, port: int, wishes: Sequence[Wish]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        try:
            for wish in wishes:
                self._hear(wish, _answer(connection, wish))
        except (OSError, http.client.HTTPException):
            with self._recording:
                self.unanswered += 1
        finally:
            connection.close()

    def _hear(self, wish: Wish, told: FinalAnswer) -> None:
        if told.status >= 500 or told.status == 202:  # said to be no answer: the same request again is safe
            return
        with self._recording:
            before = self.told.setdefault(wish, told)
            if _meaning(before) != _meaning(told):
                self.contradictions.append((wish, before, told))
            self._progress.notify_all()


def _meaning(told: FinalAnswer) -> tuple[int, object]:
    """A purchase is replayed byte for byte. A refusal may name the request that was refused, and of what is left."""
    return told.status, told.body if told.status == 200 else json.loads(told.body)["error"]["code"]


def _answer(connection: http.client.HTTPConnection, wish: Wish) -> FinalAnswer:
    headers = {"X-Api-Key": wish.key, "Content-Type": "application/json"}
    if wish.idempotency_key is not None:
        headers["Idempotency-Key"] = wish.idempotency_key
    body = json.dumps({"phone_number": wish.e164, "price": 1.15})
    connection.request("POST", "/api/v1/phone-numbers/buy/", body, headers)
    response = connection.getresponse()
    return FinalAnswer(response.status, response.read())
