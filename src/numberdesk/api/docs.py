"""/openapi.json, and /docs: the same document for people, on one page that loads nothing else.

Touches: nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from starlette.responses import Response

from numberdesk.api.endpoint import BASE, JSON
from numberdesk.api.errors import ENCODER
from numberdesk.api.openapi import build_document

Schemas = dict[str, dict[str, Any]]
"""The schemas of the document by name."""

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#1c2330;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #d8dee9}section{margin:1.5rem 0}
summary{cursor:pointer;padding:.4rem .6rem;background:#f3f5f9;border-radius:.4rem}
summary b{display:inline-block;min-width:4.5rem;font-family:ui-monospace,monospace}
code,pre{font-family:ui-monospace,monospace;font-size:.9rem}
pre{background:#f3f5f9;padding:.8rem;border-radius:.4rem;overflow-x:auto}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#12161d;color:#dfe5ee}summary,pre{background:#1d2430}
h2{border-color:#333c4a}a{color:#8db8ff}}
"""
_LIMITS: Final = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
    "minLength": "min. characters",
    "maxLength": "max. characters",
    "minItems": "min. items",
    "maxItems": "max. items",
    "pattern": "like",
}
_SUCCESSES: Final = ("200", "202")
_SECURITY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def document_and_page() -> tuple[Response, Response]:
    """What /openapi.json and /docs answer, made once."""
    raw = ENCODER.encode(build_document(BASE))
    page = _page(json.loads(raw)).encode()
    return Response(raw, media_type=JSON), Response(page, media_type="text/html", headers=_SECURITY)


def _page(document: dict[str, Any]) -> str:
    info = document["info"]
    by_tag: dict[str, list[str]] = {}
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation, schemas))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in by_tag.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"
        "<p>Send your key in the header <code>X-Api-Key</code>, or as <code>Authorization: Bearer KEY</code>.</p>"
        "<p>The machine-readable form of this page is "
        f'<a href="/openapi.json">/openapi.json</a>.</p>{sections}</body></html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any], schemas: Schemas) -> str:
    parts = [f"<p>{escape(operation.get('description', ''))}</p>", _parameters(operation["parameters"])]
    body = operation.get("requestBody", {})
    for media_type, content in body.get("content", {}).items():
        parts.append(f"<p>Body, <code>{escape(media_type)}</code>. {escape(body['description'])}</p>")
        parts.append(_code(content["example"]) + _fields(content["schema"], schemas))
    for status in _SUCCESSES:
        if status in operation["responses"]:
            content = operation["responses"][status]["content"][JSON]
            fields = _fields(content["schema"]["properties"]["data"], schemas)
            parts.append(f"<p>{status}:</p>{_code(content['example'])}{fields}")
    failures = "".join(
        f"<tr><td>{status}</td><td><code>{escape(response['description'])}</code></td></tr>"
        for status, response in operation["responses"].items()
        if status not in _SUCCESSES
    )
    parts.append(f"<table><tr><th>Status</th><th>Codes</th></tr>{failures}</table>")
    title = f"<b>{method.upper()}</b><code>{escape(path)}</code> &nbsp; {escape(operation['summary'])}"
    return f"<section><details><summary>{title}</summary>{''.join(parts)}</details></section>"


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}{', required' if each['required'] else ''}"
        f"</td><td>{escape(_form(each['schema']))}</td><td>{escape(each['description'])}</td></tr>"
        for each in parameters
    )
    return f"<table><tr><th>Parameter</th><th>Where</th><th></th><th></th></tr>{rows}</table>"


def _fields(schema: dict[str, Any], schemas: Schemas) -> str:
    """What the fields of a body or of the data of an answer mean; those of a list are those of its items."""
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_form(each))}</td>"
        f"<td>{escape(each['description'])}</td></tr>"
        for name, each in _named_fields(schema, schemas)
    )
    return f"<table><tr><th>Field</th><th></th><th></th></tr>{rows}</table>" if rows else ""


def _named_fields(schema: dict[str, Any], schemas: Schemas, before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for part in (schema, schema.get("items", {}), *schema.get("anyOf", [])):
        if "$ref" in part:
            for name, each in schemas[part["$ref"].rpartition("/")[2]]["properties"].items():
                yield before + name, each
                yield from _named_fields(each, schemas, f"{before}{name}.")


def _form(schema: dict[str, Any]) -> str:
    """The form of a value in a few words: its type or its words, and its limits."""
    choices = [_form(part) for part in schema.get("anyOf", [])]
    if choices:
        return " or ".join(choices)
    if "enum" in schema:
        return ", ".join(word or "(empty)" for word in schema["enum"])
    limits = [f"{_LIMITS[name]} {value}" for name, value in schema.items() if name in _LIMITS]
    kind = schema.get("format") or schema.get("type", "object")
    return ", ".join([f"{kind} of {_form(schema['items'])}" if "items" in schema else kind, *limits])


def _code(example: Any) -> str:
    text = example if isinstance(example, str) else json.dumps(example, indent=2)
    return f"<pre>{escape(text)}</pre>"
