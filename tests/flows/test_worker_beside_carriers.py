"""The worker beside a carrier that takes its time: the others' orders and releases do not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from numberdesk import worker
from numberdesk.core.carrier_order import Inquiry, OutcomeReport, Placed
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import Parts, Services, build
from testbed.fake_carriers import FakeCarrier, FakeCarriers
from tests.flows.carrier_orders import SECOND
from tests.flows.conftest import PRICE, Shop

PATIENCE = 60.0
OPEN = {
    "looked up": "carrier_orders WHERE settled_at IS NULL AND carrier = ",
    "given back": "carrier_releases WHERE confirmed_at IS NULL AND carrier = ",
}


def due_work(shop: Shop, carrier: FakeCarrier, name: str, what: str) -> None:
    """A number that was bought at a carrier and nobody heard of, or one that goes back to it: due by now."""
    buy = shop.wants(shop.account(PRICE), shop.number(carrier=name))
    shop.writer.apply(shop.open_orders, buy)
    placed = carrier.buy(buy.e164, buy.order_id)
    if what == "given back":
        shop.writer.apply(
            settle_orders,
            OutcomeReport(buy.order_id, 1, Placed(placed.number_id), 0, 0, shop.now, Inquiry("prc", 0, 0)),
        )
        shop.release(buy.account_id, buy.e164)
    shop.now += 3600 * SECOND


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():  # noqa: ASYNC110  another thread writes what is waited for
            await asyncio.sleep(0.02)


async def beside_a_slow_one(shop: Shop, services: Services, slow: FakeCarrier, quick: FakeCarrier, what: str) -> None:
    working = asyncio.create_task(worker.run(services, asyncio.Event()))
    due_work(shop, slow, "slow", what)
    await until(lambda: slow.asked > 0)
    due_work(shop, quick, "quick", what)
    await until(lambda: shop.count(f"{OPEN[what]} 'quick'") == 0)
    assert shop.count(f"{OPEN[what]} 'slow'") == 1
    working.cancel()


@pytest.mark.parametrize("what", OPEN)
def test_a_carrier_that_takes_its_time_keeps_nobody_elses_numbers_waiting(
    shop: Shop, database_url: str, what: str
) -> None:
    slow, quick = FakeCarrier(now=lambda: shop.now), FakeCarrier(now=lambda: shop.now)
    slow.find_seconds = slow.release_seconds = 10 * PATIENCE
    carriers = FakeCarriers({"slow": slow, "quick": quick})
    services = build(load_settings(database_url=database_url), Parts(now=lambda: shop.now))
    try:
        placement = Placement(
            services.writer, services.reader, carriers, settle_orders, now=lambda: shop.now, time=shop.process_time
        )
        services.writer.start()
        beside = replace(services, carriers=carriers, placement=placement)
        asyncio.run(beside_a_slow_one(shop, beside, slow, quick, what))
    finally:
        services.close()
