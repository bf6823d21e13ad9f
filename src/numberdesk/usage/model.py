"""What the feature keeps beside calls: feeds, margins.

Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.core.call_charging import source_of_feed
from numberdesk.core.call_forms import CallForm
from numberdesk.core.purchase import POOL


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


class NumberMargin(NamedTuple):
    """What calls of a number in a month were charged and what they cost, in micros of one currency.

    `uncosted` calls were charged, and their carrier has not told what they cost, or told it in another currency.
    """

    month: int
    e164: str
    carrier: str
    currency: str
    calls: int
    seconds: int
    charged: int
    cost: int
    uncosted: int

    @property
    def margin(self) -> int | None:
        """Charge less cost; None as long as a cost is not known. Calls of the own pool's numbers cost nothing here."""
        return self.charged - self.cost if self.carrier == POOL or not self.uncosted else None

    @property
    def place(self) -> str:
        """Where it stands in a list."""
        return f"{self.e164}.{self.currency}"
