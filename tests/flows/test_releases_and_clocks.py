"""A release is told by one worker at a time however clocks are set, and no old one by digits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from numberdesk.carriers.finding_store import list_findings
from numberdesk.core.findings import FindingKind
from numberdesk.flows.carriers.confirm_carrier_releases import confirm_carrier_releases
from numberdesk.infra.due_work import TakeUp
from numberdesk.numbers.carrier_release import CarrierRelease
from numberdesk.numbers.carrier_release_store import DUE_RELEASES, RELEASE_LEASE, list_unconfirmed
from numberdesk.tables import carrier_releases
from tests.flows.carrier_orders import DAY, MINUTE, take_up_releases
from tests.flows.conftest import PRICE, Shop


def released(shop: Shop) -> str:
    """A number of a carrier that goes by digits, which its customer has given back."""
    shop.acme.keeps_references = False
    account_id, e164 = shop.account(10 * PRICE), shop.number(carrier="acme")
    shop.tell(shop.purchase(shop.placement(), shop.wants(account_id, e164)))
    shop.release(account_id, e164)
    return e164


def releases(shop: Shop) -> list[CarrierRelease]:
    with shop.database.read() as tx:
        return list_unconfirmed(tx, limit=100)


def test_a_release_is_told_by_one_worker_at_a_time(shop: Shop, beside: Callable[[], Shop]) -> None:
    for _ in range(3):
        released(shop)
    other = beside()
    first = shop.writer.apply(DUE_RELEASES.take_up, TakeUp("acme", shop.now, 2))
    second = other.writer.apply(DUE_RELEASES.take_up, TakeUp("acme", shop.now, 16))
    assert [len(first), len(second)] == [2, 1]
    leases = [(one.id, shop.now + RELEASE_LEASE) for one in releases(shop)]
    assert take_up_releases(other, shop.now + RELEASE_LEASE - 1, 16, *leases) == []
    assert take_up_releases(other, shop.now + RELEASE_LEASE, 16) == []
    assert len(take_up_releases(other, shop.now + RELEASE_LEASE, 16, *leases)) == 3


@pytest.mark.parametrize("step", [15 * MINUTE, 40 * DAY, -40 * DAY])
def test_no_step_of_the_clock_has_a_release_told_while_another_process_may_be_telling_it(
    shop: Shop, beside: Callable[[], Shop], step: int
) -> None:
    """What the other one sent may reach the carrier when the number is somebody else's there."""
    e164 = released(shop)
    (telling,) = shop.writer.apply(DUE_RELEASES.take_up, TakeUp("acme", shop.now, 1))
    other = beside()
    shop.step_clock(step)
    for elapsed in (0, RELEASE_LEASE - 1):
        shop.now += elapsed
        other.tell(other.give_back())
        assert (shop.acme.released[e164], releases(shop)) == (0, [telling])
    shop.now += 1
    other.tell(other.give_back())
    assert (shop.acme.released[e164], releases(shop)) == (1, [])


def test_a_release_by_digits_that_is_older_than_a_clock_that_is_behind_can_tell_waits_for_a_person(shop: Shop) -> None:
    e164 = released(shop)
    with shop.database.write() as tx:
        tx.execute(update(carrier_releases).values(carrier_reference=None))
    shop.step_clock(-40 * DAY)
    work = confirm_carrier_releases(shop.writer, shop.reader, shop.carriers, lambda: shop.now, began=shop.now)
    shop.tell(shop.work_off(work))
    assert list(shop.acme.ours) == [e164]
    with shop.database.read() as tx:
        found = list_findings(tx, "acme", ended=False, limit=9)
    assert [finding.kind for finding in found] == [FindingKind.STALE_RELEASE]
