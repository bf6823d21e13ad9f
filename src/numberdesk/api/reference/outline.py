"""What the pages show, read out of the OpenAPI document: resources, their operations, and the fields of each.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from numberdesk.api.endpoint import JSON

Node = dict[str, Any]
"""An object of the document."""

_SUCCESSES: Final = ("200", "202")
_OPERATORS: Final = "Operators"
_KINDS: Final = {"object": "object", "array": "list", "boolean": "true or false", "null": "null"}
_FORMATS: Final = {"date-time": "instant, ISO 8601"}
_DEEPEST: Final = 4


class ShownField(NamedTuple):
    """A parameter, or a field of a body or an answer. `depth` says inside how many others it is."""

    name: str
    depth: int
    kind: str
    required: bool
    facts: tuple[tuple[str, str], ...]
    words: tuple[str, ...]
    text: str
    example: Any


class Body(NamedTuple):
    """What is sent, or answered, in one media type."""

    title: str
    media_type: str
    text: str
    fields: tuple[ShownField, ...]
    example: Any


class ErrorCase(NamedTuple):
    """An error code that an operation may answer."""

    status: str
    code: str
    when: str


class Operation(NamedTuple):
    """One endpoint. `also` are other paths that answer the same."""

    name: str
    title: str
    method: str
    path: str
    also: tuple[str, ...]
    summary: str
    text: str
    parameters: dict[str, tuple[ShownField, ...]]
    body: Body | None
    answers: tuple[Body, ...]
    errors: tuple[ErrorCase, ...]


class Topic(NamedTuple):
    """A resource with its operations: one page, at `slug` below /docs."""

    slug: str
    group: str
    title: str
    operations: tuple[Operation, ...]


class Outline(NamedTuple):
    """All that the pages tell. `usual` are the errors that every operation may answer."""

    title: str
    version: str
    text: str
    topics: tuple[Topic, ...]
    usual: tuple[ErrorCase, ...]


def outline(document: Node) -> Outline:
    """Read a document."""
    schemas = document["components"]["schemas"]
    shown = {tag["name"]: tag["x-displayName"] for tag in document["tags"]}
    by_tag: dict[str, list[Operation]] = {}
    aliases: dict[str, tuple[str, ...]] = {}
    for path, operations in document["paths"].items():
        for node in operations.values():
            if "x-alias-of" in node:
                aliases[node["x-alias-of"]] = (*aliases.get(node["x-alias-of"], ()), path)
    for path, operations in document["paths"].items():
        for method, node in operations.items():
            if "x-alias-of" not in node:
                also = aliases.get(node["operationId"], ())
                by_tag.setdefault(node["tags"][0], []).append(_operation(method, path, also, node, schemas))
    topics = tuple(
        Topic(_slug(group["name"], shown[tag]), group["name"], shown[tag], tuple(by_tag[tag]))
        for group in document["x-tagGroups"]
        for tag in group["tags"]
    )
    info = document["info"]
    return Outline(info["title"], info["version"], info["description"], topics, _usual(topics))


def _slug(group: str, shown: str) -> str:
    slug = shown.lower().replace(" ", "-")
    return f"admin/{slug}" if group == _OPERATORS else slug


def _usual(topics: tuple[Topic, ...]) -> tuple[ErrorCase, ...]:
    sets = [set(each.errors) for topic in topics for each in topic.operations]
    return tuple(sorted(set.intersection(*sets))) if sets else ()


def _operation(method: str, path: str, also: tuple[str, ...], node: Node, schemas: Node) -> Operation:
    parameters: dict[str, tuple[ShownField, ...]] = {}
    for each in node["parameters"]:
        field = _field(
            each["name"], {"description": each["description"], **each["schema"]}, 0, required=each["required"]
        )
        parameters[each["in"]] = (*parameters.get(each["in"], ()), field)
    return Operation(
        node["operationId"],
        node["operationId"].replace("_", " ").capitalize(),
        method.upper(),
        path,
        also,
        node["summary"],
        node.get("description", ""),
        parameters,
        _body(node.get("requestBody"), schemas),
        tuple(
            _answer(status, node["responses"][status], schemas) for status in _SUCCESSES if status in node["responses"]
        ),
        tuple(_errors(node["responses"])),
    )


def _body(node: Node | None, schemas: Node) -> Body | None:
    if node is None:
        return None
    ((media_type, content),) = node["content"].items()
    fields = tuple(fields_of(content["schema"], schemas))
    return Body("Body", media_type, node["description"], fields, content["example"])


def _answer(status: str, node: Node, schemas: Node) -> Body:
    content = node["content"][JSON]
    text = "" if status == _SUCCESSES[0] else node["description"]
    ours = content["schema"].get("anyOf", [content["schema"]])[0]  # before other servers' forms of it
    fields = tuple(fields_of(ours["properties"]["data"], schemas))
    return Body(f"Answer {status}", JSON, text, fields, content["example"])


def _errors(responses: Node) -> Iterator[ErrorCase]:
    for status, response in responses.items():
        if status not in _SUCCESSES:
            for code, example in response["content"][JSON]["examples"].items():
                yield ErrorCase(status, code, example["summary"])


def fields_of(schema: Node, schemas: Node, depth: int = 0) -> Iterator[ShownField]:
    """The fields of a schema, each before those inside it; the fields of a list are those of its items."""
    for part in (schema, schema.get("items", {}), *schema.get("anyOf", [])):
        named = schemas[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        required = named.get("required", ())
        for name, each in named.get("properties", {}).items():
            yield _field(name, each, depth, required=name in required)
            if depth < _DEEPEST:
                yield from fields_of(each, schemas, depth + 1)


def _field(name: str, schema: Node, depth: int, *, required: bool) -> ShownField:
    parts = [schema, schema.get("items", {}), *schema.get("anyOf", [])]
    parts += [part["items"] for part in schema.get("anyOf", []) if "items" in part]
    words = tuple(word for part in parts for word in part.get("enum", ()))
    example = schema.get("examples", [None])[0]
    return ShownField(
        name, depth, _kind(schema), required, tuple(_facts(schema, parts)), words, schema["description"], example
    )


def _kind(schema: Node) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(part) for part in schema["anyOf"]))
    if "$ref" in schema:
        return "object"
    if "const" in schema:
        return str(schema["const"]).lower()
    if "items" in schema:
        inner = _kind(schema["items"])
        return f"list of {inner if inner.endswith('s') else inner + 's'}"
    if isinstance(schema.get("type"), list):
        return " or ".join(schema["type"])
    kind = str(schema.get("type", "string" if "enum" in schema else "object"))
    named = _KINDS.get(kind, kind)
    return _FORMATS.get(schema.get("format", ""), named)


def _facts(schema: Node, parts: list[Node]) -> Iterator[tuple[str, str]]:
    """What else there is to say of a value, in the words that people use."""
    if schema.get("x-unit"):
        yield "unit", schema["x-unit"]
    for part in parts:
        yield from _limits(part)
    if schema.get("default") not in (None, "", [], {}):
        yield "default", _plain(schema["default"])
    if "examples" in schema:
        yield "example", _plain(schema["examples"][0])


def _limits(part: Node) -> Iterator[tuple[str, str]]:
    low, high = part.get("minimum", part.get("exclusiveMinimum")), part.get("maximum", part.get("exclusiveMaximum"))
    if low is not None or high is not None:
        yield "range", " ".join(_range(part, low, high))
    for what, least, most in (("length", "minLength", "maxLength"), ("items", "minItems", "maxItems")):
        if most in part:
            yield what, f"{part[least]:,} to {part[most]:,}" if part.get(least) else f"at most {part[most]:,}"
        elif part.get(least):
            yield what, f"at least {part[least]:,}"
    if "multipleOf" in part:
        yield "step", f"{part['multipleOf']:.9f}".rstrip("0")
    if "pattern" in part:
        yield "pattern", part["pattern"]


def _range(part: Node, low: float | None, high: float | None) -> Iterator[str]:
    if low is not None:
        yield f"{'above' if 'exclusiveMinimum' in part else 'from'} {low:,}"
    if high is not None:
        yield f"{'below' if 'exclusiveMaximum' in part else 'to'} {high:,}"


def _plain(value: Any) -> str:
    """A value as one writes it: as JSON, but text without its quotes."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(item)}" for name, item in value.items())
    return f"{value}"
