"""Damage to what operators gave: `verify` names the order or intervention, and says what is wrong with it."""

from __future__ import annotations

import contextlib
from typing import Final

import pytest
from sqlalchemy import text

from numberdesk.infra.db import Database, Tx
from numberdesk.verify.books import verify
from tests.flows.conftest import PRICE, Shop
from tests.flows.hands import take_back, transfer

ENGINES_TAKE_TURNS: Final = "a check is one statement for both engines"

DAMAGE: Final = {
    "nobody did it": ("DELETE FROM interventions WHERE kind = 'transfer'", "nothing says whose"),
    "something else was done": (
        "UPDATE interventions SET kind = 'restore' WHERE kind = 'transfer'",
        "that was not done",
    ),
    "it follows nothing": ("UPDATE orders SET from_rental_id = NULL", "names no rental that went before"),
    "it follows itself": (
        "UPDATE orders SET from_rental_id = 'rnt_' || substr(id, 5) WHERE origin = 'transfer'",
        "or is of another number or of the wrong account",
    ),
    "a held assignment": (
        "INSERT INTO holds SELECT id, account_id, price, 'captured', 1, 2 FROM orders WHERE origin = 'transfer'",
        "for which nothing is held, and has a hold",
    ),
}


class _UndoneError(Exception):
    """Nothing of the damage is to be kept."""


def _violations(tx: Tx) -> str:
    return "\n".join(f"{one.invariant} {one.message}" for one in verify(tx, lambda *_: None).violations)


@pytest.mark.parametrize("what", sorted(DAMAGE))
def test_damage_to_what_operators_gave_is_named(database: Database, what: str) -> None:
    shop = Shop(database)
    old, new, e164 = shop.account(PRICE), shop.account(), shop.number()
    shop.buy(old, e164)
    shop.now += 1_000_000
    transfer(shop, new, e164)
    take_back(shop, e164)
    shop.verified()
    statement, says = DAMAGE[what]
    with contextlib.suppress(_UndoneError), database.write() as tx:
        tx.execute(text(statement))
        found = _violations(tx)
        raise _UndoneError
    assert says in found
    shop.reader.close()
