"""Pieces of HTML: text, code, JSON in colours, and the little Markdown that the document's texts use.

Touches: nothing.

Everything that comes from the document goes through `escape` here.
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any, Final

from numberdesk.api.reference.samples import KEY, ORIGIN

_CODE: Final = re.compile(r"`([^`]+)`")
_JSON_TOKEN: Final = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\b\d[\d.eE+-]*)')


def prose(text: str) -> str:
    """Text of a line, with code between backticks."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def paragraphs(text: str) -> str:
    """Text of several paragraphs, and headings that begin with `## `."""
    parts = (part.strip() for part in text.split("\n\n"))
    return "".join(
        f"<h2>{prose(part[3:])}</h2>" if part.startswith("## ") else f"<p>{prose(part)}</p>" for part in parts
    )


def code(text: str) -> str:
    """A sample, in which the page puts the reader's key and this server's address."""
    marked = escape(text).replace(KEY, f'<span class="my-key">{KEY}</span>')
    return marked.replace(ORIGIN, f'<span class="my-origin">{ORIGIN}</span>')


def colored(value: Any) -> str:
    """A value as JSON in colours."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(_pieces(text))


def _pieces(text: str) -> list[str]:
    pieces, end = [], 0
    for found in _JSON_TOKEN.finditer(text):
        pieces.append(escape(text[end : found.start()], quote=False))
        kind = "name" if found[2] else "text" if found[1] else "word" if found[3] else "number"
        shown = escape(found[1] or found[3] or found[4], quote=False)
        pieces.append(f'<span class="json-{kind}">{shown}</span>{found[2] or ""}')
        end = found.end()
    return [*pieces, escape(text[end:], quote=False)]
