"""Sessions of the console: begun by a key or a link, kept while they are used, and gone with their key."""

from __future__ import annotations

from numberdesk.accounts.model import RANDOM_BYTES, new_key
from numberdesk.accounts.session_store import (
    MOST_SESSIONS,
    ConsoleSession,
    SignInLink,
    find_links,
    find_signed,
)
from numberdesk.core.errors import InvalidApiKey, NotFound
from numberdesk.flows.accounts.issue_keys import NewKey, Revocation, issue_keys, new_key_record, revoke
from numberdesk.flows.accounts.sign_in import (
    IDLE,
    Seen,
    SignIn,
    keep_sessions,
    make_links,
    sign_in,
    sign_out,
    token_hash,
)
from numberdesk.flows.cleanup import Cleanup, clean_up
from tests.flows.conftest import NOW, Shop


def key_of(shop: Shop, account_id: str, number: int = 1, expires_at: int | None = None) -> str:
    """Give an account a key; its id."""
    secret = new_key(bytes([number]) * RANDOM_BYTES)
    record = new_key_record(
        shop.new_id("key"), secret, account_id=account_id, name="console", scopes=["numbers:read"],
        expires_at=expires_at, now=NOW,
    )  # fmt: skip
    with shop.database.write() as tx:
        issue_keys(tx, [NewKey(record)])
    return record.id


def begin(shop: Shop, *commands: SignIn) -> list[object]:
    with shop.database.write() as tx:
        return list(sign_in(tx, commands))


def who(shop: Shop, token: str, now: int) -> str | None:
    """The key that a token speaks for."""
    with shop.database.read() as tx:
        found = find_signed(tx, token_hash(token), now, IDLE)
    return None if found is None else found.caller.key_id


def test_a_session_speaks_for_its_key_until_it_is_not_used_for_so_long(shop: Shop) -> None:
    account_id = shop.account()
    key = key_of(shop, account_id)
    begin(shop, SignIn(token_hash("t"), NOW, key_id=key))
    with shop.database.read() as tx:
        signed = find_signed(tx, token_hash("t"), NOW, IDLE)
    assert signed
    assert (signed.caller.account_id, signed.caller.scopes, signed.key_name) == (
        account_id,
        frozenset({"numbers:read"}),
        "console",
    )
    assert (who(shop, "t", NOW + IDLE - 1), who(shop, "t", NOW + IDLE), who(shop, "u", NOW)) == (key, None, None)
    with shop.database.write() as tx:
        keep_sessions(tx, [Seen(token_hash("t"), NOW + 5), Seen(token_hash("none"), NOW)])
    assert (who(shop, "t", NOW + IDLE), who(shop, "t", NOW + IDLE + 5)) == (key, None)
    with shop.database.write() as tx:
        keep_sessions(tx, [Seen(token_hash("t"), NOW)])  # a process whose clock is behind
    assert who(shop, "t", NOW + IDLE) == key
    with shop.database.write() as tx:
        sign_out(tx, [token_hash("t")])
    assert who(shop, "t", NOW) is None


def test_a_session_ends_with_its_key(shop: Shop) -> None:
    account_id = shop.account()
    revoked, expiring = key_of(shop, account_id), key_of(shop, account_id, 2, expires_at=NOW + 9)
    begin(shop, SignIn(token_hash("a"), NOW, key_id=revoked), SignIn(token_hash("b"), NOW, key_id=expiring))
    assert (who(shop, "b", NOW + 8), who(shop, "b", NOW + 9)) == (expiring, None)
    with shop.database.write() as tx:
        revoke(tx, [Revocation(revoked, account_id, NOW)])
    assert who(shop, "a", NOW) is None
    refused = begin(
        shop, SignIn(token_hash("c"), NOW, key_id=revoked), SignIn(token_hash("d"), NOW + 9, key_id=expiring)
    )
    assert refused == [InvalidApiKey(), InvalidApiKey()]


def test_a_link_signs_in_once_however_many_ask_at_the_same_time(shop: Shop) -> None:
    key = key_of(shop, shop.account())
    with shop.database.write() as tx:
        make_links(tx, [SignInLink(token_hash("link"), key, NOW + 10), SignInLink(token_hash("late"), key, NOW)])
    by_link = [SignIn(token_hash(name), NOW, link_hash=token_hash("link")) for name in "abc"]
    first, *others = begin(shop, *by_link)
    assert first == ConsoleSession(token_hash("a"), key, NOW, NOW)
    assert [type(each) for each in others] == [NotFound, NotFound]
    assert [who(shop, name, NOW) for name in "abc"] == [key, None, None]
    (late,) = begin(shop, SignIn(token_hash("d"), NOW, link_hash=token_hash("late")))
    assert isinstance(late, NotFound)


def test_of_a_key_the_newest_sessions_are_kept_and_what_is_old_is_cleaned_up(shop: Shop) -> None:
    key = key_of(shop, shop.account())
    for place in range(MOST_SESSIONS + 2):
        begin(shop, SignIn(token_hash(f"t{place}"), NOW + place, key_id=key))
    later = NOW + MOST_SESSIONS + 2
    assert [who(shop, f"t{place}", later) for place in (0, 1, 2, MOST_SESSIONS + 1)] == [None, None, key, key]
    with shop.database.write() as tx:
        make_links(tx, [SignInLink(token_hash("old"), key, NOW), SignInLink(token_hash("new"), key, later + IDLE)])
        clean_up(tx, [Cleanup(NOW + 10 + IDLE, 0)])
    assert shop.count("console_sessions") == MOST_SESSIONS + 2 - 11
    with shop.database.read() as tx:
        assert set(find_links(tx, [token_hash("old"), token_hash("new")], lock=False)) == {token_hash("new")}
