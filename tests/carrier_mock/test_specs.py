"""Answers have the shapes of the carriers' official specifications, where these are at hand.

They are other people's and not part of this repository: NUMBERDESK_CARRIER_SPECS says where they are.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest

from tests.carrier_mock.asking import Bench

ROOT: Final = Path(__file__).parents[2]
SPECS: Final = Path(os.environ.get("NUMBERDESK_CARRIER_SPECS", ROOT.parent / "shared" / "specs"))
SUCCEEDS: Final = "+15005550006"
BASE: Final = "/2010-04-01/Accounts/{AccountSid}"

pytestmark = pytest.mark.skipif(
    not (SPECS / "twilio-numbers.json").exists(), reason=f"the carriers' specifications are not in {SPECS}"
)


@cache
def spec(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((SPECS / f"{name}.json").read_text())
    return _as_json_schema(read) if name.startswith("twilio") else read


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema. Numbers may be texts: in the examples of Twilio's specification they are."""
    if isinstance(node, list):
        return [_as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    done = {name: _as_json_schema(value) for name, value in node.items()}
    if isinstance(done.get("type"), str):
        types = ["number", "string"] if done["type"] == "number" else [done["type"]]
        done["type"] = [*types, "null"] if done.get("nullable") is True else types
        if "enum" in done and done.get("nullable") is True:
            done["enum"] = [*done["enum"], None]
    return done


def schema_of(name: str, method: str, path: str, status: str) -> dict[str, Any]:
    response = spec(name)["paths"][path][method]["responses"][status]
    while "$ref" in response:
        response = resolved(name, response["$ref"])
    found: dict[str, Any] = response["content"]["application/json"]["schema"]
    return found


def resolved(name: str, reference: str) -> dict[str, Any]:
    node: Any = spec(name)
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return dict(node)


def problems(name: str, schema: dict[str, Any], body: Any) -> list[str]:
    whole = {"components": spec(name)["components"], **schema}
    found = jsonschema_rs.Draft202012Validator(whole, validate_formats=False).iter_errors(body)
    return [f"{error.instance_path}: {error.message}" for error in found]


def fields(name: str, schema: dict[str, Any]) -> set[str]:
    while "$ref" in schema:
        schema = resolved(name, schema["$ref"])
    return set(schema["properties"])


def sold(bench: Bench) -> str:
    bench.set(order_seconds=0)
    number = bench.telnyx.found(limit=1)[0]
    bench.telnyx.order(number, reference="ord_1")
    bench.twilio.buy(SUCCEEDS, "ord_2")
    return number


@pytest.mark.parametrize(
    ("kind", "country"), [("Local", "US"), ("TollFree", "US"), ("Mobile", "AU"), ("National", "GB"), ("Local", "DE")]
)
def test_twilios_searches(bench: Bench, kind: str, country: str) -> None:
    schema = schema_of("twilio-numbers", "get", f"{BASE}/AvailablePhoneNumbers/{{CountryCode}}/{kind}.json", "200")
    body = bench.twilio.search(kind, country).json()
    assert problems("twilio-numbers", schema, body) == []
    item = schema["properties"]["available_phone_numbers"]["items"]
    assert {frozenset(each) for each in body["available_phone_numbers"]} == {frozenset(fields("twilio-numbers", item))}


def test_twilios_owned_numbers(bench: Bench) -> None:
    bought = bench.twilio.buy(SUCCEEDS, "ord_1")
    schema = schema_of("twilio-numbers", "post", f"{BASE}/IncomingPhoneNumbers.json", str(bought.status_code))
    assert problems("twilio-numbers", schema, bought.json()) == []
    assert set(bought.json()) == fields("twilio-numbers", schema)
    for path, answer in (
        ("IncomingPhoneNumbers.json", bench.twilio.owned(PageSize=1)),
        ("IncomingPhoneNumbers/{Sid}.json", bench.twilio.one(bought.json()["sid"])),
    ):
        schema = schema_of("twilio-numbers", "get", f"{BASE}/{path}", "200")
        assert problems("twilio-numbers", schema, answer.json()) == []
        assert set(answer.json()) == fields("twilio-numbers", schema)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("twilio-numbers", f"{BASE}/Balance.json"),
        ("twilio-numbers", "/2010-04-01/Accounts/{Sid}.json"),
        ("twilio-pricing", "/v1/PhoneNumbers/Countries/{IsoCountry}"),
        ("twilio-pricing", "/v1/Voice/Countries/{IsoCountry}"),
    ],
)
def test_twilios_account_and_prices(bench: Bench, name: str, path: str) -> None:
    sid = bench.twilio.base.rpartition("/")[2]
    filled = path.replace("{AccountSid}", sid).replace("{Sid}", sid).replace("{IsoCountry}", "US")
    body = bench.twilio.ask("GET", filled).json()
    assert problems(name, schema_of(name, "get", path, "200"), body) == []
    assert set(body) == fields(name, schema_of(name, "get", path, "200"))


def test_twilios_filters_are_all_known_to_the_specification(bench: Bench) -> None:
    parameters = spec("twilio-numbers")["paths"][f"{BASE}/AvailablePhoneNumbers/{{CountryCode}}/Local.json"]["get"]
    names = {each["name"] for each in parameters["parameters"] if each["in"] == "query"}
    assert len(names) == 21
    whole = {name: "true" for name in names if name.endswith(("Enabled", "Required", "Beta"))}
    assert bench.twilio.search(**whole, AreaCode="415", PageSize="5").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [
        ("get", "/available_phone_numbers", "/available_phone_numbers?filter[country_code]=US"),
        ("get", "/number_orders", "/number_orders"),
        ("get", "/phone_numbers", "/phone_numbers"),
        ("get", "/phone_numbers/{id}", "/phone_numbers/{number}"),
        ("delete", "/phone_numbers/{id}", "/phone_numbers/{number}"),
        ("get", "/balance", "/balance"),
    ],
)
def test_telnyxs_answers(bench: Bench, method: str, path: str, asked: str) -> None:
    number = sold(bench)
    body = bench.telnyx.ask(method.upper(), asked.replace("{number}", number)).json()
    schema = schema_of("telnyx-numbers", method, path, "200")
    assert problems("telnyx-numbers", schema, body) == []
    assert set(body) <= set(schema["properties"])
    data = schema["properties"]["data"]
    known = fields("telnyx-numbers", data.get("items", data))
    for each in body["data"] if isinstance(body["data"], list) else [body["data"]]:
        assert set(each) <= known


@pytest.mark.parametrize("country", ["US", "DE"])
def test_telnyxs_orders(bench: Bench, country: str) -> None:
    answer = bench.telnyx.order(*bench.telnyx.found(country, limit=2), reference="ord_1").json()
    again = bench.telnyx.ask("GET", f"/number_orders/{answer['data']['id']}").json()
    for method, path, body in (("post", "/number_orders", answer), ("get", "/number_orders/{number_order_id}", again)):
        schema = schema_of("telnyx-numbers", method, path, "200")
        assert problems("telnyx-numbers", schema, body) == []
        assert set(body["data"]) <= fields("telnyx-numbers", schema["properties"]["data"])


def test_telnyxs_errors(bench: Bench) -> None:
    for answer in (
        bench.telnyx.order(SUCCEEDS), bench.telnyx.order("x"), bench.telnyx.ask("GET", "/phone_numbers/1"),
        bench.client.get("/v2/phone_numbers"), bench.telnyx.search(None),
    ):  # fmt: skip
        status = str(answer.status_code)
        schema = schema_of("telnyx-numbers", "get", "/phone_numbers", status)
        assert problems("telnyx-numbers", schema, answer.json()) == []


def test_a_shape_that_is_wrong_is_seen() -> None:
    schema = schema_of("telnyx-numbers", "get", "/balance", "200")
    assert problems("telnyx-numbers", schema, {"data": {"balance": 1}})
    schema = schema_of("twilio-numbers", "get", f"{BASE}/Balance.json", "200")
    assert problems("twilio-numbers", schema, {"account_sid": "AC1"})
