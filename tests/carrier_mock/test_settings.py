"""Emergency addresses and caller names at the mock, by the adapters: kept, shown, and in the way of a release."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from numberdesk.carriers.port import NotReleased, Released, Setup
from numberdesk.carriers.registry import KINDS
from numberdesk.core.carrier_order import Placed
from numberdesk.core.number_settings import NOTHING, SettingsKept, WantedSettings
from numberdesk.infra.http import HttpClient
from testbed.carrier_mock import simulated
from testbed.egress import LOOPBACK

E164: Final = "+15005550006"
SETUPS: Final = {
    "twilio": {"account_sid": "AC" + "0" * 32, "auth_token": "a-token"},
    "telnyx": {"api_key": "KEY0123456789"},
}
WANTED: Final = {
    "twilio": WantedSettings("AD" + "0" * 32),
    "telnyx": WantedSettings("9102160989215728032", "VOICE AGENCY"),
}


@pytest.mark.parametrize("kind", SETUPS)
def test_what_is_set_is_kept_and_a_number_with_an_address_is_not_released(kind: str) -> None:
    async def story(url: str) -> list[Any]:
        http = HttpClient(egress=LOOPBACK)
        try:
            carrier = KINDS[kind].build(Setup({**SETUPS[kind], "base_url": url}), http)
            placed: Any = await carrier.order(E164, "ord_1")
            while not isinstance(placed, Placed):
                placed = await carrier.find(E164, "ord_1")
            number = E164, placed.number_id
            said: list[Any] = [await carrier.set_up(*number, WANTED[kind])]
            said.append((await carrier.settings(*number, WANTED[kind])).as_wanted)
            said.append(type(await carrier.release(*number)))
            said += [await carrier.set_up(*number, NOTHING), await carrier.release(*number)]
            return said
        finally:
            await http.close()

    with simulated() as mock:
        found = asyncio.run(story(mock.twilio_url if kind == "twilio" else mock.telnyx_url))
    assert found == [SettingsKept(), True, NotReleased, SettingsKept(), Released()]
