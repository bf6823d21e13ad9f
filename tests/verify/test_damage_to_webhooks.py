"""Planted damage to the numbers of events, to deliveries and to webhooks is named."""

from __future__ import annotations

from typing import Final

import pytest

from tests.verify.conftest import Copy, Damage, must_be_named, said

ENGINES_TAKE_TURNS: Final = "a check is one statement for both engines"

DAMAGE: Final[dict[str, Damage]] = {
    "I13 a number that is missing": (
        ("UPDATE events SET number = number + 100 WHERE id = 'evt_off_3'",),
        {("I13", "event_streams", "acc_1")},
        "should have the numbers from 1 to ",
    ),
    "I13 a number that was taken back": (
        ("UPDATE events SET number = NULL WHERE id = 'evt_off_1'",),
        {("I13", "event_streams", "acc_1"), ("I13", "webhook_deliveries", "dlv_1")},
        "but there are ",
    ),
    "I13 a stream that forgot what it gave": (
        ("UPDATE event_streams SET last_number = last_number - 1 WHERE account_id = 'acc_1'",),
        {("I13", "event_streams", "acc_1")},
        "its events should have the numbers from 1 to ",
    ),
    "I13 a mark of what was deleted that is wrong": (
        ("UPDATE event_streams SET pruned_to = 1 WHERE account_id = 'acc_1'",),
        {("I13", "event_streams", "acc_1")},
        "should have the numbers from 2 to ",
    ),
    "I13 a delivery to somebody else": (
        (
            "UPDATE webhook_endpoints SET account_id = 'acc_2' WHERE id = 'whk_1'",
            "UPDATE webhook_deliveries SET account_id = 'acc_2'",
        ),
        {("I13", "webhook_deliveries", f"dlv_{number}") for number in (1, 2, 3)},
        "it tells a webhook of acc_2 by webhook.disabled what acc_1 was to be told by webhook.disabled",
    ),
    "I13 a delivery of an account that its webhook is not of": (
        ("UPDATE webhook_deliveries SET account_id = 'acc_2' WHERE id = 'dlv_2'",),
        {("I13", "webhook_deliveries", "dlv_2")},
        "it tells a webhook of acc_1",
    ),
    "I13 a delivery of another type of event": (
        ("UPDATE webhook_deliveries SET kind = 'order.failed' WHERE id = 'dlv_2'",),
        {("I13", "webhook_deliveries", "dlv_2")},
        "by order.failed what acc_1 was to be told by webhook.disabled",
    ),
    "I13 a customer's webhook that is told of every account": (
        ("UPDATE webhook_endpoints SET all_accounts = 1 WHERE id = 'whk_1'",),
        {("I13", "webhook_endpoints", "whk_1")},
        "acc_1 is no account of operators",
    ),
    "I13 a credit that its account was not told of": (
        ("DELETE FROM events WHERE id = 'evt_credit_acc_1_top_up'",),
        {("I13", "transfers", "trf_acc_1_top_up")},
        "account.credited",
    ),
    "I13 an event of operators that is told to a customer": (
        ("INSERT INTO events VALUES ('evt_failing_1', 'acc_1', 'carrier.failing', '{}', 1, NULL)",),
        {("I13", "events", "evt_failing_1")},
        "the event carrier.failing is one of acc_1, whose it cannot be",
    ),
    "I13 an event of customers that is told to operators": (
        ("INSERT INTO events VALUES ('evt_off_9', '', 'webhook.disabled', '{}', 1, NULL)",),
        {("I13", "events", "evt_off_9")},
        "the event webhook.disabled is one of operators, whose it cannot be",
    ),
    "I13 an event of an account that is not there": (
        ("INSERT INTO events VALUES ('evt_off_9', 'acc_9', 'webhook.disabled', '{}', 1, NULL)",),
        {("I13", "events", "evt_off_9")},
        "the event webhook.disabled is one of acc_9, whose it cannot be",
    ),
    "I13 open findings that nobody was told of, and one that is kept": (
        (
            (
                "INSERT INTO findings SELECT 'acme', e164, 'orphan', CASE WHEN e164 = '+13612738801' THEN 'kept' "
                "ELSE 'open' END, 'PN', '', '', 1, 1 FROM numbers WHERE e164 <= '+13612738803'"
            ),
        ),
        {("I13", "findings", f"acme +1361273880{digit} orphan") for digit in (2, 3)},
        "no event finding.opened tells of it",
    ),
    "I13 a trouble at a carrier that nobody was told of": (
        ("INSERT INTO carrier_troubles VALUES ('acme', 'HTTP 401', 1, 1, 1)",),
        {("I13", "carrier_troubles", "acme")},
        "no event carrier.failing tells of it",
    ),
    "I15 a webhook's secret stored in clear": (
        ("UPDATE webhook_endpoints SET secret = 'whsec_5ecre7' WHERE id = 'whk_1'",),
        {("I15", "webhook_endpoints", "whk_1")},
        "is not sealed, and may lie in clear; the newest has 12 characters",
    ),
    "I15 a webhook's former secret stored in clear": (
        ("UPDATE webhook_endpoints SET former_secret = 'whsec_5ecre7', former_until = 1 WHERE id = 'whk_1'",),
        {("I15", "webhook_endpoints", "whk_1")},
        "is not sealed",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_to_events_and_webhooks_is_named(case: str, damaged: Copy) -> None:
    must_be_named(damaged, DAMAGE[case])


def test_no_message_about_a_webhooks_secret_quotes_it(damaged: Copy) -> None:
    damaged.plant("UPDATE webhook_endpoints SET secret = 'whsec_5ecre7'")
    assert "5ecre7" not in said(damaged.audit())
