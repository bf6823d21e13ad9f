"""What the upgrade to accounts of operators does with keys that were made before there were any."""

from __future__ import annotations

from typing import Final

import pytest
from sqlalchemy import text

from numberdesk.accounts.store import find_key_by_hash
from numberdesk.core.lifecycle import AccountKind
from numberdesk.infra.db import Database
from numberdesk.migrations import upgrade
from tests.infra.old_books import Old, in_order, rows

FULL: Final = "numbers:read numbers:buy numbers:manage billing:read keys:manage admin"
ADMIN_KEYS: Final = (
    ("key_a", "acc_1", "admin", 5, None),
    ("key_b", "acc_2", FULL, 7, None),
    ("key_c", "acc_2", "keys:manage admin", 6, 9),
    ("key_d", "acc_2", "numbers:read keys:manage", 8, None),
)
"""Ids, accounts, scopes, instants of making and of revocation, of which the last is of no operator."""

KEYED: Final = (
    ("acc_1", "top_up", "k", '{"account": "acc_3"}', "trf_1", 20),
    ("acc_2", "top_up", "k", '{"account": "acc_9"}', "trf_2", 21),
    ("acc_2", "adjustment", "k", "{}", "trf_3", 22),
    ("acc_2", "release", "k", "{}", "rnt_1", 23),
)


@pytest.fixture
def before_operators(old: Old) -> Database:
    """Books at the revision before operators had accounts, with keys of theirs in customers' accounts."""
    database = old("0003")
    upgrade(database, "0006")
    with database.raw(writing=True) as connection:
        for id_, account, scopes, made, revoked in ADMIN_KEYS:
            connection.execute(
                text(
                    "INSERT INTO api_keys VALUES (:id, :account, 'n', 'nd_live_0000', :hash, :scopes, :made, 90, :end)"
                ),
                {"id": id_, "account": account, "hash": id_[-1] * 64, "scopes": scopes, "made": made, "end": revoked},
            )
        connection.commit()
    return database


def test_keys_of_operators_move_to_an_account_of_their_own_and_stay_what_they_were(before_operators: Database) -> None:
    before = rows(before_operators)
    upgrade(before_operators, "0007")
    after = rows(before_operators, sorted(before))
    (made,) = [row for row in after["accounts"] if row[-1] == "operator"]
    assert made[1:] == ("Operators", "", "active", 5, "operator")
    assert [row[:-1] for row in after["accounts"] if row[-1] == "customer"] == before["accounts"]
    moved = {"key_a", "key_b", "key_c"}
    kept = [(*row[:1], made[0] if row[0] in moved else row[1], *row[2:], None) for row in before["api_keys"]]
    assert after["api_keys"] == sorted(kept, key=repr)
    assert {name for name in before if [row[: len(before[name][0])] for row in after[name]] != before[name]} == {
        "accounts",
        "api_keys",
    }
    upgrade(before_operators)
    assert in_order(before_operators)


def test_a_key_of_an_operator_works_after_the_upgrade_as_one_of_an_operators_account(
    before_operators: Database,
) -> None:
    upgrade(before_operators)
    with before_operators.read() as tx:
        for id_, account, scopes, _, revoked in ADMIN_KEYS:
            found = find_key_by_hash(tx, id_[-1] * 64)
            assert found is not None
            key, currency, kind = found
            assert (key.id, key.scopes, key.valid_at(89)) == (id_, tuple(scopes.split()), revoked is None)
            moved = "admin" in scopes
            assert (kind, currency) == ((AccountKind.OPERATOR, "") if moved else (AccountKind.CUSTOMER, "USD"))
            assert (key.account_id == account) is not moved


def test_a_top_up_that_was_done_before_operators_had_an_account_is_not_done_again_after(
    before_operators: Database,
) -> None:
    """Of two under one key the first holds: what differs from it is refused."""
    with before_operators.raw(writing=True) as connection:
        for row in KEYED:
            names = dict(zip("abcdef", row, strict=True))
            connection.execute(text("INSERT INTO keyed_requests VALUES (:a, :b, :c, :d, :e, :f)"), names)
        connection.commit()
    upgrade(before_operators)
    with before_operators.read() as tx:
        ((operators,),) = tx.fetch("SELECT id FROM accounts WHERE kind = 'operator'", [])
    first, second, third, fourth = KEYED
    assert rows(before_operators, ["keyed_requests"])["keyed_requests"] == sorted(
        [(operators, *first[1:]), second, (operators, *third[1:]), fourth], key=repr
    )


def test_an_upgrade_of_books_without_keys_of_operators_makes_no_account(old: Old) -> None:
    database = old("0003")
    upgrade(database)
    with database.read() as tx:
        assert tx.fetch("SELECT id FROM accounts WHERE kind <> 'customer'", []) == []


def test_the_operators_account_takes_a_name_that_is_free(before_operators: Database) -> None:
    with before_operators.raw(writing=True) as connection:
        connection.execute(text("UPDATE accounts SET name = 'Operators' WHERE id = 'acc_1'"))
        connection.execute(text("UPDATE accounts SET name = 'Operators 2' WHERE id = 'acc_2'"))
        connection.commit()
    upgrade(before_operators)
    with before_operators.read() as tx:
        assert tx.fetch("SELECT name FROM accounts WHERE kind = 'operator'", []) == [("Operators 3",)]
