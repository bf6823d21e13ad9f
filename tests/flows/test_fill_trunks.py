"""Numbers of a connection of the kind livekit: put into its trunk, taken off it, looked at; beside their carrier."""

from __future__ import annotations

import pytest

from numberdesk.carriers.finding_store import list_findings
from numberdesk.connections.livekit import LiveKitTrunks
from numberdesk.connections.store import find_connections
from numberdesk.connections.trunk_number_store import find_trunk_numbers
from numberdesk.core.connection import ConnectionState, LiveKitRoute, SipRoute, SipTarget
from numberdesk.core.diagnosis import Symptoms, sentence
from numberdesk.core.errors import ConnectionInUse
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.lifecycle import AccountState, RentalState
from numberdesk.core.purchase import POOL
from numberdesk.core.rental import Rental
from numberdesk.core.trunk_number import OFF_TRUNK, trunk_number_id
from numberdesk.flows.carriers.note_audits import FindingResolution, ResolveFinding, resolve_findings
from numberdesk.flows.connections.diagnose_numbers import NumberConnection, diagnose, number_connection
from numberdesk.flows.connections.fill_trunks import fill_trunks, look_at_trunks
from testbed.livekit import API_KEY, API_SECRET, TRUNK, URL, LiveKitServer
from tests.flows.conftest import PRICE, Shop
from tests.flows.hands import transfer
from tests.flows.switching import HOOK, VAULT, assign, buy, change, connection, converge, remove, told

SIP = SipRoute((SipTarget("sip:acme-4f2k.sip.livekit.cloud"),))
ROUTE = LiveKitRoute(SIP.targets, URL, TRUNK, API_KEY, API_SECRET)


class Desk:
    """What the worker does about trunks, and what can be seen of a number."""

    def __init__(self, shop: Shop, trunks: LiveKitTrunks) -> None:
        self.shop, self.trunks = shop, trunks

    def work(self, seconds: int = 0) -> None:
        """Tell carriers and servers after so many seconds."""
        converge(self.shop, seconds)
        shop = self.shop
        shop.tell(shop.work_off(fill_trunks(shop.writer, shop.reader, self.trunks, VAULT, lambda: shop.now)))

    def look(self, seconds: int) -> int:
        """Look whether servers still have them."""
        self.shop.now += seconds * 1_000_000
        shop = self.shop
        return shop.tell(look_at_trunks(shop.writer, shop.reader, self.trunks, VAULT, lambda: shop.now))

    def stands(self, rental: Rental) -> NumberConnection:
        """How a rental stands with its connection."""
        with self.shop.database.read() as tx:
            return number_connection(tx, rental)

    def findings(self) -> list[tuple[str, str, str]]:
        """What is found, of all carriers."""
        with self.shop.database.read() as tx:
            found = list_findings(tx, None, ended=True, limit=9)
        return [(one.carrier, one.kind.value, one.state.value) for one in found]


@pytest.fixture
def account(shop: Shop) -> str:
    return shop.account(20 * PRICE)


@pytest.fixture
def server(shop: Shop) -> LiveKitServer:
    return LiveKitServer(now=lambda: shop.now / 1_000_000)


@pytest.fixture
def trunks(shop: Shop, server: LiveKitServer) -> LiveKitTrunks:
    return LiveKitTrunks(lambda: shop.now, http=lambda _egress: server)


@pytest.fixture
def desk(shop: Shop, trunks: LiveKitTrunks) -> Desk:
    return Desk(shop, trunks)


@pytest.mark.parametrize("carrier", ["acme", POOL])
def test_a_number_is_in_the_trunk_and_led_to_its_host_and_leaves_it_when_it_goes_elsewhere(
    shop: Shop, account: str, desk: Desk, server: LiveKitServer, carrier: str
) -> None:
    rental = buy(shop, account, carrier=carrier, connection_id=connection(shop, account, ROUTE))
    assert desk.stands(rental).state is ConnectionState.PENDING
    assert told(shop, "number.connected") == []
    desk.work()
    assert server.trunks == {TRUNK: [rental.e164]}
    assert desk.stands(rental).state is ConnectionState.ACTIVE
    assert len(told(shop, "number.connected")) == 1
    if carrier == "acme":
        assert shop.acme.switchboard.set[rental.e164].route == SIP
    assign(shop, rental, connection(shop, account, HOOK))
    desk.work()
    assert (server.trunks, shop.count("trunk_numbers")) == ({TRUNK: []}, 0)
    shop.verified()


@pytest.mark.parametrize("moved", [False, True])
def test_a_number_stays_in_a_trunk_that_another_connection_of_it_has_too(
    shop: Shop,
    account: str,
    desk: Desk,
    server: LiveKitServer,
    moved: bool,  # noqa: FBT001  to another account, or from one connection to the other
) -> None:
    owner = shop.account(20 * PRICE) if moved else account
    other = connection(shop, owner, ROUTE)  # the older one, which the server is told of first
    rental = buy(shop, account, carrier=POOL, connection_id=connection(shop, account, ROUTE))
    desk.work()
    if moved:
        rental = transfer(shop, owner, rental.e164)
    assign(shop, rental, other)
    for seconds in (0, 60):
        desk.work(seconds)
    assert (server.trunks, shop.count("trunk_numbers")) == ({TRUNK: [rental.e164]}, 1)
    assign(shop, rental, None)
    desk.work()
    assert (server.trunks, shop.count("trunk_numbers")) == ({TRUNK: []}, 0)
    shop.verified()


def test_a_number_that_is_given_back_or_moved_leaves_the_trunk(
    shop: Shop, account: str, desk: Desk, server: LiveKitServer
) -> None:
    mine = connection(shop, account, ROUTE)
    given_back = buy(shop, account, connection_id=mine)
    moved = buy(shop, account, carrier=POOL, connection_id=mine)
    desk.work()
    assert set(server.trunks[TRUNK]) == {given_back.e164, moved.e164}
    shop.release(account, given_back.e164)
    transfer(shop, shop.account(20 * PRICE), moved.e164)
    desk.work()
    assert server.trunks == {TRUNK: []}
    shop.verified()


def test_what_a_server_refuses_is_told_in_words_and_tried_again_until_it_takes_the_number(
    shop: Shop, account: str, desk: Desk, server: LiveKitServer
) -> None:
    server.keys[API_KEY] = "another-secret-since-somebody-changed-it"
    rental = buy(shop, account, carrier=POOL, connection_id=connection(shop, account, ROUTE))
    for seconds in (0, 2, 10):
        desk.work(seconds)
    stands = desk.stands(rental)
    said = "LiveKit: the server does not take the API key, or its secret, for changing SIP trunks"
    assert (stands.state, stands.message) == (ConnectionState.FAILED, said)
    ((_, payload),) = told(shop, "number.connection_failed")
    assert said in payload
    server.keys[API_KEY] = API_SECRET
    server.lies = True
    desk.work(60)
    assert "says yes, and its trunk is not as it was asked for" in desk.stands(rental).message
    server.lies = False
    server.down = True
    desk.work(300)
    assert desk.stands(rental).message == "LiveKit: no connection in time"
    server.down = False
    del server.trunks[TRUNK]
    desk.work(3600)
    assert desk.stands(rental).message == f"LiveKit: the server has no inbound trunk {TRUNK}"
    server.trunks[TRUNK] = []
    desk.work(6 * 3600)
    assert desk.stands(rental).state is ConnectionState.ACTIVE
    assert API_SECRET not in str([shop.rows(f"SELECT * FROM {one}") for one in ("events", "connections")])  # noqa: S608  ours


def test_a_number_that_somebody_took_off_the_trunk_is_found_and_put_back(
    shop: Shop, account: str, desk: Desk, server: LiveKitServer
) -> None:
    rental = buy(shop, account, carrier=POOL, connection_id=connection(shop, account, ROUTE))
    other = buy(shop, account, connection_id=rental.connection_id)
    desk.work()
    assert (desk.look(301), desk.findings()) == (2, [])
    server.trunks[TRUNK].remove(rental.e164)
    asked = len(server.asked)
    assert desk.look(86_401) == 2
    assert len(server.asked) == asked + 1  # one question for a trunk, however many numbers it has
    assert desk.findings() == [(POOL, FindingKind.TRUNK_DRIFTED, FindingState.OPEN)]
    assert desk.stands(rental).message == OFF_TRUNK
    assert desk.stands(other).state is ConnectionState.ACTIVE
    resolution = ResolveFinding(POOL, rental.e164, None, FindingResolution.PUT_BACK, "1", shop.now)
    shop.writer.apply(resolve_findings, resolution)
    desk.work()
    assert set(server.trunks[TRUNK]) == {rental.e164, other.e164}
    assert desk.findings() == [(POOL, FindingKind.TRUNK_DRIFTED, FindingState.ENDED)]
    server.trunks[TRUNK].remove(rental.e164)
    desk.look(86_401)
    assign(shop, rental, rental.connection_id)  # its customer puts it back, too
    desk.work()
    assert rental.e164 in server.trunks[TRUNK]


def test_diagnose_looks_into_the_trunk(shop: Shop, account: str, desk: Desk, server: LiveKitServer) -> None:
    rental = buy(shop, account, carrier=POOL, connection_id=connection(shop, account, ROUTE))
    desk.work()

    def says() -> str:
        asked = diagnose(
            account,
            rental.e164,
            None,
            read=shop.reader,
            carriers=shop.carriers,
            vault=VAULT,
            now=lambda: shop.now,
            may_ask=lambda: True,
            trunks=desk.trunks,
            refusal_of_call=lambda _tx, _number: "",
        )
        found = shop.tell(asked)
        assert found is not None
        return found.sentence

    assert says().startswith("Nothing is wrong")
    server.down = True
    assert "LiveKit: no connection in time" in says()
    server.down = False
    server.trunks[TRUNK] = []
    assert says().startswith("The LiveKit trunk does not have the number any more")


def test_a_change_of_mind_while_the_server_is_told_counts_and_the_older_answer_does_not(
    shop: Shop, account: str, desk: Desk, server: LiveKitServer
) -> None:
    rental = buy(shop, account, carrier=POOL, connection_id=connection(shop, account, ROUTE))
    due = fill_trunks(shop.writer, shop.reader, desk.trunks, VAULT, lambda: shop.now)
    row_id = trunk_number_id(rental.connection_id or "", rental.e164)

    async def changed_meanwhile() -> None:
        row = await shop.reader.look_up(lambda tx: find_trunk_numbers(tx, [row_id])[row_id])
        answer = await due.act(row)
        assign(shop, rental, None)
        await due.note(row, answer)

    shop.tell(changed_meanwhile())
    assert server.trunks == {TRUNK: [rental.e164]}
    desk.work()
    assert (server.trunks, shop.count("trunk_numbers")) == ({TRUNK: []}, 0)
    assert told(shop, "number.connected") == []


def test_a_trunk_with_numbers_is_not_exchanged_and_its_connection_is_deleted_when_they_are_out(
    shop: Shop, account: str, desk: Desk, server: LiveKitServer
) -> None:
    mine = connection(shop, account, ROUTE)
    rental = buy(shop, account, carrier=POOL, connection_id=mine)
    desk.work()
    with shop.database.read() as tx:
        kept = find_connections(tx, [mine])[mine]
    with pytest.raises(ConnectionInUse, match="1 number is in its trunk"):
        change(shop, kept, ROUTE._replace(trunk_id="ST_other"))
    change(shop, kept, ROUTE._replace(targets=(SipTarget("sip:other.sip.livekit.cloud"),)))
    server.open_trunks.clear()  # then LiveKit refuses to leave a trunk without any number
    assign(shop, rental, None)
    with pytest.raises(ConnectionInUse, match="1 number is being taken off its trunk"):
        remove(shop, mine, account)
    for seconds in (0, 2, 10):
        desk.work(seconds)
    remove(shop, mine, account)
    assert (server.trunks, shop.count("trunk_numbers")) == ({TRUNK: [rental.e164]}, 0)


def test_of_the_operators_trunk_customers_are_not_told_what_its_server_said(
    shop: Shop, account: str, desk: Desk, server: LiveKitServer
) -> None:
    del server.trunks[TRUNK]
    rental = buy(shop, account, carrier=POOL, connection_id=connection(shop, None, ROUTE))
    for seconds in (0, 2, 10):
        desk.work(seconds)
    assert desk.stands(rental).message == "LiveKit: the operator's trunk has not taken it"
    ((_, payload),) = told(shop, "number.connection_failed")
    assert TRUNK not in payload


def test_what_is_said_of_a_number_that_is_off_its_trunk() -> None:
    known = Symptoms(
        RentalState.ACTIVE, AccountState.ACTIVE, 1, "con_1", ConnectionState.ACTIVE, OFF_TRUNK, None, "", ()
    )
    assert sentence(known).startswith("The LiveKit trunk does not have the number any more")
