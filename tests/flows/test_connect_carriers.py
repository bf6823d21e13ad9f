"""Connecting carriers: options for all to read, secrets sealed, and a name that stands for one account for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from numberdesk.carriers.port import CarrierAccount, Setup
from numberdesk.carriers.store import list_carriers
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.lifecycle import CarrierState
from numberdesk.flows.carriers.connect_carriers import (
    CarrierSetup,
    encrypt_anew,
    new_carrier,
    set_up_carriers,
)
from numberdesk.flows.carriers.note_audits import AuditResult, note_audits
from numberdesk.infra.vault import Vault, VaultError, new_key
from testbed.samples import finding
from testbed.stock import store_accounts
from tests.flows.carrier_orders import DAY
from tests.flows.conftest import NOW, Shop

ENGINES_TAKE_TURNS = "the rules of fields are the same on both engines"

SID, TOKEN = "AC" + "0" * 32, "t0ken" * 4
VALUES = {"account_sid": SID, "auth_token": TOKEN}
KEY = new_key()
VAULT = Vault(KEY)


def set_up(
    shop: Shop,
    fields: Mapping[str, str],
    *,
    name: str = "acme",
    kind: str | None = None,
    vault: Vault = VAULT,
    state: CarrierState | None = None,
) -> CarrierAccount:
    """Set an account up, or change it."""
    command = CarrierSetup(name, kind, Setup(fields), state, shop.now)
    account: Any = shop.writer.apply(set_up_carriers(vault), command)
    assert isinstance(account, CarrierAccount)
    return account


def values_of(name: str) -> dict[str, str]:
    """An account of its own for each name."""
    return {**VALUES, "account_sid": "AC" + name.encode().hex().rjust(32, "0")}


def stored(shop: Shop) -> list[CarrierAccount]:
    with shop.database.read() as tx:
        return list_carriers(tx)


def test_secrets_are_sealed_and_the_rest_is_for_all_to_read(shop: Shop) -> None:
    account = set_up(shop, {**VALUES, "window_seconds": "60"}, kind="twilio")
    assert stored(shop) == [account]
    assert (account.kind, account.state, dict(account.options)) == (
        "twilio", CarrierState.ACTIVE, {"account_sid": SID, "window_seconds": "60"},
    )  # fmt: skip
    assert VAULT.open("acme", account.credentials) == {"auth_token": TOKEN}
    assert TOKEN not in repr(shop.rows("SELECT * FROM carriers"))


def test_what_is_left_out_of_a_change_stays_and_what_is_empty_is_taken_away(shop: Shop) -> None:
    first = set_up(shop, {**VALUES, "window_seconds": "60", "at_once": "3"}, kind="twilio")
    second = set_up(shop, {"window_seconds": "90", "at_once": ""})
    assert dict(second.options) == {"account_sid": SID, "window_seconds": "90"}
    assert VAULT.open("acme", second.credentials) == {"auth_token": TOKEN}
    assert (second.created_at, second.updated_at) == (first.created_at, first.updated_at + 1)
    third = set_up(shop, {"auth_token": TOKEN[::-1]})
    assert VAULT.open("acme", third.credentials) == {"auth_token": TOKEN[::-1]}
    assert stored(shop) == [third]


def test_an_account_is_disabled_and_enabled_without_its_key(shop: Shop) -> None:
    set_up(shop, VALUES, kind="twilio")
    blind = Vault("")
    assert set_up(shop, {}, vault=blind, state=CarrierState.DISABLED).state is CarrierState.DISABLED
    again = set_up(shop, {}, vault=blind, state=CarrierState.DISABLED)
    assert again == stored(shop)[0]
    assert set_up(shop, {"at_once": "5"}).state is CarrierState.DISABLED
    assert set_up(shop, {}, vault=blind, state=CarrierState.ACTIVE).state is CarrierState.ACTIVE


def test_a_name_keeps_its_kind_and_once_there_are_numbers_its_account(shop: Shop) -> None:
    set_up(shop, VALUES, kind="twilio")
    with pytest.raises(InvalidRequest, match="kind must be twilio"):
        set_up(shop, {"api_key": "KEY" * 5}, kind="telnyx")
    other = "AC" + "1" * 32
    assert set_up(shop, {"account_sid": other}).options["account_sid"] == other
    found = finding("+13612738809", NOW, carrier_reference="PN1")
    shop.writer.apply(note_audits, AuditResult("acme", NOW, NOW, NOW + DAY, 1, (found,), "", 0))
    set_up(shop, {"account_sid": other, "auth_token": TOKEN, "at_once": "4"})
    with pytest.raises(InvalidRequest, match="account_sid must stay as it is"):
        set_up(shop, {"account_sid": SID})


IDENTITIES: dict[str, tuple[dict[str, str], str]] = {
    "twilio": ({"account_sid": "AC" + "a" * 32, "auth_token": TOKEN}, "account_sid"),
    "plivo": ({"auth_id": "MAXXXXXXXXXXXXXXXXXX", "auth_token": TOKEN}, "auth_id"),
    "vonage": ({"api_key": "abcd1234", "api_secret": TOKEN}, "api_key"),
    "bandwidth": ({"account_id": "9900012", "username": "u", "password": TOKEN, "site_id": "743"}, "account_id"),
    "signalwire": ({"space": "example", "project_id": "3fa8-5f64", "api_token": TOKEN}, "project_id"),
}


@pytest.mark.parametrize("kind", IDENTITIES)
def test_an_account_has_one_name_however_it_is_written_and_reached(shop: Shop, kind: str) -> None:
    fields, field = IDENTITIES[kind]
    set_up(shop, fields, kind=kind, state=CarrierState.DISABLED)
    again = {**fields, field: fields[field].swapcase().replace("ac", "AC", 1), "base_url": "https://carrier.example"}
    with pytest.raises(InvalidRequest, match=f"{field} must not be that of acme") as caught:
        set_up(shop, again, name="beta", kind=kind)
    assert caught.value.details["field"] == field
    assert [account.name for account in stored(shop)] == ["acme"]
    other = {**fields, field: fields[field][:-1] + "0"}
    set_up(shop, other, name="beta", kind=kind)
    with pytest.raises(InvalidRequest, match="that of acme"):
        set_up(shop, {field: fields[field]}, name="beta")
    with pytest.raises(InvalidRequest, match="that of beta"):
        set_up(shop, {field: other[field]})
    assert [account.options[field] for account in stored(shop)] == [fields[field], other[field]]


def test_of_two_who_give_an_account_a_name_in_one_batch_the_second_is_refused(shop: Shop) -> None:
    commands = [CarrierSetup(name, "twilio", Setup(VALUES), None, NOW) for name in ("acme", "beta", "acme")]
    with shop.database.write() as tx:
        first, second, third = set_up_carriers(VAULT)(tx, commands)
    assert isinstance(first, CarrierAccount)
    assert isinstance(second, InvalidRequest)
    assert isinstance(third, CarrierAccount)


def test_two_names_that_an_account_has_already_can_be_changed_but_in_that(shop: Shop) -> None:
    set_up(shop, VALUES, kind="twilio")
    twin = new_carrier("beta", "twilio", VALUES, VAULT, NOW)
    shop.writer.apply(store_accounts, twin)
    assert set_up(shop, {"at_once": "5"}, name="beta").options["at_once"] == "5"
    assert set_up(shop, {"account_sid": SID, "auth_token": TOKEN[::-1]}, name="beta").options["account_sid"] == SID
    assert set_up(shop, {}, name="beta", state=CarrierState.DISABLED).state is CarrierState.DISABLED


def test_two_accounts_that_cannot_be_told_apart_have_two_names(shop: Shop) -> None:
    for name in ("acme", "beta"):
        set_up(shop, {"api_key": "KEY" * 5}, name=name, kind="telnyx")
    assert [account.name for account in stored(shop)] == ["acme", "beta"]


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
@pytest.mark.parametrize(
    ("name", "kind", "fields", "field"),
    [
        ("pool", "twilio", VALUES, "name"),
        ("Acme", "twilio", VALUES, "name"),
        ("", "twilio", VALUES, "name"),
        ("a" * 33, "twilio", VALUES, "name"),
        ("acme", "pigeon", VALUES, "kind"),
        ("acme", "twilio", {}, "account_sid"),
        ("acme", "twilio", {"account_sid": SID}, "auth_token"),
        ("acme", "twilio", {**VALUES, "wings": "2"}, "wings"),
        ("acme", "twilio", {**VALUES, "auth_token": "t\x00"}, "auth_token"),
        ("acme", "twilio", {**VALUES, "auth_token": "x" * 501}, "auth_token"),
        ("acme", "twilio", {**VALUES, "base_url": "http://example.com"}, "base_url"),
        ("acme", "twilio", {**VALUES, "at_once": "0"}, "at_once"),
        ("acme", "twilio", {**VALUES, "window_seconds": "86401"}, "window_seconds"),
    ],
)
def test_what_cannot_be_set_up_is_refused_by_its_field_and_no_secret_is_repeated(
    shop: Shop, name: str, kind: str, fields: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        set_up(shop, fields, name=name, kind=kind)
    assert caught.value.details["field"] == field
    assert TOKEN not in str(caught.value)
    assert stored(shop) == []


def test_a_change_of_what_is_not_there_is_told_so(shop: Shop) -> None:
    with pytest.raises(NotFound):
        set_up(shop, {"at_once": "3"})


def test_without_the_key_secrets_are_neither_kept_nor_lost(shop: Shop) -> None:
    for vault in (Vault(""), Vault("short")):
        with pytest.raises(VaultError):
            set_up(shop, VALUES, kind="twilio", vault=vault)
    first = set_up(shop, VALUES, kind="twilio")
    stranger = Vault(new_key())
    with pytest.raises(VaultError, match="under another key"):
        set_up(shop, {"at_once": "3"}, vault=stranger)
    assert stored(shop) == [first]
    anew = set_up(shop, {"auth_token": TOKEN}, vault=stranger)
    assert stranger.open("acme", anew.credentials) == {"auth_token": TOKEN}


def test_a_new_key_takes_over_all_credentials_or_none(shop: Shop) -> None:
    for name in ("acme", "beta"):
        set_up(shop, values_of(name), name=name, kind="twilio")
    new = new_key()
    anew: Any = shop.writer.apply(encrypt_anew(Vault(f"{new},{KEY}")), shop.now)
    assert [account.name for account in anew] == ["acme", "beta"]
    for account in stored(shop):
        assert Vault(new).open(account.name, account.credentials) == {"auth_token": TOKEN}
        assert account.updated_at > shop.now
    set_up(shop, values_of("gamma"), name="gamma", kind="twilio")  # under the old key again
    before = stored(shop)
    with pytest.raises(VaultError):
        shop.writer.apply(encrypt_anew(Vault(new)), shop.now)
    assert stored(shop) == before


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_credentials_copied_to_another_row_open_nowhere(shop: Shop) -> None:
    for name in ("acme", "beta"):
        set_up(shop, {**values_of(name), "auth_token": TOKEN + name}, name=name, kind="twilio")
    with shop.database.write() as tx:
        tx.run("UPDATE carriers SET credentials = (SELECT credentials FROM carriers WHERE name = 'acme')", [])
    with pytest.raises(VaultError, match="those of another carrier"):
        set_up(shop, {"at_once": "3"}, name="beta")


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_two_who_connect_the_same_name_at_once_are_one_after_the_other(shop: Shop, beside: Callable[[], Shop]) -> None:
    other = beside()
    command = CarrierSetup("acme", "twilio", Setup(VALUES), None, shop.now)
    with ThreadPoolExecutor(1) as pool:
        with shop.database.write() as tx:
            (first,) = set_up_carriers(VAULT)(tx, [command])
            second = pool.submit(other.writer.apply, set_up_carriers(VAULT), command)
            with pytest.raises(TimeoutError):
                second.result(0.2)
        after = second.result(10)
    assert isinstance(first, CarrierAccount)
    assert isinstance(after, CarrierAccount)
    assert (len(stored(shop)), after.updated_at) == (1, first.updated_at + 1)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_of_two_who_give_an_account_a_name_at_once_the_second_is_refused(
    shop: Shop, beside: Callable[[], Shop]
) -> None:
    other = beside()
    first, second = (CarrierSetup(name, "twilio", Setup(VALUES), None, shop.now) for name in ("acme", "beta"))
    with ThreadPoolExecutor(1) as pool:
        with shop.database.write() as tx:
            (outcome,) = set_up_carriers(VAULT)(tx, [first])
            waiting = pool.submit(other.writer.apply, set_up_carriers(VAULT), second)
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
        with pytest.raises(InvalidRequest, match="that of acme"):
            waiting.result(10)
    assert stored(shop) == [outcome]


def test_of_several_that_are_added_under_one_name_the_first_is_kept(shop: Shop) -> None:
    bad = CarrierSetup("acme", "twilio", Setup({"account_sid": SID}), None, shop.now, new=True)
    good = bad._replace(fields=Setup(VALUES))
    other = good._replace(fields=Setup({**VALUES, "auth_token": "another"}))
    beta = good._replace(name="beta", fields=Setup({**VALUES, "account_sid": "AC" + "1" * 32}))
    with shop.database.write() as tx:
        outcomes = set_up_carriers(VAULT)(tx, [bad, good, other, beta])
    assert [outcome.details["field"] for outcome in outcomes if isinstance(outcome, InvalidRequest)] == [
        "auth_token", "name",
    ]  # fmt: skip
    assert stored(shop) == [outcome for outcome in outcomes if isinstance(outcome, CarrierAccount)]
    assert VAULT.open("acme", stored(shop)[0].credentials) == {"auth_token": TOKEN}


def test_who_adds_a_name_that_somebody_is_adding_waits_and_is_refused(shop: Shop, beside: Callable[[], Shop]) -> None:
    other = beside()
    command = CarrierSetup("acme", "twilio", Setup(VALUES), None, shop.now, new=True)
    with ThreadPoolExecutor(1) as pool:
        with shop.database.write() as tx:
            (first,) = set_up_carriers(VAULT)(tx, [command])
            second = pool.submit(other.writer.apply, set_up_carriers(VAULT), command)
            with pytest.raises(TimeoutError):
                second.result(0.2)
        with pytest.raises(InvalidRequest, match="name"):
            second.result(10)
    assert stored(shop) == [first]
