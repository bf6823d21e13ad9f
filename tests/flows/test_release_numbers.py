"""Giving numbers back, labelling them, and what time does with them afterwards."""

from __future__ import annotations

import json

import pytest

from numberdesk.core.errors import NotFound
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import Refusal, Replayed, Sold
from numberdesk.core.request_keys import RequestKey, request_key
from numberdesk.flows.cleanup import Cleanup, CleanupReport, clean_up
from numberdesk.flows.keyed_requests import MOST_IN_VAIN
from numberdesk.flows.rentals.label_numbers import Labelling, label_numbers
from numberdesk.flows.rentals.release_numbers import Release
from numberdesk.numbers.model import Labels
from numberdesk.numbers.store import find_rented
from tests.flows.conftest import PRICE, QUARANTINE, Shop

RETENTION = 24 * 3600 * MICROSECONDS


def test_a_release_ends_the_rental_frees_nothing_and_tells_it_once(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)
    shop.now += MICROSECONDS
    rental = shop.release(account_id, e164)
    assert (rental.state, rental.released_at) == ("released", shop.now)
    assert shop.rows("SELECT state, account_id, order_id, quarantined_until FROM numbers") == [
        ("quarantined", None, None, shop.now + QUARANTINE)
    ]
    told = shop.rows("SELECT id, payload FROM events WHERE kind = 'number.released'")
    assert [(event, json.loads(payload)["phone_number"]) for event, payload in told] == [
        (f"evt_rel_{rental.id.removeprefix('rnt_')}", e164)
    ]


def test_a_second_release_answers_as_the_first_and_changes_nothing(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)
    first = shop.release(account_id, e164)
    shop.now += MICROSECONDS
    assert shop.release(account_id, e164) == first
    assert shop.rows("SELECT count(*) FROM events WHERE kind = 'number.released'") == [(1,)]


def test_two_releases_in_one_batch_are_one(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)
    with shop.database.write() as tx:
        first, second = shop.release_numbers(tx, [Release(account_id, e164, shop.now)] * 2)
    assert first == second
    assert shop.rows("SELECT count(*) FROM events WHERE kind = 'number.released'") == [(1,)]


def test_a_key_is_kept_from_the_release_that_used_it_however_late_others_of_its_batch_came(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)
    key = RequestKey(account_id, "release", "k", "{}")
    with shop.database.write() as tx:
        shop.release_numbers(tx, [Release(account_id, e164, shop.now + wait, request_key=key) for wait in (0, 7, 9)])
    assert shop.rows("SELECT created_at FROM keyed_requests") == [(shop.now,)]


def test_nobody_releases_what_another_rents(shop: Shop) -> None:
    owner, other, e164 = shop.account(5 * PRICE), shop.account(), shop.number()
    shop.buy(owner, e164)
    with pytest.raises(NotFound):
        shop.release(other, e164)
    with pytest.raises(NotFound):
        shop.release(owner, "+13619999999")
    assert shop.rows("SELECT state FROM numbers") == [("assigned",)]


def test_a_number_is_offered_again_when_its_quarantine_is_over_and_not_before(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    first = shop.buy(account_id, e164)
    shop.release(account_id, e164)
    shop.now += QUARANTINE - 1
    assert shop.writer.apply(clean_up, Cleanup(shop.now, RETENTION)) == CleanupReport(0, 0)
    assert isinstance(shop.buy(account_id, e164), Refusal)
    shop.now += 1
    assert shop.writer.apply(clean_up, Cleanup(shop.now, RETENTION)) == CleanupReport(1, 0)
    second = shop.buy(account_id, e164)
    assert isinstance(first, Sold)
    assert isinstance(second, Sold)
    assert second.order.id != first.order.id
    # A release now ends the second rental; the first has ended before and stays as it is.
    shop.now += MICROSECONDS
    assert shop.release(account_id, e164).order_id == second.order.id


def test_tidying_frees_a_bounded_number_of_numbers_in_one_transaction(shop: Shop) -> None:
    account_id = shop.account(1_200 * PRICE)
    numbers = shop.numbers(1_100)
    shop.buy_all([shop.wants(account_id, e164) for e164 in numbers])
    with shop.database.write() as tx:
        shop.release_numbers(tx, [Release(account_id, e164, shop.now) for e164 in numbers])
    shop.now += QUARANTINE
    rounds = [shop.writer.apply(clean_up, Cleanup(shop.now, RETENTION)) for _ in range(3)]
    assert [(done.quarantines_ended, done.left) for done in rounds] == [(1_000, True), (100, False), (0, False)]


def test_answers_are_forgotten_after_their_retention_and_nothing_is_bought_twice(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    first = shop.buy(account_id, e164, key="k")
    assert isinstance(first, Sold)
    shop.now += RETENTION
    assert shop.writer.apply(clean_up, Cleanup(shop.now, RETENTION)) == CleanupReport(0, 0)
    shop.now += 1
    assert shop.writer.apply(clean_up, Cleanup(shop.now, RETENTION)) == CleanupReport(0, 1)
    again = shop.buy(account_id, e164, key="k")
    assert isinstance(again, Replayed)
    assert again.order == first.order
    assert shop.rows("SELECT count(*) FROM transfers WHERE kind = 'rental'") == [(1,)]


def test_the_answer_of_an_open_order_is_kept_however_old(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number(carrier="acme")
    shop.buy(account_id, e164, key="k")
    shop.now += 100 * RETENTION
    assert shop.writer.apply(clean_up, Cleanup(shop.now, RETENTION)) == CleanupReport(0, 0, offers_forgotten=1)
    assert isinstance(shop.buy(account_id, e164, key="k"), Replayed)


def test_labels_are_written_one_after_the_other_in_a_batch(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)
    shop.now += MICROSECONDS
    with shop.database.write() as tx:
        outcomes = label_numbers(
            tx,
            [
                Labelling(account_id, e164, Labels("one", None, ("a",)), shop.now),
                Labelling(account_id, e164, Labels(None, "agent", None), shop.now),
                Labelling(account_id, "+13619999999", Labels("x", None, None), shop.now),
            ],
        )
    assert isinstance(outcomes[2], NotFound)
    assert shop.rows("SELECT friendly_name, agent_id, tags, updated_at FROM rentals") == [
        ("one", "agent", '["a"]', shop.now)
    ]


def test_the_live_rental_is_found_although_the_clock_went_back_before_it_began(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    late = shop.wants(account_id, e164)._replace(order_id=f"ord_{'f' * 32}")
    shop.writer.apply(shop.open_orders, late)
    shop.release(account_id, e164)
    shop.now += QUARANTINE
    shop.writer.apply(clean_up, Cleanup(shop.now, RETENTION))
    again = shop.buy(account_id, e164)
    assert isinstance(again, Sold)
    assert again.order.id < late.order_id
    with shop.database.read() as tx:
        found = find_rented(tx, account_id, e164)
    assert found is not None
    assert found.rental.order_id == again.order.id
    shop.now += MICROSECONDS
    assert shop.release(account_id, e164).order_id == again.order.id
    assert shop.rows("SELECT state FROM numbers") == [("quarantined",)]


def test_keys_of_releases_that_ended_nothing_are_bounded_and_the_one_that_did_is_kept(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)

    def release(key: str) -> object:
        shop.now += 1
        named = request_key(account_id, "release", key, phone_number=e164)
        return shop.writer.apply(shop.release_numbers, Release(account_id, e164, shop.now, None, named))

    first = release("first")
    for place in range(MOST_IN_VAIN + 5):
        assert release(f"late-{place:05}") == first
    kept = [key for (key,) in shop.rows("SELECT key FROM keyed_requests ORDER BY created_at")]
    assert kept == ["first", *(f"late-{place:05}" for place in range(5, MOST_IN_VAIN + 5))]
    shop.now += QUARANTINE
    shop.writer.apply(clean_up, Cleanup(shop.now, RETENTION * 365))
    assert isinstance(shop.buy(account_id, e164), Sold)
    assert release("first") == release(f"late-{MOST_IN_VAIN:05}") == first
    assert shop.rows("SELECT state FROM numbers") == [("assigned",)]
    shop.verified()
