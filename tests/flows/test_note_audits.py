"""What audits found, written down: it is new, stays, ends and comes again, and a person decides about it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from numberdesk.carriers.finding_store import Finding
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.purchase import Sold
from numberdesk.flows.carriers.note_audits import (
    AuditResult,
    FindingResolution,
    ResolveFinding,
    note_audits,
    resolve_findings,
)
from numberdesk.flows.cleanup import Cleanup, clean_up
from testbed.fake_carriers import Does, FakeCarrier
from testbed.samples import finding
from tests.flows.audits import EVERY, audited, auditing, found, rented, status
from tests.flows.carrier_orders import DAY
from tests.flows.conftest import NOW, PRICE, Shop

ENGINES_TAKE_TURNS = "what an audit means is decided without the database"


@pytest.fixture
def connected(shop: Shop) -> Shop:
    shop.connect("acme")
    return shop


def test_findings_are_new_stay_end_and_come_again(connected: Shop) -> None:
    shop, e164, other = connected, "+13612738809", "+13612738810"
    shop.acme.own([e164, other])
    audit, states = auditing(shop), []
    for there in ([e164, other], [e164, other], [other], [other], [e164, other]):
        shop.acme.ours = {number: mine for number, mine in shop.acme.ours.items() if number in there}
        shop.acme.own(number for number in there if number not in shop.acme.ours)
        shop.now += EVERY
        shop.tell(audit.run("acme"))
        states.append(status(shop, ended=True)[e164][1])
    assert states == ["open", "open", "ended", "ended", "open"]
    assert shop.rows(f"SELECT first_seen_at, last_seen_at FROM findings WHERE e164 = '{other}'") == [  # noqa: S608  the test's own
        (NOW + EVERY, NOW + 5 * EVERY)
    ]
    assert shop.rows(f"SELECT first_seen_at FROM findings WHERE e164 = '{e164}'") == [(NOW + 5 * EVERY,)]  # noqa: S608  the same


def resolved(shop: Shop, e164: str, resolution: FindingResolution, kind: FindingKind | None = None) -> Finding:
    command = ResolveFinding("acme", e164, kind, resolution, shop.new_id("fnd"), shop.now)
    finding: Any = shop.writer.apply(resolve_findings, command)
    assert isinstance(finding, Finding)
    return finding


def test_what_a_person_keeps_stays_kept_and_goes_on_resting(connected: Shop) -> None:
    shop, e164 = connected, "+13612738809"
    shop.acme.own([e164])
    audited(shop)
    assert resolved(shop, e164, FindingResolution.KEEP).state is FindingState.KEPT
    shop.now += EVERY
    audited(shop)
    assert status(shop) == {e164: ("orphan", "kept")}
    assert shop.rows("SELECT state, quarantined_until FROM numbers") == [
        ("quarantined", shop.now + 2 * EVERY + 7 * DAY)
    ]


def test_an_orphan_goes_back_when_a_person_says_so_and_its_finding_ends(connected: Shop) -> None:
    shop, e164 = connected, "+13612738809"
    shop.acme.own([e164])
    audited(shop)
    for _ in range(2):
        assert resolved(shop, e164, FindingResolution.RELEASE).state is FindingState.RELEASING
    assert shop.count("carrier_releases") == 1
    assert found(audited(shop)) == []  # it is on its way
    shop.tell(shop.give_back())
    assert shop.acme.ours == {}
    shop.now += EVERY
    audited(shop)
    assert status(shop, ended=True) == {e164: ("orphan", "ended")}
    with pytest.raises(NotFound):
        resolved(shop, e164, FindingResolution.KEEP)
    shop.verified()


@pytest.mark.parametrize("down", [True, False])
def test_what_is_on_its_way_back_cannot_be_kept_and_what_is_kept_can_go_back(connected: Shop, *, down: bool) -> None:
    shop, e164 = connected, "+13612738809"
    shop.acme.own([e164])
    audited(shop)
    resolved(shop, e164, FindingResolution.KEEP)
    resolved(shop, e164, FindingResolution.RELEASE)
    for _ in range(2):  # before its carrier was told, and when it was
        with pytest.raises(InvalidRequest, match="on its way back") as caught:
            resolved(shop, e164, FindingResolution.KEEP)
        assert caught.value.details["field"] == "phone_number"
        assert status(shop) == {e164: ("orphan", "releasing")}
        shop.acme.down = down
        shop.tell(shop.give_back())
    shop.acme.down = False
    shop.now += DAY
    shop.tell(shop.give_back())
    assert shop.acme.ours == {}


def test_of_a_keep_and_a_release_in_one_batch_the_release_that_was_first_holds(connected: Shop) -> None:
    shop, e164 = connected, "+13612738809"
    shop.acme.own([e164])
    audited(shop)
    resolutions = (FindingResolution.KEEP, FindingResolution.RELEASE, FindingResolution.KEEP)
    commands = [ResolveFinding("acme", e164, None, each, shop.new_id("fnd"), shop.now) for each in resolutions]
    with shop.database.write() as tx:
        kept, going, refused = resolve_findings(tx, commands)
    assert isinstance(kept, Finding)
    assert isinstance(going, Finding)
    assert isinstance(refused, InvalidRequest)
    assert status(shop) == {e164: ("orphan", "releasing")}


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_who_keeps_what_somebody_else_just_gives_back_waits_and_is_refused(
    connected: Shop, beside: Callable[[], Shop]
) -> None:
    shop, e164, other = connected, "+13612738809", beside()
    shop.acme.own([e164])
    audited(shop)
    release, keep = (
        ResolveFinding("acme", e164, None, each, shop.new_id("fnd"), shop.now)
        for each in (FindingResolution.RELEASE, FindingResolution.KEEP)
    )
    with ThreadPoolExecutor(1) as pool:
        with shop.database.write() as tx:
            resolve_findings(tx, [release])
            keeping = pool.submit(other.writer.apply, resolve_findings, keep)
            with pytest.raises(TimeoutError):
                keeping.result(0.2)
        with pytest.raises(InvalidRequest, match="on its way back"):
            keeping.result(10)


def test_an_orphan_that_is_there_though_its_carrier_confirmed_to_have_it_is_open_again(connected: Shop) -> None:
    shop, e164 = connected, "+13612738809"
    shop.acme.own([e164])
    audited(shop)
    resolved(shop, e164, FindingResolution.RELEASE)
    shop.tell(shop.give_back())
    shop.acme.own([e164])
    shop.now += EVERY
    assert found(audited(shop)) == [(e164, FindingKind.ORPHAN)]
    assert status(shop) == {e164: ("orphan", "open")}
    resolved(shop, e164, FindingResolution.RELEASE)
    assert shop.count("carrier_releases") == 2
    shop.tell(shop.give_back())
    assert shop.acme.ours == {}


@pytest.mark.parametrize("confirmed", [False, True])
def test_an_orphan_given_back_while_the_carrier_was_audited_stays_on_its_way(
    connected: Shop, *, confirmed: bool
) -> None:
    shop, e164 = connected, "+13612738809"
    shop.acme.own([e164])
    audited(shop)
    found = finding(e164, NOW)
    result = AuditResult("acme", shop.now, shop.now + 2, shop.now + EVERY, 1, (found,), "", 0)
    shop.now += 1
    resolved(shop, e164, FindingResolution.RELEASE)
    if confirmed:
        shop.tell(shop.give_back())
    assert shop.writer.apply(note_audits, result).news == []
    assert status(shop) == {e164: ("orphan", "releasing")}


def test_only_orphans_can_be_given_back(shop: Shop) -> None:
    e164 = rented(shop)
    shop.acme.lose(e164)
    audited(shop)
    with pytest.raises(InvalidRequest):
        resolved(shop, e164, FindingResolution.RELEASE)
    assert shop.count("carrier_releases") == 0


def test_an_old_finding_takes_no_number_from_a_customer_who_has_it_by_now(connected: Shop) -> None:
    """Audits stopped, the rest of an orphan ended, and it was sold by the carrier that had taken it back."""
    shop, e164 = connected, "+13612738809"
    shop.acme.own([e164])
    audited(shop)
    shop.acme.lose(e164)
    shop.now += 100 * DAY
    shop.writer.apply(clean_up, Cleanup(shop.now, 10**15))
    shop.offer(e164, carrier="acme")
    account_id = shop.account(PRICE)
    shop.tell(shop.purchase(shop.placement(), shop.wants(account_id, e164)))
    with pytest.raises(InvalidRequest) as caught:
        resolved(shop, e164, FindingResolution.RELEASE)
    assert caught.value.details["field"] == "phone_number"
    assert resolved(shop, e164, FindingResolution.KEEP).state is FindingState.KEPT
    shop.tell(shop.give_back())
    assert list(shop.acme.ours) == [e164]


@pytest.mark.parametrize(
    ("carrier", "standing_there"), [("pool", "for sale"), ("pool", "rented"), ("beta", "rented"), ("beta", "ordered")]
)
def test_an_orphan_that_the_books_have_under_another_name_is_not_given_back(
    connected: Shop, carrier: str, standing_there: str
) -> None:
    """Called an orphan before anybody looked for it under other names, or put there since."""
    shop, account_id = connected, connected.account(PRICE)
    shop.carriers.carriers["beta"] = FakeCarrier(now=lambda: shop.now)
    e164 = shop.number(carrier=carrier)
    if standing_there == "ordered":
        shop.carriers.carriers["beta"].script(e164, Does.BUYS_SILENTLY)
    if standing_there != "for sale":
        shop.tell(shop.purchase(shop.placement(), shop.wants(account_id, e164), 0.1))
    shop.acme.own([e164])
    found = finding(e164, NOW)
    shop.writer.apply(note_audits, AuditResult("acme", NOW, NOW, NOW + EVERY, 1, (found,), "", 0))
    with pytest.raises(InvalidRequest, match=carrier) as caught:
        resolved(shop, e164, FindingResolution.RELEASE)
    assert caught.value.details["field"] == "phone_number"
    assert (shop.count("carrier_releases"), status(shop)) == (0, {e164: ("orphan", "open")})
    assert resolved(shop, e164, FindingResolution.KEEP).state is FindingState.KEPT
    audited(shop)
    assert status(shop, ended=True) == {e164: ("orphan", "ended")}


def test_findings_in_several_parts_end_and_begin_as_in_one(shop: Shop) -> None:
    shop.connect("acme")
    first, second = ([f"+1361{serial}" for serial in range(start, start + 10)] for start in (2_000_000, 2_000_005))
    shop.acme.own(first)
    audited(shop, most_noted=3)
    shop.now += EVERY
    shop.acme.ours.clear()
    shop.acme.own(second)
    report = audited(shop, most_noted=3)
    assert [number for number, _ in found(report)] == second
    states = status(shop, ended=True)
    assert {e164 for e164, (_, state) in states.items() if state == "ended"} == set(first) - set(second)
    assert {e164 for e164, (_, state) in states.items() if state == "open"} == set(second)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_an_orphan_that_is_being_ordered_for_the_first_time_is_waited_for(
    connected: Shop, beside: Callable[[], Shop]
) -> None:
    """Neither has a row to lock in `numbers`: they meet at the offer."""
    shop, e164, other = connected, "+13612738809", beside()
    shop.offer(e164, carrier="acme")
    account_id = shop.account(PRICE)
    found = finding(e164, NOW, carrier_reference="PN1")
    result = AuditResult("acme", NOW, NOW, NOW + EVERY, 1, (found,), "", 0)
    with ThreadPoolExecutor(1) as pool:
        with shop.database.write() as tx:
            (decision,) = shop.open_orders(tx, [shop.wants(account_id, e164)])
            noted = pool.submit(other.writer.apply, note_audits, result)
            with pytest.raises(TimeoutError):
                noted.result(0.2)
        assert noted.result(10).news == [found]
    assert isinstance(decision, Sold)
    assert shop.rows("SELECT state, order_id FROM numbers") == [("claimed", decision.order.id)]
