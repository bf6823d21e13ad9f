"""docs/carrier-sim.md says of faults, magic numbers, settings and operations what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import httpx

from carrier_mock.faults import EFFECTS, MAGIC_NUMBERS, Fault
from carrier_mock.model import Operation
from carrier_mock.running import Config
from testbed.carrier_mock import MockUrls

PAGE: Final = (Path(__file__).parents[2] / "docs" / "carrier-sim.md").read_text()


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|"
    ]


def test_every_fault_is_listed_with_its_magic_number_and_whether_the_number_is_bought() -> None:
    listed = {cells[1]: (cells[0], cells[2]) for cells in rows(PAGE) if cells[1].startswith("+1500")}
    assert {number: name for number, (name, _) in listed.items()} == {
        number: "" if fault is None else fault.value for number, fault in MAGIC_NUMBERS.items()
    }
    for number, (name, bought) in listed.items():
        if name and Fault(name) not in (Fault.PENDING, Fault.PENDING_FAILED):
            assert bought == ("yes" if EFFECTS[Fault(name)].happens else "no"), number


def test_every_operation_and_setting_is_named() -> None:
    operations = PAGE[PAGE.index("Operations are") :].split("\n\n")[0]
    assert all(f"`{operation}`" in operations for operation in Operation)
    named = {name for cells in rows(PAGE) for name in re.findall(r"[a-z_.]+_seconds|[a-z]+\.state", cells[0])}
    settings = Config().settings()
    ways = {f"{api}.{name}" for api in ("twilio", "telnyx") for name in settings.twilio._fields}
    assert named == {*ways, "order_seconds", "searched_seconds"}


def test_the_lines_that_change_settings_are_taken(sim: MockUrls) -> None:
    bodies = re.findall(r"^    curl -X PATCH http://127\.0\.0\.1:9000/control/settings -d '(.+)'$", PAGE, re.MULTILINE)
    assert bodies
    for body in bodies:
        answer = httpx.patch(f"{sim.url}/control/settings", content=body)
        assert answer.status_code == 200, answer.text
