"""A request of somebody who is signed in, and what it asks of the API's endpoints.

Touches: nothing.

The console is a client of the endpoints within the process: what a page shows and does is what the same key is shown
and may do by the API, with the same checks, limits and words. No page has rules of its own.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.types import Receive

from numberdesk.accounts.actions import Action
from numberdesk.accounts.model import Caller
from numberdesk.accounts.session_store import Signed
from numberdesk.api.endpoint import (
    ENDPOINTS,
    ApiRequest,
    ApiResponse,
    Endpoint,
    EntryPoint,
    RefusedResponse,
    StreamedResponse,
    action_of,
    require_right,
)
from numberdesk.api.request_body import Headers
from numberdesk.api.shapes import NoQuery, decode_body, decode_query
from numberdesk.console.forms import Form
from numberdesk.console.guards import Origin
from numberdesk.console.imports import Imports
from numberdesk.console.passwords import PasswordChecks
from numberdesk.console.rehearsal import Rehearsal
from numberdesk.core.errors import Forbidden, NumberdeskError
from numberdesk.core.periods import iso_or_none
from numberdesk.core.roles import Via
from numberdesk.infra.attribution import attributed_to


@functools.cache
def endpoint_named(name: str) -> Endpoint:
    """The endpoint of a method and a path, such as `GET /orders/{order_id}`. Raises KeyError."""
    return {f"{each.method} {re.sub(r':[a-z]+}', '}', each.path)}": each for each in ENDPOINTS}[name]


def may(caller: Caller, name: str) -> bool:
    """Whether somebody may ask an endpoint."""
    try:
        require_right(endpoint_named(name), caller)
    except Forbidden:
        return False
    return True


@dataclass(slots=True)
class Visit:
    """A request to a page. `error` is what was wrong with a form that the page shows again, with what was sent."""

    entry_point: EntryPoint
    signed: Signed
    request_id: str
    now: int
    path: dict[str, str]
    address: str
    query: Form
    form: Form
    headers: Headers
    receive: Receive
    passwords: PasswordChecks
    imports: Imports
    origin: Origin
    rehearsal: Rehearsal | None = None
    client: str = ""
    error: NumberdeskError | None = None
    said: str | None = None
    shown_once: dict[str, Any] = field(default_factory=dict)

    @property
    def caller(self) -> Caller:
        """Whose rights the visitor has."""
        return self.signed.caller

    @property
    def acting_until(self) -> str | None:
        """Until when the visitor acts for a customer."""
        return iso_or_none(self.signed.session.acting_until)

    def asked(self, name: str) -> str:
        """A field of the query string; empty where there is none."""
        return self.query.get(name, [""])[-1].strip()

    def sent(self, name: str, otherwise: str = "") -> str:
        """A field of the form that was sent, to be shown again."""
        return self.form[name][-1] if name in self.form else otherwise

    @property
    def form_values(self) -> dict[str, str]:
        """The fields of the form, each with its last value."""
        return {name: values[-1] for name, values in self.form.items()}

    def filled(self, *names: str) -> dict[str, str]:
        """Those fields of the form that are not empty."""
        found = {name: self.sent(name).strip() for name in names}
        return {name: value for name, value in found.items() if value}

    def may(self, name: str) -> bool:
        """Whether the visitor may ask an endpoint."""
        return may(self.caller, name)

    def action(self, what: str, object_id: str = "") -> Action:
        """What the visitor does here without asking an endpoint, for the record."""
        now, account_id = self.now, self.caller.account_id
        act_id = self.entry_point.services.new_id("act")
        return Action(act_id, now, account_id, Via.CONSOLE, self.caller.key_id, what, object_id, address=self.client)

    async def ask(
        self,
        name: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
        receive: Receive | None = None,
        headers: Headers | None = None,
    ) -> ApiResponse:
        """Ask an endpoint as the API would be asked with the visitor's key. Raises what the endpoint raises."""
        answer = await self._answer(name, path or {}, query or {}, body or {}, key, receive, headers or {})
        if not isinstance(answer, ApiResponse):
            raise TypeError(f"{name} answers in another form than JSON")
        return answer

    async def ask_as(self, media_type: str, name: str, *, path: Mapping[str, str]) -> StreamedResponse:
        """Ask an endpoint for another form than JSON. Raises what the endpoint raises."""
        answer = await self._answer(name, path, {}, {}, None, None, {b"accept": media_type.encode()})
        if not isinstance(answer, StreamedResponse):
            raise TypeError(f"{name} does not answer in {media_type}")
        return answer

    async def _answer(
        self,
        name: str,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any],
        key: str | None,
        receive: Receive | None,
        headers: Headers,
    ) -> object:
        described = endpoint_named(name)
        require_right(described, self.caller)
        asked = urlencode({k: v for k, v in query.items() if v not in ("", None)}, doseq=True)
        decoded = None if described.body is None else decode_body(json.dumps(body).encode(), described.body)
        request = ApiRequest(
            self.entry_point.services,
            self.caller,
            self.request_id,
            self.now,
            dict(path),
            decode_query(asked.encode(), described.query or NoQuery),
            decoded,
            headers,
            receive or self.receive,
            key,
        )
        if described.method == "GET":
            answer = await described.handler(request)
        else:
            with attributed_to(action_of(described, request, Via.CONSOLE, self.client)):
                answer = await described.handler(request)
        if isinstance(answer, RefusedResponse):
            raise answer.error
        return answer
