"""A carrier mock for tests, and a client for its control endpoint that knows the types of what it says."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import httpx

from carrier_mock.faults import MAGIC_NUMBERS, Fault
from carrier_mock.model import Api, HoldingState, Operation, Outcome
from carrier_mock.running import Config, running
from carrier_mock.settings import State
from numberdesk.core.periods import iso_seconds

__all__ = ["MAGIC", "Attempt", "Control", "Deal", "MockUrls", "Purchase", "plain_client", "simulated"]

MAGIC: Final = {fault: e164 for e164, fault in MAGIC_NUMBERS.items() if fault is not None}
"""The magic number of each fault that has one."""

_PATIENCE: Final = 60.0
_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Spares each client the reading of all certificates, which takes longer than many a test."""


def plain_client(url: str, *, timeout: float) -> httpx.Client:
    """A client of a server without TLS, which nothing in the environment changes."""
    return httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=_NO_TLS)


class Purchase(NamedTuple):
    """A number that is or was on an account. Instants are RFC 3339; `charged` is a decimal in USD."""

    api: Api
    account: str
    phone_number: str
    number_id: str
    reference: str
    order_id: str | None
    at: str
    charged: str
    standing: HoldingState
    ended_at: str | None


class Attempt(NamedTuple):
    """A request to order, as it was for the carrier: `code` is its word for a refusal, `fault` what was done to it."""

    api: Api
    account: str
    phone_numbers: tuple[str, ...]
    reference: str
    at: str
    outcome: Outcome
    code: str | None
    fault: Fault | None


class Deal(NamedTuple):
    """What is known of a number. `ordered` counts orders that the carriers received, `bought` those that got it."""

    phone_number: str
    for_sale: bool
    held: Purchase | None
    ordered: int
    bought: int


class Control:
    """The control endpoint at `url`. Raises httpx.HTTPStatusError when it does not like what it is told."""

    def __init__(self, url: str) -> None:
        self._client = plain_client(url, timeout=_PATIENCE)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def overview(self) -> dict[str, Any]:
        """Settings, faults and counts."""
        return dict(self._ask("GET", ""))

    def arm(
        self,
        fault: Fault,
        *,
        api: Api | None = None,
        operation: Operation | None = None,
        phone_number: str | None = None,
        times: int = 1,
        seconds: float | None = None,
    ) -> None:
        """Let a fault strike the next requests that fit."""
        given = {"api": api, "operation": operation, "phone_number": phone_number, "seconds": seconds}
        self._ask("POST", "/faults", {"fault": fault, "times": times, **_given(given)})

    def disarm(self) -> None:
        """Let no fault strike that is armed. Magic numbers go on."""
        self._ask("DELETE", "/faults")

    def struck(self) -> dict[Fault, int]:
        """How often each kind of fault has struck."""
        return {Fault(name): times for name, times in self.overview()["struck"].items()}

    def set(self, *, order_seconds: float | None = None, searched_seconds: float | None = None) -> None:
        """How long Telnyx takes for an order, and how long it remembers a search."""
        self._ask("PATCH", "/settings", _given({"order_seconds": order_seconds, "searched_seconds": searched_seconds}))

    def set_carrier(
        self,
        api: Api,
        *,
        state: State | None = None,
        lag_seconds: float | None = None,
        answer_seconds: float | None = None,
    ) -> None:
        """Whether a carrier works, how late its lists are, and how slow it answers."""
        given = _given({"state": state, "lag_seconds": lag_seconds, "answer_seconds": answer_seconds})
        self._ask("PATCH", "/settings", {api: given})

    def purchases(
        self,
        *,
        api: Api | None = None,
        phone_number: str | None = None,
        reference: str | None = None,
        live: bool = False,
    ) -> list[Purchase]:
        """Everything that was bought or given, oldest first; with `live` only what is still held."""
        given = {"api": api, "phone_number": phone_number, "reference": reference, "live": "true" if live else None}
        return [_purchase(each) for each in self._ask("GET", "/purchases", query=_given(given))]

    def attempts(
        self, *, api: Api | None = None, phone_number: str | None = None, reference: str | None = None
    ) -> list[Attempt]:
        """Every request to order, oldest first, also those that the carrier never received."""
        given = _given({"api": api, "phone_number": phone_number, "reference": reference})
        return [_attempt(each) for each in self._ask("GET", "/attempts", query=given)]

    def number(self, phone_number: str) -> Deal:
        """What is known of a number."""
        said = self._ask("GET", f"/numbers/{phone_number}")
        return Deal(**{**said, "held": None if said["held"] is None else _purchase(said["held"])})

    def add_numbers(self, *numbers: dict[str, Any]) -> None:
        """Put numbers up for sale; each has at least `phone_number`."""
        self._ask("POST", "/numbers", {"numbers": numbers})

    def take_away(self, phone_number: str) -> None:
        """Withdraw a number, from sale and from its account."""
        self._ask("DELETE", f"/numbers/{phone_number}")

    def port_away(self, phone_number: str) -> None:
        """Let another carrier have a number."""
        self._ask("POST", "/ports", {"phone_number": phone_number})

    def orphans(
        self,
        api: Api,
        *,
        phone_number: str | None = None,
        count: int = 1,
        account: str | None = None,
        reference: str = "",
    ) -> list[Purchase]:
        """Put numbers on an account that nobody ordered. `account` is an AccountSid or an API key."""
        given = {"api": api, "phone_number": phone_number, "count": count, "account": account, "reference": reference}
        return [_purchase(each) for each in self._ask("POST", "/orphans", _given(given))]

    def ring(self, phone_number: str) -> dict[str, Any]:
        """Call a number: where the call goes, by what its carrier has set."""
        return dict(self._ask("POST", "/calls", {"phone_number": phone_number}))

    def call(self, phone_number: str, seconds: int, *, started_at: int) -> None:
        """Have a call to a number been made, as its carrier lists it from the end on. Microseconds."""
        call = {"phone_number": phone_number, "seconds": seconds, "started_at": iso_seconds(started_at)}
        self._ask("POST", "/call-records", call)

    def end_order(self, order_id: str, *, succeeds: bool) -> None:
        """End an order at Telnyx that is pending."""
        self._ask("POST", f"/orders/{order_id}", {"status": "success" if succeeds else "failure"})

    def reset(self) -> None:
        """Be as at the very beginning."""
        self._ask("POST", "/reset")

    def _ask(self, method: str, path: str, content: Any = None, query: dict[str, Any] | None = None) -> Any:
        # A plus in a path is a plus; httpx leaves it as it is.
        answer = self._client.request(method, path, json=content, params=query)
        answer.raise_for_status()
        return answer.json()


class MockUrls(NamedTuple):
    """A mock that runs: where everything is served, where each carrier alone is, and its control."""

    url: str
    twilio_url: str
    telnyx_url: str
    control: Control


@contextlib.contextmanager
def simulated(config: Config | None = None) -> Iterator[MockUrls]:
    """A mock on free ports, closed at the end."""
    with running(config) as mock, contextlib.closing(Control(mock.control)) as control:
        yield MockUrls(mock.url, mock.url_of(Api.TWILIO), mock.url_of(Api.TELNYX), control)


def _given(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value is not None}


def _purchase(said: dict[str, Any]) -> Purchase:
    return Purchase(**{**said, "api": Api(said["api"]), "standing": HoldingState(said["standing"])})


def _attempt(said: dict[str, Any]) -> Attempt:
    numbers, fault = tuple(said["phone_numbers"]), None if said["fault"] is None else Fault(said["fault"])
    outcome = Outcome(said["outcome"])
    return Attempt(**{**said, "api": Api(said["api"]), "phone_numbers": numbers, "outcome": outcome, "fault": fault})
