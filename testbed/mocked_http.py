"""Adapters against the mock of carriers without a socket, in a test's own time.

Touches: nothing.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from carrier_mock.carriers import Carriers
from carrier_mock.exchange import Request, parse_target
from carrier_mock.settings import Settings
from numberdesk.infra.http import HttpRequest, HttpResponse


class MockedHttp:
    """What adapters send requests through: the mock answers at once. `now` is its clock."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._carriers = Carriers(tuple, Settings())
        self._now = now
        self._serials = itertools.count(1)
        self.asked: list[str] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        parts = urlsplit(request.url)
        self.asked.append(f"{request.method} {parts.path}")
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._answer(request.method, f"{parts.path}?{parts.query}", headers, request.body)
        return HttpResponse(answer.status, dict(answer.headers), answer.body)

    def control(self, path: str, **content: Any) -> Any:
        """Tell the control endpoint something."""
        answer = self._answer("POST", f"/control/{path}", {}, json.dumps(content).encode())
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        path, query = parse_target(target)
        token = f"{next(self._serials):032x}"
        return self._carriers.handle(Request(method, path, query, headers, body), self._now(), token).answer
