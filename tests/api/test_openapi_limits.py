"""The limits in the OpenAPI document are those that requests meet: what is at one is taken, what is beyond is refused.

Values are made from the document, for every field of every body and every parameter of every query.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

import httpx

from numberdesk.api.endpoint import ENDPOINTS, Endpoint
from numberdesk.api.errors import ENCODER
from numberdesk.connections.model import ConnectionPermit
from numberdesk.core.connection import ConnectionKind
from numberdesk.core.connection_targets import FIELDS
from numberdesk.flows.connections.allow_connections import Permit, permit_connections
from numberdesk.infra.vault import new_key
from tests.api.conftest import Customer, Shop
from tests.api.described import DOCUMENT

POSTGRESQL_IN_THE_LONG_RUN: Final = "the rules of fields are the same on both engines"

SCHEMAS: Final = DOCUMENT["components"]["schemas"]
FORWARDED_TO: Final = "+13612738809"
WORD: Final = "no_such_word"
FILLERS: Final = itertools.cycle("23456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""Signs to fill texts with, one after the other: names of accounts must differ."""

SERIAL: Final = itertools.count()
STRANGE: Final = ("", "!", "\u0661", "usd", "us", "Twilio", "+", "1 2", "x" * 40, "9" * 40, "\u00e9")
"""Texts of which any pattern that says something refuses some."""

MAY_BE_REFUSED: Final = {
    ("PageQuery", "page_token"): "only the tokens of the list are taken",
    ("NewCarrierBody", "kind"): "each carrier wants fields of its own",
    ("NewCarrierBody", "options"): "each carrier has fields of its own",
    ("NewCarrierBody", "secrets"): "each carrier has fields of its own",
    ("CarrierBody", "options"): "each carrier has fields of its own",
    ("CarrierBody", "secrets"): "each carrier has fields of its own",
    ("NewConnectionBody", "preset"): "each preset asks for values of its own",
    ("NewConnectionBody", "server_url"): "only the address of a server is taken",
    ("ConnectionBody", "server_url"): "only the address of a server is taken",
    ("RateParkedBody", "rate"): "a rate that there is stays",
    ("ConnectBody", "connection_id"): "only connections that there are",
    ("NewWebhookBody", "kinds"): "what is of operators is for their webhooks alone",
    ("WebhookBody", "kinds"): "what is of operators is for their webhooks alone",
    ("AccountBody", "time_zone"): "only zones that there are",
    ("NewPersonBody", "role"): "each kind of account has roles of its own",
    ("PersonBody", "role"): "each kind of account has roles of its own",
    ("PersonBody", "status"): "nobody becomes invited again",
    ("AdoptQuery", "skip_bad"): "the carrier of these tests has no list of numbers",
    ("AdoptQuery", "dry_run"): "the carrier of these tests has no list of numbers",
    ("AdoptQuery", "reason"): "the carrier of these tests has no list of numbers",
    ("DeckChoiceBody", "none"): "it stands for a name, and the account has to use a deck",
    ("MovementBody", "amount"): "a wallet holds a bounded balance, a top-up is above zero",
}
"""Fields of which the document cannot say all, and why: there only what is beyond a limit is tried."""

HEEDED_LITTLE: Final = {
    ("FeedQuery", "uuid"): "it is not looked at",
    ("RoutingQuery", "from"): "it decides nothing, and is kept as far as it can be",
}
"""Parameters of which nothing is refused, and why."""

SAMPLES: Final[dict[str, list[Any]]] = {
    "currency": ["USD"],
    "email": ["Bob@example.com", "bob+1@example"],
    "base": ["EUR"],
    "quote": ["USD"],
    "carrier": ["pool"],
    "name": ["a"],
    "iso_country": ["US"],
    "country": ["US", "us", ""],
    "prefix": ["1", "1" * 15, ""],
    "expires_at": ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00+02:00"],
    "url": ["http://127.0.0.1:8080/hook"],
    "effective_from": ["2030-01-01T00:00:00Z"],
    "at": ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00+02:00"],
    "since": ["2030-01-01T00:00:00Z"],
    "area_code": ["4", "415", ""],
    "capabilities": ["voice", "sms, mms"],
    "uri": ["sip:203.0.114.7", "203.0.114.7:5080"],
    "fallback_url": ["http://127.0.0.1:8080/hook", ""],
    "forward_to": [FORWARDED_TO],
    "object_id": ["TK1"],
    "connection_id": ["con_0195b3a4c7e07d2f8a1b2c3d4e5f6071"],
    "to": ["+13612738809", "13612738809"],
    "until": ["2026-03-20T14:30:00Z"],
}
"""Values that fit the pattern or format of a field, where no generated one would name something that exists."""

NEEDED: Final[dict[str, dict[str, Any]]] = {
    "margin_fixed": {"price": None, "margin_percent": 20},
    "margin_percent": {"price": None},
    "username": {"password": "x"},
    "password": {"username": "x"},
    "fallback_url": {"url": "http://127.0.0.1:8080/hook"},
    "kind": {"preset": None, "preset_values": None},
    "until": {"since": "2026-03-01T00:00:00Z"},
    "call_id": {"reserve": "true"},
    "reserve": {"call_id": "c1"},
    "none": {"name": None},
    "effective_from": {"currency": "USD"},
}
"""What else a body or a query has, or has not, where one field is tried."""

NESTED: Final[dict[str, dict[str, Any]]] = {"SipTargetBody": {"uri": "sip:203.0.114.7"}}
"""What an object within a body has beside the field of it that is tried."""

CONNECTED: Final[dict[str, dict[str, Any]]] = {
    "sip": {"targets": [{"uri": "sip:203.0.114.7"}]},
    "webhook": {"url": "http://127.0.0.1:8080/hook"},
    "native": {"object_kind": "trunk", "object_id": "TK1"},
    "forward": {"forward_to": FORWARDED_TO},
    "livekit": {
        "targets": [{"uri": "sip:203.0.114.7"}],
        "server_url": "http://127.0.0.1:8080",
        "api_key": "APIacme",
        "api_secret": "a-secret",
        "trunk_id": "ST_front",
    },
}
"""A connection of each kind; a field is tried on the kind that has it."""

KIND_OF: Final = {field: str(kind) for kind in reversed([*FIELDS]) for field in FIELDS[kind]}


class Case(NamedTuple):
    """A value for one field, or one parameter, of an endpoint."""

    described: Endpoint
    shape: str
    place: str
    field: str
    value: Any
    fits: bool


def _choice(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of what is there: null means absent."""
    for part in schema.get("anyOf", []):
        if part.get("type") != "null":
            return {**part, "description": ""}
    return schema


def _values(field: str, schema: dict[str, Any]) -> Iterator[tuple[Any, bool]]:
    """Values of a schema, each with whether it fits."""
    if "$ref" in schema:
        yield from _objects(schema["$ref"].rpartition("/")[2])
    elif "enum" in schema:
        yield from ((word, True) for word in schema["enum"])
        yield WORD, False
    elif schema.get("type") == "string":
        yield from _texts(field, schema)
    elif schema.get("type") in ("number", "integer"):
        yield from _amounts(schema)
    elif schema.get("type") == "boolean":
        yield from ((True, True), (False, True), (WORD, False))
    elif schema.get("type") == "array":
        yield from _lists(field, schema)
    elif schema.get("type") == "object":
        yield {f"f{place}": "" for place in range(schema["maxProperties"] + 1)}, False
        yield {"No Name": "x"}, False


def _objects(shape: str) -> Iterator[tuple[Any, bool]]:
    """Objects within a body, each with one of their fields."""
    for field, schema in SCHEMAS[shape]["properties"].items():
        yield from (({**NESTED.get(shape, {}), field: value}, fits) for value, fits in _values(field, _choice(schema)))
    yield {**NESTED.get(shape, {}), WORD: 1}, False
    yield WORD, False


def _texts(field: str, schema: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    pattern, form = schema.get("pattern"), schema.get("format")
    fewest, most = schema.get("minLength", 0), schema.get("maxLength")
    samples = SAMPLES.get(field, schema.get("examples", [])) if pattern or form else []
    yield from ((text, True) for text in samples)
    if fewest:
        yield "", False
    if fewest > 1:
        yield "2" * (fewest - 1), False
    if most is not None:
        yield "2" * (most + 1), False
        full = next(FILLERS) * most
        if not form and (pattern is None or (re.search(pattern, full) and field not in SAMPLES)):
            yield full, True
            yield next(FILLERS) * max(fewest, 1), True
    if form == "date-time":
        yield from ((text, False) for text in ("2030-01-01", "2030-01-01T00:00:00", "tomorrow", "", "1893456000"))
    if pattern is not None:
        wrong = [text for text in STRANGE if not re.search(pattern, text)]
        assert wrong, f"no text breaks the pattern of {field}: add one to STRANGE"
        yield from ((text, False) for text in wrong)


def _amounts(schema: dict[str, Any]) -> Iterator[tuple[Any, bool]]:
    step = Decimal(repr(schema["multipleOf"])) if "multipleOf" in schema else Decimal(1)
    for low, away, fits in (("minimum", 0, True), ("exclusiveMinimum", 1, True)):
        if low in schema:
            yield Decimal(schema[low]) + away * step, fits
            yield Decimal(schema[low]) + (away - 1) * step, False
    for high, away, fits in (("maximum", 0, True), ("exclusiveMaximum", 1, True)):
        if high in schema:
            yield Decimal(schema[high]) - away * step, fits
            yield Decimal(schema[high]) - (away - 1) * step, False
    if "multipleOf" in schema:
        yield 1 + step / 10, False


def _lists(field: str, schema: dict[str, Any]) -> Iterator[tuple[Any, bool]]:
    items = list(_values(field, _choice(schema["items"])))
    yield from (([value], fits) for value, fits in items)
    good = next((value for value, fits in items if fits), None)
    if "maxItems" in schema:
        yield [good] * schema["maxItems"], True
        yield [good] * (schema["maxItems"] + 1), False
    if "minItems" in schema:
        yield [], False


def _cases() -> Iterator[Case]:
    """Each field of each body, and each parameter of each query, once."""
    tried: set[tuple[str, str]] = set()
    for described in ENDPOINTS:
        for shape, place, field, schema in (*_parameters(described), *_fields(described)):
            if (shape, field) not in tried:
                tried.add((shape, field))
                for value, fits in _values(field, _choice(schema)):
                    yield Case(described, shape, place, field, value, fits)


def _parameters(described: Endpoint) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    path = "/api/v1" + re.sub(r"\{(\w+):\w+\}", r"{\1}", described.path)
    for each in DOCUMENT["paths"][path][described.method.lower()]["parameters"]:
        if each["in"] == "query" and described.query is not None:
            own = not each["name"].startswith("page_")
            yield described.query.__name__ if own else "PageQuery", "query", each["name"], each["schema"]


def _fields(described: Endpoint) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    if described.body is not None:
        shape = described.body.__name__
        for name, schema in SCHEMAS[shape]["properties"].items():
            yield shape, "body", name, schema


CASES: Final = list(_cases())


def _ask(case: Case, http: httpx.Client, ids: dict[str, str]) -> httpx.Response:
    path = case.described.path
    for name, value in {"iso_country": "US", "name": "ours", "deck": "retail", **ids}.items():
        path = path.replace(f"{{{name}:str}}", value)
    path = path.replace("{form:str}", "json")
    if case.place == "query":
        value = str(case.value).lower() if isinstance(case.value, bool) else case.value
        given = [str(part) for part in value] if isinstance(value, list) else str(value)
        content = case.described.example if case.described.raw_body else None
        headers = {"Content-Type": case.described.raw_body} if case.described.raw_body else {}
        query = {"dry_run": "true"} if "dry_run" in _names(case) else {}
        if case.shape == "RoutingQuery":
            query, content = {"to": "+13612738809"}, ""
        query = {**query, **{name: value for name, value in _beside(case).items() if name in _names(case)}}
        return http.request(
            case.described.method, path, params={**query, case.field: given}, content=content, headers=headers
        )
    example = _example(case)
    if "url" in example:
        example["url"] = SAMPLES["url"][0]  # the example's host need not be there
    if case.shape == "NewAccountBody":
        example["name"] = f"Account {next(SERIAL)}"
    body = {**example, **_beside(case), case.field: case.value}
    return http.request(
        case.described.method, path, content=ENCODER.encode(body), headers={"Content-Type": "application/json"}
    )


def _example(case: Case) -> dict[str, Any]:
    """The body of the document; of a connection one of the kind that has the field."""
    kind = KIND_OF.get(case.field)
    if kind is None or "ConnectionBody" not in case.shape:
        return dict(case.described.example)
    return {"name": "x", "kind": kind, **CONNECTED[kind]} if case.shape == "NewConnectionBody" else {}


def _beside(case: Case) -> dict[str, Any]:
    """What the request has beside the field, of what its shape takes."""
    needed = NEEDED.get(case.field, {})
    if case.shape == "NewConnectionBody" and case.field == "kind":
        needed = {**needed, **CONNECTED.get(case.value, {})}
    return {name: value for name, value in needed.items() if name in _names(case)}


def _names(case: Case) -> set[str]:
    """The fields of a shape."""
    return {
        field for shape, _, field, _ in (*_parameters(case.described), *_fields(case.described)) if shape == case.shape
    }


def _refused_field(answer: httpx.Response, case: Case) -> str | None:
    """The field that was refused; one of an object within is told with its place, or without."""
    if answer.status_code != 400:
        return None
    field: str = answer.json()["error"]["details"]["field"]
    within = isinstance(case.value, dict) and field in case.value and case.field != "options"
    return case.field if within else field.partition(".")[0].partition("[")[0]


def _connections(shop: Shop, customer: Customer) -> dict[str, str]:
    """A connection of each kind, by kind."""
    for kind, object_id in ((ConnectionKind.FORWARD, ""), (ConnectionKind.NATIVE, "TK1")):
        permit = ConnectionPermit(customer.account_id, kind, object_id, shop.services.now())
        shop.services.writer.apply(permit_connections, Permit(permit, allow=True))
    made = {}
    for name, fields in CONNECTED.items():
        answer = customer.http.post("/connections/", json={"name": name, "kind": name, **fields})
        assert answer.status_code == 200, answer.text
        made[name] = answer.json()["data"]["id"]
    return made


def test_what_is_at_a_limit_is_taken_and_what_is_beyond_is_refused_by_name(
    other_shop: Callable[..., Shop],
) -> None:
    shop = other_shop(credentials_key=new_key())
    operator, customer, number = (
        shop.operator(),
        shop.customer(),
        shop.number(),
    )
    customer.buy(number)
    options = {"account_sid": "AC" + "0" * 32, "base_url": "http://127.0.0.1:1029"}
    connected = {"name": "ours", "kind": "twilio", "options": options, "secrets": {"auth_token": "x" * 20}}
    assert operator.http.post("/admin/carriers/", json=connected).status_code == 200
    webhook = customer.http.post("/webhooks/", json={"url": "http://127.0.0.1:8080/hook"})
    key = customer.http.post("/api-keys/", json={"name": "to be limited"})
    connections = _connections(shop, customer)
    ids = {"number": number, "webhook_id": webhook.json()["data"]["id"], "key_id": key.json()["data"]["id"]}
    wrong = []
    for case in CASES:
        if case.fits and (case.shape, case.field) in MAY_BE_REFUSED:
            continue
        # An account that is closed or suspended is one that nobody needs afterwards.
        account_id = shop.customer(0).account_id if case.shape == "AccountBody" else customer.account_id
        asking = operator if case.described.scope == "admin" else customer
        connection_id = connections[KIND_OF.get(case.field, "sip")]
        answer = _ask(case, asking.http, {"account_id": account_id, "connection_id": connection_id, **ids})
        refused = _refused_field(answer, case)
        as_told = refused is None if case.fits else refused == case.field
        if not as_told or answer.is_server_error:
            wrong.append(f"{case.shape}.{case.field}={case.value!r:.60} {case.fits=}: {answer.text[:300]}")
    assert not wrong, "\n".join(
        ["The document says otherwise. State the limit that is checked, at the field of the shape:", *wrong]
    )


def test_every_field_has_a_limit_or_words_that_are_tried() -> None:
    declared = {
        (shape, field)
        for described in ENDPOINTS
        for shape, _, field, _ in (*_parameters(described), *_fields(described))
    }
    tried = {(case.shape, case.field) for case in CASES if not case.fits} | HEEDED_LITTLE.keys()
    assert not declared - tried, (
        f"{sorted(declared - tried)}: the document lets these be anything. State what is checked: a type of "
        "src/numberdesk/api/shapes.py, a StrEnum, or Annotated[..., stated(maxLength=...)]"
    )
    assert len(declared) > 60


def test_every_exception_is_of_a_field_that_there_is() -> None:
    assert MAY_BE_REFUSED.keys() <= {(case.shape, case.field) for case in CASES}
