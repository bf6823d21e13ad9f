"""What the feature keeps beside calls: feeds.

Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.core.call_charging import source_of_feed
from numberdesk.core.call_forms import CallForm


class CallFeed(NamedTuple):
    """How records that come to /usage/in/{name}/ with a key of an account are read.

    `mapping` is the text of a mapping file; `secret`, sealed, is what callbacks to the address `url` are signed with.
    """

    account_id: str
    name: str
    form: CallForm
    mapping: str | None
    secret: str | None
    url: str | None
    created_at: int

    @property
    def seal_name(self) -> str:
        """The name that the secret is sealed under."""
        return feed_seal_name(self.account_id, self.name)


def feed_seal_name(account_id: str, name: str) -> str:
    """The name that the secret of a feed is sealed under."""
    return source_of_feed(account_id, name)
