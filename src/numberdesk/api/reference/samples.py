"""The same request in curl, Python and JavaScript.

Touches: nothing.

The reader's key and the server's address stand in them as marks, which the page replaces; without a script they are
`YOUR_API_KEY` and the address of a first start.
"""

from __future__ import annotations

import json
import re
import textwrap
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from numberdesk.api.endpoint import JSON
from numberdesk.api.reference.outline import Operation, ShownField

KEY: Final = "YOUR_API_KEY"
ORIGIN: Final = "http://127.0.0.1:8000"


class Sample(NamedTuple):
    """A request in one language."""

    language: str
    text: str


def samples(operation: Operation) -> tuple[Sample, ...]:
    """A request to an operation, in each language."""
    url = ORIGIN + _path(operation)
    return (
        Sample("curl", _curl(operation, url)),
        Sample("Python", _python(operation, url)),
        Sample("JavaScript", _javascript(operation, url)),
    )


def _path(operation: Operation) -> str:
    known = {field.name: quote(_value(field), safe="") for field in operation.parameters.get("path", ())}
    path = re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], found[0]), operation.path)
    needed = [(field.name, _value(field)) for field in operation.parameters.get("query", ()) if field.required]
    return f"{path}?{urlencode(needed)}" if needed else path


def _value(field: ShownField) -> str:
    return str(field.example if field.example is not None else next(iter(field.words), "VALUE"))


def _curl(operation: Operation, url: str) -> str:
    body = operation.body
    lines = ["curl" if operation.method == "GET" else f"curl -X {operation.method}"]
    lines[0] += f" {_quoted(url) if '?' in url else url}"
    lines.append(f'-H "X-Api-Key: {KEY}"')
    if body is not None:
        lines.append(f'-H "Content-Type: {body.media_type}"')
        text = body.example if isinstance(body.example, str) else json.dumps(body.example, indent=2)
        lines.append(f"{'-d' if body.media_type == JSON else '--data-binary'} {_quoted(text)}")
    return " \\\n  ".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _python(operation: Operation, url: str) -> str:
    body = operation.body
    headers = f'"X-Api-Key": "{KEY}"'
    lines = [f'"{url}"']
    if body is not None and body.media_type != JSON:
        headers += f', "Content-Type": "{body.media_type}"'
    lines.append(f"headers={{{headers}}}")
    if body is not None:
        name = "json" if body.media_type == JSON else "data"
        lines.append(f"{name}={_literal(body.example)}")
    lines.append("timeout=30")
    arguments = "".join(f"{textwrap.indent(line, '    ')},\n" for line in lines)
    return (
        f"import requests\n\nanswer = requests.{operation.method.lower()}(\n{arguments})\n"
        "print(answer.status_code, answer.json())"
    )


def _literal(value: Any) -> str:
    """A value of JSON as Python writes it."""
    if isinstance(value, dict) and value:
        return _lines("{", [f"{json.dumps(name)}: {_literal(each)}" for name, each in value.items()], "}")
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        return _lines("[", [_literal(each) for each in value], "]")
    if isinstance(value, list):
        return "[" + ", ".join(_literal(each) for each in value) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _lines(opening: str, inner: list[str], closing: str) -> str:
    return opening + "\n" + "".join(textwrap.indent(each, "    ") + ",\n" for each in inner) + closing


def _javascript(operation: Operation, url: str) -> str:
    body = operation.body
    headers = {"X-Api-Key": KEY}
    options = [f'  method: "{operation.method}",']
    if body is not None:
        headers["Content-Type"] = body.media_type
        written: Any = json.dumps(body.example, indent=2)
        written = written if isinstance(body.example, str) else f"JSON.stringify({written})"
        options.append("  body: " + textwrap.indent(written, "  ").lstrip() + ",")
    options.insert(1, f"  headers: {json.dumps(headers)},")
    if operation.method == "GET":
        options.pop(0)
    inner = "\n".join(options)
    return f'const answer = await fetch("{url}", {{\n{inner}\n}});\nconsole.log(answer.status, await answer.json());'
