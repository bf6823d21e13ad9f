"""People who are erased: nothing that tells who they were is left, and what they did is still told."""

from __future__ import annotations

import json

import pytest

from numberdesk.accounts.action_store import WantedActions, insert_actions, page_actions
from numberdesk.accounts.actions import Action
from numberdesk.accounts.erased_people import without_person
from numberdesk.accounts.passkey_store import insert_challenge, insert_passkey, list_passkeys
from numberdesk.accounts.passkeys import Passkey, PasskeyChallenge
from numberdesk.accounts.people import Person
from numberdesk.accounts.person_store import find_people
from numberdesk.accounts.session_store import find_links, find_signed
from numberdesk.core.errors import NotFound
from numberdesk.core.roles import Role, Via
from numberdesk.flows.accounts.erase_people import ErasedSoFar, Erasure, erase_people
from numberdesk.flows.accounts.invite_people import PersonChange
from numberdesk.flows.accounts.sign_in import IDLE, token_hash
from tests.flows.conftest import NOW, Shop
from tests.flows.test_people import by_link, change, enter, invitation, invite

ANN = "ann@example.com"


def erase(shop: Shop, command: Erasure) -> object:
    with shop.database.write() as tx:
        return erase_people(tx, [command])[0]


def noted(shop: Shop, account_id: str, many: int, **given: str) -> list[str]:
    """Record changes; their ids."""
    made = [Action(shop.new_id("act"), NOW + place, account_id, Via.CONSOLE, **given) for place in range(many)]
    with shop.database.write() as tx:
        insert_actions(tx, made)
    return [each.id for each in made]


def text_of(shop: Shop) -> str:
    """All that the record of changes says."""
    with shop.database.read() as tx:
        return repr(page_actions(tx, WantedActions(), before_id=None, limit=1000).items)


def ann(shop: Shop) -> Person:
    """Somebody who has signed in, with a passkey."""
    invited = invitation(shop, shop.account())
    invite(shop, invited)
    enter(shop, by_link("t"))
    whose = invited.person.id
    with shop.database.write() as tx:
        insert_passkey(tx, Passkey(shop.new_id("pky"), whose, "credential", "key", 0, "Ann's phone", NOW))
        insert_challenge(tx, PasskeyChallenge("challenge", NOW + 100, whose))
    return invited.person


def test_nothing_that_tells_who_they_were_is_left_and_what_they_did_is_told_under_their_id(shop: Shop) -> None:
    person = ann(shop)
    own = {"actor_id": person.id, "actor": ANN, "what": "POST /webhooks", "address": "192.0.2.7"}
    noted(shop, person.account_id, 3, **own)
    noted(shop, person.account_id, 1, **(own | {"object_id": "pky_1", "details": json.dumps({"name": "Ann's phone"})}))
    typed = json.dumps({"email": "Ann@Example.com", "role": "viewer"})
    noted(shop, person.account_id, 1, actor_id="root", actor="root", what="people invite", details=typed)
    noted(
        shop,
        person.account_id,
        1,
        actor_id="key_1",
        actor="a key",
        what="x",
        after=json.dumps({"reason": f"for {ANN}."}),
    )
    others = {"actor_id": "per_2", "actor": f"jo{ANN}", "what": "POST /webhooks", "address": "192.0.2.8"}
    noted(shop, person.account_id, 1, **others)
    change(shop, PersonChange(person.id, None, NOW, disabled=True))
    outcome = erase(shop, Erasure(person.id))
    assert isinstance(outcome, ErasedSoFar)
    assert outcome.looked_to is None
    told = text_of(shop)
    assert told.count(f"actor='{person.id}'") == 4
    for gone in (f"'{ANN}", f" {ANN}", "Ann@", "Ann's", "192.0.2.7"):
        assert gone not in told
    assert (f"jo{ANN}" in told, "192.0.2.8" in told, f"for {person.id}." in told) == (True, True, True)
    with shop.database.read() as tx:
        assert (find_people(tx, [person.id]), list_passkeys(tx, person.id)) == ({}, [])
        assert find_signed(tx, token_hash("t"), NOW, IDLE) is None
        assert find_links(tx, [token_hash(f"l-{ANN}")], lock=False) == {}
    again = invitation(shop, person.account_id, role=Role.VIEWER)
    assert invite(shop, again) == [again.person]
    assert isinstance(erase(shop, Erasure(person.id)), NotFound)


def test_a_long_record_is_looked_through_in_steps_and_whoever_stops_in_between_begins_anew(shop: Shop) -> None:
    person = ann(shop)
    noted(shop, person.account_id, 7, actor_id=person.id, actor=ANN, what="POST /webhooks", address="192.0.2.7")
    change(shop, PersonChange(person.id, None, NOW, disabled=True))
    first = erase(shop, Erasure(person.id, most=3))
    assert isinstance(first, ErasedSoFar)
    assert first.looked_to is not None
    with shop.database.read() as tx:
        assert find_people(tx, [person.id])[person.id].disabled_at == NOW
    steps = 0
    looked_to: str | None = ""
    while looked_to is not None:
        step = erase(shop, Erasure(person.id, looked_to, most=3))
        assert isinstance(step, ErasedSoFar)
        steps, looked_to = steps + 1, step.looked_to
    assert steps == 3
    assert ANN not in text_of(shop)


def test_only_whoever_is_disabled_is_erased(shop: Shop) -> None:
    person = ann(shop)
    assert isinstance(erase(shop, Erasure(person.id)), NotFound)
    with shop.database.read() as tx:
        assert find_people(tx, [person.id])[person.id].email == ANN


@pytest.mark.parametrize(
    ("email", "written"),
    [
        ("jos\u00e9@example.com", "Jose\u0301@Example.com"),
        ("a\\b@example.com", "A\\B@example.com"),
        ("strasse@example.com", "Stra\u00dfe@example.com"),
        ("a+b.c@example.com", "A+b.c@EXAMPLE.com"),
    ],
)
def test_an_email_is_found_however_it_was_written(email: str, written: str) -> None:
    details = json.dumps({"email": written, "tags": [f"by {written}"]}, ensure_ascii=False)
    action = Action("act_1", 0, "acc_1", Via.COMMAND, "root", "people invite", details=details)
    told = json.loads(without_person(action, "per_1", email).details)
    assert (told["email"], told["tags"][0][3:]) == ("per_1", "per_1")


def test_what_has_nothing_of_a_person_is_left_as_it_is() -> None:
    action = Action("act_1", 0, "acc_1", Via.API, "key_1", "POST /webhooks", details='{"name": "ann@example.com.au"}')
    assert without_person(action, "per_1", ANN) == action
