"""What a client sees of each fault, at the socket: bytes, ends and resets."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator

import httpx
import pytest

from carrier_mock.delivery import BOMB_BYTES, HUGE_BYTES, bomb
from carrier_mock.faults import Fault
from carrier_mock.model import Api, Operation
from carrier_mock.running import Config
from carrier_mock.settings import State
from testbed.carrier_mock import MAGIC, MockUrls, simulated
from tests.carrier_mock.asking import KEY, SID, Telnyx, Twilio

SUCCEEDS = "+15005550006"
APIS = pytest.mark.parametrize("api", list(Api))
PATIENCE = 10.0


def order_of(api: Api, number: str) -> bytes:
    """An order as it goes over the wire."""
    if api is Api.TWILIO:
        body = f"PhoneNumber=%2B{number[1:]}&FriendlyName=ord_1"
        target, kind = f"/2010-04-01/Accounts/{SID}/IncomingPhoneNumbers.json", "application/x-www-form-urlencoded"
        key = "Basic " + httpx.BasicAuth(SID, "secret")._auth_header.removeprefix("Basic ")
    else:
        body = json.dumps({"phone_numbers": [{"phone_number": number}], "customer_reference": "ord_1"})
        target, kind, key = "/v2/number_orders", "application/json", f"Bearer {KEY}"
    lines = [
        f"POST {target} HTTP/1.1", "Host: mock", f"Authorization: {key}", f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
    ]  # fmt: skip
    return "\r\n".join((*lines, "", body)).encode()


@contextlib.contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as sock:
        yield sock


@pytest.fixture
def prepared(sim: MockUrls, telnyx: Telnyx) -> MockUrls:
    """Telnyx sells what was searched for."""
    telnyx.found(national_destination_code="500", limit=250)
    return sim


def bought(sim: MockUrls, api: Api, number: str) -> bool:
    """Whether a number is on the account; orders are handled before anything else is asked."""
    return [one.phone_number for one in sim.control.purchases(api=api, live=True)] == [number]


def everything(sock: socket.socket) -> bytes:
    """All that comes until the end. Raises ConnectionResetError for a reset."""
    pieces = []
    while piece := sock.recv(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@APIS
@pytest.mark.parametrize(("fault", "happens"), [(Fault.SILENCE, True), (Fault.LOST, False)])
def test_an_answer_that_never_comes_leaves_the_connection_open(
    prepared: MockUrls,
    api: Api,
    fault: Fault,
    happens: bool,  # noqa: FBT001  a case of a table
) -> None:
    with connected(prepared.url) as sock:
        sock.sendall(order_of(api, MAGIC[fault]))
        sock.settimeout(0.15)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert bought(prepared, api, MAGIC[fault]) is happens


@APIS
@pytest.mark.parametrize(("fault", "happens"), [(Fault.RESET, True), (Fault.LOST_RESET, False)])
def test_a_reset_is_a_reset(
    prepared: MockUrls,
    api: Api,
    fault: Fault,
    happens: bool,  # noqa: FBT001  a case of a table
) -> None:
    with connected(prepared.url) as sock:
        sock.sendall(order_of(api, MAGIC[fault]))
        with pytest.raises(ConnectionResetError):
            everything(sock)
    assert bought(prepared, api, MAGIC[fault]) is happens


@APIS
def test_an_answer_that_is_cut_off_claims_more_than_it_has(prepared: MockUrls, api: Api) -> None:
    with connected(prepared.url) as sock:
        sock.sendall(order_of(api, MAGIC[Fault.CUT_OFF]))
        head, _, body = everything(sock).partition(b"\r\n\r\n")
    claimed = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert 0 < len(body) < claimed
    assert bought(prepared, api, MAGIC[Fault.CUT_OFF])


@APIS
def test_json_that_is_cut_is_a_whole_answer(prepared: MockUrls, twilio: Twilio, telnyx: Telnyx, api: Api) -> None:
    number = MAGIC[Fault.CUT_JSON]
    answer = twilio.buy(number) if api is Api.TWILIO else telnyx.order(number)
    assert answer.status_code in (200, 201)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()
    assert bought(prepared, api, number)


@APIS
def test_a_dripping_answer_comes_byte_by_byte_and_is_whole_in_the_end(prepared: MockUrls, api: Api) -> None:
    with connected(prepared.url) as sock:
        sock.sendall(order_of(api, MAGIC[Fault.DRIP]))
        assert sock.recv(1000) == b"H"
        assert bought(prepared, api, MAGIC[Fault.DRIP])
    prepared.control.arm(Fault.DRIP, seconds=0)
    with connected(prepared.url) as sock:
        sock.sendall(order_of(api, SUCCEEDS).replace(b"Host:", b"Connection: close\r\nHost:"))
        assert SUCCEEDS in str(json.loads(body_of(everything(sock))))


def test_a_huge_answer_has_a_hundred_million_bytes_of_json(prepared: MockUrls) -> None:
    with connected(prepared.url) as sock:
        sock.sendall(order_of(Api.TWILIO, MAGIC[Fault.HUGE]))
        first = sock.recv(4096)
        size = len(first)
        while piece := sock.recv(4 << 20):
            size += len(piece)
    head, _, body = first.partition(b"\r\n\r\n")
    assert f"Content-Length: {HUGE_BYTES}".encode() in head
    assert size - len(head) - 4 == HUGE_BYTES
    assert json.loads(body.rstrip(b" "))["phone_number"] == MAGIC[Fault.HUGE]


def test_a_client_may_leave_a_huge_answer_and_the_mock_goes_on(prepared: MockUrls, twilio: Twilio) -> None:
    with connected(prepared.url) as sock:
        sock.sendall(order_of(Api.TELNYX, MAGIC[Fault.HUGE]))
        assert f"Content-Length: {HUGE_BYTES}".encode() in sock.recv(4096)
    assert twilio.numbers() == []
    assert bought(prepared, Api.TELNYX, MAGIC[Fault.HUGE])


@APIS
def test_a_bomb_is_small_on_the_way(prepared: MockUrls, api: Api) -> None:
    with connected(prepared.url) as sock:
        sock.sendall(order_of(api, MAGIC[Fault.BOMB]))
        head, _, body = everything(sock).partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert len(body) < 1_000_000
    assert zlib.decompressobj(31).decompress(body, 10_000_000) == b" " * 10_000_000
    assert bought(prepared, api, MAGIC[Fault.BOMB])


def test_a_bomb_is_one_gzip_stream_with_its_content_at_the_end() -> None:
    unpack, left, size, tail = zlib.decompressobj(31), bomb(b'{"a": 1}'), 0, b""
    while not unpack.eof:
        plain = unpack.decompress(left, 16 << 20)
        left, size, tail = unpack.unconsumed_tail, size + len(plain), plain or tail
    assert size == BOMB_BYTES + len(b'{"a": 1}')
    assert tail.lstrip() == b'{"a": 1}'


@APIS
def test_the_remaining_faults_are_ordinary_answers(
    prepared: MockUrls, twilio: Twilio, telnyx: Telnyx, api: Api
) -> None:
    def order(number: str) -> httpx.Response:
        return twilio.buy(number) if api is Api.TWILIO else telnyx.order(number)

    prepared.control.arm(Fault.SLOW, seconds=0.01)
    assert order(SUCCEEDS).status_code < 300
    statuses = {fault: order(MAGIC[fault]).status_code for fault in (
        Fault.ERROR, Fault.LOST_ERROR, Fault.UNAUTHORIZED, Fault.THROTTLED, Fault.HTML, Fault.OTHER_NUMBER,
        Fault.PENDING, Fault.PENDING_FAILED, Fault.OTHER_PRICE,
    )}  # fmt: skip
    ok = 201 if api is Api.TWILIO else 200
    assert list(statuses.values()) == [500, 500, 401, 429, 200, ok, ok, ok, ok]
    assert order("+15005550000").status_code == (400 if api is Api.TWILIO else 422)
    assert order("+15005550001").status_code == (400 if api is Api.TWILIO else 422)


def test_a_slow_answer_comes_later_and_the_number_is_bought_at_once(prepared: MockUrls) -> None:
    prepared.control.arm(Fault.SLOW, seconds=0.5)
    with connected(prepared.url) as sock:
        sock.sendall(order_of(Api.TWILIO, SUCCEEDS))
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert bought(prepared, Api.TWILIO, SUCCEEDS)
        sock.settimeout(PATIENCE)
        assert sock.recv(20).startswith(b"HTTP/1.1 201")


@APIS
def test_of_many_who_order_one_number_at_once_one_gets_it(prepared: MockUrls, api: Api) -> None:
    answers: list[bytes] = []

    def order() -> None:
        with connected(prepared.url) as sock:
            sock.sendall(order_of(api, SUCCEEDS))
            answers.append(sock.recv(12))

    threads = [threading.Thread(target=order) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted(int(answer[9:]) for answer in answers)
    assert statuses == ([201] + [400] * 9 if api is Api.TWILIO else [200] + [409] * 9)
    assert prepared.control.number(SUCCEEDS).bought == 1
    assert prepared.control.number(SUCCEEDS).ordered == 10


def test_a_carrier_that_is_down_refuses_connections_on_its_own_port(prepared: MockUrls) -> None:
    urls = {Api.TWILIO: prepared.twilio_url, Api.TELNYX: prepared.telnyx_url}
    with connected(urls[Api.TWILIO]) as kept:
        kept.sendall(b"GET /v2/balance HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(12) == b"HTTP/1.1 401"
        prepared.control.set_carrier(Api.TWILIO, state=State.DOWN)
        with pytest.raises(ConnectionResetError):
            everything(kept)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError), connected(urls[Api.TWILIO]):
            pass
    with connected(prepared.url) as sock:
        sock.sendall(order_of(Api.TWILIO, SUCCEEDS))
        with pytest.raises(ConnectionResetError):
            everything(sock)
    with connected(urls[Api.TELNYX]) as sock:
        sock.sendall(order_of(Api.TELNYX, SUCCEEDS))
        assert sock.recv(12) == b"HTTP/1.1 200"
    assert prepared.control.attempts(api=Api.TWILIO) == []


def test_a_carrier_comes_up_again_on_the_same_port(prepared: MockUrls) -> None:
    for _ in range(3):
        prepared.control.set_carrier(Api.TELNYX, state=State.DOWN)
        prepared.control.set_carrier(Api.TELNYX, state=State.UP)
        with connected(prepared.telnyx_url) as sock:
            sock.sendall(b"GET /v2/balance HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(12) == b"HTTP/1.1 401"


def test_a_carrier_that_hangs_takes_requests_and_does_nothing(prepared: MockUrls, telnyx: Telnyx) -> None:
    prepared.control.set_carrier(Api.TWILIO, state=State.HANGING)
    with connected(prepared.twilio_url) as sock:
        sock.sendall(order_of(Api.TWILIO, SUCCEEDS))
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    assert telnyx.numbers() == []
    assert prepared.control.attempts() == []


def test_a_mock_stops_though_answers_are_due() -> None:
    with contextlib.ExitStack() as stack:
        with simulated(Config(numbers=50)) as sim:
            faults = (Fault.SILENCE, Fault.DRIP, Fault.HUGE, Fault.SLOW)
            socks = [stack.enter_context(connected(sim.url)) for _ in faults]
            for sock, fault in zip(socks, faults, strict=True):
                sock.sendall(order_of(Api.TWILIO, MAGIC[fault]))
            while sum(sim.control.struck().values()) < 4:
                pass
        for sock in socks:
            with pytest.raises(ConnectionResetError):
                everything(sock)


def test_a_fault_holds_up_nobody_else(prepared: MockUrls, twilio: Twilio) -> None:
    prepared.control.arm(Fault.SILENCE, operation=Operation.SEARCH, times=20)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(connected(prepared.url))
            sock.sendall(
                b"GET /v2/available_phone_numbers?filter[country_code]=US HTTP/1.1\r\nHost: x\r\n"
                b"Authorization: Bearer x\r\n\r\n"
            )
        begun = time.monotonic()
        while prepared.control.struck() != {Fault.SILENCE: 20}:
            assert time.monotonic() < begun + PATIENCE
        assert twilio.buy(SUCCEEDS).status_code == 201
