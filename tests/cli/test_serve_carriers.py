"""`serve --demo --carriers`: numbers of simulated carriers beside the demo's own, sold once and kept over a crash."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from numberdesk.carriers.port import Setup
from numberdesk.cli.demo_history import RENTED
from numberdesk.core.lifecycle import CarrierState
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.infra.settings import load_settings
from numberdesk.infra.vault import new_key
from numberdesk.wiring import Services, build
from testbed import nursery
from testbed.carrier_mock import Control
from testbed.egress import ALLOWED
from tests.cli.conftest import COMMAND, PATIENCE, Running, Start, environment
from tests.console.browser import Browser


def _demo(start: Start) -> Running:
    return start("serve", "--demo", "--carriers", "--port", "0", until="carrier-sim.md")


@contextmanager
def _control(demo: Running) -> Iterator[Control]:
    """The control of the simulated carriers, which say where they are."""
    found = re.search(r"twilio-demo at (http://[\d.]+:\d+)", demo.said)
    assert found is not None, demo.said
    with closing(Control(f"{found[1]}/control")) as control:
        yield control


def _offers(demo: Running, **query: str) -> list[dict[str, Any]]:
    path = f"{demo.url}/phone-numbers/available-numbers/US/"
    answer = httpx.get(path, params={"page_size": "100", **query}, headers=demo.key, timeout=30)
    return list(answer.raise_for_status().json()["data"])


def _buy(demo: Running, offer: dict[str, Any]) -> httpx.Response:
    names = ("phone_number", "price", "per_minute_price_inbound", "per_minute_price_outbound")
    body = {name: offer[name] for name in names}
    return httpx.post(f"{demo.url}/phone-numbers/buy/", json=body, headers=demo.key, timeout=30)


def test_numbers_of_simulated_carriers_are_searched_sold_once_and_released(start: Start) -> None:
    demo = _demo(start)
    with _control(demo) as control:
        own = {offer["phone_number"] for offer in _offers(demo, area_code="361")}
        assert "+13612738809" in own
        offered = _offers(demo, area_code="212")
        assert offered, "the line that the demo prints finds nothing"
        bought = offered[0]
        answers = [_buy(demo, bought) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json()["data"] == answers[1].json()["data"]
        [sold] = control.purchases(phone_number=bought["phone_number"])
        assert sold.reference.startswith("ord_")
        balance = httpx.get(f"{demo.url}/balance/", headers=demo.key).json()["data"]["available"]
        assert balance == 100 - bought["price"] - bought["setup_price"]
        released = httpx.delete(f"{demo.url}/phone-numbers/{bought['phone_number']}/release/", headers=demo.key)
        assert released.status_code == 200
    assert demo.stop() == 0


def test_the_key_of_the_demo_sets_up_a_webhook_at_an_address_of_this_machine(start: Start) -> None:
    demo = _demo(start)
    made = httpx.post(f"{demo.url}/webhooks/", json={"url": "http://127.0.0.1:9999/events"}, headers=demo.key)
    assert made.status_code == 200, made.text
    assert made.json()["data"]["secret"].startswith("whsec_")
    sent = httpx.post(f"{demo.url}/usage/calls/", json=[], headers=demo.key)
    assert sent.status_code == 200, sent.text


def test_what_was_sold_is_there_after_a_crash_of_the_demo_and_its_carriers(start: Start, tmp_path: Path) -> None:
    first = _demo(start)
    bought = _offers(first, area_code="212")[0]
    assert _buy(first, bought).status_code == 200
    first.process.kill()
    first.process.wait()
    assert (tmp_path / "var" / "demo.carriers.jsonl").exists()
    second = _demo(start)
    with _control(second) as control:
        assert len(control.purchases(phone_number=bought["phone_number"], live=True)) == 1
    rented = httpx.get(f"{second.url}/phone-numbers/", headers=second.key).json()["data"]
    assert {rental["phone_number"] for rental in rented} == {RENTED, bought["phone_number"]}
    assert bought["phone_number"] not in {offer["phone_number"] for offer in _offers(second, area_code="212")}
    assert _buy(second, _offers(second, area_code="212")[0]).status_code == 200


def test_commands_work_beside_the_demo_with_the_lines_it_prints(start: Start, tmp_path: Path) -> None:
    first = _demo(start)
    lines = re.findall(r"^  (export .+)$", first.said, re.MULTILINE)
    for command in ("check", "audit"):
        assert f"  numberdesk carriers {command}\n" in first.said
        done = _in_a_terminal(tmp_path, *lines, f"{' '.join(COMMAND)} carriers {command}")
        assert done.returncode == 0, done.stderr
    assert first.stop() == 0
    second = _demo(start)
    assert re.findall(r"^  (export .+)$", second.said, re.MULTILINE) == lines
    assert (tmp_path / "var" / "demo.credentials-key").stat().st_mode & 0o077 == 0


def test_the_line_that_the_demo_prints_finds_numbers_of_its_carriers(start: Start, tmp_path: Path) -> None:
    demo = _demo(start)
    [line] = re.findall(r"^curl .+area_code=212.*$", demo.said, re.MULTILINE)
    answer = json.loads(_in_a_terminal(tmp_path, f"{line} -sS").stdout)
    assert answer["success"] is True, answer
    assert answer["data"]


def test_the_demo_repeats_no_key_that_a_person_set(start: Start) -> None:
    key = new_key()
    demo = start(
        "serve", "--demo", "--carriers", "--port", "0", until="carrier-sim.md", credentials_key=key,
        database_url="sqlite:///other.db",
    )  # fmt: skip
    assert re.findall(r"^  (export .+)$", demo.said, re.MULTILINE) == [
        "export NUMBERDESK_DATABASE_URL=sqlite:///other.db",
        "export NUMBERDESK_EGRESS_ALLOW=127.0.0.1",
    ]
    assert key not in demo.said
    with _control(demo):
        assert _offers(demo, area_code="212")


def test_a_plain_demo_leaves_the_carriers_of_an_earlier_one_alone_until_they_are_simulated_again(start: Start) -> None:
    first = _demo(start)
    assert _offers(first, area_code="212")
    assert first.stop() == 0
    plain = start("serve", "--demo", "--port", "0", until="available-numbers")
    page = httpx.get(f"{plain.url}/phone-numbers/available-numbers/US/", headers=plain.key).json()
    assert page["data"]
    assert page["page"].get("incomplete", []) == []
    assert _offers(plain, area_code="212") == []
    assert _warnings(plain) == []
    assert plain.stop() == 0
    again = _demo(start)
    assert _offers(again, area_code="212")


def test_a_plain_demo_begins_its_carriers_with_the_first_rehearsal(start: Start) -> None:
    demo = start("serve", "--demo", "--port", "0", until="statement.html")
    operator = Browser(demo.url.removesuffix("/api/v1"))
    link = re.findall(r"http\S+(/console/link\?token=\S+)", demo.said)[1]
    operator.send(operator.get(link).form("/console/link"))
    page = operator.get("/console/rehearsal")
    assert "carriers not started" in page.text
    (form,) = [each for each in page.forms if each.fields.get("mishap") == ["sold"]]
    page = operator.send(form)
    assert "Refused." in page.text
    assert "Balance 100.00" in page.text
    assert "carriers answer" in operator.get("/console/rehearsal").text
    assert _offers(demo, area_code="212")
    assert demo.stop() == 0


def _in_a_terminal(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", "\n".join(lines)], cwd=folder, env=environment(), check=False, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)], ids=["serve", "worker"])
@pytest.mark.parametrize(
    ("key", "said"),
    [("", "there is no key for credentials"), ("garbage", "is no key"), (new_key(), "under another key")],
    ids=["none", "no key", "another"],
)
def test_a_start_without_the_key_warns_of_each_carrier_that_is_enabled(
    start: Start, tmp_path: Path, command: tuple[str, ...], key: str, said: str
) -> None:
    with _connected(tmp_path, "off", "on") as services:
        services.writer.apply(
            set_up_carriers(services.vault, services.egress),
            CarrierSetup("off", None, Setup({}), CarrierState.DISABLED, services.now()),
        )
    settings = {"database_url": f"sqlite:///{tmp_path}/books.db", "credentials_key": key, "egress_allow": ALLOWED}
    running = start(*command, until="Numberdesk on" if command[0] == "serve" else "the worker runs", **settings)
    (warning,) = _warnings(running)
    assert (warning["event"], warning["carrier"]) == ("carrier cannot be used", "on")
    assert said in warning["reason"]
    assert "the one" in warning["reason"]
    assert "new-key" not in warning["reason"]
    assert running.stop() == 0


def test_a_start_tells_how_to_connect_a_carrier_until_numbers_of_one_can_be_sold(start: Start, tmp_path: Path) -> None:
    settings = {"database_url": f"sqlite:///{tmp_path}/books.db"}
    first = start("serve", "--port", "0", until="inventory import FILE.csv", **settings)
    lines = [line.strip() for line in first.said.splitlines() if "credentials-key" in line]
    typed = [line.replace("numberdesk", " ".join(COMMAND), 1) if "new-key" in line else line for line in lines]
    made = _in_a_terminal(tmp_path, *typed, "ls -l $NUMBERDESK_CREDENTIALS_KEY_FILE")
    assert made.stdout.startswith("-rw------- "), made.stderr
    assert "numberdesk carriers add" in first.said
    assert "numberdesk prices set --carrier" in first.said
    assert first.stop() == 0
    with _connected(tmp_path, "acme"):
        pass
    second = start("serve", "--port", "0", until="wallet top-up", **settings)
    assert "no number to sell" not in second.said


@pytest.mark.parametrize(("key", "warned"), [("", 0), (new_key(), 0), ("garbage", 1)], ids=["none", "a key", "no key"])
def test_a_start_without_carriers_warns_of_a_key_that_is_none(start: Start, key: str, warned: int) -> None:
    server = start("serve", "--port", "0", until="Numberdesk on", credentials_key=key, egress_allow=ALLOWED)
    assert [warning["event"] for warning in _warnings(server)] == ["carriers cannot be connected"] * warned
    assert server.stop() == 0


@contextmanager
def _connected(folder: Path, *names: str) -> Iterator[Services]:
    """Books with accounts at carriers that nobody can reach, under a key of their own."""
    services = build(
        load_settings(database_url=f"sqlite:///{folder}/books.db", credentials_key=new_key(), egress_allow=ALLOWED)
    )
    with closing(services):
        for name in names:
            setup = CarrierSetup(name, "telnyx", Setup({"api_key": "secret"}), None, services.now())
            services.writer.apply(set_up_carriers(services.vault, services.egress), setup)
        yield services


def _warnings(running: Running) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in running.said.splitlines() if line.startswith("{")]
    return [line for line in lines if line["level"] == "warning"]


def test_carriers_are_simulated_for_the_demo_only(tmp_path: Path) -> None:
    refused = nursery.run(
        "numberdesk", "serve", "--carriers", "--port", "0", cwd=tmp_path, env=environment(), timeout=PATIENCE
    )
    assert refused.returncode == 2
    assert "numberdesk carriers add" in refused.stderr
