"""The OpenAPI 3.1 document, built from the endpoints as they are declared.

Touches: nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, get_args, get_type_hints

import msgspec

from numberdesk import __version__
from numberdesk.api.auth import takes_basic
from numberdesk.api.endpoint import ENDPOINTS, JSON, LONGEST_KEY, Endpoint
from numberdesk.api.errors import ENCODER, STATUSES
from numberdesk.api.field_names import ignores_others
from numberdesk.api.field_texts import TEXTS, text_key
from numberdesk.api.openapi_details import ABOUT, completed, in_any_form, refusal_examples
from numberdesk.api.shapes import E164, LONGEST_ID, LONGEST_LABEL, Amount, Label, Price, Rate
from numberdesk.catalog.rules import CARRIER_NAME
from numberdesk.core.call_forms import FEED_NAME
from numberdesk.core.errors import BY_CODE
from numberdesk.core.money import CURRENCY_CODE, MAX_AMOUNT, MAX_PRICE, MICROS
from numberdesk.core.phone import E164_PATTERN
from numberdesk.core.rate_deck import DECK_NAME
from numberdesk.core.text import VISIBLE_ASCII
from numberdesk.flows.catalog.suggest_searches import MOST_SUGGESTED
from numberdesk.infra.settings import Settings
from numberdesk.views.call_routes import FORMATS
from numberdesk.views.numbers import SuggestionView

_REF: Final = "#/components/schemas/{name}"
_ALWAYS: Final = ("invalid_request", "internal", "overloaded", "headers_too_large")
_WITH_KEY: Final = ("invalid_api_key", "forbidden", "rate_limited")
_WITH_BODY: Final = ("body_too_large", "unsupported_media_type", "request_timeout")
_SCALARS: Final[dict[type, dict[str, Any]]] = {
    E164: {"type": "string", "pattern": E164_PATTERN, "examples": ["+13612738809"]},
    Price: {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_PRICE // MICROS, "multipleOf": 0.000001},
    Rate: {"type": "number", "minimum": 0, "maximum": MAX_PRICE // MICROS, "multipleOf": 0.000001},
    Amount: {
        "type": "number",
        "minimum": -(MAX_AMOUNT // MICROS),
        "maximum": MAX_AMOUNT // MICROS,
        "multipleOf": 0.000001,
    },
    Label: {"type": "string", "maxLength": LONGEST_LABEL},
}


def build_document(base: str) -> dict[str, Any]:
    """The whole document as plain JSON values. `base` is the path that the endpoints live under."""
    shapes = [
        shape
        for described in ENDPOINTS
        for shape in (described.body, described.raw_item, described.data, described.pending)
        if shape is not None
    ]
    shapes.append(SuggestionView)  # which stands in Page
    queries = [described.query for described in ENDPOINTS if described.query is not None]
    components = _components([*shapes, *queries])
    _describe(components, [*shapes, *queries])
    for described in ENDPOINTS:
        if described.body is not None:
            components[described.body.__name__]["additionalProperties"] = ignores_others(described.body)
    paths: dict[str, dict[str, Any]] = {}
    for described in ENDPOINTS:
        for path in (described.path, *described.other_paths):
            plain = base + re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
            paths.setdefault(plain, {})[described.method.lower()] = _operation(described, path, components)
    query_names = {query.__name__ for query in queries}
    schemas = {name: _plain(schema) for name, schema in components.items() if name not in query_names}
    document = {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": "/"}],
        "security": [{"ApiKey": []}, {"Bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Failure": _failure_schema(), "Page": _page_schema()},
            "securitySchemes": {
                "ApiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                "Bearer": {"type": "http", "scheme": "bearer"},
                "Basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Under /usage/ and /routing/ only, for telephony servers: the password is the key.",
                },
            },
        },
    }
    return completed(document)


def _components(shapes: Sequence[Any]) -> dict[str, Any]:
    """The schemas of shapes by name. The words of an enum stand where they are taken, not under its own name."""
    _, components = msgspec.json.schema_components(shapes, schema_hook=_scalar_schema, ref_template=_REF)
    words = {_REF.format(name=name): schema["enum"] for name, schema in components.items() if "enum" in schema}
    return {name: _with_words(schema, words) for name, schema in components.items() if "enum" not in schema}


def _describe(components: dict[str, Any], shapes: Sequence[Any]) -> None:
    """Give each property the text that its name has, unless the field carries its own."""
    for shape in structs_in(shapes):
        for name, schema in components[shape.__name__]["properties"].items():
            key = text_key(name, [each.__name__ for each in shape.__mro__])
            if key is not None and "description" not in schema:
                schema["description"] = TEXTS[key]


def structs_in(kinds: Sequence[Any]) -> set[type[msgspec.Struct]]:
    """The structs that types are made of, down to the last."""
    found: set[type[msgspec.Struct]] = set()
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in found:
            found.add(kind)
            waiting += get_type_hints(kind).values()
        waiting += get_args(kind)
    return found


def _with_words(schema: Any, words: dict[str, list[str]]) -> Any:
    if isinstance(schema, list):
        return [_with_words(part, words) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("$ref") in words:
        return {**{name: part for name, part in schema.items() if name != "$ref"}, "enum": words[schema["$ref"]]}
    return {name: _with_words(part, words) for name, part in schema.items()}


def _info() -> dict[str, Any]:
    return {
        "title": "Numberdesk",
        "version": __version__,
        "description": ABOUT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def _operation(described: Endpoint, path: str, components: dict[str, Any]) -> dict[str, Any]:
    suffix = "" if path == described.path else "_list"
    operation: dict[str, Any] = {
        "operationId": getattr(described.handler, "__name__", "") + suffix,
        "summary": described.summary,
        "tags": [described.tag],
        "parameters": [
            *_path_parameters(path),
            *_query_parameters(described, components),
            *_header_parameters(described),
        ],
        "responses": {**_success(described), **_pending(described), **_failures(described)},
    }
    if takes_basic(path):
        operation["security"] = [{"ApiKey": []}, {"Bearer": []}, {"Basic": []}]
    if described.scope is not None:
        operation["description"] = f"Scope: `{described.scope}`."
    if described.body is not None:
        content = {"schema": {"$ref": _REF.format(name=described.body.__name__)}, "example": described.example}
        limit = _size_limit("body_limit_bytes")
        operation["requestBody"] = {"required": True, "description": limit, "content": {JSON: content}}
    if described.raw_body is not None:
        content = {"schema": _raw_schema(described), "example": described.example}
        limit = _size_limit(described.raw_limit)
        operation["requestBody"] = {"required": True, "description": limit, "content": {described.raw_body: content}}
    return operation


def _raw_schema(described: Endpoint) -> dict[str, Any]:
    """The form of a body which the handler reads itself."""
    if described.raw_item is None:
        return {"type": "string"}
    return {"type": "array", "items": {"$ref": _REF.format(name=described.raw_item.__name__)}}


def _size_limit(setting: str) -> str:
    most = Settings.model_fields[setting].default
    return f"At most {most:,} bytes, unless NUMBERDESK_{setting.upper()} says otherwise."


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _path_schema(name),
            "description": TEXTS[f"path.{name}"],
        }
        for name in re.findall(r"\{(\w+):\w+\}", path)
    ]


def _path_schema(name: str) -> dict[str, Any]:
    if name == "form":
        return {"type": "string", "enum": ["json", *FORMATS], "examples": ["json"]}
    if found := _PATH_PATTERNS.get(name):
        return {"type": "string", "pattern": f"^{found[0]}$", "examples": [found[1]]}
    return {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": "^[A-Za-z0-9_]+$"}


_PATH_PATTERNS: Final = {
    "number": (E164_PATTERN.removeprefix("^").removesuffix("$"), "+13612738809"),
    "iso_country": ("[A-Za-z]{2}", "US"), "name": (CARRIER_NAME.pattern, "twilio"),
    "source": (FEED_NAME.pattern, "switch"), "deck": (DECK_NAME.pattern, "retail"),
    "month": ("[0-9]{4}-[0-9]{2}", "2026-03"),
    "base": (CURRENCY_CODE.pattern, "EUR"),
    "quote": (CURRENCY_CODE.pattern, "EUR"),
}  # fmt: skip
"""Forms of parts of paths, each with an example."""


def _query_parameters(described: Endpoint, components: dict[str, Any]) -> list[dict[str, Any]]:
    if described.query is None:
        return []
    shape = _plain(components[described.query.__name__])
    required = shape.get("required", [])
    found = []
    for name, schema in shape["properties"].items():
        given = _without_null(schema)
        parameter = {"name": name, "in": "query", "required": name in required, "schema": given}
        if "description" in given:
            parameter["description"] = given.pop("description")
        found.append(parameter)
    return found


def _header_parameters(described: Endpoint) -> list[dict[str, Any]]:
    if not described.takes_key:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": VISIBLE_ASCII}
    text = "Makes the request safe to repeat: sent again with the same key, it is done once and answered alike."
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema, "description": text}]


def _success(described: Endpoint) -> dict[str, Any]:
    """The answer 200, unless all that is ever answered at once is 202."""
    if described.data is None:
        return {}
    (schema,), _ = msgspec.json.schema_components([described.data], schema_hook=_scalar_schema, ref_template=_REF)
    properties: dict[str, Any] = {**_DONE, "data": {**_plain(schema), "description": "What was asked for."}}
    example: dict[str, Any] = {"success": True, "message": "OK", "data": described.answer_example}
    required = ["success", "message", "data"]
    if described.paged:
        properties["page"] = {"$ref": _REF.format(name="Page"), "description": "Where the list goes on."}
        example["page"] = {"next": None}
        required.append("page")
    schema = {"type": "object", "required": required, "properties": properties}
    content = {"schema": in_any_form(schema) if described.loose else schema, "example": example}
    others = {form: {"schema": {"type": "string"}} for form in described.other_forms}
    return {"200": {"description": described.summary, "headers": _HEADERS, "content": {JSON: content, **others}}}


def _pending(described: Endpoint) -> dict[str, Any]:
    """The answer 202, where there is one: what was asked for goes on."""
    if described.pending is None:
        return {}
    (schema,), _ = msgspec.json.schema_components([described.pending], schema_hook=_scalar_schema, ref_template=_REF)
    properties = {**_DONE, "data": {**_plain(schema), "description": "What was asked for."}}
    example = {"success": True, "message": "Accepted", "data": described.pending_example}
    answer = {"type": "object", "required": ["success", "message", "data"], "properties": properties}
    content = {"schema": answer, "example": example}
    location = {"Location": {"schema": {"type": "string"}, "description": "Where it is told how it ends"}}
    text = "Not done yet; it goes on and ends by itself"
    return {"202": {"description": text, "headers": {**_HEADERS, **location}, "content": {JSON: content}}}


_DONE: Final = {
    "success": {"const": True, "description": "Whether it was done."},
    "message": {"type": "string", "description": "What was done, in a sentence for people."},
}
_HEADERS: Final = {"X-Request-Id": {"schema": {"type": "string"}, "description": "Names this request in the log"}}


def _failures(described: Endpoint) -> dict[str, Any]:
    codes = [*_ALWAYS, *described.errors, "not_found", "method_not_allowed"]
    if described.scope is not None:
        codes += _WITH_KEY
    if described.body is not None or described.raw_body is not None:
        codes += _WITH_BODY
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(STATUSES[code], []).append(code)
    failures = {str(status): _failure(by_status[status]) for status in sorted(by_status)}
    return failures | (_refusals(failures) if described.loose else {})


def _refusals(failures: dict[str, Any]) -> dict[str, Any]:
    """The same where a status is also how an asker is refused, in its own form."""
    told = {}
    for status, refused in refusal_examples().items():
        failure = failures.get(status, _failure([]))
        examples = failure["content"][JSON]["examples"] | {refused["value"]["reason"]: refused}
        told[status] = failure | {"content": {JSON: {"schema": {"type": "object"}, "examples": examples}}}
    return told


def _failure(codes: list[str]) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name="Failure")}
    examples = {
        code: {
            "value": {
                "success": False,
                "message": BY_CODE[code].sentence,
                "error": {"code": code, "details": {}},
                "request_id": "req_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
            }
        }
        for code in codes
    }
    return {
        "description": ", ".join(codes) or "refused",
        "headers": _HEADERS,
        "content": {JSON: {"schema": schema, "examples": examples}},
    }


def _failure_schema() -> dict[str, Any]:
    error = {
        "type": "object",
        "required": ["code", "details"],
        "description": "What went wrong.",
        "properties": {
            "code": {"enum": sorted(STATUSES), "description": TEXTS["code"]},
            "details": {
                "type": "object",
                "description": "What belongs to the code, such as `field`, the wrong one.",
            },
        },
    }
    return {
        "type": "object",
        "required": ["success", "message", "error", "request_id"],
        "properties": {
            "success": {"const": False, "description": "Whether it was done."},
            "message": {"type": "string", "description": TEXTS["message"]},
            "error": error,
            "request_id": {"type": "string", "description": "Names this request in the log"},
        },
    }


def _page_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["next"],
        "properties": {
            "next": {"type": ["string", "null"], "description": "Send it as page_token to get the next page"},
            "incomplete": {
                "anyOf": [{"const": True}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
                "description": (
                    "Not all was looked through: there may be more, on the next page where there is one. Scope admin "
                    "gets the names of sources that lack"
                ),
            },
            "suggestions": {
                "type": "array",
                "items": {"$ref": _REF.format(name=SuggestionView.__name__)},
                "maxItems": MOST_SUGGESTED,
                "description": (
                    "Where a search finds nothing, searches like it that do, the closest kinds first; never there "
                    "for other lists"
                ),
            },
        },
    }


def _scalar_schema(kind: type) -> dict[str, Any]:
    if kind in _SCALARS:
        return _SCALARS[kind]
    raise NotImplementedError(kind)


def _plain(schema: Any) -> Any:
    """Msgspec's schema with money as the JSON number that it is on the wire."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "string" and schema.get("format") == "decimal":
        return {**{name: part for name, part in schema.items() if name != "format"}, "type": "number"}
    return {name: _plain(part) for name, part in schema.items()}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is there or not; it is never null."""
    choices = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    given = {name: part for name, part in schema.items() if name != "anyOf" and (name, part) != ("default", None)}
    if not choices:
        return given
    return {**given, **(choices[0] if len(choices) == 1 else {"anyOf": choices})}


def encoded(document: dict[str, Any]) -> bytes:
    """The document as JSON."""
    return ENCODER.encode(document)
