"""Giving numbers back: nobody pays from the customer's release on, and the carrier is told until it confirms."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

import pytest
from sqlalchemy import update

from numberdesk.carriers.client import NOT_ASKED
from numberdesk.carriers.finding_store import Finding, list_findings
from numberdesk.carriers.port import AnotherNumber, NotReleased, Released
from numberdesk.core.errors import NotFound, NumberNotOffered, OrderInProgress, Overloaded
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.lifecycle import OrderState, RentalState
from numberdesk.core.purchase import Order, Refusal
from numberdesk.flows.carriers.confirm_carrier_releases import ReleaseReport, confirm_carrier_releases, note_releases
from numberdesk.flows.carriers.note_audits import FindingResolution, ResolveFinding, resolve_findings
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.infra.due_work import TakeUp, WorkOutcome
from numberdesk.infra.writer import Writer
from numberdesk.numbers.carrier_release import CarrierRelease
from numberdesk.numbers.carrier_release_store import (
    DUE_RELEASES,
    LONGEST_TELLING,
    RELEASE_LEASE,
    insert_releases,
    list_unconfirmed,
)
from numberdesk.tables import carrier_releases, orders
from testbed.fake_carriers import Does, FakeCarrier
from tests.flows.carrier_orders import DAY, MINUTE, SECOND, opened, take_up_releases
from tests.flows.conftest import PRICE, QUARANTINE, Shop

ENGINES_TAKE_TURNS = "what a carrier's word means is the same on both engines"

HOUR = 60 * MINUTE
Result = TypeVar("Result")


def rented(shop: Shop, *, carrier: str = "acme", account_id: str | None = None) -> tuple[str, str]:
    """An account with a number of a carrier."""
    account_id = account_id or shop.account(10 * PRICE)
    e164 = shop.number(carrier=carrier)
    bought(shop, account_id, e164)
    return account_id, e164


def bought(shop: Shop, account_id: str, e164: str) -> Order:
    order = shop.tell(shop.purchase(shop.placement(), shop.wants(account_id, e164)))
    assert isinstance(order, Order)
    assert order.state is OrderState.COMPLETED
    return order


def releases(shop: Shop) -> list[CarrierRelease]:
    with shop.database.read() as tx:
        return list_unconfirmed(tx, limit=100)


@pytest.mark.parametrize("does", [Does.BUYS, Does.LOSES])
def test_no_number_goes_back_while_somebody_rents_or_orders_it(shop: Shop, does: Does) -> None:
    buy, _ = opened(shop, does)
    shop.acme.own([] if does is Does.BUYS else [buy.e164])
    with shop.database.write() as tx:
        insert_releases(tx, [CarrierRelease("rel_stray", "acme", buy.e164, None, shop.now, shop.now)])
    shop.now += HOUR
    shop.tell(shop.give_back())
    assert (list(shop.acme.ours), shop.acme.released[buy.e164]) == ([buy.e164], 0)
    (one,) = releases(shop)
    assert (one.id, one.attempts) == ("rel_stray", 0)


def test_a_release_ends_the_rent_at_once_and_the_carrier_is_told_afterwards(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    number_id = shop.acme.ours[e164].number_id
    shop.acme.down = True
    rental = shop.release(account_id, e164)
    assert rental.state is RentalState.RELEASED
    shop.tell(shop.give_back())
    assert shop.rows("SELECT kind FROM events ORDER BY id DESC LIMIT 1") == [("number.released",)]
    assert shop.rows("SELECT state FROM numbers") == [("quarantined",)]
    (one,) = releases(shop)
    assert (one.carrier_reference, one.attempts, one.message) == (number_id, 1, "no answer")
    shop.acme.down = False
    shop.now += HOUR
    shop.tell(shop.give_back())
    assert (releases(shop), shop.acme.ours) == ([], {})
    assert len(shop.statement(account_id)) == 2
    shop.verified()


def test_a_carrier_that_says_nothing_is_told_ever_more_seldom_and_never_left_alone(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    shop.release(account_id, e164)
    shop.acme.down = True
    began, waits = shop.now, []
    for _ in range(10):
        shop.tell(shop.give_back())
        next_at = releases(shop)[0].next_at
        assert next_at is not None
        waits.append((next_at - shop.now) // SECOND)
        shop.now = next_at
    assert waits == [2, 10, 60, 300, 3600, *[21_600] * 5]
    assert shop.now - began > DAY
    shop.acme.down = False
    shop.tell(shop.give_back())
    assert releases(shop) == []


def test_a_carrier_that_did_it_and_does_not_say_so_confirms_when_it_is_told_again(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    shop.acme.releases_unheard = 1
    shop.release(account_id, e164)
    shop.tell(shop.give_back())
    assert (shop.acme.ours, len(releases(shop))) == ({}, 1)
    shop.now += 2 * SECOND
    shop.tell(shop.give_back())
    assert (releases(shop), shop.acme.released[e164]) == ([], 2)


def test_what_is_confirmed_stays_so_whatever_another_worker_heard(shop: Shop) -> None:
    shop.release(*rented(shop))
    (one,) = releases(shop)
    answers = (NotReleased("?"), Released(), NotReleased("late"))
    reports = [ReleaseReport(one.id, answer, None, shop.now) for answer in answers]
    with shop.database.write() as tx:
        after = [noted.release for noted in note_releases(tx, reports)]
    assert [given.confirmed_at for given in after] == [None, shop.now, shop.now]
    assert after[-1].message == "confirmed"
    assert shop.writer.apply(note_releases, reports[0]).release == after[-1]


def exchange_references(shop: Shop, *numbers: str) -> None:
    """Let the books call two numbers by each other's id at the carrier."""
    ids = [shop.acme.ours[e164].number_id for e164 in numbers]
    with shop.database.write() as tx:
        for e164, number_id in zip(numbers, reversed(ids), strict=True):
            tx.execute(update(orders).where(orders.c.e164 == e164).values(carrier_reference=number_id))


def test_a_release_under_another_numbers_id_takes_nobodys_number_and_waits_for_a_person(shop: Shop) -> None:
    (account_id, mine), (_, theirs) = rented(shop), rented(shop)
    exchange_references(shop, mine, theirs)
    shop.release(account_id, mine)
    for _ in range(2):
        shop.tell(shop.give_back())
        shop.now += DAY
    assert (set(shop.acme.ours), shop.acme.released) == ({mine, theirs}, {})
    (one,) = releases(shop)
    assert (one.next_at, one.parked_at is None, f"which is {theirs}" in one.message) == (None, False, True)
    (finding,) = found(shop)
    assert (finding.e164, finding.kind, finding.state) == (mine, FindingKind.WRONG_REFERENCE, FindingState.OPEN)
    refused = resolve(shop, theirs)
    assert isinstance(refused, NotFound)
    given = resolve(shop, mine)
    assert isinstance(given, Finding)
    assert given.state is FindingState.RELEASING
    shop.tell(shop.give_back())
    assert (set(shop.acme.ours), releases(shop)) == ({theirs}, [])


def tell(shop: Shop, step: Awaitable[Result]) -> Result:
    """What comes of one step of due work."""

    async def done() -> Result:
        return await step

    return shop.tell(done())


def found(shop: Shop) -> list[Finding]:
    with shop.database.read() as tx:
        return list_findings(tx, "acme", ended=False, limit=9)


def resolve(shop: Shop, e164: str) -> object:
    with shop.database.write() as tx:
        command = ResolveFinding("acme", e164, None, FindingResolution.RELEASE, "serial", shop.now)
        return resolve_findings(tx, [command])[0]


def test_a_release_whose_lease_is_over_takes_no_number_that_was_bought_again(shop: Shop) -> None:
    """A process is stopped between taking a release up and telling; another one tells, and the number is sold anew."""
    shop.acme.keeps_references = False
    account_id, e164 = rented(shop)
    shop.release(account_id, e164)
    work = confirm_carrier_releases(shop.writer, shop.reader, shop.carriers, lambda: shop.now)
    (stopped,) = shop.writer.apply(DUE_RELEASES.take_up, TakeUp("acme", shop.now, 1))
    shop.now += RELEASE_LEASE
    (again,) = take_up_releases(shop, shop.now, 1, (stopped.id, shop.now))
    assert tell(shop, work.act(stopped)) == NotReleased(NOT_ASKED)
    assert tell(shop, work.note(again, tell(shop, work.act(again)))) is WorkOutcome.DONE
    shop.acme.own([e164])  # the next customer's
    answer = tell(shop, work.act(stopped))
    assert answer == NotReleased(NOT_ASKED)
    assert tell(shop, work.note(stopped, answer)) is WorkOutcome.LEASE_LOST
    assert (set(shop.acme.ours), shop.acme.released[e164], releases(shop)) == ({e164}, 1, [])


def test_a_release_is_not_begun_when_it_could_outlast_its_lease(shop: Shop) -> None:
    shop.release(*rented(shop))
    work = confirm_carrier_releases(shop.writer, shop.reader, shop.carriers, lambda: shop.now)
    (one,) = shop.writer.apply(DUE_RELEASES.take_up, TakeUp("acme", shop.now, 1))
    shop.now += RELEASE_LEASE - LONGEST_TELLING + 1
    assert tell(shop, work.act(one)) == NotReleased(NOT_ASKED)
    assert len(shop.acme.ours) == 1
    shop.now -= 1
    assert tell(shop, work.act(one)) == Released()


def test_whoever_lost_the_lease_confirms_nothing_while_somebody_else_tells(shop: Shop) -> None:
    shop.release(*rented(shop))
    work = confirm_carrier_releases(shop.writer, shop.reader, shop.carriers, lambda: shop.now)
    (late,) = shop.writer.apply(DUE_RELEASES.take_up, TakeUp("acme", shop.now, 1))
    shop.now += RELEASE_LEASE
    (other,) = take_up_releases(shop, shop.now, 1, (late.id, shop.now))
    for answer in (Released(), NotReleased("?"), AnotherNumber("+12125550199")):
        assert tell(shop, work.note(late, answer)) is WorkOutcome.LEASE_LOST
        assert releases(shop) == [other]
    assert found(shop) == []


@pytest.mark.parametrize("by_digits", [True, False])
def test_a_release_by_digits_that_a_backup_brought_back_waits_for_a_person(shop: Shop, *, by_digits: bool) -> None:
    shop.acme.keeps_references = False
    account_id, e164 = rented(shop)
    shop.acme.down = True
    shop.release(account_id, e164)
    shop.tell(shop.give_back())
    shop.acme.down = False
    if by_digits:
        with shop.database.write() as tx:
            tx.execute(update(carrier_releases).values(carrier_reference=f"US:{e164[1:]}"))
    shop.now += DAY
    began = shop.now
    work = confirm_carrier_releases(shop.writer, shop.reader, shop.carriers, lambda: shop.now, began=began)
    shop.tell(shop.work_off(work))
    if not by_digits:
        assert (shop.acme.ours, found(shop)) == ({}, [])
        return
    assert (set(shop.acme.ours), releases(shop)[0].parked_at) == ({e164}, began)
    (finding,) = found(shop)
    assert (finding.kind, finding.state) == (FindingKind.STALE_RELEASE, FindingState.OPEN)
    resolve(shop, e164)
    shop.tell(shop.work_off(work))
    assert (shop.acme.ours, releases(shop)) == ({}, [])


def test_a_carrier_that_is_gone_and_a_clock_that_was_wrong_keep_nothing_from_going_back(shop: Shop) -> None:
    shop.release(*rented(shop))
    carriers = dict(shop.carriers.carriers)
    shop.carriers.carriers.clear()
    shop.tell(shop.give_back())
    assert releases(shop)[0].message == "this carrier is not connected"
    shop.carriers.carriers.update(carriers)
    shop.now -= 40 * DAY
    shop.tell(shop.give_back())
    assert releases(shop) == []


def test_a_carrier_that_hangs_keeps_no_other_carriers_number(shop: Shop) -> None:
    account_id = shop.account(100 * PRICE)
    beta = shop.carriers.carriers["beta"] = FakeCarrier(now=lambda: shop.now)
    for _ in range(20):
        shop.release(*rented(shop, account_id=account_id))
    _, e164 = rented(shop, carrier="beta", account_id=account_id)
    shop.now += SECOND
    shop.release(account_id, e164)
    shop.acme.down = True
    work = confirm_carrier_releases(shop.writer, shop.reader, shop.carriers, lambda: shop.now)
    assert shop.tell(shop.worker(work).run_once()) is True
    assert (beta.ours, len(releases(shop))) == ({}, 20)


class Reluctant(Writer):
    """A writer that turns away what was heard of one release."""

    release_id = ""

    async def submit(self, flow: Any, command: Any) -> Any:
        if isinstance(command, ReleaseReport) and command.release_id == self.release_id:
            raise Overloaded
        return await super().submit(flow, command)


def test_what_cannot_be_written_of_one_release_keeps_no_other_and_is_told_again(shop: Shop) -> None:
    account_id = shop.account(10 * PRICE)
    for _ in range(3):
        shop.release(*rented(shop, account_id=account_id))
    first = releases(shop)[0]
    writer = shop.writer = Reluctant(shop.database)
    writer.release_id = first.id
    shop.tell(shop.give_back())
    assert [(one.id, one.attempts) for one in releases(shop)] == [(first.id, 0)]
    writer.release_id = ""
    for _ in range(2):
        shop.now += RELEASE_LEASE
        shop.tell(shop.give_back())
    assert (releases(shop), shop.acme.released[first.e164]) == ([], 2)


# the number afterwards


def rested(shop: Shop) -> None:
    shop.now += QUARANTINE
    shop.writer.apply(clean_up, Cleanup(shop.now, 10**15))


@pytest.mark.parametrize("carrier", ["acme", "beta"])
def test_a_carriers_number_is_its_carriers_again_after_its_rest_and_may_be_bought_of_anybody(
    shop: Shop, carrier: str
) -> None:
    account_id, e164 = rented(shop)
    shop.release(account_id, e164)
    shop.tell(shop.give_back())
    shop.carriers.carriers["beta"] = FakeCarrier(now=lambda: shop.now)
    shop.offer(e164, carrier=carrier, lifetime=10 * QUARANTINE)
    assert isinstance(shop.buy(account_id, e164), Refusal)
    rested(shop)
    assert shop.rows("SELECT state, carrier FROM numbers") == [("withdrawn", "acme")]
    other = shop.account(10 * PRICE)
    second = bought(shop, other, e164)
    assert shop.rows("SELECT state, carrier, account_id FROM numbers") == [("assigned", carrier, other)]
    shop.release(other, e164)
    shop.tell(shop.give_back())
    assert shop.rows("SELECT carrier, carrier_reference FROM carrier_releases ORDER BY asked_at DESC LIMIT 1") == [
        (carrier, second.carrier_reference)
    ]
    shop.verified()


def test_a_number_of_the_pool_stays_the_pools_and_nobody_is_told(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number()
    shop.buy(account_id, e164)
    shop.release(account_id, e164)
    assert shop.count("carrier_releases") == 0
    rested(shop)
    assert shop.rows("SELECT state, carrier FROM numbers") == [("available", "pool")]


@pytest.mark.parametrize("keeps_references", [True, False])
def test_a_number_that_is_not_known_to_be_back_is_sold_to_nobody_by_that_carrier(
    shop: Shop,
    keeps_references: bool,  # noqa: FBT001  a case
) -> None:
    """It would be taken from whoever has it then: some carriers know numbers by nothing but their digits."""
    shop.acme.keeps_references = keeps_references
    account_id, e164 = rented(shop)
    shop.acme.releases_unheard = 1
    shop.release(account_id, e164)
    shop.tell(shop.give_back())
    rested(shop)
    shop.offer(e164, carrier="acme")
    other = shop.account(10 * PRICE)
    refused = shop.buy(other, e164)
    assert isinstance(refused, Refusal)
    assert refused.error == NumberNotOffered()
    shop.tell(shop.give_back())
    bought(shop, other, e164)
    shop.now += DAY
    shop.tell(shop.give_back())
    assert list(shop.acme.ours) == [e164]


def test_a_number_whose_order_is_open_cannot_be_released(shop: Shop) -> None:
    buy, _ = opened(shop, Does.LOSES)
    with pytest.raises(OrderInProgress) as caught:
        shop.release(buy.account_id, buy.e164)
    assert caught.value.details == {"order_id": buy.order_id}
    with pytest.raises(NotFound):
        shop.release(shop.account(), buy.e164)


def test_a_number_that_is_being_ordered_again_is_not_told_to_be_released_because_it_was_before(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    shop.release(account_id, e164)
    shop.tell(shop.give_back())
    rested(shop)
    shop.offer(e164, carrier="acme")
    shop.acme.script(e164, Does.BUYS_SILENTLY)
    placement = shop.placement()
    order = shop.tell(shop.purchase(placement, shop.wants(account_id, e164)))
    assert isinstance(order, Order)
    with pytest.raises(OrderInProgress):
        shop.release(account_id, e164)
    shop.tell(shop.chase_to_the_end(placement))
    assert shop.release(account_id, e164).order_id == order.id
