"""A fake LiveKit server: inbound trunks and their numbers, asked by Twirp with tokens that it checks.

Touches: clock.

It answers as the published protocol says: tokens are checked by a library that does nothing else, numbers are added and
removed as sets, and a trunk that would be left with nothing that keeps strangers out is refused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt

from numberdesk.infra.http import HttpRequest, HttpResponse, NotSentError

URL = "https://acme-4f2k.livekit.cloud"
API_KEY, API_SECRET, TRUNK = "APIacme", "a-secret-of-livekit-that-is-long-enough", "ST_front"


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, msg: str) -> None:
        self.answer = status, {"code": code, "msg": msg}
        super().__init__(msg)


@dataclass
class LiveKitServer:
    """A server at `url`. `down` answers nothing, `lies` says yes and does nothing. `now` is its clock, in seconds."""

    url: str = URL
    trunks: dict[str, list[str]] = field(default_factory=lambda: {TRUNK: []})
    keys: dict[str, str] = field(default_factory=lambda: {API_KEY: API_SECRET})
    open_trunks: set[str] = field(default_factory=lambda: {TRUNK})
    asked: list[str] = field(default_factory=list)
    now: Callable[[], float] = time.time
    down: bool = False
    lies: bool = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        """What a client's request comes to, as `infra.http` would answer."""
        parts = urlsplit(request.url)
        if self.down or f"{parts.scheme}://{parts.netloc}" != self.url:
            raise NotSentError("no connection in time")
        status, content = self.answer(request.method, parts.path, dict(request.headers), request.body)
        return HttpResponse(status, {"content-type": "application/json"}, json.dumps(content).encode())

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and content."""
        service, _, name = path.rpartition("/")
        does = {"UpdateSIPInboundTrunk": self._update, "ListSIPInboundTrunk": self._list}.get(name)
        if method != "POST" or service != "/twirp/livekit.SIP" or does is None:
            return 404, {"code": "bad_route", "msg": f"no handler for path {path}"}
        self.asked.append(name)
        try:
            self._check(headers.get("Authorization", ""))
            return 200, does(json.loads(body))
        except _RefusedError as refused:
            return refused.answer

    def _check(self, authorization: str) -> None:
        token = authorization.removeprefix("Bearer ")
        try:
            issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
            options: Any = {"require": ["exp", "iss"], "verify_nbf": False, "verify_exp": False}
            claims = jwt.decode(token, self.keys[issuer], algorithms=["HS256"], options=options)
        except (jwt.InvalidTokenError, KeyError):
            raise _RefusedError(401, "unauthenticated", "invalid authorization token") from None
        if not claims.get("sip", {}).get("admin") or not claims["nbf"] <= self.now() < claims["exp"]:
            raise _RefusedError(401, "unauthenticated", "permissions denied")

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        trunk_id, change = asked["sip_trunk_id"], asked["update"]["numbers"]
        if trunk_id not in self.trunks:
            raise _RefusedError(404, "not_found", "object cannot be found")
        if set(change) - {"add", "remove"} or not any(change.values()):
            raise _RefusedError(400, "invalid_argument", "unsupported list update operation")
        numbers = [one for one in self.trunks[trunk_id] if one not in change.get("remove", ())]
        numbers += [one for one in change.get("add", ()) if one not in numbers]
        if not numbers and trunk_id not in self.open_trunks:
            raise _RefusedError(400, "invalid_argument", "for security, one of the fields must be set: Numbers")
        if not self.lies:
            self.trunks[trunk_id] = numbers
        return self._shown(trunk_id)

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        wanted = asked.get("trunk_ids") or list(self.trunks)
        return {"items": [self._shown(one) if one in self.trunks else None for one in wanted]}

    def _shown(self, trunk_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = {"sip_trunk_id": trunk_id, "name": "front desk"}
        if self.trunks[trunk_id]:
            shown["numbers"] = list(self.trunks[trunk_id])
        return shown
