"""Planted damage to rent: each is named with its invariant, table and row."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from numberdesk.core.periods import add_months
from numberdesk.core.rental import DAY
from numberdesk.flows.rentals.set_rent_policies import rent_policy, set_rent_policies
from numberdesk.infra.db import Database
from testbed.databases import Databases
from tests.flows.conftest import NOW, PRICE, Shop
from tests.flows.test_renew_rentals import renew
from tests.verify.conftest import ONLY_SQLITE, Damage, FileCopy, named, said

ENGINES_TAKE_TURNS: Final = "a check is one statement for both engines"

DAMAGE: Final[dict[str, Damage]] = {
    "a period charged twice": (
        (
            "DROP INDEX uq_rent_charges_period",
            (
                "INSERT INTO rent_charges SELECT 'rch_1_x', rental_id, period, account_id, e164, state, amount, "
                "transfer_id, NULL, NULL, 1 FROM rent_charges WHERE id = 'rch_1_1'"
            ),
        ),
        {
            ("I6", "rent_charges", "rch_1_x"),
            ("I6", "rentals", "rnt_1"),
            ("I13", "rent_charges", "rch_1_x"),
            ("storage", "rent_charges", "uq_rent_charges_period"),
        },
        "so it has charges or waivers without a gap, the last of that period: 4 are there",
    ),
    "a charge that moved nothing": (
        ("UPDATE rent_charges SET transfer_id = 'trf_none' WHERE id = 'rch_1_2'",),
        {("I6", "rent_charges", "rch_1_2"), ("I6", "transfers", "trf_1_rent_2")},
        "period 2 of rnt_1 is charged, and the transfer trf_none does not exist",
    ),
    "a charge of another amount": (
        ("UPDATE rent_charges SET amount = 1 WHERE id = 'rch_1_1'",),
        {("I6", "rent_charges", "rch_1_1")},
        "is charged: 0.000001, and trf_1_rent_1 moved 1.15",
    ),
    "a charge by the transfer of another period": (
        ("UPDATE rent_charges SET transfer_id = 'trf_1_rent_1' WHERE id = 'rch_1_2'",),
        {("I6", "rent_charges", "rch_1_2"), ("I6", "transfers", "trf_1_rent_2")},
        "trf_1_rent_1 belongs to something else",
    ),
    "a charge of another account": (
        ("UPDATE rent_charges SET account_id = 'acc_none' WHERE id = 'rch_1_1'",),
        {
            ("I6", "rent_charges", "rch_1_1"),
            ("I6", "rentals", "rnt_1"),
            ("I6", "transfers", "trf_1_rent_1"),
            ("I13", "events", "evt_renew_1_1"),
        },
        "account is acc_none",
    ),
    "a period without a charge": (
        (
            "UPDATE rent_charges SET period = 5, id = 'rch_1_5' WHERE id = 'rch_1_2'",
            (
                "UPDATE events SET id = 'evt_renew_1_5', payload = replace(payload, 'rch_1_2', 'rch_1_5') "
                "WHERE id = 'evt_renew_1_2'"
            ),
        ),
        {
            ("I6", "rentals", "rnt_1"),
            ("I6", "rent_charges", "rch_1_5"),
            ("I6", "transfers", "trf_1_rent_2"),
        },
        "the last of that period: 3 are there, of periods 0 to 5",
    ),
    "a first month that is not noted": (
        ("DELETE FROM rent_charges WHERE id = 'rch_2_0'",),
        {("I19", "rentals", "rnt_2")},
        "it began by a purchase, and its first period 1 is waived",
    ),
    "rent taken for no period": (
        ("DELETE FROM rent_charges WHERE id = 'rch_1_2'", "UPDATE rentals SET period = 1 WHERE id = 'rnt_1'"),
        {("I6", "transfers", "trf_1_rent_2"), ("I6", "rentals", "rnt_1"), ("I13", "events", "evt_renew_1_2")},
        "it moves 1.15 for period 2 of rnt_1, of which it is neither charge nor refund",
    ),
    "a rental that renews at another time": (
        ("UPDATE rentals SET renews_at = renews_at + 86400000000 WHERE id = 'rnt_1'",),
        {("I6", "rentals", "rnt_1")},
        "and it renews at",
    ),
    "a rental that ended before what it was charged for": (
        (f"UPDATE rentals SET released_at = {NOW + DAY} WHERE id = 'rnt_2'",),  # noqa: S608  own
        {("I6", "rentals", "rnt_2")},
        "it ended before period 1 began",
    ),
    "a charge after the release": (
        (
            (
                "INSERT INTO rent_charges SELECT 'rch_2_2', rental_id, 2, account_id, e164, 'waived', amount, "
                "NULL, 'x', 'y', 1 FROM rent_charges WHERE id = 'rch_2_0'"
            ),
        ),
        {("I6", "rentals", "rnt_2")},
        "the rental is released and in period 1",
    ),
    "a renewal that nobody was told of": (
        ("DELETE FROM events WHERE id = 'evt_renew_1_1'",),
        {("I13", "rent_charges", "rch_1_1")},
        "no event rental.renewed tells of",
    ),
    "more given back than was left": (
        ("UPDATE rent_refunds SET amount = amount + 1",),
        {("I6", "rent_refunds", "rrf_3")},
        "of what is given back of rnt_3 the amount is 1.150001, not 1.15; transfer is 1.15, not 1.150001",
    ),
    "rent given back of nothing": (
        ("DELETE FROM rent_refunds",),
        {("I6", "transfers", "trf_3_refund")},
        "it moves 1.15 for period 0 of rnt_3, of which it is neither charge nor refund",
    ),
    "rent given back of a period that was not paid": (
        (
            (
                "UPDATE rent_charges SET state = 'waived', transfer_id = NULL, waived_by = 'x', reason = 'y', "
                "period = 1, id = 'rch_3_1' WHERE id = 'rch_3_0'"
            ),
            "UPDATE rentals SET period = 1 WHERE id = 'rnt_3'",
            "UPDATE rent_refunds SET period = 1",
        ),
        {
            *(("I6", "rent_refunds", "rrf_3"), ("I6", "rentals", "rnt_3"), ("I6", "transfers", "trf_3_refund")),
            ("I19", "rentals", "rnt_3"),
        },
        "the rental rnt_3 goes on, or did not pay period 1",
    ),
    "rent given back to another account": (
        (
            (
                "UPDATE rent_refunds SET account_id = (SELECT account_id FROM rentals WHERE id = 'rnt_1') "
                "WHERE id = 'rrf_3'"
            ),
        ),
        {("I6", "rent_refunds", "rrf_3")},
        "of which one is not there",
    ),
    "a price that nobody announced": (
        ("UPDATE rentals SET price = 2 WHERE id = 'rnt_1'",),
        {("I5", "rentals", "rnt_1")},
        "price is 0.000002, not 1.15",
    ),
    "a rental whose calls are billed otherwise than was confirmed": (
        ("UPDATE rentals SET billing = '1/1 0' WHERE id = 'rnt_1'",),
        {("I6", "rentals", "rnt_1")},
        "of what was confirmed the billing of calls is 1/1 0, not 60/60 0",
    ),
    "an order for a year that renews after a month": (
        ("UPDATE orders SET term = '12 month' WHERE id = 'ord_1'",),
        {("I6", "orders", "ord_1"), ("I6", "rentals", "rnt_1")},
        "it paid for 12 month and renews at",
    ),
    "an order whose terms cannot be read": (
        ("UPDATE orders SET billing = 'six' WHERE id = 'ord_1'",),
        {("I6", "orders", "ord_1"), ("I6", "rentals", "rnt_1")},
        "its terms '' and 'six' are none",
    ),
}


@pytest.fixture(scope="module")
def rented(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Books with a rental that was renewed twice, one that was not paid and has ended, one given back at once."""
    folder = tmp_path_factory.mktemp("rent")
    url = made.prepared(folder)
    database = Database(url)
    shop = Shop(database)
    renters = [(shop.account(balance), shop.number()) for balance in (9 * PRICE, PRICE, PRICE)]
    for place, (account_id, e164) in enumerate(renters, 1):
        wanted = shop.wants(account_id, e164)._replace(order_id=f"ord_{place}")
        shop.writer.apply(shop.open_orders, wanted)
    third, e164 = renters[-1]
    shop.writer.apply(set_rent_policies, rent_policy(third, {"proration": "release"}, NOW))
    shop.release(third, e164)
    due = add_months(NOW, 1)
    for at in (due, due + DAY, due + 2 * DAY, add_months(NOW, 2)):
        renew(shop, at)
    shop.reader.close()
    database.close()
    yield Path(url.removeprefix("sqlite:///"))
    made.done(url)


@ONLY_SQLITE
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_planted_damage_to_rent_is_named_with_invariant_table_and_row(
    rented: Path, tmp_path: Path, damage: Damage
) -> None:
    copy = FileCopy(rented, tmp_path / "copy.db")
    assert copy.audit().violations == ()
    statements, expected, message = damage
    copy.plant(*statements)
    report = copy.audit()
    assert named(report) == expected, said(report)
    assert message in said(report)


@ONLY_SQLITE
def test_the_books_that_are_damaged_have_a_life_behind_them(rented: Path, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{shutil.copyfile(rented, tmp_path / 'copy.db')}")
    with database.read() as tx:
        found = tx.fetch("SELECT state, period FROM rentals ORDER BY id", [])
    assert [tuple(row) for row in found] == [("active", 2), ("released", 1), ("released", 0)]
    database.close()
