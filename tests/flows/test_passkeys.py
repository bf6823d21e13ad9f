"""Passkeys in the books: challenges that are good once, counts that grow, and what goes with its person."""

from __future__ import annotations

from numberdesk.accounts.passkey_store import find_passkeys, insert_challenge
from numberdesk.accounts.passkeys import MOST_CHALLENGES_OF_PERSON, MOST_PASSKEYS, Passkey, PasskeyChallenge
from numberdesk.accounts.people import Person
from numberdesk.accounts.session_store import ConsoleSession, SignInLink
from numberdesk.core.errors import Forbidden, InvalidApiKey, InvalidRequest, NotFound
from numberdesk.core.roles import Role
from numberdesk.flows.accounts.invite_people import Invitation, PersonChange, change_people, invite_people
from numberdesk.flows.accounts.passkeys import (
    PasskeyChange,
    TakenChallenge,
    add_passkeys,
    change_passkeys,
    take_challenges,
)
from numberdesk.flows.accounts.sign_in import SignIn, UsedPasskey, sign_in
from numberdesk.flows.cleanup import Cleanup, clean_up
from tests.flows.conftest import NOW, Shop


def person_of(shop: Shop, name: str) -> str:
    """Invite somebody; their id."""
    person = Person(shop.new_id("per"), shop.account(), f"{name}@example.com", Role.OWNER, NOW)
    with shop.database.write() as tx:
        invite_people(tx, [Invitation(person, SignInLink(f"link of {name}", person.id, NOW + 9))])
    return person.id


def passkey_of(shop: Shop, person_id: str, credential: str = "c", count: int = 5) -> Passkey:
    return Passkey(shop.new_id("pky"), person_id, credential, "key", count, "phone", NOW)


def added(shop: Shop, *new: Passkey) -> list[object]:
    with shop.database.write() as tx:
        return list(add_passkeys(tx, new))


def entered(shop: Shop, person_id: str, *used: UsedPasskey) -> list[type]:
    """What comes of attempts to sign in that are decided together."""
    commands = [SignIn(f"t{place}{each}", NOW, key_id=person_id, passkey=each) for place, each in enumerate(used)]
    with shop.database.write() as tx:
        return [type(outcome) for outcome in sign_in(tx, commands)]


def test_a_challenge_is_taken_once_by_the_one_it_is_for_and_not_when_it_is_old(shop: Shop) -> None:
    with shop.database.write() as tx:
        for name, expires_at, whose in (("a", NOW + 1, ""), ("b", NOW, ""), ("c", NOW + 1, "per_1")):
            insert_challenge(tx, PasskeyChallenge(name, expires_at, whose))
    wanted = [("a", "per_1"), ("a", ""), ("a", ""), ("b", ""), ("c", "per_2"), ("c", "per_1")]
    with shop.database.write() as tx:
        taken = take_challenges(tx, [TakenChallenge(each, NOW, whose) for each, whose in wanted])
    assert taken == [False, True, False, False, False, True]
    with shop.database.write() as tx:
        (report,) = clean_up(tx, [Cleanup(NOW, 1)])
    assert (report.sessions_forgotten, report.challenges_forgotten) == (0, 1)


def test_of_many_challenges_the_newest_are_open(shop: Shop) -> None:
    for whose, most in (("", 3), ("per_1", MOST_CHALLENGES_OF_PERSON)):
        with shop.database.write() as tx:
            for place in range(most + 2):
                insert_challenge(tx, PasskeyChallenge(f"{whose}{place}", NOW + 1 + place, whose), most=3)
            wanted = [TakenChallenge(f"{whose}{place}", NOW, whose) for place in range(most + 2)]
            assert take_challenges(tx, wanted) == [False] * 2 + [True] * most


def test_a_count_that_somebody_else_has_moved_on_lets_nobody_in(shop: Shop) -> None:
    person_id = person_of(shop, "ann")
    passkey = passkey_of(shop, person_id)
    added(shop, passkey)
    both = (UsedPasskey(passkey.id, 5, 6), UsedPasskey(passkey.id, 5, 6))
    assert entered(shop, person_id, *both) == [ConsoleSession, InvalidApiKey]
    assert entered(shop, person_id, UsedPasskey(passkey.id, 5, 7)) == [InvalidApiKey]
    assert entered(shop, person_id, UsedPasskey(passkey.id, 6, 7)) == [ConsoleSession]
    assert entered(shop, person_of(shop, "ben"), UsedPasskey(passkey.id, 7, 8)) == [InvalidApiKey]
    with shop.database.read() as tx:
        assert find_passkeys(tx, [passkey.id])[passkey.id]._replace(used_at=None) == passkey._replace(sign_count=7)
    with shop.database.write() as tx:
        change_people(tx, [PersonChange(person_id, None, NOW, disabled=True)])
    assert entered(shop, person_id, UsedPasskey(passkey.id, 7, 8)) == [InvalidApiKey]
    assert [type(each) for each in added(shop, passkey_of(shop, person_id, "d"))] == [InvalidApiKey]


def test_passkeys_are_bounded_one_persons_and_theirs_to_change(shop: Shop) -> None:
    ann, ben = person_of(shop, "ann"), person_of(shop, "ben")
    mine = [passkey_of(shop, ann, f"c{place}") for place in range(MOST_PASSKEYS + 1)]
    assert [type(each) for each in added(shop, *mine)] == [Passkey] * MOST_PASSKEYS + [Forbidden]
    assert [type(each) for each in added(shop, passkey_of(shop, ben, "c0"))] == [InvalidRequest]
    first = mine[0]
    with shop.database.write() as tx:
        changes = [PasskeyChange(first.id, ben, "x"), PasskeyChange(first.id, ann, "tablet"), PasskeyChange("no", ann)]
        outcomes = change_passkeys(tx, [*changes, PasskeyChange(first.id, ann)])
    assert [type(each) for each in outcomes] == [NotFound, Passkey, NotFound, Passkey]
    assert outcomes[-1] == first._replace(name="tablet")
    assert [type(each) for each in added(shop, passkey_of(shop, ben, "c0"))] == [Passkey]
