"""The OpenAPI document: valid, complete, and true when a machine tries everything in it."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Callable
from typing import Any, Final

import httpx
import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from numberdesk.api.endpoint import ENDPOINTS
from numberdesk.api.errors import STATUSES
from numberdesk.core.lifecycle import AccountState
from tests.api.conftest import Customer, Shop
from tests.api.described import DOCUMENT

POSTGRESQL_IN_THE_LONG_RUN: Final = "the rules of fields are the same on both engines"

OPERATIONS: Final = [
    (each.method, "/api/v1" + re.sub(r"\{(\w+):\w+\}", r"{\1}", path))
    for each in ENDPOINTS
    for path in (each.path, *each.other_paths)
]
UNTRUE_OF_US: list[Any] = [
    # A number in JSON may be sent as a numeric string, names in camelCase, null means absent: what the
    # contract promises clients, a document cannot say without losing the type `number` that they generate code from.
    checks.negative_data_rejection,
    # Data that fits the schema may still name nothing that exists, or repeat what exists.
    checks.positive_data_acceptance,
]


@pytest.fixture(scope="module")
def customer(shop: Shop) -> Customer:
    return shop.customer(100)


@pytest.fixture(scope="module")
def operator(shop: Shop) -> Customer:
    return shop.operator()


@pytest.fixture(scope="module")
def schema() -> Any:
    """The document as the machine reads it."""
    return schemathesis.openapi.from_dict(copy.deepcopy(DOCUMENT))


def tried(operation: APIOperation[Any, Any, Any, Any], examples: int, check: Callable[[Any], None]) -> None:
    """Try what an operation takes, and what it does not.

    As `schema.parametrize` does, which would think of everything while tests are collected, in each process anew.
    """

    def one(case: schemathesis.Case[Any]) -> None:
        check(case)

    chosen = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    config = HypothesisTestConfig(operation.schema.config, list(HypothesisTestMode), chosen, explicit_settings=chosen)
    create_test(operation=operation, test_func=one, config=config)()


@pytest.mark.parametrize("drawn", [2, pytest.param(12, marks=pytest.mark.long)])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_nothing_in_the_document_gives_a_5xx_or_an_answer_it_does_not_describe(
    method: str, path: str, drawn: int, schema: Any, shop: Shop, customer: Customer, operator: Customer
) -> None:
    """What is at its limits and beyond them, wherever it can be; and some that is drawn, more in the long run."""
    key = operator.key if "/admin/" in path else customer.key
    session = requests.Session()  # or each request would have a connection of its own
    session.trust_env = False

    def call(case: schemathesis.Case[Any]) -> None:
        if method == "DELETE" and "key_id" in (case.path_parameters or {}):
            case.path_parameters["key_id"] = "key_0"  # or the fuzzer would revoke its own key
        case.call_and_validate(
            base_url=shop.url, session=session, headers={"X-Api-Key": key}, excluded_checks=UNTRUE_OF_US
        )

    with session:
        tried(schema[path][method], drawn, call)


def test_nothing_sent_to_buy_is_charged_by_mistake(schema: Any, shop: Shop) -> None:
    def call(case: schemathesis.Case[Any]) -> None:
        customer = shop.customer(1)
        answer = case.call(base_url=shop.url, headers={"X-Api-Key": customer.key})
        assert answer.status_code in {204, 400, 401, 402, 404, 405, 409, 413, 415, 422, 431}
        assert customer.balance() == 1

    tried(schema["/api/v1/phone-numbers/buy"]["POST"], 25, call)


def test_the_words_that_a_field_takes_stand_at_the_field() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["AccountBody"]["properties"]["status"]["anyOf"][0] == {"enum": sorted(AccountState)}
    assert not {"AccountState", "NumberState", "NumberType", "Scope"} & schemas.keys()


def test_the_document_is_served_and_a_reader_has_what_stands_in_it(shop: Shop) -> None:
    assert httpx.get(f"{shop.url}/openapi.json").json() == DOCUMENT


def test_every_route_is_documented_and_every_documented_path_is_routed() -> None:
    documented = {(method.upper(), path) for path, operations in DOCUMENT["paths"].items() for method in operations}
    assert documented == set(OPERATIONS)
    operations = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))


def test_every_operation_has_examples_that_fit_its_schemas() -> None:
    @functools.cache  # most answers are of a few shapes
    def validator(schema: str) -> Any:
        return jsonschema_rs.validator_for({**json.loads(schema), "components": DOCUMENT["components"]})

    checked = 0
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            contents = [*operation.get("requestBody", {}).get("content", {}).values()]
            contents += [response["content"]["application/json"] for response in operation["responses"].values()]
            for content in contents:
                examples = [each["value"] for each in content.get("examples", {}).values()] or [content["example"]]
                for example in examples:
                    errors = [error.message for error in validator(json.dumps(content["schema"])).iter_errors(example)]
                    assert not errors, (method, path, errors)
                    checked += 1
    assert checked > 150


def test_the_rates_are_numbers_and_the_price_is_required() -> None:
    body = DOCUMENT["components"]["schemas"]["BuyBody"]
    assert body["required"] == ["phone_number", "price"]
    assert body["properties"]["price"]["type"] == "number"
    rate = body["properties"]["per_minute_price_inbound"]
    assert {"type": "null"} in rate["anyOf"]
    assert any(choice.get("type") == "number" for choice in rate["anyOf"])


def test_every_status_that_an_error_code_has_is_described_where_it_can_come() -> None:
    buy = DOCUMENT["paths"]["/api/v1/phone-numbers/buy"]["post"]["responses"]
    assert {"200", "400", "401", "402", "403", "404", "409", "413", "415", "422", "429", "500", "502", "503"} <= set(
        buy
    )
    assert {int(status) for status in buy} - {200, 202} <= set(STATUSES.values())
