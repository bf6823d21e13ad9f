"""Audits that cannot be trusted: they say nothing, are bounded, and are tried again."""

from __future__ import annotations

import asyncio

import pytest

from numberdesk.carriers.audit_store import find_audit
from numberdesk.carriers.port import CarrierError, OwnedNumber, OwnedPage, Trouble
from testbed.fake_carriers import FakeCarrier
from tests.flows.audits import audited, rented, status
from tests.flows.carrier_orders import SECOND
from tests.flows.conftest import PRICE, Shop

ENGINES_TAKE_TURNS = "what a carrier's failure means is the same on both engines"


def failing(shop: Shop, how: str) -> None:
    if how == "down":
        shop.acme.down = True
    elif how == "loops":
        shop.acme.list_loops = True
    elif how == "breaks":
        shop.acme.cut_list_at = "no number"  # type: ignore[assignment]  # a defect
    else:
        shop.acme.cut_list_at = 1


@pytest.mark.parametrize("how", ["down", "loops", "breaks", "cut short"])
def test_an_audit_that_failed_says_nothing(shop: Shop, how: str) -> None:
    account_id = shop.account(100 * PRICE)
    for _ in range(4):
        rented(shop, account_id)
    orphan = "+13612738809"
    shop.acme.own([orphan])
    audited(shop)
    shop.acme.lose(orphan)
    shop.acme.page_size = 1
    failing(shop, how)
    shop.acme.looked_up.clear()
    report = audited(shop, most_asked=2)
    assert report.message
    assert (report.findings, status(shop), shop.acme.looked_up) == ((), {orphan: ("orphan", "open")}, [])
    with shop.database.read() as tx:
        audit = find_audit(tx, "acme")
    assert audit is not None
    assert (audit.message, audit.ended_at) == (report.message, shop.now)
    assert audit.began_at is not None
    assert audit.next_at == audit.began_at + 1800 * SECOND


class Endless(FakeCarrier):
    """Its list says again and again that there is another page."""

    names = 1

    async def owned(self, cursor: str | None) -> OwnedPage:
        self.pages += 1
        names = range(self.names if cursor is None else 0)
        return OwnedPage(
            tuple(OwnedNumber(f"+1361200000{n}", f"PN{n}", "", None) for n in names), f"token {self.pages}"
        )


def test_a_list_that_never_ends_is_given_up(shop: Shop) -> None:
    shop.connect("acme")
    endless = shop.carriers.carriers["acme"] = Endless(now=lambda: shop.now)
    assert audited(shop).message == "unreadable: its list of our numbers does not end"
    assert endless.pages < 10


def test_a_list_that_takes_for_ever_is_given_up(shop: Shop) -> None:
    shop.connect("acme")
    shop.acme.own([f"+1361200{n:04}" for n in range(100)])
    shop.acme.page_size, listed = 1, shop.acme.owned

    async def slowly(cursor: str | None) -> OwnedPage:
        await asyncio.sleep(60)
        return await listed(cursor)

    shop.acme.owned = slowly  # type: ignore[method-assign]  # of this one
    assert audited(shop).message == "unreadable: its list of our numbers takes too long"


@pytest.mark.parametrize(("failures", "said"), [(2, ""), (3, "throttled: wait")])
def test_a_page_that_fails_for_the_moment_is_asked_for_again(shop: Shop, failures: int, said: str) -> None:
    shop.connect("acme")
    shop.acme.own(["+13612738809"])
    listed, left = shop.acme.owned, [CarrierError(Trouble.THROTTLED, "wait", 5)] * failures

    async def hesitating(cursor: str | None) -> OwnedPage:
        if left:
            raise left.pop()
        return await listed(cursor)

    shop.acme.owned = hesitating  # type: ignore[method-assign]  # of this one
    report = audited(shop)
    assert (report.message, report.owned) == (said, 0 if said else 1)
    assert shop.time.seconds() >= 10
