"""What somebody changed at a carrier is found, and kept or put back."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.carriers.finding_store import Finding, list_findings
from numberdesk.core.connection import ConnectionState, ForwardRoute
from numberdesk.core.errors import NotFound
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.rental import Rental
from numberdesk.flows.carriers.note_audits import FindingResolution, ResolveFinding, resolve_findings
from tests.flows.conftest import PRICE, Shop
from tests.flows.switching import HOOK, SIP, assign, buy, connection, converge, look, standing

POSTGRESQL_IN_THE_LONG_RUN = "the flows are the same; the stores run on both in tests/connections"


@pytest.fixture
def account(shop: Shop) -> str:
    return shop.account(20 * PRICE)


def found(shop: Shop) -> list[Finding]:
    with shop.database.read() as tx:
        return list_findings(tx, "acme", ended=True, limit=9)


def test_what_somebody_changed_at_the_carrier_is_found_and_put_back(shop: Shop, account: str) -> None:
    rental = buy(shop, account, connection_id=connection(shop, account))
    converge(shop)
    assert look(shop) == 0
    assert (look(shop, 301), found(shop)) == (1, [])
    shop.acme.switchboard.drift(rental.e164, ForwardRoute("+13612738800"))
    assert look(shop, 86_401) == 1
    (finding,) = found(shop)
    assert (finding.kind, finding.state, finding.e164) == (FindingKind.DRIFTED, FindingState.OPEN, rental.e164)
    assert "the carrier has: ForwardRoute" in finding.message
    assert standing(shop, rental).message == "connected, but the carrier has shown something else since"
    assert standing(shop, rental).state is ConnectionState.ACTIVE
    resolve(shop, rental, FindingResolution.PUT_BACK)
    assert "it is being put back" in found(shop)[0].message
    converge(shop)
    assert shop.acme.switchboard.set[rental.e164].route == HOOK
    assert found(shop)[0].state is FindingState.ENDED


def test_a_carrier_that_says_yes_and_shows_something_else_is_found_out(shop: Shop, account: str) -> None:
    shop.acme.connects_lie = 1
    rental = buy(shop, account, connection_id=connection(shop, account))
    converge(shop)
    assert standing(shop, rental).state is ConnectionState.ACTIVE
    look(shop, 301)
    (finding,) = found(shop)
    assert (finding.kind, finding.e164) == (FindingKind.DRIFTED, rental.e164)
    assert "nothing is set" in finding.message


@pytest.mark.parametrize("unlinks", [True, False])
def test_of_numbers_whose_trunk_somebody_deleted_each_is_found_and_put_back_by_itself(
    shop: Shop, account: str, *, unlinks: bool
) -> None:
    connection_id = connection(shop, account, SIP)
    rentals = [buy(shop, account, connection_id=connection_id) for _ in range(3)]
    converge(shop)
    users = shop.acme.switchboard.delete(connection_id, unlinks=unlinks)
    assert sorted(users) == sorted(rental.e164 for rental in rentals)
    look(shop, 301)
    assert [one.state for one in found(shop)] == [FindingState.OPEN] * 3
    assert ("nothing is set" if unlinks else "not there any more") in found(shop)[0].message
    resolve(shop, rentals[0], FindingResolution.PUT_BACK)
    converge(shop)
    look(shop, 86_401)
    states = {one.e164: one.state for one in found(shop)}
    assert [states[rental.e164] for rental in rentals] == [FindingState.ENDED, FindingState.OPEN, FindingState.OPEN]
    for rental in rentals[1:]:
        resolve(shop, rental, FindingResolution.PUT_BACK)
    converge(shop)
    assert [one.state for one in found(shop)] == [FindingState.ENDED] * 3
    assert all(shop.acme.switchboard.rings(rental.e164) for rental in rentals)
    assert shop.acme.switchboard.made.keys() == {connection_id}


def test_a_drifted_number_that_is_kept_stays_so_until_it_is_as_wanted(shop: Shop, account: str) -> None:
    rental = buy(shop, account, connection_id=connection(shop, account))
    converge(shop)
    shop.acme.switchboard.drift(rental.e164, None)
    look(shop, 301)
    resolve(shop, rental, FindingResolution.KEEP)
    look(shop, 86_401)
    assert found(shop)[0].state is FindingState.KEPT
    shop.acme.switchboard.connect(rental.e164, shop.acme.switchboard.told[0][1])
    look(shop, 86_401)
    assert found(shop)[0].state is FindingState.ENDED
    with pytest.raises(NotFound):
        resolve(shop, rental, FindingResolution.PUT_BACK)


def test_a_look_that_came_too_late_says_nothing(shop: Shop, account: str) -> None:
    rental = buy(shop, account, connection_id=connection(shop, account))
    converge(shop)
    shop.acme.down = True
    assert look(shop, 301) == 1
    assert found(shop) == []
    shop.acme.down = False
    assert look(shop) == 0
    shop.acme.switchboard.drift(rental.e164, None)
    assign(shop, rental, None)
    assert look(shop, 86_401) == 0


def resolve(shop: Shop, rental: Rental, resolution: FindingResolution) -> Any:
    command = ResolveFinding("acme", rental.e164, None, resolution, "1", shop.now)
    return shop.writer.apply(resolve_findings, command)
