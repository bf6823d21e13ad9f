"""How much an account's reads, and what it has written, make the engine do: it does not grow with what an account has.

Touches: database, files.

Two sets of books differ only in how long two accounts have been customers: the one that asks, and its neighbour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
from sqlalchemy import text

from numberdesk.accounts.model import SCOPES, ApiKey
from numberdesk.accounts.store import (
    count_live_keys,
    find_key_by_hash,
    find_keys,
    find_names,
    insert_keys,
    list_accounts,
    list_keys,
    page_keys,
)
from numberdesk.catalog.gap_store import count_unpriced, count_unrated, find_currencies_sold
from numberdesk.catalog.model import InventoryPage
from numberdesk.catalog.store import count_inventory, has_inventory, list_inventory, page_inventory
from numberdesk.core.errors import NotFound, NumberNotOffered
from numberdesk.core.fingerprint import Fingerprint
from numberdesk.core.lifecycle import AccountKind, NumberState, OrderState, RentalState
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import POOL, Buy, IdempotencyRecord
from numberdesk.core.request_keys import RequestKey
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account
from numberdesk.flows.accounts.fund_wallets import TOP_UP, fund_wallets, funding
from numberdesk.flows.accounts.issue_keys import NewKey, Revocation, issue_keys, revoke
from numberdesk.flows.purchase.open_orders import open_orders
from numberdesk.flows.rentals.label_numbers import Labelling, label_numbers
from numberdesk.flows.rentals.release_numbers import Release, release_numbers
from numberdesk.infra.db import Database, Tx
from numberdesk.ledger.store import find_wallet, list_statement
from numberdesk.numbers.model import Labels, RentedFilter
from numberdesk.numbers.store import find_rented, find_rented_by_id, latest_rentals, list_rented
from numberdesk.orders.keyed_request_store import find_keyed_requests, forget_keyed_requests, insert_keyed_requests
from numberdesk.orders.store import (
    find_idempotency_records,
    find_orders,
    forget_answers,
    insert_idempotency_records,
    list_orders,
)
from numberdesk.usage.gap_store import count_rentals_unrated, count_unsourced
from testbed.databases import Databases
from testbed.history import e164_of, record_purchases
from testbed.samples import INBOUND, OUTBOUND, PRICE
from testbed.work import work_of

MINE, ANOTHERS = 5_000_000_000, 6_000_000_000
SHORT, LONG = 300, 3_000
ENDED_EVERY = 3
NOW = 1_750_000_000_000_000
MOST = 60
DAY = 86_400_000_000
LIVE_KEYS = 20

Question = Callable[[Tx], object]


@pytest.fixture(scope="module")
def short_and_long(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Database]]:
    """The two, on databases in which nothing was deleted before. PostgreSQL has had the time to look at them."""
    opened = {}
    for length in (SHORT, LONG):
        url = made.fresh(tmp_path_factory.mktemp("work"))
        opened[url] = Database(url, resolve_seconds=60)
        with opened[url].write() as tx:
            _open(tx, "acc_1", MINE, length)
            _open(tx, "acc_2", ANOTHERS, length)
            if tx.engine_name == "postgresql":
                tx.execute(text("ANALYZE"))
    yield list(opened.values())
    for url, database in opened.items():
        database.close()
        made.done(url)


def _open(tx: Tx, account_id: str, first: int, length: int) -> None:
    """An account with a long life; its first and last order have been left open, as at a carrier."""
    create_accounts(tx, [new_account(account_id, account_id, "USD", 0, NOW)])
    fund_wallets(tx, [funding(f"trf_{account_id}", TOP_UP, account_id, 10**13, reference=None, now=NOW)])
    record_purchases(tx, account_id, first, length, now=NOW, ended_every=ENDED_EVERY)
    opened = "UPDATE orders SET state = 'ordering', completed_at = NULL WHERE id IN ('ord_{:032}', 'ord_{:032}')"
    tx.execute(text(opened.format(first, first + length - 1)))
    insert_keys(tx, [_key(account_id, place) for place in range(length)])
    insert_idempotency_records(tx, [_refused(account_id, place) for place in range(length)])
    keys = [RequestKey(account_id, "release", f"k{place}", "{}") for place in range(length)]
    insert_keyed_requests(tx, {key: (f"rnt_{place}", NOW) for place, key in enumerate(keys)})


def _refused(account_id: str, place: int) -> IdempotencyRecord:
    """A request that was refused and may come again."""
    said = Fingerprint(e164_of(place), 1, None, None)
    return IdempotencyRecord(account_id, f"k{place}", said, "req_1", None, NumberNotOffered(), NOW)


def _key(account_id: str, place: int) -> ApiKey:
    """The first few work, some for ever; the others were revoked, or have expired."""
    key_id = f"key_{account_id}_{place:06}"
    works, odd = place < LIVE_KEYS, place % 2 == 1
    ends = NOW + 1 if works and odd else NOW - 1 if odd else None
    revoked = None if works or odd else NOW
    return ApiKey(key_id, account_id, "", "nd_live_", key_id, ("admin",), 1, ends, revoked)


def rented(before: int | None = None, *, live: bool = True, **asked: object) -> Question:
    before_id = None if before is None else f"rnt_{before:032}"
    wanted = RentedFilter(live, **asked)  # type: ignore[arg-type]  # named by whoever asks
    return lambda tx: list_rented(tx, "acc_1", wanted, before_id=before_id, limit=11, most=MOST)


READS: dict[str, Question] = {
    "live": rented(),
    "live, further on": rented(MINE + 200),
    "ended": rented(live=False),
    "by number": rented(e164=e164_of(MINE + 1)),
    "by number, ended": rented(live=False, e164=e164_of(MINE + 2)),
    "by another's number": rented(e164=e164_of(ANOTHERS)),
    "nothing in the country": rented(iso_country="FR"),
    "nothing in the region": rented(region="CA"),
    "nothing in the region, ended": rented(live=False, region="CA"),
    "nothing past due": rented(state=RentalState.PAST_DUE),
    "all in the country": rented(iso_country="US"),
    "all active": rented(state=RentalState.ACTIVE, region="TX"),
    "one": lambda tx: find_rented(tx, "acc_1", e164_of(MINE + 1)),
    "one that ended": lambda tx: find_rented(tx, "acc_1", e164_of(MINE + 2)),
    "one that never was": lambda tx: find_rented(tx, "acc_1", "+19999999999"),
    "another's": lambda tx: find_rented(tx, "acc_1", e164_of(ANOTHERS)),
    "one by its id": lambda tx: find_rented_by_id(tx, "acc_1", f"rnt_{MINE:032}"),
    "orders": lambda tx: list_orders(tx, "acc_1", limit=11),
    "open orders": lambda tx: list_orders(tx, "acc_1", state=OrderState.ORDERING, limit=11),
    "open orders, further on": lambda tx: list_orders(
        tx, "acc_1", state=OrderState.ORDERING, before_id=f"ord_{MINE + 9:032}", limit=11
    ),
    "open orders of all": lambda tx: list_orders(tx, None, state=OrderState.ORDERING, limit=11),
    "failed orders": lambda tx: list_orders(tx, "acc_1", state=OrderState.FAILED, limit=11),
    "completed orders": lambda tx: list_orders(tx, "acc_1", state=OrderState.COMPLETED, limit=11),
    "failed orders of all": lambda tx: list_orders(tx, None, state=OrderState.FAILED, limit=11),
    "one order": lambda tx: find_orders(tx, [f"ord_{MINE:032}"]),
    "the wallet": lambda tx: find_wallet(tx, "acc_1"),
    "the statement": lambda tx: list_statement(tx, "acc_1", before_entry=None, limit=11),
    "the statement, further on": lambda tx: list_statement(tx, "acc_1", before_entry=100, limit=11),
    "keys": lambda tx: list_keys(tx, "acc_1", after_id=None, limit=11),
    "keys, further on": lambda tx: list_keys(tx, "acc_1", after_id="key_acc_1_000100", limit=11),
    "keys of which few may be seen": lambda tx: page_keys(
        tx, "acc_1", ["keys:manage"], after_id=None, limit=11, most=MOST
    ),
    "keys of which all may be seen": lambda tx: page_keys(tx, "acc_1", SCOPES, after_id=None, limit=11, most=MOST),
    "accounts of operators": lambda tx: list_accounts(tx, after_id=None, limit=11, kind=AccountKind.OPERATOR),
    "an operator's inventory, of nothing": lambda tx: page_inventory(tx, "acme", None, None, 11, MOST),
    "states of the inventory": lambda tx: count_inventory(tx, MOST),
    "whether there is an inventory": has_inventory,
    "what numbers for sale lack": lambda tx: (
        count_unpriced(tx, MOST),
        count_unrated(tx, MOST, MOST),
        find_currencies_sold(tx, {"USD", "EUR"}),
    ),
    "what rented numbers lack": lambda tx: (
        count_unsourced(tx, POOL, MOST, MOST),
        count_rentals_unrated(tx, MOST, MOST),
    ),
    "one key": lambda tx: find_keys(tx, ["key_acc_1_000001"]),
    "a key by its hash": lambda tx: find_key_by_hash(tx, "key_acc_1_000001"),
}

WRITES: dict[str, Question] = {
    "rentals to release or label": lambda tx: latest_rentals(
        tx, [("acc_1", e164_of(place)) for place in (MINE, MINE + 1, MINE + 2, ANOTHERS, 9_999_999_999)]
    ),
    "answers under keys": lambda tx: find_idempotency_records(
        tx, [("acc_1", "k0"), ("acc_1", "k200"), ("acc_2", "k0"), ("acc_1", "none")]
    ),
    "what was done under keys": lambda tx: find_keyed_requests(
        tx, [("acc_1", "release", "k0"), ("acc_1", "release", "none"), ("acc_2", "release", "k200")]
    ),
    "keys that work": lambda tx: count_live_keys(tx, ["acc_1"], NOW),
    "a name that is given": lambda tx: find_names(tx, ["acc_1", "nobody"]),
    "no answers to forget": lambda tx: forget_answers(tx, NOW, 10),
    "answers to forget": lambda tx: forget_answers(tx, NOW + 1, 10),
    "requests to forget": lambda tx: forget_keyed_requests(tx, NOW + 1, 10),
}


@pytest.mark.parametrize("name", READS)
def test_the_work_of_a_read_does_not_grow_with_what_an_account_has(short_and_long: list[Database], name: str) -> None:
    work = []
    for database in short_and_long:
        with database.read() as tx:
            work.append(work_of(tx, READS[name]))
    assert work[1] <= 1.5 * work[0] + 2


@pytest.mark.parametrize("name", WRITES)
def test_nor_does_that_of_what_the_writer_looks_up_for_an_account(short_and_long: list[Database], name: str) -> None:
    work = []
    for database in short_and_long:
        with database.write() as tx:
            work.append(work_of(tx, WRITES[name]))
    assert work[1] <= 1.5 * work[0] + 2


COMMANDS: dict[str, Callable[[Tx], Sequence[object]]] = {
    "a purchase": lambda tx: open_orders(0)(tx, [_buy(MINE + 2)]),
    "a purchase of what one has": lambda tx: open_orders(0)(tx, [_buy(MINE + 3)]),
    "a purchase of what another has": lambda tx: open_orders(0)(tx, [_buy(ANOTHERS + 3)]),
    "a release": lambda tx: release_numbers(DAY)(tx, [Release("acc_1", e164_of(MINE + 4), NOW)]),
    "a release that names its rental": lambda tx: release_numbers(DAY)(
        tx, [Release("acc_1", "", NOW, f"rnt_{MINE + 6:032}")]
    ),
    "a release of what has ended": lambda tx: release_numbers(DAY)(tx, [Release("acc_1", e164_of(MINE + 5), NOW)]),
    "labels": lambda tx: label_numbers(
        tx, [Labelling("acc_1", e164_of(MINE + 7), Labels("Front desk", None, None), NOW)]
    ),
    "a key": lambda tx: issue_keys(tx, [NewKey(_key("acc_1", 999_999)._replace(created_at=NOW))]),
    "a revocation": lambda tx: revoke(tx, [Revocation("key_acc_1_000011", "acc_1", NOW)]),
}


def _buy(serial: int) -> Buy:
    prices = Confirmation(PRICE, INBOUND, OUTBOUND)
    return Buy("acc_1", e164_of(serial), prices, None, "req_1", f"ord_{serial:031}b", NOW)


@pytest.mark.parametrize("name", COMMANDS)
def test_nor_does_that_of_a_command(short_and_long: list[Database], name: str) -> None:
    work = []
    for database in short_and_long:
        with database.write() as tx:
            work.append(work_of(tx, lambda tx: _done(COMMANDS[name], tx)))
    assert work[1] <= 1.5 * work[0] + 5


def _done(command: Callable[[Tx], Sequence[object]], tx: Tx) -> None:
    (outcome,) = command(tx)
    assert not isinstance(outcome, NotFound)


def test_keys_are_counted_that_work(short_and_long: list[Database]) -> None:
    with short_and_long[1].write() as tx:
        counted = count_live_keys(tx, ["acc_2", "nobody"], NOW)  # of acc_1 one is revoked above
    assert counted == {"acc_2": LIVE_KEYS}


def test_a_walk_that_finds_nothing_gets_to_the_end_step_by_step(short_and_long: list[Database]) -> None:
    before: str | None = None
    steps = 0
    with short_and_long[0].read() as tx:
        while True:
            asked = RentedFilter(live=True, region="CA")
            page = list_rented(tx, "acc_1", asked, before_id=before, limit=11, most=MOST)
            assert page.items == []
            steps += 1
            if page.walked_to is None:
                break
            before = page.walked_to
    live = SHORT - SHORT // ENDED_EVERY
    assert steps == live // MOST + 1


def test_keys_of_which_none_may_be_seen_are_walked_to_their_end_step_by_step(short_and_long: list[Database]) -> None:
    steps, after = 0, None
    with short_and_long[0].read() as tx:
        while steps == 0 or after is not None:
            page = page_keys(tx, "acc_1", ["keys:manage"], after_id=after, limit=11, most=MOST)
            assert page.items == []
            steps, after = steps + 1, page.walked_to
    assert steps == SHORT // MOST + 1


def test_an_inventory_that_is_filtered_is_walked_to_its_end_step_by_step(short_and_long: list[Database]) -> None:
    def pages(tx: Tx, state: NumberState) -> list[InventoryPage]:
        found = [page_inventory(tx, "pool", state, None, SHORT, MOST)]
        while found[-1].walked_to is not None:
            found.append(page_inventory(tx, "pool", state, found[-1].walked_to, SHORT, MOST))
        return found

    numbers = 2 * SHORT
    with short_and_long[0].read() as tx:
        nothing, rented = pages(tx, NumberState.WITHDRAWN), pages(tx, NumberState.ASSIGNED)
        whole = page_inventory(tx, None, None, None, numbers + 1, MOST)
        listed = list_inventory(tx, "pool", NumberState.ASSIGNED, None, numbers)
    assert [page.items for page in nothing] == [[]] * (numbers // MOST + 1)
    assert [item.listing.e164 for page in rented for item in page.items] == [item.listing.e164 for item in listed]
    assert len(rented) == len(nothing)
    assert (len(whole.items), whole.walked_to) == (numbers, None)


def test_orders_that_are_open_are_those_that_are_open(short_and_long: list[Database]) -> None:
    with short_and_long[0].read() as tx:
        found = list_orders(tx, "acc_1", state=OrderState.ORDERING, limit=11)
        assert [order.id for order in found] == [f"ord_{MINE + SHORT - 1:032}", f"ord_{MINE:032}"]
        assert {order.state for order in found} == {OrderState.ORDERING}
