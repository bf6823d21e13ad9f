"""The carriers that are connected: a client of each, built from what is stored and built anew when that changes.

Touches: database, clock.

What an operator changes holds on every process within a second. A client belongs to the event loop
that it was asked for in, since its connections do; what is known of a carrier's health is shared.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from numberdesk.carriers.client import AT_ONCE, CarrierClient
from numberdesk.carriers.contact import Contact, OnFailing, tell_nobody
from numberdesk.carriers.observed import observed
from numberdesk.carriers.papers import asked_papers, no_papers_asked
from numberdesk.carriers.port import (
    NO_PAPERS,
    UNREADABLE_OPTIONS,
    VISIBILITY_WINDOW,
    AvailablePage,
    Carrier,
    CarrierAccount,
    CarrierError,
    Health,
    NotReleased,
    OwnedPage,
    Setup,
    Trouble,
    UnreadableOptions,
    Wanted,
)
from numberdesk.carriers.registry import papers_of
from numberdesk.carriers.store import list_carriers
from numberdesk.core.breaker import Breaker
from numberdesk.core.carrier_order import ACCOUNT_PAUSE, NotSent, Unknown
from numberdesk.core.connection import NotConnected, ShownRouting, WantedConnection
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.number_settings import SettingsNotKept, ShownSettings, WantedSettings
from numberdesk.infra.egress import PUBLIC_ONLY, Egress
from numberdesk.infra.http import Http, HttpClient
from numberdesk.infra.observer import NOBODY, Observer
from numberdesk.infra.reader import Reader
from numberdesk.infra.vault import Vault, VaultError

LOOK_SECONDS: Final = 1.0
"""How old what is known of the stored accounts may be."""


class ConnectedCarrier(NamedTuple):
    """An account at a carrier with its client."""

    account: CarrierAccount
    client: CarrierClient


class CarrierClients(Protocol):
    """Who knows the connected carriers."""

    async def client(self, name: str) -> CarrierClient | None:
        """The client of an account at a carrier, disabled or not; None when there is no such account."""
        ...

    async def clients(self, *, active_only: bool) -> list[CarrierClient]:
        """The clients of all accounts, or to those that numbers are bought from, by name."""
        ...

    def forget(self) -> None:
        """What is known of the accounts is old: they were just changed here."""
        ...

    def paused(self) -> dict[tuple[str, ...], float]:
        """For how many seconds carriers are still left alone, by name, for `orders` and for `searches`."""
        ...

    async def close(self) -> None:
        """Close the connections of this event loop."""
        ...


@dataclass(slots=True)
class _OfLoop:
    """What belongs to one event loop."""

    http: HttpClient
    clients: dict[str, ConnectedCarrier] = field(default_factory=dict)


class StoredClients:
    """Reads the accounts at most once a second.

    `build` makes an adapter of an account that was opened, `egress` says where its requests may go.
    """

    def __init__(
        self,
        reader: Reader,
        vault: Vault,
        build: Callable[[str, Setup, Http], Carrier],
        *,
        seconds: Callable[[], float] = time.monotonic,
        egress: Egress = PUBLIC_ONLY,
        observer: Observer = NOBODY,
        on_failing: OnFailing = tell_nobody,
    ) -> None:
        self._on_failing = on_failing
        self._egress = egress
        self._observer = observer
        self._reader = reader
        self._vault = vault
        self._build = build
        self._seconds = seconds
        self._accounts: Mapping[str, CarrierAccount] = {}
        self._read_at: float | None = None
        self._health: dict[str, tuple[Breaker, Breaker, Contact]] = {}
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _OfLoop] = WeakKeyDictionary()

    async def client(self, name: str) -> CarrierClient | None:
        """The client of an account at a carrier, disabled or not; None when there is no such account."""
        account = (await self._known()).get(name)
        return None if account is None else self._client_of(account)

    async def clients(self, *, active_only: bool) -> list[CarrierClient]:
        """The clients of all accounts, or to those that numbers are bought from, by name."""
        accounts = (await self._known()).values()
        return [
            self._client_of(account) for account in accounts if account.state is CarrierState.ACTIVE or not active_only
        ]

    def forget(self) -> None:
        """Read the accounts anew at the next question: they were just changed here."""
        self._read_at = None

    def paused(self) -> dict[tuple[str, ...], float]:
        """For how many seconds carriers are still left alone, as far as they were asked for."""
        now, health = self._seconds(), sorted(self._health.items())
        orders: dict[tuple[str, ...], float] = {
            (name, "orders"): breaker.seconds_left(now) for name, (breaker, _, _) in health
        }
        return orders | {(name, "searches"): breaker.seconds_left(now) for name, (_, breaker, _) in health}

    async def close(self) -> None:
        """Close the connections of this event loop."""
        mine = self._loops.pop(asyncio.get_running_loop(), None)
        if mine is not None:
            await mine.http.close()

    async def _known(self) -> Mapping[str, CarrierAccount]:
        now = self._seconds()
        if self._read_at is None or now >= self._read_at + LOOK_SECONDS:
            found = await self._reader.look_up(list_carriers)
            self._accounts, self._read_at = {account.name: account for account in found}, now
        return self._accounts

    def _client_of(self, account: CarrierAccount) -> CarrierClient:
        loop = asyncio.get_running_loop()
        mine = self._loops.get(loop)
        if mine is None:
            mine = self._loops[loop] = _OfLoop(HttpClient(egress=self._egress))
        known = mine.clients.get(account.name)
        if known is None or known.account.updated_at != account.updated_at:
            known = mine.clients[account.name] = ConnectedCarrier(account, self._connected(account, mine.http))
        return known.client

    def _connected(self, account: CarrierAccount, http: Http) -> CarrierClient:
        at_once = AT_ONCE
        asks_papers: Callable[[str, str], bool] = no_papers_asked
        try:
            if isinstance(account.options, UnreadableOptions):  # without its address, secrets might go elsewhere
                raise VaultError(UNREADABLE_OPTIONS)  # noqa: TRY301  as where its secrets cannot be read
            setup = Setup({**account.options, **self._vault.open(account.name, account.credentials)})
            carrier = observed(self._build(account.kind, setup, http), account.name, self._observer, self._seconds)
            at_once = int(account.options.get("at_once") or AT_ONCE)
            asks_papers = asked_papers(setup, papers_of(account.kind)).ask
        except VaultError as error:
            carrier = _Closed(str(error))
        except Exception as error:  # noqa: BLE001  set up for a release that knew or allowed more: the others go on
            why = str(error) if isinstance(error, InvalidRequest) else type(error).__name__  # which quotes no value
            carrier = _Closed(f"this release cannot use it as it is set up: {why}")
        breaker, search_breaker, contact = self._health.setdefault(account.name, (Breaker(), Breaker(), Contact()))
        return CarrierClient(
            account.name,
            carrier,
            seconds=self._seconds,
            at_once=at_once,
            breaker=breaker,
            search_breaker=search_breaker,
            contact=contact,
            in_use=account.state is CarrierState.ACTIVE,
            asks_papers=asks_papers,
            on_failing=self._on_failing,
        )


class _Closed:
    """A carrier that cannot be used as it is stored: all is refused, with the reason, before anything is sent."""

    window = VISIBILITY_WINDOW

    def __init__(self, message: str) -> None:
        self._message = message

    async def search(self, wanted: Wanted) -> AvailablePage:  # noqa: ARG002  the port's signature
        raise CarrierError(Trouble.CREDENTIALS, self._message)

    async def order(  # the port's signature, again
        self,
        e164: str,  # noqa: ARG002
        reference: str,  # noqa: ARG002
        iso_country: str = "",  # noqa: ARG002
        papers: Mapping[str, str] = NO_PAPERS,  # noqa: ARG002
    ) -> NotSent:
        return NotSent(self._message, ACCOUNT_PAUSE)

    async def find(self, e164: str, reference: str) -> Unknown:  # noqa: ARG002  the same
        return Unknown(self._message)

    async def owned(self, cursor: str | None) -> OwnedPage:  # noqa: ARG002  the same
        raise CarrierError(Trouble.CREDENTIALS, self._message)

    async def release(self, e164: str, number_id: str | None) -> NotReleased:  # noqa: ARG002  the same
        return NotReleased(self._message)

    async def connect(self, e164: str, number_id: str | None, wanted: WantedConnection) -> NotConnected:  # noqa: ARG002  the same
        return NotConnected(self._message)

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:  # noqa: ARG002  the same
        raise CarrierError(Trouble.CREDENTIALS, self._message)

    async def forget_connection(self, connection_id: str) -> NotConnected:  # noqa: ARG002  the same
        return NotConnected(self._message)

    async def set_up(self, e164: str, number_id: str | None, wanted: WantedSettings) -> SettingsNotKept:  # noqa: ARG002  the same
        return SettingsNotKept(self._message)

    async def settings(self, e164: str, number_id: str | None, wanted: WantedSettings) -> ShownSettings:  # noqa: ARG002  the same
        raise CarrierError(Trouble.CREDENTIALS, self._message)

    async def check(self) -> Health:
        return Health(ok=False, message=self._message, facts={})
