"""Pages of lists that are walked by id: the size, the opaque token, the next token.

Touches: nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from numberdesk.core.errors import InvalidRequest

MOST_PER_PAGE: Final = 100
_LONGEST_TOKEN: Final = 200

PageSize = Annotated[int, msgspec.Meta(ge=1, le=MOST_PER_PAGE)]
PageToken = Annotated[str, msgspec.Meta(max_length=_LONGEST_TOKEN)]


class PageQuery(msgspec.Struct, frozen=True):
    """Where a list goes on."""

    page_size: PageSize = 10
    page_token: PageToken | None = None


def position(token: str | None, kind: str) -> str | None:
    """The id that a page token stands for, which begins with `kind`. Raises InvalidRequest naming page_token."""
    if token is None or token == "":
        return None
    text = _decoded(token)
    if text is None or not text.startswith(kind):
        raise InvalidRequest("page_token", "is not a token of this list")
    return text


def _decoded(token: str) -> str | None:
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        return None
    return text if text.isprintable() else None


def numbered_position(token: str | None) -> int | None:
    """The number that a page token stands for. Raises InvalidRequest naming page_token."""
    text = position(token, "")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004  fits 64 bits
        raise InvalidRequest("page_token", "is not a token of this list")
    return int(text)


def page(
    found: Sequence[Any], size: int, key: str, *, walked_to: str | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """Cut `size` + 1 found items to a page; the envelope's `page` tells whether there is a next one.

    `walked_to` is where looking ended before the page was full: it goes on there, and is `incomplete` until then.
    """
    items = list(found[:size])
    if len(found) > size:
        return items, {"page": {"next": _token(str(_attribute(items[-1], key)))}}
    if walked_to is not None:
        return items, {"page": {"next": _token(walked_to), "incomplete": True}}
    return items, {"page": {"next": None}}


def _attribute(item: Any, path: str) -> Any:
    for name in path.split("."):
        item = getattr(item, name)
    return item


def _token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
