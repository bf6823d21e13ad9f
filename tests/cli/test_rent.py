"""The commands for rent: what is due, what became of periods, and what a person decides about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from numberdesk.core.periods import add_months
from numberdesk.infra.clock import now as time_of_day
from numberdesk.infra.db import Database
from numberdesk.infra.vault import new_key
from tests.cli.runner import Run, json_of, runner
from tests.flows.conftest import PRICE, Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the commands are tested on both engines"
MONTHS: Final = -6


class Due(NamedTuple):
    """Commands for books with a rental whose first month was over five months ago."""

    run: Run
    shop: Shop
    rental_id: str
    account_id: str

    def rentals(self, *options: str) -> Any:
        return json_of(self.run("rentals", "list", *options, "--json"))


@pytest.fixture
def due(database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Due:
    shop = Shop(database)
    shop.now = add_months(time_of_day(), MONTHS)
    account_id = shop.account(PRICE)
    shop.buy(account_id, shop.number())
    (rental_id,) = (row[0] for row in shop.rows("SELECT id FROM rentals"))
    return Due(runner(database_url, new_key(), tmp_path, monkeypatch), shop, rental_id, account_id)


def test_what_is_due_is_renewed_once(due: Due) -> None:
    due.shop.top_up(due.account_id, 2 * PRICE)
    assert json_of(due.run("rent", "run", "--json"))["taken_up"] == 1
    (rental,) = due.rentals("--past-due")
    assert (rental["id"], rental["period"], rental["status"]) == (due.rental_id, 2, "past_due")
    periods = json_of(due.run("rent", "list", due.rental_id, "--json"))
    assert [(one["period"], one["status"], one["amount"]) for one in periods] == [
        (2, "charged", 1.15),
        (1, "charged", 1.15),
        (0, "purchased", 1.15),
    ]
    assert json_of(due.run("rent", "run", "--json"))["taken_up"] == 0
    due.shop.verified()


def test_what_is_parked_goes_on_when_a_person_says_so(due: Due) -> None:
    due.shop.top_up(due.account_id, 9 * PRICE)
    assert json_of(due.run("rent", "run", "--json"))["parked"] == 1
    (parked,) = due.rentals("--parked")
    assert parked["said"] == "more periods went by than are charged without a person"
    assert json_of(due.run("rent", "run", due.rental_id, "--json"))["done"] == 1
    assert due.rentals("--parked") == []
    assert due.rentals()[0]["period"] == -MONTHS
    due.shop.verified()


def test_a_period_is_waived_with_a_reason_and_only_once_it_has_begun(due: Due) -> None:
    for period in range(1, 1 - MONTHS):
        waived = json_of(due.run("rent", "waive", due.rental_id, "--reason", "our fault", "--json"))
        assert (waived["period"], waived["status"]) == (period, "active")
    refused = due.run("rent", "waive", due.rental_id, "--reason", "our fault")
    assert (refused.returncode, "nothing is to be waived" in refused.stderr) == (2, True)
    last = json_of(due.run("rent", "list", due.rental_id, "--json"))[0]
    assert (last["status"], last["waived_by"], last["reason"]) == ("waived", "command line", "our fault")
    assert due.shop.wallet(due.account_id).posted == 0
    due.shop.verified()


def test_new_prices_are_announced_for_all_rentals_of_an_account(due: Due) -> None:
    (made,) = json_of(due.run("rentals", "reprice", "--account", due.account_id, "--price", "2.5", "--json"))
    assert (made["rental_id"], made["price"], made["per_minute_price_inbound"]) == (due.rental_id, 2.5, 0.0085)
    assert made["from_period"] > -MONTHS
    due.shop.verified()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "say --rental, --account or --rule"),
        (("--rule", "prl_none"), "There is no such price rule"),
        (("--rule", "prl_none", "--account", "nobody"), "say --rental, --account or --rule"),
        (("--rental", "rnt_none"), "There is no such rental that goes on"),
        (("--account", "nobody"), "there is no account"),
    ],
)
def test_prices_of_nothing_are_not_announced(due: Due, options: tuple[str, ...], says: str) -> None:
    refused = due.run("rentals", "reprice", "--price", "2", *options)
    assert refused.returncode
    assert says in refused.stderr


def test_there_is_nothing_to_list_of_a_rental_that_is_not_there(due: Due) -> None:
    refused = due.run("rent", "list", "rnt_none")
    assert (refused.returncode, refused.stderr) == (1, "numberdesk: there is no rental 'rnt_none'\n")


def test_terms_of_an_account_are_set_shown_and_left_to_the_settings_again(due: Due) -> None:
    shown = json_of(
        due.run(
            "rent",
            "policy",
            "set",
            due.account_id,
            "--grace",
            "72",
            "--reminders",
            "3",
            "--auto-renew",
            "off",
            "--json",
        )
    )
    assert (shown["grace_hours"], shown["reminder_days"], shown["proration"]) == (72, [3], "none")
    shown = json_of(due.run("rent", "policy", "set", due.account_id, "--grace", "default", "--json"))
    assert shown == json_of(due.run("rent", "policy", "show", due.account_id, "--json"))
    assert "auto_renew     no\n" in due.run("rent", "policy", "show", due.account_id).stdout
    assert (shown["grace_hours"], shown["auto_renew"], shown["own"]) == (48, False, ["reminder_days", "auto_renew"])


@pytest.mark.parametrize(
    ("options", "says"),
    [((), "say what is to differ"), (("--grace", "soon"), "--grace must be a whole number from 0 to 8760")],
)
def test_terms_that_make_no_sense_are_refused(due: Due, options: tuple[str, ...], says: str) -> None:
    refused = due.run("rent", "policy", "set", due.account_id, *options)
    assert (refused.returncode, says in refused.stderr) == (2, True)
