"""Money into wallets, accounts, and keys."""

from __future__ import annotations

import pytest

from numberdesk.accounts.model import RANDOM_BYTES, SCOPES, ApiKey, key_hash, new_key
from numberdesk.accounts.store import find_key_by_hash, list_keys
from numberdesk.core.errors import (
    Forbidden,
    IdempotencyConflict,
    InsufficientBalance,
    InvalidRequest,
    NotFound,
    NumberdeskError,
)
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.money import MAX_AMOUNT, MICROS
from numberdesk.core.request_keys import RequestKey
from numberdesk.flows.accounts.create_accounts import new_account
from numberdesk.flows.accounts.fund_wallets import ADJUSTMENT, TOP_UP, Funding, fund_wallets, funding
from numberdesk.flows.accounts.issue_keys import (
    MOST_DEAD_KEYS,
    NewKey,
    Revocation,
    Revoked,
    issue_keys,
    new_key_record,
    revoke,
)
from numberdesk.ledger.model import Transfer
from tests.flows.conftest import NOW, PRICE, Shop

SECRET = new_key(bytes(RANDOM_BYTES))


def _move(shop: Shop, account_id: str, amount: int, kind: str = ADJUSTMENT, reference: str | None = None) -> Funding:
    return funding(shop.new_id("trf"), kind, account_id, amount, reference=reference, now=shop.now)


def _record(account_id: str, **given: object) -> ApiKey:
    asked: dict[str, object] = {"name": "", "scopes": ["numbers:read"], "expires_at": None, "now": NOW, **given}
    return new_key_record("key_1", SECRET, account_id=account_id, **asked)  # type: ignore[arg-type]  # wrong on purpose


def test_a_top_up_is_one_transfer_out_of_the_funding_account(shop: Shop) -> None:
    account_id = shop.account()
    transfer = shop.top_up(account_id, 5 * MICROS)
    assert (transfer.debit, transfer.credit) == ("funding:manual", f"wallet:{account_id}")
    assert (transfer.entry, transfer.balance_after) == (1, 5 * MICROS)


def test_a_reference_is_one_movement_however_often_it_comes(shop: Shop) -> None:
    account_id = shop.account()
    first = shop.top_up(account_id, 5 * MICROS, "r")
    assert shop.top_up(account_id, 5 * MICROS, "r") == first
    with shop.database.write() as tx:
        outcomes = fund_wallets(tx, [_move(shop, account_id, MICROS, TOP_UP, "s")] * 3)
    assert len(set(outcomes)) == 1
    with pytest.raises(IdempotencyConflict, match="amount"):
        shop.top_up(account_id, 6 * MICROS, "r")
    assert shop.rows("SELECT posted, entries FROM wallets") == [(6 * MICROS, 2)]


def test_a_reference_is_the_accounts_own_and_the_kinds(shop: Shop) -> None:
    one, two = shop.account(), shop.account()
    shop.top_up(one, MICROS, "r")
    shop.top_up(two, MICROS, "r")
    shop.writer.apply(fund_wallets, _move(shop, one, MICROS, ADJUSTMENT, "r"))
    assert shop.rows("SELECT posted FROM wallets ORDER BY account_id") == [(2 * MICROS,), (MICROS,)]


def test_keys_of_one_batch_are_kept_from_their_own_times(shop: Shop) -> None:
    account_id = shop.account()
    movements = [
        Funding(
            f"trf_{key}", TOP_UP, account_id, 7, "manual", None, shop.now + wait, RequestKey(account_id, "t", key, "{}")
        )
        for wait, key in ((0, "a"), (3, "b"), (5, "a"))
    ]
    with shop.database.write() as tx:
        fund_wallets(tx, movements)
    assert shop.rows("SELECT key, created_at FROM keyed_requests ORDER BY key") == [
        ("a", shop.now),
        ("b", shop.now + 3),
    ]


def test_an_adjustment_down_stops_at_the_limit(shop: Shop) -> None:
    account_id = shop.account(5 * MICROS, credit_limit=MICROS)
    moved = shop.writer.apply(fund_wallets, _move(shop, account_id, -6 * MICROS))
    assert isinstance(moved, Transfer)
    assert (moved.debit, moved.amount, moved.balance_after) == (f"wallet:{account_id}", 6 * MICROS, -MICROS)
    with pytest.raises(InsufficientBalance):
        shop.writer.apply(fund_wallets, _move(shop, account_id, -1))


def test_money_that_is_held_cannot_be_adjusted_away(shop: Shop) -> None:
    account_id, e164 = shop.account(2 * PRICE), shop.number(carrier="acme")
    shop.buy(account_id, e164)
    with pytest.raises(InsufficientBalance):
        shop.writer.apply(fund_wallets, _move(shop, account_id, -PRICE - 1))
    shop.writer.apply(fund_wallets, _move(shop, account_id, -PRICE))


def test_movements_of_a_batch_see_each_other_and_refusals_leave_the_rest_standing(shop: Shop) -> None:
    account_id = shop.account(MICROS)
    with shop.database.write() as tx:
        outcomes = fund_wallets(
            tx,
            [
                _move(shop, account_id, -MICROS),
                _move(shop, account_id, -1),
                _move(shop, "acc_nobody", 1),
                _move(shop, account_id, 2),
            ],
        )
    assert [type(outcome) for outcome in outcomes] == [Transfer, InsufficientBalance, NotFound, Transfer]
    assert shop.rows("SELECT posted, entries FROM wallets") == [(2, 3)]


def test_a_balance_stays_within_what_is_printed_exactly(shop: Shop) -> None:
    account_id = shop.account(MAX_AMOUNT)
    with pytest.raises(InvalidRequest, match="amount"):
        shop.top_up(account_id, 1)


@pytest.mark.parametrize(("kind", "amount"), [(TOP_UP, 0), (TOP_UP, -1), (ADJUSTMENT, 0)])
def test_an_amount_that_moves_nothing_is_refused(kind: str, amount: int) -> None:
    with pytest.raises(InvalidRequest, match="amount"):
        funding("trf_1", kind, "acc_1", amount, reference=None, now=NOW)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("name", ("", "USD", 0)),
        ("name", ("x" * 101, "USD", 0)),
        ("currency", ("A", "US", 0)),
        ("credit_limit", ("A", "USD", -1)),
    ],
)
def test_an_account_that_cannot_be_is_refused_naming_the_field(field: str, given: tuple[str, str, int]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        new_account("acc_1", *given, NOW)
    assert refused.value.details["field"] == field


def test_a_key_is_found_by_its_hash_alone(shop: Shop) -> None:
    account_id = shop.account()
    made = shop.writer.apply(issue_keys, NewKey(_record(account_id)))
    with shop.database.read() as tx:
        assert find_key_by_hash(tx, key_hash(SECRET)) == (made, "USD", AccountKind.CUSTOMER)
    for row in shop.rows("SELECT * FROM api_keys"):
        assert SECRET not in row


def test_a_key_for_nobody_is_not_made(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.writer.apply(issue_keys, NewKey(_record("acc_nobody")))
    assert shop.rows("SELECT count(*) FROM api_keys") == [(0,)]


def test_a_revoked_key_keeps_the_instant_of_its_first_revocation(shop: Shop) -> None:
    account_id = shop.account()
    shop.writer.apply(issue_keys, NewKey(_record(account_id)))
    first = shop.writer.apply(revoke, Revocation("key_1", account_id, NOW + 1))
    assert isinstance(first, Revoked)
    assert first.key.revoked_at == NOW + 1
    assert not first.key.valid_at(NOW + 1)
    assert shop.writer.apply(revoke, Revocation("key_1", None, NOW + 2)) == first


def test_nobody_revokes_the_key_of_another(shop: Shop) -> None:
    shop.writer.apply(issue_keys, NewKey(_record(shop.account())))
    with pytest.raises(NotFound):
        shop.writer.apply(revoke, Revocation("key_1", shop.account(), NOW))
    assert shop.rows("SELECT revoked_at FROM api_keys") == [(None,)]


def test_scopes_are_kept_once_and_in_their_order() -> None:
    record = _record("acc_1", scopes=["numbers:buy", "numbers:read", "numbers:buy"])
    assert record.scopes == ("numbers:read", "numbers:buy")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"scopes": []}, InvalidRequest),
        ({"scopes": ["root"]}, InvalidRequest),
        ({"scopes": ["admin"], "grantable": SCOPES[:5]}, Forbidden),
        ({"name": "a\nb"}, InvalidRequest),
        ({"expires_at": NOW}, InvalidRequest),
    ],
)
def test_a_key_that_must_not_be_is_refused(given: dict[str, object], error: type[NumberdeskError]) -> None:
    with pytest.raises(error):
        _record("acc_1", **given)


def test_of_the_keys_that_work_no_more_only_the_newest_are_kept(shop: Shop) -> None:
    account_id = shop.account()
    for place in range(MOST_DEAD_KEYS + 5):
        key_id = f"key_{place:05}"
        made = _record(account_id)._replace(id=key_id, hash=key_id, expires_at=NOW + 1 if place % 2 else None)
        shop.writer.apply(issue_keys, NewKey(made))
        shop.writer.apply(revoke, Revocation(key_id, account_id, NOW))
    with shop.database.read() as tx:
        kept = [key.id for key in list_keys(tx, account_id, after_id=None, limit=MOST_DEAD_KEYS + 9)]
    assert len(kept) == MOST_DEAD_KEYS + 1
    assert (kept[0], kept[-1]) == ("key_00004", f"key_{MOST_DEAD_KEYS + 4:05}")
