"""The markup of one operation: its fields at the left; samples, answers and the form that sends it at the right.

Touches: nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Final

from numberdesk.api.endpoint import JSON
from numberdesk.api.reference.marking import code, colored, prose
from numberdesk.api.reference.outline import Body, ErrorCase, Operation, ShownField
from numberdesk.api.reference.samples import samples

_PLACES: Final = {"path": "Path", "query": "Query", "header": "Headers"}
_READS: Final = "GET"


def section(operation: Operation, usual: Iterable[ErrorCase]) -> str:
    """A whole operation."""
    return (
        f'<section class="operation" id="{operation.name}" data-operation>'
        f'<div class="about">{_head(operation)}{_inputs(operation)}{_answers(operation)}'
        f'{_errors(operation, set(usual))}</div><div class="beside">{_samples(operation)}{_form(operation)}'
        f"{_examples(operation)}</div></section>"
    )


def method(name: str) -> str:
    """The badge of a method."""
    return f'<span class="method {name.lower()}">{name}</span>'


def _head(operation: Operation) -> str:
    also = "".join(f"<p>Also <code>{escape(path)}</code></p>" for path in operation.also)
    path = escape(operation.path).replace("{", "<var>{").replace("}", "}</var>")
    return (
        f'<h2><a href="#{operation.name}">{escape(operation.title)}</a></h2>'
        f'<p class="endpoint">{method(operation.method)}<code>{path}</code></p>{also}'
        f'<p class="lead">{prose(operation.summary)}.</p><p class="scope">{prose(operation.text)}</p>'
    )


def _inputs(operation: Operation) -> str:
    parts = [_titled(_PLACES[place], "", fields, operation) for place, fields in operation.parameters.items()]
    body = operation.body
    if body is not None:
        note = f"<code>{escape(body.media_type)}</code> {prose(body.text)}"
        parts.append(_titled("Body", note, body.fields, operation))
    return "".join(parts)


def _titled(title: str, note: str, fields: Iterable[ShownField], operation: Operation, *, answer: bool = False) -> str:
    rows = "".join(
        _row(field, f"{operation.name}.{title.lower().replace(' ', '-')}", answer=answer) for field in fields
    )
    told = f'<p class="note">{note}</p>' if note else ""
    return f'<h3>{title}</h3>{told}<div class="fields" role="list">{rows}</div>'


def _row(field: ShownField, place: str, *, answer: bool) -> str:
    needed = '<span class="required">required</span>' if field.required and not answer else ""
    words = ""
    if field.words:
        shown = " ".join(f"<code>{escape(str(word)) or 'empty'}</code>" for word in field.words)
        words = f'<p class="words"><span>one of</span> {shown}</p>'
    facts = "".join(f"<span><i>{name}</i> <code>{escape(value)}</code></span>" for name, value in field.facts)
    told = f'<p class="facts">{facts}</p>' if facts else ""
    return (
        f'<div class="field depth-{field.depth}" role="listitem" data-place="{place}">'
        f'<p class="what"><code class="name">{escape(field.name)}</code><span class="kind">{escape(field.kind)}</span>'
        f'{needed}</p><div class="said"><p>{prose(field.text)}</p>{words}{told}</div></div>'
    )


def _answers(operation: Operation) -> str:
    return "".join(
        _titled(answer.title, prose(answer.text or _of_data(answer)), answer.fields, operation, answer=True)
        for answer in operation.answers
    )


def _of_data(answer: Body) -> str:
    whole = answer.example
    listed = "The fields of each item of `data`" if isinstance(whole["data"], list) else "The fields of `data`"
    return f"{listed}; `page.next` is the token of the next page." if "page" in whole else f"{listed}."


def _errors(operation: Operation, usual: set[ErrorCase]) -> str:
    own = [case for case in operation.errors if case not in usual]
    table = error_table(own) if own else ""
    note = '<p class="note">And <a href="/docs/errors">those of every request</a>.</p>'
    return f"<h3>Errors</h3>{table}{note}"


def error_table(cases: Iterable[ErrorCase]) -> str:
    """Error codes with their status and when they come."""
    rows = "".join(
        f"<tr><td>{case.status}</td><td><code>{escape(case.code)}</code><p>{prose(case.when)}</p></td></tr>"
        for case in cases
    )
    return f'<table class="errors"><thead><tr><th>Status</th><th>Code</th></tr></thead><tbody>{rows}</tbody></table>'


def _samples(operation: Operation) -> str:
    """Tabs that need no script: a radio button for each language."""
    tabs, panels = [], []
    for place, sample in enumerate(samples(operation)):
        name, checked = f"{operation.name}.sample-{place}", " checked" if place == 0 else ""
        tabs.append(
            f'<input type="radio" id="{name}" name="{operation.name}.sample" data-language="{place}"{checked}>'
            f'<label for="{name}">{sample.language}</label>'
        )
        panels.append(f'<pre class="panel-{place}" tabindex="0"><code>{code(sample.text)}</code></pre>')
    return f'<div class="tabs" data-copy>{"".join(tabs)}{"".join(panels)}</div>'


def _examples(operation: Operation) -> str:
    return "".join(
        f'<figure data-copy><figcaption>{answer.title}</figcaption><pre tabindex="0"><code>{colored(answer.example)}'
        "</code></pre></figure>"
        for answer in operation.answers
    )


def _form(operation: Operation) -> str:
    """What sends the request; the page shows it when its script runs, for without one no header can be sent."""
    fields = [(place, field) for place, fields in operation.parameters.items() for field in fields]
    optional = "".join(_input(field, place, operation.name) for place, field in fields if not field.required)
    inputs = "".join(_input(field, place, operation.name) for place, field in fields if field.required)
    if optional:
        inputs += f"<details><summary>Optional</summary>{optional}</details>"
    if operation.body is not None:
        inputs += _body_input(operation.body, f"{operation.name}.body")
    warning = "" if operation.method == _READS else '<p class="note">This is done for real, with your key.</p>'
    return (
        f'<details class="try" hidden><summary>Try it</summary><form data-method="{operation.method}" '
        f'data-path="{escape(operation.path)}">{inputs}{warning}'
        f'<p><button type="submit">Send {operation.method}</button></p>'
        '<div class="outcome" role="status"></div></form></details>'
    )


def _input(field: ShownField, place: str, operation: str) -> str:
    name = f"{operation}.{place}.{field.name}"
    needed = " required" if field.required else ""
    label = f'<label for="{name}"><code>{escape(field.name)}</code></label>'
    attributes = f'id="{name}" data-in="{place}" data-name="{escape(field.name)}"{needed}'
    if field.words and not field.kind.startswith("list"):
        choices = "".join(f"<option>{escape(str(word))}</option>" for word in field.words if word)
        return f'{label}<select {attributes}><option value="">-</option>{choices}</select>'
    example = "" if field.example is None else escape(str(field.example))
    hint = f' placeholder="{example}"' if example and not isinstance(field.example, list) else ""
    return f'{label}<input {attributes} autocomplete="off" spellcheck="false"{hint}>'


def _body_input(body: Body, name: str) -> str:
    text = body.example if isinstance(body.example, str) else json.dumps(body.example, indent=2, ensure_ascii=False)
    rows = min(text.count("\n") + 1, 14)
    media_type = escape(body.media_type or JSON)
    return (
        f'<label for="{name}">Body</label><textarea id="{name}" data-in="body" data-type="{media_type}" rows="{rows}" '
        f'spellcheck="false">{escape(text)}</textarea>'
    )
