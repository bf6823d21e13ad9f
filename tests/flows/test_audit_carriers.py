"""Auditing carriers: what is there and not in the books, in the books and not there, and no false alarm."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from numberdesk.carriers.audit_store import AUDIT_LEASE, DUE_AUDITS, find_audit
from numberdesk.carriers.port import CarrierAccount, OwnedNumber, OwnedPage, Setup
from numberdesk.core.carrier_order import Absent, OrderOutcome, Pending, Placed, Reason, Refused, Unknown
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.findings import FindingKind
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.purchase import Sold
from numberdesk.flows.carriers.audit_carriers import LEFT_OUT, MOST_NOTED
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.flows.carriers.note_audits import (
    AskForAudit,
    FindingResolution,
    ResolveFinding,
    ask_for_audits,
    resolve_findings,
)
from numberdesk.flows.rentals.release_numbers import Release
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import TakeUp
from numberdesk.infra.reader import Reader, ReadLimits
from numberdesk.infra.vault import Vault
from numberdesk.numbers.carrier_release import of_finding
from numberdesk.numbers.carrier_release_store import insert_releases
from numberdesk.tables import orders
from testbed.fake_carriers import Does, FakeCarrier
from tests.flows.audits import EVERY, audited, auditing, found, rented, status
from tests.flows.carrier_orders import DAY, SECOND, WINDOW, opened
from tests.flows.conftest import PRICE, Shop


@pytest.fixture
def connected(shop: Shop) -> Shop:
    shop.connect("acme")
    return shop


# what is found


def test_what_is_at_the_carrier_and_in_nobodys_books_is_an_orphan_that_rests(connected: Shop) -> None:
    shop, e164 = connected, "+13612738809"
    shop.acme.own([e164], reference="ord_lost")
    report = audited(shop)
    assert (found(report), report.owned, report.known) == ([(e164, FindingKind.ORPHAN)], 1, 0)
    assert report.findings[0].order_reference == "ord_lost"
    assert status(shop) == {e164: ("orphan", "open")}
    assert shop.rows("SELECT e164, carrier, state, quarantined_until FROM numbers") == [
        (e164, "acme", "quarantined", shop.now + 2 * EVERY + 7 * DAY)
    ]
    shop.offer(e164, carrier="acme")
    assert not isinstance(shop.buy(shop.account(PRICE), e164), Sold)
    shop.verified()


def test_numbers_that_the_books_call_by_each_others_id_are_found_until_they_are_not(shop: Shop) -> None:
    one, other, fine = rented(shop), rented(shop), rented(shop)
    ids = {e164: shop.acme.ours[e164].number_id for e164 in (one, other, fine)}

    def call(names: dict[str, str]) -> None:
        with shop.database.write() as tx:
            for e164, number_id in names.items():
                tx.execute(update(orders).where(orders.c.e164 == e164).values(carrier_reference=number_id))

    call({one: ids[other], other: ids[one]})
    assert found(audited(shop)) == [(e164, FindingKind.WRONG_REFERENCE) for e164 in sorted((one, other))]
    assert status(shop) == dict.fromkeys((one, other), ("wrong_reference", "open"))
    with shop.database.write() as tx:  # somebody rents it: what is wrong is the name, and the number stays
        command = ResolveFinding("acme", one, None, FindingResolution.RELEASE, "serial", shop.now)
        (refused,) = resolve_findings(tx, [command])
    assert isinstance(refused, InvalidRequest)
    call(ids)
    assert found(audited(shop)) == []
    assert status(shop) == {}


@pytest.mark.parametrize("gone", [None, FindingKind.PORTED_AWAY])
def test_what_a_customer_rents_and_the_carrier_has_not_is_lost_or_ported_away(
    shop: Shop, gone: FindingKind | None
) -> None:
    kept, lost = rented(shop), rented(shop)
    shop.acme.lose(lost, gone)
    report = audited(shop)
    assert found(report) == [(lost, gone or FindingKind.LOST)]
    assert status(shop) == {lost: ((gone or FindingKind.LOST).value, "open")}
    # whose it is does not change by that: a person decides
    assert shop.rows("SELECT DISTINCT state FROM numbers") == [("assigned",)]
    assert kept not in status(shop)


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
@pytest.mark.parametrize(
    ("word", "lost"),
    [(Absent(), 1), (Pending("ordered, and not in the list yet"), 1), (Refused(Reason.OTHER, "left the account"), 1),
     (Placed("PN1"), 0), (Placed("PN1", "ord_other"), 0), (Unknown("HTTP 500"), 0)],
)  # fmt: skip
def test_a_number_that_is_not_on_the_list_is_asked_for_before_it_is_called_lost(
    shop: Shop, word: OrderOutcome, lost: int
) -> None:
    e164 = rented(shop)
    shop.acme.cut_list_at = 0

    async def said(*_: str) -> OrderOutcome:
        return word

    shop.acme.find = said  # type: ignore[assignment]  # a script
    report = audited(shop)
    assert ([number for number, _ in found(report)], report.unclear) == ([e164] * lost, isinstance(word, Unknown))


def test_a_number_that_went_and_came_back_is_there(shop: Shop) -> None:
    e164 = rented(shop)
    mine, pages = shop.acme.ours[e164], itertools.count()

    async def both(_: str | None) -> OwnedPage:
        gone = OwnedNumber(e164, "PN0", "", FindingKind.PORTED_AWAY)
        listed = [gone, shop.acme.books.owned(mine)]
        return OwnedPage(tuple(listed[:: 1 if next(pages) % 2 else -1]), None)

    shop.acme.owned = both  # type: ignore[assignment,method-assign]  # a list that says both
    for _ in range(2):
        report = audited(shop)
        assert (found(report), report.owned) == ([], 1)


# no false alarm


def test_what_is_bought_or_given_back_meanwhile_is_no_alarm(shop: Shop) -> None:
    """The list is read first, and while its pages come numbers are bought, ordered and given back."""
    account_id = shop.account(100 * PRICE)
    given_back = [rented(shop, account_id) for _ in range(2)]
    new, open_order = shop.number(carrier="acme"), shop.number(carrier="acme")
    shop.acme.script(open_order, Does.BUYS_SILENTLY)
    shop.acme.page_size, listed = 1, shop.acme.owned
    placement = shop.placement()

    async def meanwhile(cursor: str | None) -> OwnedPage:
        page = await listed(cursor)
        if cursor is None:
            for e164 in (new, open_order):
                await shop.purchase(placement, shop.wants(account_id, e164), 0.1)
            for e164 in given_back:
                await shop.writer.submit(shop.release_numbers, Release(account_id, e164, shop.now))
            await shop.give_back()
        return page

    shop.acme.owned = meanwhile  # type: ignore[method-assign]  # things happen
    report = audited(shop)
    assert (found(report), report.unclear, status(shop)) == ([], 0, {})
    assert open_order in shop.acme.ours


@pytest.mark.parametrize("shown", ["late", "long"])
def test_what_lists_show_late_or_for_too_long_is_no_alarm_within_the_window(shop: Shop, shown: str) -> None:
    account_id = shop.account(10 * PRICE)
    if shown == "late":
        shop.acme.lag = WINDOW
        e164 = shop.number(carrier="acme")
        shop.tell(shop.purchase(shop.placement(), shop.wants(account_id, e164)))
        report = audited(shop)
        shop.now += WINDOW
    else:
        e164 = rented(shop, account_id)
        shop.release(account_id, e164)
        shop.acme.releases_unheard = 0
        mine = shop.acme.ours[e164]
        shop.tell(shop.give_back())
        shop.acme.ours[e164] = mine
        report = audited(shop)
        shop.now += WINDOW + SECOND
    assert found(report) == []
    assert len(found(audited(shop))) == (shown == "long")


def test_what_went_back_by_a_clock_that_was_days_ahead_is_an_orphan_when_it_is_listed(shop: Shop) -> None:
    mine = shop.acme.ours[e164 := rented(shop, account_id := shop.account(10 * PRICE))]
    shop.release(account_id, e164)
    shop.now += 30 * DAY
    shop.tell(shop.give_back())
    shop.now, shop.acme.ours[e164] = shop.now - 30 * DAY, mine
    assert len(found(audited(shop))) == 1


@pytest.mark.parametrize("does", [Does.BUYS_SILENTLY, Does.LOSES])
def test_an_order_whose_outcome_is_not_known_is_neither_orphan_nor_lost(shop: Shop, does: Does) -> None:
    opened(shop, does)
    shop.now += 2 * DAY
    assert found(audited(shop)) == []


def test_a_number_given_back_while_it_was_asked_for_is_not_lost(shop: Shop) -> None:
    account_id = shop.account(PRICE)
    e164 = rented(shop, account_id)
    shop.acme.lose(e164)
    find = shop.acme.find

    async def given_back(*asked: str) -> OrderOutcome:
        await shop.writer.submit(shop.release_numbers, Release(account_id, e164, shop.now))
        return await find(*asked)

    shop.acme.find = given_back  # type: ignore[assignment]  # it happens just now
    assert found(audited(shop)) == []


def test_other_carriers_and_the_pool_are_not_held_against_a_list(shop: Shop) -> None:
    account_id = shop.account(100 * PRICE)
    shop.carriers.carriers["beta"] = FakeCarrier(now=lambda: shop.now)
    pool, beta = shop.number(), shop.number(carrier="beta")
    shop.buy(account_id, pool)
    shop.tell(shop.purchase(shop.placement(), shop.wants(account_id, beta)))
    shop.now += DAY
    shop.connect("acme")
    assert (audited(shop).known, found(audited(shop))) == (0, [])


def test_what_the_books_have_under_another_name_is_no_orphan(shop: Shop) -> None:
    """Imported into the pool before its account was connected, or on an account that is connected twice."""
    account_id = shop.account(100 * PRICE)
    for name in ("beta", "gamma"):
        shop.carriers.carriers[name] = FakeCarrier(now=lambda: shop.now)
    sold, for_sale, beta, open_order, was_beta = (
        shop.number(), shop.number(), *(shop.number(carrier=name) for name in ("beta", "gamma", "beta")),
    )  # fmt: skip
    shop.carriers.carriers["gamma"].script(open_order, Does.BUYS_SILENTLY)
    shop.buy(account_id, sold)
    for e164 in (beta, open_order, was_beta):
        shop.tell(shop.purchase(shop.placement(), shop.wants(account_id, e164), 0.1))
    shop.release(account_id, was_beta)
    shop.tell(shop.give_back())
    shop.connect("acme")
    shop.acme.own([sold, for_sale, beta, open_order, was_beta])
    before = shop.rows("SELECT * FROM numbers ORDER BY e164")
    report = audited(shop)
    assert found(report) == [(was_beta, FindingKind.ORPHAN)]  # which nobody has
    assert (report.owned, report.known, report.elsewhere) == (5, 0, {"pool": 2, "beta": 1, "gamma": 1})
    assert shop.rows("SELECT * FROM numbers ORDER BY e164") == before
    assert status(shop) == {was_beta: ("orphan", "open")}
    shop.verified()


# who audits, and when


def test_two_workers_do_not_both_audit_a_carrier(shop: Shop, beside: Callable[[], Shop]) -> None:
    shop.connect("acme")
    other = beside()
    shop.acme.page_size, listed = 1, shop.acme.owned
    shop.acme.own(["+13612738809", "+13612738810"])

    async def slowly(cursor: str | None) -> OwnedPage:
        await asyncio.sleep(60)
        return await listed(cursor)

    shop.acme.owned = slowly  # type: ignore[method-assign]  # a carrier that takes its time

    async def both() -> None:
        await asyncio.gather(shop.work_off(auditing(shop).due_work), other.work_off(auditing(other).due_work))

    shop.tell(both(), other)
    assert shop.acme.pages == 2
    shop.tell(shop.work_off(auditing(shop).due_work))
    assert shop.acme.pages == 2
    shop.now += EVERY
    shop.tell(other.work_off(auditing(other).due_work), other)
    assert shop.acme.pages == 4


def test_an_audit_whose_worker_died_is_begun_again_by_another(shop: Shop, beside: Callable[[], Shop]) -> None:
    shop.connect("acme")
    other = beside()
    (first,) = shop.writer.apply(DUE_AUDITS.take_up, TakeUp("acme", shop.now, 1))
    assert (first.began_at, first.leased_until) == (shop.now, shop.now + AUDIT_LEASE)
    for later, taken in ((AUDIT_LEASE - 1, 0), (AUDIT_LEASE, 1)):
        assert len(other.writer.apply(DUE_AUDITS.take_up, TakeUp("acme", shop.now + later, 1))) == taken


def stand(shop: Shop, state: CarrierState) -> None:
    command = CarrierSetup("acme", None, Setup({}), state, shop.now)
    assert isinstance(shop.writer.apply(set_up_carriers(Vault("")), command), CarrierAccount)


def test_an_account_that_was_closed_is_audited_only_when_somebody_asks_for_it(connected: Shop) -> None:
    shop = connected
    kept = "+13612738809"
    shop.acme.own([kept])
    audited(shop)
    shop.writer.apply(resolve_findings, ResolveFinding("acme", kept, None, FindingResolution.KEEP, "1", shop.now))
    stand(shop, CarrierState.DISABLED)
    shop.acme.down = True
    steps = []
    for asked, state in ((False, None), (True, None), (False, None), (False, CarrierState.ACTIVE)):
        shop.now += EVERY
        if asked:
            shop.now -= SECOND  # before it would be due
            shop.writer.apply(ask_for_audits, AskForAudit("acme", shop.now))
        if state is not None:
            stand(shop, state)
        before = shop.acme.pages
        shop.tell(shop.work_off(auditing(shop).due_work))
        with shop.database.read() as tx:
            audit = find_audit(tx, "acme")
        assert audit is not None
        assert audit.began_at is not None
        assert audit.next_at == audit.began_at + (EVERY if audit.message == LEFT_OUT else 1800 * SECOND)
        steps.append((shop.acme.pages - before, audit.message == LEFT_OUT))
    assert steps == [(0, True), (3, False), (0, True), (3, False)]
    assert status(shop) == {kept: ("orphan", "kept")}


@pytest.mark.parametrize("factor", [0.5, 3], ids=["more often", "less often"])
def test_an_account_that_was_closed_is_left_out_also_when_audits_come_at_other_intervals_from_now_on(
    connected: Shop, factor: float
) -> None:
    """NUMBERDESK_AUDIT_HOURS was changed: that is no wish of anybody's for an audit."""
    shop = connected
    stand(shop, CarrierState.DISABLED)
    for every in (EVERY, round(factor * EVERY), EVERY):
        shop.now += 3 * EVERY
        shop.tell(shop.work_off(dataclasses.replace(auditing(shop), every=every).due_work))
        with shop.database.read() as tx:
            audit = find_audit(tx, "acme")
        assert audit is not None
        assert (shop.acme.pages, audit.message, audit.next_at) == (0, LEFT_OUT, shop.now + every)


@pytest.mark.parametrize("left", ["rented", "ordered", "going back", "found"])
def test_a_disabled_account_with_which_something_is_left_to_do_is_audited(shop: Shop, left: str) -> None:
    if left == "ordered":
        opened(shop, Does.LOSES)
    elif left == "found":
        shop.connect("acme")
        shop.acme.own(["+13612738809"])
        audited(shop)
    else:
        account_id = shop.account(PRICE)
        e164 = rented(shop, account_id)
        if left == "going back":
            shop.release(account_id, e164)
    stand(shop, CarrierState.DISABLED)
    shop.now += EVERY
    before = shop.acme.pages
    shop.tell(shop.work_off(auditing(shop).due_work))
    assert shop.acme.pages == before + 1


def test_an_account_that_was_never_audited_is_left_out_too_unless_somebody_asked(connected: Shop) -> None:
    shop = connected
    stand(shop, CarrierState.DISABLED)
    shop.tell(shop.work_off(auditing(shop).due_work))
    assert shop.acme.pages == 0
    with shop.database.write() as tx:
        tx.run("UPDATE audits SET began_at = NULL, ended_at = NULL", [])
    shop.writer.apply(ask_for_audits, AskForAudit("acme", shop.now))
    shop.tell(shop.work_off(auditing(shop).due_work))
    assert shop.acme.pages == 1


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_hundred_thousand_numbers_are_read_once_and_written_in_small_transactions(shop: Shop) -> None:
    shop.connect("acme")
    shop.acme.page_size = 1_000
    e164s = [f"+1361{serial}" for serial in range(2_000_000, 2_100_000)]
    shop.acme.own(e164s)
    with shop.database.write() as tx:  # nearly all are known, since they are on their way back
        insert_releases(tx, [of_finding("acme", e164, None, e164[5:], shop.now) for e164 in e164s[2_000:]])
    reader = shop.reader = CountingReader(shop.database, ReadLimits(threads=1))
    report = audited(shop)
    assert (report.owned, report.known, len(report.findings)) == (100_000, 98_000, 2_000)
    assert (shop.acme.pages, reader.questions, shop.acme.looked_up) == (100, 3, [])
    assert shop.writer.figures.batches == 1 + 2_000 // MOST_NOTED
    assert shop.count("findings") == shop.count("numbers") == 2_000
    with shop.database.read() as tx:
        audit = find_audit(tx, "acme")
    assert audit is not None
    assert (audit.owned, audit.found) == (100_000, 2_000)


class CountingReader(Reader):
    """A reader that counts what it is asked."""

    questions = 0

    async def read(
        self, question: Callable[[Tx], Any], *, for_account: str | None, seconds: float | None = None
    ) -> Any:
        self.questions += 1
        return await super().read(question, for_account=for_account, seconds=seconds)
