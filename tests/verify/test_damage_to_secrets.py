"""Planted secrets: a key or a carrier's credentials in clear are named, and nothing of them is quoted.

And keys that reach further than they may.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.verify.conftest import Copy, Damage, must_be_named, said

DAMAGE: Final[dict[str, Damage]] = {
    "I15 a hash that is none": (
        ("UPDATE api_keys SET hash = 'G' || substr(hash, 2) WHERE id = 'key_1'",),
        {("I15", "api_keys", "key_1")},
        "hash, of 64 characters, is not a SHA-256",
    ),
    "I15 a hash that is too short": (
        ("UPDATE api_keys SET hash = substr(hash, 2) WHERE id = 'key_1'",),
        {("I15", "api_keys", "key_1")},
        "hash, of 63 characters",
    ),
    "I15 a key stored in clear": (
        ("UPDATE api_keys SET shown = shown || 'secret' WHERE id = 'key_1'",),
        {("I15", "api_keys", "key_1")},
        "shown has 18 characters of the key, 12 is the most",
    ),
    "I16 a customer's key that is an operator's": (
        ("UPDATE api_keys SET scopes = scopes || ' admin'",),
        {("I16", "api_keys", "key_1"), ("I16", "api_keys", "key_2")},
        "has the scope admin, and its account is a customer's",
    ),
    "I16 a key with a scope that its maker lacks": (
        ("UPDATE api_keys SET scopes = 'numbers:read usage:write' WHERE id = 'key_2'",),
        {("I16", "api_keys", "key_2")},
        "made with key_1 and has a scope which that one lacks",
    ),
    "I16 a key that never expires, of one that does": (
        ("UPDATE api_keys SET expires_at = created_at + 1 WHERE id = 'key_1'",),
        {("I16", "api_keys", "key_2")},
        "made with key_1 and expires after it",
    ),
    "I16 a key that expires after its maker": (
        ("UPDATE api_keys SET expires_at = created_at + CASE id WHEN 'key_2' THEN 2 ELSE 1 END",),
        {("I16", "api_keys", "key_2")},
        "expires after it",
    ),
    "I15 a carrier's secret stored in clear": (
        ("""UPDATE carriers SET credentials = '{"auth_token": "5ecre7"}' WHERE name = 'acme_2'""",),
        {("I15", "carriers", "acme_2")},
        "credentials, of 24 characters, are not sealed",
    ),
    "I15 a carrier's secret that is as long as a sealed one": (
        ("UPDATE carriers SET credentials = replace(credentials, 'gAAAAA', 'hAAAAA') WHERE name = 'acme_2'",),
        {("I15", "carriers", "acme_2")},
        "are not sealed: the twilio account's secrets may lie in clear",
    ),
    "I15 a sealed secret with something behind it": (
        ("UPDATE carriers SET credentials = credentials || 'auth_token:5ecr!' WHERE name = 'acme_2'",),
        {("I15", "carriers", "acme_2")},
        "are not sealed",
    ),
    "I15 a sealed secret that lost its end": (
        ("UPDATE carriers SET credentials = substr(credentials, 1, 80) WHERE name = 'acme_2'",),
        {("I15", "carriers", "acme_2")},
        "credentials, of 80 characters, are not sealed",
    ),
    "I15 a carrier's secret among its options": (
        ("""UPDATE carriers SET options = '{"auth_token": "5ecre7"}' WHERE name = 'acme'""",),
        {("I15", "carriers", "acme")},
        "options, which anybody may read, hold a secret of twilio: auth_token, api_key_secret",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_planted_damage_is_named_with_invariant_table_and_row(case: str, damaged: Copy) -> None:
    must_be_named(damaged, DAMAGE[case])


def test_no_message_about_a_secret_quotes_it(damaged: Copy) -> None:
    damaged.plant(
        "UPDATE carriers SET credentials = '5ecre7'",
        """UPDATE carriers SET options = '{"api_key": "5ecre7", "auth_token": "5ecre7"}'""",
        "UPDATE api_keys SET shown = '5ecre7 and then more than 12 characters', hash = '5ecre7' WHERE id = 'key_1'",
    )
    report = damaged.audit()
    assert {one.invariant for one in report.violations} == {"I15"}
    assert report.violations_total == 5
    assert "5ecre7" not in said(report)
