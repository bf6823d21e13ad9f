"""The operator's commands, as an operator runs them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from numberdesk.infra.db import Database
from numberdesk.infra.serve_lock import only_server
from numberdesk.migrations import upgrade
from testbed.databases import Sqlites
from tests.cli.runner import Done, Run, invoked

HEADER = "phone_number,monthly_price,per_minute_price_inbound,per_minute_price_outbound,currency\n"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder; the same folder for all commands of a test."""
    for name in os.environ:
        if name.startswith("NUMBERDESK_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, **environment: str) -> Done:
        return invoked(arguments, "", environment)

    return command


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `db upgrade` makes: once, since each time takes longer than most of the commands."""
    folder = tmp_path_factory.mktemp("upgraded")
    return Path(Sqlites(folder).prepared(folder).removeprefix("sqlite:///"))


@pytest.fixture
def run(bare: Run, upgraded: Path, tmp_path: Path) -> Run:
    """The same, in a folder with an empty database."""
    (tmp_path / "var").mkdir()
    shutil.copyfile(upgraded, tmp_path / "var" / "numberdesk.db")
    return bare


def _json(done: Done) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_from_an_empty_folder_to_a_customer_with_money_and_numbers(bare: Run, tmp_path: Path) -> None:
    run = bare
    assert run("db", "upgrade").returncode == 0
    account = _json(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    assert account["id"].startswith("acc_")
    assert (tmp_path / "var" / "numberdesk.db").exists()
    key = _json(run("keys", "create", "First customer", "--scope", "numbers:buy", "--scope", "numbers:read", "--json"))
    assert key["key"].startswith("nd_live_")
    assert key["scopes"] == ["numbers:read", "numbers:buy"]
    (listed,) = _json(run("keys", "list", "--json"))
    assert listed["id"] == key["id"]
    assert "key" not in listed
    paid = _json(run("wallet", "top-up", account["id"], "100.00", "--reference", "r1", "--json"))
    assert _json(run("wallet", "top-up", account["id"], "100", "--reference", "r1", "--json")) == paid
    adjusted = _json(run("wallet", "adjust", "First customer", "-0.5", "--json"))
    assert (adjusted["amount"], adjusted["balance"]) == (-0.5, 99.5)
    assert _json(run("wallet", "show", "First customer", "--json"))["available"] == 99.5
    assert [line["entry"] for line in _json(run("wallet", "statement", account["id"], "--json"))] == [2, 1]
    (tmp_path / "n.csv").write_text(f"{HEADER}+13612738809,1.15,0.0085,0.0945,USD\n")
    assert _json(run("inventory", "import", "n.csv", "--json"))["new"] == 1
    assert _json(run("inventory", "import", "n.csv", "--json"))["unchanged"] == 1
    (item,) = _json(run("inventory", "list", "--json"))
    assert (item["phone_number"], item["price"], item["state"]) == ("+13612738809", 1.15, "available")
    assert _json(run("orders", "list", "--open", "--json")) == []
    report = _json(run("verify", "--json"))
    assert (report["ok"], report["violations"]) == (True, [])
    assert report["checked"]
    assert _json(run("keys", "revoke", key["id"], "--json"))["revoked_at"]
    assert _json(run("accounts", "suspend", "First customer", "--json"))["status"] == "suspended"
    assert _json(run("accounts", "reactivate", "First customer", "--json"))["status"] == "active"


def test_only_serve_and_db_upgrade_make_a_database(bare: Run, tmp_path: Path) -> None:
    for command in (
        ("accounts", "list"),
        ("accounts", "create", "First customer", "--currency", "USD"),
        ("verify", "--json"),
        ("carriers", "list"),
        ("db", "current"),
        ("worker",),
    ):
        done = bare(*command, NUMBERDESK_DATABASE_URL="sqlite:///elsewhere/books.db")
        assert (done.returncode, done.stdout) == (1, ""), command
        for said in ("there is no database at elsewhere/books.db", "numberdesk db upgrade", "NUMBERDESK_DATABASE_URL"):
            assert said in done.stderr, command
        assert list(tmp_path.iterdir()) == [], command
    assert bare("db", "upgrade", NUMBERDESK_DATABASE_URL="sqlite:///elsewhere/books.db").returncode == 0
    assert (tmp_path / "elsewhere" / "books.db").exists()
    assert _json(bare("accounts", "list", "--json", NUMBERDESK_DATABASE_URL="sqlite:///elsewhere/books.db")) == []


def test_a_command_on_an_empty_database_makes_no_schema(run: Run, empty_url: str) -> None:
    with contextlib.closing(Database(empty_url)) as database, database.read() as tx:
        assert tx.fetch("SELECT 1", []) == [(1,)]  # an SQLite file is there now, and empty
    done = run("accounts", "list", NUMBERDESK_DATABASE_URL=empty_url)
    assert (done.returncode, "the database is empty" in done.stderr) == (1, True)
    assert _json(run("db", "current", "--json", NUMBERDESK_DATABASE_URL=empty_url))["database"] is None


def test_an_account_is_renamed_given_credit_and_closed(run: Run) -> None:
    account = _json(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    run("accounts", "create", "Other", "--currency", "USD")
    taken = run("accounts", "rename", "First customer", "Other")
    assert (taken.returncode, "NAME is that of" in taken.stderr) == (2, True)
    renamed = _json(run("accounts", "rename", "First customer", "Voice Agency", "--json"))
    assert (renamed["id"], renamed["name"]) == (account["id"], "Voice Agency")
    limited = _json(run("accounts", "credit-limit", "Voice Agency", "2.5", "--json"))
    assert limited["credit_limit"] == _json(run("wallet", "show", "Voice Agency", "--json"))["credit_limit"] == 2.5
    zoned = _json(run("accounts", "time-zone", "Voice Agency", "Europe/Berlin", "--json"))
    (month,) = _json(run("statements", "list", "Voice Agency", "--json"))
    assert (zoned["time_zone"], month["time_zone"], zoned["time_zone_from"] > month["month"]) == (
        "Europe/Berlin",
        "UTC",
        True,
    )
    nowhere = run("accounts", "time-zone", "Voice Agency", "Berlin")
    assert (nowhere.returncode, "ZONE must be the name of a time zone" in nowhere.stderr) == (2, True)
    run("wallet", "adjust", "Voice Agency", "-1")
    low = run("accounts", "credit-limit", "Voice Agency", "0.5")
    assert (low.returncode, "1 USD" in low.stderr, "account_in_use" in low.stderr) == (1, True, True)
    key = _json(run("keys", "create", "Voice Agency", "--json"))
    unasked = run("accounts", "close", "Voice Agency")
    assert (unasked.returncode, "--yes" in unasked.stderr) == (1, True)
    owing = run("accounts", "close", "Voice Agency", "--yes")
    assert (owing.returncode, "its wallet owes 1 USD" in owing.stderr, "account_in_use" in owing.stderr) == (
        1,
        True,
        True,
    )
    run("wallet", "top-up", "Voice Agency", "1")
    closed = _json(run("accounts", "close", "Voice Agency", "--yes", "--json"))
    assert (closed["status"], closed["credit_limit"]) == ("closed", 0)
    assert closed["closed_at"] is not None
    for command in (("keys", "create", account["id"]), ("wallet", "top-up", account["id"], "1")):
        assert (refused := run(*command)).returncode == 1
        assert "closed" in refused.stderr
    assert [one["id"] for one in _json(run("keys", "list", "--json"))] == [key["id"]]
    assert _json(run("verify", "--json"))["ok"] is True


def test_purchases_wait_for_a_thousand_lines_and_where_nobody_sells_more_are_saved_at_once(
    run: Run, tmp_path: Path
) -> None:
    def import_block(area_code: str) -> int:
        lines = "".join(f"+1{area_code}{place},1.15,,,USD\n" for place in range(2_000_000, 2_001_001))
        (tmp_path / "n.csv").write_text(HEADER + lines)
        assert _json(run("inventory", "import", "n.csv", "--json"))["new"] == 1_001
        with database.read() as tx:
            ((saved,),) = tx.fetch("SELECT count(DISTINCT created_at) FROM numbers WHERE area_code = ?", [area_code])
        return int(saved)

    database = Database(f"sqlite:///{tmp_path}/var/numberdesk.db")
    assert import_block("361") == 1
    with only_server(database):
        assert import_block("415") == 2
    database.close()


def test_a_bad_file_is_listed_line_by_line_and_nothing_of_it_is_imported(run: Run, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text(f"{HEADER}+13612738809,1.15,,,USD\n+1361,1,,,USD\n+13612738810,x,,,USD\n")
    done = run("inventory", "import", "n.csv")
    assert done.returncode == 1
    assert "line 3: phone_number" in done.stderr
    assert "line 4: monthly_price" in done.stderr
    assert "nothing imported" in done.stderr
    assert _json(run("inventory", "list", "--json")) == []
    report = json.loads(run("inventory", "import", "n.csv", "--json").stdout)
    assert (report["imported"], [line["line"] for line in report["bad_lines"]]) == (False, [3, 4])
    assert run("inventory", "import", "n.csv", "--skip-bad").returncode == 0
    assert len(_json(run("inventory", "list", "--json"))) == 1


def test_a_file_as_a_spreadsheet_writes_it_is_tried_out_mended_and_imported(run: Run, tmp_path: Path) -> None:
    lines = "Phone Number;monthlyPrice;Currency;;\n(361) 273-8809;1,15;usd;;\n(361) 273;x;USD;;\n;;;;\n"
    (tmp_path / "n.csv").write_bytes(lines.encode("utf-16"))
    tried = run("inventory", "import", "n.csv", "--dry-run", "--country", "US", "--rejects", "bad.csv", "--json")
    report = json.loads(tried.stdout)
    assert (tried.returncode, report["imported"], report["dry_run"]) == (1, False, True)
    assert (report["good"], report["bad"], report["new"]) == (1, 1, 1)
    assert _json(run("inventory", "list", "--json")) == []
    rejected = (tmp_path / "bad.csv").read_text()
    header, line = rejected.splitlines()
    assert header == "phone_number,monthly_price,currency,reject_reason"
    assert line.startswith('(361) 273,x,USD,"phone_number ')
    assert "monthly_price must be a number, like 1.15, not 'x'" in line
    assert run("inventory", "import", "n.csv", "--country", "US", "--skip-bad").returncode == 0
    (tmp_path / "bad.csv").write_text(rejected.replace("(361) 273,x", "(361) 273-8810,2"))
    assert _json(run("inventory", "import", "bad.csv", "--country", "us", "--json"))["new"] == 1
    assert [item["price"] for item in _json(run("inventory", "list", "--json"))] == [1.15, 2]
    assert run("inventory", "import", "bad.csv", "--country", "Texas").returncode != 0


def test_setting_prices_names_the_rates_that_numbers_will_not_have(run: Run) -> None:
    fixed = run("prices", "set", "--currency", "USD", "--price", "2", "--inbound", "0")
    assert "no price per minute outbound: its numbers get no such rate, it is null, not 0" in fixed.stderr
    margin = run("prices", "set", "--currency", "USD", "--margin-percent", "20")
    assert "no cost per minute inbound and outbound get no such rate: it is null, not 0" in margin.stderr
    both = run("prices", "set", "--currency", "USD", "--price", "2", "--inbound", "0", "--outbound", "0.1")
    assert "null" not in both.stderr


def test_price_rules_price_numbers_at_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("phone_number,cost_monthly,cost_currency\n+13612738809,1.00,USD\n")
    assert _json(run("inventory", "import", "n.csv", "--json"))["unpriced"] == 1
    terms = ("--every", "1", "--unit", "year", "--increments", "6/6", "--connect-fee", "0.1", "--rounding", "down")
    yearly = _json(run("prices", "set", "--currency", "USD", "--price", "9", *terms, "--json"))
    said = ("period_every", "period_unit", "increments", "connect_fee", "rounding")
    assert [yearly[name] for name in said] == [12, "month", "6/6", 0.1, "down"]
    assert _json(run("inventory", "list", "--json"))[0]["period_every"] == 12
    rounded = ("--margin-percent", "12.5", "--round-to", "0.05", "--setup", "0")
    rule = _json(run("prices", "set", "--currency", "USD", *rounded, "--json"))
    assert (rule["margin_percent"], rule["round_to"]) == (12.5, 0.05)
    assert _json(run("prices", "list", "--json")) == [rule]
    assert _json(run("inventory", "list", "--json"))[0]["price"] == 1.15
    assert _json(run("prices", "remove", rule["id"], "--json")) == rule
    assert _json(run("inventory", "list", "--json"))[0]["price"] is None


def test_books_that_are_broken_are_found_with_the_line(run: Run, tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415  to plant the damage

    account = _json(run("accounts", "create", "A", "--currency", "USD", "--json"))
    run("wallet", "top-up", "A", "5")
    with sqlite3.connect(tmp_path / "var" / "numberdesk.db") as connection:
        connection.execute("UPDATE wallets SET posted = posted + 1000000")
    connection.close()
    done = run("verify", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["ok"] is False
    assert ("I2", "wallets", account["id"]) in [
        (each["invariant"], each["table"], each["row"]) for each in report["violations"]
    ]
    assert "I2" in run("verify").stderr


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("accounts", "create"), 2, "NAME"),
        (("accounts", "create", "A"), 2, "--currency"),
        (("accounts", "create", "A", "--currency", "dollars"), 2, "--currency must be a currency code"),
        (("accounts", "create", "A", "--currency", "UDS"), 2, "--currency must be a currency of ISO 4217"),
        (("accounts", "create", "A", "--currency", "USD", "--credit-limit", "-1"), 2, "--credit-limit must not be"),
        (("accounts", "create", "", "--currency", "USD"), 2, "NAME must not be empty"),
        (("accounts", "suspend", "nobody"), 1, "there is no account 'nobody'"),
        (("keys", "create", "nobody"), 1, "there is no account 'nobody'"),
        (("keys", "revoke", "key_0"), 1, "not_found"),
        (("wallet", "show", "nobody"), 1, "there is no account 'nobody'"),
        (("inventory", "import", "missing.csv"), 2, "missing.csv"),
        (("prices", "set", "--currency", "USD"), 2, "--price or --margin-percent must be given"),
        (("prices", "set", "--currency", "UDS", "--price", "1"), 2, "--currency must be a currency of ISO 4217"),
        (("prices", "set", "--currency", "USD", "--price", "1", "--country", "usa"), 2, "--country must be two"),
        (("prices", "set", "--currency", "USD", "--price", "1", "--round-to", "0"), 2, "--round-to must be"),
        (("prices", "rates", "set", "UDS", "USD", "1"), 2, "BASE must be a currency of ISO 4217"),
        (("carriers", "keep", "twilio", "12"), 2, "NUMBER "),
        (("orders", "show", "ord_0"), 1, "there is no order 'ord_0'"),
        (("nonsense",), 2, "nonsense"),
        (("serve", "--port", "70000"), 2, "--port"),
        (("serve", "--demo", "--host", "0.0.0.0"), 2, "loopback"),  # noqa: S104  refused, as it should be
    ],
)
def test_what_is_refused_says_why_on_standard_error(
    run: Run, arguments: tuple[str, ...], status: int, says: str
) -> None:
    done = run(*arguments)
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert done.stdout == ""


def test_amounts_that_are_none_are_refused(run: Run) -> None:
    run("accounts", "create", "A", "--currency", "USD")
    for amount in ("abc", "0", "1e400", "0.0000001", "1,5"):
        done = run("wallet", "top-up", "A", amount)
        assert (done.returncode, done.stdout) == (2, ""), amount
        assert "AMOUNT" in done.stderr
    assert run("wallet", "adjust", "A", "-1").returncode == 1
    assert _json(run("wallet", "show", "A", "--json"))["posted"] == 0


def test_a_name_that_an_account_has_is_refused_for_another_one(run: Run) -> None:
    one = _json(run("accounts", "create", "A", "--currency", "USD", "--json"))
    done = run("accounts", "create", "A", "--currency", "EUR", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"NAME is that of {one['id']} already" in done.stderr
    assert _json(run("accounts", "list", "--json")) == [one]


def test_an_upgrade_tells_which_accounts_of_one_name_have_another_one_now(bare: Run, tmp_path: Path) -> None:
    with contextlib.closing(Database(f"sqlite:///{tmp_path}/var/numberdesk.db")) as database:
        upgrade(database, "0003")
        with database.write() as tx:
            for account_id in ("acc_1", "acc_2"):
                tx.run("INSERT INTO accounts VALUES (?, 'A', 'USD', 'active', 1)", [account_id])
                tx.run("INSERT INTO wallets (account_id, currency) VALUES (?, 'USD')", [account_id])
    assert "run numberdesk db upgrade" in bare("accounts", "list").stderr
    done = bare("db", "upgrade")
    assert (done.returncode, "account acc_2 is now named 'A (2)'" in done.stderr) == (0, True)
    assert [one["name"] for one in _json(bare("accounts", "list", "--json"))] == ["A", "A (2)"]


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"NUMBERDESK_PORT": "many"}, "setting port (NUMBERDESK_PORT): "),
        ({"NUMBERDESK_DATABASE_URL": "mysql://localhost/x"}, "mysql is not supported"),
        ({"NUMBERDESK_DATABASE_URL": "nonsense"}, "NUMBERDESK_DATABASE_URL"),
        ({"NUMBERDESK_DATABASE_URL": "sqlite://"}, "SQLite needs a file"),
        ({"NUMBERDESK_QUARANTINE_DAYS": "-1"}, "NUMBERDESK_QUARANTINE_DAYS): "),
    ],
)
def test_a_wrong_setting_is_named(run: Run, environment: dict[str, str], says: str) -> None:
    done = run("accounts", "list", **environment)
    assert done.returncode == 1
    assert says in done.stderr


def test_a_misspelt_variable_is_told_with_the_nearest_setting_and_without_its_value(run: Run) -> None:
    done = run("accounts", "list", NUMBERDESK_QUARANTINE_DAY="secret", NUMBERDESK_COLOUR="secret")
    assert done.returncode == 0
    assert (
        "NUMBERDESK_QUARANTINE_DAY is no setting, so nothing reads it; NUMBERDESK_QUARANTINE_DAYS is one" in done.stderr
    )
    assert "NUMBERDESK_COLOUR is no setting, so nothing reads it\n" in done.stderr
    assert "secret" not in done.stderr
    assert "no setting" not in run("accounts", "list", numberdesk_quarantine_days="3").stderr


def test_a_file_that_is_no_database_is_refused_in_words(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is no database, whatever its name says" * 100)
    done = run("accounts", "list", NUMBERDESK_DATABASE_URL="sqlite:///x.db")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_schema_can_be_upgraded_and_asked_for(run: Run) -> None:
    assert run("db", "upgrade").returncode == 0
    found = _json(run("db", "current", "--json"))
    assert found["database"] == found["program"]
