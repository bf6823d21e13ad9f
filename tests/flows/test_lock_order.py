"""What operators and the worker do about one number at the same time: one waits, and neither is thrown back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from numberdesk.carriers.finding_store import Finding, list_findings
from numberdesk.connections.rental_connection_store import lock_rental_connections, removal_id
from numberdesk.core.connection import Connected, ForwardRoute, ShownRouting
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.flows.carriers.note_audits import FindingResolution, ResolveFinding, resolve_findings
from numberdesk.flows.connections.assign_connections import Assignment, assign_connections
from numberdesk.flows.connections.forget_connections import NotedRemoval, RemovalReport, note_removals
from numberdesk.flows.connections.look_for_drift import LookReport, note_looks
from numberdesk.infra.db import Tx
from numberdesk.numbers.store import lock_rentals
from tests.flows.conftest import PRICE, Shop
from tests.flows.switching import assign, buy, connection, converge, look, standing
from tests.flows.test_insert_races import PATIENCE, submitted, wait_until, waits_for_a_lock

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


@pytest.fixture
def other(beside: Callable[[], Shop]) -> Iterator[Shop]:
    """Another process."""
    other = beside()
    other.writer.start()
    yield other
    other.writer.close()


def amid(shop: Shop, begin: Callable[[Tx], Any], work: Callable[[], Any], go_on: Callable[[Tx], Any]) -> Any:
    """What comes of a work that meets a transaction, which has begun and goes on once the work waits for it."""
    with ThreadPoolExecutor(1) as pool:
        with shop.database.write() as tx:
            begin(tx)
            second = pool.submit(work)
            wait_until(lambda: waits_for_a_lock(shop) or second.done())
            assert not second.done()
            go_on(tx)
        return second.result(PATIENCE)


def was_not_thrown_back(other: Shop) -> None:
    figures = other.writer.figures
    assert (figures.retries, figures.failed_commits, figures.isolated) == (0, 0, 0)


def test_a_drift_is_put_back_while_the_worker_notes_that_it_still_drifts(shop: Shop, other: Shop) -> None:
    account = shop.account(20 * PRICE)
    rental = buy(shop, account, connection_id=connection(shop, account))
    converge(shop)
    shop.acme.switchboard.drift(rental.e164, ForwardRoute("+13612738800"))
    look(shop, 301)
    row = standing(shop, rental)
    seen = LookReport(rental.id, row.applied_generation, ShownRouting("elsewhere", as_wanted=False), shop.now)
    back = ResolveFinding("acme", rental.e164, FindingKind.DRIFTED, FindingResolution.PUT_BACK, "1", shop.now)
    (resolved,) = amid(
        shop,
        lambda tx: lock_rental_connections(tx, [rental.id]),
        lambda: submitted(other, resolve_findings, back),
        lambda tx: note_looks(tx, [seen]),
    )
    assert isinstance(resolved, Finding)
    was_not_thrown_back(other)
    converge(shop)
    with shop.database.read() as tx:
        assert [one.state for one in list_findings(tx, "acme", ended=True, limit=9)] == [FindingState.ENDED]


def test_a_connection_that_a_carrier_forgot_is_made_anew_while_its_number_is_led_elsewhere(
    shop: Shop, other: Shop
) -> None:
    account = shop.account(20 * PRICE)
    first, second = connection(shop, account), connection(shop, account)
    rental = buy(shop, account, connection_id=first)
    assign(shop, rental, second)  # so that the carrier is to forget the first
    assign(shop, rental, first)
    assert shop.count("connection_removals") == 2
    forgot = RemovalReport(removal_id("acme", first), Connected(), None, shop.now)
    away = Assignment(rental.account_id, rental.e164, second, shop.now)
    (noted,) = amid(
        shop,
        lambda tx: lock_rentals(tx, [rental.id]),
        lambda: submitted(other, note_removals, forgot),
        lambda tx: assign_connections(tx, [away]),
    )
    assert isinstance(noted, NotedRemoval)
    was_not_thrown_back(other)
    converge(shop)
    assert standing(shop, rental).applied_connection_id == second
