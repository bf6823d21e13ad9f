"""Damage to what refuses damage: guards, constraints, indexes that are gone, switched off, or only keep their names."""

from __future__ import annotations

from typing import Final

import pytest

from numberdesk.tables.ledger import GUARDS as MADE
from tests.verify.conftest import ONLY_POSTGRESQL, ONLY_SQLITE, Copy, named, said

ENGINES_TAKE_TURNS: Final = "each kind of damage is planted on one engine or the other"

GUARDS: Final = (
    ("transfers_never_change", "transfers"),
    ("transfers_never_go", "transfers"),
    ("holds_resolve_once", "holds"),
    ("holds_never_go", "holds"),
)
RIGHT: Final = {name: statements["postgresql"][1] for name, statements in MADE}
"""How PostgreSQL is told of each trigger."""

OTHER_TRIGGERS: Final = (
    ("BEFORE", "AFTER"),
    ("BEFORE UPDATE", "BEFORE UPDATE OF reference"),
    ("BEFORE UPDATE", "BEFORE INSERT"),
    ("FOR EACH ROW", "FOR EACH STATEMENT"),
    ("1 = 1", "OLD.amount = 0"),
)


def of_engine(copy: Copy, statement: str) -> str:
    """How a trigger is dropped."""
    return statement if copy.engine == "postgresql" else statement.partition(" ON ")[0]


@pytest.mark.parametrize(("guard", "table"), GUARDS)
def test_a_guard_that_is_gone_is_named(guard: str, table: str, damaged: Copy) -> None:
    damaged.change_schema(of_engine(damaged, f"DROP TRIGGER {guard} ON {table}"))
    assert named(damaged.audit()) == {("I4", table, guard)}


@ONLY_POSTGRESQL
@pytest.mark.parametrize("state", ["DISABLE", "ENABLE REPLICA"])
@pytest.mark.parametrize(("guard", "table"), GUARDS)
def test_a_guard_that_is_switched_off_is_named(guard: str, table: str, state: str, damaged: Copy) -> None:
    damaged.change_schema(f"ALTER TABLE {table} {state} TRIGGER {guard}")
    assert named(damaged.audit()) == {("I4", table, guard)}


@ONLY_POSTGRESQL
@pytest.mark.parametrize(("guard", "table"), GUARDS)
def test_a_guard_whose_function_lets_everything_through_is_named(guard: str, table: str, damaged: Copy) -> None:
    damaged.change_schema(
        f"CREATE OR REPLACE FUNCTION {guard}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
    )
    report = damaged.audit()
    assert named(report) == {("I4", table, guard)}
    assert f"the trigger {guard} is not as it was made: rows of {table} could be changed or deleted" in said(report)


@ONLY_POSTGRESQL
def test_a_guard_that_calls_another_function_is_named(damaged: Copy) -> None:
    right = RIGHT["transfers_never_change"]
    damaged.change_schema(
        "CREATE FUNCTION no_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        right.replace("CREATE", "CREATE OR REPLACE").replace(
            "EXECUTE FUNCTION transfers_never_change", "EXECUTE FUNCTION no_guard"
        ),
    )
    assert named(damaged.audit()) == {("I4", "transfers", "transfers_never_change")}


@ONLY_POSTGRESQL
@pytest.mark.parametrize(("right", "wrong"), OTHER_TRIGGERS)
def test_a_guard_that_is_asked_at_another_time_or_of_other_rows_is_named(right: str, wrong: str, damaged: Copy) -> None:
    changed = RIGHT["transfers_never_change"].replace(right, wrong, 1)
    if "ROW" not in changed or "INSERT" in changed:
        changed = changed.replace("WHEN (1 = 1) ", "")
    damaged.change_schema("DROP TRIGGER transfers_never_change ON transfers", changed)
    assert named(damaged.audit()) == {("I4", "transfers", "transfers_never_change")}


@ONLY_POSTGRESQL
def test_a_guard_that_went_to_another_table_is_named(damaged: Copy) -> None:
    damaged.change_schema(
        "DROP TRIGGER transfers_never_go ON transfers",
        RIGHT["transfers_never_go"].replace("ON transfers ", "ON orders "),
    )
    assert named(damaged.audit()) == {("I4", "transfers", "transfers_never_go")}


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("guard", "right", "wrong"),
    [
        ("transfers_never_change", "RAISE(ABORT, 'a transfer never changes')", "1"),
        ("transfers_never_change", "BEFORE UPDATE", "BEFORE UPDATE OF reference"),
        ("transfers_never_go", "1 = 1", "OLD.amount = 0"),
        ("holds_resolve_once", "<> 'open'", "<> 'captured'"),
        ("holds_never_go", "BEFORE DELETE", "BEFORE INSERT"),
    ],
)
def test_a_guard_of_a_file_that_says_something_else_is_named(guard: str, right: str, wrong: str, damaged: Copy) -> None:
    quoted = [text.replace("'", "''") for text in (right, wrong)]
    damaged.change_schema(
        f"UPDATE sqlite_master SET sql = replace(sql, '{quoted[0]}', '{quoted[1]}') WHERE name = '{guard}'"  # noqa: S608  from above
    )
    assert named(damaged.audit()) == {("I4", guard.partition("_")[0], guard)}


@pytest.mark.parametrize(
    ("index", "table"), [("uq_orders_open_e164", "orders"), ("uq_transfers_account_id_reference", "transfers")]
)
def test_an_index_that_is_gone_is_named(index: str, table: str, damaged: Copy) -> None:
    damaged.change_schema(f"DROP INDEX {index}")
    report = damaged.audit()
    assert named(report) == {("storage", table, index)}
    assert f"{index} is gone" in said(report)


@pytest.mark.parametrize(
    "other",
    [
        "INDEX uq_orders_open_e164 ON orders (e164) WHERE state = 'ordering'",
        "UNIQUE INDEX uq_orders_open_e164 ON orders (e164) WHERE state = 'failed'",
        "UNIQUE INDEX uq_orders_open_e164 ON orders (id) WHERE state = 'ordering'",
    ],
)
def test_an_index_that_keeps_only_its_name_is_named(other: str, damaged: Copy) -> None:
    damaged.change_schema("DROP INDEX uq_orders_open_e164", f"CREATE {other}")
    report = damaged.audit()
    assert named(report) == {("storage", "orders", "uq_orders_open_e164")}
    assert "uq_orders_open_e164 is not as it was made" in said(report)


@ONLY_POSTGRESQL
def test_an_index_that_was_never_finished_is_named(damaged: Copy) -> None:
    damaged.change_schema("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'uq_orders_open_e164'::regclass")
    assert named(damaged.audit()) == {("storage", "orders", "uq_orders_open_e164")}


@ONLY_POSTGRESQL
def test_an_index_that_was_moved_or_tuned_is_in_order(damaged: Copy) -> None:
    damaged.change_schema(
        "ALTER INDEX uq_orders_open_e164 SET (fillfactor = 70)",
        "CREATE INDEX of_the_operator ON orders (created_at)",
        "ALTER TABLE orders ADD CONSTRAINT of_the_operator CHECK (price < 1000000000)",
    )
    assert damaged.audit().ok


@ONLY_POSTGRESQL
@pytest.mark.parametrize(
    ("constraint", "again"),
    [
        ("ck_carrier_orders_due_or_parked", None),
        ("ck_carrier_orders_due_or_parked", "CHECK (true)"),
        ("ck_carrier_orders_sends_counted", "CHECK (sends > 0) NOT VALID"),
        ("ck_carrier_orders_sends_counted", "CHECK (sends > -1)"),
        ("fk_carrier_orders_account_id", None),
        ("fk_carrier_orders_account_id", "FOREIGN KEY (account_id) REFERENCES accounts (id) NOT VALID"),
        ("fk_carrier_orders_account_id", "FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE"),
        ("pk_carrier_orders", None),
        ("pk_carrier_orders", "PRIMARY KEY (order_id, sends)"),
    ],
)
def test_a_constraint_that_is_gone_or_keeps_only_its_name_is_named(
    constraint: str, again: str | None, damaged: Copy
) -> None:
    damaged.change_schema(f"ALTER TABLE carrier_orders DROP CONSTRAINT {constraint}")
    if again is not None:
        damaged.change_schema(f"ALTER TABLE carrier_orders ADD CONSTRAINT {constraint} {again}")
    report = damaged.audit()
    assert named(report) == {("storage", "carrier_orders", constraint)}
    assert ("is gone" if again is None else "is not as it was made") in said(report)


@ONLY_POSTGRESQL
def test_a_reference_whose_triggers_are_switched_off_is_named(damaged: Copy) -> None:
    damaged.change_schema("ALTER TABLE api_keys DISABLE TRIGGER ALL")
    assert named(damaged.audit()) == {
        ("storage", "api_keys", name) for name in ("fk_api_keys_account_id", "fk_api_keys_created_by")
    }


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (" CHECK (sends > 0)", " CHECK (sends > 0 OR 1)"),
        ("CONSTRAINT ck_carrier_orders_sends_counted CHECK (sends > 0),", ""),
    ],
)
def test_a_constraint_of_a_file_that_was_rewritten_is_named(right: str, wrong: str, damaged: Copy) -> None:
    damaged.change_schema(
        f"UPDATE sqlite_master SET sql = replace(sql, '{right}', '{wrong}') WHERE name = 'carrier_orders'"  # noqa: S608  from above
    )
    assert named(damaged.audit()) == {("storage", "carrier_orders", "ck_carrier_orders_sends_counted")}
