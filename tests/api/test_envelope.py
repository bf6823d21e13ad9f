"""Every answer, on every path: the envelope, the request id, CORS, and nothing that leaks."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import httpx
import pytest

from numberdesk.api.endpoint import ENDPOINTS
from numberdesk.api.errors import STATUSES
from numberdesk.core.errors import BY_CODE
from tests.api.conftest import Customer, Shop

ENGINES_TAKE_TURNS = "what is wrong in a request is seen before the database is asked"

PLAYGROUND = "https://playground.example"


def _check_failure(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"success", "message", "error", "request_id"}
    assert body["success"] is False
    assert body["message"]
    assert body["error"]["code"] == code
    assert isinstance(body["error"]["details"], dict)
    assert body["request_id"] == answer.headers["x-request-id"]


def test_every_error_code_has_a_status() -> None:
    assert set(STATUSES) == set(BY_CODE)


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing/", "/api/v1", "/api/v1/phone-numbers/a/b/c", "//"])
def test_a_path_that_is_not_there_is_404_in_the_envelope(shop: Shop, path: str) -> None:
    _check_failure(httpx.get(shop.url + path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/phone-numbers/buy/", "OPTIONS, POST"),
        ("DELETE", "/balance", "GET, HEAD, OPTIONS"),
        ("PUT", "/phone-numbers/+13612738809/", "GET, HEAD, OPTIONS, PATCH"),
        ("TRACE", "/balance/", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_405_in_the_envelope(shop: Shop, method: str, path: str, allowed: str) -> None:
    answer = shop.customer().http.request(method, path)
    _check_failure(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "secret",
        "nd_live_" + "x" * 46,
        "nd_live_" + "\u00e9" * 46,
        "x" * 10_000,
    ],
)
def test_a_missing_or_wrong_key_is_401(shop: Shop, key: str | None) -> None:
    headers = [] if key is None else [(b"X-Api-Key", key.encode("latin-1"))]
    _check_failure(shop.client().get("/balance/", headers=headers), 401, "invalid_api_key")


def test_a_key_with_one_character_changed_is_401(shop: Shop) -> None:
    key = shop.customer().key
    changed = key[:-1] + ("a" if key[-1] != "a" else "b")
    _check_failure(shop.client().get("/balance/", headers={"X-Api-Key": changed}), 401, "invalid_api_key")


@pytest.mark.parametrize(("method", "path"), [(each.method, each.path) for each in ENDPOINTS], ids=str)
def test_every_endpoint_wants_a_key_and_its_scope(shop: Shop, method: str, path: str) -> None:
    target = re.sub(r"\{number:str\}", "+13612738809", path)
    target = re.sub(r"\{\w+:str\}", "US", target)
    _check_failure(shop.client().request(method, target), 401, "invalid_api_key")
    scope = "keys:manage" if path.startswith("/usage/") else "usage:write"
    _check_failure(shop.customer(0, (scope,)).http.request(method, target), 403, "forbidden")


def test_a_revoked_key_stops_working_within_a_second(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()
    owner = shop.customer()
    other = shop.with_key(owner.account_id)
    assert other.http.get("/balance/").status_code == 200
    listed = owner.http.get("/api-keys/").json()["data"]
    (key_id,) = [each["id"] for each in listed if each["starts_with"] == other.key[:12]]
    revoked = owner.http.delete(f"/api-keys/{key_id}/")
    assert revoked.json()["data"]["revoked_at"]
    assert owner.http.delete(f"/api-keys/{key_id}/").content == revoked.content
    deadline = revoked.elapsed.total_seconds() + 30
    while other.http.get("/balance/").status_code == 200 and deadline > 0:
        deadline -= 0.01
    _check_failure(other.http.get("/balance/"), 401, "invalid_api_key")
    assert owner.http.get("/balance/").status_code == 200


def test_a_key_can_only_give_scopes_that_it_has(shop: Shop) -> None:
    limited = shop.customer(0, ("keys:manage", "numbers:read"))
    _check_failure(limited.http.post("/api-keys/", json={"scopes": ["numbers:buy"]}), 403, "forbidden")
    _check_failure(limited.http.post("/api-keys/", json={"scopes": ["admin"]}), 403, "forbidden")
    made = limited.http.post("/api-keys/", json={"name": "reader"}).json()["data"]
    assert made["scopes"] == ["numbers:read", "keys:manage"]
    assert shop.client().get("/phone-numbers/", headers={"X-Api-Key": made["key"]}).status_code == 200
    assert "key" not in limited.http.get(f"/api-keys/{made['id']}/").json()["data"]


def test_an_expired_key_is_401(shop: Shop) -> None:
    owner = shop.customer()
    made = owner.http.post("/api-keys/", json={"expires_at": "2099-01-01T00:00:00+02:00"})
    assert made.json()["data"]["expires_at"] == "2098-12-31T22:00:00Z"


def test_a_browser_may_ask_before_it_calls(shop: Shop) -> None:
    answer = httpx.options(
        f"{shop.url}/api/v1/phone-numbers/buy/",
        headers={
            "Origin": PLAYGROUND,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-api-key,content-type,idempotency-key",
        },
    )
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] in ("*", PLAYGROUND)
    methods = {method.strip() for method in answer.headers["access-control-allow-methods"].split(",")}
    assert methods >= {"GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"}
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("x-api-key", "content-type", "idempotency-key"))
    assert answer.headers["x-request-id"]


def test_a_browser_may_read_errors_too(shop: Shop) -> None:
    origin = {"Origin": PLAYGROUND}
    customer = shop.customer()
    for answer in (
        httpx.get(f"{shop.url}/nothing", headers=origin),
        customer.http.get("/phone-numbers/buy/", headers=origin),
        shop.client().get("/balance/", headers=origin),
        customer.http.post("/phone-numbers/buy/", json={}, headers=origin),
        customer.http.get("/balance/", headers=origin),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "x-request-id" in answer.headers["access-control-expose-headers"].lower()


def test_origins_can_be_limited(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop(cors_origins="https://a.example, https://b.example")
    allowed = httpx.get(f"{shop.url}/healthz", headers={"Origin": "https://b.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://b.example"
    other = httpx.get(f"{shop.url}/healthz", headers={"Origin": "https://c.example"})
    assert "access-control-allow-origin" not in other.headers


def test_an_answer_says_that_it_varies_by_origin_whether_one_is_sent_or_not_and_says_it_once(shop: Shop) -> None:
    for _ in range(2):  # some answers are made once
        for headers in ({}, {"Origin": PLAYGROUND}):
            answers = [httpx.get(f"{shop.url}{path}", headers=headers) for path in ("/", "/healthz", "/nothing")]
            assert [answer.headers.get_list("vary") for answer in answers] == [["Origin"]] * 3
            allows = ["access-control-allow-origin" in answer.headers for answer in answers]
            assert allows == [bool(headers)] * 3


def test_health_and_readiness(shop: Shop) -> None:
    assert httpx.get(f"{shop.url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{shop.url}/readyz").json() == {"status": "ready"}


def test_every_answer_has_an_id_of_its_own(shop: Shop) -> None:
    ids = {httpx.get(f"{shop.url}{path}").headers["x-request-id"] for path in ("/healthz", "/nothing", "/docs") * 3}
    assert len(ids) == 9


def test_what_is_not_http_is_400_in_the_envelope(shop: Shop) -> None:
    with socket.create_connection(("127.0.0.1", shop.port), timeout=20) as connection:
        connection.sendall(b"HELLO\r\n\r\n")
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"invalid_request"' in answer
    assert b"x-request-id" in answer.lower()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # it never comes as far as the database
def test_a_client_that_drips_its_body_is_told_and_cut_off(shop: Shop) -> None:
    customer = shop.customer()
    head = (
        "POST /api/v1/phone-numbers/buy/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"X-Api-Key: {customer.key}\r\nContent-Length: 1000\r\n\r\n"
    )
    received = b""
    with socket.create_connection(("127.0.0.1", shop.port), timeout=0.2) as connection:
        connection.sendall(head.encode())
        for _ in range(200):
            try:
                connection.sendall(b" ")
                piece = connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            if not piece:
                break
            received += piece
        else:
            pytest.fail("the connection was left open")
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in received
    assert customer.balance() == 100


def test_a_rate_limited_key_is_429_with_the_time_to_wait(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop(rate_limit=1)
    customer, neighbour = shop.customer(), shop.customer()
    answers = [customer.http.get("/balance/") for _ in range(5)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    _check_failure(refused[0], 429, "rate_limited")
    assert int(refused[0].headers["retry-after"]) >= 1
    assert neighbour.http.get("/balance/").status_code == 200


def test_a_defect_is_500_that_leaks_nothing(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()
    customer = shop.customer()
    with shop.services.database.write() as tx:
        tx.run("ALTER TABLE rentals RENAME TO lost", [])
    answer = customer.http.get("/phone-numbers/")
    assert answer.status_code in (500, 503)
    assert "rentals" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # on PostgreSQL the disk is the server's
def test_a_full_disk_is_503_with_nothing_charged_and_mends_itself(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()
    customer, numbers = shop.customer(1_000), [shop.number() for _ in range(300)]
    with shop.services.database.write() as tx:
        tx.run("PRAGMA max_page_count = 1", [])  # SQLite takes the present size: not a page more
    answers = [customer.buy(number) for number in numbers]
    refused = [place for place, answer in enumerate(answers) if answer.status_code != 200]
    assert refused
    _check_failure(answers[refused[0]], 503, "overloaded")
    assert answers[refused[0]].headers["retry-after"]
    assert customer.balance() == round(1_000 - 1.15 * (len(numbers) - len(refused)), 2)
    assert len(_rented(customer)) == len(numbers) - len(refused)
    with shop.services.database.write() as tx:
        tx.run("PRAGMA max_page_count = 1000000", [])
    assert [customer.buy(numbers[place]).status_code for place in refused] == [200] * len(refused)
    assert customer.balance() == 655
    assert len(_rented(customer)) == 300


def _rented(customer: Customer) -> list[str]:
    found: list[str] = []
    token: str | None = ""
    while token is not None:
        page = customer.http.get("/phone-numbers/", params={"page_size": 100, "page_token": token}).json()
        found += [item["phone_number"] for item in page["data"]]
        token = page["page"]["next"]
    return found


def test_the_docs_load_nothing_from_other_hosts(shop: Shop) -> None:
    page = httpx.get(f"{shop.url}/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r'(?:src|href)="?(?:https?:)?//', page.text)
    assert "/api/v1/phone-numbers/buy" in httpx.get(f"{shop.url}/docs/numbers").text
    assert httpx.get(f"{shop.url}/docs/").status_code == 200


def test_head_is_answered_and_the_next_answer_is_not_taken_for_it(shop: Shop) -> None:
    with socket.create_connection(("127.0.0.1", shop.port), timeout=20) as connection:
        connection.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        head = connection.recv(65_536)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert head.endswith(b"\r\n\r\n")
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_head_is_answered_as_get_without_the_body(shop: Shop) -> None:
    customer = shop.customer()
    for path in ("/balance/", "/phone-numbers/", "/orders/ord_0", "/phone-numbers/available-numbers/US"):
        head, get = customer.http.head(path), customer.http.get(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        varying = {"x-request-id", "date"} | ({"content-length"} if get.status_code != 200 else set())
        assert {name: value for name, value in head.headers.items() if name not in varying} == {
            name: value for name, value in get.headers.items() if name not in varying
        }
    assert shop.client().head("/balance/").status_code == 401
    _check_allow(customer.http.head("/phone-numbers/buy/"), 405, "OPTIONS, POST")


def _check_allow(answer: httpx.Response, status: int, allowed: str) -> None:
    assert (answer.status_code, answer.headers["allow"]) == (status, allowed)


def test_options_name_the_methods_of_a_path(shop: Shop) -> None:
    for path, allowed in (
        ("/phone-numbers/buy/", "OPTIONS, POST"),
        ("/phone-numbers/+13612738809", "GET, HEAD, OPTIONS, PATCH"),
        ("/api-keys/key_1/", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/phone-numbers", "GET, HEAD, OPTIONS"),
    ):
        _check_allow(shop.client().options(path), 204, allowed)


def test_the_root_leads_to_the_reference(shop: Shop) -> None:
    client = shop.client()  # with patience: the first who asks waits until the pages are made
    answer = client.get(shop.url)
    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")
    assert client.get(shop.url, follow_redirects=True).status_code == 200


def test_a_key_may_come_as_a_bearer_token(shop: Shop) -> None:
    key = shop.customer(7).key
    for scheme in ("Bearer", "bearer"):
        answer = shop.client().get("/balance/", headers={"Authorization": f"{scheme} {key}"})
        assert answer.json()["data"]["posted"] == 7
    for wrong in (f"Basic {key}", key, "Bearer", f"Bearer {key} {key}", "Bearer nd_live_x"):
        refused = shop.client().get("/balance/", headers={"Authorization": wrong})
        _check_failure(refused, 401, "invalid_api_key")
        assert refused.headers["www-authenticate"] == "Bearer"


def test_two_headers_with_one_key_are_as_one_and_with_two_keys_a_mistake(shop: Shop) -> None:
    customer, other = shop.customer(1), shop.customer(2)
    answer = customer.http.get("/balance/", headers={"Authorization": f"Bearer {customer.key}"})
    assert answer.json()["data"]["posted"] == 1
    for key in (customer.key, "", "nd_live_x"):
        refused = shop.client().get("/balance/", headers={"X-Api-Key": key, "Authorization": f"Bearer {other.key}"})
        _check_failure(refused, 400, "invalid_request")
        assert refused.json()["error"]["details"]["field"] == "Authorization"
    other_scheme = customer.http.get("/balance/", headers={"Authorization": "Basic eDp5"})
    assert other_scheme.json()["data"]["posted"] == 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("X-Api-Key", ("nd_live_x", None)),
        ("Authorization", ("Bearer a", "Bearer b")),
        ("Content-Type", ("application/json", "text/plain")),
        ("Content-Encoding", ("identity", "gzip")),
        ("Idempotency-Key", ("a", "b")),
    ],
)
def test_a_header_that_says_two_things_is_400(shop: Shop, name: str, values: tuple[str, str | None]) -> None:
    customer = shop.customer()
    body = {"phone_number": shop.number(), "price": 1.15}
    sent = [(name, customer.key if value is None else value) for value in values]
    answer = customer.http.post("/phone-numbers/buy", json=body, headers=[*customer.http.headers.items(), *sent])
    _check_failure(answer, 400, "invalid_request")
    assert answer.json()["error"]["details"]["field"] == name
    assert customer.balance() == 100


def test_a_header_that_says_one_thing_twice_is_taken(shop: Shop) -> None:
    customer = shop.customer()
    headers = [("X-Api-Key", customer.key), ("Idempotency-Key", "k"), ("Accept", "a"), ("Accept", "b")]
    answer = shop.client().post(
        "/phone-numbers/buy", json={"phone_number": shop.number(), "price": 1.15}, headers=headers * 2
    )
    assert answer.status_code == 200


def test_nobody_keeps_an_answer_about_money_or_keys(shop: Shop) -> None:
    customer = shop.customer(0)
    for answer in (
        customer.http.get("/balance/"),
        customer.http.post("/api-keys/", json={}),
        customer.buy(shop.number()),
        shop.client().get("/balance/"),
    ):
        assert answer.headers["cache-control"] == "no-store"


def test_a_token_of_another_list_is_refused(shop: Shop) -> None:
    customer = shop.customer()
    for _ in range(2):
        customer.buy(shop.number())
    tokens = {
        path: customer.http.get(f"{path}?page_size=1").json()["page"]["next"]
        for path in ("/orders/", "/phone-numbers/", "/transactions/", "/phone-numbers/available-numbers/US/")
    }
    for path in tokens:
        for made_by, token in tokens.items():
            if token is not None:
                answer = customer.http.get(f"{path}?page_size=1&page_token={token}")
                assert answer.status_code == (200 if made_by == path else 400), (path, made_by)
