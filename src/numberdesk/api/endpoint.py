"""What every endpoint has in common: key, scope, decoding, the envelope.

Touches: database.

A handler is a plain function of an `ApiRequest` that returns an `ApiResponse` or raises an error of the
tree. `endpoint` keeps its description, from which routes and the OpenAPI document are built:
what is documented is what is decoded and checked.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope

from numberdesk.accounts.actions import Action, kept_details
from numberdesk.accounts.model import Caller
from numberdesk.accounts.model import Scope as KeyScope
from numberdesk.api.auth import Authenticator, basic_pair, takes_basic
from numberdesk.api.client_address import client_address
from numberdesk.api.errors import ENCODER, failure
from numberdesk.api.limits import RateLimits
from numberdesk.api.request_body import Headers, read_body
from numberdesk.api.rights import right_of
from numberdesk.api.shapes import LONGEST_ID, NoBody, NoQuery, as_written, decode_body, decode_query
from numberdesk.core.errors import (
    Forbidden,
    InvalidRequest,
    NumberdeskError,
    UnsupportedMediaType,
)
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.roles import Via, may_change
from numberdesk.core.text import TextError, parse_token
from numberdesk.infra.attribution import attributed_to
from numberdesk.infra.db import Tx
from numberdesk.wiring import Services

Result = TypeVar("Result")

BASE: Final = "/api/v1"
"""The path that all endpoints live under."""

JSON: Final = "application/json"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_UNCACHED: Final = {"Cache-Control": "no-store"}
"""On every answer of an endpoint: it tells of money, numbers or keys, to whoever has the key."""

_ONE_VALUE: Final = frozenset(
    {b"authorization", b"content-encoding", b"content-length", b"content-type", b"idempotency-key", b"x-api-key"}
)
"""Headers that are read here, and so must not say two things at once."""

KEY_REFUSAL: Final = "is not taken by this request; send it without"
"""Why a key is refused where nothing more can be said."""

LONGEST_KEY: Final = 255

_OF_ALL_ACCOUNTS: Final = frozenset({None, KeyScope.KEYS_MANAGE, KeyScope.ADMIN})
"""Scopes of endpoints that are of use to operators: the others are about a wallet and rented numbers."""

_UNATTRIBUTED: Final = frozenset({KeyScope.NUMBERS_BUY, KeyScope.USAGE_WRITE, KeyScope.ROUTING_READ})
"""What programs do by the API again and again, and what orders and calls tell of by themselves."""

_TYPE_IN_PATH: Final = re.compile(r":[a-z]+\}")

_FOR_CUSTOMERS: Final = (
    "This key is of an operators' account, which has no wallet and rents no numbers. Use a key of a customer's "
    "account, or the paths under /admin."
)


@dataclass(slots=True)
class EntryPoint:
    """What the HTTP entry point keeps beside the services."""

    services: Services
    authenticator: Authenticator
    rate_limits: RateLimits


@dataclass(slots=True)
class ApiRequest:
    """One request, decoded: `body` and `query` are of the endpoint's shapes."""

    services: Services
    caller: Caller
    request_id: str
    now: int
    path: dict[str, Any]
    query: Any
    body: Any
    headers: Headers
    receive: Receive
    idempotency_key: str | None = None
    is_head: bool = False

    async def read(self, question: Callable[[Tx], Result]) -> Result:
        """Ask the database something for the caller's account, when it is its turn. Raises RateLimited."""
        return await self.services.reader.read(question, for_account=self.caller.account_id)

    async def read_back(self, question: Callable[[Tx], Result]) -> Result:
        """Ask for a few rows by their keys, to show what was just written: it was done, so it is never refused."""
        return await self.services.reader.look_up(question)


@dataclass(slots=True)
class ApiResponse:
    """A success. `rest` stands beside data in the envelope, such as page."""

    data: Any
    message: str = "OK"
    status: int = 200
    rest: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RefusedResponse:
    """A refusal that was decided earlier and is answered again with its first request's id."""

    error: NumberdeskError
    request_id: str


@dataclass(slots=True)
class StreamedResponse:
    """A success in another form than JSON, sent piece by piece as it is made. One that breaks off is cut short."""

    pieces: AsyncIterator[str]
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class DocumentResponse:
    """An answer in the asker's own form and status, cached as its headers say."""

    content: bytes
    media_type: str
    status: int
    headers: dict[str, str]


Handler = Callable[[ApiRequest], Awaitable[ApiResponse | RefusedResponse | StreamedResponse | DocumentResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The description of an endpoint: what it takes, what it gives, what can go wrong."""

    method: Method
    path: str
    handler: Handler
    summary: str
    tag: str
    scope: str | None
    query: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None
    raw_body: str | None
    data: Any
    paged: bool
    errors: tuple[str, ...]
    example: Any
    answer_example: Any
    other_paths: tuple[str, ...]
    pending: Any = None
    pending_example: Any = None
    takes_key: bool = False
    key_refusal: str = KEY_REFUSAL
    operators_too: bool = False
    raw_limit: str = "import_limit_bytes"
    other_forms: tuple[str, ...] = ()
    loose: bool = False
    raw_item: type[msgspec.Struct] | None = None


ENDPOINTS: Final[list[Endpoint]] = []
"""Every endpoint, in the order in which the modules define them."""


def endpoint(
    method: Method,
    path: str,
    *,
    summary: str,
    tag: str,
    data: Any,
    scope: str | None,
    query: type[msgspec.Struct] | None = None,
    body: type[msgspec.Struct] | None = None,
    raw_body: str | None = None,
    paged: bool = False,
    errors: tuple[str, ...] = (),
    example: Any = None,
    answer_example: Any = None,
    other_paths: tuple[str, ...] = (),
    pending: Any = None,
    pending_example: Any = None,
    takes_key: bool = False,
    key_refusal: str = KEY_REFUSAL,
    operators_too: bool = False,
    raw_limit: str = "import_limit_bytes",
    other_forms: tuple[str, ...] = (),
    loose: bool = False,
    raw_item: type[msgspec.Struct] | None = None,
) -> Callable[[Handler], Handler]:
    """Declare a handler. `data` is the type of the answer's data, `errors` the codes beyond the usual ones.

    `pending` is the type of the data of a 202, where that can be the answer; `data` is None where it always is.
    `takes_key`: an Idempotency-Key makes the request safe to repeat; else one is refused, and `key_refusal` says why.
    `operators_too`: it answers keys of operators' accounts, though its scope is one of customers.
    `raw_limit`: the setting that bounds a body which the handler reads itself; `raw_item`: what it is an array of.
    `other_forms`: media types in which the same is answered to a client that would rather have them than JSON.
    `loose`: the handler reads the query itself, which may hold more than is described.
    """

    def declare(handler: Handler) -> Handler:
        ENDPOINTS.append(
            Endpoint(
                method, path, handler, summary, tag, scope, query, body, raw_body, data, paged, errors, example,
                answer_example, other_paths, pending, pending_example, takes_key, key_refusal,
                operators_too or scope in _OF_ALL_ACCOUNTS, raw_limit, other_forms, loose, raw_item,
            )
        )  # fmt: skip
        return handler

    return declare


async def respond(described: Endpoint, entry_point: EntryPoint, scope: Scope, receive: Receive) -> Response:
    """Answer one request to an endpoint. Raises what the handler raises, and what is wrong with the request."""
    request = await _ask(described, entry_point, scope, receive)
    if described.method != "GET" and described.scope not in _UNATTRIBUTED:
        address = client_address(scope, entry_point.services.settings.trusted_proxies)
        with attributed_to(action_of(described, request, Via.API, address)):
            answer = await described.handler(request)
    else:
        answer = await described.handler(request)
    if isinstance(answer, RefusedResponse):
        return failed(answer.error, answer.request_id)
    if isinstance(answer, StreamedResponse):
        return StreamingResponse(answer.pieces, 200, answer.headers | _UNCACHED, answer.media_type)
    if isinstance(answer, DocumentResponse):
        return Response(answer.content, answer.status, answer.headers, answer.media_type)
    content = ENCODER.encode({"success": True, "message": answer.message, "data": answer.data, **answer.rest})
    return Response(content, answer.status, answer.headers | _UNCACHED, JSON)


def action_of(described: Endpoint, request: ApiRequest, via: Via, address: str) -> Action:
    """What a request does, for the record. The account is the path's, for operators, or else the caller's."""
    of_admin = described.scope == KeyScope.ADMIN
    path = {name: str(value) for name, value in request.path.items()}
    fields = {} if request.body is None else as_written(request.body)
    asked = msgspec.structs.asdict(request.query) if isinstance(request.query, msgspec.Struct) else {}
    return Action(
        request.services.new_id("act"),
        request.now,
        path.get("account_id", "") if of_admin else request.caller.account_id,
        via,
        request.caller.key_id,
        f"{described.method} {_TYPE_IN_PATH.sub('}', described.path)}",
        list(path.values())[-1][:LONGEST_ID] if path else "",
        kept_details({**asked, **msgspec.to_builtins(fields, str_keys=True, enc_hook=str)}),
        address,
    )


def failed(error: NumberdeskError, request_id: str, headers: dict[str, str] | None = None) -> Response:
    """The response of a failure, with `headers` beside its own."""
    status, own, content = failure(error, request_id)
    return Response(content, status, own | (headers or {}) | _UNCACHED, JSON)


def require_right(described: Endpoint, caller: Caller) -> None:
    """Raise Forbidden unless a caller may ask an endpoint."""
    if described.scope is not None and described.scope not in caller.scopes:
        raise Forbidden(f"This key lacks the scope {described.scope}.", {"scope": described.scope})
    if caller.kind is AccountKind.OPERATOR and not described.operators_too:
        raise Forbidden(_FOR_CUSTOMERS, {"account": caller.kind.value})
    if described.method == "GET" or caller.role is None or described.scope != KeyScope.ADMIN:
        return
    if not may_change(caller.role, right_of(described.method, described.path)):
        raise Forbidden(f"Your role, {caller.role.value}, may look here and not do this.", {"role": caller.role.value})


async def _ask(described: Endpoint, entry_point: EntryPoint, scope: Scope, receive: Receive) -> ApiRequest:
    headers = _read_headers(scope)
    caller = await entry_point.authenticator.caller(_sent_key(headers, scope["path"].removeprefix(BASE)))
    entry_point.rate_limits.spend(caller.account_id, caller.key_id)
    require_right(described, caller)
    key = _idempotency_key(described, headers)
    sent: bytes = scope["query_string"]
    query: Any = sent if described.loose else decode_query(sent, described.query or NoQuery)
    body = None
    if described.body is not None:
        _require_json(headers)
        body = decode_body(
            await read_body(headers, receive, entry_point.services.settings.body_limit_bytes), described.body
        )
    elif described.raw_body is None and described.method != "GET":
        await _require_no_fields(headers, receive, entry_point.services.settings.body_limit_bytes)
    return ApiRequest(
        entry_point.services,
        caller,
        scope["state"]["request_id"],
        entry_point.services.now(),
        scope["path_params"],
        query,
        body,
        headers,
        receive,
        key,
        is_head=scope["method"] == "HEAD",
    )


def _read_headers(scope: Scope) -> Headers:
    """The headers of a request. Raises InvalidRequest naming one that is there twice with two values."""
    sent: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(sent)
    if len(headers) != len(sent):
        for name, value in sent:
            if name in _ONE_VALUE and headers[name] != value:
                raise InvalidRequest(name.decode("ascii").title(), "must be sent once")
    return headers


def _sent_key(headers: Headers, path: str) -> bytes | None:
    """The key, from X-Api-Key or Authorization: Bearer, and Basic for telephony servers.

    Raises InvalidRequest where two are sent and differ.
    """
    key = headers.get(b"x-api-key")
    authorization = headers.get(b"authorization", b"")
    scheme, _, credential = authorization.partition(b" ")
    token = credential.strip(b" ")
    if takes_basic(path) and (pair := basic_pair(authorization)) is not None:
        token = pair.partition(b":")[2]
    elif scheme.lower() != b"bearer":
        return key
    if key is not None and key != token:
        raise InvalidRequest("Authorization", "must carry the same key as X-Api-Key; send one of the two")
    return token


def _idempotency_key(described: Endpoint, headers: Headers) -> str | None:
    """The key of a request that changes something. Raises InvalidRequest where it would not be heeded."""
    sent = headers.get(b"idempotency-key")
    if sent is None or described.method == "GET":
        return None
    if not described.takes_key:
        raise InvalidRequest("Idempotency-Key", described.key_refusal)
    try:
        return parse_token(sent.decode("latin-1"), longest=LONGEST_KEY)
    except TextError as error:
        raise InvalidRequest("Idempotency-Key", str(error)) from None


def _require_json(headers: Headers) -> None:
    media_type, *parameters = headers.get(b"content-type", b"").lower().split(b";")
    if media_type.strip() != b"application/json":
        raise UnsupportedMediaType
    for parameter in parameters:  # as `version=1`, which changes nothing; but the charset does
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"charset" and value.strip(b'" \t') not in (b"utf-8", b"utf8"):
            raise UnsupportedMediaType("Send JSON in UTF-8.")
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise UnsupportedMediaType("Send the body without a content encoding.")


async def _require_no_fields(headers: Headers, receive: Receive, limit: int) -> None:
    """Refuse a body that nobody would heed; an empty object says nothing. Raises InvalidRequest."""
    if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
        return
    sent = await read_body(headers, receive, limit)
    if sent.strip():
        decode_body(sent, NoBody)
