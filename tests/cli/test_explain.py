"""`numberdesk explain`: the decision of a purchase, told with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from numberdesk.infra.db import Database
from tests.cli.runner import Run, json_of, runner

POSTGRESQL_IN_THE_LONG_RUN = "what the engines do differently is tested at the flows"

NUMBER = "+13612738809"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Commands on books with a customer without money, and numbers: priced in USD, and one without a price."""
    command = runner(database_url, "", tmp_path, monkeypatch)
    json_of(command("accounts", "create", "ACME", "--currency", "USD", "--json"))
    (tmp_path / "numbers.csv").write_text(
        f"phone_number,monthly_price,currency\n{NUMBER},1.15,USD\n+13612738810,,\n+13612738811,2,EUR\n"
    )
    assert command("inventory", "import", "numbers.csv").returncode == 0
    return command


def _explained(run: Run, number: str, *options: str) -> dict[str, Any]:
    done = run("explain", number, "--account", "ACME", *options, "--json")
    view: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if view["may_buy"] else 1)
    return view


def _messages(view: dict[str, Any]) -> str:
    return " / ".join(f"{one['subject']}: {one['message']} -> {one['action']}" for one in view["reasons"])


def test_a_number_is_explained_from_want_of_money_to_its_purchase_price(run: Run) -> None:
    poor = _explained(run, NUMBER)
    assert (poor["sees"], poor["may_buy"], poor["price"], poor["carrier"]) == (True, False, 1.15, "pool")
    assert "wallet: it costs 1.15 USD at once, 1.15 USD more than the wallet has" in _messages(poor)
    json_of(run("wallet", "top-up", "ACME", "100", "--json"))
    rich = _explained(run, NUMBER)
    assert (rich["sees"], rich["may_buy"]) == (True, True)
    other = _explained(run, NUMBER, "--price", "1.20")
    assert other["may_buy"] is False
    assert "not sold at the price that was given, but at 1.15 a month" in _messages(other)
    assert json_of(run("orders", "list", "--json")) == [], "nothing was bought"
    assert json_of(run("wallet", "show", "ACME", "--json"))["posted"] == 100


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("+13612738810", "price: it has no price -> numberdesk prices set --carrier pool"),
        ("+13612738811", "currency: it is sold in EUR, and the account pays in USD"),
        ("+13612738812", "number: +13612738812 is not in the inventory"),
    ],
)
def test_what_is_not_offered_is_not_seen_and_says_why(run: Run, number: str, says: str) -> None:
    view = _explained(run, number)
    assert (view["sees"], view["may_buy"]) == (False, False)
    assert says in _messages(view)


def test_a_suspended_account_is_the_reason(run: Run) -> None:
    json_of(run("accounts", "suspend", "ACME", "--json"))
    assert "account: the account is suspended -> numberdesk accounts reactivate" in _messages(_explained(run, NUMBER))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("state = 'quarantined', quarantined_until = 9000000000000000", "it was given back and rests"),
        ("state = 'withdrawn'", "it was withdrawn from sale"),
    ],
)
def test_a_number_that_is_not_for_sale_says_where_it_stands(
    run: Run, database_url: str, change: str, says: str
) -> None:
    database = Database(database_url)
    with database.write() as tx:
        tx.execute(text(f"UPDATE numbers SET {change} WHERE e164 = '{NUMBER}'"))  # noqa: S608
    database.close()
    assert says in _messages(_explained(run, NUMBER))


def test_what_was_typed_wrongly_is_named(run: Run) -> None:
    done = run("explain", "hello", "--account", "ACME")
    assert (done.returncode, done.stderr[:18]) == (2, "numberdesk: NUMBER")
    assert run("explain", NUMBER, "--account", "nobody").returncode == 1
