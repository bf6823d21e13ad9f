"""An Idempotency-Key of a request other than a buy: what it says, and in which field two of them differ."""

from __future__ import annotations

import pytest

from numberdesk.core.request_keys import RequestKey, differing_field, request_key


def test_a_request_without_a_key_has_none() -> None:
    assert request_key("acc_1", "release", None, phone_number="+13612738809") is None


def test_a_key_holds_what_the_request_said_in_the_order_of_the_names() -> None:
    key = request_key("acc_1", "top-up", "k", reference=None, amount=5)
    assert key == RequestKey("acc_1", "top-up", "k", '{"amount": 5, "reference": null}')


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        ({"amount": 5}, {"amount": 5}, None),
        ({"amount": 5}, {"amount": 6}, "amount"),
        ({"amount": 5, "reference": "a"}, {"amount": 5, "reference": "b"}, "reference"),
        ({"b": 1, "a": 1}, {"b": 2, "a": 2}, "a"),
        ({"amount": 5}, {"amount": 5, "reference": "a"}, "reference"),
        ({"amount": 5, "reference": "a"}, {"amount": 5}, "reference"),
        ({"amount": 5, "reference": None}, {"amount": 5}, None),
        ({}, {}, None),
    ],
)
def test_the_first_field_that_differs_is_named(
    first: dict[str, object], second: dict[str, object], field: str | None
) -> None:
    keys = [request_key("acc_1", "top-up", "k", **content) for content in (first, second)]
    contents = [key.content for key in keys if key is not None]
    assert differing_field(*contents) == field
