"""The sentences of refusals, word for word: people read them in answers, beside the name of the field."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from numberdesk.core.errors import Forbidden, IdempotencyConflict
from numberdesk.core.lifecycle import AccountState, NumberState
from numberdesk.core.memorability import memorability
from numberdesk.core.money import MAX_PRICE, MoneyError, parse_currency, parse_micros, parse_price
from numberdesk.core.pattern import MatchOn, Pattern, compile_excludes, compile_pattern
from numberdesk.core.phone import parse_e164
from numberdesk.core.prices import Confirmation, Prices
from numberdesk.core.purchase import Buy, Loaded, Refusal, SaleNumber, Wallet, decide
from numberdesk.core.text import parse_text, parse_token

Parse = Callable[[Any], Any]


def text(value: str) -> str:
    return parse_text(value, longest=3)


def token(value: str) -> str:
    return parse_token(value, longest=3)


def shape(value: str) -> Pattern:
    return Pattern(MatchOn.NATIONAL, value)


SENTENCES: list[tuple[Parse, Any, str]] = [
    (parse_micros, None, "must be a number"),
    (parse_micros, True, "must be a number"),
    (parse_micros, 1.5, "must be a number"),
    (parse_micros, "1,15", "must be a number, like 1.15"),
    (parse_micros, Decimal("NaN"), "must be a finite number"),
    (parse_micros, Decimal("1e-7"), "has more digits than a millionth: send it rounded to six decimals, like 0"),
    (parse_micros, Decimal("5e-7"), "has more digits than a millionth: send it rounded to six decimals, like 0.000001"),
    (
        parse_micros,
        Decimal("0.0085000000000000006"),
        "has more digits than a millionth: send it rounded to six decimals, like 0.0085",
    ),
    (
        parse_micros,
        Decimal("-1.1499999999999999"),
        "has more digits than a millionth: send it rounded to six decimals, like -1.15",
    ),
    (parse_micros, Decimal("1e-41"), "has more digits than a millionth: send it rounded to six decimals"),
    (
        parse_micros,
        Decimal("12345678901.0000001"),
        "has more digits than a millionth: send it rounded to six decimals, like 12345678901",
    ),
    (parse_micros, Decimal("1000000000.000001"), "must be at most 1000000000"),
    (parse_micros, Decimal("1e999999"), "must be at most 1000000000"),
    (parse_micros, 2**128 - 1, "must be at most 1000000000"),
    (parse_micros, 2**128, "is too large"),
    (parse_price, "-1", "must not be negative"),
    (parse_price, 0, "must be greater than zero"),
    (parse_price, 1_000_001, "must be at most 1000000"),
    (parse_currency, "usd", "must be a currency code of three capital letters, like USD"),
    (parse_e164, "", "must not be empty"),
    (parse_e164, "1361", "must start with + and the country code, like +13612738809"),
    (parse_e164, "+136127", "must have 7 to 15 digits after the +"),
    (parse_e164, "+1361CALLNOW", "must have only the digits 0-9 after the +"),
    (parse_e164, "+0361273880", "must not have a country code that starts with 0"),
    (text, "", "must not be empty"),
    (text, "long", "must have at most 3 characters"),
    (text, "a\n", "must not have control characters, line breaks or half characters"),
    (token, "", "must have 1 to 3 characters"),
    (token, "a b", "must have visible ASCII characters only"),
    (compile_pattern, "", "must not be empty"),
    (compile_pattern, "1" * 33, "must have at most 32 characters"),
    (compile_pattern, "1", "must have at least two digits or letters"),
    (compile_excludes, "%", "must have at least one digit or letter"),
    (compile_pattern, "12^", "must have ^ or + only as its first sign and $ only as its last"),
    (
        compile_pattern,
        "12#",
        "must have only digits 0-9, letters A-Z, * or ? for one digit, % for any digits, and ^ + $",
    ),
    (shape, "1a", "a shape has only the digits 0-9, _ and %"),
    (memorability, "", "a national number has 1 to 15 digits"),
]

IDS = [f"{parse.__name__} {str(value)[:20]!r}" for parse, value, _ in SENTENCES]


@pytest.mark.parametrize(("parse", "value", "sentence"), SENTENCES, ids=IDS)
def test_what_is_refused_is_told_in_these_words(parse: Parse, value: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as refusal:
        parse(value)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("digits", [70, 71])
def test_an_amount_has_at_most_70_digits_though_the_last_be_zeros(digits: int) -> None:
    sent = Decimal("1." + "0" * (digits - 1))
    if digits == 70:
        assert parse_micros(sent, largest=MAX_PRICE) == 1_000_000
    else:
        with pytest.raises(MoneyError, match="more digits than a millionth"):
            parse_micros(sent, largest=MAX_PRICE)


def test_a_conflict_says_with_what_the_field_conflicts() -> None:
    assert IdempotencyConflict("price").message == "price differs from the first request with this Idempotency-Key"


def test_a_suspended_account_is_told_so() -> None:
    sale_number = SaleNumber("+13612738809", "pool", NumberState.AVAILABLE, Prices("USD", 1, None, None), None, None)
    desk = Loaded(
        {"acc_1": Wallet("acc_1", AccountState.SUSPENDED, "USD", 9, 0, 0, 0)}, {sale_number.e164: sale_number}
    )
    (decision,) = decide(desk, [Buy("acc_1", sale_number.e164, Confirmation(1), None, "req_1", "ord_1", 1)]).decisions
    assert isinstance(decision, Refusal)
    assert decision.error == Forbidden("This account is suspended.")
