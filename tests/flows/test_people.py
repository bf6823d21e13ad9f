"""People: invited within what the inviter may do, let in by a link or a password, and out at once."""

from __future__ import annotations

import pytest

from numberdesk.accounts.model import CUSTOMER_SCOPES, RANDOM_BYTES, new_key
from numberdesk.accounts.people import LONGEST_PASSWORD, Person, comparable_password, parse_email, parse_password
from numberdesk.accounts.person_store import find_people, list_people
from numberdesk.accounts.session_store import ConsoleSession, SignInLink, find_links, find_signed, list_sessions
from numberdesk.core.errors import Forbidden, InvalidApiKey, InvalidRequest, NotFound
from numberdesk.core.roles import Role
from numberdesk.core.spending import SpendCaps
from numberdesk.flows.accounts.create_accounts import create_accounts, new_operator_account
from numberdesk.flows.accounts.invite_people import (
    MOST_PEOPLE,
    Invitation,
    PersonChange,
    change_people,
    invite_people,
)
from numberdesk.flows.accounts.issue_keys import NewKey, Revocation, issue_keys, new_key_record, revoke
from numberdesk.flows.accounts.sign_in import (
    IDLE,
    EndSessions,
    NewPassword,
    SignIn,
    change_passwords,
    end_sessions,
    sign_in,
    token_hash,
)
from tests.flows.conftest import NOW, Shop

LINK = "l"


def invitation(shop: Shop, account_id: str, email: str = "ann@example.com", role: Role = Role.OWNER) -> Invitation:
    person = Person(shop.new_id("per"), account_id, email, role, NOW)
    return Invitation(person, SignInLink(token_hash(f"{LINK}-{email}"), person.id, NOW + 100))


def invite(shop: Shop, *commands: Invitation) -> list[object]:
    with shop.database.write() as tx:
        return list(invite_people(tx, commands))


def change(shop: Shop, *commands: PersonChange) -> list[object]:
    with shop.database.write() as tx:
        return list(change_people(tx, commands))


def enter(shop: Shop, *commands: SignIn) -> list[object]:
    with shop.database.write() as tx:
        return list(sign_in(tx, commands))


def by_link(token: str, email: str = "ann@example.com", stored: str | None = "hash") -> SignIn:
    return SignIn(token_hash(token), NOW, link_hash=token_hash(f"{LINK}-{email}"), password=stored)


def who(shop: Shop, token: str) -> str | None:
    with shop.database.read() as tx:
        found = find_signed(tx, token_hash(token), NOW, IDLE)
    return None if found is None else found.email


def test_a_person_is_let_in_by_their_link_once_and_then_by_their_password(shop: Shop) -> None:
    invited = invitation(shop, shop.account())
    assert invite(shop, invited) == [invited.person]
    (no_password,) = enter(shop, by_link("a", stored=None))
    assert isinstance(no_password, InvalidRequest)
    first, second = enter(shop, by_link("a"), by_link("b"))
    assert isinstance(first, ConsoleSession)
    assert isinstance(second, NotFound)
    person_id = invited.person.id
    proven, guessed, none = enter(
        shop,
        SignIn(token_hash("c"), NOW, key_id=person_id, proven="hash", address="192.0.2.1", browser="Firefox"),
        SignIn(token_hash("d"), NOW, key_id=person_id, proven="another"),
        SignIn(token_hash("e"), NOW, key_id=person_id),
    )
    assert isinstance(proven, ConsoleSession)
    assert (guessed, none) == (InvalidApiKey(), InvalidApiKey())
    assert [who(shop, token) for token in "abcde"] == ["ann@example.com", None, "ann@example.com", None, None]
    with shop.database.read() as tx:
        assert {each.address for each in list_sessions(tx, person_id, NOW - IDLE)} == {None, "192.0.2.1"}
        signed = find_signed(tx, token_hash("c"), NOW, IDLE)
    assert signed
    assert (signed.caller.role, "keys:manage" in signed.caller.scopes) == (Role.OWNER, True)


def test_a_new_password_ends_all_other_sessions_and_so_does_a_new_link_that_is_used(shop: Shop) -> None:
    invited = invitation(shop, shop.account())
    invite(shop, invited)
    enter(shop, by_link("a"))
    enter(shop, SignIn(token_hash("b"), NOW, key_id=invited.person.id, proven="hash"))
    with shop.database.write() as tx:
        new = NewPassword(invited.person.id, "hash", "new", token_hash("b"))
        assert change_passwords(tx, [new, new]) == [None, InvalidApiKey()]  # the second was proven by the old one
    assert (who(shop, "a"), who(shop, "b")) == (None, "ann@example.com")
    link = SignInLink(token_hash("found later"), invited.person.id, NOW + 100)
    change(shop, PersonChange(invited.person.id, None, NOW, link=link))
    with shop.database.write() as tx:
        change_passwords(tx, [new._replace(proven="new", password="newer")])
    (refused,) = enter(shop, SignIn(token_hash("x"), NOW, link_hash=link.hash, password="theirs"))
    assert isinstance(refused, NotFound)
    link = SignInLink(token_hash("again"), invited.person.id, NOW + 100)
    change(shop, PersonChange(invited.person.id, None, NOW, link=link))
    assert who(shop, "b") == "ann@example.com"  # nothing ends until it is used
    enter(shop, SignIn(token_hash("c"), NOW, link_hash=link.hash, password="hash"))
    assert (who(shop, "b"), who(shop, "c")) == (None, "ann@example.com")


def test_sessions_are_ended_one_by_one_or_all_but_one_and_never_those_of_others(shop: Shop) -> None:
    account_id = shop.account()
    ann, bob = invitation(shop, account_id), invitation(shop, account_id, "bob@example.com")
    invite(shop, ann, bob)
    enter(shop, by_link("ann"), by_link("bob", "bob@example.com"))
    enter(shop, *(SignIn(token_hash(each), NOW, key_id=ann.person.id, proven="hash") for each in "xyz"))
    with shop.database.write() as tx:
        end_sessions(tx, [EndSessions(ann.person.id, only=token_hash("x")[:16])])
        end_sessions(
            tx, [EndSessions(ann.person.id, only=token_hash("bob")[:16]), EndSessions(bob.person.id, only="%")]
        )
    assert [bool(who(shop, each)) for each in ("x", "y", "z", "ann", "bob")] == [False, True, True, True, True]
    with shop.database.write() as tx:
        end_sessions(tx, [EndSessions(ann.person.id, keep=token_hash("y"))])
    assert [bool(who(shop, each)) for each in ("y", "z", "ann", "bob")] == [True, False, False, True]


def test_whoever_is_disabled_is_out_at_once_and_no_link_lets_them_in(shop: Shop) -> None:
    ann, bob = (invitation(shop, shop.account(), each) for each in ("ann@example.com", "bob@example.com"))
    invite(shop, ann, bob)
    enter(shop, by_link("a"))
    done = change(shop, PersonChange(ann.person.id, None, NOW, disabled=True))
    change(shop, PersonChange(bob.person.id, None, NOW, disabled=True))
    assert isinstance(done[0], Person)
    assert (done[0].disabled_at, who(shop, "a")) == (NOW, None)
    refused = enter(
        shop, by_link("b", "bob@example.com"), SignIn(token_hash("c"), NOW, key_id=ann.person.id, proven="hash")
    )
    assert [type(each) for each in refused] == [NotFound, InvalidApiKey]
    link = SignInLink(token_hash("new"), ann.person.id, NOW + 100)
    assert isinstance(change(shop, PersonChange(ann.person.id, None, NOW, link=link))[0], Forbidden)
    change(shop, PersonChange(ann.person.id, None, NOW + 1, disabled=False))
    assert isinstance(enter(shop, SignIn(token_hash("d"), NOW, key_id=ann.person.id, proven="hash"))[0], ConsoleSession)
    with shop.database.read() as tx:
        assert find_links(tx, [token_hash(f"{LINK}-bob@example.com")], lock=False) == {}


def test_an_email_is_one_persons_of_one_account_and_a_role_fits_its_kind(shop: Shop) -> None:
    account_id, other = shop.account(), shop.account()
    with shop.database.write() as tx:
        operators = new_operator_account(shop.new_id("acc"), f"Operators {account_id}", NOW)
        create_accounts(tx, [operators])
    outcomes = invite(
        shop,
        invitation(shop, account_id),
        invitation(shop, other),
        invitation(shop, account_id, "b@example.com", Role.ADMIN),
        invitation(shop, operators.id, "b@example.com", Role.OWNER),
        invitation(shop, operators.id, "b@example.com", Role.SUPPORT),
        invitation(shop, "acc_none", "c@example.com"),
    )
    fields = [each.details.get("field") if isinstance(each, InvalidRequest) else type(each) for each in outcomes]
    assert fields == [Person, "email", "role", "role", Person, NotFound]
    with shop.database.read() as tx:
        assert [each.email for each in list_people(tx, account_id, after_id=None, limit=9)] == ["ann@example.com"]


def test_nobody_gives_or_takes_a_role_that_may_more_than_they_may_nor_changes_themselves(shop: Shop) -> None:
    account_id, few = shop.account(), {"numbers:read", "billing:read", "keys:manage"}
    owner = invitation(shop, account_id)
    viewer = invitation(shop, account_id, "v@example.com", Role.VIEWER)
    outcomes = invite(shop, owner._replace(scopes=few), viewer._replace(scopes=few), owner)
    assert [type(each) for each in outcomes] == [Forbidden, Person, Person]
    refused = change(
        shop,
        PersonChange(viewer.person.id, account_id, NOW, few, role=Role.OWNER),
        PersonChange(owner.person.id, account_id, NOW, few, disabled=True),
        PersonChange(owner.person.id, account_id, NOW, few, link=SignInLink("h", owner.person.id, NOW + 1)),
        PersonChange(owner.person.id, account_id, NOW, changed_by=owner.person.id, disabled=True),
        PersonChange(owner.person.id, "acc_other", NOW, disabled=True),
    )
    assert [type(each) for each in refused] == [Forbidden, Forbidden, Forbidden, Forbidden, NotFound]
    assert isinstance(change(shop, PersonChange(viewer.person.id, account_id, NOW, role=Role.BUYER))[0], Person)
    with shop.database.read() as tx:
        found = find_people(tx, [owner.person.id, viewer.person.id])
    assert (found[owner.person.id].disabled_at, found[viewer.person.id].role) == (None, Role.BUYER)


def key_of(shop: Shop, account_id: str, number: int, caps: SpendCaps, expires_at: int | None = None) -> str:
    """Give an account a key that may do everything; its id."""
    secret = new_key(bytes([number]) * RANDOM_BYTES)
    record = new_key_record(
        shop.new_id("key"), secret, account_id=account_id, name="", scopes=CUSTOMER_SCOPES, expires_at=expires_at,
        now=NOW,
    )  # fmt: skip
    with shop.database.write() as tx:
        issue_keys(tx, [NewKey(record, caps)])
    return record.id


def test_a_key_with_spend_limits_lets_nobody_in_who_could_buy_without_them(shop: Shop) -> None:
    account_id = shop.account()
    free, capped = (key_of(shop, account_id, n, caps) for n, caps in enumerate((SpendCaps(), SpendCaps(None, 5))))
    owner = invitation(shop, account_id)
    viewer = invitation(shop, account_id, "v@example.com", Role.VIEWER)
    outcomes = invite(shop, owner._replace(asked_by=capped), viewer._replace(asked_by=capped))
    assert [type(each) for each in outcomes] == [Forbidden, Person]
    assert invite(shop, owner._replace(asked_by=free)) == [owner.person]
    of_owner = PersonChange(owner.person.id, account_id, NOW, changed_by=capped)
    refused = change(
        shop,
        of_owner._replace(link=SignInLink("h", owner.person.id, NOW + 1)),
        of_owner._replace(disabled=False),
        of_owner._replace(person_id=viewer.person.id, role=Role.BUYER),
        of_owner._replace(person_id=viewer.person.id, role=Role.BUYER, disabled=True),
    )
    assert [type(each) for each in refused] == [Forbidden] * 4
    assert isinstance(change(shop, of_owner._replace(disabled=True))[0], Person)


def test_a_key_that_expires_or_is_revoked_lets_nobody_in(shop: Shop) -> None:
    account_id = shop.account()
    expiring, revoked = (key_of(shop, account_id, n, SpendCaps(), end) for n, end in ((1, NOW + 9), (2, None)))
    with shop.database.write() as tx:
        revoke(tx, [Revocation(revoked, account_id, NOW)])
    viewer = invitation(shop, account_id, role=Role.VIEWER)
    outcomes = invite(shop, *(viewer._replace(asked_by=each) for each in (expiring, revoked, "key_none")))
    assert [type(each) for each in outcomes] == [Forbidden, InvalidApiKey, InvalidApiKey]
    invite(shop, viewer)
    link = SignInLink("h", viewer.person.id, NOW + 1)
    changes = [
        PersonChange(viewer.person.id, account_id, NOW, changed_by=expiring, link=link),
        PersonChange(viewer.person.id, account_id, NOW, changed_by=revoked, disabled=True),
        PersonChange(viewer.person.id, account_id, NOW, changed_by=expiring, disabled=True),
    ]
    assert [type(each) for each in change(shop, *changes)] == [Forbidden, InvalidApiKey, Person]


def test_of_two_who_disable_each_other_at_once_one_is_left(shop: Shop) -> None:
    account_id = shop.account()
    ann, bob = invitation(shop, account_id), invitation(shop, account_id, "bob@example.com")
    invite(shop, ann, bob)
    outcomes = change(
        shop,
        PersonChange(ann.person.id, account_id, NOW, changed_by=bob.person.id, disabled=True),
        PersonChange(bob.person.id, account_id, NOW, changed_by=ann.person.id, disabled=True),
    )
    assert [type(each) for each in outcomes] == [Person, InvalidApiKey]
    late = invitation(shop, account_id, "late@example.com")._replace(asked_by=ann.person.id)
    assert invite(shop, late) == [InvalidApiKey()]


def test_an_account_asks_for_no_more_emails_than_it_may_have_people(shop: Shop) -> None:
    account_id, other = shop.account(), shop.account()
    invite(shop, invitation(shop, other, "theirs@example.com", Role.VIEWER))
    invite(shop, *(invitation(shop, account_id, f"p{n}@example.com", Role.VIEWER) for n in range(MOST_PEOPLE)))
    asked = invite(shop, *(invitation(shop, account_id, each) for each in ("theirs@example.com", "none@example.com")))
    assert asked == [asked[0]] * 2
    assert isinstance(asked[0], Forbidden)


@pytest.mark.parametrize(
    "text",
    ["", "ann", "@x", "a@", "a b@c", "a@b@c", "a@b..c", "a@.b", "a\n@b", "<a@b>", "a\u200bb@c", "\u202ea@b", "a" * 201],
)
def test_what_is_no_email_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_email(text)
    assert refused.value.details["field"] == "email"


def test_emails_are_the_same_however_they_are_written() -> None:
    assert parse_email("ANN@Example.com") == parse_email("ann@example.COM") == "ann@example.com"


@pytest.mark.parametrize("text", ["", "short", "aaaaaaaaaaaaaaaa", "ANN@example.com", "x" * 100 + "y" * 101])
def test_a_password_is_long_enough_and_no_email(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_password(text, "ann@example.com")
    assert refused.value.details["field"] == "password"


def test_a_password_is_the_same_however_its_letters_are_composed() -> None:
    composed, parts = ("xyz" + letter * (LONGEST_PASSWORD - 3) for letter in ("\u1ec5", "e\u0302\u0303"))
    assert parse_password(parts, "a@b.c") == comparable_password(parts) == comparable_password(composed) == composed
    assert len(comparable_password("a" + "\u0345\u0334" * 30_000)) == LONGEST_PASSWORD + 1
