"""`serve` and `worker` as processes: the demo, the first start, the stop, the restart."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx

from numberdesk.cli.demo_history import RENTED
from testbed import nursery
from tests.cli.conftest import PATIENCE, Running, Start, environment

BUY = {
    "phone_number": "+13612738809",
    "price": 1.15,
    "per_minute_price_inbound": 0.0085,
    "per_minute_price_outbound": 0.0945,
}


def _ran(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return nursery.run("numberdesk", *arguments, cwd=folder, env=environment(**settings), timeout=PATIENCE)


def _demo(start: Start) -> Running:
    return start("serve", "--demo", "--port", "0", until="available-numbers")


def test_the_demo_sells_the_documented_number_with_the_line_it_prints(start: Start, tmp_path: Path) -> None:
    demo = _demo(start)
    assert httpx.get(f"{demo.url}/balance/", headers=demo.key).json()["data"]["available"] == 100
    line = demo.said[demo.said.index("curl -X POST") : demo.said.index("Others are listed")]
    answers = [
        subprocess.run(["sh", "-c", f"{line.strip()} -sS"], capture_output=True, text=True, timeout=30, check=True)
        for _ in range(2)
    ]
    assert answers[0].stdout == answers[1].stdout
    body = json.loads(answers[0].stdout)
    assert body["message"] == "Phone number purchased successfully"
    assert (body["data"]["phone_number"], body["data"]["price"], body["data"]["status"]) == (
        "+13612738809",
        1.15,
        "active",
    )
    assert httpx.get(f"{demo.url}/balance/", headers=demo.key).json()["data"]["available"] == 98.85
    offers = httpx.get(f"{demo.url}/phone-numbers/available-numbers/US/?page_size=100", headers=demo.key)
    numbers = [item["phone_number"] for item in offers.json()["data"]]
    assert all(re.fullmatch(r"\+1\d{3}55501\d\d", number) for number in numbers)
    assert len(numbers) == 100
    assert (tmp_path / "var" / "demo.db").exists()
    assert demo.stop() == 0


def test_an_idle_connection_is_kept_open_as_long_as_set(start: Start) -> None:
    running = start("serve", "--port", "0", until="API reference", idle_timeout_seconds="1")
    with socket.create_connection(running.address, timeout=30) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        while connection.recv(65_536):
            pass  # the body, then the end


def test_the_first_offer_of_the_demo_is_the_documented_number(start: Start) -> None:
    demo = _demo(start)
    offers = httpx.get(f"{demo.url}/phone-numbers/available-numbers/US/", headers=demo.key).json()["data"]
    assert offers[0]["phone_number"] == "+13612738809"
    assert (offers[0]["price"], offers[0]["per_minute_price_inbound"], offers[0]["per_minute_price_outbound"]) == (
        1.15,
        0.0085,
        0.0945,
    )


def test_a_demo_started_again_goes_on_where_it_was(start: Start) -> None:
    first = _demo(start)
    bought = httpx.post(f"{first.url}/phone-numbers/buy/", json=BUY, headers=first.key)
    assert bought.status_code == 200
    first.process.kill()
    first.process.wait()
    second = _demo(start)
    for key in (first.key, second.key):
        assert httpx.get(f"{second.url}/balance/", headers=key).json()["data"]["posted"] == 98.85
        assert httpx.post(f"{second.url}/phone-numbers/buy/", json=BUY, headers=key).content == bought.content


def test_a_demo_prints_a_number_that_is_for_sale_now_and_begins_anew_with_fresh(start: Start, tmp_path: Path) -> None:
    first = _demo(start)
    assert "+13612738809" in first.said
    httpx.post(f"{first.url}/phone-numbers/buy/", json=BUY, headers=first.key)
    assert first.stop() == 0
    second = _demo(start)
    line = second.said[second.said.index("curl -X POST") : second.said.index("Others are listed")]
    assert "+13615550100" in line
    answer = subprocess.run(["sh", "-c", f"{line.strip()} -sS"], capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(answer.stdout)["data"]["phone_number"] == "+13615550100"
    assert second.stop() == 0
    fresh = start("serve", "--demo", "--fresh", "--port", "0", until="available-numbers")
    assert "+13612738809" in fresh.said
    assert httpx.get(f"{fresh.url}/balance/", headers=fresh.key).json()["data"]["available"] == 100
    assert httpx.get(f"{fresh.url}/balance/", headers=second.key).status_code == 401
    before = (tmp_path / "var" / "demo.db").stat().st_ino
    refused = _ran(tmp_path, "serve", "--demo", "--fresh", "--port", "0")  # it would take away what is served
    assert (refused.returncode, "is serving" in refused.stderr) == (1, True)
    assert (tmp_path / "var" / "demo.db").stat().st_ino == before


def test_the_demo_leaves_a_database_with_real_accounts_alone(tmp_path: Path) -> None:
    real = "sqlite:///real.db"
    for made in (("db", "upgrade"), ("accounts", "create", "Real", "--currency", "USD")):
        assert _ran(tmp_path, *made, database_url=real).returncode == 0
    before = (tmp_path / "real.db").read_bytes()
    for more, said in (((), "this one holds accounts"), (("--fresh",), "real.db holds accounts")):
        refused = _ran(tmp_path, "serve", "--demo", *more, "--port", "0", database_url=real)
        assert (refused.returncode, said in refused.stderr) == (1, True)
        assert (tmp_path / "real.db").read_bytes() == before


def test_a_fresh_start_says_what_to_do_next(start: Start) -> None:
    server = start("serve", "--port", "0", until="inventory import FILE.csv")
    for command in ("accounts create", "keys create", "wallet top-up"):
        assert f"numberdesk {command}" in server.said
    answer = httpx.get(f"{server.url}/balance/")
    assert answer.status_code == 401
    assert server.stop(signal.SIGINT) == 0


def test_a_taken_port_is_a_clear_refusal(start: Start, tmp_path: Path) -> None:
    server = start("serve", "--port", "0", until="Numberdesk on")
    port = server.url.split(":")[2].partition("/")[0]
    again = _ran(tmp_path, "serve", "--port", port)
    assert again.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in again.stderr


def test_a_stop_loses_nothing_that_was_accepted(start: Start) -> None:
    demo = _demo(start)
    offers = httpx.get(f"{demo.url}/phone-numbers/available-numbers/US/?page_size=80", headers=demo.key).json()["data"]
    bought: list[str] = []
    with httpx.Client(headers=demo.key) as client:
        for place, offer in enumerate(offers):
            if place == 40:
                demo.process.send_signal(signal.SIGTERM)
            try:
                answer = client.post(
                    f"{demo.url}/phone-numbers/buy/", json={"phone_number": offer["phone_number"], "price": 1.15}
                )
            except httpx.TransportError:
                break
            if answer.status_code == 200:
                bought.append(offer["phone_number"])
    assert demo.process.wait(30) == 0
    assert len(bought) >= 40
    again = _demo(start)
    rented = [number for number in _all_rented(again) if number != RENTED]  # the balance is what that one left
    assert set(bought) <= set(rented)
    balance = httpx.get(f"{again.url}/balance/", headers=again.key).json()["data"]["posted"]
    assert balance == round(100 - 1.15 * len(rented), 2)


def test_commands_work_beside_a_running_server(start: Start, tmp_path: Path) -> None:
    demo = _demo(start)

    def run(*arguments: str) -> Any:
        done = _ran(tmp_path, *arguments, "--json", database_url="sqlite:///var/demo.db")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    run("wallet", "top-up", "Demo", "50")
    assert httpx.get(f"{demo.url}/balance/", headers=demo.key).json()["data"]["posted"] == 150
    httpx.post(f"{demo.url}/phone-numbers/buy/", json=BUY, headers=demo.key)
    (order,) = (each for each in run("orders", "list") if each["phone_number"] != RENTED)
    assert run("orders", "show", order["id"]) == order
    assert run("verify")["ok"] is True


def test_the_worker_alone_stops_when_told(start: Start) -> None:
    assert start("serve", "--port", "0", until="Numberdesk on").stop() == 0  # which makes the database
    worker = start("worker", until="the worker runs")
    assert worker.stop() == 0


def _all_rented(demo: Running) -> list[str]:
    found: list[str] = []
    token: str | None = ""
    while token is not None:
        answer = httpx.get(
            f"{demo.url}/phone-numbers/", params={"page_size": 100, "page_token": token}, headers=demo.key
        ).json()
        found += [item["phone_number"] for item in answer["data"]]
        token = answer["page"]["next"]
    return found
