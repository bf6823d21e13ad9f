"""Planted damage that only two tables, or a text and its meaning, can show: each is named with its row."""

from __future__ import annotations

from typing import Final

import pytest

from tests.verify.conftest import Copy, Damage, must_be_named

OF_NOBODY: Final = (
    "INSERT INTO transfers SELECT 'trf_out', kind, 'funding:manual', 'revenue:rental', amount, currency, "
    "NULL, NULL, NULL, NULL, NULL, created_at, NULL, NULL FROM transfers WHERE id = 'trf_3_rental'"
)

# Order 3 as if its number had been bought at a carrier.
BOUGHT_AT_ACME: Final = (
    "UPDATE orders SET carrier = 'acme', attempts = 1, carrier_reference = 'PN3' WHERE id = 'ord_3'",
    "UPDATE numbers SET carrier = 'acme' WHERE e164 = '+13612738803'",
    (
        "INSERT INTO carrier_orders SELECT 'ord_3', 'acc_1', 'acme', '+13612738803', 1, 1, 1, 0, NULL, NULL, "
        "NULL, 0, '', NULL, NULL, 1, '', NULL, NULL, NULL, NULL, NULL FROM carrier_orders WHERE order_id = 'ord_f'"
    ),
)

DAMAGE: Final[dict[str, Damage]] = {
    "I1 what a customer paid in, of no customer": (
        (OF_NOBODY,),
        {("I1", "transfers", "trf_out")},
        "it goes from funding:manual to revenue:rental and names no account",
    ),
    "I5 tags that are no JSON": (
        ("UPDATE rentals SET tags = '[support' WHERE id = 'rnt_3'",),
        {("I5", "rentals", "rnt_3")},
        "tags cannot be read: '[support'",
    ),
    "I5 tags that are no list of texts": (
        ("UPDATE rentals SET tags = '[1]' WHERE id = 'rnt_3'",),
        {("I5", "rentals", "rnt_3")},
        "tags cannot be read: '[1]'",
    ),
    "I6 a rental that renews in ten years": (
        (
            "UPDATE orders SET renews_at = renews_at + 315360000000000 WHERE id = 'ord_3'",
            "UPDATE rentals SET renews_at = renews_at + 315360000000000 WHERE id = 'rnt_3'",
        ),
        {("I6", "orders", "ord_3")},
        "which is 3680 days later",
    ),
    "I7 a rented number that is to be given back": (
        (
            *BOUGHT_AT_ACME,
            (
                "INSERT INTO carrier_releases "
                "VALUES ('rel_9', 'acme', '+13612738803', 'PN3', 1, 0, 1, '', NULL, NULL, NULL)"
            ),
        ),
        {("I7", "carrier_releases", "rel_9")},
        "+13612738803 is to be given back to acme, and it is assigned, by acc_1",
    ),
    "I7 a number on order that is to be given back": (
        (
            (
                "INSERT INTO carrier_releases "
                "VALUES ('rel_9', 'acme', '+13612738808', 'PN6', 1, 0, 1, '', NULL, NULL, NULL)"
            ),
        ),
        {("I7", "carrier_releases", "rel_9")},
        "+13612738808 is to be given back to acme, and it is claimed, by acc_1",
    ),
    "I8 an order that was sent once and counted twice": (
        ("UPDATE carrier_orders SET sends = 2 WHERE order_id = 'ord_6'",),
        {("I8", "carrier_orders", "ord_6")},
        "acme was sent the order 2 times, and no sending was later than the order",
    ),
    "I9 a refusal whose details are no JSON": (
        ("UPDATE idempotency_records SET error_details = '{' WHERE key = 'k8'",),
        {("I9", "idempotency_records", "acc_3 k8")},
        "error_details cannot be read: '{'",
    ),
    "I9 a release under a key that ended another account's rental": (
        ("INSERT INTO keyed_requests VALUES ('acc_1', 'release', 'k', '{\"phone_number\": \"rnt_4\"}', 'rnt_4', 1)",),
        {("I9", "keyed_requests", "acc_1 release k")},
        "the release ended rnt_4, a rental of acc_2",
    ),
    "I9 a release under a key that ended another number's rental": (
        ("INSERT INTO keyed_requests VALUES ('acc_1', 'release', 'k', '{\"phone_number\": \"rnt_1\"}', 'rnt_2', 1)",),
        {("I9", "keyed_requests", "acc_1 release k")},
        "the release ended rnt_2, a rental of acc_1, or of another number",
    ),
    "I9 a release under a key that ended nothing": (
        ("INSERT INTO keyed_requests VALUES ('acc_1', 'release', 'k', '{}', 'rnt_nothing', 1)",),
        {("I9", "keyed_requests", "acc_1 release k")},
        "the release ended rnt_nothing, which is no rental",
    ),
    "I9 a transfer under a key that was of another account": (
        (
            (
                "INSERT INTO keyed_requests SELECT 'acc_1', 'transfer', 'k', "
                '\'{"account_id": "acc_9", "phone_number": "\' || e164 || \'"}\', id, 1 '
                "FROM rentals WHERE id = 'rnt_2'"
            ),
        ),
        {("I9", "keyed_requests", "acc_1 transfer k")},
        "the transfer was answered with rnt_2, which is no rental of its number and account",
    ),
    "I9 a top-up under a key that was somebody else's": (
        (
            (
                "INSERT INTO keyed_requests VALUES "
                "('acc_3', 'top_up', 'k', '{\"account\": \"acc_1\"}', 'trf_acc_2_top_up', 1)"
            ),
        ),
        {("I9", "keyed_requests", "acc_3 top_up k")},
        "the top_up wrote trf_acc_2_top_up, which is a top_up, or of another account",
    ),
    "I10 an open order whose carrier is gone": (
        ("DELETE FROM carriers WHERE name = 'acme'",),
        {("I10", "orders", "ord_6")},
        "the order is open at acme, and there is no carrier of that name",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_planted_damage_is_named_with_invariant_table_and_row(case: str, damaged: Copy) -> None:
    must_be_named(damaged, DAMAGE[case])


def test_requests_kept_under_keys_that_did_what_they_said_are_in_order(damaged: Copy) -> None:
    for request, content, outcome in (
        ("release", '{"phone_number": "rnt_2"}', "rnt_2"),
        ("release", '{"phone_number": "+13612738802"}', "rnt_2"),
        ("top_up", '{"account": "acc_2", "amount": "1"}', "trf_acc_2_top_up"),
    ):
        values = f"'acc_1', '{request}', '{content}', '{content}', '{outcome}', 1"
        damaged.plant(f"INSERT INTO keyed_requests VALUES ({values})")  # noqa: S608  the test's own
    assert damaged.audit().ok


def test_a_release_that_its_carrier_confirmed_may_be_of_a_number_that_was_bought_again(damaged: Copy) -> None:
    damaged.plant(
        *BOUGHT_AT_ACME,
        "INSERT INTO carrier_releases VALUES ('rel_9', 'acme', '+13612738803', 'PN3', 1, NULL, 1, '', NULL, NULL, 1)",
    )
    assert damaged.audit().ok
