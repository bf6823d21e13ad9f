"""Every field wrong in every way: 400 naming the field, never a 500, never a charge."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.api.conftest import Customer, Shop

ENGINES_TAKE_TURNS = "what is wrong in a request is seen before the database is asked"

JSON = {"Content-Type": "application/json"}

WRONG_FOR_ANY_FIELD = {
    "true": "true",
    "a list": "[]",
    "an object": "{}",
    "a list of the value": '["1"]',
    "empty text": '""',
    "10,000 characters": f'"{"1" * 10_000}"',
    "arabic digits": '"\u0661\u0662"',
    "fullwidth digits": '"\uff11.\uff12"',
    "a lone surrogate": '"\\ud800"',
    "a NUL": '"\\u0000"',
    "spaces": '"   "',
    "SQL": '"1\'; DROP TABLE numbers; --"',
}
WRONG_FOR_NUMBERS = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus Infinity": "-Infinity",
    "text NaN": '"NaN"',
    "1e400": "1e400",
    "1e-400": "1e-400",
    "1e99999999999999999999": "1e99999999999999999999",
    "a huge exponent as text": '"1e999"',
    "negative": "-1.15",
    "negative text": '"-1.15"',
    "finer than a micro": "1.1500001",
    "finer than a micro in text": '"0.00000001"',
    "4,000 digits": "1" * 4_000,
    "20,000 digits": "1" * 20_000,
    "2,000 decimals": "1." + "0" * 2_000 + "1",
    "a space after": '"1.15 "',
    "an underscore": '"1_000"',
    "a comma": '"1,15"',
    "hexadecimal": '"0x10"',
    "a plus sign": '"+1.15"',
    "absurd": "1000000.000001",
    "past 64 bits": "9223372036854775808",
    "minus nothing": '"-"',
}
WRONG_FOR_PHONES = {
    "a number": "13612738809",
    "a float": "1.15",
    "no plus": '"13612738809"',
    "a plus alone": '"+"',
    "letters": '"+1361CALLNOW"',
    "spaces inside": '"+1 361 273 8809"',
    "country code 0": '"+0361273880"',
    "too short": '"+123456"',
    "too long": '"+1234567890123456"',
    "two pluses": '"++1361273880"',
    "a line break": '"+13612738809\\n"',
    "plus and arabic digits": '"+\u0661\u0663\u0666\u0661\u0662\u0667\u0663\u0668"',
    "superscript digits": '"+1361273880\u00b9"',
}
ZERO = {"zero": "0", "zero text": '"0"', "zero with decimals": "0.000", "minus zero": "-0.0"}

CASES = [
    *((field, name, raw) for field in ("phone_number", "price") for name, raw in WRONG_FOR_ANY_FIELD.items()),
    *(
        (field, name, raw)
        for field in ("per_minute_price_inbound", "per_minute_price_outbound")
        for name, raw in {**WRONG_FOR_ANY_FIELD, **WRONG_FOR_NUMBERS}.items()
    ),
    *(("price", name, raw) for name, raw in {**WRONG_FOR_NUMBERS, **ZERO}.items()),
    *(("phone_number", name, raw) for name, raw in WRONG_FOR_PHONES.items()),
]


@pytest.fixture(scope="module")
def customer(shop: Shop) -> Customer:
    return shop.customer()


@pytest.fixture(scope="module")
def number(shop: Shop) -> str:
    return shop.number()


def _fields(number: str) -> dict[str, str]:
    return {
        "phone_number": f'"{number}"',
        "price": "1.15",
        "per_minute_price_inbound": "0.0085",
        "per_minute_price_outbound": "0.0945",
    }


def _post(customer: Customer, raw: str | bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    content = raw if isinstance(raw, bytes) else raw.encode()
    answer = customer.http.post("/phone-numbers/buy/", content=content, headers={**JSON, **headers})
    assert customer.balance() == 100
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert body["success"] is False
    assert body["message"]
    assert len(answer.content) < 600
    return answer.status_code, body["error"]


@pytest.mark.parametrize(("field", "name", "raw"), CASES, ids=[f"{field} is {name}" for field, name, _ in CASES])
def test_a_wrong_field_is_400_naming_it(customer: Customer, number: str, field: str, name: str, raw: str) -> None:
    fields = {**_fields(number), field: raw}
    document = "{" + ", ".join(f'"{key}": {value}' for key, value in fields.items()) + "}"
    status, error = _post(customer, document)
    assert (status, error["code"], error["details"]["field"]) == (400, "invalid_request", field), name


@pytest.mark.parametrize("field", ["phone_number", "price"])
@pytest.mark.parametrize("given", ["missing", "null"])
def test_a_required_field_missing_or_null_is_400_naming_it(
    customer: Customer, number: str, field: str, given: str
) -> None:
    fields = _fields(number)
    if given == "missing":
        del fields[field]
    else:
        fields[field] = "null"
    status, error = _post(customer, "{" + ", ".join(f'"{key}": {value}' for key, value in fields.items()) + "}")
    assert (status, error["details"]["field"]) == (400, field)
    assert error["details"]["reason"] == "is required"


@pytest.mark.parametrize("field", ["phone_number", "price", "per_minute_price_inbound", "note"])
def test_a_key_sent_twice_is_400_naming_it(customer: Customer, number: str, field: str) -> None:
    fields = _fields(number)
    value = fields.get(field, "1")
    document = "{" + ", ".join(f'"{key}": {each}' for key, each in fields.items())
    document += f', "{field}": {value}, "{field}": {value}' + "}"
    status, error = _post(customer, document)
    assert (status, error["details"]) == (400, {"field": field, "reason": "must be sent once"})


def test_a_key_sent_twice_is_found_at_any_depth(customer: Customer, number: str) -> None:
    status, error = _post(customer, f'{{"phone_number": "{number}", "price": 1.15, "x": {{"a": 1, "a": 2}}}}')
    assert (status, error["details"]["field"]) == (400, "a")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"}",
        b"null",
        b"true",
        b"1",
        b'"text"',
        b"[]",
        b"[{}]",
        b"{}{}",
        b"{'price': 1}",
        b'{"price": 01}',
        b'{"price": 1,}',
        b'{"price": .5}',
        b"{price: 1}",
        b'{"price": 1} // no',
        b'{"a": "\x01"}',
        b"\xff\xfe{\x00}\x00",
        b'{"phone_number": "\xff"}',
        b'{"phone_number": "\xed\xa0\x80"}',
        b"phone_number=%2B13612738809&price=1.15",
        b"<xml/>",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"[" * 5_000 + b"]" * 5_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'"' + b"\\" * 9_999,
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_is_no_json_object_is_400_naming_the_body(customer: Customer, raw: bytes) -> None:
    status, error = _post(customer, raw)
    assert (status, error["code"], error["details"]["field"]) == (400, "invalid_request", "body")


def test_deep_nesting_in_a_key_nobody_asked_for_is_refused_or_ignored_but_never_a_500(
    customer: Customer, number: str
) -> None:
    nested = "[" * 20_000 + "]" * 20_000
    status, error = _post(customer, f'{{"phone_number": "{number}", "price": 1.15, "x": {nested}}}')
    assert (status, error["details"]["field"]) == (400, "body")


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
     "application/jsonp", "application/json; charset=utf-16", "application/json; charset=latin-1"],
)  # fmt: skip
def test_another_content_type_is_415(customer: Customer, number: str, media_type: str) -> None:
    raw = json.dumps({"phone_number": number, "price": 1.15})
    status, error = _post(customer, raw, **{"Content-Type": media_type})
    assert (status, error["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type",
    ["application/json;", "application/json ;", "application/json;version=1", "application/json; charset=UTF-8;",
     "application/json; version=1; charset=utf-8", 'application/json;charset="utf-8"', "Application/JSON;charset=utf8"],
)  # fmt: skip
def test_json_may_be_called_json_as_clients_write_it(customer: Customer, number: str, media_type: str) -> None:
    raw = json.dumps({"phone_number": number, "price": 99})
    status, error = _post(customer, raw, **{"Content-Type": media_type})
    assert (status, error["code"]) == (409, "price_changed")


def test_a_mark_of_the_byte_order_before_the_json_is_not_in_the_way(customer: Customer, number: str) -> None:
    raw = b"\xef\xbb\xbf" + json.dumps({"phone_number": number, "price": 99}).encode()
    status, error = _post(customer, raw)
    assert (status, error["code"]) == (409, "price_changed")


def test_a_float_that_was_computed_is_told_how_to_be_sent(customer: Customer, number: str) -> None:
    raw = f'{{"phone_number": "{number}", "price": 1.15, "per_minute_price_inbound": 0.0085000000000000006}}'
    status, error = _post(customer, raw)
    assert (status, error["details"]["field"]) == (400, "per_minute_price_inbound")
    assert "send it rounded to six decimals, like 0.0085" in str(error)


def test_a_compressed_body_is_415(customer: Customer, number: str) -> None:
    raw = json.dumps({"phone_number": number, "price": 1.15})
    assert _post(customer, raw, **{"Content-Encoding": "gzip"})[0] == 415


def test_a_body_one_byte_over_the_limit_is_413(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    raw = json.dumps({"phone_number": number, "price": 1.15}).encode()
    status, error = _post(customer, raw + b" " * (65_537 - len(raw)))
    assert (status, error) == (413, {"code": "body_too_large", "details": {"limit_bytes": 65_536}})
    answer = customer.http.post("/phone-numbers/buy/", content=raw + b" " * (65_536 - len(raw)), headers=JSON)
    assert answer.status_code == 200


def test_a_body_that_announces_10_gigabytes_is_413_before_it_is_sent(shop: Shop) -> None:
    customer = shop.customer()
    head = (
        "POST /api/v1/phone-numbers/buy/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"X-Api-Key: {customer.key}\r\nContent-Length: 10737418240\r\n\r\n{{"
    )
    with socket.create_connection(("127.0.0.1", shop.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_an_endless_chunked_body_is_413(shop: Shop) -> None:
    customer = shop.customer()
    pieces = (b" " * 8_192 for _ in range(20))
    answer = customer.http.post("/phone-numbers/buy/", content=pieces, headers=JSON)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/phone-numbers/?page_size=0", "page_size"),
        ("/phone-numbers/?page_size=101", "page_size"),
        ("/phone-numbers/?page_size=ten", "page_size"),
        ("/phone-numbers/?page_size=%D9%A1", "page_size"),
        ("/phone-numbers/?page_size=1&page_size=2", "page_size"),
        ("/phone-numbers/?page_size=" + "9" * 5_000, "page_size"),
        ("/phone-numbers/?page_token=%00", "page_token"),
        ("/phone-numbers/?page_token=..", "page_token"),
        ("/transactions/?page_token=YWJj", "page_token"),
        ("/phone-numbers/?is_active=maybe", "is_active"),
        ("/phone-numbers/?status=sold", "status"),
        ("/phone-numbers/?phone_number=1", "phone_number"),
        ("/phone-numbers/?region=%00", "region"),
        ("/phone-numbers/?region=" + "x" * 300, "region"),
        ("/phone-numbers/?iso_country=%ff", "query"),
        ("/phone-numbers/?" + "&".join(f"a{place}=1" for place in range(60)), "query"),
        ("/orders/?status=closed", "status"),
        ("/phone-numbers/13612738809/", "phone_number"),
        ("/phone-numbers/+1361CALLNOW/", "phone_number"),
        ("/phone-numbers/%00/", "phone_number"),
    ],
)
def test_a_wrong_parameter_is_400_naming_it(customer: Customer, path: str, field: str) -> None:
    answer = customer.http.get(path)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["details"]["field"] == field


def test_ids_that_cannot_be_are_404(customer: Customer) -> None:
    for odd in ("%00", "%F0%9F%98%80", "x" * 5_000, "%22", "ord_", "..%2F..%2Fetc"):
        assert customer.http.get(f"/orders/{odd}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"friendly_name": 5}, "friendly_name"),
        ({"friendly_name": "x" * 201}, "friendly_name"),
        ({"friendly_name": "a\nb"}, "friendly_name"),
        ({"friendly_name": "\ud800"}, "friendly_name"),
        ({"agent_id": {}}, "agent_id"),
        ({"tags": "support"}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"tags": ["x" * 51]}, "tags"),
        ({"tags": ["\x00"]}, "tags"),
    ],
)
def test_a_wrong_label_is_400_naming_it(customer: Customer, number: str, body: Any, field: str) -> None:
    raw = json.dumps(body)
    answer = customer.http.patch(f"/phone-numbers/{number}/", content=raw, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["field"] == field


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/admin/accounts/", {}, "name"),
        ("/admin/accounts/", {"name": "", "currency": "USD"}, "name"),
        ("/admin/accounts/", {"name": "A", "currency": "usd"}, "currency"),
        ("/admin/accounts/", {"name": "A", "currency": "USD", "credit_limit": -1}, "credit_limit"),
        ("/admin/accounts/{id}/top-ups/", {"amount": 0}, "amount"),
        ("/admin/accounts/{id}/top-ups/", {"amount": -1}, "amount"),
        ("/admin/accounts/{id}/top-ups/", {"amount": 1_000_000_001}, "amount"),
        ("/admin/accounts/{id}/top-ups/", {"amount": 1, "reference": "a b"}, "reference"),
        ("/admin/accounts/{id}/adjustments/", {"amount": 0}, "amount"),
        ("/admin/price-rules/", {"currency": "USD"}, "price"),
        ("/admin/price-rules/", {"currency": "USD", "price": 1, "margin_percent": 1}, "price"),
        ("/admin/price-rules/", {"currency": "USD", "price": 1, "iso_country": "XX"}, "iso_country"),
        ("/admin/price-rules/", {"currency": "USD", "price": 1, "prefix": "+1"}, "prefix"),
        ("/admin/price-rules/", {"currency": "USD", "price": 1, "carrier": "No Such"}, "carrier"),
        ("/admin/price-rules/", {"currency": "USD", "price": 1, "round_to": 0}, "round_to"),
        ("/admin/price-rules/", {"currency": "USD", "margin_percent": 0.00001}, "margin_percent"),
        ("/api-keys/", {"scopes": ["everything"]}, "scopes"),
        ("/api-keys/", {"scopes": []}, "scopes"),
        ("/api-keys/", {"expires_at": "tomorrow"}, "expires_at"),
        ("/api-keys/", {"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ("/api-keys/", {"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ("/api-keys/", {"expires_at": "9999-12-31T23:59:59.999999+00:00x"}, "expires_at"),
        ("/api-keys/", {"expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at"),
        ("/api-keys/", {"expires_at": "9999-12-31T23:59:59Z"}, "expires_at"),
        ("/admin/accounts/{id}/keys/", {"expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at"),
        ("/admin/price-rules/", {"currency": "USD", "price": 1, "carrier": "acme"}, "carrier"),
    ],
)
def test_an_operators_mistake_is_400_naming_the_field(shop: Shop, path: str, body: Any, field: str) -> None:
    operator, customer = shop.operator(), shop.customer(0)
    answer = operator.http.post(path.replace("{id}", customer.account_id), json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["details"]["field"] == field
    assert customer.balance() == 0


def test_a_word_that_is_not_among_the_known_ones_is_answered_with_those(shop: Shop) -> None:
    answer = shop.customer().http.get("/phone-numbers/available-numbers/US/?sort=random()")
    assert answer.json()["message"] == "sort must be one of number, price, memorable"
