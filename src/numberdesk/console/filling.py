"""Put what was sent back into the form of a page.

Touches: nothing.

It works on the finished page, so that it fits every form, whatever its template.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from typing import Final, NamedTuple

from numberdesk.console.forms import Form

_CONTROLS: Final = ("input", "select", "button")
_LEFT_ALONE: Final = ("password", "file", "submit")
_NOTE: Final = (
    '<div class="note wait" role="status">You were not signed in any more, so what you sent was not done. It is filled '
    "in below: look at it, and send it again.</div>"
)

Attributes = list[tuple[str, str | None]]


class _Tag(NamedTuple):
    """A tag that begins something, and where it stands."""

    name: str
    attributes: Attributes
    begins: int
    ends: int

    def get(self, name: str) -> str | None:
        """An attribute."""
        return dict(self.attributes).get(name)

    def with_(self, name: str, value: str | None) -> str:
        """The tag with another attribute in the place of one of its name."""
        others = [(each, text) for each, text in self.attributes if each != name]
        return _written(self.name, [*others, (name, value)])

    def without(self, name: str) -> str:
        """The tag without an attribute."""
        return _written(self.name, [(each, text) for each, text in self.attributes if each != name])


class _Places(HTMLParser):
    """Where the tags of a page stand that matter for its forms, those within each other."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[tuple[_Tag, list[_Tag], list[_Tag]]] = []
        """Forms, each with what is folded around it and with its controls and options."""

        self.main: int | None = None
        self._lines = [0]
        for line in html.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._folded: list[_Tag] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        line, column = self.getpos()
        begins = self._lines[line - 1] + column
        found = _Tag(tag, attrs, begins, begins + len(self.get_starttag_text() or ""))
        if tag == "main":
            self.main = found.ends
        elif tag == "details":
            self._folded.append(found)
        elif tag == "form":
            self.forms.append((found, list(self._folded), []))
            self._inside = True
        elif self._inside and tag in (*_CONTROLS, "option"):
            self.forms[-1][2].append(found)

    def handle_endtag(self, tag: str) -> None:
        if tag == "details" and self._folded:
            self._folded.pop()
        elif tag == "form":
            self._inside = False


def filled_in(html: str, action: str, fields: Form) -> str | None:
    """The page with its form to `action` as it was sent, and a note that says so; None where it has no such form."""
    page = _Places(html)
    found = [each for each in page.forms if (each[0].get("method"), each[0].get("action")) == ("post", action)]
    whole = [each for each in found if fields.keys() <= {tag.get("name") for tag in each[2]}]
    if not found:
        return None
    _, folded, controls = (whole or found)[0]
    edits = [(tag, tag.with_("open", None)) for tag in folded] + _edits(controls, fields)
    changed = [(tag.begins, tag.ends, text) for tag, text in edits]
    if page.main is not None:
        changed.append((page.main, page.main, _NOTE))
    for begins, ends, text in sorted(changed, reverse=True):
        html = html[:begins] + text + html[ends:]
    return html


def _edits(controls: list[_Tag], fields: Form) -> list[tuple[_Tag, str]]:
    """The tags of a form that are to be others."""
    left = {name: list(values) for name, values in fields.items()}
    edits: list[tuple[_Tag, str]] = []
    chosen: list[str] | None = None
    for tag in controls:
        name, kind = tag.get("name") or "", tag.get("type") or "text"
        if tag.name == "select":
            chosen = fields.get(name)
        elif tag.name == "option" and chosen is not None:
            picked = (tag.get("value") or "") in chosen
            edits.append((tag, tag.with_("selected", None) if picked else tag.without("selected")))
        elif tag.name == "input" and kind in ("checkbox", "radio"):
            ticked = (tag.get("value") or "on") in fields.get(name, ())
            edits.append((tag, tag.with_("checked", None) if ticked else tag.without("checked")))
        elif tag.name == "input" and kind not in _LEFT_ALONE and left.get(name):
            edits.append((tag, tag.with_("value", left[name].pop(0))))
    return edits


def _written(name: str, attributes: Attributes) -> str:
    inner = "".join(f" {each}" if text is None else f' {each}="{escape(text)}"' for each, text in attributes)
    return f"<{name}{inner}>"
