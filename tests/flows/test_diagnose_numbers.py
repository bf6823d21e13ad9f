"""What a customer is told of a number whose carrier fails, or is not to be asked."""

from __future__ import annotations

import json

import pytest

from numberdesk.connections.livekit import LiveKitTrunks
from numberdesk.core.connecting import NOT_TAKEN
from numberdesk.core.rental import Rental
from numberdesk.flows.connections.diagnose_numbers import Diagnosis, diagnose
from numberdesk.views.connections import diagnosis_view
from tests.flows.conftest import PRICE, Shop
from tests.flows.switching import VAULT, buy, connection, converge, standing, told

POSTGRESQL_IN_THE_LONG_RUN = "the flows are the same; the stores run on both in tests/connections"


@pytest.fixture
def account(shop: Shop) -> str:
    return shop.account(20 * PRICE)


def diagnosed(shop: Shop, rental: Rental, *, may_ask: bool = True) -> Diagnosis:
    found = shop.tell(
        diagnose(
            rental.account_id, rental.e164, None, read=shop.reader, carriers=shop.carriers, vault=VAULT,
            now=lambda: shop.now, may_ask=lambda: may_ask, trunks=LiveKitTrunks(lambda: shop.now),
        )
    )  # fmt: skip
    assert found is not None
    return found


def test_a_customer_is_not_told_a_failing_carriers_own_words(shop: Shop, account: str) -> None:
    rental = buy(shop, account, connection_id=connection(shop, account))
    shop.acme.connects_fail = 3
    for _ in range(3):
        converge(shop)
        shop.now = standing(shop, rental).next_at or shop.now
    said = standing(shop, rental).message
    assert said == "no answer"
    ((_, payload),) = told(shop, "number.connection_failed")
    found = diagnosed(shop, rental)
    for shown in (json.loads(payload)["message"], diagnosis_view(found).connection.message, found.sentence):
        assert NOT_TAKEN in shown
        assert said not in shown


def test_a_diagnosis_that_may_not_ask_the_carrier_says_so_and_asks_nobody(shop: Shop, account: str) -> None:
    rental = buy(shop, account, connection_id=connection(shop, account))
    converge(shop)
    shop.acme.down = True
    assert "just now; wait a little" in diagnosed(shop, rental, may_ask=False).sentence
    assert "did not tell" in diagnosed(shop, rental).sentence
