"""Whole pages: the first one, one for each resource, one of all errors, and what is searched.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Any, Final

from numberdesk.api.reference.marking import paragraphs, prose
from numberdesk.api.reference.operations import error_table, method, section
from numberdesk.api.reference.outline import ErrorCase, Outline, Topic

FIRST: Final = ""
"""The path of the first page below /docs."""

ERRORS: Final = "errors"


def pages(told: Outline, assets: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Every page by its path below /docs. `assets` are the addresses of the style sheet and the script."""
    yield FIRST, _page(told, assets, FIRST, "Overview", _overview(told))
    for topic in told.topics:
        sections = "".join(section(operation, told.usual) for operation in topic.operations)
        yield topic.slug, _page(told, assets, topic.slug, topic.title, _topic_head(topic) + sections)
    yield ERRORS, _page(told, assets, ERRORS, "Errors", _errors(told))


def search_index(told: Outline) -> list[dict[str, Any]]:
    """What is searched: each operation, with the names of its fields."""
    return [
        {
            "title": operation.title,
            "method": operation.method,
            "path": operation.path,
            "topic": f"{topic.title}, for operators" if topic.slug.startswith("admin/") else topic.title,
            "summary": operation.summary,
            "to": f"/docs/{topic.slug}#{operation.name}",
            "fields": list(
                dict.fromkeys(
                    field.name
                    for fields in (
                        *operation.parameters.values(),
                        *(part.fields for part in (operation.body, *operation.answers) if part is not None),
                    )
                    for field in fields
                )
            ),
            "errors": [case.code for case in operation.errors],
        }
        for topic in told.topics
        for operation in topic.operations
    ]


def _page(told: Outline, assets: dict[str, str], here: str, title: str, content: str) -> str:
    name = escape(f"{title} - {told.title} API")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{name}</title>"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="stylesheet" href="{assets["reference.css"]}">'
        f'<script src="{assets["reference.js"]}" defer></script>'
        '</head><body><a class="skip" href="#content">Skip to the content</a>'
        f'{_top(told)}<div class="columns"><nav class="navigation" id="navigation" aria-label="Reference">'
        f'{_navigation(told, here)}</nav><main id="content" tabindex="-1">{content}</main></div></body></html>'
    )


def _top(told: Outline) -> str:
    return (
        '<header class="top"><label class="menu" for="menu">Menu</label>'
        f'<a class="brand" href="/docs">{escape(told.title)} <span>API {escape(told.version)}</span></a>'
        '<div class="search" hidden role="search"><input type="search" id="search" placeholder="Search  /" '
        'aria-label="Search the reference" aria-controls="found" autocomplete="off" spellcheck="false">'
        '<div id="found" hidden></div></div>'
        '<div class="key" hidden><label for="key">Your key</label><input id="key" type="password" autocomplete="off" '
        'spellcheck="false" placeholder="Your API key" '
        'title="For samples and Send. This page keeps it until you leave it, and nowhere else."></div>'
        '</header><input type="checkbox" id="menu" aria-label="Show the menu">'
    )


def _navigation(told: Outline, here: str) -> str:
    def link(slug: str, title: str) -> str:
        current = ' aria-current="page"' if slug == here else ""
        return f'<a href="/docs{"/" if slug else ""}{slug}"{current}>{escape(title)}</a>'

    parts = [f"<ul><li>{link(FIRST, 'Overview')}</li><li>{link(ERRORS, 'Errors')}</li></ul>"]
    for group, topics in groupby(told.topics, lambda topic: topic.group):
        entries = "".join(f"<li>{link(topic.slug, topic.title)}{_inside(topic, here)}</li>" for topic in topics)
        parts.append(f"<h2>For {escape(group.lower())}</h2><ul>{entries}</ul>")
    return "".join(parts)


def _inside(topic: Topic, here: str) -> str:
    """The operations of the page that one is on."""
    if topic.slug != here:
        return ""
    entries = "".join(
        f'<li><a href="/docs/{topic.slug}#{operation.name}"><span>{escape(operation.title)}</span>'
        f"{method(operation.method)}</a></li>"
        for operation in topic.operations
    )
    return f"<ul>{entries}</ul>"


def _topic_head(topic: Topic) -> str:
    return f'<div class="title"><h1>{escape(topic.title)}</h1><p>For {escape(topic.group.lower())}</p></div>'


def _overview(told: Outline) -> str:
    parts = []
    for group, topics in groupby(told.topics, lambda topic: topic.group):
        cards = "".join(_card(topic) for topic in topics)
        parts.append(f'<h2>For {escape(group.lower())}</h2><div class="cards">{cards}</div>')
    return (
        f'<div class="title"><h1>{escape(told.title)} API</h1></div><div class="intro">{paragraphs(told.text)}'
        '<p>The same for machines: <a href="/openapi.json" data-plain>/openapi.json</a>, OpenAPI 3.1.</p></div>'
        f"{''.join(parts)}"
    )


def _card(topic: Topic) -> str:
    rows = "".join(
        f'<li><a href="/docs/{topic.slug}#{operation.name}">{method(operation.method)}<span>{escape(operation.title)}'
        f"</span></a><p>{prose(operation.summary)}</p></li>"
        for operation in topic.operations
    )
    title = f'<a href="/docs/{topic.slug}">{escape(topic.title)}</a>'
    return f'<section class="card"><h3>{title}</h3><ul>{rows}</ul></section>'


def _errors(told: Outline) -> str:
    givers: dict[ErrorCase, list[str]] = {}
    for topic in told.topics:
        for operation in topic.operations:
            for case in operation.errors:
                givers.setdefault(case, []).append(
                    f'<a href="/docs/{topic.slug}#{operation.name}">{operation.title}</a>'
                )
    rest = sorted(case for case in givers if case not in told.usual)
    rows = "".join(
        f'<section id="{case.code}"><h3><a href="#{case.code}">{case.code}</a> <small>{case.status}</small></h3>'
        f'<p>{prose(case.when)}</p><details><summary>{_counted(len(givers[case]))}</summary><p class="givers">'
        f"{', '.join(givers[case])}</p></details></section>"
        for case in rest
    )
    return (
        '<div class="title"><h1>Errors</h1></div><div class="intro"><p>An answer that is no success has '
        "<code>success</code> false, a <code>message</code> for people, and <code>error.code</code>, which never "
        "changes, with <code>error.details</code> for programs. <code>request_id</code> finds the request in the "
        "log.</p>"
        f'</div><h2>Every request</h2>{error_table(told.usual)}<h2>Some requests</h2><div class="codes">{rows}</div>'
    )


def _counted(count: int) -> str:
    return "One endpoint answers it" if count == 1 else f"{count} endpoints answer it"
