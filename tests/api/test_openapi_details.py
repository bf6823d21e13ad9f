"""What people and generators want of the document: resources in order, an example, a unit and a reason everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs
import pytest

from numberdesk.api.call_bodies import CallRecordBody
from numberdesk.api.field_examples import EXAMPLES
from numberdesk.api.openapi_details import wants_example
from numberdesk.core.call_record import FIELDS, BadRecord, CallRecord, read_record
from numberdesk.core.periods import MICROSECONDS
from tests.api.described import DOCUMENT

SCHEMAS: Final = DOCUMENT["components"]["schemas"]
OPERATIONS: Final = [
    (path, operation) for path, operations in DOCUMENT["paths"].items() for operation in operations.values()
]
NOW: Final = 1_800_000_000 * MICROSECONDS
RECORD: Final = {
    "call_id": "1",
    "direction": "inbound",
    "phone_number": "+13612738809",
    "started_at": "2026-03-20T14:30:00Z",
}


def _values() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for shape, schema in SCHEMAS.items():
        yield from _properties(shape, schema)
    for path, operation in OPERATIONS:
        for each in operation["parameters"]:
            yield f"{path} {each['in']}", each["name"], each["schema"]


def _properties(place: str, schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, each in schema.get("properties", {}).items():
        yield place, name, each
        yield from _properties(f"{place}.{name}", each)


def _choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *schema.get("anyOf", [])]


def test_every_value_has_an_example_or_its_words() -> None:
    without = [f"{place}.{name}" for place, name, schema in _values() if wants_example(schema)]
    assert not without, (
        f"{without}: show them in the example of an endpoint, or add them to EXAMPLES of api/field_examples.py"
    )


def test_every_example_fits_its_value() -> None:
    checked = 0
    for place, name, schema in _values():
        for example in schema.get("examples", []):
            others = {"components": DOCUMENT["components"]} if "$ref" in json.dumps(schema) else {}
            validator = jsonschema_rs.validator_for({**schema, **others}, validate_formats=True)
            assert validator.is_valid(example), (place, name, example)
            checked += 1
    assert checked > 300


def test_no_example_is_left_over() -> None:
    given = [(name, json.dumps(example)) for _, name, schema in _values() for example in schema.get("examples", [])]
    left = [key for key, value in EXAMPLES.items() if (key.rpartition(".")[2], json.dumps(value)) not in given]
    assert not left, f"{left}: no field takes these examples: take them out of api/field_examples.py"


def test_every_decimal_and_every_span_has_a_unit() -> None:
    without = [
        f"{place}.{name}"
        for place, name, schema in _values()
        if "x-unit" not in schema
        and (
            any(part.get("type") == "number" for part in _choices(schema))
            or (name.endswith("seconds") and any(part.get("type") == "integer" for part in _choices(schema)))
        )
    ]
    assert not without
    assert SCHEMAS["OfferView"]["properties"]["price"]["x-unit"] == "currency"
    assert SCHEMAS["OfferView"]["properties"]["per_minute_price_inbound"]["x-unit"] == "currency per minute"
    assert SCHEMAS["RuleBody"]["properties"]["margin_percent"]["x-unit"] == "percent"


def test_no_property_is_an_object_of_unknown_form() -> None:
    """What an event tells and what an error details depend on its kind; options and facts on the carrier."""
    loose = [
        f"{place}.{name}"
        for place, name, schema in _values()
        for part in (*_choices(schema), schema.get("items", {}))
        if part.get("type") == "object" and not part.get("additionalProperties") and "properties" not in part
    ]
    assert sorted(loose) == ["EventView.data", "Failure.error.details"]


def test_resources_for_customers_come_before_those_for_operators_and_each_operation_is_of_one() -> None:
    customers, operators = DOCUMENT["x-tagGroups"]
    assert [customers["name"], operators["name"]] == ["Customers", "Operators"]
    assert customers["tags"][0] == "Numbers"
    tags = [tag["name"] for tag in DOCUMENT["tags"]]
    assert tags == [*customers["tags"], *operators["tags"]]
    for path, operation in OPERATIONS:
        (tag,) = operation["tags"]
        assert tag in (operators if "/admin/" in path else customers)["tags"], path


def test_a_second_path_to_the_same_says_so() -> None:
    aliases = {path: operation["x-alias-of"] for path, operation in OPERATIONS if "x-alias-of" in operation}
    assert aliases == {"/api/v1/phone-numbers/list": "list_numbers"}


def test_every_error_says_when_it_comes() -> None:
    for path, operation in OPERATIONS:
        for status, response in operation["responses"].items():
            for code, example in response["content"]["application/json"].get("examples", {}).items():
                assert len(example["summary"]) > 10, (path, status, code)


def test_a_call_record_has_the_fields_that_are_read() -> None:
    assert set(CallRecordBody.__struct_fields__) == set(FIELDS)
    assert set(SCHEMAS["CallRecordBody"]["required"]) == RECORD.keys()
    for name in RECORD:
        assert isinstance(_read({**RECORD, name: None}), BadRecord), name


@pytest.mark.parametrize(("name", "limit"), [("call_id", 128), ("leg", 32), ("other", 128), ("disposition", 40)])
def test_texts_of_a_call_record_are_as_long_as_the_document_says(name: str, limit: int) -> None:
    assert SCHEMAS["CallRecordBody"]["properties"][name]["maxLength"] == limit
    assert isinstance(_read({**RECORD, name: "x" * limit}), CallRecord)
    assert isinstance(_read({**RECORD, name: "x" * (limit + 1)}), BadRecord)


def test_the_longest_call_is_as_long_as_the_document_says() -> None:
    (number, _) = SCHEMAS["CallRecordBody"]["properties"]["seconds"]["anyOf"]
    assert isinstance(_read({**RECORD, "seconds": number["maximum"]}), CallRecord)
    assert isinstance(_read({**RECORD, "seconds": number["maximum"] + 1}), BadRecord)
    assert isinstance(_read({**RECORD, "seconds": number["minimum"] - 1}), BadRecord)


def _read(record: dict[str, Any]) -> CallRecord | BadRecord:
    return read_record(record, "customer:acc_1", NOW)
