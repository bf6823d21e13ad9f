"""Keys that are made with keys, for accounts of customers and of operators: how far they reach, and what ends them."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.accounts.model import CUSTOMER_SCOPES, OPERATOR_SCOPES, RANDOM_BYTES, SCOPES, ApiKey, KeyPage, new_key
from numberdesk.accounts.store import find_key_by_hash, forget_dead_keys, list_accounts, list_keys, page_keys
from numberdesk.core.errors import Forbidden, InvalidApiKey, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountKind, AccountState
from numberdesk.flows.accounts.change_accounts import account_change, change_accounts
from numberdesk.flows.accounts.create_accounts import create_accounts, new_operator_account
from numberdesk.flows.accounts.describe_accounts import DescribedAccount, describe_account
from numberdesk.flows.accounts.fund_wallets import TOP_UP, Funding, fund_wallets
from numberdesk.flows.accounts.issue_keys import (
    MOST_LIVE_KEYS,
    NewKey,
    Revocation,
    Revoked,
    issue_keys,
    new_key_record,
    revoke,
)
from numberdesk.verify.books import verify
from tests.flows.conftest import NOW, Shop

ENGINES_TAKE_TURNS = "the rules of keys are the same on both engines"

OFTEN_REFUSED = ("numbers:buy", "numbers:manage", "billing:read")


def _record(shop: Shop, account_id: str, **given: Any) -> ApiKey:
    asked: dict[str, Any] = {"name": "", "scopes": ["numbers:read"], "expires_at": None, "now": NOW, **given}
    key_id = shop.new_id("key")
    secret = new_key(int(key_id[-32:], 16).to_bytes(RANDOM_BYTES, "big"))
    return new_key_record(key_id, secret, account_id=account_id, **asked)


def _key(shop: Shop, account_id: str, **given: Any) -> ApiKey:
    made = shop.writer.apply(issue_keys, NewKey(_record(shop, account_id, **given)))
    assert isinstance(made, ApiKey)
    return made


def _operators(shop: Shop, name: str = "Operators") -> str:
    made = shop.writer.apply(create_accounts, new_operator_account(shop.new_id("acc"), name, NOW))
    return str(made.id)


def _revoke(shop: Shop, key: ApiKey, **given: Any) -> Revoked:
    done = shop.writer.apply(revoke, Revocation(key.id, None, NOW + 1, **given))
    assert isinstance(done, Revoked)
    return done


def _working(shop: Shop) -> set[str]:
    return {row[0] for row in shop.rows("SELECT id FROM api_keys WHERE revoked_at IS NULL")}


def test_an_operators_account_has_no_wallet_and_is_in_no_list_of_customers(shop: Shop) -> None:
    customer, operators = shop.account(), _operators(shop)
    with shop.database.read() as tx:
        assert [one.id for one in list_accounts(tx, after_id=None, limit=9)] == [customer]
        (listed,) = list_accounts(tx, after_id=None, limit=9, kind=AccountKind.OPERATOR)
        assert (listed.id, listed.currency, listed.kind) == (operators, "", AccountKind.OPERATOR)
        assert verify(tx, lambda *_: None).ok
    assert shop.rows("SELECT account_id FROM wallets") == [(customer,)]
    with pytest.raises(NotFound):
        shop.writer.apply(fund_wallets, Funding("trf_1", TOP_UP, operators, 1, "manual", None, NOW))


def test_a_name_is_that_of_one_account_whatever_its_kind(shop: Shop) -> None:
    shop.account()
    ((name,),) = shop.rows("SELECT name FROM accounts")
    _operators(shop)
    for taken in (name, "Operators"):
        with pytest.raises(InvalidRequest, match="name"):
            _operators(shop, taken)
    with pytest.raises(InvalidRequest, match="name"):
        new_operator_account("acc_1", "", NOW)


def test_an_operators_account_is_never_suspended_and_others_of_the_batch_are(shop: Shop) -> None:
    customer, operators = shop.account(), _operators(shop)
    with shop.database.write() as tx:
        outcomes = change_accounts(
            tx, [account_change(one, NOW, state=AccountState.SUSPENDED) for one in (operators, customer)]
        )
    assert isinstance(outcomes[0], InvalidRequest)
    assert dict(shop.rows("SELECT id, state FROM accounts")) == {operators: "active", customer: "suspended"}


def test_an_operators_account_is_renamed_and_has_no_credit_limit(shop: Shop) -> None:
    operators = _operators(shop)
    renamed = shop.writer.apply(change_accounts, account_change(operators, NOW, name="Night shift"))
    with shop.database.read() as tx:
        assert describe_account(tx, operators) == renamed == DescribedAccount(renamed.account, None)
    assert renamed.account.name == "Night shift"
    for limit in (0, 1):
        with pytest.raises(InvalidRequest, match="credit_limit is of customers' accounts"):
            shop.writer.apply(change_accounts, account_change(operators, NOW, name="Other", credit_limit=limit))
    assert shop.rows("SELECT name FROM accounts") == [("Night shift",)]


def test_a_closed_operators_account_has_no_key_that_works_or_makes_others_and_those_it_made_go_on(shop: Shop) -> None:
    operators, customer = _operators(shop), shop.account()
    maker = _key(shop, operators, scopes=OPERATOR_SCOPES)
    made = _key(shop, customer, created_by=maker.id)
    closing = account_change(operators, NOW + 9, state=AccountState.CLOSED)
    closed = shop.writer.apply(change_accounts, closing)
    assert (closed.account.state, closed.account.closed_at) == (AccountState.CLOSED, NOW + 9)
    assert shop.writer.apply(change_accounts, closing._replace(now=NOW + 99)) == closed
    with shop.database.read() as tx:
        assert find_key_by_hash(tx, maker.hash) is None
        assert find_key_by_hash(tx, made.hash) is not None
        assert verify(tx, lambda *_: None).ok
    with pytest.raises(Forbidden, match="closed"):
        _key(shop, operators)
    with pytest.raises(InvalidApiKey):
        _key(shop, customer, created_by=maker.id)
    with pytest.raises(InvalidRequest, match="closed"):
        shop.writer.apply(change_accounts, account_change(operators, NOW, state=AccountState.ACTIVE))


@pytest.mark.parametrize("scope", SCOPES)
def test_admin_is_for_operators_accounts_and_what_is_about_a_wallet_or_numbers_for_customers(
    shop: Shop, scope: str
) -> None:
    for account_id, allowed in ((shop.account(), scope != "admin"), (_operators(shop), scope not in OFTEN_REFUSED)):
        command = NewKey(_record(shop, account_id, scopes=["keys:manage", scope]))
        if allowed:
            assert shop.writer.apply(issue_keys, command) == command.key
        else:
            with pytest.raises(InvalidRequest, match=f"scopes must not have {scope}"):
                shop.writer.apply(issue_keys, command)


@pytest.mark.parametrize(
    ("asked", "given"), [(None, NOW + 50), (NOW + 50, NOW + 50), (NOW + 49, NOW + 49), (NOW + 51, None)]
)
def test_a_key_expires_no_later_than_the_one_that_made_it(shop: Shop, asked: int | None, given: int | None) -> None:
    account_id = shop.account()
    maker = _key(shop, account_id, expires_at=NOW + 50)
    command = NewKey(_record(shop, account_id, expires_at=asked, created_by=maker.id))
    if given is None:
        with pytest.raises(InvalidRequest, match="expires_at must be no later than"):
            shop.writer.apply(issue_keys, command)
        return
    made = shop.writer.apply(issue_keys, command)
    assert isinstance(made, ApiKey)
    assert (made.expires_at, made.created_by) == (given, maker.id)
    assert shop.rows("SELECT expires_at, created_by FROM api_keys WHERE created_by IS NOT NULL") == [(given, maker.id)]


def test_keys_count_while_they_work_at_the_time_of_each_request_of_a_batch(shop: Shop) -> None:
    account_id = shop.account()
    for _ in range(MOST_LIVE_KEYS):
        _key(shop, account_id, expires_at=NOW + 5)
    with shop.database.write() as tx:
        outcomes = issue_keys(tx, [NewKey(_record(shop, account_id, now=NOW + after)) for after in (4, 5)])
    assert [type(outcome) for outcome in outcomes] == [Forbidden, ApiKey]


def test_a_key_that_never_expires_makes_keys_that_expire_when_they_are_asked_to(shop: Shop) -> None:
    account_id = shop.account()
    maker = _key(shop, account_id)
    for asked in (None, NOW + 50):
        assert _key(shop, account_id, expires_at=asked, created_by=maker.id).expires_at == asked


def test_a_key_that_was_revoked_or_expired_meanwhile_makes_none(shop: Shop) -> None:
    """As it may in the half second in which it is remembered."""
    account_id = shop.account()
    revoked, expired = _key(shop, account_id), _key(shop, account_id, expires_at=NOW + 1)
    _revoke(shop, revoked)
    for maker in (revoked, expired):
        with pytest.raises(InvalidApiKey):
            _key(shop, account_id, now=NOW + 1, created_by=maker.id)


def test_of_a_batch_each_key_is_judged_by_itself(shop: Shop) -> None:
    account_id = shop.account()
    maker = _key(shop, account_id, expires_at=NOW + 50)
    asked: list[dict[str, Any]] = [
        {"created_by": maker.id},
        {"created_by": maker.id, "expires_at": NOW + 99},
        {"scopes": ["admin"]},
        {},
    ]
    with shop.database.write() as tx:
        outcomes = issue_keys(tx, [NewKey(_record(shop, account_id, **each)) for each in asked])
    assert [type(outcome) for outcome in outcomes] == [ApiKey, InvalidRequest, InvalidRequest, ApiKey]


def test_a_revoked_key_leaves_those_made_with_it_unless_they_are_to_go_along(shop: Shop) -> None:
    """As in a rotation, where the old key makes the new one."""
    account_id = shop.account()
    old = _key(shop, account_id)
    new = _key(shop, account_id, created_by=old.id)
    assert _revoke(shop, old) == Revoked(old._replace(revoked_at=NOW + 1), 0)
    assert _working(shop) == {new.id}
    assert _revoke(shop, old, with_descendants=True) == Revoked(old._replace(revoked_at=NOW + 1), 1)
    assert _working(shop) == set()


def test_descendants_go_along_at_any_remove_also_below_one_that_is_revoked_and_no_others_do(shop: Shop) -> None:
    operators, customer = _operators(shop), shop.account()
    first = _key(shop, operators, scopes=OPERATOR_SCOPES)
    second = _key(shop, operators, scopes=OPERATOR_SCOPES, created_by=first.id)
    third = _key(shop, customer, scopes=CUSTOMER_SCOPES, created_by=second.id)
    fourth = _key(shop, customer, created_by=third.id)
    beside = [_key(shop, operators, scopes=OPERATOR_SCOPES).id, _key(shop, customer).id]
    _revoke(shop, third)
    done = shop.writer.apply(revoke, Revocation(second.id, None, NOW + 2, with_descendants=True))
    assert done == Revoked(second._replace(revoked_at=NOW + 2), 1)
    assert _working(shop) == {first.id, *beside}
    ends = dict(shop.rows("SELECT id, revoked_at FROM api_keys WHERE revoked_at IS NOT NULL"))
    assert ends == {second.id: NOW + 2, third.id: NOW + 1, fourth.id: NOW + 2}


def test_a_key_with_a_scope_that_the_asking_one_lacks_is_neither_listed_nor_revoked(shop: Shop) -> None:
    account_id, own = shop.account(), {"numbers:read", "keys:manage"}
    narrow = _key(shop, account_id, scopes=["numbers:read"])
    same = _key(shop, account_id, scopes=sorted(own))
    wide = _key(shop, account_id, scopes=CUSTOMER_SCOPES)
    with shop.database.read() as tx:
        assert page_keys(tx, account_id, own, after_id=None, limit=9) == KeyPage([narrow, same], None)
        assert page_keys(tx, account_id, own, after_id=narrow.id, limit=1) == KeyPage([same], None)
        assert len(list_keys(tx, None, after_id=None, limit=9)) == 3
    outcomes: list[Revoked | NumberdeskError] = []
    with shop.database.write() as tx:
        outcomes = revoke(tx, [Revocation(one.id, account_id, NOW + 1, own) for one in (narrow, wide, same)])
    assert [type(outcome) for outcome in outcomes] == [Revoked, NotFound, Revoked]
    assert _working(shop) == {wide.id}


def test_what_a_forgotten_key_made_stays_a_descendant_of_those_before_it(shop: Shop) -> None:
    account_id = shop.account()
    first = _key(shop, account_id)
    rotated = [_key(shop, account_id, created_by=first.id)]
    for _ in range(2):
        rotated.append(_key(shop, account_id, created_by=rotated[-1].id))
        _revoke(shop, rotated[-2])
    last = rotated.pop()
    orphan = _key(shop, account_id, created_by=(lone := _key(shop, account_id)).id)
    _revoke(shop, lone)
    with shop.database.write() as tx:
        forget_dead_keys(tx, [account_id], NOW, 0)
    kept = {first.id: None, last.id: first.id, orphan.id: None}
    assert dict(shop.rows("SELECT id, created_by FROM api_keys")) == kept
    with shop.database.read() as tx:
        assert verify(tx, lambda *_: None).ok
    assert _revoke(shop, first, with_descendants=True).descendants == 1
    assert _working(shop) == {orphan.id}


def test_an_account_has_a_hundred_working_keys_whoever_made_them(shop: Shop) -> None:
    operators = _operators(shop)
    maker = _key(shop, operators, scopes=OPERATOR_SCOPES)
    with shop.database.write() as tx:
        outcomes = issue_keys(tx, [NewKey(_record(shop, operators, created_by=maker.id)) for _ in range(100)])
    assert [type(outcome) for outcome in outcomes] == [ApiKey] * 99 + [Forbidden]
