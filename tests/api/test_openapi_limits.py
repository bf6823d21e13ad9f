"""The limits in the OpenAPI document are those that requests meet: what is at one is taken, what is beyond is refused.

Values are made from the document, for every field of every body and every parameter of every query.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

import httpx

from numberdesk.accounts.model import CUSTOMER_SCOPES
from numberdesk.api.app import build_app  # noqa: F401  its import declares the endpoints
from numberdesk.api.endpoint import ENDPOINTS, Endpoint
from numberdesk.api.errors import ENCODER
from numberdesk.api.openapi import build_document
from numberdesk.infra.vault import new_key
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "the rules of fields are the same on both engines"

DOCUMENT: Final = json.loads(ENCODER.encode(build_document("/api/v1")))
SCHEMAS: Final = DOCUMENT["components"]["schemas"]
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
    ("MovementBody", "amount"): "a wallet holds a bounded balance, a top-up is above zero",
}
"""Fields of which the document cannot say all, and why: there only what is beyond a limit is tried."""

SAMPLES: Final[dict[str, list[Any]]] = {
    "currency": ["USD"],
    "base": ["EUR"],
    "quote": ["USD"],
    "carrier": ["pool"],
    "name": ["a"],
    "iso_country": ["US"],
    "country": ["US", "us", ""],
    "prefix": ["1", "1" * 15, ""],
    "expires_at": ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00+02:00"],
    "url": ["http://127.0.0.1:8080/hook"],
    "since": ["2030-01-01T00:00:00Z"],
    "area_code": ["4", "415", ""],
    "capabilities": ["voice", "sms, mms"],
}
"""Values that fit the pattern or format of a field, where no generated one would name something that exists."""

NEEDED: Final[dict[str, dict[str, Any]]] = {
    "margin_fixed": {"price": None, "margin_percent": 20},
    "margin_percent": {"price": None},
}
"""What else a body has, or has not, where one field is tried."""


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
    if "enum" in schema:
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
    for name, value in {"iso_country": "US", "name": "ours", **ids}.items():
        path = path.replace(f"{{{name}:str}}", value)
    path = path.replace("{form:str}", "json")
    if case.place == "query":
        value = str(case.value).lower() if isinstance(case.value, bool) else case.value
        given = [str(part) for part in value] if isinstance(value, list) else str(value)
        content = case.described.example if case.described.raw_body else None
        headers = {"Content-Type": case.described.raw_body} if case.described.raw_body else {}
        query = {"dry_run": "true"} if case.described.raw_body else {}
        return http.request(
            case.described.method, path, params={**query, case.field: given}, content=content, headers=headers
        )
    example = dict(case.described.example)
    if "url" in example:
        example["url"] = SAMPLES["url"][0]  # the example's host need not be there
    if case.shape == "NewAccountBody":
        example["name"] = f"Account {next(SERIAL)}"
    body = {**example, **NEEDED.get(case.field, {}), case.field: case.value}
    return http.request(
        case.described.method, path, content=ENCODER.encode(body), headers={"Content-Type": "application/json"}
    )


def _refused_field(answer: httpx.Response) -> str | None:
    if answer.status_code != 400:
        return None
    field: str = answer.json()["error"]["details"]["field"]
    return field


def test_what_is_at_a_limit_is_taken_and_what_is_beyond_is_refused_by_name(
    other_shop: Callable[..., Shop],
) -> None:
    shop = other_shop(credentials_key=new_key())
    operator, customer, number = (
        shop.operator(),
        shop.customer(scopes=(*CUSTOMER_SCOPES, "webhooks:manage", "usage:write", "routing:read")),
        shop.number(),
    )
    customer.buy(number)
    options = {"account_sid": "AC" + "0" * 32, "base_url": "http://127.0.0.1:1029"}
    connected = {"name": "ours", "kind": "twilio", "options": options, "secrets": {"auth_token": "x" * 20}}
    assert operator.http.post("/admin/carriers/", json=connected).status_code == 200
    webhook = customer.http.post("/webhooks/", json={"url": "http://127.0.0.1:8080/hook"})
    ids = {"number": number, "webhook_id": webhook.json()["data"]["id"]}
    wrong = []
    for case in CASES:
        if case.fits and (case.shape, case.field) in MAY_BE_REFUSED:
            continue
        # An account that is closed or suspended is one that nobody needs afterwards.
        account_id = shop.customer(0).account_id if case.shape == "AccountBody" else customer.account_id
        asking = operator if case.described.scope == "admin" else customer
        answer = _ask(case, asking.http, {"account_id": account_id, **ids})
        refused = _refused_field(answer)
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
    tried = {(case.shape, case.field) for case in CASES if not case.fits}
    assert not declared - tried, (
        f"{sorted(declared - tried)}: the document lets these be anything. State what is checked: a type of "
        "src/numberdesk/api/shapes.py, a StrEnum, or Annotated[..., stated(maxLength=...)]"
    )
    assert len(declared) > 60


def test_every_exception_is_of_a_field_that_there_is() -> None:
    assert MAY_BE_REFUSED.keys() <= {(case.shape, case.field) for case in CASES}
