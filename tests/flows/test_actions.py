"""Who did what is written with what it changed, or not at all; kept for a time; and read in bounded pages."""

from __future__ import annotations

import asyncio
import json
from typing import Final

import pytest

from numberdesk.accounts.action_store import WantedActions, insert_actions, page_actions
from numberdesk.accounts.actions import Action
from numberdesk.accounts.passkeys import Passkey
from numberdesk.accounts.people import Person
from numberdesk.accounts.session_store import SignInLink, find_signed
from numberdesk.carriers.port import CarrierAccount, Setup
from numberdesk.catalog.rules import PriceRule
from numberdesk.connections.model import Connection
from numberdesk.core.errors import Forbidden, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountState, CarrierState
from numberdesk.core.money import MICROS
from numberdesk.core.number_settings import NumberSettings
from numberdesk.core.purchase import POOL
from numberdesk.core.roles import Role, Via
from numberdesk.flows.accounts.act_for_customers import ACTING, ActFor, act_for_customers
from numberdesk.flows.accounts.change_accounts import account_change, change_accounts
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account, new_operator_account
from numberdesk.flows.accounts.invite_people import Invitation, invite_people
from numberdesk.flows.accounts.note_actions import note_actions
from numberdesk.flows.accounts.passkeys import PasskeyChange, add_passkeys, change_passkeys
from numberdesk.flows.accounts.sign_in import IDLE, SignIn, sign_in, token_hash
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.flows.catalog.set_price_rules import set_price_rules
from numberdesk.flows.changed_states import STATES
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.infra.attribution import attributed_to
from numberdesk.infra.db import Tx
from numberdesk.infra.vault import Vault
from numberdesk.infra.writer import Writer
from numberdesk.webhooks.model import WebhookEndpoint
from tests.flows.conftest import NOW, Shop

SECRET: Final = (
    "settings", "secrets", "url", "description", "secret", "former_secret", "options", "credentials", "password",
    "emergency_address", "caller_name", "carrier_reference", "message", "credential", "public_key", "disabled_reason",
)  # fmt: skip
"""What rows hold of secrets, of addresses, and of what others said."""


def action(number: int, account_id: str = "acc_a", actor: str = "") -> Action:
    what = "accounts create"
    return Action(f"act_{number:04}", NOW + number, account_id, Via.COMMAND, "root", what, actor=actor)


def listed(shop: Shop, wanted: WantedActions | None = None, before: str | None = None, most: int = 99) -> list[str]:
    with shop.database.read() as tx:
        found = page_actions(tx, wanted or WantedActions(), before_id=before, limit=3, most=most)
    return [each.id[-1] for each in found.items] + ([f"...{found.walked_to[-1]}"] if found.walked_to else [])


def test_an_action_is_written_with_its_first_change_once_and_never_without_one(shop: Shop) -> None:
    writer = Writer(shop.database, attribute=note_actions)

    def broken(tx: Tx, commands: object) -> list[None]:
        create_accounts(tx, [new_account("acc_b", "B", "USD", 0, NOW)])
        raise RuntimeError(commands)

    with attributed_to(action(1, "")):
        with pytest.raises(RuntimeError):
            writer.apply(broken, "x")
        assert listed(shop) == []
        writer.apply(create_accounts, new_account("acc_a", "A", "USD", 0, NOW))
        writer.apply(create_accounts, new_account("acc_c", "C", "USD", 0, NOW))
    with attributed_to(action(2, "")), pytest.raises(NumberdeskError):
        writer.apply(create_accounts, new_account("acc_d", "A", "USD", 0, NOW))
    writer.apply(create_accounts, new_account("acc_e", "E", "USD", 0, NOW))
    with shop.database.read() as tx:
        (found,) = page_actions(tx, WantedActions(), before_id=None, limit=9).items
    assert (found.id, found.account_id, found.object_id, found.actor) == ("act_0001", "acc_a", "acc_a", "root")


def test_actions_of_requests_that_share_a_transaction_are_each_written_beside_their_own(shop: Shop) -> None:
    writer = Writer(shop.database, attribute=note_actions)

    async def ask(number: int) -> None:
        name = "same" if number > 3 else f"N{number}"
        with attributed_to(action(number, "")):
            await writer.submit(create_accounts, new_account(f"acc_{number}", name, "USD", 0, NOW))

    async def story() -> list[object]:
        asked = [asyncio.ensure_future(ask(number)) for number in range(1, 6)]
        await asyncio.sleep(0)
        writer.start()
        return list(await asyncio.gather(*asked, return_exceptions=True))

    outcomes = asyncio.run(story())
    writer.close()
    assert [isinstance(each, Exception) for each in outcomes] == [False, False, False, False, True]
    with shop.database.read() as tx:
        found = page_actions(tx, WantedActions(), before_id=None, limit=9).items
    assert [(each.id, each.object_id) for each in found] == [(f"act_000{n}", f"acc_{n}") for n in (4, 3, 2, 1)]


def test_actions_are_paged_by_account_actor_object_and_time_and_each_page_looks_at_so_many(shop: Shop) -> None:
    with shop.database.write() as tx:
        insert_actions(
            tx, [action(n, "acc_a" if n < 5 else "acc_b", actor="ann" if n % 2 else "bob") for n in range(1, 8)]
        )
    assert listed(shop) == ["7", "6", "5"]
    assert listed(shop, before="act_0005") == ["4", "3", "2"]
    assert listed(shop, WantedActions("acc_a")) == ["4", "3", "2"]
    assert listed(shop, WantedActions("acc_a", "ann")) == ["3", "1"]
    assert listed(shop, WantedActions(actor="bob"), before="act_0006") == ["4", "2"]
    assert listed(shop, WantedActions("acc_a", "ann"), most=2) == ["3", "...3"]
    assert listed(shop, WantedActions("acc_a", "ann"), before="act_0003", most=2) == ["1", "...1"]
    assert listed(shop, WantedActions(object_id="none")) == []
    assert listed(shop, WantedActions(since=NOW + 3, until=NOW + 5)) == ["4", "3"]
    assert listed(shop, WantedActions("acc_b", since=NOW + 6, until=NOW + 99)) == ["7", "6"]
    assert listed(shop, WantedActions(until=NOW)) == []


def test_actions_are_forgotten_when_they_are_old_enough(shop: Shop) -> None:
    with shop.database.write() as tx:
        insert_actions(tx, [action(n) for n in range(1, 4)])
        (report,) = clean_up(tx, [Cleanup(NOW + 103, 100, action_retention=100)])
    assert report.actions_forgotten == 2
    assert listed(shop) == ["3"]


def test_an_operator_acts_for_a_customer_for_an_hour_without_keys_or_people(shop: Shop) -> None:
    customer = shop.account()
    operators = new_operator_account(shop.new_id("acc"), "Operators", NOW)
    with shop.database.write() as tx:
        create_accounts(tx, [operators])
        for role, account_id in ((Role.ADMIN, operators.id), (Role.SUPPORT, operators.id), (Role.OWNER, customer)):
            person = Person(f"per_{role}", account_id, f"{role}@example.com", role, NOW)
            link = SignInLink(f"link-{role}", person.id, NOW + 9)
            invite_people(tx, [Invitation(person, link)])
            sign_in(tx, [SignIn(token_hash(role), NOW, link_hash=link.hash, password="a hash")])
        outcomes = act_for_customers(
            tx,
            [
                *(ActFor(token_hash(role), customer, NOW) for role in ("admin", "support", "owner")),
                ActFor(token_hash("owner"), operators.id, NOW),
                ActFor(token_hash("owner"), "acc_none", NOW),
            ],
        )
    assert [type(each) for each in outcomes[3:]] == [NotFound, NotFound]
    for role, buys in ((Role.ADMIN, True), (Role.SUPPORT, False)):
        with shop.database.read() as tx:
            acting = find_signed(tx, token_hash(role), NOW + 1, IDLE)
            after = find_signed(tx, token_hash(role), NOW + ACTING, IDLE)
        assert acting
        assert after
        assert (acting.acting, acting.caller.account_id, acting.caller.key_id) == (True, customer, f"per_{role}")
        assert ("numbers:buy" in acting.caller.scopes) is buys
        assert not acting.caller.scopes & {"admin", "keys:manage", "webhooks:manage"}
        assert (after.acting, after.caller.account_id) == (False, operators.id)
    with shop.database.read() as tx:
        owner = find_signed(tx, token_hash("owner"), NOW + 1, IDLE)
    assert owner
    assert (owner.acting, owner.caller.role) == (False, Role.OWNER)


def test_nobody_acts_for_an_account_that_is_closed(shop: Shop) -> None:
    with shop.database.write() as tx:
        create_accounts(tx, [new_account("acc_closed", "Closed", "USD", 0, NOW)])
        change_accounts(tx, [account_change("acc_closed", NOW, state=AccountState.CLOSED)])
        (refused,) = act_for_customers(tx, [ActFor("hash", "acc_closed", NOW)])
    assert isinstance(refused, Forbidden)


def test_a_change_is_written_with_how_it_was_before_and_after_also_beside_another_of_the_same(shop: Shop) -> None:
    shop_account = shop.account()
    writer = Writer(shop.database, attribute=note_actions, states=STATES)

    async def ask(number: int, limit: int) -> None:
        with attributed_to(action(number, shop_account)):
            await writer.submit(change_accounts, account_change(shop_account, NOW, credit_limit=limit * 1_000_000))

    async def story() -> None:
        asked = [asyncio.ensure_future(ask(number, limit)) for number, limit in ((1, 5), (2, 7), (3, 7))]
        await asyncio.sleep(0)
        writer.start()
        await asyncio.gather(*asked)
        writer.close()

    asyncio.run(story())
    with shop.database.read() as tx:
        found = page_actions(tx, WantedActions(shop_account), before_id=None, limit=9).items
    assert [(each.before, each.after) for each in reversed(found)] == [
        ('{"credit_limit": "0"}', '{"credit_limit": "5"}'),
        ('{"credit_limit": "5"}', '{"credit_limit": "7"}'),
        ("{}", "{}"),
    ]


def test_of_how_something_stood_nothing_secret_and_no_address_is_kept(engine: str) -> None:
    assert engine
    for row in (Connection, WebhookEndpoint, CarrierAccount, NumberSettings, Person, Passkey, PriceRule):
        fields = getattr(row, "_fields", None) or row.__match_args__
        secret = [name for name in fields if name in SECRET]
        kept = action(1).with_states(dict.fromkeys(secret, "s3cret"), {"options": {"token": "s3cret"}, "x": ["s3cret"]})
        assert "s3cret" not in kept.before + kept.after
        assert all(json.loads(kept.before)[name] == "..." for name in secret)


def test_a_carrier_and_a_passkey_are_told_by_what_may_be_told(shop: Shop) -> None:
    writer = Writer(shop.database, attribute=note_actions, states=STATES)
    account_id, carrier = shop.account(), shop.connect("acme")
    person = Person("per_a", account_id, "ann@example.com", Role.OWNER, NOW)
    writer.apply(invite_people, Invitation(person, SignInLink("h", "per_a", NOW + 9)))
    writer.apply(add_passkeys, Passkey("pky_1", "per_a", "c", "k", 0, "phone", NOW))
    with attributed_to(action(1)):
        disabled = CarrierSetup(carrier, None, Setup({}), CarrierState.DISABLED, NOW)
        writer.apply(set_up_carriers(Vault("")), disabled)
    for place, name in enumerate(("tablet", None)):
        with attributed_to(action(2 + place)):
            writer.apply(change_passkeys, PasskeyChange("pky_1", "per_a", name))
    with shop.database.read() as tx:
        found = page_actions(tx, WantedActions(), before_id=None, limit=9).items
    assert [(each.before, each.after) for each in reversed(found)] == [
        ('{"status": "active"}', '{"status": "disabled"}'),
        ('{"name": "phone"}', '{"name": "tablet"}'),
        ('{"name": "tablet"}', "{}"),
    ]


def test_of_a_price_rule_its_terms_are_told_that_change_too(shop: Shop) -> None:
    rule = PriceRule("prl_1", POOL, "", "", "", "USD", 12 * MICROS, None, None, None, None, None, MICROS // 100, NOW)
    shop.writer.apply(set_price_rules, rule)
    writer = Writer(shop.database, attribute=note_actions, states=STATES)
    with attributed_to(action(1)):
        writer.apply(set_price_rules, rule._replace(term="12 month", billing="30/6 50000 down"))
    with shop.database.read() as tx:
        told = page_actions(tx, WantedActions(), before_id=None, limit=9).items[0]
    before, after = json.loads(told.before), json.loads(told.after)
    assert before == {"period_every": 1, "increments": None, "connect_fee": None, "rounding": "up"}
    assert after == {"period_every": 12, "increments": "30/6", "connect_fee": "0.05", "rounding": "down"}
