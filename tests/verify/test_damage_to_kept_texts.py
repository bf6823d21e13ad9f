"""Planted damage to texts in which JSON is kept: each is named with its row."""

from __future__ import annotations

from typing import Final

import pytest

from tests.verify.conftest import Copy, Damage, must_be_named

ACTION: Final = "INSERT INTO actions VALUES ('act_1', 1, 'acc_1', 'api', 'key_1', 'k', 'acc_1', '', 'w', '', {})"

DAMAGE: Final[dict[str, Damage]] = {
    "how a carrier is set up": (
        ("UPDATE carriers SET options = 'x' WHERE name = 'acme'",),
        {("I20", "carriers", "acme")},
        "options cannot be read: 'x'",
    ),
    "options that are no texts": (
        ("UPDATE carriers SET options = '{\"at\": 1}' WHERE name = 'acme'",),
        {("I20", "carriers", "acme")},
        "options cannot be read",
    ),
    "details of an action": (
        (ACTION.format("'x', '', ''"),),
        {("I20", "actions", "act_1")},
        "details cannot be read: 'x'",
    ),
    "how stood what was changed": (
        (ACTION.format("'{}', '{\"a\"', ''"),),
        {("I20", "actions", "act_1")},
        "before cannot be read",
    ),
    "how it stood then": (
        (ACTION.format("'{}', '', '[1]'"),),
        {("I20", "actions", "act_1")},
        "after cannot be read",
    ),
    "what was counted": (
        ("UPDATE carrier_orders SET counts = '[[1]]' WHERE order_id = 'ord_f'",),
        {("I20", "carrier_orders", "ord_f")},
        "counts cannot be read",
    ),
    "the details of a failed order": (
        ("UPDATE carrier_orders SET error_details = 'x' WHERE order_id = 'ord_f'",),
        {("I20", "carrier_orders", "ord_f")},
        "error_details cannot be read: 'x'",
    ),
    "papers": (
        (
            (
                "INSERT INTO compliance_profiles VALUES "
                "('cpr_1', 'acc_1', 'acme', 'GB', '', 'x', 'approved', NULL, '', 1, 1, NULL, NULL)"
            ),
        ),
        {("I20", "compliance_profiles", "cpr_1")},
        "papers cannot be read: 'x'",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_text_that_is_no_json_is_named_with_its_row(case: str, damaged: Copy) -> None:
    must_be_named(damaged, DAMAGE[case])


def test_what_an_event_tells_is_named_where_it_cannot_be_read(damaged: Copy) -> None:
    damaged.plant("UPDATE events SET payload = 'x' WHERE account_id = 'acc_2'")
    named = {found.row for found in damaged.audit().violations if found.invariant == "I20"}
    assert named
