"""Planted damage to numbers, orders, answers, events: each is named with invariant, table and row."""

from __future__ import annotations

from typing import Final

import pytest

from tests.verify.conftest import ONLY_SQLITE, Copy, Damage, must_be_named, said

ENGINES_TAKE_TURNS: Final = "a check is one statement for both engines"

GIVEN_BACK = (
    "INSERT INTO carrier_releases VALUES ('rel_2', 'acme', '+13612738802', 'PN2', 1, NULL, 1, '', NULL, NULL, 1)"
)

SECOND_RENTAL: Final = (
    "INSERT INTO rentals SELECT 'rnt_again', order_id, account_id, e164, state, currency, price, inbound, outbound, "
    "anchor, renews_at, '', '', '[]', created_at, updated_at, released_at, "
    "unit, every, period, NULL, NULL, 0, next_at, 0, '', NULL, NULL, NULL, 0, billing FROM rentals WHERE id = 'rnt_2'"
)

# The order of the number that was given back, as if it had been bought at a carrier.
RETURNED_TO_ACME: Final = (
    "UPDATE orders SET carrier = 'acme', attempts = 1, carrier_reference = 'PN2' WHERE id = 'ord_2'",
    (
        "INSERT INTO carrier_orders SELECT 'ord_2', 'acc_1', 'acme', '+13612738802', 1, 1, 1, 0, NULL, NULL, "
        "NULL, 0, '', NULL, NULL, 1, '', NULL, NULL, NULL, NULL, NULL FROM carrier_orders WHERE order_id = 'ord_f'"
    ),
)

DAMAGE: Final[dict[str, Damage]] = {
    "I5 an assigned number without a rental": (
        ("UPDATE numbers SET state = 'assigned', order_id = 'ord_f', account_id = 'acc_1' WHERE e164 LIKE '%09'",),
        {("I5", "numbers", "+13612738809")},
        "assigned to acc_1 and has no live rental",
    ),
    "I5 an assigned number of somebody else": (
        ("UPDATE numbers SET account_id = 'acc_2' WHERE e164 = '+13612738803'",),
        {("I5", "numbers", "+13612738803"), ("I5", "rentals", "rnt_3")},
        "account is acc_2, not acc_1",
    ),
    "I5 an assigned number of another carrier than its order's": (
        ("UPDATE numbers SET carrier = 'acme' WHERE e164 = '+13612738803'",),
        {("I5", "numbers", "+13612738803")},
        "the number is assigned; against its order ord_3 its carrier is acme, not pool",
    ),
    "I5 a claimed number of another carrier than its order's": (
        ("UPDATE numbers SET carrier = 'pool' WHERE e164 = '+13612738808'",),
        {("I5", "numbers", "+13612738808")},
        "the number is claimed; of its order ord_6 carrier is acme, not pool",
    ),
    "I5 a rented number offered again": (
        ("UPDATE numbers SET state = 'available', account_id = NULL, order_id = NULL WHERE e164 = '+13612738803'",),
        {("I5", "rentals", "rnt_3")},
        "the rental is live; of its number +13612738803 state is available, not assigned",
    ),
    "I5 a holder of a number in quarantine": (
        ("UPDATE numbers SET account_id = 'acc_1', order_id = 'ord_2' WHERE e164 = '+13612738802'",),
        {("I5", "numbers", "+13612738802"), ("storage", "numbers", "+13612738802")},
        "the number is quarantined and still held by acc_1",
    ),
    "I5 a claimed number whose order has ended": (
        ("UPDATE numbers SET order_id = 'ord_f' WHERE e164 = '+13612738808'",),
        {("I5", "numbers", "+13612738808"), ("I5", "orders", "ord_6")},
        "state is failed, not ordering",
    ),
    "I5 a claim that outlived its order": (
        (
            "UPDATE orders SET state = 'failed' WHERE id = 'ord_6'",
            "UPDATE holds SET state = 'voided', resolved_at = 1 WHERE owner_id = 'ord_6'",
            "UPDATE wallets SET held = 0 WHERE account_id = 'acc_1'",
        ),
        {
            ("I5", "numbers", "+13612738808"),
            ("I9", "carrier_orders", "ord_6"),
            ("I10", "carrier_orders", "ord_6"),
            ("I13", "orders", "ord_6"),
        },
        "the number is claimed; of its order ord_6 state is failed, not ordering",
    ),
    "I5 a claimed number of somebody else": (
        ("UPDATE numbers SET account_id = 'acc_2' WHERE e164 = '+13612738808'",),
        {("I5", "numbers", "+13612738808")},
        "of its order ord_6 account is acc_1, not acc_2",
    ),
    "I5 an open order without its number": (
        ("UPDATE numbers SET state = 'available', account_id = NULL, order_id = NULL WHERE e164 = '+13612738808'",),
        {("I5", "orders", "ord_6"), ("I7", "numbers", "+13612738808")},
        "state is available, not claimed",
    ),
    "I5 two open orders for a number": (
        (
            "DROP INDEX uq_orders_open_e164",
            "UPDATE orders SET state = 'ordering', e164 = '+13612738808' WHERE id = 'ord_f'",
            "UPDATE holds SET state = 'open', resolved_at = NULL WHERE owner_id = 'ord_f'",
            "UPDATE wallets SET held = 2300000 WHERE account_id = 'acc_1'",
            (
                "UPDATE carrier_orders SET e164 = '+13612738808', settled_at = NULL, next_at = 1, error_code = NULL "
                "WHERE order_id = 'ord_f'"
            ),
            "DELETE FROM events WHERE id = 'evt_fail_f'",
        ),
        {("I5", "orders", "ord_f"), ("storage", "orders", "uq_orders_open_e164")},
        "order is ord_6, not ord_f",
    ),
    "I5 two live rentals of a number": (
        (
            "DROP INDEX uq_rentals_live_e164",
            "UPDATE rentals SET e164 = '+13612738804' WHERE id = 'rnt_5'",
            "UPDATE orders SET e164 = '+13612738804' WHERE id = 'ord_5'",
            "UPDATE rent_charges SET e164 = '+13612738804' WHERE rental_id = 'rnt_5'",
            "UPDATE idempotency_records SET e164 = '+13612738804' WHERE order_id = 'ord_5'",
            "UPDATE events SET payload = replace(payload, '+13612738805', '+13612738804') WHERE id = 'evt_5'",
            "UPDATE numbers SET state = 'available', account_id = NULL, order_id = NULL WHERE e164 = '+13612738805'",
        ),
        {
            ("I5", "rentals", "rnt_5"),
            ("I5", "numbers", "+13612738804"),
            ("storage", "rentals", "uq_rentals_live_e164"),
        },
        "order is ord_4, not ord_5",
    ),
    "I5 a completed order without its rental": (
        ("DELETE FROM rentals WHERE id = 'rnt_2'",),
        {("I5", "orders", "ord_2"), ("I13", "events", "evt_rel_2"), ("I6", "rent_charges", "rch_2_0")},
        "the order for +13612738802 is completed and made no rental",
    ),
    "I5 a rental at another price than its order's": (
        ("UPDATE rentals SET price = 1000000, inbound = NULL WHERE id = 'rnt_3'",),
        {("I5", "rentals", "rnt_3")},
        "price is 1, not 1.15; rate inbound is nothing, not 8500",
    ),
    "I5 a rental that began at another time than its order completed": (
        ("UPDATE rentals SET anchor = anchor - 1 WHERE id = 'rnt_3'",),
        {("I5", "rentals", "rnt_3")},
        "against its order ord_3 the rental's anchor is 1749999999999999, not 1750000000000000",
    ),
    "I5 a rental that renews at another time than was sold": (
        ("UPDATE rentals SET renews_at = renews_at + 1 WHERE id = 'rnt_2'",),
        {("I5", "rentals", "rnt_2")},
        "against its order ord_2 the rental's renews_at is 1752592000000001, not 1752592000000000",
    ),
    "I5 a second rental of an order": (
        (SECOND_RENTAL,),
        {("I5", "rentals", "rnt_again"), ("I13", "rentals", "rnt_again"), ("I6", "rentals", "rnt_again")},
        "ord_2 makes the rental rnt_2 and no other",
    ),
    "I9 an answer with somebody else's order": (
        ("UPDATE idempotency_records SET order_id = 'ord_5' WHERE key = 'k1'",),
        {("I9", "idempotency_records", "acc_1 k1")},
        "account is acc_2, not acc_1; number is +13612738805, not +13612738801",
    ),
    "I9 an answer with an order that does not exist": (
        ("UPDATE idempotency_records SET order_id = 'ord_none' WHERE key = 'k1'",),
        {("I9", "idempotency_records", "acc_1 k1")},
        "the order ord_none, which does not exist",
    ),
    "I9 a refusal that does not exist": (
        ("UPDATE idempotency_records SET error_code = 'no_mood' WHERE key = 'k8'",),
        {("I9", "idempotency_records", "acc_3 k8")},
        "the refusal no_mood is none that exists",
    ),
    "I9 a refusal without its sentence": (
        ("UPDATE idempotency_records SET error_message = NULL WHERE key = 'k8'",),
        {("I9", "idempotency_records", "acc_3 k8")},
        "lacks its message or details",
    ),
    "I9 an answer that is nothing": (
        ("UPDATE idempotency_records SET order_id = NULL WHERE key = 'k1'",),
        {("I9", "idempotency_records", "acc_1 k1"), ("storage", "idempotency_records", "acc_1 k1")},
        "neither an order nor a refusal",
    ),
    "I9 an answer that is both": (
        ("UPDATE idempotency_records SET error_code = 'internal' WHERE key = 'k1'",),
        {("I9", "idempotency_records", "acc_1 k1"), ("storage", "idempotency_records", "acc_1 k1")},
        "both the order ord_1 and the refusal internal",
    ),
    "I7 a number bought at a carrier without its name there": (
        (
            "UPDATE orders SET carrier = 'acme', attempts = 1 WHERE id = 'ord_3'",
            "UPDATE numbers SET carrier = 'acme' WHERE e164 = '+13612738803'",
            (
                "INSERT INTO carrier_orders SELECT 'ord_3', 'acc_1', 'acme', '+13612738803', 1, 1, 1, 0, NULL, NULL, "
                "NULL, 0, '', NULL, NULL, 1, '', NULL, NULL, NULL, NULL, NULL "
                "FROM carrier_orders WHERE order_id = 'ord_f'"
            ),
        ),
        {("I7", "carrier_orders", "ord_3")},
        "the order for +13612738803 is completed without what acme calls the number",
    ),
    "I7 a number given back that its carrier is not told of": (
        (
            *RETURNED_TO_ACME,
            "UPDATE numbers SET carrier = 'acme' WHERE e164 = '+13612738802'",
        ),
        {("I7", "rentals", "rnt_2")},
        "its customer gave +13612738802 back, and acme is not told",
    ),
    "I7 a carrier's number given back and kept as if it were the pool's": (
        (
            *RETURNED_TO_ACME,
            GIVEN_BACK,
        ),
        {("I7", "rentals", "rnt_2")},
        "its customer gave +13612738802 back to acme, and it is kept as if it were the pool's",
    ),
    "I7 a carrier's number for sale as if it were the pool's": (
        ("UPDATE numbers SET carrier = 'acme' WHERE e164 = '+13612738809'",),
        {("I7", "numbers", "+13612738809")},
        "for sale out of the books, and it is acme's",
    ),
    "I8 an order of the pool that was sent somewhere": (
        ("UPDATE orders SET attempts = 1 WHERE id = 'ord_3'",),
        {("I8", "orders", "ord_3")},
        "it is completed and was sent 1 times",
    ),
    "I8 an order of a carrier that nobody noted": (
        ("DELETE FROM carrier_orders WHERE order_id = 'ord_6'",),
        {("I8", "orders", "ord_6")},
        "how it stands with acme is not noted",
    ),
    "I8 an order sent three times": (
        ("UPDATE carrier_orders SET sends = 3, attempted_at = attempted_at + 1 WHERE order_id = 'ord_6'",),
        {("I8", "carrier_orders", "ord_6")},
        "acme was sent the order 3 times",
    ),
    "I8 an order sent with papers of nobody": (
        ("UPDATE orders SET profile_id = 'cmp_1' WHERE id = 'ord_6'",),
        {("I8", "orders", "ord_6")},
        "the compliance profile cmp_1, which does not exist",
    ),
    "I9 a failure that nobody explains": (
        ("UPDATE carrier_orders SET error_code = NULL WHERE order_id = 'ord_f'",),
        {("I9", "carrier_orders", "ord_f")},
        "the order is failed, and what its customer was told is nothing",
    ),
    "I9 a failure with a code that does not exist": (
        ("UPDATE carrier_orders SET error_code = 'no_mood' WHERE order_id = 'ord_f'",),
        {("I9", "carrier_orders", "ord_f")},
        "what its customer was told is no_mood",
    ),
    "I10 an open order that nobody asks about": (
        ("UPDATE carrier_orders SET settled_at = 1, next_at = NULL, leased_until = NULL WHERE order_id = 'ord_6'",),
        {("I10", "carrier_orders", "ord_6")},
        "the order is open, and nobody asks acme about it any more",
    ),
    "I10 an open order that nobody is to come to": (
        ("UPDATE carrier_orders SET next_at = NULL, leased_until = NULL WHERE order_id = 'ord_6'",),
        {("I10", "carrier_orders", "ord_6"), ("storage", "carrier_orders", "ord_6")},
        "the order is open, and nobody asks acme about it any more",
    ),
    "I10 a parked order that is asked about all the same": (
        ("UPDATE carrier_orders SET parked_at = 1 WHERE order_id = 'ord_6'",),
        {(invariant, "carrier_orders", "ord_6") for invariant in ("I10", "I13", "storage")},
        "the order is parked for a person, and acme is to be asked about it all the same",
    ),
    "I10 a settled order that is to be asked about again": (
        ("UPDATE carrier_orders SET next_at = 1 WHERE order_id = 'ord_f'",),
        {("I10", "carrier_orders", "ord_f"), ("storage", "carrier_orders", "ord_f")},
        "the order is failed, and acme is still asked about it",
    ),
    "I10 an ended order that is still asked about": (
        ("UPDATE carrier_orders SET settled_at = NULL, next_at = 1, error_code = NULL WHERE order_id = 'ord_f'",),
        {("I9", "carrier_orders", "ord_f"), ("I10", "carrier_orders", "ord_f")},
        "the order is failed, and acme is still asked about it",
    ),
    "I10 a carrier asked about somebody else's order": (
        ("UPDATE carrier_orders SET account_id = 'acc_2' WHERE order_id = 'ord_6'",),
        {("I10", "carrier_orders", "ord_6")},
        "where its carrier is asked about it account is acc_2, not acc_1",
    ),
    "I13 a failure not told": (
        ("DELETE FROM events WHERE id = 'evt_fail_f'",),
        {("I13", "orders", "ord_f")},
        "no event order.failed tells of +13612738809",
    ),
    "I13 an event of a failure that was none": (
        ("UPDATE events SET id = 'evt_fail_3' WHERE id = 'evt_fail_f'",),
        {("I13", "events", "evt_fail_3"), ("I13", "orders", "ord_f")},
        "the event order.failed tells of ord_3, which is completed",
    ),
    "I13 a purchase not told": (
        ("DELETE FROM events WHERE id = 'evt_3'",),
        {("I13", "orders", "ord_3")},
        "no event number.purchased tells of +13612738803",
    ),
    "I13 a release not told": (
        ("DELETE FROM events WHERE id = 'evt_rel_2'",),
        {("I13", "rentals", "rnt_2")},
        "no event number.released tells of +13612738802",
    ),
    "I13 an event of a purchase that was not made": (
        (
            (
                "INSERT INTO events SELECT 'evt_6', account_id, kind, payload, created_at, NULL "
                "FROM events WHERE id = 'evt_3'"
            ),
        ),
        {("I13", "events", "evt_6")},
        "the event number.purchased tells of ord_6, which is ordering",
    ),
    "I13 an event that lost what it tells": (
        ("UPDATE events SET payload = '{}' WHERE id = 'evt_3'",),
        {("I13", "events", "evt_3")},
        "tells of ord_3, which is completed; its payload does not name ord_3 and the number",
    ),
    "I13 an event that names another number": (
        ("UPDATE events SET payload = replace(payload, '+13612738803', '+136127388030') WHERE id = 'evt_3'",),
        {("I13", "events", "evt_3")},
        "its payload does not name ord_3 and the number",
    ),
    "I13 an event of a release that names another rental": (
        ("UPDATE events SET payload = replace(payload, 'rnt_2', 'rnt_3') WHERE id = 'evt_rel_2'",),
        {("I13", "events", "evt_rel_2")},
        "tells of rnt_2, which is released; its payload does not name rnt_2 and the number",
    ),
    "I13 an event of a failure that lost what it tells": (
        ("UPDATE events SET payload = '' WHERE id = 'evt_fail_f'",),
        {("I13", "events", "evt_fail_f"), ("I20", "events", "evt_fail_f")},
        "its payload does not name ord_f and the number",
    ),
    "I13 an event of a release that was not made": (
        ("UPDATE events SET id = 'evt_rel_3' WHERE id = 'evt_rel_2'",),
        {("I13", "events", "evt_rel_3"), ("I13", "rentals", "rnt_2")},
        "the event number.released tells of rnt_3, which is active",
    ),
    "I13 an event of no known kind": (
        ("UPDATE events SET kind = 'number.sung' WHERE id = 'evt_3'",),
        {("I13", "events", "evt_3"), ("I13", "orders", "ord_3")},
        "the event number.sung tells of nothing that exists",
    ),
    "I13 an event told to somebody else": (
        ("UPDATE events SET account_id = 'acc_2' WHERE id = 'evt_3'",),
        {("I13", "events", "evt_3")},
        "its account is acc_2, not acc_1",
    ),
    "storage a reference that leads nowhere": (
        ("UPDATE api_keys SET account_id = 'acc_none' WHERE id = 'key_1'",),
        {("storage", "api_keys", "key_1")},
        "account_id is acc_none, which accounts does not have",
    ),
    "hold one of an order that does not exist": (
        ("INSERT INTO holds VALUES ('ord_none', 'acc_1', 1, 'voided', 1, 1)",),
        {("hold", "holds", "ord_none")},
        "0.000001 is held for ord_none, which is no order and no session",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_planted_damage_is_named_with_invariant_table_and_row(case: str, damaged: Copy) -> None:
    must_be_named(damaged, DAMAGE[case])


@ONLY_SQLITE
def test_a_state_that_does_not_exist_is_named(damaged: Copy) -> None:
    """PostgreSQL takes none, and the tests of the second wall see to it."""
    lost = "UPDATE numbers SET state = 'lost' WHERE e164 = '+13612738809'"
    must_be_named(damaged, ((lost,), {("storage", "numbers", "+13612738809")}, "ck_numbers_state_known fails"))


def test_a_number_that_went_back_to_its_carrier_is_in_order(damaged: Copy) -> None:
    damaged.plant(
        *RETURNED_TO_ACME,
        "UPDATE numbers SET carrier = 'acme' WHERE e164 = '+13612738802'",
        GIVEN_BACK,
    )
    report = damaged.audit()
    assert report.ok, said(report)
