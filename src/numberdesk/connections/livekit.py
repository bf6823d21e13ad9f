"""The API of a LiveKit server, as far as it is needed: which numbers an inbound trunk has, and changing that.

Touches: nothing.

Requests are Twirp: JSON by POST, with a token that lasts a minute, made from the API key and its secret. To add a
number that is there and to remove one that is not change nothing, so they are safe to repeat.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from numberdesk.core.connecting import THEIR_WORDS
from numberdesk.core.connection import LiveKitRoute, NotConnected
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.trunk_number import InTrunk, OffTrunk, TrunkAnswer
from numberdesk.infra.egress import PUBLIC_ONLY, Egress
from numberdesk.infra.http import Http, HttpClient, HttpRequest, HttpResponse, NoAnswerError, NotSentError

_LASTS: Final = 60
_EARLIER: Final = 10
"""Seconds that the server's clock may be behind ours."""

_MOST_BYTES: Final = 1 << 20
_OK: Final = 200
_DENIED: Final = (401, 403)
_LONGEST_SAID: Final = 200
_NOT_FOUND: Final = "not_found"


class LiveKitError(Exception):
    """The server could not be asked, or said no: the text is for people and holds no secret.

    `code` is Twirp's word. It `is_gone`: there is no such trunk.
    """

    def __init__(self, message: str, code: str = "") -> None:
        self.code = code
        self.is_gone = code == _NOT_FOUND
        super().__init__(message)


def access_token(api_key: str, api_secret: str, now: int) -> str:
    """A token with which SIP trunks may be read and changed, for a minute from `now` (microseconds)."""
    seconds = now // MICROSECONDS
    claims = {
        "iss": api_key,
        "sub": "numberdesk",
        "nbf": seconds - _EARLIER,
        "exp": seconds + _LASTS,
        "sip": {"admin": True},
    }
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    seal = hmac.new(api_secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64(seal)}"


def _part(content: dict[str, Any]) -> str:
    return _base64(json.dumps(content, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class LiveKitTrunks:
    """Trunks of LiveKit servers. `now` is the time of day in microseconds, `egress` says where requests may go."""

    def __init__(
        self, now: Callable[[], int], *, egress: Egress = PUBLIC_ONLY, http: Callable[[Egress], Http] | None = None
    ) -> None:
        self._now = now
        self._egress = egress
        self._new_http = http or (lambda egress: HttpClient(egress=egress, most_bytes=_MOST_BYTES))
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Http] = WeakKeyDictionary()

    async def close(self) -> None:
        """Close the connections of this event loop."""
        http = self._loops.pop(asyncio.get_running_loop(), None)
        if isinstance(http, HttpClient):
            await http.close()

    def _http(self) -> Http:
        loop = asyncio.get_running_loop()
        http = self._loops.get(loop)
        if http is None:
            http = self._loops[loop] = self._new_http(self._egress)
        return http

    async def put_in(self, route: LiveKitRoute, e164: str) -> TrunkAnswer:
        """Have a number in the trunk. Raises nothing."""
        return await self._changed(route, "add", e164)

    async def take_off(self, route: LiveKitRoute, e164: str) -> TrunkAnswer:
        """Have a number not in the trunk; where there is no such trunk any more that is so. Raises nothing."""
        return await self._changed(route, "remove", e164)

    async def numbers(self, route: LiveKitRoute) -> frozenset[str]:
        """The numbers that the trunk has. Raises LiveKitError."""
        answer = await self._ask(route, "ListSIPInboundTrunk", {"trunk_ids": [route.trunk_id]})
        items = answer.get("items")
        mine = [one for one in items if _is_trunk(one, route.trunk_id)] if isinstance(items, list) else []
        if not mine:
            raise LiveKitError(f"the server has no inbound trunk {route.trunk_id}", _NOT_FOUND)
        return _numbers_of(mine[0])

    async def _changed(self, route: LiveKitRoute, how: str, e164: str) -> TrunkAnswer:
        wanted = {"sip_trunk_id": route.trunk_id, "update": {"numbers": {how: [e164]}}}
        try:
            is_in = e164 in _numbers_of(await self._ask(route, "UpdateSIPInboundTrunk", wanted))
        except LiveKitError as error:
            gone = how == "remove" and error.code == _NOT_FOUND
            return OffTrunk() if gone else NotConnected(f"{THEIR_WORDS}{error}")
        if is_in is (how == "add"):
            return InTrunk() if is_in else OffTrunk()
        return NotConnected(f"{THEIR_WORDS}the server says yes, and its trunk is not as it was asked for")

    async def _ask(self, route: LiveKitRoute, method: str, content: dict[str, Any]) -> dict[str, Any]:
        token = access_token(route.api_key, route.api_secret, self._now())
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = f"{route.server_url}/twirp/livekit.SIP/{method}"
        try:
            answer = await self._http().send(HttpRequest("POST", url, headers, json.dumps(content).encode()))
        except (NotSentError, NoAnswerError) as error:
            raise LiveKitError(str(error)) from None
        return _read(answer, route)


def _read(answer: HttpResponse, route: LiveKitRoute) -> dict[str, Any]:
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        content = None
    if answer.status == _OK and isinstance(content, dict):
        return content
    code = content.get("code") if isinstance(content, dict) else None
    code = code if isinstance(code, str) else ""
    if answer.status in _DENIED:
        raise LiveKitError("the server does not take the API key, or its secret, for changing SIP trunks", code)
    if code == _NOT_FOUND:
        raise LiveKitError(f"the server has no inbound trunk {route.trunk_id}", code)
    said = content.get("msg") if isinstance(content, dict) else None
    words = f": {_printable(said)}" if isinstance(said, str) and said else ""
    raise LiveKitError(f"the server answered {answer.status}{words}", code)


def _is_trunk(item: object, trunk_id: str) -> bool:
    return isinstance(item, dict) and trunk_id in (item.get("sip_trunk_id"), item.get("sipTrunkId"))


def _numbers_of(trunk: dict[str, Any]) -> frozenset[str]:
    found: Sequence[Any] = trunk.get("numbers") or ()
    return frozenset(one for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text[:_LONGEST_SAID])
