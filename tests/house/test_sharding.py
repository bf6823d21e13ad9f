"""The rules of docs/scaling.md that keep the books fit to be spread over several servers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Table, Text, UniqueConstraint

from numberdesk.tables import metadata

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"

ROW = re.compile(r"^\| (`.*?) \| (an account|a number|everybody|a process)", re.MULTILINE)
BELONGS = {name: to for names, to in ROW.findall(PAGE.read_text()) for name in re.findall(r"`(\w+)`", names)}
"""What the page says of each table."""

OF_AN_ACCOUNT = {name for name, to in BELONGS.items() if to == "an account"}

MAY_BE_EMPTY = {"transfers", "calls", "connections"}
UNIQUE_ACROSS_ACCOUNTS = {
    "uq_api_keys_hash",
    "uq_calls_source_call_id_leg",
    "uq_orders_from_rental",
    "uq_orders_open_e164",
    "uq_people_email",
    "uq_rentals_live_e164",
    "uq_usage_sessions_source_call_id_leg",
}

TABLES = pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)


def owner_of(table: Table) -> str:
    return "id" if table.name == "accounts" else "account_id"


def test_the_page_says_of_every_table_where_it_belongs_and_of_no_other() -> None:
    assert sorted(BELONGS) == sorted(table.name for table in metadata.sorted_tables)
    assert {name for name, table in metadata.tables.items() if "account_id" in table.c} - {"numbers"} < OF_AN_ACCOUNT


@pytest.mark.parametrize("name", sorted(OF_AN_ACCOUNT))
def test_a_row_of_an_account_says_whose_it_is(name: str) -> None:
    table = metadata.tables[name]
    assert table.c[owner_of(table)].nullable is (name in MAY_BE_EMPTY)


@TABLES
def test_references_stay_with_the_account_or_lead_to_a_number(table: Table) -> None:
    for reference in table.foreign_keys:
        target = reference.column.table.name
        if table.name in OF_AN_ACCOUNT:
            assert target in OF_AN_ACCOUNT | {"numbers"}
        elif table.name == "numbers":
            assert (reference.parent.name, target) in {("account_id", "accounts"), ("order_id", "orders")}
        else:
            assert (table.name, target) == ("superseded_prices", "numbers")


@TABLES
def test_no_server_hands_out_numbers_and_no_type_is_of_one_engine(table: Table) -> None:
    for column in table.c:
        of_an_index = (table.name, column.name) == ("number_trigrams", "trigrams")  # every engine has its own
        assert of_an_index or isinstance(column.type, Text | BigInteger)
        assert column.identity is None
        assert column.autoincrement in (False, "auto")
        plain = str(getattr(column.server_default, "arg", "0"))
        assert column.server_default is None or column.computed is not None or plain == "" or plain.isalnum()
    assert not (table._autoincrement_column is not None and len(table.primary_key.columns) == 1), table.name


@pytest.mark.parametrize("name", sorted(OF_AN_ACCOUNT - {"accounts"}))
def test_what_is_unique_across_accounts_is_listed(name: str) -> None:
    table = metadata.tables[name]
    unique = {str(one.name): {column.name for column in one.columns} for one in table.indexes if one.unique}
    unique |= {
        str(one.name): {column.name for column in one.columns}
        for one in table.constraints
        if isinstance(one, UniqueConstraint)
    }
    across = {index for index, columns in unique.items() if not columns & {"account_id", "id", "order_id"}}
    assert across == UNIQUE_ACROSS_ACCOUNTS & set(unique)
    assert all(f"`{index}`" in PAGE.read_text() for index in across)


def test_no_wallet_is_shared_by_accounts() -> None:
    assert [column.name for column in metadata.tables["wallets"].primary_key.columns] == ["account_id"]
