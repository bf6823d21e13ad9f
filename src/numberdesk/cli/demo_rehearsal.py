"""The stage of the demo's rehearsals: simulated carriers that begin when they are wanted, and checks of the books.

Touches: network, threads.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import quote, urlsplit

from numberdesk.accounts.store import list_accounts
from numberdesk.cli import demo_carriers
from numberdesk.console.rehearsal import CarrierSide, Mishap, RungCall
from numberdesk.core.errors import CarrierUnavailable
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.schedule import Schedule
from numberdesk.views.verify import VerifyView, verify_view
from numberdesk.wiring import Services

SCHEDULE: Final = Schedule(tuple(seconds * MICROSECONDS for seconds in (2, 2, 3)), endless=False)
"""When the demo looks orders up that its carriers left open: a person who watches sees the end of it."""

_ANSWERS_AFTER: Final = 5
"""Seconds: longer than the demo waits for an order's answer."""

_CONTROL_SECONDS: Final = 5.0
_SOMEBODY_ELSE: Final = "somebody-else"
_OK: Final = 200
_FAULTS: Final[dict[Mishap, dict[str, Any]]] = {
    Mishap.LATE: {"fault": "slow", "seconds": _ANSWERS_AFTER},
    Mishap.ANSWER_LOST: {"fault": "reset"},
    Mishap.ORDER_LOST: {"fault": "lost_reset", "times": 2},
    Mishap.ERROR: {"fault": "error"},
}
"""What is armed at the control of the simulated carriers (docs/carrier-sim.md)."""


class DemoStage:
    """Simulated carriers of a demo: where each kind is, once they run. `close` ends them.

    `patience` is how long their accounts wait for them.
    """

    def __init__(self, services: Services, patience: dict[str, str] = demo_carriers.PATIENCE) -> None:
        self._services = services
        self._patience = patience
        self.urls: dict[str, str] | None = None
        self._running = ExitStack()
        self._connected = False
        self._hanging = False
        self._account_id = ""
        self._opens = asyncio.Lock()

    @property
    def account_id(self) -> str:
        """The demo's customer."""
        if not self._account_id:
            found = self._services.reader.read_now(lambda tx: list_accounts(tx, after_id=None, limit=1))
            self._account_id = found[0].id
        return self._account_id

    @property
    def is_open(self) -> bool:
        """Whether the carriers run."""
        return self.urls is not None

    @property
    def hanging(self) -> bool:
        """Whether they were made to hang and do so still."""
        return self._hanging

    async def open(self) -> None:
        """Let them run, connected and priced. Raises CarrierUnavailable."""
        async with self._opens:
            if not self._connected:
                try:
                    await asyncio.to_thread(self._begin_connected)
                except demo_carriers.NoCarriersError as error:
                    raise CarrierUnavailable(str(error)) from None
                self._connected = True

    def close(self) -> None:
        """End the carriers that were begun here."""
        self._running.close()

    def begin(self) -> dict[str, str]:
        """Let them run; where they are. Raises NoCarriersError."""
        state = demo_carriers.state_file(self._services.settings)
        self.urls = self._running.enter_context(demo_carriers.simulated_carriers(state))
        return self.urls

    def _begin_connected(self) -> None:
        demo_carriers.connect(self._services, self.urls or self.begin(), self._patience)

    async def arm(self, mishap: Mishap, e164: str) -> None:
        """Let it strike the orders for a number."""
        if mishap is Mishap.HANG:
            await self._set_state("hanging")
            self._hanging = True
        elif mishap is Mishap.SOLD:
            await self._control("POST", "/orphans", api="telnyx", account=_SOMEBODY_ELSE, phone_number=e164)
        else:
            await self._control("POST", "/faults", operation="order", phone_number=e164, **_FAULTS[mishap])

    async def calm(self) -> None:
        """Let everything answer as it should."""
        if self.is_open:
            await self._control("DELETE", "/faults")
            await self._set_state("up")
            self._hanging = False

    async def carrier_side(self, e164: str) -> CarrierSide:
        """What the carriers know of a number."""
        found = await self._control("GET", f"/numbers/{quote(e164)}")
        held = found["held"]
        ours = None if held is None else held["account"] in demo_carriers.ACCOUNT_NAMES
        return CarrierSide(found["ordered"], found["bought"], found["for_sale"], ours)

    async def call(self, e164: str, seconds: int) -> RungCall:
        """Have a number called for so long: where that goes is what its carrier has set. Raises CarrierUnavailable."""
        rung = await self._control("POST", "/calls", phone_number=e164)
        await self._control("POST", "/call-records", phone_number=e164, seconds=seconds)
        return RungCall(_went(rung), seconds)

    async def check_books(self) -> VerifyView:
        """What `numberdesk verify` finds now."""
        from numberdesk.verify.books import verify  # noqa: PLC0415  a demo in which nobody rehearses does without it

        return verify_view(await self._services.reader.read(lambda tx: verify(tx, lambda *_: None), for_account=None))

    async def _set_state(self, state: str) -> None:
        await self._control("PATCH", "/settings", twilio={"state": state}, telnyx={"state": state})

    async def _control(self, method: str, path: str, **content: Any) -> Any:
        assert self.urls is not None  # noqa: S101  nobody rehearses before it is open
        return await asyncio.to_thread(partial(_told, next(iter(self.urls.values())), method, path, content))


def _went(rung: dict[str, Any]) -> str:
    """Where a call goes, as people say it."""
    match rung:
        case {"kind": "sip", "targets": [{"uri": uri}, *_]}:
            return f"to {uri}"
        case {"kind": "webhook", "url": url}:
            return f"to {url}"
        case {"kind": "forward", "number": number}:
            return f"on to {number}"
        case {"kind": "application", "id": name}:
            return f"to the application {name}"
    return "nowhere: the number is not connected"


def _told(url: str, method: str, path: str, content: dict[str, Any]) -> Any:
    """What the control of the simulated carriers answers. Raises CarrierUnavailable."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=_CONTROL_SECONDS)
    try:
        connection.request(method, f"/control{path}", json.dumps(content) if content else None)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        raise CarrierUnavailable(f"The simulated carriers do not answer: {error}") from None
    finally:
        connection.close()
    if answer.status != _OK:
        raise CarrierUnavailable(f"The simulated carriers do not do that: {body.decode(errors='replace')}")
    return json.loads(body)
