"""An Idempotency-Key of a request other than a buy, with what the request said.

Touches: nothing.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from numberdesk.core.kept_json import fields_of


class RequestKey(NamedTuple):
    """Whose key it is, for which kind of request, and what the request said, as JSON.

    Each kind of request has keys of its own: a key of a release says nothing of a top-up.
    """

    account_id: str
    request: str
    key: str
    content: str


def request_key(account_id: str, request: str, key: str | None, /, **content: object) -> RequestKey | None:
    """The key of a request with what it says, field by field; None when it came without a key."""
    if key is None:
        return None
    return RequestKey(account_id, request, key, json.dumps(content, sort_keys=True))


def differing_field(first: str, second: str) -> str | None:
    """The first field in which two contents of one kind of request differ."""
    before, after = fields_of(first), fields_of(second)
    return next((name for name in sorted({*before, *after}) if before.get(name) != after.get(name)), None)
