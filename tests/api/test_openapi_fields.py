"""The OpenAPI document tells what every field and parameter means, and its words and forms are those of the code."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import httpx
import jsonschema_rs
import msgspec
import pytest

from numberdesk.accounts.model import CUSTOMER_SCOPES
from numberdesk.api.docs import make_files
from numberdesk.api.endpoint import ENDPOINTS
from numberdesk.api.field_names import ignores_others
from numberdesk.api.field_texts import TEXTS, text_key
from numberdesk.api.openapi import structs_in
from numberdesk.api.reference.marking import prose
from numberdesk.flows.webhooks.create_webhooks import NewWebhook, create_webhooks
from numberdesk.flows.webhooks.sequence_events import SequenceEvents
from numberdesk.webhooks.model import WebhookEndpoint
from tests.api.conftest import Customer, Shop
from tests.api.described import DOCUMENT

POSTGRESQL_IN_THE_LONG_RUN: Final = "the forms of answers are the same on both engines"

SCHEMAS: Final = DOCUMENT["components"]["schemas"]
SHAPES: Final = sorted(
    structs_in(
        [
            shape
            for each in ENDPOINTS
            for shape in (each.body, each.raw_item, each.data, each.pending, each.query)
            if shape
        ]
    ),
    key=lambda shape: shape.__name__,
)
OPERATIONS: Final = [
    (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def _properties(schema: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of every object in a schema, with where it is."""
    if isinstance(schema, list):
        for part in schema:
            yield from _properties(part, place)
    elif isinstance(schema, dict):
        for name, part in schema.items():
            if name == "properties":
                for field, each in part.items():
                    yield f"{place}.{field}", each
            if name not in ("example", "examples"):
                yield from _properties(part, place)


def test_every_field_has_a_description() -> None:
    found = [*_properties(SCHEMAS, "?"), *((f"{shape}.{n}", p) for shape, s in SCHEMAS.items() for n, p in _own(s))]
    found += [one for method, path, operation in OPERATIONS for one in _properties(operation, f"{method} {path}")]
    without = sorted({place for place, schema in found if not schema.get("description", "").strip()})
    assert not without, (
        f"{', '.join(without)}: add what the field means to TEXTS of src/numberdesk/api/field_texts.py, under its name "
        "or as Shape.field, or to the field itself as Annotated[..., msgspec.Meta(description=...)]"
    )
    assert len(found) > 400


def _own(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from schema.get("properties", {}).items()


def test_every_parameter_has_a_description() -> None:
    parameters = [(method, path, each) for method, path, operation in OPERATIONS for each in operation["parameters"]]
    without = [
        f"{method} {path} {each['in']} {each['name']}" for method, path, each in parameters if not each["description"]
    ]
    assert not without, f"{without}: add a text to TEXTS of src/numberdesk/api/field_texts.py"
    assert len(parameters) > 50


def test_no_text_is_left_over() -> None:
    used = {text_key(name, [each.__name__ for each in shape.__mro__]) for shape in SHAPES for name in _fields(shape)}
    used |= {f"path.{each['name']}" for _, _, operation in OPERATIONS for each in operation["parameters"]}
    left = TEXTS.keys() - used
    assert not left, f"{sorted(left)}: no field has these texts: take them out of src/numberdesk/api/field_texts.py"


def _fields(shape: type[msgspec.Struct]) -> tuple[str, ...]:
    return shape.__struct_fields__


def test_a_text_for_one_shape_is_not_the_one_that_the_name_has_anyway() -> None:
    same = [key for key, text in TEXTS.items() if text == TEXTS.get(key.partition(".")[2])]
    assert not same, f"{same}: take them out of src/numberdesk/api/field_texts.py"


def _words_of(kind: Any) -> list[list[str]]:
    """The words of each enum and literal that a type is made of."""
    if inspect.isclass(kind) and issubclass(kind, StrEnum):
        return [sorted(kind)]
    if get_origin(kind) is Literal:
        return [sorted(get_args(kind))]
    if inspect.isclass(kind) and issubclass(kind, msgspec.Struct):
        return []
    return [words for part in get_args(kind) for words in _words_of(part)]


def _enums_of(schema: Any) -> list[list[str]]:
    if isinstance(schema, list):
        return [words for part in schema for words in _enums_of(part)]
    if not isinstance(schema, dict):
        return []
    return [
        *([sorted(schema["enum"])] if "enum" in schema else []),
        *(words for part in schema.values() for words in _enums_of(part)),
    ]


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.__name__ in SCHEMAS], ids=lambda it: it.__name__)
def test_the_words_in_the_document_are_those_of_the_code(shape: type[msgspec.Struct]) -> None:
    for name, kind in get_type_hints(shape).items():
        words = _words_of(kind)
        if words:
            assert _enums_of(SCHEMAS[shape.__name__]["properties"][name]) == words, name


def test_every_instant_has_its_format_and_every_state_its_words() -> None:
    plain = [
        f"{shape}.{name}"
        for shape, schema in SCHEMAS.items()
        for name, each in schema.get("properties", {}).items()
        if (name.endswith(("_at", "_since", "_until")) and "date-time" not in json.dumps(each))
        or (name in ("status", "state") and not _enums_of(each))
        or (name in ("phone_number", "currency", "iso_country") and "pattern" not in json.dumps(each))
    ]
    assert not plain, f"{plain}: declare them with a type of src/numberdesk/views/formats.py, or a StrEnum"


def test_a_body_takes_other_fields_in_the_document_where_it_does_so_in_the_code() -> None:
    bodies = [each.body for each in ENDPOINTS if each.body is not None]
    assert {body.__name__: SCHEMAS[body.__name__]["additionalProperties"] for body in bodies} == {
        body.__name__: ignores_others(body) for body in bodies
    }


def test_the_page_for_people_tells_what_every_field_means() -> None:
    page = b"".join(made.content for path, made in make_files().items() if path.startswith("/docs")).decode()
    for shape in ("PurchaseView", "BuyBody", "CarrierStateView", "RuleBody"):
        for name, schema in SCHEMAS[shape]["properties"].items():
            assert name in page
            assert prose(schema["description"]) in page, (shape, name)


def _valid(answer: httpx.Response, method: str, path: str) -> list[str]:
    content = DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)]["content"]["application/json"]
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    return [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(answer.json())]


@pytest.fixture(scope="module")
def customer(shop: Shop) -> Customer:
    """A customer who has bought three numbers, released one and named another."""
    customer = shop.customer(scopes=(*CUSTOMER_SCOPES, "webhooks:manage"))
    sealed = WebhookEndpoint("whk_1", customer.account_id, 0, "https://example.com/", "", "", "sealed", 1, 1)
    shop.services.writer.apply(create_webhooks, NewWebhook(sealed._replace(id=shop.services.new_id("whk"))))
    bought = [shop.number(region="TX", locality="Corpus Christi") for _ in range(3)]
    for number in bought:
        assert customer.buy(number).status_code == 200
    customer.http.delete(f"/phone-numbers/{bought[0]}/release/")
    customer.http.patch(f"/phone-numbers/{bought[1]}/", json={"friendly_name": "Desk", "tags": ["a"]})
    shop.number()
    shop.services.writer.apply(shop.services.sequence_events, SequenceEvents(shop.services.now()))
    return customer


@pytest.fixture(scope="module")
def operator(shop: Shop) -> Customer:
    """An operator who has set prices."""
    operator = shop.operator()
    operator.http.post("/admin/price-rules/", json={"currency": "USD", "prefix": "1999", "margin_percent": 20})
    operator.http.post("/admin/exchange-rates/", json={"base": "EUR", "quote": "USD", "rate": 1.08})
    return operator


LISTS: Final = [
    path for method, path, operation in OPERATIONS if method == "GET" and "{" not in path.replace("{iso_country}", "")
]


@pytest.mark.parametrize("path", LISTS)
def test_what_a_shop_with_history_answers_is_as_the_document_says(
    path: str, customer: Customer, operator: Customer, shop: Shop
) -> None:
    asking = operator if path.startswith("/api/v1/admin/") else customer
    queries = [{}, {"status": "released"}] if path == "/api/v1/phone-numbers" else [{}]
    for query in queries:
        url = shop.url + path.replace("{iso_country}", "US")
        answer = httpx.get(
            url,
            headers={"X-Api-Key": asking.key},
            params={**query, "page_size": 100} if "page_size" in _query_names(path) else query,
        )
        assert answer.status_code == 200, answer.text
        assert not _valid(answer, "get", path)


def _query_names(path: str) -> set[str]:
    return {each["name"] for each in DOCUMENT["paths"][path]["get"]["parameters"]}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("created_at", "yesterday"), ("status", "ordering"), ("currency", "usd"), ("id", "1"), ("phone_number", "1")],
)
def test_an_answer_in_another_form_would_be_seen(field: str, wrong: str, customer: Customer) -> None:
    answer = customer.http.get("/orders/")
    content = answer.json()
    content["data"][0][field] = wrong
    assert _valid(httpx.Response(200, json=content), "get", "/api/v1/orders")
