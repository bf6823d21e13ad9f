"""What one account may have read at once: its share and no more, whatever it asks for, and to nobody else's harm."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from numberdesk.api.endpoint import ENDPOINTS
from numberdesk.infra.db import Tx
from tests.api.conftest import EVERY_SCOPE, Shop

NOT_READ: Final = frozenset({"/admin/carrier-kinds", "/connection-presets", "/routing/{form:str}"})
"""What the program answers by itself, or looks up by one number as a purchase does, since a call waits for it."""

NAMED: Final = {
    "iso_country": "US", "number": "+13612738809", "order_id": "ord_1", "key_id": "key_1", "account_id": "acc_1",
    "name": "twilio", "rental_id": "rnt_1", "webhook_id": "whk_1", "connection_id": "con_1", "month": "2026-03",
    "profile_id": "cmp_1", "person_id": "per_1", "deck": "retail",
}  # fmt: skip
READS: Final = sorted(each.path for each in ENDPOINTS if each.method == "GET" and each.path not in NOT_READ)
CUSTOMERS: Final = sorted(
    each.path for each in ENDPOINTS if each.path in READS and each.method == "GET" and each.scope in EVERY_SCOPE
)


def path_of(described: str) -> str:
    """A path with something in the place of each parameter."""
    for name, value in NAMED.items():
        described = described.replace(f"{{{name}:str}}", value)
    assert "{" not in described, "give it a value in NAMED"
    return described


@contextmanager
def busy(shop: Shop, account_id: str) -> Iterator[None]:
    """A read of an account is under way for as long as this lasts."""
    began, may_end = threading.Event(), threading.Event()

    def question(_tx: Tx) -> None:
        began.set()
        may_end.wait(60)

    story = shop.services.reader.read(question, for_account=account_id)
    thread = threading.Thread(target=lambda: asyncio.run(story))
    thread.start()
    assert began.wait(30)
    try:
        yield
    finally:
        may_end.set()
        thread.join()


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.headers["retry-after"] == "1"
    error = answer.json()["error"]
    assert (error["code"], error["details"]) == ("rate_limited", {"retry_after": 1})


def one_at_a_time(other_shop: Callable[..., Shop]) -> Shop:
    return other_shop(account_reads=1, account_reads_waiting=0, read_threads=2)


def test_whatever_an_account_asks_for_beyond_its_share_is_429_with_the_time_to_wait(
    other_shop: Callable[..., Shop],
) -> None:
    """Every endpoint that reads, so that none is left out: operators' as well, for their own account."""
    shop = one_at_a_time(other_shop)
    customers = [path for path in READS if path in CUSTOMERS]
    operators = [path for path in READS if path not in CUSTOMERS]
    for asking, paths in ((shop.customer(), customers), (shop.operator(), operators)):
        with busy(shop, asking.account_id):
            for path in paths:
                assert_refused(asking.http.get(path_of(path)))
        for path in paths:
            assert asking.http.get(path_of(path)).status_code in (200, 404)


def test_other_accounts_find_nothing_changed(other_shop: Callable[..., Shop]) -> None:
    shop = one_at_a_time(other_shop)
    mad, calm = shop.customer(), shop.customer()
    with busy(shop, mad.account_id):
        for path in CUSTOMERS:
            assert calm.http.get(path_of(path)).status_code in (200, 404)


def test_all_keys_of_an_account_have_one_share(other_shop: Callable[..., Shop]) -> None:
    shop = one_at_a_time(other_shop)
    customer = shop.customer()
    with busy(shop, customer.account_id):
        assert_refused(shop.with_key(customer.account_id).http.get("/phone-numbers/"))


def test_who_reads_too_much_can_still_buy_label_and_release(other_shop: Callable[..., Shop]) -> None:
    """What moves money never waits behind reads, nor is it refused for them; nor is what was just written hidden."""
    shop = one_at_a_time(other_shop)
    customer, number = shop.customer(), shop.number()
    with busy(shop, customer.account_id):
        assert customer.buy(number).status_code == 200
        labelled = customer.http.patch(f"/phone-numbers/{number}/", json={"friendly_name": "x"})
        assert labelled.json()["data"]["friendly_name"] == "x"
        assert customer.http.delete(f"/phone-numbers/{number}/release/").status_code == 200


def test_a_new_key_is_looked_up_and_readiness_told_while_all_threads_for_lists_are_taken(
    other_shop: Callable[..., Shop],
) -> None:
    shop = other_shop(account_reads=1, read_threads=1)
    mad, number = shop.customer(), shop.number()
    with busy(shop, mad.account_id):
        calm = shop.customer()
        assert calm.buy(number).status_code == 200
        assert httpx.get(f"{shop.url}/readyz").status_code == 200


def test_those_within_the_share_wait_and_are_answered(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop(account_reads=1, account_reads_waiting=2, read_threads=2)
    customer = shop.customer()
    answers: list[int] = []

    def ask(http: httpx.Client) -> None:
        answers.append(http.get("/balance/").status_code)

    threads = [threading.Thread(target=ask, args=[shop.with_key(customer.account_id).http]) for _ in range(2)]
    with busy(shop, customer.account_id):
        for thread in threads:
            thread.start()
        while shop.services.reader.figures.waiting < len(threads):
            threading.Event().wait(0.005)
        assert_refused(customer.http.get("/balance/"))
        assert answers == []
    for thread in threads:
        thread.join()
    assert answers == [200, 200]
