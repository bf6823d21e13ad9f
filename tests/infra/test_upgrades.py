"""Upgrades of books with a life behind them: from every earlier revision, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Final

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, inspect, text

from numberdesk.catalog.search_plan import ANY_DIGITS
from numberdesk.catalog.trigram_store import find_matches, is_filled
from numberdesk.catalog.trigrams import trigrams_of
from numberdesk.core.purchase import Refusal, Sold
from numberdesk.flows.catalog.fill_trigrams import FillTrigrams, TrigramsFilled, fill_trigrams
from numberdesk.infra.db import Database, StorageFailedError
from numberdesk.migrations import HEAD, alembic_config, current, prepare, upgrade
from numberdesk.tables import metadata
from tests.flows.conftest import NOW, PRICE, Shop
from tests.infra.conftest import BROKEN_CONSTRAINT
from tests.infra.old_books import BOOKS, Old, Rows, in_order, rows
from tests.infra.schemas import schema_of

REVISIONS: Final = [each.revision for each in ScriptDirectory.from_config(alembic_config()).walk_revisions()]
UNRELEASED: Final = tuple(f"{number:04}" for number in range(4, 36))
"""Revisions that no release ended with, so that nobody's books are at them."""

EARLIER: Final = sorted(set(REVISIONS) - {HEAD, *UNRELEASED})
FROM_EACH: Final = pytest.mark.parametrize("revision", EARLIER)
FROM_THE_LAST: Final = pytest.mark.parametrize(
    "revision", [*(pytest.param(each, marks=pytest.mark.long) for each in EARLIER[:-1]), EARLIER[-1]]
)
"""What comes before that never changes any more, and an upgrade from there is one through there."""

LAST: Final = "+999999999999999"

REFUSED: Final = (
    ("UPDATE transfers SET amount = amount + 1", "a transfer never changes"),
    ("DELETE FROM transfers", "a transfer is never deleted"),
    ("UPDATE holds SET amount = 1 WHERE state <> 'open'", "a hold is resolved once"),
    ("DELETE FROM holds", "a hold is never deleted"),
)

RENAMED: Final = {"answers": "idempotency_records"}
"""Tables that have another name now."""

ADDED_TO: Final = ("events",)
"""Tables to which an upgrade adds rows: failures of orders are told of since 0003."""

RESHAPED: Final = ("audits", "carrier_orders", "carrier_releases")
"""Tables whose columns are others since 0004: what becomes of their rows is shown by itself."""


def lost(database: Database, before: Rows) -> Rows:
    """The rows that were there before and are not now, and those that came to tables that upgrades leave alone.

    Columns that an upgrade adds are left out.
    """
    widths = {name: len(found[0]) for name, found in before.items()}
    found = rows(database, [RENAMED.get(name, name) for name in before])
    # New columns come last.
    after = {name: [row[: widths[name]] for row in found[RENAMED.get(name, name)]] for name in before}
    return {
        name: differing
        for name in set(before) - set(RESHAPED)
        if (
            differing := [row for row in before[name] if row not in after[name]]
            + ([] if name in ADDED_TO else [row for row in after[name] if row not in before[name]])
        )
    }


@FROM_EACH
def test_an_upgrade_keeps_every_row_of_every_table_as_it_was(old: Old, revision: str) -> None:
    database = old(revision)
    before = rows(database)
    assert all(before.values()), "a table without rows proves nothing"
    upgrade(database)
    assert current(database) == HEAD
    assert lost(database, before) == {}
    assert in_order(database)
    prepare(database)


@FROM_THE_LAST
def test_an_upgraded_database_has_the_schema_of_a_new_one(old: Old, database: Database, revision: str) -> None:
    upgraded = old(revision)
    upgrade(upgraded)
    assert schema_of(upgraded) == schema_of(database)


@FROM_THE_LAST
def test_upgraded_books_are_traded_with_and_still_guarded(old: Old, revision: str) -> None:
    database = old(revision)
    upgrade(database)
    shop = Shop(database)
    shop.now = NOW + 10**6
    shop.top_up("acc_1", 5 * PRICE)
    number = shop.number()
    assert isinstance(shop.buy("acc_1", number, key="new"), Sold)
    for setup in (None, 0, 9):  # nobody looked at it when the first request came
        again = shop.wants("acc_1", "+13612738801", setup=setup, key="k1")
        assert shop.buy_all([again])[0].order.id == "ord_1"  # type: ignore[union-attr]  # a refusal has no order
    shop.release("acc_1", number)
    for statement, says in REFUSED:
        with pytest.raises(BROKEN_CONSTRAINT, match=says), database.write() as tx:
            tx.execute(text(statement))
    assert in_order(database)


@FROM_THE_LAST
def test_what_was_promised_before_an_upgrade_holds_after_it(old: Old, revision: str) -> None:
    """A price that was superseded is honoured as long as it was to be, and a refusal comes again under its key."""
    database = old(revision)
    upgrade(database)
    shop = Shop(database)
    shop.now = NOW + 10**6
    shop.top_up("acc_1", 5 * PRICE)
    shop.top_up("acc_3", 5 * PRICE)
    with database.raw(writing=True) as connection:
        connection.exec_driver_sql("UPDATE numbers SET state = 'available' WHERE e164 = '+13612738809'")
        connection.commit()
    honoured = shop.buy("acc_1", "+13612738809", PRICE, inbound=8_500, outbound=94_500, key="honoured")
    assert isinstance(honoured, Sold), honoured
    assert honoured.order.prices.monthly == PRICE
    refused = shop.buy("acc_3", "+13612738806", PRICE, key="k8")
    assert isinstance(refused, Refusal)
    assert (refused.error.code, refused.request_id, refused.answer) == ("insufficient_balance", "req_ord_8", None)
    assert refused.error.details["missing"] == Decimal("1.15")
    again = shop.buy("acc_3", "+13612738806", PRICE + 1, key="k9")
    assert isinstance(again, Refusal)
    assert (again.error.code, again.request_id) == ("price_changed", "req_ord_9")


def test_orders_releases_and_audits_go_on_where_they_were_before_0004(old: Old) -> None:
    """What is due stays due at its time, who was at an audit still is, and whoever asked for one still waits for it."""
    at = 1_750_000_000_000_000
    database = old("0003")
    upgrade(database)
    with database.read() as tx:
        due = "next_at, attempts, message, parked_at, leased_until"
        orders = tx.fetch(
            f"SELECT order_id, sends, wanted_until, absences, absent_since, accepted_at, {due}, settled_at, error_code "  # noqa: S608  own
            "FROM carrier_orders ORDER BY order_id",
            [],
        )
        releases = tx.fetch(f"SELECT id, carrier_reference, asked_at, {due}, confirmed_at FROM carrier_releases", [])  # noqa: S608  own
        assert {row[0] for row in tx.fetch("SELECT order_message FROM carrier_orders", [])} == {""}
        audits = tx.fetch(f"SELECT carrier, {due}, asked_at, began_at, ended_at, owned, found FROM audits", [])  # noqa: S608  own
    assert [tuple(row) for row in orders] == [
        ("ord_6", 2, at + 4, 3, at + 5, None, at + 6, 5, "absent", None, None, None, None),
        ("ord_f", 1, at + 1, 0, None, at + 7, None, 2, "sold out", None, None, at + 8, "number_taken"),
    ]
    assert sorted(map(tuple, releases)) == [
        ("rel_8", "PN8", at, at + 9, 4, "HTTP 500", None, None, None),
        ("rel_9", None, at, None, 1, "confirmed", None, None, at + 10),
    ]
    left_out = "left out: it is disabled, and nothing is left to do with it here"
    assert sorted(map(tuple, audits)) == [
        ("acme", at + 86_400_000_000, 0, "", None, None, None, at, at + 11, 5, 1),
        ("beta", at + 1, 0, "", None, None, None, None, None, 0, 0),
        ("delta", at + 86_400_000_012, 0, left_out, None, None, at + 86_400_000_012, at, at + 11, 0, 0),
        ("epsilon", at + 13, 0, "", None, None, at + 13, None, None, 0, 0),
        ("gamma", at, 0, "throttled: wait", None, at + 3_600_000_000, None, at, at - 14, 7, 0),
    ]


@FROM_THE_LAST
def test_accounts_with_one_name_are_told_apart_and_the_operator_is_told_which(old: Old, revision: str) -> None:
    database, long = old(revision), "x" * 100
    named = {"acc_t1": "Twin", "acc_t2": "Twin", "acc_t3": "Twin", "acc_t4": "Twin (2)", "acc_x1": long, "acc_x2": long}
    with database.raw(writing=True) as connection:
        for place, (account_id, name) in enumerate(named.items()):
            connection.execute(
                text(
                    "INSERT INTO accounts (id, name, currency, state, created_at) "
                    "VALUES (:id, :name, 'USD', 'active', :at)"
                ),
                {"id": account_id, "name": name, "at": place},
            )
            connection.execute(
                text("INSERT INTO wallets (account_id, currency) VALUES (:id, 'USD')"), {"id": account_id}
            )
        connection.commit()
    told = upgrade(database)
    after = {**named, "acc_t2": "Twin (3)", "acc_t3": "Twin (4)", "acc_x2": "x" * 96 + " (2)"}
    found = {row[0]: row[1] for row in rows(database, ["accounts"])["accounts"]}
    assert {account_id: found[account_id] for account_id in named} == after
    of_accounts = [line for line in told if line.startswith("account ")]
    assert [line.split()[1] for line in of_accounts] == ["acc_t2", "acc_t3", "acc_x2"]
    assert of_accounts[0] == "account acc_t2 is now named 'Twin (3)': an older one is named 'Twin'"
    assert in_order(database)
    assert upgrade(database) == []


@FROM_THE_LAST
def test_an_upgrade_leaves_the_index_of_trigrams_to_be_filled_and_says_so(old: Old, revision: str) -> None:
    database = old(revision)
    assert any("search index filled" in line for line in upgrade(database))
    e164s = [row[0] for row in rows(database, ["numbers"])["numbers"]]
    in_all = sorted(set.intersection(*(set(trigrams_of(e164[1:])) for e164 in e164s)))
    with database.write() as tx:
        assert not is_filled(tx)
        assert find_matches(tx, [in_all], ANY_DIGITS, "+", LAST, 1000, 1000).e164s == []
        assert fill_trigrams(tx, [FillTrigrams()]) == [TrigramsFilled(len(e164s), left=False)]
    with database.read() as tx:
        assert find_matches(tx, [in_all], ANY_DIGITS, "+", LAST, 1000, 1000).e164s == sorted(e164s)


def test_a_new_database_has_no_index_to_be_filled(database: Database) -> None:
    with database.read() as tx:
        assert is_filled(tx)


def test_there_are_rows_for_every_earlier_revision() -> None:
    assert sorted(path.stem for path in BOOKS.iterdir()) == EARLIER
    assert "0001" in EARLIER


def test_a_new_schema_whose_last_table_cannot_be_made_leaves_nothing_behind(empty_url: str) -> None:
    """The last table of a revision is there already: all that was made before it must go again."""
    database = Database(empty_url)
    with database.raw(writing=True) as connection:
        connection.execute(text("CREATE TABLE superseded_prices (id INTEGER)"))
        connection.commit()
    before = schema_of(database)
    with pytest.raises(Exception, match=r"superseded_prices.* already exists"):
        upgrade(database)
    assert schema_of(database) == before
    with database.raw(writing=True) as connection:
        connection.execute(text("DROP TABLE superseded_prices"))
        connection.commit()
    prepare(database)
    assert current(database) == HEAD
    database.close()


@FROM_THE_LAST
def test_an_upgrade_that_fails_midway_leaves_the_books_as_they_were(old: Old, revision: str) -> None:
    database, table = old(revision), {"0001": "writers", "0002": "offers", "0003": "audits_before"}[revision]
    with database.raw(writing=True) as connection:
        connection.execute(text(f"CREATE TABLE {table} (id INTEGER)"))
        connection.commit()
    before, schema = rows(database), schema_of(database)
    with pytest.raises(Exception, match=rf"{table}.* already exists|already another table.*{table}"):
        upgrade(database)
    assert (rows(database), schema_of(database), current(database)) == (before, schema, revision)
    with database.raw(writing=True) as connection:
        connection.execute(text(f"DROP TABLE {table}"))
        connection.commit()
    upgrade(database)
    assert in_order(database)


@FROM_THE_LAST
def test_an_upgrade_that_is_killed_midway_leaves_the_books_as_they_were(
    old: Old, empty_url: str, revision: str
) -> None:
    """The process ends as it is about to note the new revision, after all that the revision changes."""
    database = old(revision)
    before, schema = rows(database), schema_of(database)
    program = """
import os, signal, sys
from sqlalchemy import Engine, event
from numberdesk.infra.db import Database
from numberdesk.migrations import upgrade
@event.listens_for(Engine, "before_cursor_execute")
def die(connection, cursor, statement, *_):
    if "alembic_version SET" in statement:
        os.kill(os.getpid(), signal.SIGKILL)
upgrade(Database(sys.argv[1]))
"""
    done = subprocess.run([sys.executable, "-c", program, empty_url], capture_output=True, timeout=60, check=False)
    assert done.returncode == -9, done.stderr
    assert (rows(database), schema_of(database), current(database)) == (before, schema, revision)
    upgrade(database)
    assert current(database) == HEAD
    assert lost(database, before) == {}
    assert in_order(database)


def test_nobody_sees_a_schema_that_is_half_made(empty_url: str) -> None:
    """Whoever starts meanwhile would take a half for an old one, or for somebody else's, and refuse it."""
    making, looking = Database(empty_url), Database(empty_url)
    seen = set()

    def look(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "CREATE" in statement or "alembic_version" in statement:
            with looking.read() as tx:
                seen.add(tuple(inspect(tx._connection).get_table_names()))
                statements.append(statement)

    statements: list[str] = []
    event.listen(Engine, "before_cursor_execute", look)
    try:
        prepare(making)
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    assert len(statements) > len(metadata.tables)
    assert seen == {()}
    assert current(looking) == HEAD
    making.close()
    looking.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # a file's lock
def test_of_two_upgrades_of_a_file_the_second_is_told_that_it_is_locked(old: Old, empty_url: str) -> None:
    """On PostgreSQL it waits: test_several_processes_may_begin_on_one_empty_database."""
    database, other = old(EARLIER[0]), Database(empty_url, busy_seconds=0.05)
    with other.raw(writing=True) as connection:
        connection.execute(text("SELECT 1"))
        impatient = Database(empty_url, busy_seconds=0.05)
        with pytest.raises(StorageFailedError, match="locked"):
            upgrade(impatient)
    upgrade(database)
    assert current(database) == HEAD
    for each in (other, impatient):
        each.close()
