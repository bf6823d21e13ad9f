"""Say how the records of a feed are read; forget a feed; seal secrets anew.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from numberdesk.accounts.store import find_accounts
from numberdesk.core.call_forms import FEED_NAME, CallForm
from numberdesk.core.call_mapping import MappingError, parse_mapping
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.infra.db import Tx
from numberdesk.infra.vault import Vault, VaultError
from numberdesk.usage.feed_store import change_secrets, delete_feed, list_feeds, save_feed
from numberdesk.usage.model import CallFeed

LONGEST_URL: Final = 500
LONGEST_SECRET: Final = 200
MOST_FEEDS: Final = 100
"""Feeds of an account."""


class RemoveFeed(NamedTuple):
    """A feed to forget."""

    account_id: str
    name: str


def checked_name(name: str) -> str:
    """A feed's name. Raises InvalidRequest."""
    if not FEED_NAME.fullmatch(name):
        raise InvalidRequest("source", "must be at most 32 lower-case letters, digits, - and _, a letter first")
    return name


def checked_feed(feed: CallFeed) -> CallFeed:
    """A feed as it may be stored, its secret in plain text still. Raises InvalidRequest."""
    checked_name(feed.name)
    if feed.mapping is not None:
        try:
            parse_mapping(feed.mapping)
        except MappingError as error:
            raise InvalidRequest("mapping", str(error)) from None
    if (feed.secret is None) is not (feed.url is None):
        raise InvalidRequest("url", "and a secret belong together: callbacks are signed over their address")
    if feed.url is not None and feed.secret is not None:
        _check_signing(feed, feed.url, feed.secret)
    return feed


def _check_signing(feed: CallFeed, url: str, secret: str) -> None:
    if feed.form is not CallForm.CALLBACK:
        raise InvalidRequest("secret", "is for status callbacks, which are signed with it")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > LONGEST_URL:
        raise InvalidRequest("url", "must be the address that callbacks are sent to, as it was given to the sender")
    if "@" in parts.netloc:
        raise InvalidRequest("url", "must be given without user and key, which are known when a callback comes")
    if not secret.isascii() or not secret.isprintable() or len(secret) > LONGEST_SECRET:
        raise InvalidRequest("secret", f"must be at most {LONGEST_SECRET} printable ASCII characters")


def save_feeds(tx: Tx, commands: Sequence[CallFeed]) -> list[CallFeed | NumberdeskError]:
    """Keep feeds, whose secrets are sealed by now, each in the place of the one of its name."""
    known = find_accounts(tx, {feed.account_id for feed in commands})
    outcomes: list[CallFeed | NumberdeskError] = []
    for feed in commands:
        if feed.account_id not in known:
            outcomes.append(NotFound("There is no such account."))
            continue
        others = [one for one in list_feeds(tx, feed.account_id, MOST_FEEDS) if one.name != feed.name]
        if len(others) >= MOST_FEEDS:
            outcomes.append(InvalidRequest("source", f"is one too many: an account has at most {MOST_FEEDS} feeds"))
            continue
        save_feed(tx, feed)
        outcomes.append(feed)
    return outcomes


def remove_feeds(tx: Tx, commands: Sequence[RemoveFeed]) -> list[RemoveFeed | NumberdeskError]:
    """Forget feeds; what came through them stays."""
    return [
        command if delete_feed(tx, command.account_id, command.name) else NotFound("There is no such feed.")
        for command in commands
    ]


def seal_feeds_anew(vault: Vault) -> Callable[[Tx, Sequence[int]], list[int | VaultError]]:
    """The write flow that seals the secrets of up to so many feeds under the vault's first key; how many there were."""

    def apply(tx: Tx, commands: Sequence[int]) -> list[int | VaultError]:
        return [_sealed_anew(tx, vault, most) for most in commands]

    return apply


def _sealed_anew(tx: Tx, vault: Vault, most: int) -> int | VaultError:
    sealed = [feed for feed in list_feeds(tx, None, most) if feed.secret is not None]
    try:
        anew = [
            feed._replace(secret=vault.seal(feed.seal_name, vault.open(feed.seal_name, feed.secret or "")))
            for feed in sealed
        ]
    except VaultError as error:
        return error
    change_secrets(tx, anew)
    return len(anew)
