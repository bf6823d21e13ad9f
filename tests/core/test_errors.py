"""The error tree: codes that never change, and refusals that come back as they were given."""

from __future__ import annotations

from decimal import Decimal

import pytest

from numberdesk.core import errors
from numberdesk.core.errors import (
    BY_CODE,
    IdempotencyConflict,
    InsufficientBalance,
    InvalidRequest,
    NotFound,
    NumberdeskError,
    NumberTaken,
    PriceChanged,
    RentalConflict,
    restored,
)

CODES = {
    "invalid_request",
    "invalid_api_key",
    "insufficient_balance",
    "forbidden",
    "spend_limit",
    "not_found",
    "number_not_offered",
    "number_taken",
    "price_changed",
    "order_in_progress",
    "order_ended",
    "account_in_use",
    "connection_in_use",
    "rental_conflict",
    "session_ended",
    "wrong_source",
    "idempotency_conflict",
    "documents_required",
    "rate_limited",
    "carrier_refused",
    "carrier_unavailable",
    "overloaded",
    "internal",
    "method_not_allowed",
    "body_too_large",
    "headers_too_large",
    "unsupported_media_type",
    "request_timeout",
}


def example_of(code: str) -> NumberdeskError:
    kind = BY_CODE[code]
    if kind is InvalidRequest:
        return InvalidRequest("price", "must be a number")
    if kind is RentalConflict:
        return RentalConflict("calls", "A call of the number goes on.")
    if kind is IdempotencyConflict:
        return IdempotencyConflict("price")
    return kind(details={"amount": Decimal("1.15"), "currency": "USD", "count": 3})


def test_every_code_of_the_contract_has_its_class_and_no_other_exists() -> None:
    assert set(BY_CODE) == CODES
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NumberdeskError)]
    assert set(BY_CODE.values()) == set(kinds) - {NumberdeskError}
    assert len({kind.code for kind in BY_CODE.values()}) == len(kinds) - 1


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_error_has_a_message_for_people(code: str) -> None:
    error = example_of(code)
    assert error.message == str(error)
    assert len(error.message.split()) >= 3
    assert error.code == code


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_stored_refusal_comes_back_equal_to_the_one_given(code: str) -> None:
    given = example_of(code)
    again = restored(given.code, given.message, dict(given.details))
    assert again == given
    assert hash(again) == hash(given)
    assert type(again) is type(given)
    assert (again.message, again.details, str(again)) == (given.message, given.details, str(given))


def test_a_restored_refusal_can_be_raised() -> None:
    with pytest.raises(IdempotencyConflict, match="price differs"):
        raise restored("idempotency_conflict", "price differs", {"field": "price"})


def test_errors_differ_in_code_message_or_details() -> None:
    price = PriceChanged(details={"price": Decimal(1)})
    assert price == PriceChanged(details={"price": Decimal(1)})
    assert price != PriceChanged(details={"price": Decimal(2)})
    assert price != PriceChanged("Otherwise.", {"price": Decimal(1)})
    assert NumberTaken() != NotFound()
    assert NumberTaken() != "number_taken"


def test_an_invalid_request_names_the_field_and_the_reason() -> None:
    error = InvalidRequest("price", "must be a number")
    assert error.message == "price must be a number"
    assert error.details == {"field": "price", "reason": "must be a number"}


def test_a_conflict_names_the_field_that_differs() -> None:
    error = IdempotencyConflict("phone_number")
    assert error.message.startswith("phone_number differs")
    assert error.details == {"field": "phone_number"}


def test_two_errors_of_a_kind_do_not_share_details() -> None:
    first, second = InsufficientBalance(), InsufficientBalance()
    first.details["needed"] = 1
    assert second.details == {}
