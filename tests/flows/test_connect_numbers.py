"""A number comes to be connected as it is wanted, whatever its carrier does, and whatever changes meanwhile."""

from __future__ import annotations

import asyncio
import json

import pytest

from numberdesk.connections.model import Connection, DefaultConnection
from numberdesk.connections.rental_connection_store import ask_removals, removal_id
from numberdesk.connections.store import find_connections
from numberdesk.core.connection import (
    Connected,
    ConnectionState,
    DefaultScope,
    NativeRoute,
    SipRoute,
    WebhookRoute,
)
from numberdesk.core.errors import ConnectionInUse, InvalidRequest, NotFound
from numberdesk.core.rental import Rental
from numberdesk.flows.connections.allow_connections import SetDefault, set_defaults
from numberdesk.flows.connections.assign_connections import Assignment, assign_connections
from numberdesk.flows.connections.connect_anew import MOST_AT_ONCE, RaiseRentals, raise_rentals
from numberdesk.flows.connections.connect_numbers import (
    GONE,
    AnsweredConnection,
    ConnectionReport,
    connect_numbers,
    note_connections,
)
from numberdesk.flows.connections.diagnose_numbers import number_connection
from numberdesk.flows.connections.forget_connections import RemovalReport, note_removals
from numberdesk.flows.webhooks.sequence_events import SequenceEvents, sequence_events
from tests.flows.conftest import PRICE, Shop
from tests.flows.switching import (
    HOOK,
    POOL,
    SIP,
    VAULT,
    assign,
    buy,
    change,
    connection,
    converge,
    remove,
    rental_of,
    standing,
    told,
)

POSTGRESQL_IN_THE_LONG_RUN = "the flows are the same; the stores run on both in tests/connections"


def kept(shop: Shop, connection_id: str) -> Connection:
    with shop.database.read() as tx:
        return find_connections(tx, [connection_id])[connection_id]


@pytest.fixture
def account(shop: Shop) -> str:
    return shop.account(20 * PRICE)


def test_a_number_is_bought_first_and_connected_after_and_its_customer_is_told(shop: Shop, account: str) -> None:
    connection_id = connection(shop, account)
    rental = buy(shop, account, connection_id=connection_id)
    assert (rental.connection_id, rental.connection_generation) == (connection_id, 1)
    assert standing(shop, rental).state is ConnectionState.PENDING
    assert shop.acme.switchboard.set == {}
    converge(shop)
    row = standing(shop, rental)
    assert (row.state, row.applied_generation, row.applied_connection_id) == (ConnectionState.ACTIVE, 1, connection_id)
    assert shop.acme.switchboard.set[rental.e164].route == HOOK
    ((whose, payload),) = told(shop, "number.connected")
    assert (whose, json.loads(payload)["connection_id"]) == (account, connection_id)
    converge(shop, 7 * 86_400)
    assert len(shop.acme.switchboard.told) == 1
    shop.verified()


@pytest.mark.parametrize("carrier", ["acme", POOL])
def test_a_connection_that_the_account_does_not_have_lets_a_purchase_be_and_is_told(
    shop: Shop, account: str, carrier: str
) -> None:
    foreign = connection(shop, shop.account())
    for wanted in (foreign, "con_nobodys"):
        rental = buy(shop, account, carrier=carrier, connection_id=wanted)
        assert (rental.connection_id, rental.connection_generation) == (None, 0)
    payloads = [json.loads(payload) for _, payload in told(shop, "number.connection_failed")]
    assert {each["connection_id"] for each in payloads} == {foreign, "con_nobodys"}
    assert all("no such connection" in each["message"] for each in payloads)
    converge(shop)
    assert shop.acme.switchboard.told == []
    shop.verified()


def test_a_number_of_the_pool_is_connected_at_once_and_by_nobody_else(shop: Shop, account: str) -> None:
    connection_id = connection(shop, account, SIP)
    bought = buy(shop, account, carrier=POOL, connection_id=connection_id)
    other = buy(shop, account, carrier=POOL)
    assign(shop, other, connection_id)
    assert rental_of(shop, bought.id).connection_id == rental_of(shop, other.id).connection_id == connection_id
    assert len(told(shop, "number.connected")) == 2
    assert shop.count("rental_connections") == 0


def test_a_carriers_own_object_cannot_take_calls_of_the_pool(shop: Shop, account: str) -> None:
    buy(shop, account, carrier=POOL, connection_id=connection(shop, None, NativeRoute("trunk", "TK1")))
    ((_, payload),) = told(shop, "number.connection_failed")
    assert "no carrier" in json.loads(payload)["message"]


def test_a_login_that_reaches_nobody_is_unsupported_and_never_active(shop: Shop, account: str) -> None:
    login = connection(shop, account, SIP._replace(username="me", password="s3cret"))
    rental = buy(shop, account, carrier=POOL, connection_id=login)
    ((_, payload),) = told(shop, "number.connection_failed")
    with shop.database.read() as tx:
        stands = number_connection(tx, rental)
    assert (stands.state, stands.message) == (ConnectionState.UNSUPPORTED, json.loads(payload)["message"])
    assert "no user and password" in stands.message
    assert not told(shop, "number.connected")


def test_a_carrier_that_fails_is_told_ever_more_seldom_and_its_customer_hears_of_it_once(
    shop: Shop, account: str
) -> None:
    rental = buy(shop, account, connection_id=connection(shop, account))
    shop.acme.connects_fail = 5
    waits, states = [], []
    for _ in range(5):
        converge(shop)
        row = standing(shop, rental)
        assert row.next_at is not None
        states.append(row.state.value)
        waits.append((row.next_at - shop.now) // 1_000_000)
        shop.now = row.next_at
    assert waits == [2, 10, 60, 300, 3600]
    assert states == ["pending", "pending", "failed", "failed", "failed"]
    assert len(told(shop, "number.connection_failed")) == 1
    converge(shop)
    assert standing(shop, rental).state is ConnectionState.ACTIVE
    assert len(told(shop, "number.connected")) == 1


def test_what_a_carrier_cannot_do_is_said_at_once_and_not_tried_again(shop: Shop, account: str) -> None:
    shop.acme.switchboard.unsupported[SipRoute] = "no SIP here"
    hook = connection(shop, account)
    rental = buy(shop, account, connection_id=hook)
    converge(shop)
    assign(shop, rental, connection(shop, account, SIP))
    converge(shop)
    row = standing(shop, rental)
    assert (row.state, row.message) == (ConnectionState.UNSUPPORTED, "no SIP here; calls go where they went before")
    assert (row.applied_connection_id, row.next_at) == (hook, None)
    assert len(told(shop, "number.connection_failed")) == 1
    asked = len(shop.acme.switchboard.told)
    converge(shop, 86_400)
    assert len(shop.acme.switchboard.told) == asked


def test_the_same_again_changes_nothing_unless_it_had_failed(shop: Shop, account: str) -> None:
    connection_id = connection(shop, account)
    rental = buy(shop, account)
    for _ in range(3):
        assign(shop, rental, connection_id)
    assert rental_of(shop, rental.id).connection_generation == 1
    shop.acme.connects_fail = 3
    for seconds in (0, 2, 10):
        converge(shop, seconds)
    assert standing(shop, rental).state is ConnectionState.FAILED
    assign(shop, rental, connection_id)
    converge(shop)
    assert standing(shop, rental).state is ConnectionState.ACTIVE
    assert len(told(shop, "number.connection_failed")) == len(told(shop, "number.connected")) == 1


def test_an_older_answer_is_ignored_whatever_it_says(shop: Shop, account: str) -> None:
    first, second = connection(shop, account), connection(shop, account, SIP)
    rental = buy(shop, account, connection_id=first)
    shop.acme.connect_seconds = 5.0

    async def story() -> None:
        work = connect_numbers(shop.writer, shop.reader, shop.carriers, VAULT, lambda: shop.now)
        running = asyncio.create_task(shop.work_off(work))
        await asyncio.sleep(1)
        await shop.writer.submit(assign_connections, Assignment(account, rental.e164, second, shop.now))
        await running
        shop.acme.connect_seconds = 0.0
        await shop.work_off(work)

    shop.tell(story())
    row = standing(shop, rental)
    assert (row.state, row.applied_generation, row.applied_connection_id) == (ConnectionState.ACTIVE, 2, second)
    assert shop.acme.switchboard.set[rental.e164].connection_id == second
    payloads = [json.loads(payload)["connection_id"] for _, payload in told(shop, "number.connected")]
    assert payloads == [second]


def test_who_lost_the_lease_changes_nothing(shop: Shop, account: str) -> None:
    connection_id = connection(shop, account)
    rental = buy(shop, account, connection_id=connection_id)
    report = ConnectionReport(rental.id, AnsweredConnection(Connected(), 1, connection_id), 12_345, shop.now)
    noted = shop.writer.apply(note_connections, report)
    assert noted.lease_lost
    assert standing(shop, rental).state is ConnectionState.PENDING


def test_disconnecting_clears_at_the_carrier_and_what_was_made_there_goes_with_its_last_number(
    shop: Shop, account: str
) -> None:
    connection_id = connection(shop, account, SIP)
    one, two = (buy(shop, account, connection_id=connection_id) for _ in range(2))
    converge(shop)
    assert shop.acme.switchboard.made.keys() == {connection_id}
    assign(shop, one, None)
    converge(shop)
    assert standing(shop, one).state is ConnectionState.NONE
    assert shop.acme.switchboard.set.keys() == {two.e164}
    assert shop.acme.switchboard.forgotten == []
    assign(shop, two, None)
    converge(shop)
    assert shop.acme.switchboard.forgotten == [connection_id]
    assert shop.count("connection_removals") == 0


def test_what_is_wanted_again_while_it_is_removed_is_made_again(shop: Shop, account: str) -> None:
    connection_id = connection(shop, account, SIP)
    rental = buy(shop, account, connection_id=connection_id)
    converge(shop)
    assign(shop, rental, None)
    converge(shop)
    assign(shop, rental, connection_id)
    converge(shop)
    with shop.database.write() as tx:  # a removal that was under way meanwhile, and took it away
        ask_removals(tx, [("acme", connection_id)], shop.now)
    shop.acme.switchboard.forget(connection_id)
    shop.writer.apply(note_removals, RemovalReport(removal_id("acme", connection_id), Connected(), None, shop.now))
    assert shop.acme.switchboard.made == {}
    converge(shop)
    assert shop.acme.switchboard.made.keys() == {connection_id}
    assert standing(shop, rental).state is ConnectionState.ACTIVE


def test_a_release_clears_what_was_set_while_the_carrier_still_has_the_number(shop: Shop, account: str) -> None:
    connection_id = connection(shop, account, SIP)
    rental = buy(shop, account, connection_id=connection_id)
    converge(shop)
    shop.release(account, rental.e164)
    converge(shop)
    row = standing(shop, rental)
    assert (row.state, row.message) == (ConnectionState.NONE, "cleared")
    assert shop.acme.switchboard.set == {}
    assert shop.acme.switchboard.forgotten == [connection_id]
    assert isinstance(remove(shop, connection_id, account), Connection)
    shop.verified()


def test_a_number_that_went_back_is_told_of_no_more(shop: Shop, account: str) -> None:
    """Whoever has it by then would be silenced."""
    connection_id = connection(shop, account, SIP)
    rental = buy(shop, account, connection_id=connection_id)
    converge(shop)
    shop.release(account, rental.e164)
    shop.tell(shop.give_back())
    asked = len(shop.acme.switchboard.told)
    converge(shop)
    row = standing(shop, rental)
    assert (row.state, row.message, row.applied_connection_id) == (ConnectionState.NONE, GONE, None)
    assert len(shop.acme.switchboard.told) == asked
    assert shop.acme.switchboard.forgotten == [connection_id]


def test_nobody_connects_somebody_elses_number_or_to_somebody_elses_connection(shop: Shop, account: str) -> None:
    other = shop.account()
    rental, foreign, shared = buy(shop, account), connection(shop, other), connection(shop, None)
    with pytest.raises(NotFound):
        shop.writer.apply(assign_connections, Assignment(other, rental.e164, foreign, shop.now))
    with pytest.raises(InvalidRequest, match="connection_id"):
        assign(shop, rental, foreign)
    assert isinstance(assign(shop, rental, shared), Rental)


def test_a_changed_connection_is_followed_by_all_its_numbers(shop: Shop, account: str) -> None:
    connection_id = connection(shop, account)
    rentals = [buy(shop, account, connection_id=connection_id) for _ in range(3)]
    own = buy(shop, account, carrier=POOL, connection_id=connection_id)
    converge(shop)
    elsewhere = WebhookRoute("https://example.org/voice")
    changed = change(shop, kept(shop, connection_id), elsewhere)
    assert (changed.revision, changed.raising_after) == (2, None)
    converge(shop)
    assert {shop.acme.switchboard.set[rental.e164].route for rental in rentals} == {elsewhere}
    assert [rental_of(shop, rental.id).connection_generation for rental in (*rentals, own)] == [2] * 4
    with pytest.raises(ConnectionInUse, match="changed meanwhile"):
        change(shop, changed._replace(revision=1), HOOK)


def test_a_change_that_thousands_of_numbers_follow_goes_on_in_rounds(
    shop: Shop, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numberdesk.flows.connections.connect_anew.MOST_AT_ONCE", 2)
    assert MOST_AT_ONCE >= 100
    connection_id = connection(shop, account)
    rentals = [buy(shop, account, carrier=POOL, connection_id=connection_id) for _ in range(5)]
    change(shop, kept(shop, connection_id), SIP)
    assert sum(rental_of(shop, rental.id).connection_generation == 2 for rental in rentals) == 2
    rounds = 0
    while shop.writer.apply(raise_rentals, RaiseRentals(shop.now)).left:
        rounds += 1
        assert rounds < 5
    assert [rental_of(shop, rental.id).connection_generation for rental in rentals] == [2] * 5
    assert kept(shop, connection_id).raising_after is None


@pytest.mark.parametrize("carrier", ["acme", POOL])
def test_numbers_that_are_bought_without_saying_get_the_default_of_the_account_before_that_of_the_carrier(
    shop: Shop, account: str, carrier: str
) -> None:
    of_carrier, of_account = connection(shop, None), connection(shop, account, SIP)
    other = shop.account(5 * PRICE)
    shop.connect("acme")
    number = sequence_events(shop.new_id)
    for command in (
        SetDefault(DefaultScope.CARRIER, carrier, of_carrier, shop.now),
        SetDefault(DefaultScope.ACCOUNT, account, of_account, shop.now),
    ):
        assert isinstance(shop.writer.apply(set_defaults, command), DefaultConnection)
    mine, theirs = buy(shop, account, carrier=carrier), buy(shop, other, carrier=carrier)
    chosen = buy(shop, account, carrier=carrier, connection_id=of_carrier)
    assert mine.connection_id is theirs.connection_id is None
    shop.writer.apply(number, SequenceEvents(shop.now))
    given = [rental_of(shop, rental.id).connection_id for rental in (mine, theirs, chosen)]
    assert given == [of_account, of_carrier, of_carrier]
    shop.writer.apply(set_defaults, SetDefault(DefaultScope.CARRIER, carrier, None, shop.now))
    later = buy(shop, other, carrier=carrier)
    shop.writer.apply(number, SequenceEvents(shop.now))
    assert rental_of(shop, later.id).connection_id is None


@pytest.mark.parametrize(
    ("scope", "name", "whose", "refusal"),
    [
        (DefaultScope.CARRIER, "nobody", None, NotFound),
        (DefaultScope.ACCOUNT, "acc_nobody", None, NotFound),
        (DefaultScope.CARRIER, POOL, "other", InvalidRequest),
        (DefaultScope.ACCOUNT, "mine", "other", InvalidRequest),
    ],
)
def test_a_default_is_for_what_is_there_and_whose_it_is(
    shop: Shop, account: str, scope: DefaultScope, name: str, whose: str | None, refusal: type[Exception]
) -> None:
    connection_id = connection(shop, shop.account() if whose else None)
    with pytest.raises(refusal):
        shop.writer.apply(set_defaults, SetDefault(scope, account if name == "mine" else name, connection_id, shop.now))
