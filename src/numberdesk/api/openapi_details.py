"""What people and generators want of the OpenAPI document beyond its schemas: groups, examples and units of values.

Touches: nothing.

All of it follows from the document: examples of fields are taken from the examples of endpoints, and groups from paths.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from numberdesk.api.endpoint import JSON
from numberdesk.api.errors import ENCODER
from numberdesk.api.field_examples import EXAMPLES
from numberdesk.core.call_route import RefusedCall, RoutingRefusal
from numberdesk.core.errors import BY_CODE
from numberdesk.views.call_routes import AskerOptions, kamailio

Node = dict[str, Any]
"""An object of the document."""

ABOUT: Final = """\
Sells and rents phone numbers. Every path answers with and without a trailing slash.

## Keys

Every request carries a key: `X-Api-Key: YOUR_API_KEY`, or `Authorization: Bearer YOUR_API_KEY`. What a key may do are
its scopes; each operation names the one that it wants.

## Answers

A success has `success` true, a `message` for people and `data`; a failure has `error.code`, which never changes.
Amounts are JSON numbers, exact to a millionth of the currency unit; on input numeric strings are taken too. Instants
are ISO 8601 in UTC. Unknown query parameters and fields are refused; names are also taken in camelCase, and null means
left out.

## Lists

A list comes in pages: `page.next` is sent as `page_token` until it is null. A page may be short, or empty, and have a
next one all the same.

## Sending again

A purchase may be sent again, whatever happened to its answer: it is charged once. With an `Idempotency-Key` the same
answer comes again, byte for byte. 429 and 503 say in `Retry-After` when to come again.
"""
"""What everybody has to know, in Markdown."""

Examples = dict[tuple[str, str, str], Any]
"""Examples by name, type and pattern."""

_ADMIN: Final = "/admin/"
_ANY_OPERATORS: Final = "Operators"
"""The tag of endpoints whose resource is what their path names."""

_FIRST: Final = ("Numbers", "Orders", "Billing", "Usage", "Webhooks")
_LAST: Final = ("Keys",)
_INSTANT: Final = "2026-03-20T14:30:00Z"
_MONEY: Final = "currency"
_UNITS: Final = {
    "per_minute_price_inbound": "currency per minute",
    "per_minute_price_outbound": "currency per minute",
    "margin_percent": "percent",
    "rate": "currency per minute",
    "RateView.rate": "units of `quote`",
    "RateBody.rate": "units of `quote`",
}
"""Units of fields by name, or by shape and name, where they are not plain money or seconds."""


def completed(document: Node) -> Node:
    """A document with groups, and with an example and a unit at every value that wants one."""
    whole: Node = msgspec.json.decode(ENCODER.encode(document))
    _group(whole)
    _name_aliases(whole)
    _say_when(whole)
    for schema in whole["components"]["schemas"].values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    _show(whole)
    return whole


def _show(document: Node) -> None:
    """Give every value an example and its unit."""
    for operation in _operations(document):
        for content in _contents(operation):
            examples = [content.get("example"), *(each["value"] for each in content.get("examples", {}).values())]
            for example in examples:
                _take(content["schema"], example, document["components"]["schemas"])
    by_name: Examples = {}
    for _, name, schema in _values(document):
        if "examples" in schema:
            by_name.setdefault((name, *_form(schema)), schema["examples"][0])
    for shape, name, schema in _values(document):
        _measure(shape, name, schema)
        if wants_example(schema):
            _give(shape, name, schema, by_name)


def wants_example(schema: Node) -> bool:
    """Whether a value says nothing of how it looks: it has no example, no words, and is no other shape."""
    parts = [schema, *schema.get("anyOf", []), schema.get("items", {})]
    says = any(word in part for part in parts for word in ("examples", "enum", "const", "$ref", "properties"))
    items = any("$ref" in part.get("items", {}) or "enum" in part.get("items", {}) for part in parts)
    return not (says or items or any(part.get("type") == "boolean" for part in parts))


def _group(document: Node) -> None:
    """Tags by resource, in the order in which people want them: those for customers before those for operators."""
    groups: dict[str, dict[str, str]] = {"Customers": {}, "Operators": {}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            shown, admin = operation["tags"][0], _ADMIN in path
            if admin and shown == _ANY_OPERATORS:
                shown = path.partition(_ADMIN)[2].partition("/")[0].replace("-", " ").capitalize()
            tag = f"Operators: {shown.lower()}" if admin else shown
            groups["Operators" if admin else "Customers"][tag] = shown
            operation["tags"] = [tag]
    ordered = {group: sorted(tags.items(), key=lambda item: _place(*item)) for group, tags in groups.items()}
    document["tags"] = [
        {"name": tag, "x-displayName": shown, "description": f"{shown}, for {group.lower()}."}
        for group, tags in ordered.items()
        for tag, shown in tags
    ]
    document["x-tagGroups"] = [{"name": group, "tags": [tag for tag, _ in tags]} for group, tags in ordered.items()]


def _place(tag: str, shown: str) -> tuple[int, str]:
    """Customers find first what they came for; what operators have is in the order of the alphabet."""
    if tag in _FIRST:
        return _FIRST.index(tag), ""
    return (len(_FIRST) + (tag in _LAST), shown)


def _name_aliases(document: Node) -> None:
    """Say of a path that answers as another does which one that is."""
    names = {operation["operationId"] for operation in _operations(document)}
    for operation in _operations(document):
        first, _, suffix = operation["operationId"].rpartition("_")
        if suffix == "list" and first in names:
            operation["x-alias-of"] = first


def _say_when(document: Node) -> None:
    """Say of each error when it comes, in the words of the tree of errors."""
    for operation in _operations(document):
        for response in operation["responses"].values():
            for code, example in response["content"][JSON].get("examples", {}).items():
                if code in BY_CODE:
                    example["summary"] = (BY_CODE[code].__doc__ or BY_CODE[code].sentence).strip().partition("\n")[0]


def _operations(document: Node) -> Iterator[Node]:
    for operations in document["paths"].values():
        yield from operations.values()


def _contents(operation: Node) -> Iterator[Node]:
    yield from operation.get("requestBody", {}).get("content", {}).values()
    for response in operation["responses"].values():
        yield from response["content"].values()


def _take(schema: Node, value: Any, schemas: Node) -> None:
    """Give the values of a schema what stands in their place in an example."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    for part in schema.get("anyOf", []):
        _take(part, value, schemas)
    if isinstance(value, list) and "items" in schema:
        for item in value:
            _take(schema["items"], item, schemas)
    if not isinstance(value, dict):
        return
    for name, each in schema.get("properties", {}).items():
        found = value.get(name)
        if found is not None and found not in ("", [], {}) and wants_example(each):
            each["examples"] = [found]
        _take(each, found, schemas)


def _values(document: Node) -> Iterator[tuple[str, str, Node]]:
    """Every property and parameter with the shape or place that it belongs to."""
    for shape, schema in document["components"]["schemas"].items():
        yield from _properties(shape, schema)
    for operation in _operations(document):
        for parameter in operation["parameters"]:
            yield parameter["in"], parameter["name"], parameter["schema"]
        for content in _contents(operation):
            yield from _properties(operation["operationId"], content["schema"])


def _properties(shape: str, schema: Node) -> Iterator[tuple[str, str, Node]]:
    for part in (schema, schema.get("items", {}), *schema.get("anyOf", [])):
        for name, each in part.get("properties", {}).items():
            yield shape, name, each
            yield from _properties(f"{shape}.{name}", each)


def _give(shape: str, name: str, schema: Node, by_name: Examples) -> None:
    """An example of its own, or that of another with its name and form."""
    parts = [schema, *schema.get("anyOf", [])]
    found = EXAMPLES.get(f"{shape}.{name}", EXAMPLES.get(name))
    if found is None:
        found = by_name.get((name, *_form(schema)))
    if found is None and shape == "path":  # an id, which is told of elsewhere with the letters that it begins with
        found = next((known for (other, *_), known in by_name.items() if other == name), None)
    if found is None and any(part.get("format") == "date-time" for part in parts):
        found = _INSTANT
    if found is not None:
        schema["examples"] = [found]


def _form(schema: Node) -> tuple[str, str]:
    """What values with one name must have in common for one of them to be an example of the other."""
    parts = (part for part in (schema, *schema.get("anyOf", [])) if "type" in part)
    return next(((str(part["type"]), part.get("pattern", "")) for part in parts), ("", ""))


def _measure(shape: str, name: str, schema: Node) -> None:
    kinds = [part.get("type") for part in (schema, *schema.get("anyOf", []))]
    unit = _UNITS.get(f"{shape}.{name}", _UNITS.get(name, ""))
    if "number" in kinds:
        schema["x-unit"] = unit or _MONEY
    elif "integer" in kinds and name.endswith("seconds"):
        schema["x-unit"] = "seconds"


def refusal_examples() -> dict[str, dict[str, Any]]:
    """By status, how servers that read it are told that a call goes nowhere."""
    reasons = (RoutingRefusal.NO_BALANCE, RoutingRefusal.SUSPENDED, RoutingRefusal.NOT_IN_SERVICE)
    told = [kamailio(RefusedCall(reason), AskerOptions()) for reason in reasons]
    summary = "The call goes nowhere, which each server is told in its own form; here as Kamailio is."
    return {str(one.status): {"summary": summary, "value": msgspec.json.decode(one.content)} for one in told}


def in_any_form(answer: Node) -> Node:
    """The schema of an answer in our own JSON, or in that of the server which asks: Kamailio's or jambonz's."""
    kamailios = {"type": "object", "required": ["version", "routing", "routes"], "description": "For Kamailio."}
    verb = {"type": "object", "required": ["verb"]}
    return {"anyOf": [answer, kamailios, {"type": "array", "items": verb, "description": "For jambonz: its verbs."}]}
